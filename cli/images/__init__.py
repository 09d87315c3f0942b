"""Builds the project's container images: `./grocery images build`.

`build(root, ...)` looks at what each image is made of, builds those that are missing on the engine, writes
`.local/images.json` (which the program reads to know what to run) and returns a `BuildReport`. A second call with
nothing changed builds nothing and takes about a second. `render(report, console)` prints the report's table,
`report.as_json()` is what `--json` prints. Every failure is an `ImageError` whose text is meant for people.

What an image is made of is a tar archive with fixed order, times and owners: its SHA-256, together with that of the
images it stands on, names the result (`grocery/<name>:<12 hex digits>`), and the very same archive is the build
context. So whatever a build can see is in the hash, and nothing else is. Services refer to images by their ID: for
Swarm an ID is the one form of reference that never asks a registry.
"""

from __future__ import annotations

from cli.images.builder import build, missing
from cli.images.docker import Docker
from cli.images.recipes import RECIPES, SHIPPED, ImageError, Inputs, Recipe, inputs, tag
from cli.images.report import BuildReport, BuiltImage, load, render

__all__ = [
    "RECIPES",
    "SHIPPED",
    "BuildReport",
    "BuiltImage",
    "Docker",
    "ImageError",
    "Inputs",
    "Recipe",
    "build",
    "inputs",
    "load",
    "missing",
    "render",
    "tag",
]
