"""How long it takes until a million items are back and served, beside reading a dump of the same data; and what
archiving every change costs those who write."""

from __future__ import annotations

import contextlib
import re
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import httpx
from docker import APIClient

from cli.engine_host import execute
from tests.bench.report import Row, Section
from tests.bench.stand import STACK, Stand
from tests.e2e import faults, kept_stack
from tests.support.checkout import Checkout
from tests.support.looking import container_of, sql, until

ITEMS = 1_000_000
PEOPLE = 1_000
LISTS = 10_000
BATCH = 50_000

TURNS = 8
SECONDS_A_TURN = 5
SESSIONS = 4

PATIENCE_SECONDS = 1800
PROBE_SECONDS = 0.1

DUMP = "/var/lib/postgresql/bench.dump"
"""On the disk of the data, and no part of them."""

NOWHERE = "/bin/true"
# The triggers on changes of the schema are a superuser's, and whose they are now is none.
READ = """
pg_restore -l "$1" | grep -v 'EVENT TRIGGER' > /tmp/listed
exec pg_restore --exit-on-error -L /tmp/listed -d yardstick "$1"
"""

FILL = """
CREATE SCHEMA bench;
INSERT INTO profile SELECT gen_random_uuid(), 'Person ' || n FROM generate_series(1, PEOPLE) n;
INSERT INTO list (id, name, owner_id)
  SELECT gen_random_uuid(), 'List ' || n, person.id
  FROM generate_series(1, LISTS) n
  JOIN (SELECT row_number() OVER () - 1 AS number, id FROM profile) person ON person.number = n % PEOPLE;
INSERT INTO list_member SELECT id, owner_id FROM list ON CONFLICT DO NOTHING;
CREATE TABLE bench.list AS SELECT row_number() OVER () - 1 AS number, id, owner_id FROM list;
CREATE UNIQUE INDEX ON bench.list (number);
ANALYZE bench.list;
DO $$ BEGIN
  FOR batch IN 0 .. ITEMS / BATCH - 1 LOOP
    INSERT INTO item (id, list_id, name, quantity, checked, created_by)
    SELECT gen_random_uuid(), list.id, initcap(substr(md5(n::text), 1, 4 + n % 20)), n % 12 || ' pieces', n % 3 = 0,
           list.owner_id
    FROM generate_series(batch * BATCH, (batch + 1) * BATCH - 1) n JOIN bench.list ON list.number = n % LISTS;
    COMMIT;
  END LOOP;
END $$;
DROP TABLE bench.list;
VACUUM ANALYZE;
"""
COUNTS = {"PEOPLE": PEOPLE, "LISTS": LISTS, "ITEMS": ITEMS, "BATCH": BATCH}

# A row and a commit each, as people's writes are, as quickly as a session can.
WRITER = """
CREATE TABLE bench.written (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL);
CREATE PROCEDURE bench.write(seconds float) LANGUAGE plpgsql AS $$
DECLARE ends timestamptz := clock_timestamp() + make_interval(secs => seconds);
BEGIN
  WHILE clock_timestamp() < ends LOOP
    INSERT INTO bench.written (note) VALUES (repeat(md5(random()::text), 8));
    COMMIT;
  END LOOP;
END $$;
"""
NOTHING_WAITS = "SELECT count(*) = 0 FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"


@dataclass
class Visitor:
    """with Visitor(url, ca) as visitor: asks all the time whether the application is ready, and keeps the moments of
    time.monotonic() at which it was told."""

    url: str
    ca: str
    refused: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)

    def __enter__(self) -> Visitor:
        self._over = threading.Event()
        # Threads see the network of the one that starts them.
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, verify=self.ca, timeout=5, trust_env=False) as client:
            while not self._over.wait(PROBE_SECONDS):
                ready = False
                with contextlib.suppress(httpx.HTTPError):
                    ready = client.get("/health/ready").is_success
                (self.served if ready else self.refused).append(time.monotonic())


def outage(refused: Sequence[float], served: Sequence[float]) -> tuple[float, float]:
    """From the first refusal to the first answer after the last one. Raises RuntimeError when there was none."""
    after = [moment for moment in served if refused and moment > max(refused)]
    if not after:
        raise RuntimeError(f"refused {len(refused)} times, served {len(served)} times: nobody came back")
    return min(refused), min(after)


def measure(stand: Stand) -> Section:
    """The last of all: what it leaves is a stack with a million items."""
    checkout = stand.checkout
    with APIClient(base_url=checkout.host, version="auto", timeout=PATIENCE_SECONDS) as api:
        database = Database(api)
        # A copy of all the items takes zero-cache a fraction of what following them one by one would.
        with faults.stopped(checkout, "zero-cache"):
            _fill(database)
        checkout.run("down", "--yes")
        checkout.configure(
            backups={"enabled": True, "schedule": {"at": kept_stack.quiet_hour()}},
            zero_cache={"start_period": "10m"},
        )
        checkout.up()
        kept_stack.until_backed_up(checkout)
        with _archive_command(database, NOWHERE):
            dumped = database.run("pg_dump", "-Fc", "-f", DUMP, "grocery")
            dump_bytes = int(database.ask(f"SELECT size FROM pg_stat_file('{DUMP}')"))  # noqa: S608 - a constant
            read = _read_dump(database)
        with_archive, without = _write(database)
    backed_up = checkout.run("backup", "--full")
    copy = kept_stack.backups_of(checkout)[-1]
    evidence = checkout.run("drill", "--json").document()
    with Visitor(checkout.url, str(checkout.ca_file)) as visitor:
        began = time.monotonic()
        steps = _restore(checkout)
        time.sleep(1)
    gone, back = outage(visitor.refused, visitor.served)
    rto = evidence["rto_seconds"]
    dump = "pg_restore of a dump"
    return Section(
        title=f"Backups of {ITEMS:,} items",
        rows=(
            Row(name="restore until it is served", ours=back - began, unit="s", peer=read, peer_name=dump),
            Row(
                name="of that nobody was served for",
                ours=back - gone,
                unit="s",
                peer=read,
                peer_name=dump,
                note="the rest is the safety backup and whatever is looked at before anything is stopped",
            ),
            Row(
                name="restored by a drill until it answers",
                ours=rto["total"],
                unit="s",
                peer=read,
                peer_name=dump,
                note=f"copying {rto['restore']:.1f} s, replaying {rto['replay']:.1f} s; "
                f"{'proven' if evidence['proven'] else evidence['reason']}; "
                f"committed {evidence['rpo_seconds']:.1f} s before it was in the repository",
            ),
            Row(name="full backup", ours=backed_up.seconds, unit="s", peer=dumped, peer_name="pg_dump"),
            Row(
                name="its size, encrypted",
                ours=copy["repository_bytes"] / 1e6,
                unit="MB",
                peer=dump_bytes / 1e6,
                peer_name="the dump",
            ),
            Row(
                name="commits with archiving",
                ours=statistics.median(with_archive),
                unit="/s",
                peer=statistics.median(without),
                peer_name="without",
                note=f"{SESSIONS} sessions, each row a commit; the turn in the middle of {TURNS}",
            ),
        ),
        details=(
            f"database {copy['database_bytes'] / 1e6:.0f} MB; the restore, with a backup afterwards:",
            *(f"{moment:6.1f} s  {said}" for moment, said in steps),
            "commits a second of each turn, with and without: "
            + ", ".join(f"{one:.0f} and {other:.0f}" for one, other in zip(with_archive, without, strict=True)),
        ),
    )


@dataclass(frozen=True)
class Database:
    api: APIClient

    def ask(self, statement: str) -> str:
        return sql(self.api, STACK, statement)

    def run(self, *command: str) -> float:
        """Runs a program beside the server, as its administrator; the seconds it took. Raises RuntimeError."""
        began = time.monotonic()
        environment = ["env", "PGHOST=/run/postgresql", "PGUSER=postgres"]
        code, out, err = execute(self.api, container_of(self.api, STACK, "postgres"), [*environment, *command])
        if code != 0:
            raise RuntimeError(f"{' '.join(command)[:200]} ended with {code}: {(out + err)[-2000:]}")
        return time.monotonic() - began

    def script(self, text: str) -> float:
        return self.run("sh", "-c", 'printf %s "$1" | psql -Xq -v ON_ERROR_STOP=1 -d grocery', "sh", text)


def _fill(database: Database) -> None:
    database.script(re.sub("|".join(COUNTS), lambda name: str(COUNTS[name[0]]), FILL))


def _read_dump(database: Database) -> float:
    """Into a database of its own on the same server, which needs neither a stop nor a start for it."""
    database.run("psql", "-Xqc", "CREATE DATABASE yardstick")
    try:
        return database.run("sh", "-c", READ, "sh", DUMP)
    finally:
        database.run("psql", "-Xqc", "DROP DATABASE yardstick")
        database.run("rm", DUMP)


def _restore(checkout: Checkout) -> list[tuple[float, str]]:
    """What it said of its steps, and after how many seconds. Raises RuntimeError."""
    began, steps = time.monotonic(), []
    process = checkout.start("restore", "--to", "latest", "--yes")
    assert process.stderr is not None, "opened as a pipe"
    for line in process.stderr:
        print(line, end="")
        steps.append((time.monotonic() - began, line.strip()))
    if process.wait() != 0:
        raise RuntimeError("the restore failed")
    asked = next((number for number, (_, said) in enumerate(steps) if said.startswith("→")), 0)
    return steps[asked:]


def _write(database: Database) -> tuple[list[float], list[float]]:
    """Commits a second with archiving and without, turn by turn, so that a busy moment hits both."""
    database.script(WRITER)
    with_archive, without = [], []
    _turn(database)
    try:
        for _ in range(TURNS):
            with_archive.append(_turn(database))
            with _archive_command(database, NOWHERE):
                without.append(_turn(database))
    finally:
        database.script("DROP SCHEMA bench CASCADE;")
    return with_archive, without


@contextlib.contextmanager
def _archive_command(database: Database, command: str) -> Iterator[None]:
    """Meanwhile the log goes there instead; what is restored has to begin with a backup made afterwards."""
    database.script(f"ALTER SYSTEM SET archive_command = '{command}'; SELECT pg_reload_conf();")
    try:
        until(lambda: database.ask(NOTHING_WAITS) == "t", "nothing waits to be archived", seconds=PATIENCE_SECONDS)
        yield
        until(lambda: database.ask(NOTHING_WAITS) == "t", "nothing waits to be archived", seconds=PATIENCE_SECONDS)
    finally:
        database.script("ALTER SYSTEM RESET archive_command; SELECT pg_reload_conf();")


def _turn(database: Database) -> float:
    before = int(database.ask("SELECT count(*) FROM bench.written"))
    sessions = f'for _ in $(seq {SESSIONS}); do psql -Xqd grocery -c "CALL bench.write({SECONDS_A_TURN})" & done; wait'
    database.run("sh", "-c", sessions)
    return (int(database.ask("SELECT count(*) FROM bench.written")) - before) / SECONDS_A_TURN
