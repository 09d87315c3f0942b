"""One whole stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker as docker

from components import capacity, names
from components.acme import Acme
from components.auth_server import AuthServer
from components.backups import Backups, repositories
from components.edge import Edge
from components.frontend import Frontend
from components.migrations import Migrations
from components.monitoring.monitoring import Monitoring
from components.network import Network, subnet
from components.postgres import Postgres
from components.secrets import External, Secrets
from components.workload import Metrics, NetworkName, Workload, watched
from components.zero_cache import ZeroCache
from rendering import pgbackrest
from rendering import postgres as postgres_rendering
from rendering.disk import Disk
from rendering.monitoring.watched import BackupScope, Scope
from settings import CONFIG_KEY, AcmeCertificate, ImageName, Settings, SettingsError

TOKEN = "grocery:components:GroceryList"  # noqa: S105 - a type token

_RUNBOOKS = "docs/runbooks"
_WITH_SECRETS = Path(__file__).parent.parent / "images" / "shared" / "with-secrets"


class GroceryList(pulumi.ComponentResource):
    """Produces Secrets, Network, Postgres, Backups, Migrations, AuthServer, ZeroCache, Edge and Frontend, Acme where an
    authority of others is asked for the certificate, and Monitoring where it is wanted, wired to each other.

    Named after its stack; so are its children. Raises CapacityError before anything is registered when the target is
    too small, SettingsError when its disk is or when a certificate was given that cannot be served.
    """

    outputs: Mapping[str, Any]
    """What the stack exports; nothing in it is secret."""

    def __init__(
        self,
        stack: str,
        *,
        settings: Settings,
        external: External,
        images: Mapping[ImageName, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        sizes = capacity.sizes(settings)
        capacity.check(sizes.by_name(), nodes=settings.target.nodes, node_memory=settings.target.memory)
        disk = _disk(settings)
        certificate = settings.edge.certificate
        if certificate.kind == "provided":
            external.check_certificate(settings.edge.domain)
        with_secrets = _WITH_SECRETS.read_text(encoding="utf-8")
        super().__init__(TOKEN, stack, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        secrets = Secrets(
            f"{stack}-secrets",
            stack=stack,
            domain=settings.edge.domain,
            rotation=settings.rotation,
            backups=settings.backups.enabled,
            synthetic=bool(sizes.monitoring and sizes.monitoring.synthetic_user),
            grafana=bool(sizes.monitoring and sizes.monitoring.grafana),
            opts=child,
        )
        watching = sizes.monitoring is not None
        network = Network(
            f"{stack}-network",
            stack=stack,
            pool=settings.network.pool,
            nodes=settings.target.nodes,
            names=[name for name in NetworkName if watching or name is not NetworkName.MONITORING],
            opts=child,
        )
        connections = postgres_rendering.connections(
            api_replicas=settings.auth_server.replicas,
            api_pool=settings.auth_server.database_connections,
            cvr=settings.zero_cache.cvr_connections,
            change=settings.zero_cache.change_connections,
        )
        kept = repositories(settings.backups, stack)
        postgres = Postgres(
            f"{stack}-postgres",
            stack=stack,
            image=images["postgres"],
            size=sizes.postgres,
            config=settings.postgres,
            connections=connections,
            disk=disk,
            repositories=len(kept),
            network=network,
            secrets=secrets,
            opts=child,
        )
        backups = Backups(
            f"{stack}-backups",
            stack=stack,
            image=images.get("backups"),
            size=sizes.backups,
            config=settings.backups,
            network=network,
            secrets=secrets,
            external=external,
            opts=child,
        )
        migrations = Migrations(
            f"{stack}-migrations",
            stack=stack,
            image=images["migrations"],
            size=sizes.migrations,
            config=settings.migrations,
            network=network,
            secrets=secrets,
            postgres=postgres,
            opts=child,
        )
        auth_server = AuthServer(
            f"{stack}-auth-server",
            stack=stack,
            image=images["auth-server"],
            size=sizes.auth_server,
            config=settings.auth_server,
            email=settings.email,
            origin=settings.edge.origin,
            network=network,
            secrets=secrets,
            external=external,
            migrations=migrations,
            with_secrets=with_secrets,
            synthetic=secrets.synthetic,
            opts=child,
        )
        zero_cache = ZeroCache(
            f"{stack}-zero-cache",
            stack=stack,
            image=images["zero-cache"],
            size=sizes.zero_cache,
            config=settings.zero_cache,
            network=network,
            secrets=secrets,
            migrations=migrations,
            with_secrets=with_secrets,
            pushes=watching,
            opts=child,
        )
        edge = Edge(
            f"{stack}-edge",
            stack=stack,
            image=images["edge"],
            size=sizes.edge,
            publisher_size=sizes.edge_config,
            config=settings.edge,
            frontend_port=settings.frontend.proxy_port,
            network=network,
            secrets=secrets,
            external=external,
            figures_for=(
                subnet(settings.network.pool, NetworkName.APP).subnet if settings.monitoring.enabled else None
            ),
            opts=child,
        )
        acme = (
            Acme(
                f"{stack}-acme",
                stack=stack,
                image=images["acme"],
                size=sizes.acme,
                config=certificate,
                domain=settings.edge.domain,
                certificates=edge.certificates,
                network=network,
                after=[edge.service, edge.publisher_service],
                opts=child,
            )
            if isinstance(certificate, AcmeCertificate) and sizes.acme
            else None
        )
        frontend = Frontend(
            f"{stack}-frontend",
            stack=stack,
            image=images["frontend"],
            size=sizes.frontend,
            config=settings.frontend,
            network=network,
            web=edge.web,
            after=[auth_server.service, zero_cache.service],
            opts=child,
        )

        application = (
            (postgres.workload, postgres.service),
            *([(backups.workload, backups.service)] if backups.workload and backups.service else []),
            (migrations.workload, migrations.service),
            (auth_server.workload, auth_server.service),
            (zero_cache.workload, zero_cache.service),
            (edge.workload, edge.service),
            (edge.publisher, edge.publisher_service),
            (frontend.workload, frontend.service),
            *([(acme.workload, acme.service)] if acme else []),
        )
        monitoring = (
            Monitoring(
                f"{stack}-monitoring",
                stack=stack,
                images=images,
                sizes=sizes.monitoring,
                settings=settings,
                disk=disk,
                scope=_scope(stack, settings, disk, connections, [workload for workload, _ in application]),
                network=network,
                secrets=secrets,
                external=external,
                opts=child,
            )
            if sizes.monitoring
            else None
        )
        workloads = (*application, *(monitoring.workloads if monitoring else ()))
        origin = settings.edge.origin
        self.outputs = {
            "url": origin,
            "endpoints": {
                "application": origin,
                "api": f"{origin}/api",
                "sync": f"{origin.replace('https', 'wss', 1)}/zero",
                "health": f"{origin}/health",
                "ready": f"{origin}/health/ready",
                "live": f"{origin}/health/live",
            },
            "docker_host": settings.target.host,
            "images": dict(images),
            "ca_certificate": secrets.ca_certificate,
            # What is served is asked of the edge; these are known without asking.
            "certificates": {
                "ca": {"not_after": secrets.ca_not_after},
                "postgres": {"not_after": secrets.postgres.not_after},
                **({"edge": {"not_after": secrets.edge.not_after}} if certificate.kind == "stack" else {}),
                **(
                    {
                        names.BACKUPS: {"not_after": secrets.backup_leaves.repository.not_after},
                        names.POSTGRES_BACKUP: {"not_after": secrets.backup_leaves.database.not_after},
                    }
                    if secrets.backup_leaves
                    else {}
                ),
            },
            **({"backups": _backups(settings, kept)} if kept else {}),
            "workloads": {workload.name: _description(workload, service) for workload, service in workloads},
        }
        self.register_outputs({})


def _disk(settings: Settings) -> Disk:
    monitoring, backups = settings.monitoring, settings.backups
    try:
        return Disk(
            database=settings.postgres.disk,
            monitoring=monitoring.disk if monitoring.enabled else 0,
            repository=backups.disk if backups.enabled and backups.volume else 0,
            archiving=backups.enabled,
        )
    except ValueError as fault:
        raise SettingsError(f"The configuration is refused:\n  {CONFIG_KEY}.postgres.disk: {fault}") from None


def _backups(settings: Settings, kept: Sequence[pgbackrest.Repository]) -> dict[str, Any]:
    """What commands need to know of backups without asking them."""
    config = settings.backups
    return {
        "repositories": [{"number": number, "kind": repository.kind} for number, repository in enumerate(kept, 1)],
        "key": config.key,
        "keep": config.keep,
        "schedule": config.schedule.model_dump(),
    }


def _backup_scope(settings: Settings, disk: Disk) -> BackupScope:
    schedule = settings.backups.schedule
    return BackupScope(
        interval=min(schedule.full, schedule.differential, schedule.incremental),
        drill=schedule.drill,
        archive_timeout=disk.archive_timeout,
        archive_queue=disk.archive_queue,
        volume=settings.backups.volume,
        disk=settings.backups.disk,
    )


def _scope(stack: str, settings: Settings, disk: Disk, connections: int, workloads: Sequence[Workload]) -> Scope:
    """What is watched of a stack, before what watches it is added."""
    runbooks = settings.monitoring.runbooks_url
    return Scope(
        stack=stack,
        domain=settings.edge.domain,
        origin=settings.edge.origin,
        watched=tuple(watched(workload) for workload in workloads),
        api_pool=settings.auth_server.database_connections,
        postgres_connections=connections,
        postgres_disk=disk.database,
        wal_keep=disk.wal_kept,
        certificate_kind=settings.edge.certificate.kind,
        synthetic=settings.monitoring.synthetic_user,
        acme=settings.edge.certificate.kind == "acme",
        backups=_backup_scope(settings, disk) if settings.backups.enabled else None,
        grafana=settings.monitoring.grafana is not None,
        runbooks=runbooks.rstrip("/") if runbooks else _RUNBOOKS,
    )


def _description(workload: Workload, service: docker.Service) -> dict[str, Any]:
    metrics = workload.metrics
    return {
        "service": service.name,
        "replicas": workload.size.replicas,
        "networks": [str(attachment.network) for attachment in workload.networks],
        "metrics": {"port": metrics.port, "path": metrics.path} if isinstance(metrics, Metrics) else None,
    }
