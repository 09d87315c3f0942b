"""Monitoring itself."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, missing, rising, then


def history(writes: str, compactions: str) -> Series:
    return {
        'prometheus_tsdb_wal_writes_failed_total{job="prometheus"}': writes,
        'prometheus_tsdb_compactions_failed_total{job="prometheus"}': compactions,
        'prometheus_tsdb_wal_corruptions_total{job="prometheus"}': flat(0),
    }


def sent(integration: str, values: str) -> Series:
    return {
        f'alertmanager_notification_requests_failed_total{{job="alertmanager",integration="{integration}"}}': values
    }


_DROPPED = 'prometheus_notifications_dropped_total{job="prometheus"}'
_FAILED = 'prometheus_rule_evaluation_failures_total{job="prometheus",rule_group="api"}'
_MISSED = 'prometheus_rule_group_iterations_missed_total{job="prometheus",rule_group="api"}'

CASES = (
    Case(
        alert="Watchdog",
        when="rules are evaluated",
        series={},
        at=1,
        fires=(Fired(severity="none", summary="Rules are evaluated: 1 alert that always fires"),),
    ),
    Case(
        alert="RulesFailing",
        when="a rule cannot be evaluated",
        series={_FAILED: rising(1 / 15)},
        fires=(Fired(severity="critical", summary="20 evaluations of rules failed in 5 minutes"),),
    ),
    Case(alert="RulesFailing", when="every rule can be evaluated", series={_FAILED: flat(0)}),
    Case(
        alert="RulesLate",
        when="evaluations take longer than there is time",
        series={_MISSED: rising(1 / 60)},
        fires=(Fired(severity="warning", summary="15 evaluations of rules were left out in 15 minutes"),),
    ),
    Case(alert="RulesLate", when="one was left out", series={_MISSED: then("0+0x60", "1+0x100")}),
    Case(
        alert="HistoryFailing",
        when="the log cannot be written",
        series=history(then("0+0x60", "3+0x100"), flat(0)),
        fires=(Fired(severity="warning", summary="Prometheus failed 3 times in an hour to keep its history"),),
    ),
    Case(alert="HistoryFailing", when="history is kept", series=history(flat(0), flat(0))),
    Case(
        alert="AlertsNotDelivered",
        when="Alertmanager is not there",
        series={_DROPPED: rising(1 / 60)},
        fires=(Fired(severity="critical", summary="5 alerts did not reach Alertmanager in 5 minutes"),),
    ),
    Case(
        alert="AlertsNotDelivered",
        when="the first alert came before Alertmanager was found",
        series={_DROPPED: then("0+0x20", "1+0x100")},
        at=9,
    ),
    Case(
        alert="NotificationsNotSent",
        when="Slack refuses what it is sent",
        series={**sent("slack", rising(1 / 300, minutes=90)), **sent("email", flat(0, minutes=90))},
        at=60,
        fires=(
            Fired(
                severity="warning",
                labels={"integration": "slack"},
                summary="4 attempts to reach slack failed in 20 minutes",
            ),
        ),
    ),
    Case(
        alert="NotificationsNotSent",
        when="one attempt failed, and the next did not",
        series=sent("slack", then("0+0x60", "1+0x100")),
    ),
    Case(
        alert="EngineUnreachable",
        when="the filter before the engine does not answer",
        series={'docker_up{job="collector"}': flat(0)},
        fires=(Fired(severity="warning", summary="The engine does not tell of its containers (docker_up is 0)"),),
    ),
    Case(alert="EngineUnreachable", when="the engine answers", series={'docker_up{job="collector"}': flat(1)}),
    Case(
        alert="LogsDropped",
        when="whoever takes the logs is away, for the first time",
        series={
            'log_records_dropped_total{job="collector",reason="refused"}': then(missing(16), flat(120)),
            'up{job="collector"}': flat(1),
        },
        fires=(Fired(severity="warning", summary="120 lines of log were not shipped in 15 minutes"),),
    ),
    Case(
        alert="LogsDropped",
        when="no logs are shipped",
        series={'up{job="collector"}': flat(1)},
    ),
)
