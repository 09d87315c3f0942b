"""Which images there are, what each is made of, and the hash that names it."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_EPOCH = 1_750_000_000
# What tools leave in the source tree; a build never sees it and makes its own.
_GENERATED = frozenset({"node_modules", "dist", "coverage", "__pycache__", ".vite", ".vite-temp"})
_GENERATED_SUFFIXES = (".md", ".tsbuildinfo", ".log", ".tmp")


class ImageError(Exception):
    """An image could not be built. The message says which, why, and what to do."""


def build_failed(name: str, lines: Sequence[str], code: int) -> ImageError:
    log = "\n".join(f"    {line}" for line in lines)
    return ImageError(f"image {name} could not be built (exit code {code}); its last lines:\n{log}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one image is made.

    `parents` maps a build argument of `images/<name>/Dockerfile` to the image it stands for; `stands_on` is the one
    whose layers the result shares. `paths` are what the build sees besides its own folder, relative to the repository.
    """

    name: str
    parents: Mapping[str, str] = field(default_factory=dict)
    stands_on: str | None = None
    paths: tuple[str, ...] = ()
    shipped: bool = False

    @property
    def context(self) -> tuple[str, ...]:
        return (f"images/{self.name}", *self.paths)


def _go_program(name: str) -> Recipe:
    parents = {"RUNTIME": "runtime", "PROGRAMS": "go-programs"}
    return Recipe(name=name, parents=parents, stands_on="runtime", shipped=True)


# In the order in which layers are counted: the first to need a shared layer carries it.
RECIPES: tuple[Recipe, ...] = (
    Recipe(name="base"),
    Recipe(name="runtime", parents={"BASE": "base"}, paths=("images/shared/closure",)),
    Recipe(name="toolchain", parents={"BASE": "base"}, paths=("images/shared/closure",)),
    Recipe(name="node", parents={"RUNTIME": "runtime", "TOOLCHAIN": "toolchain"}, stands_on="runtime"),
    Recipe(name="app", parents={"TOOLCHAIN": "toolchain"}, paths=("app",)),
    Recipe(
        name="postgres",
        parents={"BASE": "base", "RUNTIME": "runtime"},
        stands_on="runtime",
        paths=("images/shared/closure",),
        shipped=True,
    ),
    Recipe(
        name="migrations",
        parents={"POSTGRES": "postgres"},
        stands_on="postgres",
        paths=("app/schema/migrations",),
        shipped=True,
    ),
    Recipe(
        name="backups",
        parents={"BASE": "base", "POSTGRES": "postgres"},
        stands_on="postgres",
        paths=("images/shared/closure", "images/shared/publishing"),
        shipped=True,
    ),
    Recipe(name="auth-server", parents={"NODE": "node", "APP": "app"}, stands_on="node", shipped=True),
    Recipe(name="zero-cache", parents={"NODE": "node", "TOOLCHAIN": "toolchain"}, stands_on="node", shipped=True),
    Recipe(
        name="nginx",
        parents={"BASE": "base", "RUNTIME": "runtime"},
        stands_on="runtime",
        paths=("images/shared/closure",),
    ),
    Recipe(
        name="edge",
        parents={"NGINX": "nginx"},
        stands_on="nginx",
        paths=("images/shared/publishing",),
        shipped=True,
    ),
    Recipe(
        name="acme",
        parents={"BASE": "base", "RUNTIME": "runtime"},
        stands_on="runtime",
        paths=("images/shared/closure", "images/shared/publishing"),
        shipped=True,
    ),
    Recipe(
        name="frontend",
        parents={"RUNTIME": "runtime", "APP": "app"},
        stands_on="runtime",
        paths=("images/shared/publishing",),
        shipped=True,
    ),
    Recipe(name="go-programs", parents={"BASE": "base"}, paths=("images/shared/closure",)),
    _go_program("prometheus"),
    _go_program("alertmanager"),
    _go_program("node-exporter"),
    _go_program("postgres-exporter"),
    _go_program("nginx-exporter"),
    _go_program("blackbox-exporter"),
    Recipe(name="docker-filter", parents={"NGINX": "nginx"}, stands_on="nginx", shipped=True),
    Recipe(
        name="monitor",
        parents={"TOOLCHAIN": "toolchain"},
        paths=("monitor", "app/schema/package.json", "app/schema/src"),
    ),
    Recipe(name="collector", parents={"NODE": "node", "MONITOR": "monitor"}, stands_on="node", shipped=True),
    Recipe(name="synthetic-user", parents={"NODE": "node", "MONITOR": "monitor"}, stands_on="node", shipped=True),
)
SHIPPED: tuple[str, ...] = tuple(recipe.name for recipe in RECIPES if recipe.shipped)
BY_NAME: Mapping[str, Recipe] = {recipe.name: recipe for recipe in RECIPES}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The build context of one image as a tar archive, and the hash that names the result."""

    archive: bytes
    digest: str


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.name in _GENERATED or entry.name.endswith(_GENERATED_SUFFIXES):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry)
        else:
            yield entry


def _archive(root: Path, paths: Sequence[str]) -> bytes:
    missing = [path for path in paths if not (root / path).exists()]
    if missing:
        raise ImageError(
            f"{', '.join(missing)} is missing in {root}; expected a complete checkout: git status, git restore"
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted({file for name in paths for file in _files(root / name)}):
            entry = tarfile.TarInfo(path.relative_to(root).as_posix())
            entry.mtime = _EPOCH
            entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            content = path.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def inputs(root: Path) -> dict[str, Inputs]:
    """The inputs of every image of the checkout `root`. Raises ImageError when a file they need is missing."""
    found: dict[str, Inputs] = {}
    for recipe in RECIPES:
        archive = _archive(root, recipe.context)
        digest = hashlib.sha256(archive)
        for argument, parent in sorted(recipe.parents.items()):
            digest.update(f"\n{argument}={found[parent].digest}".encode())
        found[recipe.name] = Inputs(archive=archive, digest=digest.hexdigest())
    return found


def tag(name: str, digest: str) -> str:
    """The local name of an image with these inputs."""
    return f"grocery/{name}:{digest[:12]}"
