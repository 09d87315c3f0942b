"""Fixtures that apply small programs for real, each as a stack of its own whose traces are removed afterwards."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.errors import APIError

from cli import local_engine
from cli.local_engine import Event, Op, Plan, Project, Result, Started
from cli.local_engine.model import Resource
from cli.local_engine.state import Store

from . import probe

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def docker_client(docker_host: str) -> APIClient:
    return APIClient(base_url=docker_host, version="auto")


@pytest.fixture(scope="session")
def probe_image(docker_client: APIClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of the probe image (see probe.py), loaded into the tests' engine."""
    return probe.build(docker_client, "grocery-probe:1", tmp_path_factory.mktemp("probe"))


@dataclass
class World:
    """What really exists on the Docker engine under one stack's name."""

    client: APIClient
    prefix: str

    def names(self, kind: str) -> list[str]:
        """Physical names of this stack's services, networks, secrets, configs or volumes."""
        listed = getattr(self.client, kind)()
        listed = listed["Volumes"] or [] if kind == "volumes" else listed
        named = (item.get("Name") or item["Spec"]["Name"] for item in listed)
        return sorted(name for name in named if name.startswith(self.prefix))

    def everything(self) -> list[str]:
        kinds = ("services", "networks", "secrets", "configs", "volumes")
        return [f"{kind}/{name}" for kind in kinds for name in self.names(kind)]

    def service(self, name: str) -> dict[str, Any]:
        """The inspected service whose physical name starts with the stack's name and this one."""
        (found,) = [item for item in self.names("services") if item.startswith(f"{self.prefix}-{name}")]
        inspected: dict[str, Any] = self.client.inspect_service(found)  # type: ignore[no-untyped-call]
        return inspected

    def running(self, name: str) -> list[str]:
        """Ids of the service's running tasks."""
        tasks = self.client.tasks(  # type: ignore[no-untyped-call]
            filters={"service": self.service(name)["ID"]}
        )
        return sorted(task["ID"] for task in tasks if task["Status"]["State"] == "running")

    def stop(self) -> None:
        """Remove the services without waiting for their tasks to end."""
        for name in self.names("services"):
            self.client.remove_service(name)  # type: ignore[no-untyped-call]

    def clear(self) -> None:
        """Remove everything, whatever state the test left it in."""
        deadline = time.monotonic() + 40
        removers: list[tuple[str, Callable[[str], object]]] = [
            ("services", self.client.remove_service),
            ("networks", self.client.remove_network),
            ("secrets", self.client.remove_secret),
            ("configs", self.client.remove_config),
            ("volumes", self.client.remove_volume),
        ]
        while self.everything() and time.monotonic() < deadline:
            for kind, remove in removers:
                for name in self.names(kind):
                    try:
                        remove(name)
                    except APIError:  # in use for some seconds after its service went
                        time.sleep(0.3)


@dataclass
class Stack:
    """A stack of one small program, driven through the engine's own interface."""

    project: Project
    world: World
    events: list[Event] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.project.stack

    @property
    def store(self) -> Store:
        return self.project.store()

    def write(self, source: str) -> None:
        """Make this the program; it finds kit.py's names without importing them itself."""
        text = "from kit import *\n" + textwrap.dedent(source)
        (self.project.root / "__main__.py").write_text(text)

    def configure(self, **values: str) -> None:
        flat = {f"{self.project.name}:{key}": value for key, value in values.items()}
        self.project = replace(self.project, config={**self.project.config, **flat})

    def preview(self, source: str | None = None) -> Plan:
        if source is not None:
            self.write(source)
        return local_engine.preview(self.project, on_event=self.events.append)

    def up(self, source: str | None = None) -> Result:
        if source is not None:
            self.write(source)
        self.events.clear()
        return local_engine.up(self.project, on_event=self.events.append)

    def resources(self) -> dict[str, Resource]:
        """Saved resources by their logical name, the stack's name cut off; of a replaced one, the new one."""
        state = self.store.require()
        return {
            resource.name.removeprefix(f"{self.name}-"): resource for resource in state.resources if not resource.delete
        }

    def saved(self) -> str:
        return self.store.path.read_text()

    def started(self) -> list[tuple[Op, str]]:
        """What the last operation did, in the order it began."""
        return [(e.step.op, e.step.name.removeprefix(f"{self.name}-")) for e in self.events if isinstance(e, Started)]

    def ops(self, found: Plan | Result) -> dict[str, Op]:
        """Logical name -> what happens, without what stays the same, components and providers."""
        return {
            step.name.removeprefix(f"{self.name}-"): step.op
            for step in found.steps
            if step.op is not Op.SAME and not step.type.startswith("pulumi:")
        }

    def start_up(self, *faults: str, confirm: str = "") -> subprocess.Popen[str]:
        """An `up` in a process of its own (see driver.py), to be killed or interrupted."""
        settings = {
            "root": str(self.project.root),
            "name": self.project.name,
            "stack": self.project.stack,
            "state_dir": str(self.project.state_dir),
            "config": dict(self.project.config),
            "passphrase": self.project.passphrase,
            "faults": faults,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.engine.driver", json.dumps(settings)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


MakeStack = Callable[[], Stack]


@pytest.fixture
def offline(tmp_path: Path) -> Stack:
    """A stack that needs no Docker engine: previews, passwords and certificates."""
    return _stack(tmp_path, World(client=None, prefix=""), host="", image="")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def ended() -> Iterator[list[World]]:
    """What ended tests have left: removed at the end of the session, when nothing is waited for any more."""
    worlds: list[World] = []
    yield worlds
    for world in worlds:
        world.clear()


@pytest.fixture
def make_stack(
    docker_host: str, docker_client: APIClient, probe_image: str, tmp_path: Path, ended: list[World]
) -> Iterator[MakeStack]:
    """Makes any number of stacks on the tests' Docker engine."""
    made: list[Stack] = []

    def make() -> Stack:
        folder = tmp_path / f"stack-{len(made)}"
        folder.mkdir()
        stack = _stack(folder, World(client=docker_client, prefix=""), host=docker_host, image=probe_image)
        stack.world.prefix = stack.name
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.world.stop()
        ended.append(stack.world)


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    return make_stack()


def _stack(folder: Path, world: World, host: str, image: str) -> Stack:
    root = folder / "program"
    root.mkdir()
    (root / "kit.py").write_text((HERE / "kit.py").read_text())
    project = Project(
        root=root,
        name="tests",
        stack=f"t{secrets.token_hex(3)}",
        state_dir=folder / "state",
        config={key: value for key, value in {"tests:host": host, "tests:image": image}.items() if value},
        secret_keys=frozenset(),
        passphrase="correct horse",
    )
    return Stack(project=project, world=world)


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Fail with `what` when it does not come about in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"did not happen within {seconds:g} s: {what}"
        time.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
