"""A running stack whose data are backed up, and what can be asked of its repository."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import APIError

from cli.engine_host import Silent
from tests.conftest import MakeCheckout
from tests.e2e import inside
from tests.e2e.faults import Repeatedly
from tests.support import bucket, exposition
from tests.support.bucket import Bucket
from tests.support.checkout import UNLIMITED, Checkout
from tests.support.looking import until

REPOSITORY = "/var/lib/pgbackrest/repository"
EVIDENCE = "/var/lib/pgbackrest/evidence"
BEFORE_RESTORE = "before restore"
"""The note of the backup that a restore makes first."""
FIRST_SECONDS = 180
ARCHIVED_SECONDS = 150
"""PostgreSQL gives the archive a rest of a minute when it failed three times."""

# Where nothing was written since the last, no file of the log would be closed.
CLOSE_LOG = "SELECT pg_walfile_name(pg_switch_wal()) FROM pg_logical_emit_message(true, 'proof', 'x', true)"
SOMEBODY_S = "CREATE SCHEMA proof; CREATE TABLE proof.writes (id uuid PRIMARY KEY DEFAULT gen_random_uuid())"


@pytest.fixture(scope="session")
def kept(make_checkout: MakeCheckout) -> Iterator[Checkout]:
    """A stack that is up and has its first backup; each test leaves it well, and with nothing running in it."""
    checkout = make_checkout(
        auth_server={"rate_limit_requests": 1_000_000, "extra_env": {"REGISTRATIONS_PER_ADDRESS": "1000000"}}
    )
    checkout.configure(
        backups={"enabled": True, "schedule": {"at": quiet_hour()}},
        edge={"rate_limits": UNLIMITED},
    )
    checkout.up()
    until_backed_up(checkout)
    inside.ask_database(checkout, SOMEBODY_S)
    yield checkout
    checkout.remove()


@pytest.fixture(scope="module")
def store(
    client: DockerClient, images: dict[str, str], way_out: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bucket]:
    """What survives every machine of the tests that share it."""
    with bucket.opened(client, images["edge"], tmp_path_factory.mktemp("bucket"), address=way_out) as opened:
        yield opened


def quiet_hour() -> str:
    """A schedule's `at` of which none of its times comes while the tests run."""
    return f"{datetime.now(UTC) + timedelta(hours=3):%H:%M}"


def state(checkout: Checkout) -> Any:  # noqa: ANN401 - the document as the repository tells it
    return json.loads(inside.succeed(checkout, "backups", "/usr/local/bin/repository", "state"))


def backups_of(checkout: Checkout) -> list[dict[str, Any]]:
    """The backups in the first repository, oldest first."""
    found: list[dict[str, Any]] = state(checkout)["repositories"][0]["backups"]
    return sorted(found, key=lambda backup: float(backup["stopped"]))


def until_backed_up(checkout: Checkout) -> None:
    """Waits for the first backup and the first drill, which are made without being asked for, and until nothing is
    under way."""

    def there() -> bool:
        # It may not have begun to answer yet.
        with contextlib.suppress(AssertionError, json.JSONDecodeError):
            found = state(checkout)
            return bool(found["last_drill"]) and found["running"] is None
        return False

    with hurrying(checkout):
        until(there, "the first backup is made and looked at", seconds=FIRST_SECONDS)


def hurrying(checkout: Checkout) -> Repeatedly:
    """with hurrying(checkout): ... - the log goes to the repository every few seconds, as where much is written."""

    def close() -> None:
        # The database may be away.
        with contextlib.suppress(Silent, APIError):
            inside.ask_database(checkout, CLOSE_LOG)

    return Repeatedly(close, pause=2)


def safety_backup(checkout: Checkout) -> str:
    """The label of the newest backup that a restore made before it began."""
    return str([backup["label"] for backup in backups_of(checkout) if backup["note"].startswith(BEFORE_RESTORE)][-1])


def moment(checkout: Checkout) -> str:
    """Now by the database's clock, as RFC 3339: after everything that was committed, before anything that will be."""
    form = """YYYY-MM-DD"T"HH24:MI:SS.US"Z\""""
    return inside.ask_database(checkout, f"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', '{form}')")


def until_archived(checkout: Checkout) -> None:
    """Waits until all that was committed is in the repository."""
    log = inside.ask_database(checkout, CLOSE_LOG)
    newest = "SELECT coalesce(left(last_archived_wal, 24), '') FROM pg_stat_archiver"
    until(lambda: inside.ask_database(checkout, newest) >= log, f"{log} is in the repository", seconds=ARCHIVED_SECONDS)


def metrics(checkout: Checkout) -> dict[str, float]:
    """Series, with its labels as they are written -> value, as the workload tells them."""
    told = inside.succeed(checkout, "backups", "wget", "-qO-", "http://127.0.0.1:8080/metrics.txt")
    return exposition.values(told)


def total(found: dict[str, float], name: str) -> float:
    """The sum of the series of that name; fails where there is none."""
    series = [value for key, value in found.items() if key.partition("{")[0] == name]
    assert series, f"no series is named {name}: {sorted(found)}"
    return sum(series)


def until_well(checkout: Checkout) -> None:
    until(lambda: checkout.problems() == [], "all is well again", seconds=180)


def expect_well(checkout: Checkout) -> None:
    """All that was stopped runs again, nothing that helped is left, and the program agrees with the engine."""
    until_well(checkout)
    assert inside.containers(checkout, "restore") == []
    checkout.preview("--refresh", "--expect-no-changes")


@contextmanager
def beside(checkout: Checkout, name: str, to: str) -> Iterator[Sequence[str]]:
    """The ids of proof.writes as they were at that moment, in a database beside the live one."""
    checkout.run("restore", "--to", to, "--into", name)
    try:
        yield inside.succeed(
            checkout,
            name,
            "psql",
            "-XAtq",
            "-h",
            "/run/postgresql",
            "-U",
            "postgres",
            "-d",
            "grocery",
            "-c",
            "SELECT id FROM proof.writes",
        ).split()
    finally:
        checkout.run("restore", "--into", name, "--remove", "--yes")
    assert inside.containers(checkout, name) == []
    with checkout.api() as api:
        left = [volume["Name"] for volume in api.volumes()["Volumes"] or [] if name in volume["Name"]]
    assert left == [], "its data are gone as well"
