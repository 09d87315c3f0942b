"""Prometheus' own configuration: whom it asks, how often, and who gets its alerts."""

from __future__ import annotations

from rendering import render_yaml
from rendering.monitoring.blackbox import PROBES, Probe
from rendering.monitoring.watched import Endpoint, Scope, Watched

INTERVAL_SECONDS = 15
RULES_FOLDER = "/etc/prometheus/rules"
BLACKBOX = "blackbox-exporter:9115"
ALERTMANAGER = ("alertmanager", 9093)


def render(scope: Scope) -> str:
    """The text of prometheus.yml: one job for each workload with an endpoint, named after it, and one for each probe
    through the edge."""
    return render_yaml(
        {
            "global": {
                "scrape_interval": f"{INTERVAL_SECONDS}s",
                "scrape_timeout": "10s",
                "evaluation_interval": f"{INTERVAL_SECONDS}s",
                "external_labels": {"stack": scope.stack},
            },
            "rule_files": [f"{RULES_FOLDER}/*.yml"],
            "alerting": {
                "alertmanagers": [{"dns_sd_configs": [_every_task(*ALERTMANAGER)]}],
            },
            "scrape_configs": [
                *(_job(watched, watched.endpoint) for watched in scope.watched if watched.endpoint),
                *(_probe_job(probe) for probe in PROBES),
            ],
        }
    )


def _job(watched: Watched, endpoint: Endpoint) -> dict[str, object]:
    name = f"{watched.name}:{endpoint.port}"
    # Of what there is one at a time, the next task's series go on where the last one's ended. Under its new address
    # they would stand beside them for a while, and a figure be there twice.
    alone = watched.replicas == 1 and not watched.overlapping
    return {
        "job_name": watched.name,
        "metrics_path": endpoint.path,
        "dns_sd_configs": [_every_task(watched.name, endpoint.port)],
        **({"relabel_configs": [{"target_label": "instance", "replacement": name}]} if alone else {}),
    }


def _every_task(name: str, port: int) -> dict[str, object]:
    """Addresses of all healthy tasks: the alias of a workload has one record for each."""
    return {"names": [name], "type": "A", "port": port, "refresh_interval": f"{INTERVAL_SECONDS}s"}


def _probe_job(probe: Probe) -> dict[str, object]:
    return {
        "job_name": probe.job,
        "metrics_path": "/probe",
        "params": {"module": [probe.module]},
        "static_configs": [{"targets": list(probe.targets)}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": BLACKBOX},
        ],
    }
