"""Every alert is proven to fire and not to fire, by Prometheus' own tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from rendering.monitoring import rules, scrape
from rendering.monitoring.alerts import alerts
from rendering.monitoring.alerts.alert import Alert
from rendering.monitoring.alerts.workloads import FELT
from rendering.monitoring.figures import FIGURES, Figure, Limits
from rendering.monitoring.watched import Scope
from tests.unit.monitoring import promtool
from tests.unit.monitoring.cases import CASES
from tests.unit.monitoring.scopes import EVERYTHING, PLAIN

SCOPES = [EVERYTHING, PLAIN]
# Fires as long as rules are evaluated, which is what it is for.
NEVER_QUIET = {"Watchdog"}
# Requirement -> name of the alert, and its limits as they are agreed on.
AGREED = {
    "p95 of the API in seconds": ("HighLatency", "> 0.5", "> 1"),
    "share of errors": ("HighErrorRate", "> 0.01", "> 0.05"),
    "share of the processors": ("HighCpu", "> 0.7", "> 0.9"),
    "share of the memory": ("HighMemory", "> 0.8", "> 0.95"),
    "share of the disk that is free": ("DiskSpaceLow", "< 0.2", "< 0.1"),
    "requests waiting for a connection": ("DatabasePoolWaiting", "> 5", "> 10"),
}


def every_alert() -> Iterator[Alert]:
    """Those of all scopes; one that two have is the same."""
    yield from {(alert.name, alert.severity, alert.workload): alert for s in SCOPES for alert in alerts(s)}.values()


def of(name: str, severity: str) -> Alert:
    (found,) = (alert for alert in every_alert() if (alert.name, alert.severity) == (name, severity))
    return found


def test_every_situation_ends_as_it_is_written_down(tmp_path: Path) -> None:
    files = promtool.write(tmp_path, CASES)
    done = promtool.run("test", "rules", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(line.strip() == "SUCCESS" for line in done.stdout.splitlines()) == len(files)


def test_every_alert_has_a_situation_in_which_it_fires() -> None:
    fired = {(case.alert, one.severity, one.workload) for case in CASES for one in case.fires}
    never = {(alert.name, alert.severity, alert.workload) for alert in every_alert()} - fired
    assert not never, "an alert that was never seen to fire may never fire"


def test_every_alert_has_a_situation_in_which_it_is_quiet() -> None:
    quiet = {
        (alert.name, alert.severity, alert.workload)
        for alert in every_alert()
        for case in CASES
        if case.alert == alert.name
        and case.series
        and (alert.severity, alert.workload) not in {(one.severity, one.workload) for one in case.fires}
    }
    never = {(alert.name, alert.severity, alert.workload) for alert in every_alert()} - quiet
    assert {name for name, _, _ in never} == NEVER_QUIET, "an alert that was never seen quiet may never be"


def test_no_two_situations_of_an_alert_are_told_alike() -> None:
    told = [(case.alert, case.when) for case in CASES]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.stack)
def test_prometheus_accepts_rules_and_configuration(scope: Scope, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    for file, text in rules.render(scope).items():
        (folder / file).write_text(text, encoding="utf-8")
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(scrape.render(scope).replace(scrape.RULES_FOLDER, str(folder)), encoding="utf-8")
    # Checks the rules that the configuration names too; a rule that is there twice is an error.
    done = promtool.run("check", "config", "--lint=all", "--lint-fatal", configuration)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules.render(scope))} rule files found" in done.stdout


@pytest.mark.parametrize(("name", "warning", "critical"), AGREED.values(), ids=AGREED)
def test_limits_are_those_agreed_on(name: str, warning: str, critical: str) -> None:
    assert of(name, "warning").expr.endswith(f" {warning}")
    assert of(name, "critical").expr.endswith(f" {critical}")
    assert of(name, "warning").for_seconds >= of(name, "critical").for_seconds > 0, "one bad moment wakes nobody"


@pytest.mark.parametrize("figure", [one for one in FIGURES if one.limits != Limits()], ids=lambda one: one.title)
def test_what_is_drawn_as_bad_is_what_alerts_call_bad(figure: Figure) -> None:
    told = {alert.severity: alert for alert in every_alert() if alert.expr.startswith(f"{figure.expr} ")}
    limits = {severity: float(alert.expr.split()[-1]) for severity, alert in told.items()}
    assert limits == {"warning": figure.limits.warning, "critical": figure.limits.critical}
    assert {alert.expr.split()[-2] for alert in told.values()} == {"<" if figure.limits.below else ">"}


@pytest.mark.parametrize(
    "alert", list(every_alert()), ids=lambda alert: f"{alert.name}-{alert.severity}-{alert.workload}"
)
def test_every_alert_tells_its_value_with_a_unit_and_what_it_means(alert: Alert) -> None:
    said = re.search(r"\{\{ \$value \| humanize(\w*) \}\}(.*)", alert.summary)
    assert said, alert.summary
    assert said[1] in ("Duration", "Percentage") or re.search(r"\w", said[2]) or "is {{ $value" in alert.summary
    # Promtool compares texts, so what it says in a case is what people read; this one never depends on a value.
    assert "{{" not in alert.description
    assert alert.description.endswith("."), "a sentence"
    # Mails and chats show these as they are.
    assert not re.search(r"[<>&]", alert.summary + alert.description)


def test_every_workload_has_what_follows_from_it() -> None:
    for one in EVERYTHING.watched:
        kinds = {alert.name for alert in alerts(EVERYTHING) if alert.workload == one.name}
        expected = {"TasksMissing", "Restarting", "Unhealthy", "MemoryHigh", "OutOfMemory"}
        assert kinds >= expected | ({"TargetMissing"} if one.endpoint else set()), one.name


def test_people_are_woken_for_what_people_notice() -> None:
    named = {one.name for one in EVERYTHING.watched}
    assert named >= FELT
    missing = {alert.workload: alert.severity for alert in alerts(EVERYTHING) if "< 1" in alert.expr and alert.workload}
    assert {name for name, severity in missing.items() if severity == "critical"} == FELT


def test_figures_are_recorded_under_the_names_that_others_read() -> None:
    document = YAML(typ="safe").load(rules.render(EVERYTHING)["figures.yml"])
    recorded = {rule["record"] for group in document["groups"] for rule in group["rules"]}
    read = set(re.findall(r"grocery:\w+:\w+", " ".join(alert.expr for alert in every_alert())))
    read |= set(re.findall(r"grocery:\w+:\w+", " ".join(figure.expr for figure in FIGURES)))
    assert not read - recorded
