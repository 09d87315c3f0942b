"""What asks every part for its figures, keeps them, and judges them by the rules."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import Size
from components.monitoring.exporter import memory_limit
from components.network import Network
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    StopFirst,
    VolumeMount,
    Workload,
    realise,
    volume_labels,
)
from rendering.disk import Disk
from rendering.monitoring import rules, scrape
from rendering.monitoring.watched import Indicator, Scope
from settings.monitoring import Monitoring

TOKEN = "grocery:components:Prometheus"  # noqa: S105 - a type token

METRICS = Metrics(
    port=names.PROMETHEUS_PORT,
    indicators=(
        Indicator(title="Series", expr="max(prometheus_tsdb_head_series)", unit="short"),
        Indicator(title="Samples", expr="sum(rate(prometheus_tsdb_head_samples_appended_total[5m]))", unit="ops"),
        Indicator(title="History", expr="max(prometheus_tsdb_storage_blocks_bytes)", unit="bytes"),
    ),
)


class Prometheus(pulumi.ComponentResource):
    """Produces the Volume of its history, and the Service with its ServiceConfigs.

    The history is not protected: what it tells is of yesterday, and `down` removes it. It joins the networks of those
    it asks, so that they need not join that of monitoring.
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
        config: Monitoring,
        disk: Disk,
        scope: Scope,
        network: Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        data = docker.Volume(
            f"{name}-data",
            labels=volume_labels(stack),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.workload = Workload(
            name=names.PROMETHEUS,
            image=image,
            size=size,
            # After a hard stop it reads the log of the last hours again.
            health=Health(start_period=120, interval=10),
            networks=network.attach(NetworkName.APP, NetworkName.DATA, NetworkName.MONITORING),
            update=StopFirst(because="two servers on one history destroy it"),
            metrics=METRICS,
            stop_grace=60,
            command=(
                "/usr/bin/prometheus",
                f"--web.listen-address=:{names.PROMETHEUS_PORT}",
                "--config.file=/etc/prometheus/prometheus.yml",
                "--storage.tsdb.path=/prometheus",
                f"--storage.tsdb.retention.time={config.retention}s",
                f"--storage.tsdb.retention.size={disk.history}B",
                # What fired before a restart fires on after it: otherwise whoever waits anew for longer than
                # Alertmanager keeps what it is not told of (4 minutes) would be called over, and then told again.
                f"--rules.alert.for-grace-period={scrape.INTERVAL_SECONDS}s",
                "--log.format=json",
            ),
            env=memory_limit(size),
            configs=(
                ConfigFile(path="/etc/prometheus/prometheus.yml", content=scrape.render(scope)),
                *(
                    ConfigFile(path=f"{scrape.RULES_FOLDER}/{file}", content=text)
                    for file, text in rules.render(scope).items()
                ),
            ),
            volumes=(VolumeMount(volume=data.name, path="/prometheus"),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
