"""Releases that go wrong: `up` says so and stops, and nobody who uses the application notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import WebSocket

from cli.engine_host import Api
from tests.e2e import inside
from tests.e2e.browsing import Join, Person
from tests.e2e.traffic import Traffic
from tests.support.checkout import Checkout
from tests.support.looking import container_of, services

LAST_WORDS = "cannot start: the moon is in the wrong phase"
NEVER_HEALTHY = ("sh", "-c", f"echo '{LAST_WORDS}' >&2; exec sleep 3600")
BROKEN_MIGRATION = "ALTER TABLE public.list ADD COLUMN colour text;\nSELECT 1 / 0;\n"


@pytest.fixture
def restored(running: Checkout) -> Iterator[Checkout]:
    """The shared stack, which the test may misconfigure. Its old settings and one `up` are always the way back."""
    before = running.file.read_text()
    try:
        yield running
    finally:
        running.file.write_text(before)
        running.up()
    running.preview("--expect-no-changes")


def test_an_auth_server_that_never_gets_healthy_fails_up_with_its_log_while_the_old_one_serves(
    restored: Checkout, api: Api, join: Join
) -> None:
    ada = _shopper(join)
    serving = container_of(api, restored.stack, "auth-server")
    with inside.derived(restored, _image(restored, "auth-server"), command=NEVER_HEALTHY) as release:
        restored.configure(auth_server={"image": release})
        with Traffic(restored) as traffic:
            run = restored.up(expect=1)
        traffic.expect_unnoticed()
        assert LAST_WORDS in run.text, "the reason is on the screen, not in a log somebody has to find"
        assert "auth-server" in run.text
        assert "still serving" in run.text
        assert container_of(api, restored.stack, "auth-server") == serving, "the old task was never stopped"
        ada.add("Bread")
        inside.until_saved(restored, ada.open_list_id, "Bread")


def test_a_migration_that_fails_stops_up_before_anything_behind_it(restored: Checkout, api: Api) -> None:
    before = _specs(api, restored)
    schema = _columns(restored)
    files = {"/migrations/9999_colour.sql": BROKEN_MIGRATION}
    with inside.derived(restored, _image(restored, "migrations"), files=files) as release:
        extra = restored.settings.get("auth_server", {}).get("extra_env", {})
        restored.configure(
            migrations={"image": release},
            auth_server={"extra_env": {**extra, "RELEASE": "that needs the new schema"}},
            zero_cache={"cvr_connections": 6},
        )
        with Traffic(restored) as traffic:
            run = restored.up(expect=1)
        traffic.expect_unnoticed()
        assert "9999_colour.sql" in run.text, "the file that failed"
        assert "division by zero" in run.text, "what PostgreSQL said about it"
        after = _specs(api, restored)
        for behind in ("auth-server", "zero-cache", "frontend"):
            assert after[behind] == before[behind], f"{behind} must be as it was"
        assert after["migrations"] == before["migrations"], "rolled back to the release that works"
        assert _columns(restored) == schema, "nothing of the failed file stays"


def test_a_broken_edge_configuration_is_refused_while_the_old_one_serves(restored: Checkout, join: Join) -> None:
    ada = _shopper(join)
    sockets = _open_sockets(ada)
    with _edited(restored, "rendering/templates/nginx/answers.j2", "server_tokens off;", "server_tokens perhaps;"):
        with Traffic(restored) as traffic:
            run = restored.up(expect=1)
        traffic.expect_unnoticed()
        assert 'invalid value "perhaps"' in run.text, "nginx's own words"
        assert "edge-config" in run.text
    with Traffic(restored) as traffic:
        restored.up()
    traffic.expect_unnoticed()
    assert sockets and not any(socket.is_closed() for socket in sockets), "the page kept its connection all along"
    ada.add("Bread")
    inside.until_saved(restored, ada.open_list_id, "Bread")


def test_a_good_release_and_a_good_edge_configuration_take_over_without_anybody_noticing(
    restored: Checkout, api: Api, join: Join
) -> None:
    ada = _shopper(join)
    sockets = _open_sockets(ada)
    old = container_of(api, restored.stack, "auth-server")
    limits = restored.settings["edge"]["rate_limits"]
    restored.configure(
        edge={"rate_limits": {**limits, "auth": {"rate": "9999r/s", "burst": 9999}}},
        auth_server={"extra_env": {**restored.settings["auth_server"].get("extra_env", {}), "RELEASE": "next"}},
    )
    with Traffic(restored) as traffic:
        restored.up()
    traffic.expect_unnoticed()
    assert container_of(api, restored.stack, "auth-server") != old, "the new release runs"
    assert "rate=9999r/s" in inside.succeed(restored, "edge", "cat", "/srv/config/live/nginx.conf"), "and so does this"
    assert sockets and not any(socket.is_closed() for socket in sockets), "the page kept its connection all along"
    ada.add("Bread")
    inside.until_saved(restored, ada.open_list_id, "Bread")


def _shopper(join: Join) -> Person:
    """Somebody in the middle of writing a list."""
    ada = join("Ada")
    ada.make_list("Saturday")
    ada.add("Milk")
    ada.expect_item("Milk")
    return ada


def _open_sockets(person: Person) -> list[WebSocket]:
    """The page's connections to zero-cache, from a fresh start of the page."""
    sockets: list[WebSocket] = []
    person.page.on("websocket", lambda socket: sockets.append(socket))
    person.page.reload()
    person.expect_connection("connected")
    return sockets


def _image(checkout: Checkout, workload: str) -> str:
    """The image the workload runs."""
    return str(inside.containers(checkout, workload)[0]["Image"])


def _specs(api: Api, checkout: Checkout) -> dict[str, Any]:
    """Workload -> what its service was told to run."""
    return {workload: found["Spec"]["TaskTemplate"] for workload, found in services(api, checkout.stack).items()}


def _columns(checkout: Checkout) -> str:
    return inside.ask_database(
        checkout,
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE table_schema IN ('public', 'auth', 'ops') ORDER BY 1, 2, 3",
    )


@contextmanager
def _edited(checkout: Checkout, path: str, old: str, new: str) -> Iterator[None]:
    """A file of the checkout with `old` replaced by `new`."""
    file = checkout.root / path
    before = file.read_text()
    assert old in before, f"{path} must hold {old!r}"
    file.write_text(before.replace(old, new))
    try:
        yield
    finally:
        file.write_text(before)
