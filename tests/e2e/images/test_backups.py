"""Backups, drills and restores by the images alone: two hosts of pgBackRest, and what a restore leaves behind."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient

from tests.e2e.images.vault import KEY, PASSWORDS, Pair, Vault
from tests.e2e.lab import Authority, Lab, execute, logs, succeed, until_exit, until_healthy
from tests.support.looking import until


@pytest.fixture
def vault(lab: Lab) -> Vault:
    return Vault(lab=lab)


@pytest.fixture
def pair(vault: Vault) -> Pair:
    """A database and its repository host, with a first full backup; this test's alone, to stop and to break."""
    return vault.start()


@pytest.fixture(scope="module")
def standing(client: DockerClient, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Another one, for those who only add to it."""
    with contextlib.closing(Lab(client, images, tmp_path_factory.mktemp("standing"))) as lab:
        yield Vault(lab=lab).start()


# --- the two hosts ---


def test_each_host_lets_nobody_in_but_the_other(standing: Pair) -> None:
    """By the name in the certificate, and by who signed it."""
    asked = ["pgbackrest", "--stanza=grocery", "info", "--output=json", "--io-timeout=5"]
    succeed(standing.postgres, *asked)
    sides = {
        "of the same authority, called somebody else": standing.vault.authority.issue("postgres"),
        "called the same, of another authority": Authority().issue("postgres-backup", host="postgres"),
    }
    for kind, side in sides.items():
        thief = standing.vault.lab.run(
            "postgres",
            alias="thief",
            entrypoint=asked,
            files=standing.vault.postgres_files(side),
            tmpfs=["/run/postgresql"],
        )
        until_exit(thief)
        assert listed(logs(thief)) == [], kind
        assert "access denied" in logs(thief) or "TLS error" in logs(thief), logs(thief)
    thief = standing.vault.backups(
        alias="another", volume="stolen", side=standing.vault.authority.issue("postgres-backup", host="backups")
    )
    code, said = execute(thief, "pgbackrest", "--stanza=grocery", "stanza-create", "--io-timeout=5")
    assert code != 0
    assert "access denied" in said, "the database's host believes in one name as well"


def listed(text: str) -> list[Any]:
    """The backups in pgBackRest's own list; none when that is an error."""
    start = text.find("[{")
    return [] if start < 0 else json.loads(text[start:].splitlines()[0])[0]["backup"]


def test_backups_of_each_kind_are_made_listed_verified_and_counted(standing: Pair) -> None:
    full = standing.answer("backup", "full")
    assert (full["kind"], full["label"][-1]) == ("full", "F")
    standing.sql("INSERT INTO other.thing SELECT -g, now(), g FROM generate_series(1, 1000) AS g")
    incremental = standing.answer("backup", "incremental", "--note", "before restore")
    assert 0 < incremental["repository_bytes"] < full["repository_bytes"], "only what changed"
    differential = standing.answer("backup", "differential")
    verified = standing.answer("verify")
    assert verified["ok"]
    assert verified["faults"] == []

    state = standing.state()
    [repository] = state["repositories"]
    assert repository["status"] == "ok"
    listed = {backup["label"]: backup for backup in repository["backups"]}
    for made in (full, incremental, differential):
        found = listed[made["label"]]
        assert found["kind"] == made["kind"]
        assert found["verified"] == verified["at"]
        assert not found["damaged"]
    assert listed[incremental["label"]]["note"] == "before restore"
    assert repository["archive"]["to"] >= listed[differential["label"]]["wal_to"]
    assert state["last_failure"] is None

    newest = 'grocery_last_backup_timestamp_seconds{kind="differential",repository="1"}'
    stopped = listed[differential["label"]]["stopped"]
    until(lambda: standing.figures().get(newest, 0) >= stopped, "its figure")
    figures = standing.figures()
    assert figures['grocery_repository_usable{repository="1",kind="volume"}'] == 1
    assert figures["grocery_repository_volume_size_bytes"] > figures["grocery_repository_volume_free_bytes"] > 0


def test_one_of_backup_verification_and_drill_runs_at_a_time(standing: Pair) -> None:
    # A transaction that stays open keeps the drill from taking its picture.
    hold = "BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(600)"
    standing.until_idle()
    standing.postgres.exec_run(["psql", *SOCKET, "-c", hold], detach=True)
    until(lambda: standing.sql(f"SELECT count(*) {HOLDING}") == "1", "a transaction is open")
    standing.backups.exec_run(["repository", "drill"], detach=True)
    until(lambda: standing.state()["running"] == "drill", "the drill runs")
    for verb in (["backup", "incremental"], ["verify"], ["drill"]):
        code, said = execute(standing.backups, "repository", *verb)
        assert code == 75, said
        assert "drill is running" in said
    standing.sql(f"SELECT pg_terminate_backend(pid) {HOLDING}")
    standing.until_idle()
    assert standing.answer("verify")["ok"], "now it is somebody else's turn"


HOLDING = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid()"


SOCKET = ("-XAtq", "-h", "/run/postgresql", "-U", "postgres", "-d", "grocery")


WRITERS = (
    "UPDATE thing SET note = note || 'y' WHERE id % 500 = n % 500 AND length(note) < 300",
    "INSERT INTO other.thing SELECT coalesce(max(id), 0) + 1, clock_timestamp(), random() FROM other.thing",
)


def test_a_drill_is_exact_though_everybody_writes_meanwhile(standing: Pair) -> None:
    """And fits into the memory that the stack gives it."""
    standing.sql("INSERT INTO thing SELECT g, repeat('x', 200) FROM generate_series(1, 20000) AS g")
    for statement in WRITERS:
        loop = f"DO $$ BEGIN FOR n IN 1 .. 1000000 LOOP {statement}; COMMIT; END LOOP; END $$"
        standing.postgres.exec_run(["psql", *SOCKET, "-c", loop], detach=True)
    until(lambda: int(standing.sql("SELECT count(*) FROM other.thing")) > 100, "they write")
    proof = standing.answer("drill")
    assert proof["proven"], proof
    writing = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
    assert standing.sql(writing) == "2", "they have written all the time"
    standing.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %'")
    assert {table["name"] for table in proof["tables"]} >= {"public.thing", "other.thing", "ops.restore_markers"}
    assert all(table["same"] for table in proof["tables"])
    assert 0 < proof["rto_seconds"]["restore"] < proof["rto_seconds"]["total"]
    assert proof["rpo_seconds"] > 0
    state = standing.state()
    assert state["last_proven"] == state["last_drill"] == proof
    assert succeed(standing.backups, "ls", "/var/lib/drill") == "", "nothing is left of the copy"
    evidence = succeed(standing.backups, "sh", "-c", "cat /var/lib/pgbackrest/evidence/*.json").splitlines()
    assert proof in [json.loads(line) for line in evidence]
    standing.backups.reload()
    assert not standing.backups.attrs["State"]["OOMKilled"]
    until(lambda: standing.figures()["grocery_last_proven_restore_timestamp_seconds"] == proof["at"], "its figure")


# --- whose repository it is ---


def test_a_repository_of_another_database_is_left_alone_until_it_is_given_to_this_one(pair: Pair) -> None:
    label = pair.state()["repositories"][0]["backups"][0]["label"]
    pair.stop()
    other = pair.vault.start(volume="another", repository="repository", wait=False)
    until(lambda: other.state()["repositories"][0]["status"] == "other-database", "it is noticed")
    assert other.state()["database"]["reachable"]
    code, said = execute(other.backups, "repository", "backup", "full")
    assert code == 1
    assert "holds the backups of another database" in said
    assert "--adopt" in said, "the way out"
    other.sql("INSERT INTO thing VALUES (1, 'new'); SELECT pg_switch_wal()")
    until(lambda: other.state()["database"]["archiving"]["failed_count"] > 0, "archiving is refused")
    [repository] = other.state()["repositories"]
    assert [backup["label"] for backup in repository["backups"]] == [label], "what was there is as it was"
    until(lambda: other.figures().get('grocery_repository_database_known{repository="1"}') == 0, "its figure")
    assert "holds the backups of another database" in logs(other.backups) or "it holds the backups" in logs(
        other.backups
    )
    made = other.answer("backup", "full", "--adopt")
    assert made["kind"] == "full"
    [repository] = other.state()["repositories"]
    assert repository["status"] == "ok"
    assert [backup["label"] for backup in repository["backups"]] == [label, made["label"]]
    until(lambda: other.state()["database"]["archiving"]["waiting"] == 0, "what had waited is archived")
    assert other.answer("drill")["proven"]


# --- the log ---


def test_no_log_is_lost_when_the_database_is_killed_while_the_repository_is_away(pair: Pair) -> None:
    pair.backups.stop(timeout=20)
    for _ in range(4):
        pair.sql("INSERT INTO thing SELECT count(*) FROM thing")
        pair.sql("SELECT pg_switch_wal()")
        pair.sql("CHECKPOINT")
    waits = "SELECT left(name, 24) FROM pg_ls_archive_statusdir() WHERE name ~ '^[0-9A-F]{24}.ready$'"
    waiting = pair.sql(waits).split()
    assert len(waiting) >= 4
    pair.postgres.kill("SIGKILL")
    pair.postgres = pair.vault.postgres()
    until_healthy(pair.postgres)
    pair.backups = pair.vault.backups()
    until_healthy(pair.backups)
    until(lambda: pair.state()["database"]["archiving"]["waiting"] == 0, "everything is archived", seconds=120)
    there = succeed(pair.backups, "sh", "-c", "ls /var/lib/pgbackrest/repository/archive/grocery/17-1/0*")
    assert [piece for piece in waiting if piece not in there] == []
    assert pair.answer("drill")["proven"]


@pytest.mark.full
def test_log_beyond_its_share_of_the_disk_is_dropped_rather_than_stopping_the_database(lab: Lab) -> None:
    pair = Vault(lab=lab, archive_queue=64 << 20).start()
    pair.backups.stop(timeout=20)
    for _ in range(8):
        pair.sql("INSERT INTO thing SELECT count(*) FROM thing")
        pair.sql("SELECT pg_switch_wal()")
    until(lambda: "because archive queue exceeded 64MB" in logs(pair.postgres), "the log is dropped", seconds=120)
    waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
    until(lambda: int(pair.sql(waiting)) <= 5, "room is made", seconds=60)
    pair.sql("INSERT INTO thing VALUES (100, 'people go on')")
    pair.backups = pair.vault.backups()
    until(lambda: "misses log up to" in logs(pair.backups), "the gap is noticed", seconds=60)
    until(lambda: "backup incremental --repository 1 ended with 0" in logs(pair.backups), "it is closed", seconds=120)
    # Until the queue is short again pgBackRest drops more, though it could be taken: another backup follows that.
    until(lambda: pair.state()["repositories"][0]["gap"] is None, "what follows can be restored again", seconds=120)
    [repository] = pair.state()["repositories"]
    assert repository["backups"][-1]["kind"] == "incremental"
    assert pair.answer("drill")["proven"]


@pytest.mark.full
def test_a_database_stops_in_time_though_nobody_takes_the_last_of_its_log(pair: Pair) -> None:
    pair.backups.stop(timeout=20)
    pair.sql("INSERT INTO thing VALUES (1, 'x'); SELECT pg_switch_wal(); INSERT INTO thing VALUES (2, 'x')")
    pair.postgres.stop(timeout=60)
    pair.postgres.reload()
    assert pair.postgres.attrs["State"]["ExitCode"] == 0, "killed, after all of its grace"


def test_what_is_written_after_a_clean_start_is_archived_in_time(pair: Pair) -> None:
    """A server that has nothing to recover does not look at archive_timeout by itself before its first checkpoint."""
    pair.postgres.stop(timeout=60)
    pair.start_database()
    pair.sql("CREATE TABLE written (number int)")
    piece = pair.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
    arrived = f"SELECT last_archived_wal >= '{piece}' FROM pg_stat_archiver"  # noqa: S608
    until(lambda: pair.sql(arrived) == "t", f"{piece} is archived", seconds=90)


@pytest.mark.full
def test_both_hosts_end_at_once_and_the_databases_server_of_pgbackrest_comes_back_by_itself(pair: Pair) -> None:
    ask = "ps -o pid,args | grep '[p]gbackrest server$' | awk '{ print $1 }'"
    first = succeed(pair.postgres, "sh", "-c", ask)
    succeed(pair.postgres, "kill", "-9", first)
    until(lambda: execute(pair.postgres, "sh", "-c", ask)[1] not in ("", first), "another one")
    assert pair.answer("backup", "incremental")["kind"] == "incremental"
    for container in (pair.postgres, pair.backups):
        container.stop(timeout=60)
        container.reload()
        assert container.attrs["State"]["ExitCode"] == 0, "by itself, before it would be killed"
    dead = pair.vault.backups()
    until_healthy(dead)
    succeed(dead, "sh", "-c", "kill -9 $(ps -o pid,args | grep '[p]gbackrest server$' | awk '{ print $1 }')")
    assert until_exit(dead) != 0, "Swarm restarts what ends, not what pretends to live"


def test_nothing_secret_is_said_or_shown(standing: Pair) -> None:
    secret = (KEY, PASSWORDS["/run/secrets/backup_password"], PASSWORDS["/run/secrets/postgres_admin_password"])
    both = (standing.postgres, standing.backups)
    # Of every process there is while a backup is made, and while a drill runs.
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n' >> /tmp/looked"
    watch = f"rm -f /tmp/looked; while [ ! -e /tmp/enough ]; do {look}; sleep 0.05; done"
    for container in both:
        container.exec_run(["sh", "-c", watch], detach=True)
    standing.answer("backup", "incremental")
    standing.answer("drill")
    for container in both:
        succeed(container, "touch", "/tmp/enough")
        shown = succeed(container, "sh", "-c", "sort -u /tmp/looked; rm -f /tmp/looked")
        assert "archive-push" in shown or "backup" in shown
        seen = shown + logs(container) + json.dumps(container.attrs)
        assert not [word for word in secret if word in seen]
    found = execute(standing.postgres, "sh", "-c", f"grep -rl {KEY} /etc /run /tmp /var/lib/postgresql 2> /dev/null")[1]
    assert found == "", "the database's host knows no key"
    assert succeed(standing.backups, "repository", "key") == KEY
