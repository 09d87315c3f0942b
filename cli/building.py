"""The images a stack needs on its engine: which are missing there, and building them."""

from __future__ import annotations

import os
from pathlib import Path

from cli import images, terminal
from cli.errors import GroceryError


class BuildFailed(GroceryError):
    """An image could not be built; nothing that runs has changed."""


def missing(root: Path, host: str) -> list[str]:
    """The images to build on the engine at `host`, those they stand on included."""
    try:
        return images.missing(_docker(host), images.inputs(root))
    except images.ImageError as error:
        raise _translated(error) from error


def build(root: Path, host: str, *, fresh: bool = False) -> images.BuildReport:
    """Builds what is missing and writes `.local/images.json`; with `fresh` everything anew."""
    (root / ".local").mkdir(mode=0o700, exist_ok=True)
    try:
        return images.build(root, console=terminal.err, docker=_docker(host), fresh=fresh)
    except images.ImageError as error:
        raise _translated(error) from error


def _docker(host: str) -> images.Docker:
    # The docker command has to mean the stack's engine, whatever this shell's own default is.
    os.environ["DOCKER_HOST"] = host
    os.environ.pop("DOCKER_CONTEXT", None)
    return images.Docker.find()


def _translated(error: images.ImageError) -> BuildFailed:
    what, _, details = str(error).partition("\n")
    return BuildFailed(what, details=details or None)
