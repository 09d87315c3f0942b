"""Who hears of alerts, how often, and of which not."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import Size
from components.monitoring.exporter import memory_limit
from components.network import Network
from components.secrets import External
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    StopFirst,
    VolumeMount,
    Workload,
    realise,
    stack_labels,
)
from rendering.monitoring.watched import Indicator, Scope
from settings.monitoring import Monitoring

TOKEN = "grocery:components:Alertmanager"  # noqa: S105 - a type token

_CONFIG = "/etc/alertmanager/alertmanager.yml"


class Alertmanager(pulumi.ComponentResource):
    """Produces the Volume of its silences and of what it has told whom, and the Service with its Secrets and
    ServiceConfig."""

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        config: Monitoring,
        email: settings.Email | None,
        scope: Scope,
        network: Network,
        external: External,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        data = docker.Volume(
            f"{name}-data",
            labels=[docker.VolumeLabelArgs(label=label, value=value) for label, value in stack_labels(stack).items()],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.workload = Workload(
            name=names.ALERTMANAGER,
            image=image,
            size=size,
            health=Health(start_period=30, interval=10),
            networks=network.attach(NetworkName.MONITORING, NetworkName.EGRESS),
            update=StopFirst(because="two that do not know each other would tell everybody twice"),
            metrics=Metrics(
                port=names.ALERTMANAGER_PORT,
                indicators=(
                    Indicator(
                        title="Alerts", expr="sum by (state) (alertmanager_alerts)", unit="short", legend="{{state}}"
                    ),
                    Indicator(
                        title="Notifications that failed",
                        expr="sum(rate(alertmanager_notifications_failed_total[5m]))",
                        unit="cps",
                    ),
                ),
            ),
            stop_grace=20,
            command=(
                "/usr/bin/prometheus-alertmanager",
                f"--web.listen-address=:{names.ALERTMANAGER_PORT}",
                f"--config.file={_CONFIG}",
                "--storage.path=/alertmanager",
                # There is one of it.
                "--cluster.listen-address=",
                "--log.format=json",
            ),
            env=memory_limit(size),
            configs=(ConfigFile(path=_CONFIG, content="route: {receiver: none}\nreceivers: [{name: none}]\n"),),
            volumes=(VolumeMount(volume=data.name, path="/alertmanager"),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
