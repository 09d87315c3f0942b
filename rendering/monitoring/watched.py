"""What is watched: the workloads of a stack with their figures, from which everything else in here is derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["short", "none", "reqps", "s", "bytes", "percentunit", "ops", "cps", "Bps", "ms", "d", "bool"]
"""Grafana's names of units."""


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """One figure that tells how a workload does: `expr` in PromQL, over the series of the whole stack; `legend` names
    each series when there are several ("{{state}}")."""

    title: str
    expr: str
    unit: Unit
    legend: str = ""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a workload answers with its metrics, on every task."""

    port: int
    path: str = "/metrics"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A workload as monitoring sees it."""

    name: str
    """Of the workload, and of the scrape job."""
    replicas: int
    memory: int
    """Limit of each task in bytes."""
    cores: float
    """Limit of each task."""
    endpoint: Endpoint | None
    unscraped: str = ""
    """Why there is no endpoint; "" when there is one."""
    indicators: tuple[Indicator, ...]
    overlapping: bool = False
    """During an update the new task runs beside the old one."""


@dataclass(frozen=True, kw_only=True)
class BackupScope:
    """What is promised of backups, as far as alerts and dashboards compare it; durations in seconds."""

    interval: int
    """Between two backups, whatever their kind: the shortest of the schedule's intervals."""
    drill: int
    """Between two drills."""
    archive_timeout: int
    """After which PostgreSQL hands on a piece of its log that is not full: what a lost machine may cost."""
    archive_queue: int
    """Bytes of log that may wait for the repositories; beyond it PostgreSQL drops log rather than stopping."""
    volume: bool
    """One of the repositories is a volume of the stack; it is the first."""
    disk: int
    """Bytes that volume was planned to take."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Everything the rules, dashboards and scrape configuration of a stack are derived from."""

    stack: str
    domain: str
    origin: str
    """The browser's ("https://localhost:8443")."""
    watched: tuple[Watched, ...]
    api_pool: int
    """Database connections of one replica of the API."""
    postgres_connections: int
    """The server's limit."""
    postgres_disk: int
    """Bytes the database may use."""
    wal_keep: int
    """Bytes of the log kept for a replication slot that stands still."""
    certificate_kind: str
    synthetic: bool
    """A synthetic user is part of the stack."""
    acme: bool
    grafana: bool
    runbooks: str
    """Address or folder under which the runbooks are found, without a slash at its end."""
    backups: BackupScope | None = None
    """None: nothing is backed up."""
