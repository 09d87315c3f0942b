"""All tests at once by two workers of pytest-xdist, each with an engine of its own: most of them wait most of the time.

What shares a stack stays together. Everything works without xdist as well, one test after another.
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from cli import building, images

WORKERS = 2
CLEARING_SECONDS = 90
"""For a worker that was interrupted to remove its engine."""

APART = (
    "tests/e2e/images/",
    "tests/e2e/rendering/",
    "tests/e2e/test_accounts",
    "tests/e2e/test_alerts_command",
    "tests/e2e/test_certificate",
    "tests/e2e/test_edge_",
    "tests/e2e/test_monitoring_calm",
    "tests/e2e/test_monitoring_faults",
    "tests/e2e/test_tunnel",
)
"""Of the tests with an engine, those that do not need the stack that the others share, by how their paths begin."""

Built = TypeVar("Built")


def scope_of(test: str) -> str:
    """What one worker runs in a row: tests of the same scope. test: a node id."""
    apart = next((start for start in APART if test.startswith(start)), None)
    if apart:
        return apart
    return "the shared stack" if test.startswith("tests/e2e/") else "no application"


class ByScope(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


class Workers:
    """The plugin of the process that hands out the tests."""

    def __init__(self) -> None:
        self._nodes: list[WorkerController] = []

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> LoadScopeScheduling:
        return ByScope(config, log)

    def pytest_testnodeready(self, node: WorkerController) -> None:
        self._nodes.append(node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Ctrl-C reaches the workers too. xdist would end them within seconds, and their engines would stay."""
        for node in self._nodes:
            # However that ends, xdist sees to the rest.
            with contextlib.suppress(Exception):
                node.channel.waitclose(CLEARING_SECONDS)


def built_once(folder: Path, root: Path, host: str, build: Callable[[], Built]) -> Built:
    """What `build` makes on the engine at `host`; images that another worker has built already are copied.

    folder: common to the workers; root: the checkout whose images they are.
    """
    with (folder / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = folder / "images.host"
        if there.exists():
            _copy_images(root, there.read_text(), host)
        built = build()
        there.write_text(host)
        return built


def _copy_images(root: Path, source: str, target: str) -> None:
    made = images.inputs(root)
    tags = [images.tag(name, made[name].digest) for name in ("base", *images.SHIPPED)]
    docker = building.docker_on(target).path
    with subprocess.Popen([docker, "--host", source, "save", *tags], stdout=subprocess.PIPE) as saving:
        subprocess.run([docker, "--host", target, "load", "--quiet"], stdin=saving.stdout, check=False)
