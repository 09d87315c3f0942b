"""All tests at once by two workers of pytest-xdist, each with an engine of its own: most of them wait most of the time.

What shares a stack stays together. Everything works without xdist as well, one test after another.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from cli import building, images

WORKERS = 2
CLEARING_SECONDS = 300
"""For a worker that was interrupted to end its test and to remove its engine."""

APART = (
    "tests/e2e/images/",
    "tests/e2e/rendering/",
    "tests/e2e/test_accounts",
    "tests/e2e/test_alerts_command",
    "tests/e2e/test_backups_",
    "tests/e2e/test_certificate",
    "tests/e2e/test_edge_",
    "tests/e2e/test_monitoring_calm",
    "tests/e2e/test_monitoring_faults",
    "tests/e2e/test_tunnel",
)
"""Of the tests with an engine, those that do not need the stack that the others share, by how their paths begin."""

STOP = "stop"
"""A file in the folder common to all workers: no other test is to begin."""
COMMON = "common"
"""What a worker finds the folder by that is common to all."""


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
        self._common: tempfile.TemporaryDirectory[str] | None = None

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> LoadScopeScheduling:
        return ByScope(config, log)

    def pytest_configure_node(self, node: WorkerController) -> None:
        self._common = self._common or tempfile.TemporaryDirectory(prefix="grocery-tests-")
        node.workerinput[COMMON] = self._common.name
        self._nodes.append(node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """After Ctrl-C xdist would end the workers within seconds, and their engines would stay."""
        if self._common:
            (Path(self._common.name) / STOP).touch()
        for node in self._nodes:
            # However that ends, xdist sees to the rest.
            with contextlib.suppress(Exception):
                node.channel.waitclose(CLEARING_SECONDS)

    def pytest_unconfigure(self) -> None:
        if self._common:
            self._common.cleanup()


class Worker:
    """The plugin of a process that runs tests. folder: common to all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test that is marked `alone` waits until the others' have ended, and lets none begin meanwhile."""
        # The terminal's signal reaches the workers as well, but may have been taken by what a test had started.
        if (self._folder / STOP).exists():
            raise KeyboardInterrupt
        alone = item.get_closest_marker("alone") is not None
        with contextlib.ExitStack() as door, contextlib.ExitStack() as room:
            door.enter_context(_locked(self._folder / "door"))
            room.enter_context(_locked(self._folder / "room", shared=not alone))
            if not alone:
                door.close()
            return (yield)

    def build(self, root: Path, host: str) -> images.BuildReport:
        """Builds the images of the checkout `root` on the engine at `host`; what another worker has built is copied."""
        with _locked(self._folder / "images"):
            there = self._folder / "images.host"
            written = root / ".local" / "images.json"
            if there.exists():
                _copy_images(root, there.read_text(), host)
                # What images share is known where they were built: the ones in between are not copied.
                written.parent.mkdir(mode=0o700, exist_ok=True)
                shutil.copy(self._folder / "images.json", written)
            report = building.build(root, host)
            shutil.copy(written, self._folder / "images.json")
            there.write_text(host)
            return report


@contextlib.contextmanager
def _locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def _copy_images(root: Path, source: str, target: str) -> None:
    made = images.inputs(root)
    tags = [images.tag(name, made[name].digest) for name in ("base", *images.SHIPPED)]
    docker = building.docker_on(target).path
    with subprocess.Popen([docker, "--host", source, "save", *tags], stdout=subprocess.PIPE) as saving:
        subprocess.run([docker, "--host", target, "load", "--quiet"], stdin=saving.stdout, check=False)
