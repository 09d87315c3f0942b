"""Programs that come as Debian packages: which are missing, and installing them after saying so."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cli import machine, terminal
from cli.errors import MachineError

# Program -> the package that brings it.
TEST_PROGRAMS: Mapping[str, Mapping[str, str]] = {
    # The application's own tests want a PostgreSQL; Node comes with the Python packages.
    "unit": {"initdb": "postgresql", "openssl": "openssl"},
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


def _without_a_server(install: Callable[[], None]) -> None:
    """Debian's package would start a database server of its own on this machine; only its programs are wanted."""
    CLUSTERS.parent.mkdir(parents=True, exist_ok=True)
    CLUSTERS.write_text("# Written by ./grocery test: no server is wanted.\ncreate_main_cluster = false\n")
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
    if "postgresql" in packages and not CLUSTERS.exists():
        step = dataclasses.replace(step, act=lambda: _without_a_server(step.act))
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
