"""What makes figures of programs that have none for Prometheus: the host, PostgreSQL, nginx and the way in."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import MIB, Size
from components.network import Network
from components.secrets import Secrets
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    SecretFile,
    StopFirst,
    VolumeMount,
    Workload,
    realise,
    stack_labels,
)
from rendering import nginx
from rendering.monitoring import blackbox, exporters
from rendering.monitoring.watched import Indicator, Scope

_TOKEN = "grocery:components"  # noqa: S105 - a prefix of type tokens

_ONE = StopFirst(because="two would double every series")
_HEALTH = Health(start_period=30, interval=10)
_DISK = "/data"
_MONITOR_PASSWORD = "MONITOR_PASSWORD"  # noqa: S105 - the name of a secret


def memory_limit(size: Size) -> dict[str, str]:
    """Go's garbage collector works harder before the kernel ends the program."""
    return {"GOMEMLIMIT": f"{size.memory * 4 // 5 // MIB}MiB"}


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
        super().__init__(f"{_TOKEN}:NodeExporter", name, None, opts)
        disk = docker.Volume(
            f"{name}-disk",
            labels=[docker.VolumeLabelArgs(label=label, value=value) for label, value in stack_labels(stack).items()],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.workload = Workload(
            name=names.NODE_EXPORTER,
            image=image,
            size=size,
            health=_HEALTH,
            networks=network.attach(NetworkName.MONITORING),
            update=_ONE,
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
                *exporters.NODE_FLAGS,
                # All that is left is the volume: the rest is memory or files the engine puts into every container.
                "--collector.filesystem.mount-points-exclude=^/$|^/(dev|etc|proc|run|sys|tmp|usr)($|/)",
            ),
            env=memory_limit(size),
            volumes=(VolumeMount(volume=disk.name, path=_DISK),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})


class PostgresExporter(pulumi.ComponentResource):
    """Produces one Service with its Secret and ServiceConfig; its role may read figures and no row of anybody."""

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        network: Network,
        secrets: Secrets,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(f"{_TOKEN}:PostgresExporter", name, None, opts)
        server = f"{names.POSTGRES}:{names.POSTGRES_PORT}/{names.DATABASE}"
        self.workload = Workload(
            name=names.POSTGRES_EXPORTER,
            image=image,
            size=size,
            health=_HEALTH,
            networks=network.attach(NetworkName.DATA),
            update=_ONE,
            metrics=Metrics(
                port=9187,
                indicators=(
                    Indicator(title="The database answers", expr="max(pg_up)", unit="bool"),
                    Indicator(title="Time to ask", expr="max(pg_exporter_last_scrape_duration_seconds)", unit="s"),
                ),
            ),
            stop_grace=10,
            command=(
                "/usr/bin/prometheus-postgres-exporter",
                "--web.listen-address=:9187",
                *exporters.POSTGRES_FLAGS,
            ),
            env={
                **memory_limit(size),
                "DATA_SOURCE_URI": f"{server}?sslmode=verify-full&sslrootcert={names.CA_FILE}",
                "DATA_SOURCE_USER": "monitor",
                "DATA_SOURCE_PASS_FILE": f"/run/secrets/{_MONITOR_PASSWORD}",
            },
            secrets=(SecretFile(name=_MONITOR_PASSWORD, value=secrets.monitor),),
            configs=(ConfigFile(path=names.CA_FILE, content=secrets.ca_certificate),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})


class NginxExporter(pulumi.ComponentResource):
    """Produces one Service, which reads the edge's status page."""

    workload: Workload
    service: docker.Service

    def __init__(
        self, name: str, *, stack: str, image: str, size: Size, network: Network, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(f"{_TOKEN}:NginxExporter", name, None, opts)
        self.workload = Workload(
            name=names.NGINX_EXPORTER,
            image=image,
            size=size,
            health=_HEALTH,
            networks=network.attach(NetworkName.APP),
            update=_ONE,
            metrics=Metrics(
                port=9113,
                indicators=(Indicator(title="The edge tells its figures", expr="max(nginx_up)", unit="bool"),),
            ),
            stop_grace=10,
            command=(
                "/usr/bin/prometheus-nginx-exporter",
                "--web.listen-address=:9113",
                f"--nginx.scrape-uri=http://{names.EDGE}:{nginx.FIGURES_PORT}/stub_status",
            ),
            env=memory_limit(size),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})


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
        super().__init__(f"{_TOKEN}:BlackboxExporter", name, None, opts)
        private = authority is not None
        self.workload = Workload(
            name=names.BLACKBOX_EXPORTER,
            image=image,
            size=size,
            health=_HEALTH,
            networks=network.attach(NetworkName.APP),
            update=_ONE,
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
                "--config.file=/etc/blackbox/blackbox.yml",
            ),
            env=memory_limit(size),
            configs=(
                ConfigFile(path="/etc/blackbox/blackbox.yml", content=blackbox.render(scope, authority=private)),
                *((ConfigFile(path=blackbox.AUTHORITY_FILE, content=authority),) if authority is not None else ()),
            ),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
