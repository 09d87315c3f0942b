"""What was interrupted goes on; what was taken down comes back; what was switched off starts by itself."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from cli.engine_host import Api
from tests.conftest import MakeCheckout
from tests.e2e import inside
from tests.e2e.browsing import RECOVERY_MS, Join, Person
from tests.e2e.killing import kill_when
from tests.support.checkout import Checkout
from tests.support.looking import services, until
from tests.support.private_engine import PrivateEngine

STATE_OF = {
    "services": "docker:index/service:Service",
    "networks": "docker:index/network:Network",
    "volumes": "docker:index/volume:Volume",
    "secrets": "docker:index/secret:Secret",
    "configs": "docker:index/serviceConfig:ServiceConfig",
}


def test_an_up_killed_at_any_moment_is_finished_by_the_next_and_leaves_nothing_behind(stack: Checkout) -> None:
    """Each `up` is killed a little further on, with all its processes; the last one is left alone."""
    with stack.api() as api:
        _kill_an_up(stack, lambda: len(_found(api, stack)["secrets"]) > 5)
        _kill_an_up(stack, lambda: "postgres" in services(api, stack.stack))
        _kill_an_up(stack, lambda: {"auth-server", "zero-cache"} <= set(services(api, stack.stack)))
    stack.up()
    _expect_well_and_tidy(stack)


@pytest.mark.full
def test_an_up_killed_at_twelve_random_moments_is_finished_by_the_next(make_checkout: MakeCheckout) -> None:
    stack = make_checkout()
    for _ in range(12):
        end = time.monotonic() + random.uniform(0.5, 12)  # noqa: S311 - moments, not secrets
        _kill_an_up(stack, lambda end=end: time.monotonic() > end)  # type: ignore[misc]
    stack.up()
    _expect_well_and_tidy(stack)
    for _ in range(6):
        stack.configure(rotation={"api": random.randint(2, 1000)})  # noqa: S311 - a generation number
        end = time.monotonic() + random.uniform(0.5, 12)  # noqa: S311 - moments, not secrets
        _kill_an_up(stack, lambda end=end: time.monotonic() > end)  # type: ignore[misc]
    stack.up()
    _expect_well_and_tidy(stack)
    stack.remove()


def test_lists_and_logins_are_still_there_after_down_and_up(running: Checkout, api: Api, join: Join) -> None:
    ada, list_id = _shopper(running, join)
    authority = running.ca_file.read_text()
    running.run("down", "--yes")
    found = _found(api, running)
    kept = {f"{running.stack}-{noun}" for noun in ("postgres-data", "backups-repository", "acme")}
    assert found.pop("volumes") == kept, "data, backups and certificates that were issued stay, and nothing else"
    assert all(not left for left in found.values()), f"down leaves nothing that runs: {found}"
    running.up()
    assert running.ca_file.read_text() == authority, "browsers that trusted the stack still do"
    _expect_well_and_tidy(running)
    ada.page.goto(ada.url)
    ada.fill_in_login()
    ada.link(list_id).click()
    ada.expect_item("Milk")
    ada.add("Bread")
    ada.expect_item("Bread")


def test_everything_comes_back_by_itself_when_the_engine_restarts(
    running: Checkout, private_engine: PrivateEngine, join: Join
) -> None:
    _outlive(running, private_engine.restart, join)


@pytest.mark.full
def test_everything_comes_back_by_itself_when_the_power_fails(
    running: Checkout, private_engine: PrivateEngine, join: Join
) -> None:
    def fail() -> None:
        private_engine.kill()
        private_engine.start()

    _outlive(running, fail, join)


def _outlive(running: Checkout, interrupt: Callable[[], None], join: Join) -> None:
    """Two open pages live through it without being touched, and go on sharing their list."""
    ada, list_id = _shopper(running, join)
    ben = join("Ben")
    ada.invite(ben)
    ben.accept(list_id)
    ben.expect_item("Milk")
    interrupt()
    until(lambda: running.problems() == [], "all is well again", seconds=180)
    for person in (ada, ben):
        person.expect_connection("connected", timeout=RECOVERY_MS)
    ada.add("Bread")
    ben.expect_item("Bread")
    running.preview("--expect-no-changes")


def _shopper(checkout: Checkout, join: Join) -> tuple[Person, str]:
    """Somebody with a list, which the server has; the list's id."""
    ada = join("Ada")
    list_id = ada.make_list("Saturday")
    ada.add("Milk")
    inside.until_saved(checkout, list_id, "Milk")
    return ada, list_id


def _kill_an_up(checkout: Checkout, reached: Callable[[], bool]) -> None:
    kill_when(checkout, reached, "up", "--yes")


def _expect_well_and_tidy(checkout: Checkout) -> None:
    assert checkout.status()["problems"] == []
    checkout.preview("--expect-no-changes")
    checkout.preview("--refresh", "--expect-no-changes")
    with checkout.api() as api:
        assert _found(api, checkout) == _recorded(checkout), "the engine holds what the state records, no more, no less"


def _found(api: Api, checkout: Checkout) -> dict[str, set[str]]:
    """Kind -> ids of what the engine holds of the stack: by its label, and by its name where labels cannot be had."""

    def ours(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        prefix = f"{checkout.stack}-"
        return [entry for entry in entries if str(entry.get("Name") or entry["Spec"]["Name"]).startswith(prefix)]

    return {
        "services": {entry["ID"] for entry in ours(api.services())},
        "networks": {entry["Id"] for entry in ours(api.networks())},
        "volumes": {entry["Name"] for entry in ours(api.volumes().get("Volumes") or [])},
        "secrets": {entry["ID"] for entry in ours(api.secrets())},
        "configs": {entry["ID"] for entry in ours(api.configs())},
    }


def _recorded(checkout: Checkout) -> dict[str, set[str]]:
    """Kind -> ids of what the stack's state says there is."""
    deployment = json.loads((checkout.state_dir / "state.json").read_text())["deployment"]
    assert deployment["pending"] == [], "no operation is left half done"
    assert [resource["urn"] for resource in deployment["resources"] if resource.get("delete")] == []
    return {
        kind: {resource["id"] for resource in deployment["resources"] if resource["type"] == token}
        for kind, token in STATE_OF.items()
    }
