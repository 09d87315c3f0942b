"""The few figures that tell how a stack does, for those who look for a moment: a terminal, the head of a dashboard."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rendering.monitoring.watched import Unit

_UNKNOWN = "-"
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DECIMAL = ("", "k", "M", "G", "T")
_RATES: dict[Unit, str] = {"reqps": "req/s", "ops": "op/s", "cps": "/s"}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on a value is a warning or critical, in its own unit; None where there is no such alert."""

    warning: float | None = None
    critical: float | None = None
    below: bool = False
    """Smaller is worse."""

    def __post_init__(self) -> None:
        if self.warning is None or self.critical is None:
            return
        if (self.critical < self.warning) != self.below:
            raise ValueError(f"critical is worse than a warning, got {self}")


UNLIMITED = Limits()
"""Of what no alert watches."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One main figure; `expr` in PromQL has one series, or none while nothing is known. `meaning` is a sentence."""

    title: str
    expr: str
    unit: Unit
    meaning: str
    limits: Limits = UNLIMITED
    part: Literal["synthetic", "backups"] | None = None
    """What a stack has to have for it to be known."""


FIGURES: tuple[Figure, ...] = (
    Figure(
        title="Requests",
        expr="grocery:requests:rate5m",
        unit="reqps",
        meaning="Requests a second that the API answered, over five minutes.",
    ),
    Figure(
        title="Errors",
        expr="grocery:errors:ratio5m",
        unit="percentunit",
        meaning="Share of the API's answers that were its own fault (status 500 and above), over five minutes.",
        limits=Limits(warning=0.01, critical=0.05),
    ),
    Figure(
        title="Latency p95",
        expr="grocery:latency:p95_5m",
        unit="s",
        meaning="Nineteen of twenty answers of the API took no longer than this, over five minutes.",
        limits=Limits(warning=0.5, critical=1),
    ),
    Figure(
        title="Active users",
        expr="max(active_users)",
        unit="short",
        meaning="Accounts that used a session in the last fifteen minutes.",
    ),
    Figure(
        title="Sync",
        expr="grocery:sync:seconds",
        unit="s",
        meaning="From a change by the synthetic user in one client to its arrival in another, through the edge.",
        limits=Limits(warning=2, critical=10),
        part="synthetic",
    ),
    Figure(
        title="CPU",
        expr="grocery:cpu:ratio",
        unit="percentunit",
        meaning="Share of all the machine's cores in use, over five minutes.",
        limits=Limits(warning=0.7, critical=0.9),
    ),
    Figure(
        title="Memory",
        expr="grocery:memory:ratio",
        unit="percentunit",
        meaning="Share of the machine's memory that cannot be had any more.",
        limits=Limits(warning=0.8, critical=0.95),
    ),
    Figure(
        title="Disk free",
        expr="grocery:disk:free_ratio",
        unit="percentunit",
        meaning="Share of the disk below the engine's volumes that is free.",
        limits=Limits(warning=0.2, critical=0.1, below=True),
    ),
    Figure(
        title="Connections",
        expr="grocery:db_connections:ratio",
        unit="percentunit",
        meaning="Share of PostgreSQL's connections in use.",
        limits=Limits(warning=0.8, critical=0.95),
    ),
    Figure(
        title="Last backup",
        expr="max(grocery:backup:age_seconds)",
        unit="s",
        meaning="Age of the newest backup, in the repository whose newest is the oldest.",
        part="backups",
    ),
    Figure(
        title="Archive behind",
        expr="grocery:archive:behind_seconds",
        unit="s",
        meaning="For how long changes have waited to reach a repository; 0 when none wait.",
        part="backups",
    ),
    Figure(
        title="Proven restore",
        expr="grocery:restore:age_seconds",
        unit="s",
        meaning="Age of the last drill in which a backup came back as it was.",
        part="backups",
    ),
    Figure(
        title="RPO",
        expr="max(grocery_restore_rpo_seconds > 0)",
        unit="s",
        meaning="Measured by that drill: for how long a change was on the machine only.",
        part="backups",
    ),
    Figure(
        title="RTO",
        expr="max(grocery_restore_rto_seconds > 0)",
        unit="s",
        meaning="Measured by that drill: from the beginning of the restore to the first answer of the database.",
        part="backups",
    ),
)


def figures(*, synthetic: bool, backups: bool) -> tuple[Figure, ...]:
    """The main figures of a stack with or without these parts."""
    parts = {"synthetic": synthetic, "backups": backups}
    return tuple(figure for figure in FIGURES if figure.part is None or parts[figure.part])


def format_value(value: float, unit: Unit) -> str:
    """What a person reads: at most three digits that matter, with the unit; "-" for what is not a number.

    Ratios (`percentunit`) come as percent, durations in the largest unit that leaves a digit before the point.
    """
    if not math.isfinite(value):
        return _UNKNOWN
    match unit:
        case "percentunit":
            return f"{_digits(value * 100)} %"
        case "bytes" | "Bps":
            number, prefix = _scaled(value, 1024, _BINARY)
            return f"{number} {prefix}{'/s' if unit == 'Bps' else ''}"
        case "s":
            return _seconds(value)
        case "ms":
            return _seconds(value / 1000)
        case "d":
            return f"{_digits(value)} d"
        case "bool":
            return "yes" if value else "no"
        case _:
            number, prefix = _scaled(value, 1000, _DECIMAL)
            return f"{number}{prefix} {_RATES.get(unit, '')}".rstrip()


def _digits(value: float) -> str:
    """Three digits that matter, without zeros that say nothing and never in scientific notation."""
    text = f"{float(f'{value:.3g}'):f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _scaled(value: float, step: int, prefixes: tuple[str, ...]) -> tuple[str, str]:
    for prefix in prefixes[:-1]:
        if abs(value) < step:
            return _digits(value), prefix
        value /= step
    return _digits(value), prefixes[-1]


def _seconds(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 1:
        return f"{_digits(value * 1000)} ms"
    for limit, length, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if size < limit:
            return f"{_digits(value / length)} {name}"
    return f"{_digits(value / 86_400)} d"
