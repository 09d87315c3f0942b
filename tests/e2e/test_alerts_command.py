"""Alerts as people ask for them, against a Prometheus and an Alertmanager that have something to tell.

They are containers with the labels of a stack's, and rules of the tests' own: nothing else of the stack is there.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from cli.tunnel import tunnel
from rendering.monitoring import alertmanager
from tests.conftest import MakeCheckout
from tests.e2e.inside import archive
from tests.support.checkout import Checkout, free_port
from tests.support.looking import container_of, until
from tests.support.mailbox import Mailbox

OPERATIONS = "operations@example.com"


def alert(name: str, severity: str, *, after: str = "0s", **labels: str) -> dict[str, object]:
    """A rule whose condition always holds."""
    return {
        "alert": name,
        "expr": "vector(1)",
        "for": after,
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": f"{name} in words", "runbook_url": f"docs/runbooks/{name.lower()}.md"},
    }


RULES = [
    alert("Watchdog", "none"),
    alert("Slight", "warning"),
    alert("Known", "warning"),
    alert("Broken", "critical", workload="postgres"),
    alert("Coming", "critical", after="1h"),
    {"record": "grocery:cpu:ratio", "expr": "vector(0.95)"},
]
PROMETHEUS = {
    "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": {"stack": "watched"}},
    "rule_files": ["/tmp/rules.yml"],
    "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]},
}


@pytest.fixture(scope="module")
def mailbox(way_out: str) -> Iterator[Mailbox]:
    with Mailbox(way_out) as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def watched(make_checkout: MakeCheckout, images: dict[str, str], mailbox: Mailbox) -> Iterator[Checkout]:
    """A stack of which only monitoring runs. Mail arrives; nobody listens where Slack is said to be."""
    checkout = make_checkout(
        monitoring={"receivers": {"slack": {"channel": "#alerts"}, "email": {"to": [OPERATIONS]}}},
        email={"host": mailbox.host, "port": mailbox.port, "security": "none"},
    )
    receivers = alertmanager.Receivers(
        stack=checkout.stack,
        slack=alertmanager.Slack(channel="#alerts"),
        email=alertmanager.Mail(
            to=(OPERATIONS,),
            sender="alerts@example.com",
            host=mailbox.host,
            port=mailbox.port,
            security="none",
            username=None,
        ),
    )
    files = {
        "prometheus": {
            # JSON is YAML.
            "/tmp/prometheus.yml": json.dumps(PROMETHEUS),
            "/tmp/rules.yml": json.dumps({"groups": [{"name": "of the tests", "rules": RULES}]}),
        },
        "alertmanager": {
            "/tmp/alertmanager.yml": alertmanager.render(receivers),
            f"{alertmanager.SECRETS_FOLDER}/{alertmanager.SLACK_URL}": f"http://{mailbox.host}:{free_port()}/hook",
        },
    }
    commands = {
        # First: whoever does not hear of an alert at once does a minute later.
        "alertmanager": [
            "/usr/bin/prometheus-alertmanager",
            "--config.file=/tmp/alertmanager.yml",
            "--storage.path=/alertmanager",
            "--cluster.listen-address=",
            "--log.format=json",
        ],
        "prometheus": ["/usr/bin/prometheus", "--config.file=/tmp/prometheus.yml", "--storage.tsdb.path=/prometheus"],
    }
    with checkout.api() as api:
        label = {STACK_LABEL: checkout.stack}
        network = api.create_network(f"{checkout.stack}-watching", labels=label)["Id"]
        made = []
        try:
            for workload, command in commands.items():
                endpoint = api.create_endpoint_config(aliases=[workload])
                container = api.create_container(
                    images[workload],
                    command,
                    labels={**label, WORKLOAD_LABEL: workload},
                    networking_config=api.create_networking_config({network: endpoint}),
                )["Id"]
                made.append(container)
                api.put_archive(container, "/", archive(files[workload]))
                api.start(container)
            # Prometheus tells again only after a minute, should Alertmanager not have been there yet.
            until(
                lambda: len(_firing(checkout)) == 3 and not _document(checkout)["doubts"],
                "all that should fire does",
                seconds=200,
            )
            yield checkout
        finally:
            for container in made:
                api.remove_container(container, force=True, v=True)
            api.remove_network(network)


def _document(checkout: Checkout) -> dict[str, Any]:
    run = checkout.run("alerts", "--json", expect=None)
    return dict(run.document()) if run.code == 0 else {"alerts": [], "doubts": [run.err]}


def _firing(checkout: Checkout) -> list[str]:
    return [
        entry["name"]
        for entry in _document(checkout)["alerts"]
        if entry["state"] == "firing" and entry["severity"] != "none"
    ]


@contextmanager
def _mute(api: Api, checkout: Checkout, workload: str) -> Iterator[None]:
    """It is there, is connected to, and says nothing."""
    container = container_of(api, checkout.stack, workload)
    api.kill(container, "STOP")
    try:
        yield
    finally:
        api.kill(container, "CONT")


@contextmanager
def _silenced(api: Api, checkout: Checkout, name: str) -> Iterator[None]:
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "a test",
        "comment": "it is known",
    }
    with tunnel(api, checkout.stack, "alertmanager", 9093) as port:
        address = f"http://127.0.0.1:{port}/api/v2"
        made = httpx.post(f"{address}/silences", json=silence, trust_env=False).json()["silenceID"]
        try:
            until(lambda: name not in checkout.run("alerts").out, f"{name} is muted")
            yield
        finally:
            httpx.delete(f"{address}/silence/{made}", trust_env=False)
            until(lambda: name in checkout.run("alerts").out, f"{name} is heard again")


@pytest.fixture
def api(watched: Checkout) -> Iterator[Api]:
    with watched.api() as client:
        yield client


def test_alerts_are_listed_the_worst_first_with_what_they_say(watched: Checkout) -> None:
    lines = watched.run("alerts").out.splitlines()
    headings = [line for line in lines if re.match("critical|warning", line)]
    assert re.match(r"critical  Broken \(postgres\) for \d+[smh]: Broken in words$", headings[0])
    assert [heading.split()[1] for heading in headings[1:]].count("Slight") == 1
    assert "docs/runbooks/broken.md" in lines[lines.index(headings[0]) + 1], "and the page that says what to do"
    assert "Watchdog" not in "".join(lines), "what always fires is no news"
    assert "Coming" not in "".join(lines)


def test_list_is_what_alerts_alone_does(watched: Checkout) -> None:
    alone, named = (
        [line.split(" for ")[0] for line in watched.run(*command).out.splitlines()]
        for command in (("alerts",), ("alerts", "list"))
    )
    assert alone == named


def test_what_may_fire_soon_is_shown_when_asked_for(watched: Checkout) -> None:
    assert re.search(r"^critical +Coming, pending for ", watched.run("alerts", "--pending").out, re.MULTILINE)


def test_programs_get_everything_as_json(watched: Checkout) -> None:
    document = watched.run("alerts", "--json").document()
    found = {entry["name"]: entry for entry in document["alerts"]}
    assert document["doubts"] == []
    assert found.keys() == {"Watchdog", "Slight", "Known", "Broken", "Coming"}
    assert found["Broken"]["severity"] == "critical"
    assert found["Broken"]["workload"] == "postgres"
    assert found["Broken"]["runbook"] == "docs/runbooks/broken.md"
    assert datetime.fromisoformat(found["Broken"]["since"]) < datetime.now(UTC)


def test_a_silenced_alert_is_not_heard_but_can_be_seen(watched: Checkout, api: Api) -> None:
    with _silenced(api, watched, "Known"):
        assert "Slight" in watched.run("alerts").out
        assert re.search(r"^warning +Known, silenced for ", watched.run("alerts", "--pending").out, re.MULTILINE)


def test_it_says_when_nobody_is_told(watched: Checkout, api: Api) -> None:
    with _mute(api, watched, "alertmanager"):
        told = watched.run("alerts").out
    assert "alertmanager does not answer: nobody is told of alerts" in told
    assert "Broken" in told, "what Prometheus knows is shown all the same"


def test_without_prometheus_it_says_so_and_fails(watched: Checkout, api: Api) -> None:
    with _mute(api, watched, "prometheus"):
        told = watched.run("alerts", expect=1).err
        status = watched.run("status", "--json", expect=1).document()
    assert "prometheus cannot be asked" in told
    assert "next" in told
    assert [problem for problem in status["problems"] if "monitoring: prometheus does not answer" in problem]


def test_status_tells_a_critical_alert_as_a_problem_and_a_warning_as_none(watched: Checkout) -> None:
    told = watched.run("status", expect=1).out
    assert "✗ alert Broken of postgres: Broken in words; see docs/runbooks/broken.md" in told
    assert "! alert Slight: Slight in words" in told
    assert re.search(r"^CPU +\S* *[▁▂▃▄▅▆▇█]+ +95 %$", told, re.MULTILINE), "the last hour is drawn, with the value now"


def test_status_tells_alerts_and_figures_to_programs(watched: Checkout) -> None:
    told = watched.run("status", "--json", expect=1).document()
    assert "alert Broken of postgres: Broken in words; see docs/runbooks/broken.md" in told["problems"]
    assert not [problem for problem in told["problems"] if "Slight" in problem]
    assert "Broken" in {entry["name"] for entry in told["monitoring"]["alerts"]}
    figures = {entry["title"]: entry for entry in told["monitoring"]["figures"]}
    assert figures["CPU"]["latest"] == 0.95
    assert figures["CPU"]["unit"] == "percentunit"
    assert figures["Requests"]["latest"] is None, "what is not known is not made up"


def test_a_test_reaches_every_receiver_for_real_or_says_why_not(watched: Checkout, mailbox: Mailbox) -> None:
    before = len(mailbox.to(OPERATIONS))
    told = watched.run("alerts", "test", expect=1).out
    said = {line.split()[0]: line for line in told.splitlines()}
    assert said["email"].split() == ["email", "delivered"]
    assert re.match(r"slack +failed: .*connection refused", said["slack"])
    assert "not configured" in said["pagerduty"]
    mail = mailbox.wait(OPERATIONS, before + 1)[before]
    assert "TestAlert" in mail.subject
    assert f"This is a test of stack {watched.stack}" in mail.text


def test_every_test_is_a_new_alert_that_nobody_else_hears_of(watched: Checkout, mailbox: Mailbox) -> None:
    before = len(mailbox.to(OPERATIONS))
    for _ in range(2):
        results = watched.run("alerts", "test", "--json", expect=1).document()
        assert {entry["receiver"]: entry["outcome"] for entry in results} == {
            "email": "delivered", "slack": "failed", "pagerduty": "not configured",
        }  # fmt: skip
    mailbox.wait(OPERATIONS, before + 2)
    assert "TestAlert" not in watched.run("alerts", "--json", "--pending").out


def test_without_receivers_there_is_nothing_to_test(watched: Checkout) -> None:
    other = watched.called(f"{watched.stack}x")
    other.write_settings({"target": {"host": watched.host}})
    told = other.run("alerts", "test", expect=2).err
    assert "nobody hears of the alerts" in told
    assert "monitoring.receivers is empty" in told


def test_a_stack_without_monitoring_says_so(watched: Checkout) -> None:
    other = watched.called(f"{watched.stack}x")
    other.write_settings({"target": {"host": watched.host}, "monitoring": {"enabled": False}})
    for command in (("alerts",), ("alerts", "test"), ("open", "prometheus")):
        assert "is not monitored" in other.run(*command, expect=2).err
    assert "monitoring  off" in re.sub(" +", "  ", other.run("status", expect=1).out)


@pytest.mark.parametrize(
    ("part", "path"), [("prometheus", "/api/v1/query?query=up"), ("alertmanager", "/api/v2/status")]
)
def test_an_opened_part_answers_until_ctrl_c(watched: Checkout, part: str, path: str) -> None:
    process = watched.start("open", part)
    assert process.stdout
    address = process.stdout.readline().split()[0]
    try:
        assert httpx.get(f"{address}{path}", trust_env=False).is_success
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)


def test_a_port_that_is_taken_is_named(watched: Checkout) -> None:
    first = watched.start("open", "prometheus")
    assert first.stdout
    port = first.stdout.readline().split()[0].rpartition(":")[2]
    try:
        assert f"port {port} cannot be listened on" in watched.run("open", "prometheus", "--port", port, expect=2).err
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)


def test_grafana_that_is_not_configured_is_said_with_the_setting(watched: Checkout) -> None:
    told = watched.run("open", "grafana", expect=2).err
    assert "monitoring.grafana is not set" in told
    assert "./grocery config set monitoring.grafana.image" in told
