"""What an alert is, and the few shapes that expressions share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical", "none"]

MINUTE = 60
HOUR = 3600
DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alerting rule. `expr` in PromQL yields a series while something is wrong, and has done so for
    `for_seconds` when somebody is told.

    `summary` is one line with the value and its unit (Prometheus' templates); `description` says what it means to
    users, and is the same for every value.
    """

    name: str
    expr: str
    for_seconds: int
    severity: Severity
    summary: str
    description: str
    workload: str = ""
    """The workload it is about, where there is one."""
    runbook: str = ""
    """Page in docs/runbooks, with its anchor; by default the page named after the alert."""

    @property
    def page(self) -> str:
        return self.runbook or f"{kebab(self.name)}.md"


@dataclass(frozen=True, kw_only=True)
class Level:
    """From which value on (PromQL), and for how long, somebody is told."""

    limit: str
    for_seconds: int


def levels(
    name: str,
    *,
    expr: str,
    compare: Literal[">", "<", ">=", "<="] = ">",
    warning: Level,
    critical: Level,
    summary: str,
    description: str,
    workload: str = "",
    runbook: str = "",
) -> tuple[Alert, Alert]:
    """The same figure at two limits; whoever hears of the critical one does not hear of the warning too."""

    def alert(severity: Severity, level: Level) -> Alert:
        return Alert(
            name=name,
            expr=f"{expr} {compare} {level.limit}",
            for_seconds=level.for_seconds,
            severity=severity,
            summary=summary,
            description=description,
            workload=workload,
            runbook=runbook,
        )

    return alert("warning", warning), alert("critical", critical)


def added(selector: str, *, job: str, window: str) -> str:
    """What counters of `job` have gained over `window`, the first of them included.

    A counter with labels is not there before it first counts, which increase() does not see. One that began anew
    since counts as less than nothing; where nobody looked a window ago, nothing is known.
    """
    return f'sum({selector}) - (sum({selector} offset {window}) or 0 * sum(up{{job="{job}"}} offset {window}))'


def kebab(name: str) -> str:
    """ "DiskSpaceLow" -> "disk-space-low"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def duration(seconds: int) -> str:
    """90 -> "90s", 120 -> "2m"; as Prometheus writes it."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
