"""What a restore makes of a volume, and that it touches nothing until it is certain."""

from __future__ import annotations

from typing import Any

import pytest
from docker.models.containers import Container

from tests.e2e.images.vault import Pair, Vault, steps
from tests.e2e.lab import Lab, execute, logs, succeed, until_exit, until_healthy
from tests.support.looking import until


@pytest.fixture
def pair(lab: Lab) -> Pair:
    return Vault(lab=lab).start()


def notes(pair: Pair) -> str:
    return pair.sql("SELECT string_agg(note, ' ' ORDER BY id) FROM thing")


def put_back(pair: Pair, *words: str) -> list[str]:
    """Stops the database, restores, starts it on what came of that; the steps that were told."""
    pair.postgres.stop(timeout=60)
    container = pair.vault.restore("replace", "--repository", "1", *words)
    assert until_exit(container, 120) == 0, logs(container)
    pair.start_database()
    return [step["step"] for step in steps(container)]


def newest(pair: Pair) -> Any:  # noqa: ANN401 - a document
    return pair.state()["repositories"][0]["backups"][-1]


def refused(container: Container) -> str:
    """The reason of a restore that failed."""
    assert until_exit(container, 120) == 1, logs(container)
    last = steps(container)[-1]
    assert last["step"] == "failed"
    return str(last["text"])


def on_volume(pair: Pair) -> list[str]:
    return succeed(pair.postgres, "ls", "/var/lib/postgresql").split()


def test_a_moment_a_backup_and_the_latest_are_restored_each_to_exactly_that(pair: Pair) -> None:
    [full] = pair.state()["repositories"][0]["backups"]
    moment = pair.commit("INSERT INTO thing VALUES (1, 'first')")
    pair.sql("INSERT INTO thing VALUES (2, 'second')")
    safety = pair.answer("backup", "incremental", "--note", "before restore")["label"]
    replica = pair.vault.lab.run(
        "postgres",
        alias="replica",
        entrypoint=["sh", "-c", "touch /var/lib/postgresql/replica.db"],
        volumes={"replica": "/var/lib/postgresql"},
    )
    until_exit(replica)

    told = put_back(pair, "--set", full["label"], "--type", "time", "--target", moment, "--discard-old")
    assert notes(pair) == "first"
    assert list(dict.fromkeys(told)) == ["room", "copying", "replaying", "checking", "swapping", "done"]
    assert on_volume(pair) == ["data", "lock"], "the old data was discarded"
    assert "=" not in succeed(pair.postgres, "cat", "/var/lib/postgresql/data/postgresql.auto.conf"), (
        "set by the restore"
    )
    again = pair.vault.lab.run(
        "postgres",
        alias="replica",
        entrypoint=["ls", "/var/lib/postgresql"],
        volumes={"replica": "/var/lib/postgresql"},
    )
    until_exit(again)
    assert logs(again) == "", "zero-cache copies anew"

    pair.sql("INSERT INTO thing VALUES (3, 'third')")
    until(lambda: pair.state()["database"]["archiving"]["waiting"] == 0, "what was to be archived is, from here on")
    until(lambda: newest(pair)["wal_to"] > "00000002", "a backup of the history that began with the restore")
    assert pair.answer("verify")["faults"] == []
    assert pair.answer("drill")["proven"]

    put_back(pair, "--set", safety, "--type", "immediate", "--timeline", "current")
    assert notes(pair) == "first second", "undone"
    assert on_volume(pair) == ["before-restore", "data", "lock"], "the data that was replaced is kept"
    made = pair.answer("backup", "incremental")["label"]
    pair.sql("INSERT INTO thing VALUES (4, 'fourth'); SELECT pg_switch_wal()")
    until(lambda: pair.state()["database"]["archiving"]["waiting"] == 0, "archived")
    put_back(pair, "--set", made, "--type", "default")
    assert notes(pair) == "first second fourth"
    assert on_volume(pair) == ["before-restore", "before-restore-2", "data", "lock"]


@pytest.mark.parametrize("place", ["copying", "replaying", "swapping"])
def test_a_restore_that_was_killed_leaves_the_data_or_what_was_restored_and_can_be_run_again(
    pair: Pair, place: str
) -> None:
    [full] = pair.state()["repositories"][0]["backups"]
    moment = pair.commit("INSERT INTO thing VALUES (1, 'first')")
    pair.sql("INSERT INTO thing VALUES (2, 'second')")
    pair.answer("backup", "incremental")
    pair.postgres.stop(timeout=60)
    words = ("replace", "--repository", "1", "--set", full["label"], "--type", "time", "--target", moment)
    first = pair.vault.restore(*words)
    until(lambda: any(step["step"] == place for step in steps(first)), f"it is at {place}")
    first.kill("SIGKILL")
    again = pair.vault.restore(*words)
    assert until_exit(again, 120) == 0, logs(again)
    pair.start_database()
    assert notes(pair) == "first"
    pair.postgres.stop(timeout=60)
    third = pair.vault.restore(*words)
    until(lambda: any(step["step"] == place for step in steps(third)), f"it is at {place}")
    third.kill("SIGKILL")
    pair.start_database()
    assert notes(pair) == "first", "whichever of the two it is"
    assert not {"restoring", "restored"} & set(on_volume(pair)), "nothing half-made takes the disk from the data"


def test_a_swap_that_was_cut_off_is_finished_by_whoever_comes_next(pair: Pair) -> None:
    """At either of its two renames; what was restored is the truth from the first moment it is called so."""
    pair.sql("INSERT INTO thing VALUES (1, 'restored')")
    pair.postgres.stop(timeout=60)
    volume = "/var/lib/postgresql"
    for before in ("cp -a data before && mv data restored && mv before data", "mv data restored"):
        hand = pair.vault.lab.run(
            "postgres",
            alias="hand",
            entrypoint=["sh", "-c", f"cd {volume} && rm -rf before-restore && mkdir -p restoring && {before}"],
            volumes={"data": volume},
        )
        assert until_exit(hand) == 0, logs(hand)
        pair.start_database()
        assert notes(pair) == "restored"
        assert "finished a restore that had been interrupted" in logs(pair.postgres)
        assert "restored" not in on_volume(pair)
        assert "restoring" not in on_volume(pair)
        pair.postgres.stop(timeout=60)


def test_what_cannot_be_restored_says_why_and_leaves_the_data_alone(pair: Pair) -> None:
    """A backup that is not there, a moment that is not reached, another key, a file that is damaged, log that is
    missing."""
    [full] = pair.state()["repositories"][0]["backups"]
    label = full["label"]
    moment = pair.commit("INSERT INTO thing VALUES (1, 'precious'); SELECT pg_switch_wal()")
    pair.sql("INSERT INTO thing VALUES (2, 'and newer'); SELECT pg_switch_wal()")
    pair.sql("INSERT INTO thing VALUES (3, 'newest'); SELECT pg_switch_wal()")
    until(lambda: pair.state()["database"]["archiving"]["waiting"] == 0, "archived")
    log = succeed(pair.backups, "sh", "-c", f"cd {ARCHIVE}/17-1/0000000100000000 && ls").split()
    pair.postgres.stop(timeout=60)

    def attempt(*words: str) -> str:
        return refused(pair.vault.restore("replace", "--repository", "1", *words))

    assert "requested backup not found" in attempt("--set", "20200101-000000F", "--type", "immediate")
    bundle = succeed(pair.backups, "sh", "-c", f"find {BACKUPS}/{label}/bundle -type f -size +100k | head -n 1")
    succeed(pair.backups, "cp", bundle, "/tmp/bundle")
    succeed(pair.backups, "sh", "-c", f"dd if=/dev/urandom of={bundle} bs=1k seek=20 count=4 conv=notrunc 2> /dev/null")
    assert "ERROR" in attempt("--set", label, "--type", "immediate")
    code, said = execute(pair.backups, "repository", "verify")
    assert code == 1
    assert label in said, "which backup is damaged"
    assert pair.state()["repositories"][0]["backups"][0]["damaged"]
    succeed(pair.backups, "cp", "/tmp/bundle", bundle)

    late = attempt("--set", label, "--type", "time", "--target", "2999-01-01 00:00:00+00")
    assert "recovery ended before configured recovery target was reached" in late
    assert "the last transaction it found is of 20" in late

    # Of the pieces after the backup the second last: all of what follows it is out of reach.
    missing = log[-2]
    succeed(pair.backups, "sh", "-c", f"cd {ARCHIVE}/17-1/0000000100000000 && mv {missing} /tmp/missing")
    gap = attempt("--set", label, "--type", "default")
    assert "is missing or damaged" in gap
    assert f"the log ends at {log[-3][:24]}" in gap
    succeed(pair.backups, "sh", "-c", f"mv /tmp/missing {ARCHIVE}/17-1/0000000100000000/{missing}")

    pair.backups.stop(timeout=20)
    pair.vault.key = "AnotherKey" * 6
    pair.backups = pair.vault.backups()
    until_healthy(pair.backups)
    assert pair.state()["repositories"][0]["status"] == "unusable"
    assert "unable to" in attempt("--set", label, "--type", "immediate")
    code, said = execute(pair.backups, "repository", "drill")
    assert code == 1, said

    pair.start_database()
    assert notes(pair) == "precious and newer newest", moment
    assert on_volume(pair) == ["data", "lock"]


ARCHIVE = "/var/lib/pgbackrest/repository/archive/grocery"
BACKUPS = "/var/lib/pgbackrest/repository/backup/grocery"


@pytest.mark.full
def test_a_scratch_serves_beside_the_database_and_archives_nothing(pair: Pair) -> None:
    [full] = pair.state()["repositories"][0]["backups"]
    moment = pair.commit("INSERT INTO thing VALUES (1, 'first')")
    pair.sql("INSERT INTO thing VALUES (2, 'second')")
    pair.answer("backup", "incremental")
    words = ("scratch", "--repository", "1", "--set", full["label"], "--type", "time", "--target", moment)
    assert "made by no scratch restore" in refused(pair.vault.restore(*words, volume="data")), "the live data's volume"
    scratch = pair.vault.restore(*words, volume="scratch")
    until(lambda: steps(scratch)[-1:] and steps(scratch)[-1]["step"] == "serving", "it serves", seconds=120)
    beside = Pair(vault=pair.vault, postgres=scratch, backups=pair.backups)
    assert notes(beside) == "first"
    assert beside.sql("SHOW archive_mode") == "off"
    assert notes(pair) == "first second"
    timeline = pair.state()["database"]["timeline"]
    assert pair.state()["repositories"][0]["archive"]["to"].startswith(timeline)
    scratch.stop(timeout=30)
