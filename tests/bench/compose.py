"""The same containers under Docker Compose: what people would otherwise use, as the yardstick for `up`.

The Compose file is made from what the running services say of themselves, so both start the same images with the same
health checks, limits, files and volumes. It adds by hand what only the program knows: who waits for whom.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.engine_host import Api, execute, services_of, workload_of
from cli.images.base import debian_archives
from tests.bench.stand import STACK, Stand
from tests.support.checkout import ROOT

PROJECT = "grocery-bench"
SUITE = "trixie"
"""The Debian release whose docker-compose is one program that runs anywhere."""

WAITS_FOR: Mapping[str, tuple[str, ...]] = {
    "migrations": ("postgres",),
    "auth-server": ("migrations",),
    "zero-cache": ("migrations",),
    "frontend": ("auth-server", "zero-cache"),
}


class Unavailable(Exception):
    """Compose cannot be had here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Compose:
    """A Compose project on an engine."""

    program: tuple[str, ...]
    file: Path
    host: str

    def run(self, *arguments: str) -> float:
        """Runs a Compose command; returns the seconds it took. Raises RuntimeError."""
        began = time.monotonic()
        result = subprocess.run(
            [*self.program, "-p", PROJECT, "-f", str(self.file), *arguments],
            env={**os.environ, "DOCKER_HOST": self.host},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if result.returncode != 0:
            raise RuntimeError(f"compose {' '.join(arguments)} failed:\n{result.stderr[-2000:]}")
        return seconds


def find_program() -> tuple[str, ...]:
    """docker compose where it is installed, otherwise Debian's, unpacked beside the tree and not installed."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ("docker", "compose")
    kept = ROOT / ".local" / "bench" / "docker-compose"
    if not kept.exists():
        for folder in (kept.parent.parent, kept.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory() as unpacked:
            shutil.copy2(_unpacked(Path(unpacked)), kept.with_suffix(".new"))
        kept.with_suffix(".new").replace(kept)
    return (str(kept),)


def _unpacked(folder: Path) -> Path:
    sources = [path for path in Path("/etc/apt").rglob("sources.list*") if path.is_file()]
    sources += [path for path in Path("/etc/apt/sources.list.d").glob("*") if path.is_file()]
    archives = debian_archives("\n".join(path.read_text() for path in sources))
    if archives is None or shutil.which("apt-get") is None:
        raise Unavailable("docker compose is not installed, and there is no Debian archive to get it from")
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "sources.list").write_text(f"deb [signed-by={keyring}] {archives[0]} {SUITE} main\n")
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    apt = [
        *("apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={folder}/sources.list", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::State::status={folder}/status"),
        *("-o", f"Dir::Cache={folder}", "-o", "APT::Sandbox::User=root"),
    ]
    for command in (
        [*apt, "update"],
        [*apt, "download", "docker-compose"],
        ["sh", "-c", 'dpkg -x docker-compose_*.deb "$1"', "sh", str(folder / "root")],
    ):
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise Unavailable(f"docker compose is not installed, and could not be got: {result.stderr.strip()[-300:]}")
    return folder / "root/usr/libexec/docker/cli-plugins/docker-compose"


def project_of(stand: Stand, folder: Path) -> Compose:
    """A Compose project of the running stack, its file and the services' own files in `folder`. Raises Unavailable."""
    program = find_program()
    file = folder / "compose.yaml"
    with stand.api as api:
        networks = {entry["Id"]: entry for entry in api.networks()}
        services = {workload_of(service): service for service in services_of(api, STACK)}
        containers = stand.containers(api)
        document = {
            "services": {
                workload: _service(api, workload, service["Spec"], containers[workload]["Id"], networks, folder)
                for workload, service in services.items()
            },
            "networks": {
                _short(entry["Name"]): {"driver": "bridge", "internal": bool(entry["Internal"])}
                for entry in networks.values()
                if entry["Name"].startswith(f"{STACK}-")
            },
            "volumes": {
                _short(mount["Name"]): _volume(api, mount["Name"])
                for container in containers.values()
                for mount in container["Mounts"]
                if mount["Type"] == "volume"
            },
        }
    # JSON is YAML; a lone $ would be a variable to Compose.
    file.write_text(json.dumps(document, indent=2).replace("$", "$$"))
    return Compose(program=program, file=file, host=stand.checkout.host)


def _service(
    api: Api,
    workload: str,
    spec: Mapping[str, Any],
    container: str,
    networks: Mapping[str, Any],
    folder: Path,
) -> dict[str, Any]:
    template = spec["TaskTemplate"]
    inside = template["ContainerSpec"]
    limits = template["Resources"]["Limits"]
    health = inside["Healthcheck"]
    described: dict[str, Any] = {
        "image": inside["Image"],
        "environment": dict(entry.split("=", 1) for entry in inside.get("Env") or ()),
        "user": inside["User"],
        "init": True,
        "read_only": bool(inside.get("ReadOnly")),
        "cap_drop": ["ALL"],
        "mem_limit": limits["MemoryBytes"],
        "cpus": limits["NanoCPUs"] / 1e9,
        "stop_signal": inside.get("StopSignal") or "SIGTERM",
        "stop_grace_period": f"{inside['StopGracePeriod'] // 1_000_000_000}s",
        "restart": "always",
        "healthcheck": {
            "test": health["Test"],
            "interval": _seconds(health["Interval"]),
            "timeout": _seconds(health["Timeout"]),
            "retries": health["Retries"],
            "start_period": _seconds(health["StartPeriod"]),
        },
        "networks": {
            _short(networks[joined["Target"]]["Name"]): {"aliases": joined.get("Aliases") or []}
            for joined in template["Networks"]
        },
        "volumes": [
            *(_mount(mount) for mount in inside.get("Mounts") or ()),
            *_files(api, workload, inside, container, folder),
        ],
        "ports": [
            f"{port['PublishedPort']}:{port['TargetPort']}"
            for port in (spec.get("EndpointSpec") or {}).get("Ports") or ()
        ],
        "depends_on": {name: {"condition": "service_healthy"} for name in WAITS_FOR.get(workload, ())},
        "logging": {
            "driver": template["LogDriver"]["Name"],
            "options": template["LogDriver"].get("Options") or {},
        },
    }
    # In a service `Command` is the entrypoint.
    if inside.get("Command"):
        described["entrypoint"] = inside["Command"]
    if inside.get("Args"):
        described["command"] = inside["Args"]
    return described


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    if mount["Type"] == "volume":
        return {"type": "volume", "source": _short(mount["Source"]), "target": mount["Target"]}
    return {"type": "tmpfs", "target": mount["Target"], "tmpfs": {"size": mount["TmpfsOptions"]["SizeBytes"]}}


def _files(api: Api, workload: str, inside: Mapping[str, Any], container: str, folder: Path) -> list[dict[str, Any]]:
    """The workload's secrets and configs, read where they are mounted, as files of this machine."""
    mounted = []
    for number, entry in enumerate([*(inside.get("Secrets") or ()), *(inside.get("Configs") or ())]):
        told = entry["File"]
        path = told["Name"] if told["Name"].startswith("/") else f"/run/secrets/{told['Name']}"
        code, content, complaint = execute(api, container, ["/bin/busybox", "cat", path], user=inside["User"])
        if code != 0:
            raise RuntimeError(f"{workload}: {path} cannot be read: {complaint}")
        file = folder / f"{workload}-{number}"
        file.write_text(content)
        os.chown(file, int(told["UID"]), int(told["GID"]))
        file.chmod(int(told["Mode"]) & 0o777)
        mounted.append({"type": "bind", "source": str(file), "target": path, "read_only": True})
    return mounted


def _volume(api: Api, name: str) -> dict[str, Any]:
    found = api.inspect_volume(name)
    return {"driver": found["Driver"], "driver_opts": found.get("Options") or {}}


def _short(name: str) -> str:
    """test-bench-edge-config-1a2b3c4 -> edge-config"""
    return re.sub(r"-[0-9a-f]{7}$", "", name.removeprefix(f"{STACK}-"))


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 1_000_000_000}s"
