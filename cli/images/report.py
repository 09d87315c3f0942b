"""What was built: read back from the engine, written down for the program, printed for people."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.images.docker import Docker
from cli.images.recipes import BY_NAME, SHIPPED, ImageError, Inputs, tag


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """One image as it is on the engine.

    `ref` goes into a service's image field; `unique_bytes` are the layer bytes that the images before it in `SHIPPED`
    do not hold already, so their sum is what all of them take on disk.
    """

    name: str
    ref: str
    id: str
    inputs: str
    built: str
    unique_bytes: int
    seconds: float = 0.0
    """What building it took this time; 0 when it was there."""

    def as_json(self) -> dict[str, str | int]:
        return {
            "ref": self.ref,
            "id": self.id,
            "inputs": self.inputs,
            "built": self.built,
            "unique_bytes": self.unique_bytes,
        }


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a call of `build` did; `steps` has the seconds of all that was built, intermediate images included."""

    images: Mapping[str, BuiltImage]
    steps: Mapping[str, float]
    seconds: float
    base: str
    """Where the base came from, in words; empty when it was not needed."""

    @property
    def total_bytes(self) -> int:
        return sum(image.unique_bytes for image in self.images.values())

    def as_json(self) -> dict[str, object]:
        return {
            "images": {name: image.as_json() for name, image in self.images.items()},
            "steps": {name: round(seconds, 1) for name, seconds in self.steps.items()},
            "seconds": round(self.seconds, 1),
            "total_bytes": self.total_bytes,
            "base": self.base,
        }


def read_back(
    docker: Docker, made: Mapping[str, Inputs], steps: Mapping[str, float], root: Path
) -> dict[str, BuiltImage]:
    before = load(root)
    there = docker.inspect([tag(name, its.digest) for name, its in made.items()])
    gone = [name for name in SHIPPED if tag(name, made[name].digest) not in there]
    if gone:
        raise ImageError(
            f"{', '.join(gone)} vanished from the engine while others were built; is something pruning images there?"
        )
    counted: set[str] = set()

    def unique_bytes(name: str | None) -> int:
        if name is None or name in counted or tag(name, made[name].digest) not in there:
            return 0
        counted.add(name)
        below = BY_NAME[name].stands_on
        ground = there.get(tag(below, made[below].digest)) if below is not None else None
        own = there[tag(name, made[name].digest)].size - (ground.size if ground is not None else 0)
        return own + unique_bytes(below)

    images: dict[str, BuiltImage] = {}
    for name in SHIPPED:
        image = there[tag(name, made[name].digest)]
        unique = unique_bytes(name)
        known = before.get(name)
        images[name] = BuiltImage(
            name=name,
            ref=image.id,
            id=image.id,
            inputs=made[name].digest,
            built=image.created,
            # Unbuilt images keep their figure: what they stand on may have been removed since.
            unique_bytes=known.unique_bytes if known is not None and known.id == image.id else unique,
            seconds=steps.get(name, 0.0),
        )
    return images


def load(root: Path) -> dict[str, BuiltImage]:
    """The images that `.local/images.json` knows of; empty when there is none or it cannot be understood (a build makes
    it anew)."""
    try:
        entries = json.loads((root / ".local" / "images.json").read_text())["images"]
        return {name: BuiltImage(name=name, **entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write(path: Path, content: object) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".images-", delete=False) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def render(report: BuildReport, console: Console) -> None:
    """Prints what there is, how large it is, and how long it took."""
    table = Table(box=None, pad_edge=False)
    table.add_column("image")
    table.add_column("id")
    table.add_column("adds", justify="right")
    table.add_column("built in", justify="right")
    for name, image in report.images.items():
        took = f"{image.seconds:.1f} s" if name in report.steps else "[dim]was there"
        table.add_row(name, image.id.removeprefix("sha256:")[:12], f"{image.unique_bytes / 1e6:.1f} MB", took)
    console.print(table)
    others = {name: seconds for name, seconds in report.steps.items() if name not in report.images}
    if others:
        console.print("[dim]on the way: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in others.items()))
    console.print(f"{report.total_bytes / 1e6:.1f} MB in unique layers, {report.seconds:.1f} s")
