"""Roles, grants and schema of the database."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import Size
from components.network import Network
from components.postgres import Postgres
from components.secrets import Secrets
from components.workload import (
    ConfigFile,
    Health,
    NetworkName,
    NoMetrics,
    SecretFile,
    StopFirst,
    Workload,
    realise,
)

TOKEN = "grocery:components:Migrations"  # noqa: S105 - a type token


class Migrations(pulumi.ComponentResource):
    """Produces a Service (there are no jobs) that applies what is missing, is healthy from then on, and idles.

    A migration that fails never gets healthy: the `up` stops there and everything behind it stays as it was.
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
        config: settings.Migrations,
        network: Network,
        secrets: Secrets,
        postgres: Postgres,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        self.workload = Workload(
            name="migrations",
            image=image,
            size=size,
            health=Health(start_period=config.start_period),
            networks=network.attach(NetworkName.DATA),
            update=StopFirst(because="one release at a time changes the schema"),
            metrics=NoMetrics(because="it idles once its work is done"),
            stop_grace=30,
            env={
                "DB_HOST": names.POSTGRES,
                "DB_PORT": str(names.POSTGRES_PORT),
                "DB_NAME": names.DATABASE,
                "ZERO_APP_ID": names.ZERO_APP_ID,
                "ZERO_VERSION": names.ZERO_VERSION,
            },
            secrets=(
                SecretFile(name="postgres_admin_password", value=secrets.postgres_admin),
                SecretFile(name="api_a_password", value=secrets.api.a),
                SecretFile(name="api_b_password", value=secrets.api.b),
                SecretFile(name="zero_password", value=secrets.zero),
                SecretFile(name="monitor_password", value=secrets.monitor),
                SecretFile(name="backup_password", value=secrets.backup),
            ),
            configs=(ConfigFile(path=names.CA_FILE, content=secrets.ca_certificate),),
        )
        # A release whose database server does not come up must not change the schema.
        self.service = realise(name, self.workload, stack=stack, parent=self, after=[postgres.service])
        self.register_outputs({})
