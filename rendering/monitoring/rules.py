"""Prometheus' rules: figures that several readers want, computed once, and the alerts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from rendering import render_yaml
from rendering.monitoring.alerts import by_concern
from rendering.monitoring.alerts.alert import Alert, duration
from rendering.monitoring.watched import BackupScope, Scope

# Who probes is nobody who waits, and a password is slow to check on purpose: neither says how the API does.
_PROBED = "/health.*|/metrics"
_SLOW_ON_PURPOSE = "/api/auth/(login|register|reset-password)|/api/account/(password|delete)"
REQUESTS = f'job="auth-server",route!~"{_PROBED}"'
"""Selects the requests of the API that count."""
LATENCY = f'job="auth-server",route!~"{_PROBED}|{_SLOW_ON_PURPOSE}"'
"""Selects the requests of the API whose time people notice."""
# A container sees the machine's disk through whatever it mounts from it, several times; memory is no disk.
_DISK = 'fstype!~"tmpfs|overlay"'
_LONG_WINDOWS = ("30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A figure that is computed once and read by its name."""

    record: str
    expr: str


def recordings(scope: Scope) -> tuple[Recording, ...]:
    """The figures that alerts, dashboards and `grocery status` share, each one series but the last."""
    of_disk = (
        f"(node_filesystem_size_bytes{{{_DISK}}} - node_filesystem_free_bytes{{{_DISK}}}"
        f" + node_filesystem_avail_bytes{{{_DISK}}})"
    )
    synthetic = (Recording(record="grocery:sync:seconds", expr="max(synthetic_sync_seconds)"),)
    backups = _backups(scope.backups) if scope.backups else ()
    return (
        Recording(
            record="grocery:requests:rate5m", expr=f"sum(rate(http_request_duration_seconds_count{{{REQUESTS}}}[5m]))"
        ),
        Recording(
            record="grocery:errors:rate5m",
            # No error yet is no series yet, and means none.
            expr=(
                f'sum(rate(http_request_duration_seconds_count{{{REQUESTS},status=~"5.."}}[5m]))'
                f" or 0 * sum(rate(http_request_duration_seconds_count{{{REQUESTS}}}[5m]))"
            ),
        ),
        Recording(record="grocery:errors:ratio5m", expr="grocery:errors:rate5m / (grocery:requests:rate5m > 0)"),
        *(
            Recording(
                record=f"grocery:latency:p{percent}_5m",
                # Without requests there is no quantile: not a number, which the comparison leaves out.
                expr=(
                    f"histogram_quantile(0.{percent}, sum by (le) "
                    f"(rate(http_request_duration_seconds_bucket{{{LATENCY}}}[5m]))) >= 0"
                ),
            )
            for percent in (50, 95, 99)
        ),
        Recording(
            record="grocery:cpu:ratio",
            expr=(
                '1 - sum(rate(node_cpu_seconds_total{mode=~"idle|iowait"}[5m])) / sum(rate(node_cpu_seconds_total[5m]))'
            ),
        ),
        Recording(
            record="grocery:memory:ratio", expr="max(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"
        ),
        # As df counts: what only root may use is neither used nor free.
        Recording(
            record="grocery:disk:free_ratio", expr=f"min(node_filesystem_avail_bytes{{{_DISK}}} / ({of_disk} > 0))"
        ),
        Recording(record="grocery:disk:available_bytes", expr=f"min(node_filesystem_avail_bytes{{{_DISK}}})"),
        *(synthetic if scope.synthetic else ()),
        *backups,
        Recording(record="grocery:replication:lag_seconds", expr="max(zero_replication_total_lag_seconds)"),
        Recording(
            record="grocery:db_connections:ratio",
            expr=f"sum(pg_stat_database_numbackends) / {scope.postgres_connections}",
        ),
        Recording(
            record="grocery:container_memory:ratio",
            expr=(
                # While one collector takes over from another there are two series of each task for a moment.
                "max by (workload) (max by (workload, task) (container_memory_working_set_bytes)"
                " / max by (workload, task) (container_memory_limit_bytes > 0))"
            ),
        ),
    )


def _backups(backups: BackupScope) -> tuple[Recording, ...]:
    free = Recording(
        record="grocery:repository:free_ratio",
        # Of the disk below it, or of what was planned: whichever ends first.
        expr=(
            "min(grocery_repository_volume_free_bytes / (grocery_repository_volume_size_bytes > 0)"
            f' or 1 - grocery_repository_bytes{{repository="1"}} / {backups.disk})'
        ),
    )
    # What never happened is 0, and has no age.
    return (
        Recording(
            record="grocery:backup:age_seconds",
            expr="time() - (max by (repository) (grocery_last_backup_timestamp_seconds) > 0)",
        ),
        Recording(
            record="grocery:restore:age_seconds",
            expr="time() - (max(grocery_last_proven_restore_timestamp_seconds) > 0)",
        ),
        Recording(
            record="grocery:archive:behind_seconds",
            # Where nothing waits all is archived, however long ago.
            expr=(
                "(time() - (max(grocery_last_archived_timestamp_seconds) > 0"
                ' or max(container_start_time_seconds{workload="postgres"})))'
                " * (max(grocery_archive_waiting_segments) > bool 0)"
            ),
        ),
        *((free,) if backups.volume else ()),
    )


def budgets() -> tuple[Recording, ...]:
    """Shares of failed requests over longer times, from the two rates: days of two series are quickly read."""
    return tuple(
        Recording(
            record=f"grocery:errors:ratio{window}",
            expr=(
                f"avg_over_time(grocery:errors:rate5m[{window}])"
                f" / (avg_over_time(grocery:requests:rate5m[{window}]) > 0)"
            ),
        )
        for window in _LONG_WINDOWS
    )


def render(scope: Scope) -> dict[str, str]:
    """File name -> YAML text: the recorded figures, and the alerts of each concern."""
    recorded = [
        _group("figures", [_recording(one) for one in recordings(scope)]),
        {**_group("budgets", [_recording(one) for one in budgets()]), "interval": "1m"},
    ]
    files = {"figures.yml": recorded}
    for concern, found in by_concern(scope).items():
        # What follows for one workload is a group: evaluated one after the other, beside that of others.
        groups = groupby(found, key=lambda alert: f"{concern}-{alert.workload}" if concern == "workloads" else concern)
        files[f"{concern}.yml"] = [_group(name, [_alert(one, scope) for one in alerts]) for name, alerts in groups]
    return {name: render_yaml({"groups": groups}) for name, groups in files.items()}


def _group(name: str, rules: list[dict[str, object]]) -> dict[str, object]:
    return {"name": name, "rules": rules}


def _recording(one: Recording) -> dict[str, object]:
    return {"record": one.record, "expr": one.expr}


def _alert(one: Alert, scope: Scope) -> dict[str, object]:
    return {
        "alert": one.name,
        "expr": one.expr,
        **({"for": duration(one.for_seconds)} if one.for_seconds else {}),
        "labels": alert_labels(one),
        "annotations": alert_annotations(one, scope),
    }


def alert_labels(alert: Alert) -> dict[str, str]:
    """What alerts are routed and grouped by."""
    return {"severity": alert.severity, **({"workload": alert.workload} if alert.workload else {})}


def alert_annotations(alert: Alert, scope: Scope) -> dict[str, str]:
    """What people read; `summary` holds Prometheus' templates."""
    return {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": f"{scope.runbooks}/{alert.page}",
    }
