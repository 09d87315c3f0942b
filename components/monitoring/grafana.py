"""Dashboards in the browser."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import MIB, Size
from components.network import Network
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    SecretFile,
    StopFirst,
    Tmpfs,
    Workload,
    realise,
)
from rendering.monitoring import grafana
from rendering.monitoring.watched import Indicator, Scope
from settings.monitoring import Grafana as GrafanaSettings

TOKEN = "grocery:components:Grafana"  # noqa: S105 - a type token

METRICS = Metrics(
    port=grafana.PORT,
    indicators=(
        Indicator(title="Requests", expr="sum(rate(grafana_http_request_duration_seconds_count[5m]))", unit="reqps"),
    ),
)


class Grafana(pulumi.ComponentResource):
    """Produces one Service of the official image, with a Secret and ServiceConfigs; it keeps nothing of its own."""

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        size: Size,
        config: GrafanaSettings,
        password: pulumi.Input[str],
        scope: Scope,
        network: Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        self.workload = Workload(
            name=names.GRAFANA,
            image=config.image,
            size=size,
            health=Health(command=grafana.HEALTH, start_period=120, interval=10),
            networks=network.attach(NetworkName.MONITORING),
            update=StopFirst(because="one address of dashboards is enough"),
            metrics=METRICS,
            stop_grace=20,
            env={},
            secrets=(SecretFile(name=grafana.ADMIN_PASSWORD, value=password),),
            configs=tuple(ConfigFile(path=path, content=text) for path, text in grafana.files(scope).items()),
            scratch=(Tmpfs(path=grafana.DATA, size=64 * MIB),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
