"""What the services of a stack have said, and what they say next, asked of their containers.

Containers are asked, not services: the engine's own collection of a service's logs comes to no end now and then, and in
older engines does not speak at all while it is followed. Only of tasks on other nodes it is the one way.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from docker.errors import APIError, DockerException, NotFound

from cli import engine_host
from cli.engine_host import Api
from cli.log_lines import Line, newest, parse

LOOK_SECONDS = 1.0
"""How often new tasks are looked for."""
GATHER_SECONDS = 0.3
"""Lines that come within this time are put in the order of time."""

ALL = {"stdout": True, "stderr": True, "timestamps": True}


def said(api: Api, services: Mapping[str, str], *, since: int | None, count: int | None) -> dict[str, list[Line]]:
    """Workload -> its lines, oldest first: the newest `count` (None for all) since a moment (Unix seconds).

    services: workload -> ID.
    """
    asked = {**ALL, "tail": "all" if count is None else count, **({} if since is None else {"since": since})}
    found = {}
    for name, identity in services.items():
        containers = containers_here(api, identity)
        if containers is None:
            pieces = api.service_logs(identity, is_tty=False, **asked)
            lines = [parse(raw, service=name) for raw in lines_of(pieces)]
        else:
            lines = [line for container in containers for line in _lines_of_one(api, name, container, asked)]
        found[name] = newest(lines, count)
    return found


def containers_here(api: Api, service: str) -> list[str] | None:
    """The service's containers, when all of them are on the node asked; None when some are elsewhere."""
    here = api.info()["Swarm"]["NodeID"]
    try:
        tasks = api.tasks(filters={"service": service})
    except NotFound:
        return []  # the service was removed meanwhile
    placed = [task for task in tasks if task.get("NodeID")]
    if any(task["NodeID"] != here for task in placed):
        return None
    found = ((task["Status"].get("ContainerStatus") or {}).get("ContainerID") for task in placed)
    return [str(container) for container in found if container]


def _lines_of_one(api: Api, service: str, container: str, asked: Mapping[str, object]) -> list[Line]:
    try:
        told: bytes = api.logs(container, **asked)
    except NotFound:
        return []  # removed meanwhile
    return [
        parse(raw, service=service, container=container) for raw in told.decode(errors="replace").split("\n") if raw
    ]


def lines_of(pieces: Any) -> Iterator[str]:  # noqa: ANN401 - the SDK's untyped stream of bytes
    """Whole lines out of a stream of pieces."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


class Following:
    """Goes on where `said` ended, until the stack has no services any more.

    Each container is read by a thread with a connection of its own; containers that come later are found and read from
    their first line.
    """

    def __init__(
        self, host: str, stack: str, workloads: frozenset[str], *, began: str, told: Mapping[str, list[Line]]
    ) -> None:
        """began: when `said` was asked, by the engine's clock. told: what it answered."""
        self._host = host
        self._stack = stack
        self._workloads = workloads
        self._began = began
        self._told = {line.container: line.moment for lines in told.values() for line in lines}
        self._arrived: queue.Queue[Line] = queue.Queue()
        self._readers: dict[str, threading.Thread] = {}

    def lines(self) -> Iterator[Line]:
        with engine_host.connect(self._host) as api:
            first = True
            looked = 0.0
            there = True
            while there or not self._arrived.empty() or any(reader.is_alive() for reader in self._readers.values()):
                if time.monotonic() - looked >= LOOK_SECONDS:
                    there = self._look(api, first=first)
                    first = False
                    looked = time.monotonic()
                yield from self._gathered()

    def _look(self, api: Api, *, first: bool) -> bool:
        """Reads what is not read yet. first: what was there before the following began. Has the stack services?"""
        services = {
            engine_host.workload_of(service): str(service["ID"])
            for service in engine_host.services_of(api, self._stack)
        }
        for name in self._workloads & services.keys():
            containers = containers_here(api, services[name])
            for identity in [services[name]] if containers is None else containers:
                if identity not in self._readers:
                    self._start(name, identity, elsewhere=containers is None, first=first)
        return bool(services)

    def _start(self, name: str, identity: str, *, elsewhere: bool, first: bool) -> None:
        asked: dict[str, object] = {**ALL, "tail": "all"}
        if first:
            # From the second of the last line on: what of that second was told already is left out.
            asked["since"] = _second(self._told.get(identity[:12], self._began))
        reader = threading.Thread(target=self._read, args=(name, identity, elsewhere, asked), daemon=True)
        self._readers[identity] = reader
        reader.start()

    def _read(self, name: str, identity: str, elsewhere: bool, asked: Mapping[str, object]) -> None:
        container = "" if elsewhere else identity
        told = self._told.get(container[:12], "")
        # What is removed, or an engine that ends, has no more to say.
        with contextlib.suppress(APIError, DockerException, OSError), engine_host.connect(self._host) as api:
            if elsewhere:
                pieces = api.service_logs(identity, is_tty=False, follow=True, **asked)
            else:
                pieces = api.logs(identity, stream=True, follow=True, **asked)
            for raw in lines_of(pieces):
                line = parse(raw, service=name, container=container)
                if line.moment > told:
                    self._arrived.put(line)

    def _gathered(self) -> list[Line]:
        """What comes within a short time, in the order of time."""
        found = []
        end = time.monotonic() + GATHER_SECONDS
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                found.append(self._arrived.get(timeout=left))
        return newest(found, None)


def _second(moment: str) -> int:
    """Unix time of an RFC 3339 moment in UTC, its fraction cut off."""
    return int(datetime.fromisoformat(f"{moment[:19]}+00:00").timestamp())
