"""The procedures in docs/runbooks, each gone through from its first command to the last on a stack that is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import MakeCheckout
from tests.e2e import inside, kept_stack
from tests.e2e.browsing import register
from tests.support import runbook
from tests.support.bucket import Bucket
from tests.support.checkout import Checkout
from tests.support.looking import until
from tests.support.runbook import Follower


@dataclass
class Machine:
    """The one the stack is on, with backups on its volume and in a bucket; after a loss another one. Each test leaves
    the stack well, its data in it."""

    checkout: Checkout


@pytest.fixture(scope="module")
def machine(make_checkout: MakeCheckout, store: Bucket) -> Iterator[Machine]:
    checkout = make_checkout(backups=_kept_doubly(store))
    store.let_in(checkout)
    checkout.up()
    kept_stack.until_backed_up(checkout)
    found = Machine(checkout)
    yield found
    found.checkout.remove()


def _kept_doubly(store: Bucket) -> dict[str, Any]:
    return {"enabled": True, "bucket": store.settings, "schedule": {"at": kept_stack.quiet_hour()}}


@pytest.mark.full
def test_restore(kept: Checkout) -> None:
    """Somebody deletes what was bought; the operator first goes back for everybody, then forward again, and then takes
    those items alone out of a copy."""
    list_id = _make_list(kept)
    _add(kept, list_id, "Milk", "Bread")
    before = kept_stack.moment(kept)
    inside.ask_database(kept, f"DELETE FROM item WHERE list_id = '{list_id}'")  # noqa: S608
    _add(kept, list_id, "Eggs")
    kept_stack.until_archived(kept)

    with Follower("restore", kept, moment=before, list=list_id) as page:
        page.through("drill")
        assert "Nothing" not in page.through("--dry-run").said
        assert _items(kept, list_id) == ["Eggs"], "looking changes nothing"
        page.through('--to "<moment>" --yes')
        assert _items(kept, list_id) == ["Bread", "Milk"]
        page.fill(label=kept_stack.safety_backup(kept))
        page.through('--to "<label>" --yes')
        assert _items(kept, list_id) == ["Eggs"]
        assert "2" in page.through("select list.id").said
        page.through("insert into item")
        assert _items(kept, list_id) == ["Bread", "Eggs", "Milk"]
        page.rest()
    kept_stack.expect_well(kept)


@pytest.mark.full
def test_full_disk(kept: Checkout) -> None:
    settings = kept.settings
    with Follower("full-disk", kept) as page:
        page.through("docker system df")
        assert "Available" in page.through("df -h /var/lib/postgresql").said
        assert "pg_wal" in page.through("du -sh").said
        page.rest()
    conf = inside.succeed(kept, "backups", "cat", "/etc/pgbackrest/pgbackrest.conf")
    assert "repo1-retention-full=7" in conf
    kept.write_settings(settings)
    kept.up()
    kept_stack.expect_well(kept)


@pytest.mark.full
def test_corrupted_repository(machine: Machine) -> None:
    """A file of the newest backup is cut short, in one of two repositories."""
    checkout = machine.checkout
    damaged = kept_stack.backups_of(checkout)[-1]["label"]
    folder = f"{kept_stack.REPOSITORY}/backup/grocery/{damaged}"
    cut = f"""for file in $(find {folder} -type f -name '*.zst' -o -type f -path '*bundle*'); do : > "$file"; done"""
    inside.succeed(checkout, "backups", "sh", "-c", cut)

    with Follower("corrupted-repository", checkout, label=damaged) as page:
        assert damaged in page.through("backup verify", code=1).said
        page.through("backup list")
        page.through("backup --full")
        assert "repository 2" in page.through("--repository 2 --dry-run").said
        page.through("expire")
        assert damaged not in [backup["label"] for backup in kept_stack.backups_of(checkout)]
        page.through("mv")
        _until_in_every_repository(checkout)
        assert [backup["kind"] for backup in kept_stack.backups_of(checkout)] == ["full"]
        page.rest()
    kept_stack.expect_well(checkout)


@pytest.mark.full
def test_lost_key(machine: Machine, store: Bucket) -> None:
    checkout = machine.checkout
    with Follower("lost-key", checkout) as page:
        page.through("backup key")
        old = (checkout.root / "backup.key").read_text().strip()
        assert (checkout.root / "backup.key").stat().st_mode & 0o077 == 0, "for nobody else to read"
        assert len(old) == 64
        page.through("/dev/urandom")
        new = (checkout.root / "backup.key").read_text().strip()
        page.through("./grocery up")
        _until_in_every_repository(checkout)
        assert {repository["status"] for repository in kept_stack.state(checkout)["repositories"]} == {"ok"}
        assert inside.succeed(checkout, "backups", "/usr/local/bin/repository", "key") == new != old
        page.rest()
    assert store.objects(f"{checkout.stack}-2/backup/"), "what is new is in the new folder"
    assert not (checkout.root / "backup.key").exists()
    kept_stack.expect_well(checkout)


@pytest.mark.full
def test_postgresql_major_upgrade(machine: Machine) -> None:
    """From one cluster to the next through a dump; both are of the same version here, which the way does not know."""
    checkout = machine.checkout
    list_id = _make_list(checkout)
    _add(checkout, list_id, "Milk", "Bread")
    counted = "SELECT count(*) FROM auth.account"
    accounts = inside.ask_database(checkout, counted)
    system = "SELECT system_identifier FROM pg_control_system()"
    old = inside.ask_database(checkout, system)

    with Follower("postgresql-major-upgrade", checkout) as page:
        assert "TABLE DATA public item" in page.through("pg_restore --list").said
        page.through("pg_restore -h")
        assert _items(checkout, list_id) == ["Bread", "Milk"]
        assert inside.ask_database(checkout, counted) == accounts
        assert inside.ask_database(checkout, system) != old
        page.rest()
    kept_stack.expect_well(checkout)


@pytest.mark.full
def test_lost_machine(machine: Machine, store: Bucket, make_checkout: MakeCheckout) -> None:
    """What is left is the bucket, the key, and the settings."""
    checkout = machine.checkout
    list_id = _make_list(checkout)
    _add(checkout, list_id, "Milk", "Bread")
    kept_stack.until_archived(checkout)
    files = {
        "backup.key": inside.succeed(checkout, "backups", "/usr/local/bin/repository", "key"),
        "bucket.id": store.key,
        "bucket.secret": store.secret,
    }
    prefix = checkout.settings["backups"]["bucket"].get("prefix")
    checkout.remove()
    checkout = machine.checkout = make_checkout(stack=checkout.stack, backups=_kept_doubly(store))
    if prefix:
        checkout.configure(backups={"bucket": {**store.settings, "prefix": prefix}})
    for name, text in files.items():
        (checkout.root / name).write_text(text)

    with Follower("lost-machine", checkout) as page:
        page.through("./grocery up")
        assert _items(checkout, list_id) == [], "the new machine's database is empty"
        assert "other-database" in page.through("backup list").said
        page.through("--to latest --yes")
        assert _items(checkout, list_id) == ["Bread", "Milk"]
        page.rest()
    kept_stack.expect_well(checkout)


def test_every_procedure_is_gone_through() -> None:
    here = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert set(runbook.PROCEDURES) <= here


def _until_in_every_repository(checkout: Checkout) -> None:
    """A repository that has just been begun gets its first backup without being asked."""

    def is_made() -> bool:
        found = kept_stack.state(checkout)
        return all(repository["backups"] for repository in found["repositories"]) and found["running"] is None

    until(is_made, "each repository has a backup, and nothing is under way", seconds=180)


def _make_list(checkout: Checkout) -> str:
    """The id of a new list, of somebody who has just registered."""
    account = register(checkout, "Ada")
    made = f"""
        WITH made AS (
            INSERT INTO list (id, name, owner_id)
            SELECT gen_random_uuid(), 'Saturday', id FROM auth.account WHERE email = '{account.email}'
            RETURNING id, owner_id
        ), member AS (INSERT INTO list_member (list_id, user_id) SELECT id, owner_id FROM made)
        SELECT id FROM made"""  # noqa: S608
    return inside.ask_database(checkout, made)


def _add(checkout: Checkout, list_id: str, *names: str) -> None:
    for name in names:
        inside.ask_database(
            checkout,
            f"INSERT INTO item (id, list_id, name) VALUES (gen_random_uuid(), '{list_id}', '{name}')",  # noqa: S608
        )


def _items(checkout: Checkout, list_id: str) -> list[str]:
    found = inside.ask_database(
        checkout,
        f"SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM item WHERE list_id = '{list_id}'",  # noqa: S608
    )
    names: list[str] = json.loads(found)
    return names
