"""Programs that come as Debian packages: which are missing, and installing them after saying so."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cli import machine, terminal
from cli.errors import MachineError

# Program -> the package that brings it.
TEST_PROGRAMS: Mapping[str, Mapping[str, str]] = {
    # The application's own tests want a PostgreSQL; Node comes with the Python packages.
    "unit": {
        "initdb": "postgresql",
        "openssl": "openssl",
        "promtool": "prometheus",
        "amtool": "prometheus-alertmanager",
    },
    "engine": {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2"},
    "e2e": {
        "dockerd": "docker.io",
        "iptables": "iptables",
        "ip": "iproute2",
        "mmdebstrap": "mmdebstrap",
        "chromium": "chromium",
        # Puts the stack's authority among those a browser trusts.
        "certutil": "libnss3-tools",
    },
}

CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")
UNITS = Path("/etc/systemd/system")
SERVERS = ("prometheus", "prometheus-alertmanager")
"""Packages that would start what the unit of their name says."""


def _without_servers(packages: Iterable[str], install: Callable[[], None]) -> None:
    """Some of Debian's packages would start servers of their own on this machine; only their programs are wanted."""
    if "postgresql" in packages and not CLUSTERS.exists():
        CLUSTERS.parent.mkdir(parents=True, exist_ok=True)
        CLUSTERS.write_text("# Written by ./grocery test: no server is wanted.\ncreate_main_cluster = false\n")
    for package in set(SERVERS).intersection(packages):
        unit = UNITS / f"{package}.service"
        if not os.path.lexists(unit):
            UNITS.mkdir(parents=True, exist_ok=True)
            # What `systemctl mask` does, which wants a running systemd; `systemctl unmask` takes it back.
            unit.symlink_to("/dev/null")
    install()


def missing(programs: Mapping[str, str]) -> list[str]:
    """The packages of the programs that are not on PATH (nor where Debian keeps what root and PostgreSQL run)."""
    servers = (str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin"))
    path = ":".join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *servers])
    return sorted({package for program, package in programs.items() if shutil.which(program, path=path) is None})


def ensure(programs: Iterable[Mapping[str, str]], *, why: str, yes: bool) -> None:
    """Installs what is missing, as root after asking. Raises MachineError naming the one command otherwise."""
    packages = missing({program: package for group in programs for program, package in group.items()})
    if not packages:
        return
    step = machine.install_step(packages, why=why)
    step = dataclasses.replace(step, act=functools.partial(_without_servers, packages, step.act))
    terminal.say(f"{why} needs Debian packages this machine lacks. This will {step.what}")
    try:
        terminal.confirm("Go on?", yes=yes, refusal=f"{why} needs packages that were not installed")
    except Exception as error:
        raise MachineError(
            f"{why} needs packages that are not installed",
            value=" ".join(packages),
            next=f"apt-get install -y --no-install-recommends {' '.join(packages)}   (or run it again with --yes)",
        ) from error
    machine.carry_out([step])
