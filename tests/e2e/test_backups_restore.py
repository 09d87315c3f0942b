"""Data go back to any moment, and forward again; a restore that cannot be leaves everything as it was; one that was
killed is finished by the next."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e import inside, kept_stack, leaks, writers
from tests.e2e.browsing import RECOVERY_MS, Person, come, launch, session
from tests.e2e.killing import kill_when
from tests.support.checkout import Checkout
from tests.support.looking import services, until


@pytest.fixture(scope="module")
def ada(playwright: Playwright, kept: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    browser = launch(playwright, kept, tmp_path_factory.mktemp("home"))
    with contextlib.ExitStack() as leaving:
        leaving.callback(browser.close)
        yield come(leaving, browser, kept, "Ada")


def test_a_restore_to_a_moment_between_two_writes_gives_exactly_the_first_and_its_safety_backup_both(
    kept: Checkout, ada: Person
) -> None:
    """Her page is open all the time, and nobody touches it."""
    list_id = ada.make_list("Saturday")
    _add(kept, ada, "Milk")
    between = kept_stack.moment(kept)
    _add(kept, ada, "Bread")
    kept_stack.until_archived(kept)

    told = kept.run("restore", "--to", between, "--dry-run").text
    assert _items(kept, list_id) == ["Bread", "Milk"], "looking changes nothing"
    assert "1 row" in told or "1 item" in told, f"what would be lost is told:\n{told}"

    with leaks.looking(kept) as seen:
        run = kept.run("restore", "--to", between, "--yes")
    safety = kept_stack.safety_backup(kept)
    secrets = leaks.secret_values(kept)
    assert "restore" in seen.told, "it was looked at while it worked"
    assert seen.hits(secrets) == []
    assert leaks.hits(secrets, run.out + run.err) == []

    assert _items(kept, list_id) == ["Milk"]
    ada.expect_item("Milk", timeout=RECOVERY_MS)
    expect(ada.item("Bread")).to_have_count(0, timeout=RECOVERY_MS)
    _expect_serving(kept)
    ada.expect_connection("connected", timeout=RECOVERY_MS)
    _add(kept, ada, "Eggs")

    kept.run("restore", "--to", safety, "--yes")
    assert _items(kept, list_id) == ["Bread", "Milk"]
    ada.expect_item("Bread", timeout=RECOVERY_MS)
    expect(ada.item("Eggs")).to_have_count(0, timeout=RECOVERY_MS)
    _expect_serving(kept)
    ada.expect_connection("connected", timeout=RECOVERY_MS)
    _add(kept, ada, "Butter")


def test_a_moment_can_be_looked_at_beside_the_live_database(kept: Checkout) -> None:
    first = _write(kept)
    between = kept_stack.moment(kept)
    second = _write(kept)
    kept_stack.until_archived(kept)
    with kept_stack.beside(kept, "look", between) as rows:
        assert {first, second} & set(rows) == {first}
    assert {first, second} <= set(writers.written_ids(kept)), "the live database is as it was"
    _expect_serving(kept)


@pytest.mark.full
def test_a_restore_that_is_killed_in_the_middle_leaves_the_data_as_they_were_or_is_finished_by_the_next(
    kept: Checkout,
) -> None:
    """First its program is killed while it copies, then the command itself once the restored data are in place."""
    first, between, second = _two_writes(kept)
    _kill_program(kept, between, "copying")
    _kill_command(kept, between, "done")
    kept.run("restore", "--to", between, "--yes")
    assert {first, second} & set(writers.written_ids(kept)) == {first}
    _expect_serving(kept)


@pytest.mark.full
@pytest.mark.parametrize("step", ["copying", "replaying", "swapping"])
def test_a_restore_that_is_killed_anywhere_leaves_the_data_as_they_were_or_is_finished_by_the_next(
    kept: Checkout, step: str
) -> None:
    first, between, second = _two_writes(kept)
    if step != "swapping":
        _kill_program(kept, between, step)
    _kill_command(kept, between, step)
    kept.run("restore", "--to", between, "--yes")
    assert {first, second} & set(writers.written_ids(kept)) == {first}
    _expect_serving(kept)


@pytest.mark.full
def test_a_damaged_file_in_the_repository_fails_a_restore_and_a_verification_and_nothing_else(kept: Checkout) -> None:
    kept.run("backup", "--full")
    newest = kept_stack.backups_of(kept)[-1]["label"]
    folder = f"{kept_stack.REPOSITORY}/backup/grocery/{newest}"
    parts = f"find {folder} -type f ! -name 'backup.manifest*'"
    largest = inside.succeed(kept, "backups", "sh", "-c", f"{parts} | xargs ls -S | head -n 1")
    with untouched(kept), _without(kept, largest):
        inside.succeed(kept, "backups", "sh", "-c", f"head -c 65536 /dev/urandom > {largest}")
        run = kept.run("restore", "--to", newest, "--yes", expect=1)
        assert "untouched" in run.text
        assert f"could not restore {newest}" in run.text
        _expect_answers(kept)
        assert newest in kept.run("backup", "verify", expect=1).text
    kept.run("backup", "verify")
    _expect_serving(kept)


@pytest.mark.full
def test_a_hole_in_the_log_is_said_when_somebody_wants_to_go_beyond_it(kept: Checkout) -> None:
    kept.run("backup")
    missing = inside.ask_database(kept, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    _write(kept)
    kept_stack.until_archived(kept)
    _write(kept)
    beyond = kept_stack.moment(kept)
    _write(kept)
    kept_stack.until_archived(kept)
    folder = f"{kept_stack.REPOSITORY}/archive/grocery"
    file = inside.succeed(kept, "backups", "find", folder, "-name", f"{missing}-*")
    assert file, f"{missing} is in the repository"
    with untouched(kept), _without(kept, file):
        run = kept.run("restore", "--to", beyond, "--into", "hole", expect=1)
        assert "recovery ended before configured recovery target was reached" in run.text
        assert inside.containers(kept, "hole") == [], "nothing is left of it"
        kept_stack.expect_well(kept)
    with kept_stack.beside(kept, "whole", beyond) as rows:
        assert rows, "with the file back where it was that moment can be reached"


@pytest.mark.full
def test_a_wrong_key_is_said_and_leaves_the_live_data_serving(kept: Checkout) -> None:
    label = kept_stack.backups_of(kept)[-1]["label"]
    before = kept.file.read_text()
    with untouched(kept):
        kept.configure(backups={"key": "provided"})
        kept.set_secret("backup-key", "x" * 64)
        try:
            assert "repository" in kept.up(expect=1).text
            run = kept.run("restore", "--to", label, "--yes", expect=None)
            assert run.code != 0
            assert "key" in run.text
            assert inside.containers(kept, "postgres"), "the database was not stopped for it"
            _expect_answers(kept)
        finally:
            kept.file.write_text(before)
            kept.up()
    _expect_serving(kept)


@contextmanager
def untouched(kept: Checkout) -> Iterator[None]:
    """Whatever goes wrong inside, in the end the live database has every row that it had."""
    before = writers.written_ids(kept)
    yield
    assert set(before) <= set(writers.written_ids(kept))


@contextmanager
def _without(kept: Checkout, file: str) -> Iterator[None]:
    """The repository's file is away, and comes back as it was."""
    inside.succeed(kept, "backups", "mv", file, f"{kept_stack.EVIDENCE}/aside")
    try:
        yield
    finally:
        inside.succeed(kept, "backups", "mv", f"{kept_stack.EVIDENCE}/aside", file)


def _kill_program(kept: Checkout, to: str, step: str) -> None:
    """Kills what restores once it is as far as that: the command starts everything as it was."""
    with untouched(kept), ThreadPoolExecutor(1) as beside:
        restoring = beside.submit(kept.run, "restore", "--to", to, "--yes", expect=1)
        until(lambda: _said(kept, step) or restoring.done(), f"the restore says {step}", seconds=180)
        assert not restoring.done(), f"it ended before {step}:\n{restoring.result().text}"
        [found] = inside.containers(kept, "restore")
        with kept.api() as api:
            api.kill(found["Id"], "SIGKILL")
        assert "untouched" in restoring.result().text
    kept_stack.expect_well(kept)


def _kill_command(kept: Checkout, to: str, step: str) -> None:
    """Kills the command: nothing runs that could write, and status says why."""
    kill_when(kept, lambda: _said(kept, step), "restore", "--to", to, "--yes")
    with kept.api() as api:
        writer = services(api, kept.stack)["auth-server"]
    assert writer["Spec"]["Mode"]["Replicated"]["Replicas"] == 0, "nothing that writes runs"
    assert any("restore was interrupted" in problem for problem in kept.problems()), "status says why nothing runs"


def _two_writes(kept: Checkout) -> tuple[str, str, str]:
    """The ids of two rows, and a moment between them."""
    first = _write(kept)
    between = kept_stack.moment(kept)
    second = _write(kept)
    kept_stack.until_archived(kept)
    return first, between, second


def _write(kept: Checkout) -> str:
    return inside.ask_database(kept, "INSERT INTO proof.writes DEFAULT VALUES RETURNING id")


def _add(kept: Checkout, person: Person, name: str) -> None:
    person.add(name)
    inside.until_saved(kept, person.open_list_id, name)


def _items(kept: Checkout, list_id: str) -> list[str]:
    return inside.ask_database(kept, f"SELECT name FROM item WHERE list_id = '{list_id}' ORDER BY 1").split()  # noqa: S608


def _expect_serving(kept: Checkout) -> None:
    """All parts run, and the API reaches the database."""
    kept_stack.expect_well(kept)
    _expect_answers(kept)


def _expect_answers(kept: Checkout) -> None:
    """Soon: the edge looks for who is behind it once a second."""
    with session(kept) as client:
        until(lambda: client.get("/health/ready").status_code == httpx.codes.OK, "the API reaches the database")


def _said(kept: Checkout, step: str) -> bool:
    """Is the restore that runs as far as that?"""
    for found in inside.containers(kept, "restore", stopped=True)[:1]:
        for line in inside.logs(kept, found["Id"]).splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                if json.loads(line)["step"] == step:
                    return True
    return False
