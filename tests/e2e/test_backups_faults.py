"""What the database has confirmed is there, whatever is killed or away meanwhile; and what is proven of it is told."""

from __future__ import annotations

import contextlib
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import faults, inside, kept_stack, writers
from tests.support.checkout import Checkout
from tests.support.looking import until

SERVER_PROCESS = """
SELECT pid FROM pg_stat_activity
WHERE backend_type IN ('client backend', 'checkpointer', 'walwriter', 'background writer') AND pid <> pg_backend_pid()
ORDER BY random() LIMIT 1
"""


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.full)])
def test_no_transaction_that_was_confirmed_is_lost_however_often_the_database_is_killed(
    kept: Checkout, kills: int
) -> None:
    with writers.writing(kept) as load:
        for number in range(kills):
            load.wait_for_more()
            time.sleep(random.uniform(0, 2))  # noqa: S311 - moments, not secrets
            _kill_database(kept, whole=number % 2 == 0)
        load.wait_for_more()
    assert load.lost(writers.written_ids(kept)) == set()
    kept_stack.until_archived(kept)
    with kept_stack.beside(kept, "latest", "latest") as there:
        assert load.lost(there) == set(), "the repository has them all as well"
    kept_stack.expect_well(kept)


def test_an_archive_that_is_away_for_a_while_is_told_of_and_leaves_no_gap(kept: Checkout) -> None:
    with writers.writing(kept) as load, faults.stopped(kept, "backups"):
        load.wait_for_more()
        inside.ask_database(kept, "SELECT pg_switch_wal()")
        until(
            lambda: int(inside.ask_database(kept, "SELECT failed_count FROM pg_stat_archiver")) > 0,
            "PostgreSQL gives up for now",
        )
        assert any("backups" in problem for problem in kept.problems()), "status tells of it"
        load.wait_for_more()
        meanwhile = kept_stack.moment(kept)
        before = set(writers.written_ids(kept))
        load.wait_for_more()
        inside.ask_database(kept, "SELECT pg_switch_wal()")
    kept_stack.until_archived(kept)
    with kept_stack.beside(kept, "outage", meanwhile) as there:
        assert set(there) <= before, "nothing of later"
        assert len(there) > 0
        assert load.lost(writers.written_ids(kept)) == set()
    assert kept_stack.state(kept)["database"]["archiving"]["waiting"] == 0
    kept_stack.expect_well(kept)


def test_a_backup_that_is_killed_is_followed_by_one_that_is_whole(kept: Checkout) -> None:
    before = [backup["label"] for backup in kept_stack.backups_of(kept)]
    with ThreadPoolExecutor(1) as aside:
        making = aside.submit(kept.run, "backup", "--full", expect=None)
        until(lambda: making.done() or kept_stack.state(kept)["running"] == "backup", "it is being made")
        assert not making.done(), making.result().text
        faults.kill(kept, "backups")
        assert making.result().code != 0
    faults.until_running(kept, "backups")
    kept.run("backup", "--full")
    made = [backup for backup in kept_stack.backups_of(kept) if backup["label"] not in before]
    assert [backup["kind"] for backup in made] == ["full"], "of the one that was killed nothing is left"
    kept.run("backup", "verify")
    with kept_stack.beside(kept, "whole", made[0]["label"]) as there:
        assert there
    kept_stack.expect_well(kept)


@pytest.mark.parametrize("busy", [True, pytest.param(False, marks=pytest.mark.full)])
def test_a_drill_proves_a_restore_while_people_write_and_keeps_the_evidence(kept: Checkout, busy: bool) -> None:
    """busy: so much is written that a file of the log is full long before a minute is over."""
    began = time.time()
    with writers.writing(kept) as load, kept_stack.hurrying(kept) if busy else contextlib.nullcontext():
        load.wait_for_more()
        evidence = kept.run("drill", "--json").document()
    assert evidence["proven"], evidence
    assert evidence["at"] >= began - 1
    tables = {table["name"]: table for table in evidence["tables"]}
    assert {"public.list", "public.item", "auth.account", "proof.writes"} <= tables.keys()
    assert all(table["same"] for table in tables.values())
    assert tables["proof.writes"]["rows"] > 0
    seconds = evidence["rto_seconds"]
    assert 0 < seconds["restore"] + seconds["replay"] <= seconds["total"] + 1
    assert 0 < evidence["rpo_seconds"] <= kept_stack.state(kept)["archive_timeout"] + 15, "the promise is kept"

    script = f"ls {kept_stack.EVIDENCE}/*.json | tail -n 1 | xargs cat"
    assert json.loads(inside.succeed(kept, "backups", "sh", "-c", script)) == evidence
    assert kept_stack.state(kept)["last_proven"] == evidence
    proven = "grocery_last_proven_restore_timestamp_seconds"
    until(
        lambda: abs(kept_stack.total(kept_stack.metrics(kept), proven) - evidence["at"]) < 1, "the figures know of it"
    )
    told = kept_stack.metrics(kept)
    assert kept_stack.total(told, "grocery_restore_rpo_seconds") == pytest.approx(evidence["rpo_seconds"], abs=1)
    assert kept_stack.total(told, "grocery_restore_rto_seconds") == pytest.approx(seconds["total"], abs=1)
    kept_stack.expect_well(kept)


def test_status_and_figures_tell_how_fresh_the_backups_are(kept: Checkout) -> None:
    began = time.time()
    kept.run("backup")
    label = kept_stack.backups_of(kept)[-1]["label"]
    listed = kept.run("backup", "list", "--json").text
    assert label in listed
    until(
        lambda: (
            max(
                value
                for name, value in kept_stack.metrics(kept).items()
                if name.startswith("grocery_last_backup_timestamp")
            )
            >= began - 1
        ),
        "the figures know of it",
    )
    told = kept_stack.metrics(kept)
    assert kept_stack.total(told, "grocery_repository_usable") == 1
    assert kept_stack.total(told, "grocery_repository_database_known") == 1
    assert kept_stack.total(told, "grocery_backup_failures_in_a_row") == 0
    assert kept_stack.total(told, "grocery_repository_bytes") > 0


def _kill_database(kept: Checkout, *, whole: bool) -> None:
    """The whole container, or one of the server's processes, after which it ends all of its sessions and recovers."""
    if whole:
        faults.kill(kept, "postgres")
    else:
        process = inside.ask_database(kept, SERVER_PROCESS)
        inside.succeed(kept, "postgres", "kill", "-9", process)
