"""Where the alerts begin, for the panels that draw what an alert compares: nobody writes a limit down twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rendering.monitoring.alerts.alert import Alert
from rendering.monitoring.dashboards.boards import Board, Panel
from rendering.monitoring.figures import UNLIMITED, Limits


def watching(alerts: Iterable[Alert], expr: str) -> tuple[Alert, ...]:
    """The alerts that compare exactly this expression with a number."""
    compared = re.compile(rf"{re.escape(expr)} ([<>])=? ([0-9.e+]+)")
    return tuple(alert for alert in alerts if compared.fullmatch(alert.expr))


def limits(alerts: Iterable[Alert], expr: str) -> Limits:
    """From where on those alerts are of which severity."""
    found = {}
    below = False
    for alert in watching(alerts, expr):
        _, compare, limit = alert.expr.rsplit(" ", 2)
        found[alert.severity] = float(limit)
        below = compare.startswith("<")
    return Limits(warning=found.get("warning"), critical=found.get("critical"), below=below) if found else UNLIMITED


def with_limits(board: Board, alerts: Sequence[Alert], runbooks: str) -> Board:
    """The board, each panel that draws what an alert compares with the alert's limits, and told of its page below
    `runbooks`."""

    def drawn(panel: Panel) -> Panel:
        for query in panel.queries:
            found = watching(alerts, query.expr)
            if found:
                return replace(
                    panel,
                    limits=limits(found, query.expr),
                    description=f"{panel.description} Alert: {found[0].name}, {runbooks}/{found[0].page}",
                )
        return panel

    rows = tuple(replace(row, panels=tuple(drawn(panel) for panel in row.panels)) for row in board.rows)
    return replace(board, rows=rows)
