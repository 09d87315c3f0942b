"""The first dashboard: how the stack does at a glance, then the application, the machine and every workload."""

from __future__ import annotations

from rendering.monitoring.alerts import workloads
from rendering.monitoring.dashboards.boards import Board, Panel, Query, Row, Shape
from rendering.monitoring.dashboards.limits import limits
from rendering.monitoring.figures import Figure, Limits, figures
from rendering.monitoring.rules import LATENCY, REQUESTS
from rendering.monitoring.watched import BackupScope, Indicator, Scope, Watched

UID = "grocery-overview"
_CERTIFICATE_LEFT = 'min(probe_ssl_earliest_cert_expiry{job="edge-https"} - time())'
_FIRING = 'ALERTS{alertstate="firing", severity=~"warning|critical"}'


def board(scope: Scope) -> Board:
    return Board(
        uid=UID,
        title="Grocery List: overview",
        description=f"How the stack {scope.stack} ({scope.origin}) does.",
        rows=(
            _glance(scope),
            _requests(),
            *((_synthetic(),) if scope.synthetic else ()),
            _database(scope),
            *((_backups(scope.backups),) if scope.backups else ()),
            _machine(),
            _containers(scope),
            *(_workload(watched) for watched in scope.watched),
        ),
    )


def _glance(scope: Scope) -> Row:
    return Row(
        key="glance",
        title="At a glance",
        panels=(
            *(_figure(figure) for figure in figures(synthetic=scope.synthetic, backups=scope.backups is not None)),
            Panel(
                key="glance-alerts",
                title="Firing alerts",
                description="Alerts that fire now, the Watchdog and what only informs left out.",
                unit="short",
                queries=(Query(expr=f"count({_FIRING}) or vector(0)", legend="firing"),),
                shape=Shape.FIGURE,
                limits=Limits(warning=1),
                width=4,
                height=4,
            ),
            Panel(
                key="glance-certificate",
                title="Certificate ends in",
                description="How long the certificate is valid that the edge serves.",
                unit="s",
                queries=(Query(expr=_CERTIFICATE_LEFT, legend="left"),),
                shape=Shape.FIGURE,
                width=4,
                height=4,
            ),
            Panel(
                key="alerts",
                title="What fires",
                description="One line for each firing alert. Its page in docs/runbooks says what it means and what "
                "to do.",
                unit="short",
                queries=(Query(expr=f"max by (alertname, severity, workload) ({_FIRING})", legend="{{alertname}}"),),
                shape=Shape.LIST,
                width=24,
                height=5,
            ),
        ),
    )


def _figure(figure: Figure) -> Panel:
    return Panel(
        key=f"glance-{figure.title.lower().replace(' ', '-')}",
        title=figure.title,
        description=figure.meaning,
        unit=figure.unit,
        queries=(Query(expr=figure.expr, legend=figure.title),),
        shape=Shape.FIGURE,
        width=4,
        height=4,
    )


def _requests() -> Row:
    return Row(
        key="requests",
        title="Requests",
        panels=(
            Panel(
                key="request-rate",
                title="Requests by status",
                description="Answers of the API a second, by their status.",
                unit="reqps",
                queries=(
                    Query(
                        expr=f"sum by (status) (rate(http_request_duration_seconds_count{{{REQUESTS}}}[5m]))",
                        legend="{{status}}",
                    ),
                ),
                shape=Shape.AREA,
            ),
            Panel(
                key="latency",
                title="Latency",
                description="Time the API takes to answer: half, nineteen of twenty, ninety-nine of a hundred "
                "answers took "
                "no longer. The limits are those of p95.",
                unit="s",
                queries=(
                    Query(expr="grocery:latency:p50_5m", legend="p50"),
                    Query(expr="grocery:latency:p95_5m", legend="p95"),
                    Query(expr="grocery:latency:p99_5m", legend="p99"),
                ),
            ),
            Panel(
                key="errors",
                title="Errors",
                description="Share of answers that were the API's own fault (status 500 and above).",
                unit="percentunit",
                queries=(Query(expr="grocery:errors:ratio5m", legend="errors"),),
            ),
            Panel(
                key="slowest-routes",
                title="Slowest routes",
                description="The five routes of the API with the highest p95.",
                unit="s",
                queries=(
                    Query(
                        expr="topk(5, histogram_quantile(0.95, sum by (le, route) "
                        f"(rate(http_request_duration_seconds_bucket{{{LATENCY}}}[5m]))) > 0)",
                        legend="{{route}}",
                    ),
                ),
            ),
            Panel(
                key="refusals",
                title="Refusals by kind",
                description="Answers a second that are not success, by the code they carry: wrong passwords, limits, "
                "faults.",
                unit="reqps",
                queries=(Query(expr="sum by (kind) (rate(http_errors_total[5m]))", legend="{{kind}}"),),
            ),
            Panel(
                key="active-users",
                title="Active users",
                description="Accounts that used a session in the last fifteen minutes, and clients that are "
                "connected to "
                "the sync server.",
                unit="short",
                queries=(
                    Query(expr="max(active_users)", legend="accounts"),
                    Query(expr="sum(zero_sync_active_clients)", legend="connected clients"),
                ),
            ),
        ),
    )


def _synthetic() -> Row:
    return Row(
        key="synthetic",
        title="Synthetic user",
        panels=(
            Panel(
                key="synthetic-steps",
                title="Time of each step",
                description="Once a minute an account of its own logs in through the edge, changes an item in one "
                "client "
                "and waits to see it in another.",
                unit="s",
                queries=(
                    Query(expr="grocery:sync:seconds", legend="sync"),
                    Query(expr="max(synthetic_write_seconds)", legend="write"),
                    Query(expr="max(synthetic_login_seconds)", legend="log in"),
                ),
                width=12,
            ),
            Panel(
                key="synthetic-failures",
                title="Failed turns",
                description="Turns of the last hour that did not end well, by the step that failed.",
                unit="short",
                queries=(Query(expr="sum by (step) (increase(synthetic_failures_total[1h]))", legend="{{step}}"),),
                width=12,
            ),
        ),
    )


def _database(scope: Scope) -> Row:
    return Row(
        key="database",
        title="Database and sync",
        panels=(
            Panel(
                key="connections",
                title="Connections",
                description=f"Share of the {scope.postgres_connections} connections PostgreSQL allows that are in use.",
                unit="percentunit",
                queries=(Query(expr="grocery:db_connections:ratio", legend="in use"),),
                maximum=1,
                width=6,
            ),
            Panel(
                key="pool-waiting",
                title="Waiting for a connection",
                description="Requests of one replica of the API that wait for a connection to the database.",
                unit="short",
                queries=(Query(expr="max(db_pool_waiting)", legend="waiting"),),
                width=6,
            ),
            Panel(
                key="database-size",
                title="Disk of the database",
                description="Share of the disk given to the database that it and its log take.",
                unit="percentunit",
                queries=(
                    Query(
                        expr=f"(sum(pg_database_size_bytes) + max(pg_wal_size_bytes)) / {scope.postgres_disk}",
                        legend="taken",
                    ),
                ),
                maximum=1,
                width=6,
            ),
            Panel(
                key="replication-lag",
                title="Sync lag",
                description="From a change in PostgreSQL to its arrival in zero-cache's replica.",
                unit="s",
                queries=(Query(expr="grocery:replication:lag_seconds", legend="lag"),),
                width=6,
            ),
        ),
    )


def _backups(backups: BackupScope) -> Row:
    free = Panel(
        key="repository-free",
        title="Repository free",
        description="Share of the repository's volume that is free, or of the disk planned for it, whichever is less.",
        unit="percentunit",
        queries=(Query(expr="grocery:repository:free_ratio", legend="free"),),
        maximum=1,
        width=6,
    )
    return Row(
        key="backups",
        title="Backups",
        panels=(
            Panel(
                key="backup-age",
                title="Newest backup",
                description="Age of the newest backup in each repository.",
                unit="s",
                queries=(Query(expr="grocery:backup:age_seconds", legend="repository {{repository}}"),),
                width=6,
            ),
            Panel(
                key="archive-behind",
                title="Archive behind",
                description="For how long changes have waited to reach a repository: what is lost with the machine.",
                unit="s",
                queries=(Query(expr="grocery:archive:behind_seconds", legend="behind"),),
                width=6,
            ),
            Panel(
                key="proven-age",
                title="Proven restore",
                description="Age of the last drill in which a backup came back as it was.",
                unit="s",
                queries=(Query(expr="grocery:restore:age_seconds", legend="proven"),),
                width=6,
            ),
            *((free,) if backups.volume else ()),
        ),
    )


def _machine() -> Row:
    return Row(
        key="machine",
        title="Machine",
        panels=(
            Panel(
                key="cpu",
                title="CPU",
                description="Share of all the machine's cores in use.",
                unit="percentunit",
                queries=(Query(expr="grocery:cpu:ratio", legend="in use"),),
                maximum=1,
                width=6,
            ),
            Panel(
                key="memory",
                title="Memory",
                description="Share of the machine's memory that cannot be had any more.",
                unit="percentunit",
                queries=(Query(expr="grocery:memory:ratio", legend="in use"),),
                maximum=1,
                width=6,
            ),
            Panel(
                key="disk",
                title="Disk free",
                description="Share of the disk below the engine's volumes that is free.",
                unit="percentunit",
                queries=(Query(expr="grocery:disk:free_ratio", legend="free"),),
                maximum=1,
                width=6,
            ),
            Panel(
                key="load",
                title="Load",
                description="Processes that run or want to, over one and fifteen minutes. More than cores means "
                "waiting.",
                unit="short",
                queries=(
                    Query(expr="max(node_load1)", legend="1 minute"),
                    Query(expr="max(node_load15)", legend="15 minutes"),
                ),
                width=6,
            ),
        ),
    )


def _containers(scope: Scope) -> Row:
    return Row(
        key="containers",
        title="Containers",
        panels=(
            Panel(
                key="container-cpu",
                title="CPU by workload",
                description="Cores in use, all tasks of a workload together.",
                unit="short",
                queries=(
                    Query(
                        expr="sum by (workload) (rate(container_cpu_seconds_total[5m]))",
                        legend="{{workload}}",
                    ),
                ),
                shape=Shape.AREA,
            ),
            Panel(
                key="container-memory",
                title="Memory by workload",
                description="Memory that cannot be taken back, all tasks of a workload together.",
                unit="bytes",
                queries=(
                    Query(
                        expr="sum by (workload) (container_memory_working_set_bytes)",
                        legend="{{workload}}",
                    ),
                ),
                shape=Shape.AREA,
            ),
            Panel(
                key="container-memory-ratio",
                title="Memory against limits",
                description="Share of its limit that the fullest task of a workload uses; at 100 % the kernel ends it.",
                unit="percentunit",
                queries=(Query(expr="grocery:container_memory:ratio", legend="{{workload}}"),),
                # Every workload has the same.
                limits=limits(workloads.alerts(scope.watched[0]), _memory(scope.watched[0])),
                maximum=1,
            ),
            Panel(
                key="container-restarts",
                title="Restarts",
                description="Tasks that ended by themselves in the last hour.",
                unit="short",
                queries=(
                    Query(
                        expr="sum by (workload) (increase(workload_restarts_total[1h])) > 0",
                        legend="{{workload}}",
                    ),
                ),
            ),
            Panel(
                key="container-missing",
                title="Missing tasks",
                description="Tasks that should run and do not.",
                unit="short",
                queries=(
                    Query(
                        expr="sum by (workload) (workload_tasks_desired) - sum by (workload) (workload_tasks_running)",
                        legend="{{workload}}",
                    ),
                ),
            ),
            Panel(
                key="container-network",
                title="Network by workload",
                description="Bytes a second that containers receive.",
                unit="Bps",
                queries=(
                    Query(
                        expr="sum by (workload) (rate(container_network_receive_bytes_total[5m]))",
                        legend="{{workload}}",
                    ),
                ),
            ),
        ),
    )


def _workload(watched: Watched) -> Row:
    """The derived row of a workload: its own indicators first, then what every container has."""
    name = watched.name
    chosen = f'{{workload="{name}"}}'
    return Row(
        key=f"workload-{name}",
        title=name,
        folded=True,
        panels=(
            *(_indicator(watched, indicator) for indicator in watched.indicators),
            Panel(
                key=f"{name}-memory",
                title="Memory",
                description=f"Share of each task's limit ({_mebibytes(watched.memory)}) in use.",
                unit="percentunit",
                queries=(Query(expr=_memory(watched), legend="{{workload}}"),),
                maximum=1,
                width=6,
            ),
            Panel(
                key=f"{name}-cpu",
                title="CPU",
                description=f"Cores in use by each task, of {watched.cores:g} at most.",
                unit="short",
                queries=(
                    Query(
                        expr=f"sum by (task) (rate(container_cpu_seconds_total{chosen}[5m]))", legend="task {{task}}"
                    ),
                ),
                width=6,
            ),
            Panel(
                key=f"{name}-restarts",
                title="Restarts",
                description="Tasks that ended by themselves in the last hour, and those among them that ran out of "
                "memory.",
                unit="short",
                queries=(
                    Query(expr=f"sum(increase(workload_restarts_total{chosen}[1h]))", legend="restarts"),
                    Query(expr=f"sum(increase(workload_oom_kills_total{chosen}[1h]))", legend="out of memory"),
                ),
                width=6,
            ),
            Panel(
                key=f"{name}-tasks",
                title="Tasks",
                description=f"Tasks that run and are healthy, of {watched.replicas} wanted.",
                unit="short",
                queries=(
                    Query(expr=f"sum(workload_tasks_desired{chosen})", legend="wanted"),
                    Query(expr=f"sum(workload_tasks_running{chosen})", legend="running"),
                    Query(expr=f"sum(container_healthy{chosen})", legend="healthy"),
                ),
                width=6,
            ),
        ),
    )


def _indicator(watched: Watched, indicator: Indicator) -> Panel:
    return Panel(
        key=f"{watched.name}-{'-'.join(indicator.title.lower().split())}",
        title=indicator.title,
        description=f"An indicator of {watched.name}: what tells how it does.",
        unit=indicator.unit,
        queries=(Query(expr=indicator.expr, legend=indicator.legend or indicator.title),),
        width=6,
    )


def _memory(watched: Watched) -> str:
    return f'grocery:container_memory:ratio{{workload="{watched.name}"}}'


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):g} MiB"
