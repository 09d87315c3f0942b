"""The docker command: finding one that can build, asking it, and ending what was started with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.images.recipes import ImageError

STOP_PATIENCE = 2.0
"""Seconds a client has to end by itself when its build is not wanted any more."""


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """What the engine says about an image."""

    id: str
    created: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Docker:
    """A docker client that can build with BuildKit. DOCKER_HOST and DOCKER_CONTEXT reach it as they are set."""

    path: str
    environment: Mapping[str, str]

    @staticmethod
    def find() -> Docker:
        """The first client on PATH that reaches the engine and has BuildKit (in itself up to 22, as buildx after that).

        Raises ImageError naming each client that was looked at and why it does not do.
        """
        # Attestations would turn each image into an index that an engine without the containerd store cannot hold.
        environment = {
            **os.environ,
            "DOCKER_BUILDKIT": "1",
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "DOCKER_CLI_HINTS": "false",
        }
        objections: list[str] = []
        seen: set[Path] = set()
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            candidate = Path(folder or ".") / "docker"
            if not os.access(candidate, os.X_OK) or candidate.resolve() in seen:
                continue
            seen.add(candidate.resolve())
            docker = Docker(path=str(candidate), environment=environment)
            objection = docker._objection()
            if objection is None:
                return docker
            objections.append(f"  {candidate}: {objection}")
        if not objections:
            raise ImageError("no docker client on PATH; run ./grocery doctor to see what this machine lacks")
        raise ImageError(
            "no docker client on PATH can build images:\n" + "\n".join(objections) + "\n"
            "Install one that can: apt-get install docker-buildx (or docker-buildx-plugin from Docker's own packages)"
        )

    def _objection(self) -> str | None:
        answer = self._run("version", "--format", "{{.Client.Version}} {{.Server.Arch}}")
        if answer.returncode != 0:
            return (answer.stderr.strip().splitlines() or ["it cannot reach the engine"])[-1]
        version, _, architecture = answer.stdout.strip().partition(" ")
        if architecture != "amd64":
            raise ImageError(
                f"the engine's machine is {architecture or 'of an unknown kind'}; the images are made for amd64 only. "
                "Name an engine on amd64 in DOCKER_HOST, or images of your own in the stack's settings"
            )
        major = re.match(r"\d+", version)
        if major is not None and int(major[0]) < 23:
            return None
        if self._run("buildx", "version").returncode == 0:
            return None
        return f"version {version} has no BuildKit of its own and its buildx plugin is not installed"

    def _run(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.path, *arguments],
                env=dict(self.environment),
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ImageError(
                f"docker {arguments[0]} did not answer within {timeout:.0f} s; is the engine well? docker info"
            ) from error

    def inspect(self, names: Sequence[str]) -> dict[str, EngineImage]:
        """Those of the images `names` (repository:tag) that are on the engine."""
        answer = self._run("image", "inspect", *names)
        try:
            images = json.loads(answer.stdout)
        except ValueError:
            raise ImageError(f"docker image inspect: {answer.stderr.strip()}") from None
        if answer.returncode != 0 and "no such image" not in answer.stderr.lower():
            raise ImageError(f"docker image inspect: {answer.stderr.strip()}")
        found: dict[str, EngineImage] = {}
        for image in images:
            facts = EngineImage(id=image["Id"], created=image["Created"], size=image["Size"])
            found.update({name: facts for name in image["RepoTags"] or () if name in names})
        return found

    def name(self, ref: str, name: str) -> None:
        """Gives the image `ref` the further name `name`."""
        answer = self._run("tag", ref, name)
        if answer.returncode != 0:
            raise ImageError(f"docker tag {ref} {name}: {answer.stderr.strip()}")


class Stopped(Exception):
    """Another build has failed; this one is not wanted any more."""


class Running:
    """The processes that belong to a build, so that they end with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def start(self, command: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise Stopped
            process: subprocess.Popen[bytes] = subprocess.Popen(command, **options)  # type: ignore[call-overload]
            self._processes.add(process)
            return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.discard(process)

    def stop(self) -> None:
        """Ends them all: asked first, made to after a moment (a docker client waits for the step it is in)."""
        with self._lock:
            self._stopped = True
            processes = list(self._processes)
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
