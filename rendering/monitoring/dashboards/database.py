"""The second dashboard: PostgreSQL and the sync server behind it, for who looks for a reason."""

from __future__ import annotations

from rendering.disk import WAL_SEGMENT
from rendering.monitoring.dashboards.boards import Board, Panel, Query, Row, Shape
from rendering.monitoring.watched import BackupScope, Scope

UID = "grocery-database"

_OURS = '{datname="grocery"}'


def board(scope: Scope) -> Board:
    return Board(
        uid=UID,
        title="Grocery List: Postgres and Zero",
        description=f"The database of the stack {scope.stack}, its replication, and the sync server.",
        rows=(
            _connections(scope),
            _work(),
            _age(),
            _slots(scope),
            *((_backups(scope.backups),) if scope.backups else ()),
            _zero(),
            *((_synthetic(),) if scope.synthetic else ()),
        ),
    )


def _connections(scope: Scope) -> Row:
    return Row(
        key="connections",
        title="Connections",
        panels=(
            Panel(
                key="up",
                title="PostgreSQL",
                description="Whether the database answers its exporter.",
                unit="bool",
                queries=(Query(expr="max(pg_up)", legend="answers"),),
                shape=Shape.FIGURE,
                words=((1, "up"), (0, "down")),
                width=4,
            ),
            Panel(
                key="connections-ratio",
                title="Connections in use",
                description=f"Share of the {scope.postgres_connections} connections PostgreSQL allows.",
                unit="percentunit",
                queries=(Query(expr="grocery:db_connections:ratio", legend="in use"),),
                maximum=1,
                width=5,
            ),
            Panel(
                key="connections-by-role",
                title="Connections by role",
                description="Connections to the database, by the role that opened them.",
                unit="short",
                queries=(Query(expr=f"sum by (usename) (pg_stat_activity_count{_OURS})", legend="{{usename}}"),),
                shape=Shape.AREA,
                width=5,
            ),
            Panel(
                key="pool",
                title="Pool of the API",
                description="Connections of all replicas of the API by state, and how many they may open together "
                f"({scope.api_pool} each).",
                unit="short",
                queries=(
                    Query(expr='sum by (state) (db_pool_connections{state!="total"})', legend="{{state}}"),
                    Query(expr="sum(db_pool_max)", legend="most"),
                ),
                width=5,
            ),
            Panel(
                key="pool-waiting",
                title="Waiting for a connection",
                description="Requests of one replica of the API that wait for a connection.",
                unit="short",
                queries=(Query(expr="max(db_pool_waiting)", legend="waiting"),),
                width=5,
            ),
        ),
    )


def _work() -> Row:
    return Row(
        key="work",
        title="Work",
        panels=(
            Panel(
                key="transactions",
                title="Transactions",
                description="Transactions a second that were committed, and that were rolled back.",
                unit="ops",
                queries=(
                    Query(expr=f"sum(rate(pg_stat_database_xact_commit{_OURS}[5m]))", legend="committed"),
                    Query(expr=f"sum(rate(pg_stat_database_xact_rollback{_OURS}[5m]))", legend="rolled back"),
                ),
                width=6,
            ),
            Panel(
                key="rows",
                title="Rows",
                description="Rows a second that were written.",
                unit="ops",
                queries=tuple(
                    Query(expr=f"sum(rate(pg_stat_database_tup_{what}{_OURS}[5m]))", legend=what)
                    for what in ("inserted", "updated", "deleted")
                ),
                width=6,
            ),
            Panel(
                key="cache-hits",
                title="Cache hits",
                description="Share of the blocks read that were in PostgreSQL's memory already. Low for long means "
                "that "
                "the memory is too small for what is asked for.",
                unit="percentunit",
                queries=(
                    Query(
                        expr=f"sum(rate(pg_stat_database_blks_hit{_OURS}[5m])) / "
                        f"(sum(rate(pg_stat_database_blks_hit{_OURS}[5m])) "
                        f"+ sum(rate(pg_stat_database_blks_read{_OURS}[5m])))",
                        legend="hits",
                    ),
                ),
                maximum=1,
                width=6,
            ),
            Panel(
                key="temporary",
                title="Temporary files",
                description="Bytes a second that sorts wrote to disk, since the memory given to them was too small.",
                unit="Bps",
                queries=(Query(expr=f"sum(rate(pg_stat_database_temp_bytes{_OURS}[5m]))", legend="written"),),
                width=6,
            ),
        ),
    )


def _age() -> Row:
    return Row(
        key="age",
        title="Locks and age",
        panels=(
            Panel(
                key="deadlocks",
                title="Deadlocks",
                description="Transactions of the last hour that PostgreSQL ended because they waited for each other.",
                unit="short",
                queries=(Query(expr=f"sum(increase(pg_stat_database_deadlocks{_OURS}[1h]))", legend="deadlocks"),),
                width=6,
            ),
            Panel(
                key="locks",
                title="Locks",
                description="Locks that are held, by mode.",
                unit="short",
                queries=(Query(expr=f"sum by (mode) (pg_locks_count{_OURS}) > 0", legend="{{mode}}"),),
                width=6,
            ),
            Panel(
                key="longest-transaction",
                title="Longest transaction",
                description="Age of the oldest transaction: it keeps what others deleted from being cleaned up.",
                unit="s",
                queries=(Query(expr="max(pg_long_running_transactions_oldest_timestamp_seconds)", legend="oldest"),),
                width=6,
            ),
            Panel(
                key="xid-age",
                title="Age of transaction numbers",
                description="Transactions since the oldest row was frozen. At two billion PostgreSQL stops to write; "
                "vacuum keeps it far below.",
                unit="short",
                queries=(Query(expr="max(pg_database_wraparound_age_datfrozenxid_seconds)", legend="oldest"),),
                width=6,
            ),
        ),
    )


def _slots(scope: Scope) -> Row:
    return Row(
        key="replication",
        title="Replication",
        panels=(
            Panel(
                key="size",
                title="Disk of the database",
                description="Bytes of the database, and of its write-ahead log.",
                unit="bytes",
                queries=(
                    Query(expr=f"max(pg_database_size_bytes{_OURS})", legend="database"),
                    Query(expr="max(pg_wal_size_bytes)", legend="write-ahead log"),
                ),
                width=6,
            ),
            Panel(
                key="slots",
                title="Slots",
                description="Whether zero-cache reads each replication slot; one that nobody reads pins the log.",
                unit="bool",
                queries=(
                    Query(expr="max by (slot_name) (pg_replication_slot_slot_is_active)", legend="{{slot_name}}"),
                ),
                words=((1, "active"), (0, "inactive")),
                width=6,
            ),
            Panel(
                key="retained-wal",
                title="Log kept for slots",
                description="Share of the write-ahead log that may be kept for a slot "
                f"({scope.wal_keep >> 20} MiB) that is. Beyond it PostgreSQL gives the slot up, and zero-cache "
                "copies the database anew.",
                unit="percentunit",
                queries=(Query(expr=f"max(pg_replication_slots_pg_wal_lsn_diff) / {scope.wal_keep}", legend="kept"),),
                maximum=1,
                width=6,
            ),
            Panel(
                key="replication-lag",
                title="Sync lag",
                description="From a change in PostgreSQL to its arrival in zero-cache's replica, as zero-cache "
                "measures it.",
                unit="s",
                queries=(
                    Query(expr="grocery:replication:lag_seconds", legend="lag"),
                    Query(expr="max(zero_replication_upstream_lag_seconds)", legend="to zero-cache"),
                    Query(expr="max(zero_replication_replica_lag_seconds)", legend="to the replica"),
                ),
                width=6,
            ),
        ),
    )


def _backups(backups: BackupScope) -> Row:
    return Row(
        key="backups",
        title="Backups and archive",
        panels=(
            Panel(
                key="archive-queue",
                title="Log that waits to be archived",
                description=f"Share of the {backups.archive_queue >> 20} MiB of log that may wait. Beyond it "
                "PostgreSQL drops log rather than stopping.",
                unit="percentunit",
                queries=(
                    Query(
                        expr=f"max(grocery_archive_waiting_segments) * {WAL_SEGMENT} / {backups.archive_queue}",
                        legend="waiting",
                    ),
                ),
                maximum=1,
                width=6,
            ),
            Panel(
                key="backup-sizes",
                title="Size of the last backup",
                description="Bytes that the newest backup of each kind takes in each repository.",
                unit="bytes",
                queries=(
                    Query(
                        expr="max by (kind, repository) (grocery_backup_size_bytes)",
                        legend="{{kind}}, repository {{repository}}",
                    ),
                ),
                width=6,
            ),
            Panel(
                key="repository-sizes",
                title="Repositories",
                description="Bytes of all backups and of the log in each repository.",
                unit="bytes",
                queries=(
                    Query(expr="max by (repository) (grocery_repository_bytes)", legend="repository {{repository}}"),
                ),
                width=6,
            ),
            Panel(
                key="backup-durations",
                title="Time of a backup",
                description="How long the last backup of each kind took.",
                unit="s",
                queries=(Query(expr="max by (kind) (grocery_backup_duration_seconds)", legend="{{kind}}"),),
                width=6,
            ),
            Panel(
                key="backup-failures",
                title="Failures",
                description="Backups of the last day that failed, and attempts of the last hour to archive a piece of "
                "log that did.",
                unit="short",
                queries=(
                    Query(expr="sum(increase(grocery_backup_failures_total[1d]))", legend="backups"),
                    Query(expr="sum(increase(grocery_archive_failures_total[1h]))", legend="archiving"),
                ),
                width=6,
            ),
            Panel(
                key="restore-rpo",
                title="RPO, measured",
                description="By the last drill that proved a restore: for how long a change was on the machine only. "
                f"PostgreSQL hands its log on after {backups.archive_timeout} s at the latest.",
                unit="s",
                queries=(Query(expr="max(grocery_restore_rpo_seconds > 0)", legend="RPO"),),
                width=6,
            ),
            Panel(
                key="restore-rto",
                title="RTO, measured",
                description="By the last drill that proved a restore: from its beginning to the first answer of the "
                "restored database.",
                unit="s",
                queries=(Query(expr="max(grocery_restore_rto_seconds > 0)", legend="RTO"),),
                width=6,
            ),
            Panel(
                key="drill-age",
                title="Drills",
                description="Time since the last drill, and since the last one that proved a restore.",
                unit="s",
                queries=(
                    Query(expr="time() - (max(grocery_last_drill_timestamp_seconds) > 0)", legend="any"),
                    Query(expr="grocery:restore:age_seconds", legend="proven"),
                ),
                width=6,
            ),
        ),
    )


def _zero() -> Row:
    return Row(
        key="zero",
        title="zero-cache",
        panels=(
            Panel(
                key="clients",
                title="Clients",
                description="Tabs that are connected, and browsers they belong to.",
                unit="short",
                queries=(
                    Query(expr="sum(zero_sync_active_clients)", legend="tabs"),
                    Query(expr="sum(zero_sync_active_client_groups)", legend="browsers"),
                ),
                width=6,
            ),
            Panel(
                key="queries",
                title="Queries and rows",
                description="Queries that are kept up to date, and rows held for them.",
                unit="short",
                queries=(
                    Query(expr="sum(zero_sync_queries)", legend="queries"),
                    Query(expr="sum(zero_sync_rows)", legend="rows"),
                ),
                width=6,
            ),
            Panel(
                key="changes",
                title="Changes",
                description="Changes and transactions a second that came from PostgreSQL.",
                unit="ops",
                queries=(
                    Query(expr="sum(rate(zero_replication_changes_total[5m]))", legend="changes"),
                    Query(expr="sum(rate(zero_replication_transactions_total[5m]))", legend="transactions"),
                ),
                width=6,
            ),
            Panel(
                key="serving",
                title="Time to serve a change",
                description="How long the browser that waits longest for a change has waited; and what nineteen of "
                "twenty changes took at most to bring the queries of a browser up to date, and to be sent.",
                unit="s",
                # Not zero_sync_e2e_serving_lag_seconds: it counts for how long somebody was away who comes back.
                queries=(
                    Query(expr="max(zero_sync_serving_lag_seconds)", legend="waiting"),
                    Query(expr=_p95("zero_sync_advance_time_seconds"), legend="advance"),
                    Query(expr=_p95("zero_sync_poke_time_seconds"), legend="send"),
                ),
                width=6,
            ),
            Panel(
                key="hydration",
                title="Time to answer a new query",
                description="Nineteen of twenty new queries were answered in no longer than this.",
                unit="s",
                queries=(Query(expr=_p95("zero_sync_hydration_time_seconds"), legend="p95"),),
                width=6,
            ),
            Panel(
                key="api-requests",
                title="Calls of the API",
                description="Calls a second from zero-cache to the API, which decides what may be read and written, by "
                "result.",
                unit="reqps",
                queries=(
                    Query(expr="sum by (result) (rate(zero_server_api_requests_total[5m]))", legend="{{result}}"),
                ),
                width=6,
            ),
            Panel(
                key="replica-size",
                title="Replica",
                description="Bytes of zero-cache's own copy of the database, and of its log.",
                unit="bytes",
                queries=(
                    Query(expr="max(zero_replica_db_size_bytes)", legend="copy"),
                    Query(expr="max(zero_replica_wal_size_bytes)", legend="log"),
                ),
                width=6,
            ),
            Panel(
                key="websockets",
                title="New connections",
                description="Attempts a second of clients to connect, and those among them that failed.",
                unit="ops",
                queries=(
                    Query(expr="sum(rate(zero_sync_websocket_connection_attempts_total[5m]))", legend="attempts"),
                    Query(
                        expr="sum(rate(zero_sync_websocket_connection_attempts_total[5m])) "
                        "- sum(rate(zero_sync_websocket_connection_successes_total[5m]))",
                        legend="failed",
                    ),
                ),
                width=6,
            ),
        ),
    )


def _synthetic() -> Row:
    return Row(
        key="synthetic",
        title="Synthetic user",
        panels=(
            Panel(
                key="sync-latency",
                title="Sync latency",
                description="From a change in one client to its arrival in another, through edge, sync server, API and "
                "database: half and nineteen of twenty of the last hour's turns took no longer.",
                unit="s",
                queries=tuple(
                    Query(
                        expr=f"histogram_quantile({share}, "
                        "sum by (le) (rate(synthetic_sync_duration_seconds_bucket[1h])))",
                        legend=legend,
                    )
                    for share, legend in ((0.5, "p50"), (0.95, "p95"))
                ),
                width=24,
            ),
        ),
    )


def _p95(histogram: str) -> str:
    return f"histogram_quantile(0.95, sum by (le) (rate({histogram}_bucket[5m])))"
