"""The public door: nginx, and the publisher of its configuration."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import MIB, Size
from components.network import Network
from components.secrets import External, Secrets
from components.workload import (
    UID,
    ConfigFile,
    Health,
    NetworkName,
    NoMetrics,
    PublishedPort,
    SecretFile,
    StopFirst,
    VolumeMount,
    Workload,
    realise,
    volume_labels,
)
from rendering import nginx
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:Edge"  # noqa: S105 - a type token

_CONFIG_BYTES = 16 * MIB

_INDICATORS = (
    Indicator(title="Requests", expr="sum(rate(nginx_http_requests_total[5m]))", unit="reqps"),
    Indicator(title="Connections", expr="sum(nginx_connections_active)", unit="short"),
    Indicator(title="Certificate ends in", expr="min(probe_ssl_earliest_cert_expiry - time()) / 86400", unit="d"),
)


class Edge(pulumi.ComponentResource):
    """Produces three Volumes, the edge's Service and the configuration publisher's Service with its Secrets and
    ServiceConfigs.

    nginx changes with its image alone: its configuration is a candidate that the publisher puts on a volume of both,
    and that the edge makes live only after having tested it. That volume is in memory, as it holds the key. The volume
    of issued certificates is there whoever vouches for the name, so that changing that restarts nothing; it is
    protected, since authorities limit how often they issue.
    """

    workload: Workload
    publisher: Workload
    service: docker.Service
    publisher_service: docker.Service
    web: pulumi.Output[str]
    """Name of the volume the web application is published to."""
    certificates: pulumi.Output[str]
    """Name of the volume that issued certificates are published to."""

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        publisher_size: Size,
        config: settings.Edge,
        frontend_port: int | None,
        network: Network,
        secrets: Secrets,
        external: External,
        figures_for: str | None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        labels = volume_labels(stack)
        memory = {"type": "tmpfs", "device": "tmpfs", "o": f"size={_CONFIG_BYTES},uid={UID},gid={UID},mode=0700"}
        published = docker.Volume(
            f"{name}-config",
            driver="local",
            driver_opts=memory,
            labels=labels,
            opts=pulumi.ResourceOptions(parent=self),
        )
        web = docker.Volume(f"{name}-web", labels=labels, opts=pulumi.ResourceOptions(parent=self))
        self.web = web.name
        issued = docker.Volume(
            f"{name}-certificates",
            name=f"{stack}-acme",
            labels=labels,
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        self.certificates = issued.name
        self.workload = Workload(
            name=names.EDGE,
            image=image,
            size=size,
            health=Health(start_period=15),
            networks=network.attach(NetworkName.EDGE, NetworkName.APP),
            update=StopFirst(because="two tasks cannot hold the same port of a node"),
            metrics=NoMetrics(
                because="its figures are on a status page that nginx-exporter reads", indicators=_INDICATORS
            ),
            # The watcher itself ends within seconds, whatever is still open.
            stop_grace=40,
            env={},
            volumes=(
                VolumeMount(volume=published.name, path="/srv/config"),
                VolumeMount(volume=web.name, path="/srv/web"),
                VolumeMount(volume=issued.name, path="/srv/certificates"),
            ),
            ports=(
                PublishedPort(name="https", target=nginx.HTTPS_PORT, published=config.https_port),
                PublishedPort(name="http", target=nginx.HTTP_PORT, published=config.http_port),
            ),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        provided = config.certificate.kind == "provided"
        certificate = ConfigFile(path=f"/etc/edge/{nginx.CERTIFICATE}", content=secrets.edge.certificate)
        key = SecretFile(name=nginx.KEY, value=external["edge-key"] if provided else secrets.edge.key)
        self.publisher = Workload(
            name="edge-config",
            image=image,
            size=publisher_size,
            health=Health(start_period=30),
            networks=network.attach(NetworkName.APP),
            update=StopFirst(because="two publishers would ask the edge for two configurations"),
            metrics=NoMetrics(because="it idles once its configuration is live"),
            stop_grace=20,
            command=("/usr/local/bin/publish",),
            env={},
            secrets=(
                (key, SecretFile(name=nginx.CERTIFICATE, value=external["edge-certificate"])) if provided else (key,)
            ),
            configs=(
                ConfigFile(
                    path="/etc/edge/nginx.conf", content=nginx.render(_description(config, frontend_port, figures_for))
                ),
                *(() if provided else (certificate,)),
            ),
            volumes=(VolumeMount(volume=published.name, path="/srv/config"),),
        )
        self.publisher_service = realise(f"{name}-config", self.publisher, stack=stack, parent=self)
        self.register_outputs({})


def _description(config: settings.Edge, frontend_port: int | None, figures_for: str | None) -> nginx.Edge:
    def zone(limit: settings.RateLimit) -> nginx.Zone:
        return nginx.Zone(rate=limit.rate, burst=limit.burst)

    return nginx.Edge(
        domain=config.domain,
        origin=config.origin,
        hsts=config.hsts and config.domain != "localhost",
        hsts_preload=config.hsts_preload,
        trusted_proxies=config.trusted_proxies,
        general=zone(config.rate_limits.general),
        api=zone(config.rate_limits.api),
        auth=zone(config.rate_limits.auth),
        connections=config.connections.per_address,
        websockets=config.connections.websockets_per_address,
        memory=config.memory,
        maintenance=_maintenance(config.maintenance),
        acme=config.certificate.kind == "acme",
        auth_server=f"{names.AUTH_SERVER}:{names.AUTH_SERVER_PORT}",
        zero_cache=f"{names.ZERO_CACHE}:{names.ZERO_CACHE_PORT}",
        frontend=f"{names.FRONTEND}:{frontend_port}" if frontend_port else None,
        figures_for=figures_for,
    )


def _maintenance(config: settings.Maintenance) -> nginx.Maintenance | None:
    if not config.enabled:
        return None
    return nginx.Maintenance(allow=config.allow, retry_after=config.retry_after)
