"""All that watches a stack."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import MonitoringSizes
from components.monitoring import grafana as dashboards
from components.monitoring import prometheus as server
from components.monitoring.alertmanager import Alertmanager
from components.monitoring.blackbox_exporter import BlackboxExporter
from components.monitoring.collector import Collector
from components.monitoring.docker_filter import DockerFilter
from components.monitoring.grafana import Grafana
from components.monitoring.nginx_exporter import NginxExporter
from components.monitoring.node_exporter import NodeExporter
from components.monitoring.postgres_exporter import PostgresExporter
from components.monitoring.prometheus import Prometheus
from components.monitoring.synthetic_user import SyntheticUser
from components.network import Network
from components.secrets import External, Secrets
from components.workload import Workload, watched, watched_as
from rendering.disk import Disk
from rendering.monitoring.watched import Scope
from settings import Certificate, ImageName, Settings

TOKEN = "grocery:components:Monitoring"  # noqa: S105 - a type token


class Monitoring(pulumi.ComponentResource):
    """Produces DockerFilter, Collector, the exporters, Alertmanager and Prometheus, and SyntheticUser and Grafana where
    the settings ask for them.

    None of them waits for another or for the application: each tells what it cannot reach.
    """

    workloads: Sequence[tuple[Workload, docker.Service]]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        images: Mapping[ImageName, str],
        sizes: MonitoringSizes,
        settings: Settings,
        disk: Disk,
        scope: Scope,
        network: Network,
        secrets: Secrets,
        external: External,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """scope: the stack without what is made here, which is added to what is watched."""
        super().__init__(TOKEN, name, None, opts)
        config = settings.monitoring
        child = pulumi.ResourceOptions(parent=self)

        docker_filter = DockerFilter(
            f"{stack}-docker-filter",
            stack=stack,
            image=images["docker-filter"],
            size=sizes.docker_filter,
            host=settings.target.host,
            network=network,
            opts=child,
        )
        collector = Collector(
            f"{stack}-collector",
            stack=stack,
            image=images["collector"],
            size=sizes.collector,
            shipping=config.log_shipping,
            external=external,
            network=network,
            opts=child,
        )
        node_exporter = NodeExporter(
            f"{stack}-node-exporter",
            stack=stack,
            image=images["node-exporter"],
            size=sizes.node_exporter,
            network=network,
            opts=child,
        )
        postgres_exporter = PostgresExporter(
            f"{stack}-postgres-exporter",
            stack=stack,
            image=images["postgres-exporter"],
            size=sizes.postgres_exporter,
            network=network,
            secrets=secrets,
            opts=child,
        )
        nginx_exporter = NginxExporter(
            f"{stack}-nginx-exporter",
            stack=stack,
            image=images["nginx-exporter"],
            size=sizes.nginx_exporter,
            network=network,
            opts=child,
        )
        blackbox_exporter = BlackboxExporter(
            f"{stack}-blackbox-exporter",
            stack=stack,
            image=images["blackbox-exporter"],
            size=sizes.blackbox_exporter,
            scope=scope,
            authority=_authority(settings.edge.certificate, secrets),
            network=network,
            opts=child,
        )
        synthetic_user = (
            SyntheticUser(
                f"{stack}-synthetic-user",
                stack=stack,
                image=images["synthetic-user"],
                size=sizes.synthetic_user,
                origin=settings.edge.origin,
                authorities=_authorities(settings.edge.certificate, secrets),
                password=secrets.synthetic,
                network=network,
                opts=child,
            )
            if sizes.synthetic_user and secrets.synthetic is not None
            else None
        )
        alertmanager = Alertmanager(
            f"{stack}-alertmanager",
            stack=stack,
            image=images["alertmanager"],
            size=sizes.alertmanager,
            config=config,
            email=settings.email,
            sender=settings.auth_server.email_from,
            network=network,
            external=external,
            opts=child,
        )
        parts = (
            docker_filter,
            collector,
            node_exporter,
            postgres_exporter,
            nginx_exporter,
            blackbox_exporter,
            *((synthetic_user,) if synthetic_user else ()),
            alertmanager,
        )
        # These two show everything, themselves included.
        whole = dataclasses.replace(
            scope,
            watched=(
                *scope.watched,
                *(watched(part.workload) for part in parts),
                watched_as(names.PROMETHEUS, sizes.prometheus, server.METRICS),
                *((watched_as(names.GRAFANA, sizes.grafana, dashboards.METRICS),) if sizes.grafana else ()),
            ),
        )
        prometheus = Prometheus(
            f"{stack}-prometheus",
            stack=stack,
            image=images["prometheus"],
            size=sizes.prometheus,
            config=config,
            disk=disk,
            scope=whole,
            network=network,
            opts=child,
        )
        grafana = (
            Grafana(
                f"{stack}-grafana",
                stack=stack,
                size=sizes.grafana,
                config=config.grafana,
                password=secrets.grafana,
                scope=whole,
                network=network,
                opts=child,
            )
            if sizes.grafana and config.grafana and secrets.grafana is not None
            else None
        )
        self.workloads = [
            *((part.workload, part.service) for part in parts),
            (prometheus.workload, prometheus.service),
            *(((grafana.workload, grafana.service),) if grafana else ()),
        ]
        self.register_outputs({})


def _authority(certificate: Certificate, secrets: Secrets) -> pulumi.Input[str] | None:
    """Certificates that alone may vouch for the edge; None for the public ones."""
    return secrets.ca_certificate if certificate.kind == "stack" else certificate.ca_certificate


def _authorities(certificate: Certificate, secrets: Secrets) -> pulumi.Input[str]:
    """Certificates that may vouch for the edge beside the public ones. Until an authority has issued the first one, it
    shows the stack's own."""
    private = None if certificate.kind == "stack" else certificate.ca_certificate
    return pulumi.Output.concat(secrets.ca_certificate, private or "")
