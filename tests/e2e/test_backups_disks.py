"""Disks that are full: nothing that was confirmed is lost, status says so, and room is all that it takes to go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cli.engine_host import STACK_LABEL
from tests.conftest import MakeCheckout
from tests.e2e import inside, kept_stack, writers
from tests.support.checkout import Checkout
from tests.support.looking import until

DATA, REPOSITORY = "postgres-data", "backups-repository"
SIZES = {DATA: 640, REPOSITORY: 128}
"""MiB, in memory."""


@dataclass(frozen=True, kw_only=True)
class Disks:
    """A stack whose volumes are disks of their own. holder: a container that keeps them, as each is gone with the last
    container that has it."""

    checkout: Checkout
    holder: str

    def fill(self, volume: str) -> None:
        self._do(f"cat /dev/zero > /{volume}/filled; [ -s /{volume}/filled ]")

    def make_room(self, volume: str) -> None:
        self._do(f"rm -f /{volume}/filled")

    def _do(self, script: str) -> None:
        with self.checkout.api() as api:
            made = api.exec_create(self.holder, ["sh", "-c", f"{{ {script}; }} 2> /dev/null"])
            api.exec_start(made["Id"])
            assert api.exec_inspect(made["Id"])["ExitCode"] == 0, script


@pytest.fixture(scope="module")
def disks(make_checkout: MakeCheckout, images: dict[str, str]) -> Iterator[Disks]:
    checkout = make_checkout(postgres={"disk": "4GiB", "memory": "1GiB"})
    checkout.configure(backups={"enabled": True, "schedule": {"at": kept_stack.quiet_hour()}})
    with checkout.api() as api:
        for volume, size in SIZES.items():
            api.create_volume(
                f"{checkout.stack}-{volume}",
                driver_opts={"type": "tmpfs", "device": "tmpfs", "o": f"size={size}m,uid=10001,gid=10001,mode=0700"},
                labels={STACK_LABEL: checkout.stack},
            )
        mounts = api.create_host_config(binds=[f"{checkout.stack}-{volume}:/{volume}" for volume in SIZES])
        holder = api.create_container(
            images["postgres"],
            ["sleep", "infinity"],
            entrypoint="",
            host_config=mounts,
            volumes=[f"/{v}" for v in SIZES],
        )["Id"]
        try:
            api.start(holder)
            checkout.up()
            kept_stack.until_backed_up(checkout)
            inside.ask_database(checkout, kept_stack.SOMEBODY_S)
            yield Disks(checkout=checkout, holder=holder)
        finally:
            api.remove_container(holder, force=True)
            checkout.remove()


def test_a_database_whose_disk_is_full_goes_on_once_there_is_room_and_has_lost_nothing(disks: Disks) -> None:
    checkout = disks.checkout
    with writers.writing(checkout) as load:
        load.wait_for_more()
        disks.fill(DATA)
        try:
            until(
                lambda: any("postgres" in problem for problem in checkout.problems()), "status tells of it", seconds=180
            )
        finally:
            disks.make_room(DATA)
        load.wait_for_more()
    assert load.lost(writers.written_ids(checkout)) == set()
    kept_stack.until_well(checkout)


def test_a_full_repository_stops_neither_the_database_nor_the_archive_after_it(disks: Disks) -> None:
    checkout = disks.checkout
    with writers.writing(checkout) as load:
        disks.fill(REPOSITORY)
        try:
            inside.ask_database(checkout, "SELECT pg_switch_wal()")
            until(
                lambda: int(inside.ask_database(checkout, "SELECT failed_count FROM pg_stat_archiver")) > 0,
                "PostgreSQL gives up for now",
            )
            load.wait_for_more()
            assert any("archiv" in problem for problem in checkout.problems()), "status tells of it"
            until(lambda: _free(checkout) < 1 << 20, "so do the figures")
        finally:
            disks.make_room(REPOSITORY)
        load.wait_for_more()
    kept_stack.until_archived(checkout)
    checkout.run("backup")
    with kept_stack.beside(checkout, "after", "latest") as there:
        assert load.lost(there) == set()
    kept_stack.until_well(checkout)


def _free(checkout: Checkout) -> float:
    return kept_stack.total(kept_stack.metrics(checkout), "grocery_repository_volume_free_bytes")
