"""Figures of the edge."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import Size
from components.monitoring.exporter import HEALTH, ONE, memory_limit
from components.network import Network
from components.workload import (
    Metrics,
    NetworkName,
    Workload,
    realise,
)
from rendering import nginx
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:NginxExporter"  # noqa: S105 - a type token


class NginxExporter(pulumi.ComponentResource):
    """Produces one Service, which reads the edge's status page."""

    workload: Workload
    service: docker.Service

    def __init__(
        self, name: str, *, stack: str, image: str, size: Size, network: Network, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        self.workload = Workload(
            name=names.NGINX_EXPORTER,
            image=image,
            size=size,
            health=HEALTH,
            networks=network.attach(NetworkName.APP),
            update=ONE,
            metrics=Metrics(
                port=9113,
                indicators=(Indicator(title="The edge tells its figures", expr="max(nginx_up)", unit="bool"),),
            ),
            stop_grace=10,
            command=(
                "/usr/bin/prometheus-nginx-exporter",
                "--web.listen-address=:9113",
                "--log.format=json",
                f"--nginx.scrape-uri=http://{names.EDGE}:{nginx.FIGURES_PORT}/stub_status",
            ),
            env=memory_limit(size),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
