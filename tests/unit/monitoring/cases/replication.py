"""The replication slot and zero-cache's own figures."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, missing, rising, then

_MIB = 1 << 20
_UP = {'pg_up{job="postgres-exporter"}': flat(1)}


def slot(name: str, *, active: float, retained: str, status: str = "reserved") -> Series:
    """As postgres-exporter tells of it; a lost slot retains what is not a number."""
    labels = f'job="postgres-exporter",slot_name="{name}"'
    return {
        f'pg_replication_slot_slot_is_active{{{labels},slot_type="logical"}}': flat(active),
        f'pg_replication_slot_wal_status{{{labels},slot_type="logical",wal_status="{status}"}}': flat(1),
        f'pg_replication_slots_pg_wal_lsn_diff{{{labels},database="grocery"}}': retained,
    }


def reports(values: str, *, watched: str) -> Series:
    return {
        'zero_replication_lag_report_retries_total{job="collector",workload="zero-cache"}': values,
        'up{job="collector"}': watched,
    }


def lag(seconds: float) -> Series:
    return {
        'zero_replication_total_lag_seconds{job="collector",workload="zero-cache",process="serving-replicator"}': flat(
            seconds
        )
    }


_RETAINED = "{} of the log that may be kept for zero-cache (2048 MiB) is in use"
_HEARD = 'otlp_last_received_timestamp_seconds{job="collector",workload="zero-cache"}'
_BEGAN = 'process_start_time_seconds{job="collector"}'

CASES = (
    Case(
        alert="ReplicationSlotMissing",
        when="PostgreSQL has no slot",
        series=_UP,
        fires=(Fired(severity="critical", summary="PostgreSQL has 0 replication slots, zero-cache needs one"),),
    ),
    Case(
        alert="ReplicationSlotMissing",
        when="PostgreSQL has one",
        series={**_UP, **slot("grocery_0_a", active=1, retained=flat(56))},
    ),
    Case(
        alert="ReplicationSlotMissing",
        when="PostgreSQL is down and tells nothing",
        series={'pg_up{job="postgres-exporter"}': flat(0)},
    ),
    Case(
        alert="ReplicationSlotInactive",
        when="zero-cache is away while people write",
        series=slot("grocery_0_a", active=0, retained=flat(132 * _MIB)),
        fires=(
            Fired(
                severity="critical",
                summary="Nobody reads the replication slot; 132MiB of log wait for zero-cache",
            ),
        ),
    ),
    Case(
        alert="ReplicationSlotInactive",
        when="an old slot is left beside the one that is read",
        series={
            **slot("grocery_0_a", active=0, retained=flat(132 * _MIB)),
            **slot("grocery_0_b", active=1, retained=flat(56)),
        },
    ),
    Case(
        alert="ReplicationSlotLost",
        when="zero-cache was away for too long",
        series=slot("grocery_0_a", active=0, retained="NaN+0x240", status="lost"),
        fires=(Fired(severity="critical", summary="1 replication slot is lost: the log it needs is gone"),),
    ),
    Case(
        alert="ReplicationSlotLost",
        when="the slot has what it needs",
        series=slot("grocery_0_a", active=1, retained=flat(56)),
    ),
    Case(
        alert="ReplicationLogRetained",
        when="zero-cache does not keep up",
        series=slot("grocery_0_a", active=1, retained=flat(1229 * _MIB)),
        fires=(Fired(severity="warning", summary=_RETAINED.format("60.01%")),),
    ),
    Case(
        alert="ReplicationLogRetained",
        when="the slot is nearly lost",
        series=slot("grocery_0_a", active=0, retained=flat(1843 * _MIB)),
        fires=(
            Fired(severity="warning", summary=_RETAINED.format("89.99%")),
            Fired(severity="critical", summary=_RETAINED.format("89.99%")),
        ),
    ),
    Case(
        alert="ReplicationLogRetained",
        when="little is retained",
        series=slot("grocery_0_a", active=1, retained=flat(16 * _MIB)),
    ),
    Case(
        alert="ReplicationLogRetained",
        when="a lost slot retains nothing",
        series=slot("grocery_0_a", active=0, retained="NaN+0x240", status="lost"),
    ),
    Case(
        alert="ReplicationLag",
        when="changes take 20 seconds",
        series=lag(20),
        fires=(Fired(severity="warning", summary="Changes reach zero-cache after 20s"),),
    ),
    Case(
        alert="ReplicationLag",
        when="changes take two minutes",
        series=lag(120),
        fires=(
            Fired(severity="warning", summary="Changes reach zero-cache after 2m 0s"),
            Fired(severity="critical", summary="Changes reach zero-cache after 2m 0s"),
        ),
    ),
    Case(alert="ReplicationLag", when="changes take a moment", series=lag(0.03)),
    Case(
        alert="ReplicationStalled",
        when="no report arrives any more, and it is the first time",
        series=reports(then(missing(17), rising(1 / 30, start=1)), watched=flat(1)),
        fires=(
            Fired(
                severity="critical",
                summary="7 reports sent through the replication in 5 minutes did not arrive in time",
            ),
        ),
    ),
    Case(
        alert="ReplicationStalled",
        when="a report was late once",
        series=reports(then(missing(17), flat(1)), watched=flat(1)),
    ),
    Case(
        alert="ReplicationStalled",
        when="it stood still yesterday",
        series=reports(flat(40), watched=flat(1)),
    ),
    Case(
        alert="ZeroCacheSilent",
        when="zero-cache has pushed nothing for ten minutes",
        series={_HEARD: flat(10 * 60), _BEGAN: flat(1)},
        fires=(Fired(severity="warning", summary="zero-cache has not told its figures for 10m 0s"),),
    ),
    Case(
        alert="ZeroCacheSilent",
        when="zero-cache has never pushed anything",
        series={_BEGAN: flat(60)},
        fires=(Fired(severity="warning", summary="zero-cache has not told its figures for 19m 0s"),),
    ),
    Case(
        alert="ZeroCacheSilent",
        when="zero-cache pushes each quarter of a minute",
        series={_HEARD: rising(1), _BEGAN: flat(1)},
    ),
    Case(alert="ZeroCacheSilent", when="zero-cache is still starting", series={_BEGAN: flat(1)}, at=3),
)
