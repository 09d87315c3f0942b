"""PostgreSQL: there, with connections to spare, and not stuck."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, Level, levels
from rendering.monitoring.watched import Scope

# The server vacuums by force from 200 million on and refuses to write at 2 thousand million.
_IDS_LATE = 500_000_000
_IDS_DANGEROUS = 1_200_000_000


def alerts(scope: Scope) -> tuple[Alert, ...]:
    return (
        Alert(
            name="PostgresDown",
            workload="postgres",
            expr="max(pg_up) == 0",
            for_seconds=MINUTE,
            severity="critical",
            summary="PostgreSQL does not answer (pg_up is {{ $value | humanize }})",
            description="Nothing can be saved and nobody can log in; lists that are open go on with what they have.",
        ),
        *levels(
            "DatabasePoolWaiting",
            expr="max(db_pool_waiting)",
            warning=Level(limit="5", for_seconds=2 * MINUTE),
            critical=Level(limit="10", for_seconds=MINUTE),
            summary=(
                "{{ $value | humanize }} requests of a replica wait for one of its "
                f"{scope.api_pool} database connections"
            ),
            description="Requests take long because they wait for a connection before they begin.",
        ),
        *levels(
            "DatabaseConnectionsHigh",
            expr="grocery:db_connections:ratio",
            warning=Level(limit="0.8", for_seconds=5 * MINUTE),
            critical=Level(limit="0.95", for_seconds=MINUTE),
            summary=f"{{{{ $value | humanizePercentage }}}} of {scope.postgres_connections} connections are taken",
            description="When all are taken PostgreSQL refuses the API, zero-cache and you.",
        ),
        *levels(
            "DatabaseSizeHigh",
            expr=f"(sum(pg_database_size_bytes) + max(pg_wal_size_bytes)) / {scope.postgres_disk}",
            warning=Level(limit="0.8", for_seconds=10 * MINUTE),
            critical=Level(limit="0.95", for_seconds=5 * MINUTE),
            summary=(
                "The database takes {{ $value | humanizePercentage }} of the "
                f"{scope.postgres_disk / (1 << 30):.3g} GiB it was given"
            ),
            description="Its disk was planned for less; beyond it nothing guarantees that there is space.",
        ),
        Alert(
            name="Deadlocks",
            expr="round(sum(increase(pg_stat_database_deadlocks[15m]))) >= 1",
            for_seconds=0,
            severity="warning",
            summary="{{ $value | humanize }} deadlocks in 15 minutes",
            description="PostgreSQL ended transactions that waited for each other; their writes failed or came later.",
        ),
        *levels(
            "LongTransaction",
            expr="max(pg_long_running_transactions_oldest_timestamp_seconds)",
            warning=Level(limit="300", for_seconds=MINUTE),
            critical=Level(limit="1800", for_seconds=MINUTE),
            summary="A transaction has been open for {{ $value | humanizeDuration }}",
            description="It may hold locks that others wait for, and keeps dead rows from being removed.",
        ),
        *levels(
            "TransactionIdsHigh",
            expr="max(pg_database_wraparound_age_datfrozenxid_seconds)",
            warning=Level(limit=str(_IDS_LATE), for_seconds=10 * MINUTE),
            critical=Level(limit=str(_IDS_DANGEROUS), for_seconds=10 * MINUTE),
            summary="The oldest row is {{ $value | humanize }} transactions old",
            description="Vacuum does not keep up. At 2 thousand million PostgreSQL refuses every write.",
        ),
    )
