"""PostgreSQL."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, then

_GIB = 1 << 30


def up(value: float) -> Series:
    return {'pg_up{job="postgres-exporter"}': flat(value)}


def waiting(first: str, second: str) -> Series:
    """Of the two replicas of the API."""
    return {
        'db_pool_waiting{job="auth-server",instance="a:3001"}': first,
        'db_pool_waiting{job="auth-server",instance="b:3001"}': second,
    }


def connected(grocery: float) -> Series:
    return {
        'pg_stat_database_numbackends{job="postgres-exporter",datname="grocery"}': flat(grocery),
        'pg_stat_database_numbackends{job="postgres-exporter",datname="postgres"}': flat(1),
    }


def size(gib: float) -> Series:
    return {
        'pg_database_size_bytes{job="postgres-exporter",datname="grocery"}': flat((gib - 1) * _GIB),
        'pg_wal_size_bytes{job="postgres-exporter"}': flat(_GIB),
    }


def oldest(seconds: float) -> Series:
    return {'pg_long_running_transactions_oldest_timestamp_seconds{job="postgres-exporter"}': flat(seconds)}


def numbers(age: float) -> Series:
    return {'pg_database_wraparound_age_datfrozenxid_seconds{job="postgres-exporter",datname="grocery"}': flat(age)}


def deadlocks(values: str) -> Series:
    return {'pg_stat_database_deadlocks{job="postgres-exporter",datname="grocery"}': values}


_WAITING = "{} requests of a replica wait for one of its 10 database connections"

CASES = (
    Case(
        alert="PostgresDown",
        when="the server was stopped",
        series=up(0),
        fires=(Fired(severity="critical", workload="postgres", summary="PostgreSQL does not answer (pg_up is 0)"),),
    ),
    Case(alert="PostgresDown", when="the server answers", series=up(1)),
    Case(
        alert="PostgresDown",
        when="the server was away while it was restarted",
        series={'pg_up{job="postgres-exporter"}': then("1+0x20", "0 0", "1+0x100")},
        at=6,
    ),
    Case(
        alert="DatabasePoolWaiting",
        when="requests of one replica queue up",
        series=waiting(flat(0), flat(7)),
        fires=(Fired(severity="warning", summary=_WAITING.format(7)),),
    ),
    Case(
        alert="DatabasePoolWaiting",
        when="many requests of one replica queue up",
        series=waiting(flat(12), flat(0)),
        fires=(
            Fired(severity="warning", summary=_WAITING.format(12)),
            Fired(severity="critical", summary=_WAITING.format(12)),
        ),
    ),
    Case(alert="DatabasePoolWaiting", when="five requests wait", series=waiting(flat(5), flat(5))),
    Case(
        alert="DatabasePoolWaiting",
        when="a burst of requests is over at once",
        series=waiting(then("0+0x20", "50 50", "0+0x100"), flat(0)),
        at=6,
    ),
    Case(
        alert="DatabaseConnectionsHigh",
        when="85 of 100 connections are taken",
        series=connected(84),
        fires=(Fired(severity="warning", summary="85% of 100 connections are taken"),),
    ),
    Case(
        alert="DatabaseConnectionsHigh",
        when="98 of 100 connections are taken",
        series=connected(97),
        fires=(
            Fired(severity="warning", summary="98% of 100 connections are taken"),
            Fired(severity="critical", summary="98% of 100 connections are taken"),
        ),
    ),
    Case(alert="DatabaseConnectionsHigh", when="30 of 100 connections are taken", series=connected(29)),
    Case(
        alert="DatabaseSizeHigh",
        when="the database and its log have grown to 9 of 10 GiB",
        series=size(9),
        fires=(Fired(severity="warning", summary="The database takes 90% of the 10 GiB it was given"),),
    ),
    Case(
        alert="DatabaseSizeHigh",
        when="the database is larger than it was to be",
        series=size(11),
        fires=(
            Fired(severity="warning", summary="The database takes 110% of the 10 GiB it was given"),
            Fired(severity="critical", summary="The database takes 110% of the 10 GiB it was given"),
        ),
    ),
    Case(alert="DatabaseSizeHigh", when="the database is small", series=size(2)),
    Case(
        alert="Deadlocks",
        when="two transactions wait for each other",
        series=deadlocks(then("0+0x60", "2+0x100")),
        fires=(Fired(severity="warning", summary="2 deadlocks in 15 minutes"),),
    ),
    Case(alert="Deadlocks", when="there were some last week", series=deadlocks(flat(5))),
    Case(
        alert="LongTransaction",
        when="somebody left psql open in a transaction",
        series=oldest(600),
        fires=(Fired(severity="warning", summary="A transaction has been open for 10m 0s"),),
    ),
    Case(
        alert="LongTransaction",
        when="it is still open after lunch",
        series=oldest(3600),
        fires=(
            Fired(severity="warning", summary="A transaction has been open for 1h 0m 0s"),
            Fired(severity="critical", summary="A transaction has been open for 1h 0m 0s"),
        ),
    ),
    Case(alert="LongTransaction", when="transactions are short", series=oldest(0.02)),
    Case(
        alert="TransactionIdsHigh",
        when="vacuum has been held up",
        series=numbers(6e8),
        fires=(Fired(severity="warning", summary="The oldest row is 600M transactions old"),),
    ),
    Case(
        alert="TransactionIdsHigh",
        when="vacuum has been held up for long",
        series=numbers(1.5e9),
        fires=(
            Fired(severity="warning", summary="The oldest row is 1.5G transactions old"),
            Fired(severity="critical", summary="The oldest row is 1.5G transactions old"),
        ),
    ),
    Case(
        alert="TransactionIdsHigh",
        when="vacuum begins at 200 million as it should",
        series=numbers(2.1e8),
    ),
)
