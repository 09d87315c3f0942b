"""What a stranger sees of the stack."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import Size
from components.monitoring.exporter import HEALTH, ONE, memory_limit
from components.network import Network
from components.workload import (
    ConfigFile,
    Metrics,
    NetworkName,
    Workload,
    realise,
)
from rendering.monitoring import blackbox
from rendering.monitoring.watched import Indicator, Scope

TOKEN = "grocery:components:BlackboxExporter"  # noqa: S105 - a type token


class BlackboxExporter(pulumi.ComponentResource):
    """Produces one Service with its ServiceConfigs, which asks the edge what a stranger would."""

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        scope: Scope,
        authority: pulumi.Input[str] | None,
        network: Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """authority: certificates that vouch for the edge; None for the public ones."""
        super().__init__(TOKEN, name, None, opts)
        private = authority is not None
        self.workload = Workload(
            name=names.BLACKBOX_EXPORTER,
            image=image,
            size=size,
            health=HEALTH,
            networks=network.attach(NetworkName.APP),
            update=ONE,
            metrics=Metrics(
                port=9115,
                indicators=(
                    Indicator(
                        title="Probes that succeed", expr="min by (job) (probe_success)", unit="bool", legend="{{job}}"
                    ),
                    Indicator(
                        title="Time to answer", expr="max by (job) (probe_duration_seconds)", unit="s", legend="{{job}}"
                    ),
                ),
            ),
            stop_grace=10,
            command=(
                "/usr/bin/prometheus-blackbox-exporter",
                "--web.listen-address=:9115",
                "--log.format=json",
                "--config.file=/etc/blackbox/blackbox.yml",
                # Each probe says how it goes, at every turn; how it went is in its figures.
                "--log.level=warn",
            ),
            env=memory_limit(size),
            configs=(
                ConfigFile(path="/etc/blackbox/blackbox.yml", content=blackbox.render(scope, authority=private)),
                *((ConfigFile(path=blackbox.AUTHORITY_FILE, content=authority),) if authority is not None else ()),
            ),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
