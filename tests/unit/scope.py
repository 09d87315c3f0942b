"""A stack to derive monitoring from, with one workload of each kind and all that settings may add."""

from __future__ import annotations

from rendering.monitoring.watched import BackupScope, Endpoint, Indicator, Scope, Watched

MIB = 1 << 20


def watched(name: str, *, replicas: int = 1, scraped: bool = True) -> Watched:
    indicator = Indicator(title="Requests", expr=f'sum(rate(requests_total{{job="{name}"}}[5m]))', unit="reqps")
    return Watched(
        name=name,
        replicas=replicas,
        memory=64 * MIB,
        cores=0.5,
        endpoint=Endpoint(port=9000) if scraped else None,
        unscraped="" if scraped else "it has no figures",
        indicators=(indicator,),
    )


SCOPE = Scope(
    stack="test",
    domain="list.test",
    origin="https://list.test",
    watched=(watched("edge"), watched("auth-server", replicas=2), watched("postgres", scraped=False)),
    api_pool=10,
    postgres_connections=100,
    postgres_disk=10 << 30,
    wal_keep=2 << 30,
    certificate_kind="stack",
    synthetic=True,
    acme=True,
    grafana=True,
    runbooks="docs/runbooks",
    backups=BackupScope(
        interval=6 * 3600,
        drill=86_400,
        archive_timeout=60,
        archive_queue=1 << 30,
        volume=True,
        disk=10 << 30,
    ),
)
