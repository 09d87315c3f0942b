"""All alerts of a stack, one module a concern."""

from __future__ import annotations

from rendering.monitoring.alerts import (
    api,
    backups,
    certificates,
    database,
    edge,
    host,
    itself,
    queues,
    replication,
    synthetic,
    workloads,
)
from rendering.monitoring.alerts.alert import Alert
from rendering.monitoring.watched import Scope


def by_concern(scope: Scope) -> dict[str, tuple[Alert, ...]]:
    """Concern (the name of a module) -> its alerts."""
    found = {
        "edge": edge.alerts(scope),
        "api": api.ALERTS,
        "host": host.ALERTS,
        "database": database.alerts(scope),
        "replication": replication.alerts(scope),
        "certificates": certificates.alerts(scope),
        "queues": queues.ALERTS,
        "itself": itself.ALERTS,
        "workloads": tuple(alert for watched in scope.watched for alert in workloads.alerts(watched)),
    }
    if scope.synthetic:
        found["synthetic"] = synthetic.ALERTS
    if scope.backups:
        found["backups"] = backups.alerts(scope.backups)
    return found


def alerts(scope: Scope) -> tuple[Alert, ...]:
    """Every alert of the stack."""
    return tuple(alert for concern in by_concern(scope).values() for alert in concern)
