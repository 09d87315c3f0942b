"""From where on a value is drawn as a warning or critical: where the alerts begin."""

from __future__ import annotations

from rendering.monitoring.figures import FIGURES, Limits
from rendering.monitoring.watched import Scope


def _of(title: str) -> Limits:
    """Of the main figure with this title."""
    return next(figure.limits for figure in FIGURES if figure.title == title)


ERRORS = _of("Errors")
LATENCY = _of("Latency p95")
SYNC = _of("Sync")
CPU = _of("CPU")
MEMORY = _of("Memory")
DISK = _of("Disk free")
CONNECTIONS = _of("Connections")
POOL_WAITING = Limits(warning=5, critical=10)
REPLICATION_LAG = Limits()
CERTIFICATE_DAYS = Limits()
CONTAINER_MEMORY = Limits(warning=0.8, critical=0.95)
LONG_TRANSACTION = Limits()
XID_AGE = Limits()


def retained_wal(scope: Scope) -> Limits:
    return Limits(warning=0.5 * scope.wal_keep, critical=0.9 * scope.wal_keep)
