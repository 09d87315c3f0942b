"""What a machine needs before a stack can run on it, and the steps that give it that.

Planning changes nothing: it returns steps that say what they will do. An engine that exists is reconfigured only by
steps a person has agreed to, and one that serves somebody else not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import engine_host, terminal
from cli.engine_host import DATA_LABEL, DEFAULT_HOST, Api
from cli.errors import MachineError
from cli.files import write_atomically

ENGINE_PACKAGES = ("docker.io", "iptables", "ca-certificates")
OPTIONAL_ENGINE_PACKAGES = ("docker-cli", "docker-buildx")
"""Newer releases keep these apart from docker.io; older ones do not have them."""

DAEMON_FILE = Path("/etc/docker/daemon.json")
ENGINE_DATA = Path("/var/lib/docker")
ENGINE_LOG = Path("/var/log/dockerd.log")
# A service cannot ask for this itself, so an engine that is ours gives it to every container.
DAEMON_SETTINGS = {"no-new-privileges": True}

SWARM_ADDRESS = "127.0.0.1"
"""A laptop's own address changes; a Swarm of one must not depend on it, and its port stays private."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do to the machine.

    what:     a sentence for the person who is asked.
    commands: what one would type to do it by hand.
    act:      does it; raises MachineError when it cannot.
    """

    what: str
    commands: tuple[str, ...]
    act: Callable[[], None]


def plan(host: str) -> list[Step]:
    """The steps this machine lacks for a stack on `host`; none when it is ready.

    Raises MachineError when it cannot be made ready from here: no root, a host elsewhere, a foreign Swarm.
    """
    api = engine_host.try_connect(host)
    if api is None:
        return [*_engine_steps(host), *_swarm_steps_of_a_new_engine(host)]
    with api:
        return swarm_steps(api, host)


def carry_out(steps: Iterable[Step]) -> None:
    for step in steps:
        terminal.step(step.what)
        step.act()


def _engine_steps(host: str) -> list[Step]:
    path = engine_host.socket_path(host)
    if host != DEFAULT_HOST or (path is not None and path.exists() and os.geteuid() != 0):
        raise engine_host.unreachable(host)
    installed = shutil.which("dockerd") is not None
    if os.geteuid() != 0:
        raise MachineError(
            "no Docker engine runs on this machine, and only root can change that",
            value="dockerd is installed but does not answer" if installed else "dockerd is not installed",
            expected="a running engine this user may use, or root to install and start one",
            next='sudo ./grocery prepare   then: sudo usermod -aG docker "$USER" and log in again',
        )
    steps = []
    if not ENGINE_DATA.exists() and not DAEMON_FILE.exists():
        text = json.dumps(DAEMON_SETTINGS, indent=2) + "\n"
        steps.append(
            Step(
                what=f"write {DAEMON_FILE} of the new engine: no process in a container may gain privileges",
                commands=(f"echo '{json.dumps(DAEMON_SETTINGS)}' > {DAEMON_FILE}",),
                act=lambda: _write_new(DAEMON_FILE, text),
            )
        )
    if not installed:
        steps.append(install_step(ENGINE_PACKAGES, why="the Docker engine", optional=OPTIONAL_ENGINE_PACKAGES))
    steps.append(_start_step(host))
    return steps


def _swarm_steps_of_a_new_engine(host: str) -> list[Step]:
    """What an engine that does not run yet will most probably need; decided again once it does."""

    def act() -> None:
        with engine_host.connect(host) as api:
            for step in swarm_steps(api, host):
                step.act()

    return [Step(what="make it a Swarm of one, reachable from this machine only", commands=_swarm_commands(), act=act)]


def swarm_steps(api: Api, host: str) -> list[Step]:
    """The steps that make a running engine a Swarm this project may use."""
    swarm = engine_host.swarm_state(api)
    where = f"the engine at {host}"
    if swarm.state == "inactive":
        return [
            Step(
                what=f"make {where} a Swarm of one, reachable from this machine only",
                commands=_swarm_commands(),
                act=lambda: make_swarm(host),
            )
        ]
    if swarm.state != "active":
        raise MachineError(
            f"the Swarm of {where} is not usable",
            value=f"its state is {swarm.state}",
            expected="active (or inactive: then it is made)",
            next="docker swarm unlock" if swarm.state == "locked" else "docker info   shows the Swarm's own error",
        )
    if not swarm.manager:
        raise MachineError(
            f"{where} is a worker of a Swarm that is managed elsewhere",
            value=f"node {swarm.node_id} may not change its Swarm",
            expected="a manager, or an engine in no Swarm",
            next="set target.host to a manager of that Swarm, or take this machine out of it: docker swarm leave",
        )
    if swarm.prepared:
        return []
    if swarm.foreign or swarm.nodes > 1:
        services = f"services of others: {', '.join(swarm.foreign[:5])}{' ...' if len(swarm.foreign) > 5 else ''}"
        raise MachineError(
            f"the Swarm of {where} is managed by someone else",
            value=services if swarm.foreign else f"it has {swarm.nodes} nodes, and none was chosen for the data",
            expected="a Swarm of this project, or leave to run beside what is there",
            next=f"to say that it may: docker node update --label-add {DATA_LABEL}=true {swarm.node_id}",
        )
    return [
        Step(
            what=f"mark the node of {where} as the one that holds the data",
            commands=(f"docker node update --label-add {DATA_LABEL}=true {swarm.node_id}",),
            act=lambda: make_swarm(host),
        )
    ]


def install_step(packages: Sequence[str], *, why: str, optional: Sequence[str] = ()) -> Step:
    """Installs Debian packages. Raises MachineError when this is no Debian or Ubuntu, or not root."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise MachineError(
            f"{why} is missing",
            value=f"not found: {names} (and no apt-get to install them with)",
            next=f"install them with this system's package manager: {names}",
        )
    if os.geteuid() != 0:
        raise MachineError(
            f"{why} is missing, and only root can install it",
            value=f"not found: {names}",
            next=f"sudo apt-get install -y --no-install-recommends {names}",
        )

    def act() -> None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], failure="apt-get could not read the package lists", env=environment)
        wanted = [*packages, *(name for name in optional if _is_available(name))]
        run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted],
            failure=f"apt-get could not install {' '.join(wanted)}",
            env=environment,
        )

    return Step(
        what=f"install {why} with apt-get: {names}",
        commands=("apt-get update", f"apt-get install -y --no-install-recommends {names}"),
        act=act,
    )


def run(command: Sequence[str], *, failure: str, env: dict[str, str] | None = None) -> str:
    """Runs a program quietly; its last lines are shown only when it fails. Returns what it printed."""
    result = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise MachineError(
            failure,
            value=f"`{' '.join(command)}` ended with {result.returncode}",
            next="its last lines are below; put that right, then run this again",
            details="\n".join(result.stdout.splitlines()[-20:]),
        )
    return result.stdout


def has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _start_step(host: str) -> Step:
    if has_systemd():

        def by_systemd() -> None:
            run(["systemctl", "enable", "--now", "docker"], failure="systemd could not start the Docker engine")
            wait_for_engine(host, log=None)

        return Step(what="start the Docker engine", commands=("systemctl enable --now docker",), act=by_systemd)

    def directly() -> None:
        with ENGINE_LOG.open("ab") as log:
            # Its own session: Ctrl-C here and the end of this command are no business of the engine's.
            subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_for_engine(host, log=ENGINE_LOG)

    return Step(
        what=f"start the Docker engine (no systemd here, so `dockerd` itself; it logs to {ENGINE_LOG})",
        commands=(f"setsid dockerd >> {ENGINE_LOG} 2>&1 &",),
        act=directly,
    )


def wait_for_engine(host: str, *, log: Path | None, seconds: float = 60) -> None:
    """Returns once the engine answers. Raises MachineError with the end of its log when it does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        api = engine_host.try_connect(host, timeout=5)
        if api is not None:
            api.close()
            return
        time.sleep(0.2)
    shown = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log else None
    raise MachineError(
        f"the Docker engine was started but does not answer within {seconds:.0f} s",
        value=host,
        next=f"look at {log}" if log else "journalctl -u docker",
        details=shown,
    )


def _swarm_commands() -> tuple[str, ...]:
    return (
        f"docker swarm init --advertise-addr {SWARM_ADDRESS} --listen-addr {SWARM_ADDRESS}:2377",
        f"docker node update --label-add {DATA_LABEL}=true $(docker node ls -q)",
    )


def make_swarm(host: str) -> None:
    """Makes the engine a Swarm of one, if it is in none, and marks its node; asks nobody."""
    with engine_host.connect(host) as api:
        if engine_host.swarm_state(api).state == "inactive":
            api.init_swarm(advertise_addr=SWARM_ADDRESS, listen_addr=f"{SWARM_ADDRESS}:2377")
        node = api.inspect_node(engine_host.swarm_state(api).node_id)
        spec = node["Spec"]
        spec["Labels"] = {**(spec.get("Labels") or {}), DATA_LABEL: "true"}
        api.update_node(node["ID"], node["Version"]["Index"], spec)


def _write_new(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)


def _is_available(package: str) -> bool:
    found = subprocess.run(["apt-cache", "show", package], capture_output=True, text=True, check=False)
    return found.returncode == 0 and bool(found.stdout.strip())
