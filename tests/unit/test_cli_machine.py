"""What is found out about a machine before anything is done to it."""

from __future__ import annotations

import os
import shutil
import socket
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from cli import debian, engine_host, machine, preflight
from cli.engine_host import DEFAULT_HOST
from cli.errors import ConfigError, MachineError
from cli.stack import Stack, open_stack
from settings import load

GIB = 1 << 30
Usage = namedtuple("Usage", "total used free")


class Engine:
    """An engine that answers what a test says."""

    def __init__(self, *, swarm: dict[str, Any] | None = None, services: tuple[dict[str, Any], ...] = ()) -> None:
        self.swarm = swarm or {"LocalNodeState": "inactive"}
        self.labels: dict[str, str] = {}
        self.listed = list(services)

    def info(self) -> dict[str, Any]:
        return {"Swarm": self.swarm, "MemTotal": 8 * GIB, "DockerRootDir": "/nowhere"}

    def inspect_node(self, identity: str) -> dict[str, Any]:
        return {"ID": identity, "Spec": {"Labels": self.labels}}

    def services(self, **_: object) -> list[dict[str, Any]]:
        return self.listed

    def containers(self, **_: object) -> list[dict[str, Any]]:
        return []


def manager(nodes: int = 1) -> dict[str, Any]:
    return {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "n1", "Nodes": nodes}


def service(name: str, *, stack: str | None = None, port: int | None = None) -> dict[str, Any]:
    labels = {"grocery.stack": stack} if stack else {}
    ports = [{"PublishedPort": port, "PublishMode": "host"}] if port else []
    return {"Spec": {"Name": name, "Labels": labels, "EndpointSpec": {"Ports": ports}}}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Debian machine with apt-get and nothing else; whoever runs this is root."""
    found = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: found.get(name))
    monkeypatch.setattr(engine_host, "try_connect", lambda host, timeout=60: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "ENGINE_DATA", tmp_path / "docker")
    monkeypatch.setattr(machine, "DAEMON_FILE", tmp_path / "daemon.json")
    monkeypatch.setattr(machine, "has_systemd", lambda: False)
    monkeypatch.setattr(engine_host, "socket_path", lambda host: tmp_path / "docker.sock")


@pytest.mark.usefixtures("bare")
def test_on_a_bare_machine_everything_is_said_before_it_is_done() -> None:
    steps = machine.plan(DEFAULT_HOST)
    said = [step.what for step in steps]
    assert len(said) == 4
    assert "may gain privileges" in said[0], "the engine's settings are written before it starts for the first time"
    assert "docker.io" in said[1]
    assert "start the Docker engine" in said[2]
    assert "Swarm of one" in said[3]
    assert all(step.commands for step in steps), "each says what one would type"


@pytest.mark.usefixtures("bare")
def test_an_engine_that_was_here_before_keeps_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    (tmp_path / "docker").mkdir()
    assert [step.what.split()[0] for step in machine.plan(DEFAULT_HOST)] == ["start", "make"]


@pytest.mark.usefixtures("bare")
def test_without_root_and_without_an_engine_the_one_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MachineError) as refusal:
        machine.plan(DEFAULT_HOST)
    assert "sudo ./grocery prepare" in str(refusal.value.next)


@pytest.mark.usefixtures("bare")
def test_an_engine_elsewhere_is_never_installed() -> None:
    with pytest.raises(MachineError, match="no Docker engine answers"):
        machine.plan("ssh://deploy@example.com")


def test_an_engine_in_no_swarm_becomes_a_swarm_only_this_machine_reaches() -> None:
    (step,) = machine.swarm_steps(Engine(), DEFAULT_HOST)
    assert "--advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377" in step.commands[0]


def test_a_swarm_that_was_prepared_needs_nothing() -> None:
    engine = Engine(swarm=manager(), services=(service("theirs"),))
    engine.labels = {"grocery.data": "true"}
    assert machine.swarm_steps(engine, DEFAULT_HOST) == []


def test_a_swarm_of_our_own_services_only_lacks_its_mark() -> None:
    engine = Engine(swarm=manager(), services=(service("local-edge", stack="local"),))
    (step,) = machine.swarm_steps(engine, DEFAULT_HOST)
    assert "node update --label-add grocery.data=true n1" in step.commands[0]


@pytest.mark.parametrize(
    ("swarm", "services", "what", "next_step"),
    [
        (manager(), (service("theirs"),), "managed by someone else", "node update --label-add"),
        (manager(nodes=3), (), "managed by someone else", "node update --label-add"),
        ({"LocalNodeState": "active", "ControlAvailable": False, "NodeID": "n2"}, (), "is a worker", "swarm leave"),
        ({"LocalNodeState": "locked"}, (), "not usable", "swarm unlock"),
        ({"LocalNodeState": "error"}, (), "not usable", "docker info"),
    ],
)
def test_a_swarm_of_somebody_else_is_refused(
    swarm: dict[str, Any], services: tuple[dict[str, Any], ...], what: str, next_step: str
) -> None:
    with pytest.raises(MachineError, match=what) as refusal:
        machine.swarm_steps(Engine(swarm=swarm, services=services), DEFAULT_HOST)
    assert next_step in str(refusal.value.next)


def test_memory_above_the_node_s_is_refused_with_the_most_that_fits() -> None:
    settings = load({"target": {"memory": "16GiB"}})
    with pytest.raises(ConfigError) as refusal:
        preflight.check_memory(settings, 8 * GIB)
    assert refusal.value.next == "./grocery config set target.memory 8GiB"
    preflight.check_memory(settings, 16 * GIB)


def test_a_disk_that_is_nearly_full_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100 * GIB, 99.5 * GIB, GIB // 2))
    with pytest.raises(MachineError, match="the disk is nearly full") as refusal:
        preflight.check_space(tmp_path, GIB, purpose="run a stack")
    assert "0.5 GiB free" in str(refusal.value.value)


@pytest.fixture
def listening() -> Any:  # noqa: ANN401 - a generator of ports
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def stack_on(tmp_path: Path, port: int) -> Stack:
    (tmp_path / "Pulumi.local.yaml").write_text(
        f"config: {{'grocery:settings': {{edge: {{https_port: {port}, http_port: 1}}}}}}"
    )
    return open_stack("local", tmp_path)


def test_a_port_held_by_a_process_is_refused_with_its_name(tmp_path: Path, listening: int) -> None:
    with pytest.raises(ConfigError, match=f"port {listening} is in use") as refusal:
        preflight.check_ports(stack_on(tmp_path, listening), Engine())
    assert f"process {os.getpid()}" in str(refusal.value.value)


def test_a_port_of_another_stack_is_refused_with_the_service(tmp_path: Path) -> None:
    engine = Engine(services=(service("other-edge", stack="other", port=9443),))
    with pytest.raises(ConfigError, match="port 9443 is in use") as refusal:
        preflight.check_ports(stack_on(tmp_path, 9443), engine)
    assert "other-edge" in str(refusal.value.value)


def test_the_port_of_the_stack_s_own_edge_is_not_in_the_way(tmp_path: Path, listening: int) -> None:
    engine = Engine(services=(service("local-edge", stack="local", port=listening),))
    preflight.check_ports(stack_on(tmp_path, listening), engine)


def test_programs_come_without_the_servers_that_their_packages_would_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units, clusters = tmp_path / "units", tmp_path / "postgresql/createcluster.conf"
    monkeypatch.setattr(debian, "UNITS", units)
    monkeypatch.setattr(debian, "CLUSTERS", clusters)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(debian, "missing", lambda programs: sorted(set(programs.values())))
    found: dict[str, str] = {}

    def install() -> None:
        found.update({unit.name: str(unit.readlink()) for unit in units.iterdir()})
        found["clusters"] = clusters.read_text()

    monkeypatch.setattr(machine, "install_step", lambda *_, **__: machine.Step(what="", commands=(), act=install))
    debian.ensure([debian.TEST_PROGRAMS["unit"]], why="the tests", yes=True)
    assert "create_main_cluster = false" in found.pop("clusters")
    assert found == {"prometheus.service": "/dev/null", "prometheus-alertmanager.service": "/dev/null"}


def test_a_server_that_somebody_runs_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "UNITS", tmp_path)
    own = tmp_path / "prometheus.service"
    own.write_text("[Service]\n")
    monkeypatch.setattr(debian, "missing", lambda _: ["prometheus"])
    monkeypatch.setattr(machine, "install_step", lambda *_, **__: machine.Step(what="", commands=(), act=lambda: None))
    debian.ensure([], why="the tests", yes=True)
    assert own.read_text() == "[Service]\n"
