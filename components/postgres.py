"""The database."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import MIB, Size
from components.network import Network
from components.secrets import Secrets
from components.workload import (
    ConfigFile,
    Health,
    NetworkName,
    NoMetrics,
    SecretFile,
    StopFirst,
    Tmpfs,
    VolumeMount,
    Workload,
    realise,
    volume_labels,
)
from rendering import pgbackrest
from rendering import postgres as rendering
from rendering.disk import Disk
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:Postgres"  # noqa: S105 - a type token

_INDICATORS = (
    Indicator(title="Connections in use", expr="grocery:db_connections:ratio", unit="percentunit"),
    Indicator(
        title="Transactions",
        expr=f'sum(rate(pg_stat_database_xact_commit{{datname="{names.DATABASE}"}}[5m]))',
        unit="ops",
    ),
    Indicator(title="Size", expr=f'pg_database_size_bytes{{datname="{names.DATABASE}"}}', unit="bytes"),
)


class Postgres(pulumi.ComponentResource):
    """Produces the data Volume (protected, retained, named) and the Service with its Secrets and ServiceConfigs.

    It mounts its own TLS files and the superuser's password only, so that rotating another role's password does not
    restart it; and it knows of backups how to reach their host, not the key they are encrypted with.
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
        config: settings.Postgres,
        connections: int,
        disk: Disk,
        repositories: int,
        network: Network,
        secrets: Secrets,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """repositories: how many the log is archived to."""
        super().__init__(TOKEN, name, None, opts)
        data = docker.Volume(
            f"{name}-data",
            name=f"{stack}-postgres-data",
            labels=volume_labels(stack),
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        server = rendering.Server(memory=config.memory, disk=disk, connections=connections)
        self.workload = Workload(
            name=names.POSTGRES,
            image=image,
            size=size,
            health=Health(start_period=config.start_period),
            networks=network.attach(NetworkName.DATA),
            update=StopFirst(because="two servers on one data directory destroy it"),
            metrics=NoMetrics(
                because="PostgreSQL speaks no HTTP; its figures are read over SQL by postgres-exporter",
                indicators=_INDICATORS,
            ),
            # SIGINT: end sessions, write a checkpoint, stop; the checkpoint may take as long as the disk is slow.
            stop_signal="SIGINT",
            stop_grace=60,
            env={"INITIALISE_UNTIL": config.initialise_until or secrets.initialise_until},
            secrets=(
                SecretFile(name="postgres_admin_password", value=secrets.postgres_admin),
                SecretFile(name="server.key", value=secrets.postgres.key),
                *_archiving_secrets(secrets),
            ),
            configs=(
                ConfigFile(path="/etc/postgresql/postgresql.conf", content=rendering.render_conf(server)),
                ConfigFile(path="/etc/postgresql/pg_hba.conf", content=rendering.render_hba()),
                ConfigFile(path="/etc/postgresql/server.crt", content=secrets.postgres.certificate),
                *_archiving_configs(secrets, disk, repositories),
            ),
            volumes=(VolumeMount(volume=data.name, path="/var/lib/postgresql"),),
            scratch=(
                Tmpfs(path="/run/postgresql", size=MIB),
                # Parallel queries share memory here; Docker's own 64 MB cannot be changed for a service.
                Tmpfs(path="/dev/shm", size=max(64 * MIB, config.memory // 4)),  # noqa: S108 - a tmpfs of the container
            ),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})


def _archiving_secrets(secrets: Secrets) -> tuple[SecretFile, ...]:
    leaves = secrets.backup_leaves
    return (SecretFile(name=pgbackrest.KEY_FILE, value=leaves.database.key),) if leaves else ()


def _archiving_configs(secrets: Secrets, disk: Disk, repositories: int) -> tuple[ConfigFile, ...]:
    """What hands the log on, and lets the host of the repositories, and nobody else, read the data."""
    leaves = secrets.backup_leaves
    if not leaves:
        return ()
    conf = pgbackrest.database_host(
        repositories=repositories,
        repository=pgbackrest.Peer(host=names.BACKUPS, port=names.PGBACKREST_PORT, name=names.BACKUPS),
        authority=names.CA_FILE,
        archive_queue=disk.archive_queue,
    )
    return (
        ConfigFile(path=pgbackrest.CONF, content=conf),
        ConfigFile(path=pgbackrest.CERTIFICATE, content=leaves.database.certificate),
        ConfigFile(path=names.CA_FILE, content=secrets.ca_certificate),
    )
