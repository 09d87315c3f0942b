"""Two stacks as rules see them: one with everything, and a plain one."""

from __future__ import annotations

from dataclasses import replace

from rendering.monitoring.watched import BackupScope, Endpoint, Indicator, Scope, Watched

MIB = 1 << 20
GIB = 1 << 30


def watched(name: str, *, replicas: int = 1, memory: int = 256 * MIB, scraped: bool = True) -> Watched:
    return Watched(
        name=name,
        replicas=replicas,
        memory=memory,
        cores=1,
        endpoint=Endpoint(port=9000) if scraped else None,
        unscraped="" if scraped else "others tell of it",
        indicators=(Indicator(title="Up", expr=f'up{{job="{name}"}}', unit="bool"),),
    )


EVERYTHING = Scope(
    stack="prod",
    domain="grocery.example",
    origin="https://grocery.example",
    watched=(
        watched("postgres", scraped=False),
        watched("auth-server", replicas=2),
        watched("zero-cache", scraped=False),
        watched("edge", scraped=False),
        watched("acme"),
        watched("backups"),
        watched("prometheus"),
        watched("grafana", replicas=2),
    ),
    api_pool=10,
    postgres_connections=100,
    postgres_disk=10 * GIB,
    wal_keep=2 * GIB,
    certificate_kind="acme",
    synthetic=True,
    acme=True,
    grafana=True,
    runbooks="https://runbooks.example/grocery",
    # Shorter intervals than a stack would have, so that a test looks at hours and not at days.
    backups=BackupScope(
        interval=1800,
        drill=3600,
        archive_timeout=60,
        archive_queue=GIB,
        volume=True,
        disk=10 * GIB,
    ),
)
PLAIN = replace(
    EVERYTHING,
    stack="local",
    domain="localhost",
    origin="https://localhost:8443",
    watched=(watched("edge", scraped=False),),
    certificate_kind="stack",
    synthetic=False,
    acme=False,
    grafana=False,
    runbooks="docs/runbooks",
    backups=None,
)
