"""One running stack that most tests look at; a test that breaks things takes a stack of its own (fixture `stack`)."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

import pytest
from docker import APIClient, DockerClient
from playwright.sync_api import Browser, Playwright, sync_playwright

from cli.engine_host import Api
from tests.conftest import MakeCheckout
from tests.e2e.browsing import Join, Person, Sharing, come, launch, share_a_list
from tests.e2e.kept_stack import kept, store  # noqa: F401 - fixtures
from tests.e2e.public_stack import door, public  # noqa: F401 - fixtures
from tests.e2e.watched_stack import calm, troubled  # noqa: F401 - fixtures
from tests.support.checkout import UNLIMITED, Checkout
from tests.support.push import PushService

SETTINGS: Mapping[str, Any] = {
    "auth_server": {
        "rate_limit_requests": 1_000_000,
        "extra_env": {"PUSH_SETTLE_SECONDS": "1", "REGISTRATIONS_PER_ADDRESS": "1000000"},
    },
    # Unlike the stacks of single tests, the shared one has all that a stack has.
    "monitoring": {"enabled": True},
    "backups": {"enabled": True},
}


@pytest.fixture(scope="session")
def way_out(docker_host: str) -> str:
    """The address under which this process is reached by services that have a way out: one of the engine's own."""
    with APIClient(base_url=docker_host, version="auto") as api:
        [bridge] = api.inspect_network("bridge")["IPAM"]["Config"]
    # An engine that has just been started for the first time does not name the gateway yet.
    first = next(ipaddress.ip_network(bridge["Subnet"]).hosts())
    return str(bridge.get("Gateway", first))


@pytest.fixture(scope="session")
def client(docker_host: str) -> Iterator[DockerClient]:
    """For single containers: of stacks the engine's API tells more directly."""
    with contextlib.closing(DockerClient(base_url=docker_host, timeout=120)) as with_engine:
        yield with_engine


@pytest.fixture(scope="session")
def push_service(way_out: str) -> Iterator[PushService]:
    """Where the shared stack's server sends notifications."""
    with PushService(way_out) as service:
        yield service


@pytest.fixture(scope="session")
def running(make_checkout: MakeCheckout, push_service: PushService) -> Checkout:
    """A stack that is up, shared by every test of the session; each leaves it as it found it."""
    checkout = make_checkout(**SETTINGS)
    checkout.configure(
        edge={"rate_limits": UNLIMITED},
        auth_server={"push_services": [push_service.url]},
    )
    checkout.up()
    return checkout


@pytest.fixture
def api(docker_host: str, running: Checkout) -> Iterator[Api]:
    with running.api() as client:
        yield client


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browsers(
    playwright: Playwright, running: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Browser]]:
    """Two browsers of their own processes and profiles."""
    started = [launch(playwright, running, tmp_path_factory.mktemp("home")) for _ in range(2)]
    yield started
    for browser in started:
        browser.close()


@pytest.fixture
def join(running: Checkout, browsers: list[Browser]) -> Iterator[Join]:
    """Somebody logged in at the next browser, with nothing in it of whoever was there before: join("Ada") is somebody
    new, join(ada.account) another device of hers."""
    free = cycle(browsers)
    with contextlib.ExitStack() as leaving:
        yield lambda who, **options: come(leaving, next(free), running, who, **options)


@pytest.fixture(scope="session")
def friends(running: Checkout, browsers: list[Browser]) -> Iterator[tuple[Person, Person]]:
    """Two people, logged in for all tests, each at a browser of their own."""
    with contextlib.ExitStack() as leaving:
        ada, ben = (
            come(leaving, browser, running, name) for browser, name in zip(browsers, ("Ada", "Ben"), strict=True)
        )
        yield ada, ben


@pytest.fixture
def sharing(friends: tuple[Person, Person]) -> Sharing:
    """A new list of theirs."""
    return share_a_list(*friends)
