"""The images a stack needs on its engine: which are missing there, and building them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import httpx

from cli import images, machine, terminal
from cli.errors import GroceryError
from cli.images.base import REGISTRY_PATIENCE

REGISTRY = "https://registry-1.docker.io/v2/"
BASE_PACKAGES = ("mmdebstrap", "debian-archive-keyring")


class BuildFailed(GroceryError):
    """An image could not be built; nothing that runs has changed."""


def missing(root: Path, host: str) -> list[str]:
    """The images to build on the engine at `host`, those they stand on included."""
    try:
        return images.missing(docker_on(host), images.inputs(root))
    except images.ImageError as error:
        raise _translated(error) from error


def steps_before(names: Iterable[str]) -> list[machine.Step]:
    """What the machine lacks to build these images: the maker of the base, where no registry has a finished one.

    Raises MachineError when it is missing and this user cannot install it.
    """
    if "base" not in names or shutil.which("mmdebstrap") or _registry_answers():
        return []
    why = "the maker of the base image (no registry answers, so it is made here from Debian's archive)"
    return [machine.install_step(BASE_PACKAGES, why=why)]


def build(root: Path, host: str, *, fresh: bool = False) -> images.BuildReport:
    """Builds what is missing and writes `.local/images.json`; with `fresh` everything anew."""
    (root / ".local").mkdir(mode=0o700, exist_ok=True)
    try:
        return images.build(root, console=terminal.err, docker=docker_on(host), fresh=fresh)
    except images.ImageError as error:
        raise _translated(error) from error


def _registry_answers() -> bool:
    """Any answer will do: the engine finds out the rest."""
    try:
        httpx.get(REGISTRY, timeout=REGISTRY_PATIENCE)
    except (httpx.HTTPError, OSError):
        return False
    return True


def docker_on(host: str) -> images.Docker:
    """A client that can build on the engine at `host`. Raises ImageError."""
    # The docker command has to mean the stack's engine, whatever this shell's own default is.
    os.environ["DOCKER_HOST"] = host
    os.environ.pop("DOCKER_CONTEXT", None)
    return images.Docker.find()


def _translated(error: images.ImageError) -> BuildFailed:
    what, _, details = str(error).partition("\n")
    return BuildFailed(what, details=details or None)
