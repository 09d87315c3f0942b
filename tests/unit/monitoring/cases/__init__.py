"""Situations in which each alert fires, and in which it does not."""

from __future__ import annotations

from tests.unit.monitoring.cases import (
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
from tests.unit.monitoring.promtool import Case

CASES: tuple[Case, ...] = (
    *edge.CASES,
    *api.CASES,
    *host.CASES,
    *database.CASES,
    *replication.CASES,
    *certificates.CASES,
    *queues.CASES,
    *itself.CASES,
    *synthetic.CASES,
    *workloads.CASES,
    *backups.CASES,
)
