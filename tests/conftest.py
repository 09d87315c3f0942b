"""The fixtures every tier may use. Nothing here starts before a test asks for it."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from cli import building
from tests.support.checkout import Checkout, copy_of_the_tree, free_port
from tests.support.node import workspace
from tests.support.private_engine import PrivateEngine, make_folder
from tests.support.workers import COMMON, WORKERS, Worker, Workers

REUSED = "GROCERY_TEST_DOCKER_HOST"
"""Names an engine that already runs, so that a developer need not build every image again for each session."""


def pytest_xdist_auto_num_workers() -> int:
    return 0 if os.environ.get(REUSED) else WORKERS


def pytest_configure(config: pytest.Config) -> None:
    told = getattr(config, "workerinput", None)
    config.pluginmanager.register(Workers() if told is None else Worker(Path(told[COMMON])), "workers")


@pytest.fixture(scope="session")
def private_engine() -> Iterator[PrivateEngine]:
    """A Docker engine of this session's own, a Swarm of one; the session sees its network as localhost."""
    if os.environ.get(REUSED):
        pytest.skip(f"needs an engine of its own, and {REUSED} is set")
    if os.geteuid() != 0:
        pytest.fail(f"a private Docker engine needs root: sudo ./grocery test (or name one in {REUSED})", pytrace=False)
    engine = PrivateEngine(make_folder())
    try:
        engine.open()
        with engine.enter():
            yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def docker_host(request: pytest.FixtureRequest) -> str:
    """The address of the engine tests run on: unix:///... of the private one, or of the reused one."""
    reused = os.environ.get(REUSED)
    if reused:
        return reused
    engine: PrivateEngine = request.getfixturevalue("private_engine")
    return engine.host


@pytest.fixture(scope="session")
def built(docker_host: str, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A copy of the tree in which every image was built, into the tests' engine, by the code `./grocery up` uses."""
    root = copy_of_the_tree(tmp_path_factory.mktemp("built"))
    worker = pytestconfig.pluginmanager.get_plugin("workers")
    builder = worker if isinstance(worker, Worker) else building
    builder.build(root, docker_host)
    return root


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the application with the packages of its lock file."""
    folder = tmp_path_factory.mktemp("app")
    # PostgreSQL refuses to run as root, so the tests run theirs as somebody who must get through to it.
    for part in (folder, *folder.parents):
        if part.owner() == folder.owner() and part != Path(part.anchor):
            part.chmod(part.stat().st_mode | 0o011)
    return workspace(folder, "app")


@pytest.fixture(scope="session")
def images(built: Path) -> dict[str, str]:
    """Image name -> the reference a service names it by."""
    import json

    written = json.loads((built / ".local" / "images.json").read_text())
    return {name: entry["ref"] for name, entry in written["images"].items()}


MakeCheckout = Callable[..., Checkout]


@pytest.fixture(scope="session")
def make_checkout(built: Path, docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeCheckout]:
    """Makes stacks that can stand side by side: make_checkout(**settings), each with its own tree, ports and addresses.

    Images are there already. Nothing watches a stack or backs it up unless a test says so: most ask about something
    else. Whatever a stack leaves is removed at the end of the session, if the engine is not.
    """
    # On an engine that is shared, another session's stacks and addresses must not be in the way.
    session = secrets.token_hex(2) if os.environ.get(REUSED) else ""
    numbers = count(1)
    pools = iter(random.sample(range(100, 200), 100) if session else range(210, 255))
    with contextlib.ExitStack() as cleanup:

        def make(stack: str | None = None, **settings: object) -> Checkout:
            number = next(numbers)
            root = copy_of_the_tree(tmp_path_factory.mktemp("checkout"))
            (root / ".local").mkdir(mode=0o700)
            (root / ".local" / "images.json").write_bytes((built / ".local" / "images.json").read_bytes())
            defaults: dict[str, object] = {
                "edge": {"https_port": free_port(), "http_port": free_port()},
                "network": {"pool": f"10.{next(pools)}.0.0/16"},
                "monitoring": {"enabled": False},
                "backups": {"enabled": False},
            }
            checkout = Checkout(
                root, stack=stack or f"test-{session}{number}", host=docker_host, settings=defaults | settings
            )
            if session:
                cleanup.callback(checkout.remove)
            return checkout

        yield make


@pytest.fixture
def stack(make_checkout: MakeCheckout) -> Iterator[Checkout]:
    """A stack of this test alone, not up yet."""
    checkout = make_checkout()
    yield checkout
    checkout.remove()
