"""What is made of the answers of Prometheus and Alertmanager. The documents are theirs, shortened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cli.monitoring import (
    Alerting,
    Curve,
    Watch,
    merge,
    parse_counters,
    parse_held_alerts,
    parse_range,
    parse_rule_alerts,
)
from rendering.monitoring.figures import Figure, Limits

BEGAN = "2026-11-25T22:29:32.73091461Z"


def rule_alert(name: str, *, severity: str, state: str = "firing", since: str = BEGAN, **labels: str) -> dict[str, Any]:
    """One entry of Prometheus' /api/v1/alerts."""
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {"summary": f"{name} in words", "runbook_url": f"docs/runbooks/{name}.md"},
        "state": state,
        "activeAt": since,
        "value": "1e+00",
    }


def held_alert(name: str, *, by: str = "", **labels: str) -> dict[str, Any]:
    """One entry of Alertmanager's /api/v2/alerts; `by` says what mutes it."""
    return {
        "labels": {"alertname": name, "stack": "local", **labels},
        "annotations": {"summary": f"{name} in words"},
        "startsAt": "2026-11-25T22:29:42.730Z",
        "status": {
            "state": "suppressed" if by else "active",
            "silencedBy": ["94a1"] if by == "silence" else [],
            "inhibitedBy": ["cdc3"] if by == "other alert" else [],
        },
    }


def told(*entries: dict[str, Any]) -> Any:  # noqa: ANN401 - a JSON document
    return parse_rule_alerts({"status": "success", "data": {"alerts": list(entries)}})


WATCHDOG = rule_alert("Watchdog", severity="none")
HELD_WATCHDOG = held_alert("Watchdog", severity="none")


def test_an_alert_is_read_with_all_that_is_said_of_it() -> None:
    (alert,) = told(rule_alert("PostgresDown", severity="critical", workload="postgres"))
    assert (alert.name, alert.severity, alert.workload, alert.state) == (
        "PostgresDown", "critical", "postgres", "firing",
    )  # fmt: skip
    assert alert.since == datetime(2026, 11, 25, 22, 29, 32, 730914, tzinfo=UTC), "nanoseconds are cut"
    assert alert.summary == "PostgresDown in words"
    assert alert.runbook == "docs/runbooks/PostgresDown.md"


def test_an_alert_without_a_workload_or_a_runbook_is_read_too() -> None:
    entry = rule_alert("HostDown", severity="warning")
    del entry["annotations"]["runbook_url"]
    (alert,) = told(entry)
    assert (alert.workload, alert.runbook) == ("", "")


def test_the_worst_comes_first_and_of_equals_the_oldest() -> None:
    found = Alerting(
        alerts=told(
            rule_alert("Young", severity="critical", since="2026-11-25T12:00:00Z"),
            rule_alert("Slight", severity="warning", since="2026-11-25T10:00:00Z"),
            rule_alert("Old", severity="critical", since="2026-11-25T11:00:00Z"),
        )
    )
    assert [alert.name for alert in found.firing] == ["Old", "Young", "Slight"]


def test_what_asks_nothing_of_anybody_does_not_count() -> None:
    rules = told(
        WATCHDOG,
        rule_alert("Coming", severity="critical", state="pending"),
        rule_alert("Known", severity="critical", workload="edge"),
        rule_alert("Follows", severity="warning"),
        rule_alert("Known", severity="critical", workload="postgres"),
    )
    held = parse_held_alerts(
        [
            HELD_WATCHDOG,
            held_alert("Known", severity="critical", workload="edge", by="silence"),
            held_alert("Follows", severity="warning", by="other alert"),
            held_alert("Known", severity="critical", workload="postgres"),
        ]
    )
    found = merge(rules, held)
    assert [(alert.name, alert.workload) for alert in found.firing] == [("Known", "postgres")]
    assert {(alert.name, alert.workload): alert.muted for alert in found.alerts if alert.muted} == {
        ("Known", "edge"): "silenced",
        ("Follows", ""): "inhibited",
    }
    assert found.doubts == ()


def test_alerts_of_a_test_are_not_listed() -> None:
    assert parse_held_alerts([held_alert("TestAlert", severity="critical", test_receiver="slack")]) == ()


@pytest.mark.parametrize(
    ("rules", "held", "doubt"),
    [
        (told(), parse_held_alerts([]), "does not evaluate its rules"),
        (told(WATCHDOG), parse_held_alerts([]), "do not reach Alertmanager"),
        (told(WATCHDOG), None, "alertmanager does not answer"),
    ],
    ids=["rules stand still", "nothing arrives", "nobody is there"],
)
def test_it_is_said_when_alerting_itself_does_not_work(rules: Any, held: Any, doubt: str) -> None:  # noqa: ANN401
    (said,) = merge(rules, held).doubts
    assert doubt in said


def test_a_critical_alert_is_a_problem_and_a_warning_is_none() -> None:
    watch = Watch(
        alerting=Alerting(
            alerts=told(
                rule_alert("PostgresDown", severity="critical", workload="postgres"),
                rule_alert("DiskFills", severity="warning"),
            )
        )
    )
    assert watch.problems == (
        "alert PostgresDown of postgres: PostgresDown in words; see docs/runbooks/PostgresDown.md",
    )
    assert watch.warnings == ("alert DiskFills: DiskFills in words; see docs/runbooks/DiskFills.md",)


def test_monitoring_that_does_not_answer_is_a_problem() -> None:
    assert Watch(trouble="prometheus does not answer: timed out").problems == (
        "monitoring: prometheus does not answer: timed out",
    )


def test_monitoring_that_is_off_or_elsewhere_is_none() -> None:
    assert Watch(off=True).problems == ()
    assert Watch(trouble="no container of prometheus runs on this engine", absent=True).problems == ()


def test_a_curve_has_a_value_for_each_moment_asked_for_and_none_where_nothing_was_known() -> None:
    document = {"data": {"result": [{"metric": {}, "values": [[1000, "0.5"], [1060, "NaN"], [1180.001, "2"]]}]}}
    assert parse_range(document, [940, 1000, 1060, 1120, 1180]) == (None, 0.5, None, None, 2.0)


def test_a_figure_nothing_is_known_of_is_an_empty_curve() -> None:
    assert parse_range({"data": {"result": []}}, [1000, 1060]) == (None, None)


@pytest.mark.parametrize(
    ("limits", "latest", "verdict"),
    [
        (Limits(warning=0.7, critical=0.9), 0.7, ""),
        (Limits(warning=0.7, critical=0.9), 0.71, "warning"),
        (Limits(warning=0.7, critical=0.9), 0.91, "critical"),
        (Limits(warning=0.2, critical=0.1, below=True), 0.2, ""),
        (Limits(warning=0.2, critical=0.1, below=True), 0.15, "warning"),
        (Limits(warning=0.2, critical=0.1, below=True), 0.05, "critical"),
        (Limits(), 1e9, ""),
        (Limits(warning=1), None, ""),
    ],
)
def test_the_latest_value_is_judged_by_the_limits_of_its_alerts(
    limits: Limits, latest: float | None, verdict: str
) -> None:
    figure = Figure(title="Load", expr="x", unit="percentunit", meaning="A load.", limits=limits)
    assert Curve(figure=figure, values=(0.5, latest)).verdict == verdict


def test_counters_are_added_up_by_one_of_their_labels() -> None:
    text = """# HELP attempts_total How often.
# TYPE attempts_total counter
attempts_total{integration="email"} 6
attempts_total{integration="slack",receiver_name="a"} 2
attempts_total{integration="slack",receiver_name="b"} 3
attempts_total_other{integration="email"} 100
"""
    assert parse_counters(text, "attempts_total", "integration") == {"email": 6, "slack": 5}
