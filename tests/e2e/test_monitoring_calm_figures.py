"""Every part of a running stack is asked for its figures, and each that a rule or a panel speaks of is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from rendering.monitoring import dashboards
from rendering.monitoring.figures import FIGURES
from tests.e2e import watching
from tests.e2e.watched_stack import Watched, use
from tests.support import promql
from tests.support.looking import until
from tests.unit.recording import IMAGE, merge, record
from tests.unit.test_watching import mounted


@dataclass(frozen=True, kw_only=True)
class Absent:
    """Series that are not there where nothing is wrong. chosen: a pattern for the whole selector, such as
    `up{job="edge"}`. busy: a machine without processors to spare is enough to have them."""

    chosen: str
    because: str
    busy: bool = False


ABSENT = (
    Absent(
        chosen=r'ALERTS\{alertstate="firing",severity=~"warning\|critical"\}', because="nothing is wrong", busy=True
    ),
    Absent(
        chosen=r"zero_replication_lag_report_retries_total\{\}", because="every report of the lag is in time", busy=True
    ),
    Absent(chosen=r'http_request_duration_seconds_count\{.*status=~"5\.\."\}', because="no request has failed"),
    Absent(chosen=r'auth_login_attempts_total\{result="throttled"\}', because="nobody tries passwords"),
    Absent(chosen=r'pushes_total\{result="failed"\}', because="no notification was given up"),
    Absent(chosen=r'emails_total\{result=~"failed\|retried"\}', because="no mail came back"),
    Absent(chosen=r'pg_replication_slot_wal_status\{wal_status="lost"\}', because="the slot is not lost"),
    Absent(chosen=r"log_records_dropped_total\{\}", because="logs are kept where they are, not shipped"),
    Absent(chosen=r'(\w|:)+\{.*workload="grafana".*\}', because="Grafana's image is nothing that tests can have"),
    Absent(chosen=r"grafana_\w+\{.*\}", because="Grafana's image is nothing that tests can have"),
)


@pytest.fixture(scope="module")
def asked(calm: Watched) -> Iterator[watching.Server]:
    """The stack's Prometheus, once the stack has been used for a while."""
    with watching.prometheus(calm.checkout) as server, use(calm):
        until(lambda: server.query("grocery:errors:ratio30m"), "the slowest rules have something to say", seconds=240)
        until(lambda: server.query("grocery:latency:p95_5m"), "requests have been counted")
        until(lambda: server.query("grocery:restore:age_seconds"), "a backup was seen to come back", seconds=240)
        yield server


@pytest.fixture(scope="module")
def spoken_of(calm: Watched, asked: watching.Server) -> Mapping[str, str]:
    """Each figure that rules, dashboards and the terminal speak of -> the first place where."""
    found: dict[str, str] = {}
    for group in asked.get("/api/v1/rules")["data"]["groups"]:
        for rule in group["rules"]:
            _add(found, f"rule {rule['name']}", rule["query"])
    for expression in dashboards.expressions(_boards(calm)):
        _add(found, expression.where, expression.expr)
    for figure in FIGURES:
        _add(found, f"figure {figure.title}", figure.expr)
    return found


def _add(found: dict[str, str], where: str, expression: str) -> None:
    for figure in promql.figures(expression):
        found.setdefault(figure, where)


def _boards(watched: Watched) -> dict[str, str]:
    """File name -> text of the dashboards that this stack would have if it had a Grafana."""
    settings: dict[str, Any] = watched.checkout.settings
    with_grafana = merge(settings, {"monitoring": {"grafana": {"image": IMAGE}}})
    files = mounted(record(watched.checkout.stack, with_grafana, preview=False), "grafana")
    return {path.rpartition("/")[2]: text for path, text in files.items() if path.endswith(".json")}


def _absence(figure: str) -> Absent | None:
    return next(
        (absent for absent in ABSENT for selector in promql.selectors(figure) if re.fullmatch(absent.chosen, selector)),
        None,
    )


def test_every_figure_of_every_rule_and_panel_is_there(asked: watching.Server, spoken_of: Mapping[str, str]) -> None:
    assert len(spoken_of) > 150, "rules and dashboards were found"
    missing = [
        f"{where}: {figure}" for figure, where in spoken_of.items() if not _absence(figure) and not asked.query(figure)
    ]
    assert missing == [], "\n".join(missing)


@pytest.mark.parametrize("absent", ABSENT, ids=lambda absent: absent.because)
def test_what_is_expected_to_be_absent_is_spoken_of_and_absent(
    asked: watching.Server, spoken_of: Mapping[str, str], absent: Absent
) -> None:
    meant = [
        selector
        for figure in spoken_of
        for selector in promql.selectors(figure)
        if re.fullmatch(absent.chosen, selector)
    ]
    assert meant, "no rule and no panel speaks of it any more"
    there = [selector for selector in meant if asked.query(selector)]
    assert there == [] or absent.busy, f"{there} is there, although {absent.because}"


def test_every_target_answers_and_each_task_is_one(calm: Watched, asked: watching.Server) -> None:
    targets = asked.get("/api/v1/targets")["data"]["activeTargets"]
    failing = {target["scrapeUrl"]: target["lastError"] for target in targets if target["health"] != "up"}
    assert failing == {}
    jobs = [target["labels"]["job"] for target in targets]
    workloads = calm.checkout.status()["services"]
    assert jobs.count("auth-server") == 2, "one target for each task"
    scraped = {service["workload"] for service in workloads} & set(jobs)
    assert scraped >= {
        "prometheus",
        "alertmanager",
        "node-exporter",
        "postgres-exporter",
        "nginx-exporter",
        "blackbox-exporter",
        "collector",
        "synthetic-user",
        "auth-server",
        "backups",
    }
    assert {"edge-https", "edge-ready", "edge-redirect"} <= set(jobs)


def test_the_tasks_that_there_are_are_those_that_should_be(asked: watching.Server) -> None:
    desired = {series.labels["workload"]: series.value for series in asked.query("workload_tasks_desired")}
    running = {series.labels["workload"]: series.value for series in asked.query("workload_tasks_running")}
    assert desired == running
    assert desired["auth-server"] == 2
    healthy = asked.query("container_healthy")
    assert {series.value for series in healthy} == {1.0}


def test_a_person_who_is_none_uses_the_stack_as_people_do(asked: watching.Server) -> None:
    until(lambda: asked.query("synthetic_up == 1"), "a whole turn succeeded", seconds=180)
    seconds = asked.one("max(synthetic_sync_seconds)")
    print(f"from writing an item to seeing it arrive: {seconds * 1000:.0f} ms")
    assert seconds > 0
    assert asked.query('synthetic_turns_total{result="success"}')


def test_the_days_of_the_certificate_are_those_of_the_one_that_is_served(calm: Watched, asked: watching.Server) -> None:
    told = {entry["name"]: entry for entry in calm.checkout.status()["certificates"]}
    ends = datetime.fromisoformat(told["edge"]["not_after"]).timestamp()
    assert abs(asked.one('min(probe_ssl_earliest_cert_expiry{job="edge-https"})') - ends) < 1
