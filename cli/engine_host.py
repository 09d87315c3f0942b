"""The Docker engine a stack runs on: reaching it, and what is there."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException

from cli import over_ssh
from cli.errors import MachineError

Api = Any
"""`docker.APIClient`: the engine's API as it is, in plain dicts. Any, because most of its methods carry no types."""

DEFAULT_HOST = "unix:///var/run/docker.sock"
DATA_LABEL = "grocery.data"
"""The node label that workloads with a data volume are pinned to; set when a machine is prepared."""
STACK_LABEL = "grocery.stack"
WORKLOAD_LABEL = "grocery.workload"


def socket_path(host: str) -> Path | None:
    """The socket of a unix:// host, None for every other one."""
    return Path(host.removeprefix("unix://")) if host.startswith("unix://") else None


def is_this_machine(host: str) -> bool:
    return socket_path(host) is not None


def try_connect(host: str, *, timeout: int = 60) -> Api | None:
    """A client of the engine, or None when nothing answers there."""
    try:
        if host.startswith("ssh://"):
            return over_ssh.client(host, timeout=timeout)
        # "auto" asks the engine for its version, so a client that exists is one that was answered.
        return APIClient(base_url=host, version="auto", timeout=timeout)
    except (DockerException, OSError):
        return None


@contextmanager
def connect(host: str, *, timeout: int = 60) -> Iterator[Api]:
    """A client of the engine. Raises MachineError when nothing answers there.

    timeout: seconds after which an answer of which nothing came is given up.
    """
    api = try_connect(host, timeout=timeout)
    if api is None:
        raise unreachable(host)
    with api:
        yield api


def unreachable(host: str) -> MachineError:
    """Why nothing answers at this host, and the way out that fits."""
    what = "no Docker engine answers"
    path = socket_path(host)
    if path is None:
        return MachineError(
            what,
            value=f"target.host = {host}",
            expected="an engine that this machine may talk to",
            next=f"docker -H {host} info   shows what is wrong; ./grocery config set target.host ... changes the host",
        )
    elsewhere = os.environ.get("DOCKER_HOST")
    if elsewhere and elsewhere != host and try_connect(elsewhere, timeout=5) is not None:
        return MachineError(
            what,
            value=f"target.host = {host}, while DOCKER_HOST = {elsewhere} answers",
            next=f"./grocery config set target.host {elsewhere}",
        )
    if _is_socket(path) and not os.access(path, os.R_OK | os.W_OK):
        return MachineError(
            "the Docker engine may not be used by this user",
            value=f"{path} is closed to user {os.getuid()}",
            expected="membership of the group that owns the socket, or root",
            next='sudo usermod -aG docker "$USER", log in again, then run this again',
        )
    return MachineError(
        what,
        value=f"target.host = {host}",
        expected="a running engine",
        next="sudo ./grocery prepare" if os.getuid() else "./grocery prepare",
    )


@dataclass(frozen=True, kw_only=True)
class SwarmState:
    """What the engine says about its Swarm.

    state:    inactive, pending, active, error or locked.
    manager:  may this engine change the Swarm?
    prepared: does this node carry the data label?
    foreign:  names of services that belong to no stack of this project.
    """

    state: str
    manager: bool
    nodes: int
    node_id: str
    prepared: bool
    foreign: tuple[str, ...]


def swarm_state(api: Api) -> SwarmState:
    swarm = api.info().get("Swarm", {})
    state = str(swarm.get("LocalNodeState", "inactive"))
    manager = bool(swarm.get("ControlAvailable"))
    node_id = str(swarm.get("NodeID", ""))
    prepared = False
    foreign: tuple[str, ...] = ()
    if manager:
        labels = api.inspect_node(node_id)["Spec"].get("Labels") or {}
        prepared = labels.get(DATA_LABEL) == "true"
        specs = [service["Spec"] for service in api.services()]
        foreign = tuple(sorted(spec["Name"] for spec in specs if STACK_LABEL not in (spec.get("Labels") or {})))
    return SwarmState(
        state=state,
        manager=manager,
        nodes=int(swarm.get("Nodes") or 0),
        node_id=node_id,
        prepared=prepared,
        foreign=foreign,
    )


def service_named(api: Api, name: str) -> dict[str, Any] | None:
    """The service of exactly this name; the engine itself finds all whose name begins so."""
    found = api.services(filters={"name": name})
    return next((dict(service) for service in found if service["Spec"]["Name"] == name), None)


def services_of(api: Api, stack: str) -> list[dict[str, Any]]:
    """The stack's services as the engine's API tells them."""
    return list(api.services(filters={"label": f"{STACK_LABEL}={stack}"}))


def workload_of(service: Mapping[str, Any]) -> str:
    """The workload a service realises; services that are not of this project go by their own name."""
    spec = service["Spec"]
    return str((spec.get("Labels") or {}).get(WORKLOAD_LABEL, spec["Name"]))


def moment(text: str) -> datetime:
    """RFC 3339 with up to nanoseconds, as the engine writes it; datetime reads microseconds."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def execute(api: Api, container: str, command: Sequence[str], *, user: str = "") -> tuple[int, str, str]:
    """Runs a program inside a container to its end: its exit code, what it printed, and what it complained of."""
    told = {1: b"", 2: b""}
    running = following(api, container, command, user=user)
    while True:
        try:
            stream, content = next(running)
        except StopIteration as end:
            return int(end.value), told[1].decode(errors="replace"), told[2].decode(errors="replace")
        told[stream] += content


def following(
    api: Api, container: str, command: Sequence[str], *, user: str = ""
) -> Generator[tuple[int, bytes], None, int]:
    """Runs a program inside a container: (1 for stdout or 2 for stderr, what was written) as it comes, and its exit
    code in the end.

    The SDK's own way now and then loses what is printed at once: it reads the socket past what the HTTP client has
    already buffered. This reads through that buffer.
    """
    made = api.exec_create(container, list(command), user=user)
    answer = api._post_json(api._url("/exec/{0}/start", made["Id"]), data={"Detach": False, "Tty": False}, stream=True)
    api._raise_for_status(answer)
    with answer:
        while head := answer.raw.read(8):
            stream, length = struct.unpack(">BxxxL", head)
            yield stream, answer.raw.read(length)
    return int(api.exec_inspect(made["Id"])["ExitCode"])


class Silent(Exception):
    """A service's own words, or what kept it from being asked."""


def run_inside(api: Api, stack: str, workload: str, command: list[str]) -> str:
    """Runs a program in the workload's running container; returns its stdout. Raises Silent with its stderr."""
    labels = [f"{STACK_LABEL}={stack}", f"{WORKLOAD_LABEL}={workload}"]
    containers = api.containers(filters={"label": labels, "status": "running"})
    if not containers:
        raise Silent(f"no container of {workload} runs on this node")
    code, out, err = execute(api, str(containers[0]["Id"]), command)
    if code != 0:
        raise Silent((err or out).strip())
    return out


def image_exists(api: Api, reference: str) -> bool:
    """Does the engine have the image, or can it get it from the registry the reference names?"""
    try:
        api.inspect_image(reference)
    except APIError:
        try:
            api.inspect_distribution(reference)
        except APIError:
            return False
    return True


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False
