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
class Figure:
    """One main figure; `expr` in PromQL has one series, or none while nothing is known."""

    title: str
    expr: str
    unit: Unit
    bad: Literal["high", "low", ""] = ""
    """Which direction is the worse one; "" when neither is."""


FIGURES: tuple[Figure, ...] = (
    Figure(title="Requests", expr="grocery:requests:rate5m", unit="reqps"),
    Figure(title="Errors", expr="grocery:errors:ratio5m", unit="percentunit", bad="high"),
    Figure(title="Latency p95", expr="grocery:latency:p95_5m", unit="s", bad="high"),
    Figure(title="Active users", expr="max(active_users)", unit="short"),
    Figure(title="Sync", expr="grocery:sync:seconds", unit="s", bad="high"),
    Figure(title="CPU", expr="grocery:cpu:ratio", unit="percentunit", bad="high"),
    Figure(title="Memory", expr="grocery:memory:ratio", unit="percentunit", bad="high"),
    Figure(title="Disk free", expr="grocery:disk:free_ratio", unit="percentunit", bad="low"),
    Figure(title="Connections", expr="grocery:db_connections:ratio", unit="percentunit", bad="high"),
)


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
