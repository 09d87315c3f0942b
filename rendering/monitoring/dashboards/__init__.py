"""Dashboards for Grafana, derived from the same scope and recording rules as the alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rendering.monitoring.alerts import alerts
from rendering.monitoring.dashboards import database, grafana_json, overview
from rendering.monitoring.dashboards.limits import with_limits
from rendering.monitoring.watched import Scope

PROMETHEUS = grafana_json.PROMETHEUS
HOME = f"{overview.UID}.json"
"""The dashboard that is seen first."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A query of a dashboard, and where it stands ("grocery-overview.json: Latency")."""

    where: str
    expr: str


def render(scope: Scope) -> dict[str, str]:
    """File name -> JSON text of every dashboard."""
    found = alerts(scope)
    boards = (overview.board(scope), database.board(scope))
    return {f"{board.uid}.json": grafana_json.text(with_limits(board, found, scope.runbooks)) for board in boards}


def expressions(dashboards: Mapping[str, str]) -> Iterator[Expression]:
    """Every query in rendered dashboards, those of annotations and of folded rows included."""
    for name, text in dashboards.items():
        document = json.loads(text)
        for annotation in document["annotations"]["list"]:
            yield Expression(where=f"{name}: {annotation['name']}", expr=annotation["expr"])
        for panel in document["panels"]:
            # A row holds panels only while it is folded.
            for shown in panel["panels"] if panel["type"] == "row" else [panel]:
                for target in shown["targets"]:
                    yield Expression(where=f"{name}: {shown['title']}", expr=target["expr"])
