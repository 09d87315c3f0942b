"""What watches a stack follows from the stack: no part of it is without figures, alerts, a row and a page of help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.monitoring.docker_filter import socket_path
from rendering.disk import Disk
from tests.unit.recording import (
    DOCKER_CONFIG,
    DOCKER_SECRET,
    EXTERNAL,
    IMAGE,
    NETWORK,
    PASSWORD,
    ROOT,
    SERVICE,
    VOLUME,
    Recording,
    decoded,
    record,
)

# The largest config that Docker takes.
_CONFIG_BYTES = 500 * 1024
# Everything that can be switched on.
EVERYTHING: Mapping[str, Any] = {
    "edge": {
        "domain": "grocery.example.com",
        "certificate": {"kind": "acme", "email": "a@example.com", "image": IMAGE},
    },
    "email": {"host": "smtp.example.com", "username": "grocery"},
    "monitoring": {
        "receivers": {
            "slack": {"channel": "#alerts"},
            "email": {"to": ["operations@example.com"]},
            "pagerduty": {},
        },
        "dead_man": True,
        "grafana": {"image": IMAGE},
        "log_shipping": {"endpoint": "https://logs.example.com", "authenticated": True},
    },
}
OFF: Mapping[str, Any] = {"monitoring": {"enabled": False}}


@pytest.fixture
def everything() -> Recording:
    return record("prod", EVERYTHING, preview=False)


@pytest.fixture
def unwatched() -> Recording:
    return record("local", OFF, preview=False)


def mounted(recording: Recording, workload: str) -> dict[str, str]:
    """Path -> text of the configs of a workload."""
    texts = {found.outputs["id"]: decoded(found.inputs["data"]) for found in recording.of_type(DOCKER_CONFIG)}
    configs = recording.service(workload).inputs["taskSpec"]["containerSpec"].get("configs", [])
    return {config["fileName"]: texts[config["configId"]] for config in configs}


def secret_files(recording: Recording, workload: str) -> dict[str, str]:
    """Name of the file -> name of the secret resource, of a workload."""
    names = {found.outputs["id"]: found.name for found in recording.of_type(DOCKER_SECRET)}
    secrets = recording.service(workload).inputs["taskSpec"]["containerSpec"].get("secrets", [])
    return {secret["fileName"].rpartition("/")[2]: names[secret["secretId"]] for secret in secrets}


def yaml(text: str) -> Any:  # noqa: ANN401 - a document
    return YAML(typ="safe", pure=True).load(text)


def environment(recording: Recording, workload: str) -> Mapping[str, str]:
    found: Mapping[str, str] = recording.service(workload).inputs["taskSpec"]["containerSpec"].get("env", {})
    return found


# --- every part is watched
# -------------------------------------------------------------------------------------------


def test_every_endpoint_is_scraped_on_every_task(everything: Recording) -> None:
    jobs = {
        job["job_name"]: job
        for job in yaml(mounted(everything, "prometheus")["/etc/prometheus/prometheus.yml"])["scrape_configs"]
    }
    scraped = {name: found["metrics"] for name, found in everything.exports["workloads"].items() if found["metrics"]}
    assert len(scraped) > 8
    assert set(jobs) == set(scraped) | {"edge-https", "edge-ready", "edge-redirect"}
    for name, endpoint in scraped.items():
        assert jobs[name]["metrics_path"] == endpoint["path"]
        (discovered,) = jobs[name]["dns_sd_configs"]
        assert (discovered["names"], discovered["type"], discovered["port"]) == ([name], "A", endpoint["port"]), (
            "the alias has an address for each task"
        )
    assert "relabel_configs" not in jobs["auth-server"], "one of its tasks is not another"
    assert jobs["collector"]["relabel_configs"] == [{"target_label": "instance", "replacement": "collector:9400"}]


def test_whom_prometheus_asks_it_shares_a_network_with(everything: Recording) -> None:
    workloads = everything.exports["workloads"]
    for name, found in workloads.items():
        if found["metrics"]:
            assert set(found["networks"]) & set(workloads["prometheus"]["networks"]), name


def test_no_workload_is_without_alerts_a_row_and_a_runbook(everything: Recording) -> None:
    rules = [
        rule
        for path, text in mounted(everything, "prometheus").items()
        if path.startswith("/etc/prometheus/rules/")
        for group in yaml(text)["groups"]
        for rule in group["rules"]
    ]
    alerts: dict[str, set[str]] = {}
    for rule in rules:
        if "alert" in rule:
            alerts.setdefault(rule["labels"].get("workload", ""), set()).add(rule["alert"])
    dashboards = [
        json.loads(text)
        for path, text in mounted(everything, "grafana").items()
        if path.startswith("/etc/grafana/dashboards")
    ]
    rows = {panel["title"] for board in dashboards for panel in board["panels"] if panel["type"] == "row"}
    for name, found in everything.exports["workloads"].items():
        expected = {"TasksMissing", "Restarting", "Unhealthy", "MemoryHigh", "OutOfMemory"}
        assert alerts.get(name, set()) >= expected | ({"TargetMissing"} if found["metrics"] else set()), name
        assert any(name in row for row in rows), f"{name} has no row of panels"
        assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file(), f"nobody knows what to do about {name}"


def test_runbooks_that_are_published_are_linked_where_they_are() -> None:
    published = record("local", {"monitoring": {"runbooks_url": "https://ops.example.com/runbooks/"}}, preview=False)
    rules = "".join(text for path, text in mounted(published, "prometheus").items() if "/rules/" in path)
    assert "https://ops.example.com/runbooks/" in rules
    assert "runbooks//" not in rules
    assert "docs/runbooks/" not in rules


def test_every_file_is_one_that_docker_takes(everything: Recording) -> None:
    for found in everything.of_type(DOCKER_CONFIG):
        size = len(decoded(found.inputs["data"]).encode())
        assert size < _CONFIG_BYTES, f"{found.name} has {size} bytes"


# --- who is told
# -----------------------------------------------------------------------------------------------------


def test_addresses_and_keys_of_receivers_are_files_of_alertmanager_alone(everything: Recording) -> None:
    assert set(secret_files(everything, "alertmanager")) == {
        "SLACK_URL", "PAGERDUTY_KEY", "SMTP_PASSWORD", "DEAD_MAN_URL",
    }  # fmt: skip
    routes = mounted(everything, "alertmanager")["/etc/alertmanager/alertmanager.yml"]
    for name in ("slack-url", "pagerduty-key", "smtp-password", "dead-man-url"):
        assert EXTERNAL[name] not in routes
    for file in secret_files(everything, "alertmanager"):
        assert f"/run/secrets/{file}" in routes


def test_without_a_receiver_alerts_are_kept_and_nobody_is_told(local: Recording) -> None:
    routes = yaml(mounted(local, "alertmanager")["/etc/alertmanager/alertmanager.yml"])
    assert [list(receiver) for receiver in routes["receivers"]] == [["name"]]
    assert secret_files(local, "alertmanager") == {}


def test_logs_leave_only_where_somebody_takes_them(local: Recording, everything: Recording) -> None:
    assert local.exports["workloads"]["collector"]["networks"] == ["app", "monitoring"]
    assert "LOG_SHIPPING_ENDPOINT" not in environment(local, "collector")
    assert everything.exports["workloads"]["collector"]["networks"] == ["app", "monitoring", "egress"]
    assert environment(everything, "collector")["LOG_SHIPPING_ENDPOINT"] == "https://logs.example.com"
    assert set(secret_files(everything, "collector")) == {"OTLP_HEADERS"}


# --- what is watched from outside
# ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificate", "believed"),
    [
        ({"kind": "stack"}, True),
        ({"kind": "acme", "email": "a@example.com", "image": IMAGE}, False),
        ({"kind": "provided"}, False),
    ],
)
def test_probes_believe_the_authority_that_the_settings_name_and_no_other(
    monkeypatch: pytest.MonkeyPatch, certificate: Mapping[str, str], believed: bool
) -> None:
    # What was given is judged elsewhere.
    monkeypatch.setattr("components.secrets.External.check_certificate", lambda *_: None)
    edge = {"domain": "grocery.example.com", "certificate": certificate}
    stack = record("local", {"edge": edge}, preview=False)
    files = mounted(stack, "blackbox-exporter")
    https = yaml(files["/etc/blackbox/blackbox.yml"])["modules"]["https"]["http"]
    assert https["headers"] == {"Host": "grocery.example.com:8443"}
    assert https["tls_config"]["server_name"] == "grocery.example.com"
    assert "insecure_skip_verify" not in https["tls_config"]
    assert ("ca_file" in https["tls_config"]) is believed
    assert ("/etc/blackbox/ca.crt" in files) is believed


def test_the_synthetic_user_has_the_account_that_the_api_keeps_for_it(local: Recording) -> None:
    ends = [secret_files(local, workload)["SYNTHETIC_PASSWORD"] for workload in ("auth-server", "synthetic-user")]
    values = {decoded(local.named(DOCKER_SECRET, name).inputs["data"].value) for name in ends}
    assert len(values) == 1
    assert environment(local, "synthetic-user")["ORIGIN"] == "https://localhost:8443"


def test_without_a_synthetic_user_there_is_no_account() -> None:
    alone = record("local", {"monitoring": {"synthetic_user": False}}, preview=False)
    assert "synthetic-user" not in alone.exports["workloads"]
    assert "SYNTHETIC_PASSWORD" not in secret_files(alone, "auth-server")
    assert not [found for found in alone.of_type(PASSWORD) if "synthetic" in found.name]


# --- the filter of the engine
# ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("unix:///var/run/docker.sock", "/var/run/docker.sock"),
        ("unix:///tmp/engine/docker.sock", "/tmp/engine/docker.sock"),
        ("ssh://deploy@host.example.com", "/var/run/docker.sock"),
    ],
)
def test_the_socket_is_where_the_engine_has_it(host: str, path: str) -> None:
    assert socket_path(host) == path


# --- disk and history
# ------------------------------------------------------------------------------------------------


def test_everything_that_needs_disk_stays_within_its_share() -> None:
    disk = Disk(database=10 << 30, monitoring=2 << 30)
    assert disk.wal_kept < disk.database // 2
    assert disk.history < disk.monitoring
    assert disk.total == 12 << 30


def test_history_is_bounded_by_time_and_by_disk() -> None:
    bounded = record("local", {"monitoring": {"disk": "10GiB", "retention": "30d"}}, preview=False)
    command = bounded.service("prometheus").inputs["taskSpec"]["containerSpec"]["commands"]
    assert "--storage.tsdb.retention.time=2592000s" in command
    assert f"--storage.tsdb.retention.size={8 << 30}B" in command


# --- nothing watched
# -------------------------------------------------------------------------------------------------


def test_switched_off_it_leaves_nothing_behind(local: Recording, unwatched: Recording) -> None:
    assert set(unwatched.exports["workloads"]) == {
        "postgres", "backups", "migrations", "auth-server", "zero-cache", "edge", "edge-config", "frontend",
    }  # fmt: skip
    assert set(unwatched.names) < set(local.names)
    assert {found.name.rpartition("-")[2] for found in unwatched.of_type(NETWORK)} == {"edge", "app", "data", "egress"}
    assert not [found for found in unwatched.of_type(VOLUME) if "prometheus" in found.name]
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" in environment(local, "zero-cache")
    assert not [name for name in environment(unwatched, "zero-cache") if "OTEL" in name]


def test_switching_it_on_replaces_no_service_of_the_application(local: Recording, unwatched: Recording) -> None:
    """Networks, mounts and secrets are part of a service's identity or restart it; figures may cost a restart of those
    who push or keep something for it, and of nobody else."""
    changed = {
        service.name
        for service in unwatched.of_type(SERVICE)
        if service.inputs != local.named(SERVICE, service.name).inputs
    }
    assert changed <= {"local-auth-server", "local-zero-cache"}


def test_grafana_runs_like_every_other_part(everything: Recording) -> None:
    container = everything.service("grafana").inputs["taskSpec"]["containerSpec"]
    assert (container["user"], container["readOnly"], container["capDrops"]) == ("10001:10001", True, ["ALL"])
    assert everything.exports["workloads"]["grafana"]["networks"] == ["monitoring"]
    assert set(secret_files(everything, "grafana")) == {"GRAFANA_ADMIN_PASSWORD"}
    assert "endpointSpec" in everything.service("grafana").inputs
    assert everything.service("grafana").inputs["endpointSpec"]["ports"] == [], "no way to it but a tunnel"
