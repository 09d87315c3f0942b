"""The images of monitoring: each starts under the conditions of a stack and does the one thing it is there for."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from docker.models.containers import Container

from rendering import nginx
from rendering.monitoring import alertmanager
from tests.e2e.edges import EDGE
from tests.e2e.lab import Lab, execute, healthy, make_certificates, succeed, until_exit, until_healthy
from tests.e2e.lone_edge import start_edge
from tests.support.looking import until

PARTS = (
    *("prometheus", "alertmanager", "node-exporter", "postgres-exporter", "nginx-exporter", "blackbox-exporter"),
    *("docker-filter", "collector", "synthetic-user"),
)
PROMETHEUS = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["127.0.0.1:9090"]}]
"""
EVERYBODY = alertmanager.Receivers(
    stack="test",
    slack=alertmanager.Slack(channel="#alerts"),
    email=alertmanager.Mail(
        to=("ada@example.com",), sender="g@example.com", host="m", port=587, security="starttls", username="g"
    ),
    pagerduty=alertmanager.PagerDuty(url="https://events.example.com/v2/enqueue"),
    dead_man=True,
)
BLACKBOX = """
modules:
  edge:
    prober: http
    http:
      headers: {Host: localhost}
      tls_config: {ca_file: /etc/blackbox/ca.crt, server_name: localhost}
"""


def page(container: Container, url: str) -> str:
    """What a program says, asked from within its own container."""
    return succeed(container, "wget", "-q", "-T", "10", "-O", "-", url)


def test_a_program_that_does_not_answer_is_unhealthy(lab: Lab) -> None:
    idle = [lab.run(name, alias=name, entrypoint=["sleep", "600"]) for name in PARTS]
    assert [container.attrs["Config"]["Image"] for container in idle if healthy(container)] == []


def start_prometheus(lab: Lab, alias: str) -> Container:
    container = lab.run(
        "prometheus",
        alias=alias,
        files={"/etc/prometheus/prometheus.yml": PROMETHEUS},
        volumes={"history": "/prometheus"},
    )
    until_healthy(container)
    return container


def test_prometheus_keeps_its_history_in_its_volume(lab: Lab) -> None:
    asked = "http://127.0.0.1:9090/api/v1/query?query=count_over_time(up[1h])>1"
    first = start_prometheus(lab, "first")
    until(lambda: '"__name__"' in page(first, asked) or '"job"' in page(first, asked), "it has asked itself")
    first.kill("SIGKILL")
    until_exit(first)
    second = lab.run(
        "prometheus",
        alias="second",
        files={"/etc/prometheus/prometheus.yml": "scrape_configs: []\n"},
        volumes={"history": "/prometheus"},
    )
    until_healthy(second)
    assert '"job":"prometheus"' in page(second, asked), "what the first has seen, although it was killed"


def test_prometheus_pages_find_every_file_they_load(lab: Lab) -> None:
    container = start_prometheus(lab, "prometheus")
    for name in ("graph", "alerts", "targets", "rules"):
        text = page(container, f"http://127.0.0.1:9090/classic/{name}")
        files = re.findall(r'(?:src|href)="(/classic/static/[^"?]+)', text)
        assert len(files) > 5, "scripts and styles"
        for file in files:
            code, _ = execute(container, "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:9090{file}")
            assert code == 0, f"{name} loads {file}"


def test_alertmanager_takes_up_every_kind_of_receiver_and_looks_for_no_peers(lab: Lab) -> None:
    """Its own reading decides: the amtool of the tests' machine may be older."""
    credentials = (
        alertmanager.SLACK_URL,
        alertmanager.PAGERDUTY_KEY,
        alertmanager.SMTP_PASSWORD,
        alertmanager.DEAD_MAN_URL,
    )
    container = lab.run(
        "alertmanager",
        alias="alertmanager",
        files={
            "/etc/alertmanager/alertmanager.yml": alertmanager.render(EVERYBODY),
            **{f"{alertmanager.SECRETS_FOLDER}/{name}": "https://nobody.example.com/x" for name in credentials},
        },
        volumes={"state": "/alertmanager"},
    )
    until_healthy(container)
    known = {entry["name"] for entry in json.loads(page(container, "http://127.0.0.1:9093/api/v2/receivers"))}
    assert known == {"slack", "email", "pagerduty", alertmanager.DEAD_MAN, alertmanager.NOBODY}
    assert '"status":"disabled"' in page(container, "http://127.0.0.1:9093/api/v2/status")


def test_a_node_exporter_in_a_container_tells_of_the_whole_machine(lab: Lab) -> None:
    container = lab.run("node-exporter", alias="node-exporter")
    until_healthy(container)
    told = page(container, "http://127.0.0.1:9100/metrics")
    (total,) = re.findall(r"^node_memory_MemTotal_bytes (\S+)", told, re.MULTILINE)
    (kib,) = re.findall(r"^MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert float(total) == int(kib) * 1024


def test_a_postgres_exporter_is_well_and_says_so_while_the_database_is_not(lab: Lab) -> None:
    container = lab.run(
        "postgres-exporter",
        alias="postgres-exporter",
        env={
            "DATA_SOURCE_URI": "127.0.0.1:5432/grocery",
            "DATA_SOURCE_USER": "x",
            "DATA_SOURCE_PASS_FILE": "/run/secrets/p",
        },
        files={"/run/secrets/p": "p"},
    )
    until_healthy(container)
    assert "pg_up 0" in page(container, "http://127.0.0.1:9187/metrics")


def test_the_exporters_of_the_edge_see_it(lab: Lab) -> None:
    certificates = make_certificates("localhost")
    described = dataclasses.replace(EDGE, figures_for=lab.subnet)
    start_edge(lab, described, certificates, alias="edge", files={"/srv/web/live/index.html": "<title>page</title>"})
    figures = lab.run(
        "nginx-exporter",
        alias="nginx-exporter",
        command=[
            "/usr/bin/prometheus-nginx-exporter",
            f"--nginx.scrape-uri=http://edge:{nginx.FIGURES_PORT}/stub_status",
        ],
    )
    probe = lab.run(
        "blackbox-exporter",
        alias="blackbox-exporter",
        files={"/etc/blackbox/blackbox.yml": BLACKBOX, "/etc/blackbox/ca.crt": certificates.ca},
    )
    until_healthy(figures)
    until_healthy(probe)
    assert "nginx_up 1" in page(figures, "http://127.0.0.1:9113/metrics")
    target = f"https://edge:{nginx.HTTPS_PORT}/"
    told = page(probe, f"http://127.0.0.1:9115/probe?module=edge&target={target}")
    assert "probe_success 1" in told, told
    assert re.search(r"^probe_ssl_earliest_cert_expiry [1-9]", told, re.MULTILINE)


def test_the_collector_is_well_and_says_so_while_the_engine_is_not(lab: Lab) -> None:
    container = lab.run("collector", alias="collector", env={"STACK": "test"})
    until_healthy(container)
    assert "docker_up 0" in page(container, "http://127.0.0.1:9400/metrics")


def test_a_tunnel_can_start_in_the_collector(lab: Lab) -> None:
    container = lab.run("collector", alias="collector", env={"STACK": "test"})
    until_healthy(container)
    text = r"printf 'GET /health HTTP/1.0\r\n\r\n' | nc 127.0.0.1 9400"
    assert succeed(container, "sh", "-c", text).endswith("ok")
