"""Figures of the database."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import Size
from components.monitoring.exporter import HEALTH, ONE, memory_limit
from components.network import Network
from components.secrets import Secrets
from components.workload import (
    ConfigFile,
    Metrics,
    NetworkName,
    SecretFile,
    Workload,
    realise,
)
from rendering.monitoring import exporters
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:PostgresExporter"  # noqa: S105 - a type token

_MONITOR_PASSWORD = "MONITOR_PASSWORD"  # noqa: S105 - the name of a secret


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
        super().__init__(TOKEN, name, None, opts)
        server = f"{names.POSTGRES}:{names.POSTGRES_PORT}/{names.DATABASE}"
        # The name of a database that is gone is looked for until Prometheus gives up, and then nothing says that it is.
        patience = "connect_timeout=2"
        self.workload = Workload(
            name=names.POSTGRES_EXPORTER,
            image=image,
            size=size,
            health=HEALTH,
            networks=network.attach(NetworkName.DATA),
            update=ONE,
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
                "--log.format=json",
                *exporters.POSTGRES_FLAGS,
            ),
            env={
                **memory_limit(size),
                "DATA_SOURCE_URI": f"{server}?sslmode=verify-full&sslrootcert={names.CA_FILE}&{patience}",
                "DATA_SOURCE_USER": "monitor",
                "DATA_SOURCE_PASS_FILE": f"/run/secrets/{_MONITOR_PASSWORD}",
            },
            secrets=(SecretFile(name=_MONITOR_PASSWORD, value=secrets.monitor),),
            configs=(ConfigFile(path=names.CA_FILE, content=secrets.ca_certificate),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
