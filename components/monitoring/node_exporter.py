"""Figures of the host."""

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
    VolumeMount,
    Workload,
    realise,
    volume_labels,
)
from rendering.monitoring import exporters
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:NodeExporter"  # noqa: S105 - a type token

_DISK = "/data"


class NodeExporter(pulumi.ComponentResource):
    """Produces a Volume and a Service.

    It sees the host without any of its folders: a container's /proc tells the host's CPU and memory, and a volume
    lies on the disk of all volumes.
    """

    workload: Workload
    service: docker.Service

    def __init__(
        self, name: str, *, stack: str, image: str, size: Size, network: Network, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        disk = docker.Volume(
            f"{name}-disk",
            labels=volume_labels(stack),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.workload = Workload(
            name=names.NODE_EXPORTER,
            image=image,
            size=size,
            health=HEALTH,
            networks=network.attach(NetworkName.MONITORING),
            update=ONE,
            metrics=Metrics(
                port=9100,
                indicators=(
                    Indicator(title="CPU of the host", expr="grocery:cpu:ratio", unit="percentunit"),
                    Indicator(title="Memory of the host", expr="grocery:memory:ratio", unit="percentunit"),
                    Indicator(title="Disk free", expr="grocery:disk:free_ratio", unit="percentunit"),
                ),
            ),
            stop_grace=10,
            command=(
                "/usr/bin/prometheus-node-exporter",
                "--web.listen-address=:9100",
                "--log.format=json",
                *exporters.NODE_FLAGS,
                # All that is left is the volume: the rest is memory or files the engine puts into every container.
                "--collector.filesystem.mount-points-exclude=^/$|^/(dev|etc|proc|run|sys|tmp|usr)($|/)",
            ),
            env=memory_limit(size),
            volumes=(VolumeMount(volume=disk.name, path=_DISK),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
