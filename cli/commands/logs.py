"""`./grocery logs`: what the services say."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from docker.errors import NotFound
from rich.markup import escape

from cli import engine_host, terminal
from cli.engine_host import Api
from cli.errors import ConfigError
from cli.options import StackName
from cli.stack import LOCAL_STACK, Stack, open_stack

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def logs(
    service: Annotated[str | None, typer.Argument(help="One service; all of them when left out.")] = None,
    stack: StackName = LOCAL_STACK,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is said, until Ctrl-C.")] = False,
    since: Annotated[str | None, typer.Option("--since", help="Only what is younger: 90s, 10m, 2h, 1d.")] = None,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="Lines of each service to begin with.")] = 100,
) -> None:
    """Show what the services say, oldest first."""
    opened = open_stack(stack)
    options: dict[str, object] = {"stdout": True, "stderr": True, "timestamps": True, "tail": tail}
    if since:
        options["since"] = int(time.time() - seconds(since))
    chosen = _services(opened, service)
    host = opened.settings.target.host
    lines = _followed(host, chosen, options) if follow else sorted(_said(host, chosen, options))
    width = max(len(name) for name in chosen)
    for moment, name, text in lines:
        terminal.out.print(f"[dim]{moment[:19]}[/] [cyan]{name:<{width}}[/] {escape(text)}", soft_wrap=True)


def seconds(text: str) -> int:
    """ "10m" -> 600. Raises ConfigError."""
    if not (text[:-1].isdigit() and text[-1:] in UNITS):
        raise ConfigError("--since is not a length of time", value=text, expected="a whole number and s, m, h or d")
    return int(text[:-1]) * UNITS[text[-1]]


def _services(stack: Stack, wanted: str | None) -> dict[str, str]:
    """Workload name -> service ID."""
    with engine_host.connect(stack.settings.target.host) as api:
        found = engine_host.services_of(api, stack.name)
    names = {engine_host.workload_of(entry): str(entry["ID"]) for entry in found}
    if not names:
        raise ConfigError(
            f"stack {stack.name} has no services",
            expected="a stack that is up",
            next=f"./grocery up --stack {stack.name}",
        )
    if wanted is None:
        return names
    if wanted not in names:
        raise ConfigError(f"there is no service {wanted}", value=wanted, expected=f"one of {', '.join(sorted(names))}")
    return {wanted: names[wanted]}


def _said(host: str, services: dict[str, str], options: dict[str, object]) -> Iterator[tuple[str, str, str]]:
    """Of each service the newest lines, as many as the options ask for, oldest first."""
    with engine_host.connect(host) as api:
        for name, identity in services.items():
            containers = _containers(api, identity)
            if containers is None:
                lines = list(lines_of(api.service_logs(identity, is_tty=False, **options)))
            else:
                lines = sorted(line for container in containers for line in _lines_of_one(api, container, options))
            tail = int(str(options["tail"]))
            yield from (_parted(name, line) for line in lines[max(0, len(lines) - tail) :])


def _containers(api: Api, service: str) -> list[str] | None:
    """The service's containers, when all of them are on the node asked; None when some are elsewhere.

    Here each is asked itself: the engine's own collection of a service's logs comes to no end now and then.
    """
    here = api.info()["Swarm"]["NodeID"]
    placed = [task for task in api.tasks(filters={"service": service}) if task.get("NodeID")]
    if any(task["NodeID"] != here for task in placed):
        return None
    found = ((task["Status"].get("ContainerStatus") or {}).get("ContainerID") for task in placed)
    return [str(container) for container in found if container]


def _lines_of_one(api: Api, container: str, options: dict[str, object]) -> list[str]:
    try:
        said: bytes = api.logs(container, **options)
    except NotFound:
        return []  # removed meanwhile
    return said.decode(errors="replace").splitlines()


def _followed(host: str, services: dict[str, str], options: dict[str, object]) -> Iterator[tuple[str, str, str]]:
    """Each service is read by its own thread with its own connection; lines come in the order they arrive."""
    arrived: queue.Queue[tuple[str, str, str]] = queue.Queue()

    def read(name: str, identity: str) -> None:
        with engine_host.connect(host) as api:
            for line in lines_of(api.service_logs(identity, is_tty=False, follow=True, **options)):
                arrived.put(_parted(name, line))

    readers = [threading.Thread(target=read, args=entry, daemon=True) for entry in services.items()]
    for reader in readers:
        reader.start()
    while any(reader.is_alive() for reader in readers) or not arrived.empty():
        try:
            yield arrived.get(timeout=1)
        except queue.Empty:
            continue


def lines_of(chunks: Any) -> Iterator[str]:  # noqa: ANN401 - the SDK's untyped stream of bytes
    """Whole lines out of a stream of pieces."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


def _parted(name: str, line: str) -> tuple[str, str, str]:
    """The engine writes `<RFC 3339 moment> <text>`."""
    moment, _, text = line.partition(" ")
    return moment, name, text
