"""Backups of the database: the host of their repositories, which also proves that they can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import MIB, Size
from components.network import Network
from components.secrets import BackupLeaves, External, Secrets
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    SecretFile,
    StopFirst,
    Tmpfs,
    VolumeMount,
    Workload,
    realise,
    volume_labels,
)
from rendering import pgbackrest
from rendering.monitoring.watched import Indicator
from settings import backups as settings

TOKEN = "grocery:components:Backups"  # noqa: S105 - a type token

_DAY = 86400
_INDICATORS = (
    Indicator(title="Newest backup", expr="max(grocery:backup:age_seconds)", unit="s"),
    Indicator(title="Newest proven restore", expr="grocery:restore:age_seconds", unit="s"),
    Indicator(title="Log that waits", expr="max(grocery_archive_waiting_segments)", unit="short"),
)


def repositories(config: settings.Backups, stack: str) -> tuple[pgbackrest.Repository, ...]:
    """Where backups are kept, in the order of their numbers; none when nothing is backed up."""
    if not config.enabled:
        return ()
    volume = (pgbackrest.Volume(),) if config.volume else ()
    return (*volume, _bucket(config.bucket, stack)) if config.bucket else volume


def _bucket(bucket: settings.Bucket, stack: str) -> pgbackrest.Bucket:
    endpoint = urlsplit(bucket.endpoint)
    return pgbackrest.Bucket(
        host=endpoint.hostname or "",
        port=endpoint.port or 443,
        bucket=bucket.bucket,
        region=bucket.region,
        path=bucket.prefix or f"/{stack}",
        uri_style=bucket.uri_style,
        authority=bucket.ca_certificate is not None,
    )


class Backups(pulumi.ComponentResource):
    """Produces the repository Volume (protected, retained, named), and, where backups are wanted, one Service with its
    Secrets and ServiceConfigs and the Volume its drills restore to.

    The repository stays when backups are switched off: what was kept is not thereby unwanted.
    """

    workload: Workload | None
    service: docker.Service | None

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str | None,
        size: Size | None,
        config: settings.Backups,
        network: Network,
        secrets: Secrets,
        external: External,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """image, size: None when nothing is backed up."""
        super().__init__(TOKEN, name, None, opts)
        repository = docker.Volume(
            f"{name}-repository",
            name=f"{stack}-backups-repository",
            labels=volume_labels(stack),
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        self.workload = self.service = None
        if image and size and secrets.backup_leaves:
            drill = docker.Volume(
                f"{name}-drill",
                name=f"{stack}-backups-drill",
                labels=volume_labels(stack),
                opts=pulumi.ResourceOptions(parent=self),
            )
            kept = repositories(config, stack)
            self.workload = Workload(
                name=names.BACKUPS,
                image=image,
                size=size,
                health=Health(start_period=30),
                networks=network.attach(NetworkName.DATA, NetworkName.EGRESS),
                update=StopFirst(because="two writers in one repository destroy it"),
                metrics=Metrics(port=names.BACKUPS_PORT, path="/metrics.txt", indicators=_INDICATORS),
                stop_grace=60,
                env=_environment(config, kept),
                secrets=_secrets(config, kept, secrets, secrets.backup_leaves, external),
                configs=_configs(config, kept, secrets, secrets.backup_leaves),
                volumes=(
                    VolumeMount(volume=repository.name, path="/var/lib/pgbackrest"),
                    VolumeMount(volume=drill.name, path="/var/lib/drill"),
                ),
                # The database of a drill shares memory here.
                scratch=(Tmpfs(path="/dev/shm", size=64 * MIB),),  # noqa: S108 - a tmpfs of the container
            )
            self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})


def _environment(config: settings.Backups, kept: Sequence[pgbackrest.Repository]) -> dict[str, pulumi.Input[str]]:
    schedule = config.schedule
    return {
        "DB_HOST": names.POSTGRES,
        "DB_PORT": str(names.POSTGRES_PORT),
        "DB_NAME": names.DATABASE,
        "DB_USER": "backup",
        "CA_FILE": names.CA_FILE,
        "SCHEDULE_AT": schedule.at,
        "SCHEDULE_FULL": str(schedule.full),
        "SCHEDULE_DIFFERENTIAL": str(schedule.differential),
        "SCHEDULE_INCREMENTAL": str(schedule.incremental),
        "SCHEDULE_DRILL": str(schedule.drill),
        "REPOSITORIES": " ".join(f"{number}:{repository.kind}" for number, repository in enumerate(kept, 1)),
        "PGBACKREST_CONFIG_INCLUDE_PATH": pgbackrest.SECRETS,
    }


def _secrets(
    config: settings.Backups,
    kept: Sequence[pgbackrest.Repository],
    secrets: Secrets,
    leaves: BackupLeaves,
    external: External,
) -> tuple[SecretFile, ...]:
    key = external["backup-key"] if config.key == "provided" else secrets.backup_key
    credentials = (external["backup-bucket-key"], external["backup-bucket-secret"]) if config.bucket else ("", "")
    conf = pulumi.Output.all(key, *credentials).apply(
        lambda found: pgbackrest.secret_conf(kept, key=found[0], access_key=found[1], access_secret=found[2])
    )
    return (
        SecretFile(name=pgbackrest.SECRET_CONF, value=conf),
        SecretFile(name=pgbackrest.KEY_FILE, value=leaves.repository.key),
        SecretFile(name="backup_password", value=secrets.backup),
    )


def _configs(
    config: settings.Backups, kept: Sequence[pgbackrest.Repository], secrets: Secrets, leaves: BackupLeaves
) -> tuple[ConfigFile, ...]:
    conf = pgbackrest.repository_host(
        repositories=kept,
        keep_days=config.keep // _DAY,
        database=pgbackrest.Peer(host=names.POSTGRES, port=names.PGBACKREST_PORT, name=names.POSTGRES_BACKUP),
        authority=names.CA_FILE,
    )
    authority = config.bucket.ca_certificate if config.bucket else None
    return (
        ConfigFile(path=pgbackrest.CONF, content=conf),
        ConfigFile(path=pgbackrest.CERTIFICATE, content=leaves.repository.certificate),
        ConfigFile(path=names.CA_FILE, content=secrets.ca_certificate),
        *((ConfigFile(path=pgbackrest.BUCKET_AUTHORITY, content=authority),) if authority else ()),
    )
