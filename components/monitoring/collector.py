"""What makes figures of the engine's containers, takes those that zero-cache pushes, and sends logs on."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import Size
from components.network import Network
from components.secrets import External
from components.workload import Health, Metrics, NetworkName, SecretFile, StopFirst, Workload, realise
from rendering.monitoring.watched import Indicator
from settings.monitoring import LogShipping

TOKEN = "grocery:components:Collector"  # noqa: S105 - a type token


class Collector(pulumi.ComponentResource):
    """Produces one Service, with a Secret where logs are sent on to somebody who wants to know from whom.

    It is on the application's network, as zero-cache calls it, and has a way out only where logs are sent on.
    """

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        shipping: LogShipping | None,
        external: External,
        network: Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        inside = (NetworkName.APP, NetworkName.MONITORING)
        self.workload = Workload(
            name=names.COLLECTOR,
            image=image,
            size=size,
            health=Health(start_period=30, interval=10),
            networks=network.attach(*inside, *((NetworkName.EGRESS,) if shipping else ())),
            update=StopFirst(because="two would double every series and every line"),
            metrics=Metrics(
                port=names.COLLECTOR_PORT,
                indicators=(
                    Indicator(title="The engine answers", expr="max(docker_up)", unit="bool"),
                    Indicator(title="Time to ask the engine", expr="max(docker_scrape_seconds)", unit="s"),
                ),
            ),
            stop_grace=10,
            env={
                "STACK": stack,
                "DOCKER_URL": f"http://{names.DOCKER_FILTER}:{names.DOCKER_FILTER_PORT}",
                **({"LOG_SHIPPING_ENDPOINT": shipping.endpoint} if shipping else {}),
            },
            secrets=(SecretFile(name="OTLP_HEADERS", value=external["otlp-headers"]),)
            if shipping and shipping.authenticated
            else (),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
