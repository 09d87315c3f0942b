"""The replication slot and zero-cache, which lives on it."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, Level, added, levels
from rendering.monitoring.watched import Scope

_SLOT = 'slot_type="logical"'
_RETAINED = "max(pg_replication_slots_pg_wal_lsn_diff)"


def alerts(scope: Scope) -> tuple[Alert, ...]:
    return (
        Alert(
            name="ReplicationSlotMissing",
            # Asked only where PostgreSQL answers.
            expr=f"(count(pg_replication_slot_slot_is_active{{{_SLOT}}}) or 0 * max(pg_up == 1)) < 1",
            for_seconds=5 * MINUTE,
            severity="critical",
            summary="PostgreSQL has {{ $value | humanize }} replication slots, zero-cache needs one",
            description="Nothing tells zero-cache of changes: people do not see what others write.",
        ),
        Alert(
            name="ReplicationSlotInactive",
            expr=f"{_RETAINED} and max(pg_replication_slot_slot_is_active{{{_SLOT}}}) == 0",
            for_seconds=2 * MINUTE,
            severity="critical",
            summary="Nobody reads the replication slot; {{ $value | humanize1024 }}B of log wait for zero-cache",
            description="Changes are saved but reach nobody, and the log that is kept for zero-cache fills the disk.",
        ),
        Alert(
            name="ReplicationSlotLost",
            expr='count(pg_replication_slot_wal_status{wal_status="lost"} == 1) > 0',
            for_seconds=0,
            severity="critical",
            summary="{{ $value | humanize }} replication slot is lost: the log it needs is gone",
            description="zero-cache cannot go on from where it was and has to copy the database anew.",
        ),
        *levels(
            "ReplicationLogRetained",
            expr=f"{_RETAINED} / {scope.wal_keep}",
            warning=Level(limit="0.5", for_seconds=5 * MINUTE),
            critical=Level(limit="0.8", for_seconds=MINUTE),
            summary=(
                "{{ $value | humanizePercentage }} of the log that may be kept for zero-cache "
                f"({scope.wal_keep / (1 << 20):.4g} MiB) is in use"
            ),
            description="Beyond it PostgreSQL gives the slot up, and zero-cache has to copy the database anew.",
        ),
        *levels(
            "ReplicationLag",
            expr="grocery:replication:lag_seconds",
            warning=Level(limit="10", for_seconds=5 * MINUTE),
            critical=Level(limit="60", for_seconds=5 * MINUTE),
            summary="Changes reach zero-cache after {{ $value | humanizeDuration }}",
            description="People see what others write that much later.",
        ),
        Alert(
            name="ReplicationStalled",
            # The lag is that of the last report that arrived: it does not grow when none arrives any more.
            expr=added("zero_replication_lag_report_retries_total", job="collector", window="5m") + " >= 4",
            for_seconds=0,
            severity="critical",
            summary="{{ $value | humanize }} reports sent through the replication in 5 minutes did not arrive in time",
            description="Changes are saved but reach nobody, though zero-cache is connected.",
        ),
        Alert(
            name="ZeroCacheSilent",
            # Never heard of since the collector began is silent too.
            expr=(
                'time() - (max(otlp_last_received_timestamp_seconds{workload="zero-cache"} > 0)'
                ' or max(process_start_time_seconds{job="collector"})) > 180'
            ),
            for_seconds=2 * MINUTE,
            severity="warning",
            summary="zero-cache has not told its figures for {{ $value | humanizeDuration }}",
            description="Its lag and its clients are not known, so a sync that stands still may go unnoticed.",
        ),
    )
