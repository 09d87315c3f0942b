"""What was measured, as a table for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure beside its yardstick.

    ours, peer: in `unit`; None when it could not be measured, and then `note` says why.
    aim:        the limit in words; met is None where there is none, or nothing was measured.
    """

    name: str
    ours: float | None
    unit: str
    peer: float | None = None
    peer_name: str = ""
    aim: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.ours is not None and self.peer else None


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that were measured together, and what explains them."""

    title: str
    rows: tuple[Row, ...]
    details: tuple[str, ...] = field(default=())


def aimed(
    name: str,
    ours: float | None,
    unit: str,
    *,
    at_most: float,
    peer: float | None = None,
    peer_name: str = "",
    note: str = "",
) -> Row:
    """A row whose aim is a limit in its own unit; without another peer the limit is the yardstick."""
    return Row(
        name=name,
        ours=ours,
        unit=unit,
        peer=at_most if peer is None and not peer_name else peer,
        peer_name=peer_name or "the aim",
        aim=f"<= {at_most:g} {unit}",
        met=None if ours is None else ours <= at_most,
        note=note,
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def as_json(sections: Sequence[Section], circumstances: dict[str, Any]) -> dict[str, Any]:
    return {
        "circumstances": circumstances,
        "sections": [
            {
                "title": section.title,
                "rows": [{**asdict(row), "ratio": row.ratio} for row in section.rows],
                "details": list(section.details),
            }
            for section in sections
        ],
    }


def render(sections: Sequence[Section], circumstances: dict[str, Any], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("measured", "ours", "beside it", "", "ratio", "aim", ""):
        table.add_column(heading, justify="right" if heading in ("ours", "beside it", "ratio") else "left")
    for section in sections:
        table.add_row(f"[bold cyan]{escape(section.title)}")
        for row in section.rows:
            table.add_row(
                f"  {escape(row.name)}",
                _figure(row.ours, row.unit),
                _figure(row.peer, row.unit),
                f"[dim]{escape(row.peer_name)}",
                f"{row.ratio:.2f}" if row.ratio is not None else "",
                row.aim,
                {True: "[green]met", False: "[red]missed", None: ""}[row.met],
            )
    console.print(table)
    for section in sections:
        notes = [f"{row.name}: {row.note}" for row in section.rows if row.note]
        if section.details or notes:
            console.print(f"\n[bold]{escape(section.title)}[/]")
            for line in (*notes, *section.details):
                console.print(f"  [dim]{escape(line)}", soft_wrap=True)
    console.print("\n[dim]" + escape(", ".join(f"{name} {value}" for name, value in circumstances.items())))


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "[dim]-"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"
