"""Monitoring itself: an alert that nobody hears is worse than none."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, added

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="Watchdog",
        expr="vector(1)",
        for_seconds=0,
        severity="none",
        summary="Rules are evaluated: {{ $value | humanize }} alert that always fires",
        description="Fires as long as monitoring works. Who stops hearing of it knows that monitoring does not.",
    ),
    Alert(
        name="RulesFailing",
        expr="round(sum(increase(prometheus_rule_evaluation_failures_total[5m]))) >= 1",
        for_seconds=MINUTE,
        severity="critical",
        summary="{{ $value | humanize }} evaluations of rules failed in 5 minutes",
        description="Some alerts cannot fire.",
    ),
    Alert(
        name="RulesLate",
        expr="round(sum(increase(prometheus_rule_group_iterations_missed_total[15m]))) >= 3",
        for_seconds=0,
        severity="warning",
        summary="{{ $value | humanize }} evaluations of rules were left out in 15 minutes",
        description="Prometheus is too slow to look at everything in time, so alerts come late.",
    ),
    Alert(
        name="HistoryFailing",
        expr=(
            "round(sum(increase(prometheus_tsdb_wal_writes_failed_total[1h]))"
            " + sum(increase(prometheus_tsdb_compactions_failed_total[1h]))"
            " + sum(increase(prometheus_tsdb_wal_corruptions_total[1h]))) >= 1"
        ),
        for_seconds=0,
        severity="warning",
        summary="Prometheus failed {{ $value | humanize }} times in an hour to keep its history",
        description="Figures are lost, and with them alerts that look further back than a few minutes.",
    ),
    Alert(
        name="AlertsNotDelivered",
        # The Watchdog is sent all the time, so there is always something to drop.
        expr="round(sum(increase(prometheus_notifications_dropped_total[5m]))) >= 1",
        for_seconds=5 * MINUTE,
        severity="critical",
        summary="{{ $value | humanize }} alerts did not reach Alertmanager in 5 minutes",
        description="Nobody is told of anything; alerts are in `./grocery status` only.",
    ),
    Alert(
        name="NotificationsNotSent",
        expr="round(sum by (integration) (increase(alertmanager_notification_requests_failed_total[20m]))) >= 3",
        for_seconds=0,
        severity="warning",
        summary="{{ $value | humanize }} attempts to reach {{ $labels.integration }} failed in 20 minutes",
        description="Alerts fire, but whoever should hear of them this way does not.",
    ),
    Alert(
        name="EngineUnreachable",
        expr="max(docker_up) == 0",
        for_seconds=2 * MINUTE,
        severity="warning",
        summary="The engine does not tell of its containers (docker_up is {{ $value | humanize }})",
        description="Tasks, restarts and the memory of containers are not watched.",
    ),
    Alert(
        name="LogsDropped",
        expr=added("log_records_dropped_total", job="collector", window="15m") + " >= 1",
        for_seconds=0,
        severity="warning",
        summary="{{ $value | humanize }} lines of log were not shipped in 15 minutes",
        description="They are on the machine only, until they rotate away.",
    ),
)
