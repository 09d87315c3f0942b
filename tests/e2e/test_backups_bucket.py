"""A machine is lost, and with it all but a bucket and a key: from these two the stack comes back on another one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.conftest import MakeCheckout
from tests.e2e import inside, kept_stack
from tests.e2e.browsing import Person, Sharing, come, launch, register, session, share_a_list
from tests.e2e.lab import make_certificates
from tests.support.bucket import Bucket
from tests.support.checkout import Checkout
from tests.support.looking import until
from tests.support.people import Person as Account

# What openssl puts before what it has encrypted with a passphrase, pgBackRest as well.
ENCRYPTED = b"Salted__"
BREAD = "Bread of the lost machine"


@dataclass
class Machine:
    """The one the stack is on; after a loss another one. Each test leaves the stack up and well, with its data."""

    checkout: Checkout
    bucket: Bucket
    ada: Account
    ben: Account
    list_id: str


@pytest.fixture(scope="module")
def machine(
    make_checkout: MakeCheckout, store: Bucket, playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A stack that keeps its backups in a bucket alone, and has been used, backed up, and used again."""
    checkout = make_checkout(backups=kept_in(store))
    store.let_in(checkout)
    checkout.up()
    with at_home(playwright, checkout, tmp_path_factory.mktemp("home")) as (ada, ben):
        sharing = share_a_list(ada, ben)
        kept_stack.until_backed_up(checkout)
        ada.add(BREAD, "2")
        ben.expect_item(BREAD)
        inside.until_saved(checkout, sharing.list_id, BREAD)
    kept_stack.until_archived(checkout)
    found = Machine(checkout=checkout, bucket=store, ada=ada.account, ben=ben.account, list_id=sharing.list_id)
    yield found
    found.checkout.remove()


def kept_in(store: Bucket, **more: object) -> dict[str, Any]:
    schedule = {"at": kept_stack.quiet_hour()}
    return {"enabled": True, "volume": False, "bucket": store.settings, "schedule": schedule, **more}


@contextlib.contextmanager
def at_home(playwright: Playwright, checkout: Checkout, home: Path, *who: Account) -> Iterator[tuple[Person, Person]]:
    """Ada and Ben at a browser each, logged in: two new ones, or the two that are given."""
    with ExitStack() as leaving:
        browser = launch(playwright, checkout, home)
        leaving.callback(browser.close)
        ada, ben = (come(leaving, browser, checkout, account) for account in who or ("Ada", "Ben"))
        yield ada, ben


def test_what_lies_in_the_bucket_is_encrypted_all_of_it(machine: Machine) -> None:
    prefix = f"{machine.checkout.stack}/"
    found = machine.bucket.objects(prefix)
    assert set(found) == set(machine.bucket.objects()), "a stack writes below its own prefix"
    kinds = {name.split("/")[1] for name in found}
    assert kinds == {"archive", "backup"}, f"copies of the database and its log: {sorted(found)}"
    for name in found:
        content = machine.bucket.read(name)
        assert content.startswith(ENCRYPTED), f"{name} can be read"
        assert BREAD.encode() not in content, name


def test_its_own_drill_has_proven_what_is_in_the_bucket(machine: Machine) -> None:
    proven = kept_stack.state(machine.checkout)["last_proven"]
    assert proven["repository"] == 1
    assert {table["name"]: table["same"] for table in proven["tables"]}["public.item"], proven
    assert machine.checkout.problems() == []


@pytest.mark.full
def test_what_was_written_while_the_bucket_was_away_is_in_it_afterwards_without_a_gap(machine: Machine) -> None:
    """Meanwhile people notice nothing."""
    checkout = machine.checkout
    before = kept_stack.state(checkout)["repositories"][0]["archive"]["to"]
    with machine.bucket.away():
        with session(checkout) as client:
            assert client.get("/health/ready").is_success
        register(checkout, "Dan")
        for _ in range(3):
            inside.ask_database(checkout, "SELECT pg_logical_emit_message(true, 'proof', 'x'), pg_switch_wal()")
        waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
        until(lambda: int(inside.ask_database(checkout, waiting)) >= 3, "the log waits for the bucket")
    kept_stack.until_archived(checkout)
    after = kept_stack.state(checkout)["repositories"][0]["archive"]["to"]
    assert after > before
    checkout.run("backup", "verify")


@pytest.mark.full
def test_a_secret_that_opens_nothing_is_said_as_that(machine: Machine) -> None:
    machine.checkout.set_secret("backup-bucket-secret", "nobody's")
    refused(machine.checkout, "SignatureDoesNotMatch")
    machine.bucket.let_in(machine.checkout)
    expect_archiving(machine.checkout)


@pytest.mark.full
def test_a_bucket_that_shows_somebody_else_s_certificate_is_not_believed(machine: Machine, way_out: str) -> None:
    stranger = {**machine.bucket.settings, "ca_certificate": make_certificates(way_out).ca}
    machine.checkout.configure(backups={"bucket": stranger})
    refused(machine.checkout, "certificate")
    machine.checkout.configure(backups={"bucket": machine.bucket.settings})
    expect_archiving(machine.checkout)


def refused(checkout: Checkout, why: str) -> None:
    """An `up` fails for a bucket that cannot be used, and says why; the application serves all the same."""
    run = checkout.up(expect=1)
    assert "bucket" in run.text and why in run.text, run.text
    assert any("bucket" in problem and why in problem for problem in checkout.problems())
    with session(checkout) as client:
        assert client.get("/health/ready").is_success


def expect_archiving(checkout: Checkout) -> None:
    checkout.up()
    kept_stack.until_archived(checkout)
    until(lambda: checkout.problems() == [], "all is well again", seconds=180)


def test_a_lost_machine_comes_back_on_another_one_from_the_bucket_and_the_key(
    machine: Machine,
    make_checkout: MakeCheckout,
    playwright: Playwright,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lost = machine.checkout
    key = lost.run("backup", "key").out.strip()
    objects = machine.bucket.objects()
    lost.run("down", "--data", "--yes")
    with lost.api() as api:
        left = [
            volume["Name"] for volume in api.volumes()["Volumes"] or () if volume["Name"].startswith(f"{lost.stack}-")
        ]
    assert left == [], "nothing is left of the machine"
    assert set(objects) <= set(machine.bucket.objects()), "the bucket is nobody's to clear but the operator's"

    found = make_checkout(stack=lost.stack, backups=kept_in(machine.bucket, key="provided"))
    found.configure(edge={"maintenance": {"enabled": True}})
    found.set_secret("backup-key", key)
    machine.bucket.let_in(found)
    found.up()
    machine.checkout = found
    [repository] = kept_stack.state(found)["repositories"]
    assert repository["status"] == "other-database", "an empty database is not taken for the lost one"
    assert any("another database" in problem for problem in found.problems())
    assert inside.ask_database(found, "SELECT count(*) FROM item") == "0"

    found.run("restore", "--to", "latest", "--yes")
    found.configure(edge={"maintenance": {"enabled": False}})
    found.up()
    with at_home(playwright, found, tmp_path_factory.mktemp("new-home"), machine.ada, machine.ben) as (ada, ben):
        for person in (ada, ben):
            person.open_list(machine.list_id)
            person.expect_item(BREAD)
        expect_together(Sharing(ada, ben, machine.list_id), "Butter of the new machine")
    register(found, "Cyd")

    kept_stack.until_archived(found)
    state = kept_stack.state(found)
    [repository] = state["repositories"]
    assert repository["status"] == "ok"
    assert set(objects) < set(machine.bucket.objects()), "what the new machine writes is added to the old"
    kept_stack.expect_well(found)


def expect_together(sharing: Sharing, name: str) -> None:
    """What one adds, the other sees, and it is saved."""
    sharing.ada.add(name)
    sharing.ben.expect_item(name)
