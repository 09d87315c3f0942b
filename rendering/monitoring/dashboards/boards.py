"""What a dashboard says, without Grafana's words for it: rows of panels, each with its queries, unit and limits.

Where a panel stands follows from its order, what it is called in Grafana's links and annotations (`number`) from its
key alone, so that one panel more changes none of the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rendering.monitoring.figures import UNLIMITED, Limits
from rendering.monitoring.watched import Unit

COLUMNS = 24
"""Grafana's grid; on a narrow screen it shows one panel below the other, whatever their width."""


class Shape(StrEnum):
    """How the values of a panel are drawn."""

    LINES = "lines"
    """Every series over time."""
    AREA = "area"
    """Series over time that add up to something, one on top of the other."""
    FIGURE = "figure"
    """The last value, large, over a faint line of the hours before."""
    LIST = "list"
    """A table with one line for each series that exists now."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """An expression in PromQL; `legend` names each of its series, with labels in double braces ("{{state}}")."""

    expr: str
    legend: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture. `key` is its name for ever, unique on its dashboard; `width` of 24 columns, `height` in rows of
    30 pixels."""

    key: str
    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    shape: Shape = Shape.LINES
    limits: Limits = UNLIMITED
    maximum: float | None = None
    """Of the axis; None where the values decide. It begins at 0."""
    words: tuple[tuple[int, str], ...] = ()
    """What a value is shown as instead of a number ((1, "yes"), (0, "no"))."""
    width: int = 8
    height: int = 7

    def __post_init__(self) -> None:
        for field in ("key", "title", "description", "unit", "queries"):
            if not getattr(self, field):
                raise ValueError(f"a panel has a {field}, got {self}")
        if not 1 <= self.width <= COLUMNS:
            raise ValueError(f"a panel is 1 to {COLUMNS} columns wide, got {self}")


@dataclass(frozen=True, kw_only=True)
class Row:
    """Panels under a heading, from left to right; those of a folded one ask for nothing until it is opened."""

    key: str
    title: str
    panels: tuple[Panel, ...]
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard; `uid` is its address in Grafana and its file's name."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        keys = [row.key for row in self.rows] + [panel.key for panel in self.panels()]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f"keys of dashboard {self.uid} that are there twice: {', '.join(sorted(twice))}")

    def panels(self) -> Iterator[Panel]:
        for row in self.rows:
            yield from row.panels


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something stands on the grid."""

    x: int
    y: int
    width: int
    height: int


def number(uid: str, key: str) -> int:
    """What Grafana calls a panel: positive, the same for the same key in every release."""
    return (zlib.crc32(f"{uid}/{key}".encode()) & 0x7FFF_FFFF) or 1


def places(board: Board) -> dict[str, Place]:
    """The place of every row and panel by its key; a panel that does not fit beside the last begins a new line."""
    found: dict[str, Place] = {}
    top = 0
    for row in board.rows:
        found[row.key] = Place(x=0, y=top, width=COLUMNS, height=1)
        x, y, tallest = 0, top + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            found[panel.key] = Place(x=x, y=y, width=panel.width, height=panel.height)
            x, tallest = x + panel.width, max(tallest, panel.height)
        # A folded row takes one line: what is inside is placed as if it were open, and the next follows at once.
        top = top + 1 if row.folded else y + tallest
    return found
