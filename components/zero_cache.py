"""The sync server between the database and the browsers."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import Size
from components.migrations import Migrations
from components.network import Network
from components.secrets import Secrets
from components.workload import (
    ConfigFile,
    Health,
    NetworkName,
    NoMetrics,
    SecretFile,
    StopFirst,
    VolumeMount,
    Workload,
    realise,
    volume_labels,
)
from rendering.monitoring.scrape import INTERVAL_SECONDS
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:ZeroCache"  # noqa: S105 - a type token

_DATA = "/var/lib/zero"

_INDICATORS = (
    Indicator(title="From the database to here", expr="grocery:replication:lag_seconds", unit="s"),
    Indicator(title="Browsers that sync", expr="sum(zero_sync_active_client_groups)", unit="short"),
    Indicator(title="A browser waits at most", expr="max(zero_sync_serving_lag_seconds)", unit="s"),
    Indicator(title="Log kept by the database", expr="max(zero_replication_slot_retained_wal_bytes)", unit="bytes"),
)


class ZeroCache(pulumi.ComponentResource):
    """Produces the replica's Volume, a stop-first Service and its Secrets.

    The replica can be rebuilt from the database: its volume makes restarts fast and is not protected.
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
        config: settings.ZeroCache,
        network: Network,
        secrets: Secrets,
        migrations: Migrations,
        with_secrets: str,
        pushes: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """pushes: somebody takes its figures."""
        super().__init__(TOKEN, name, None, opts)
        replica = docker.Volume(
            f"{name}-replica",
            labels=volume_labels(stack),
            opts=pulumi.ResourceOptions(parent=self),
        )
        api = f"http://{names.AUTH_SERVER}:{names.AUTH_SERVER_PORT}/api/zero"
        # One whole secret. verify-full: with any weaker mode the server's certificate would not be checked.
        database = pulumi.Output.format(
            "postgres://zero:{0}@{1}:{2}/{3}?sslmode=verify-full",
            secrets.zero,
            names.POSTGRES,
            str(names.POSTGRES_PORT),
            names.DATABASE,
        )
        self.workload = Workload(
            name=names.ZERO_CACHE,
            image=image,
            size=size,
            health=Health(start_period=config.start_period),
            networks=network.attach(NetworkName.APP, NetworkName.DATA),
            update=StopFirst(
                because="one reader per replication slot: a second one takes the slot over and the first one exits"
            ),
            metrics=NoMetrics(
                because="zero-cache pushes OTLP to the collector and has nothing to scrape", indicators=_INDICATORS
            ),
            # It drains its clients one by one.
            stop_grace=60,
            command=(names.WITH_SECRETS, "/usr/local/bin/zero-cache"),
            env={
                "NODE_ENV": "production",
                "NODE_EXTRA_CA_CERTS": names.CA_FILE,
                # The first message of a client and its cookies are headers of one request.
                "NODE_OPTIONS": "--max-http-header-size=32768",
                "DO_NOT_TRACK": "1",
                "ZERO_APP_ID": names.ZERO_APP_ID,
                "ZERO_REPLICA_FILE": f"{_DATA}/replica.db",
                "ZERO_QUERY_URL": f"{api}/query",
                "ZERO_MUTATE_URL": f"{api}/mutate",
                "ZERO_QUERY_FORWARD_COOKIES": "true",
                "ZERO_MUTATE_FORWARD_COOKIES": "true",
                # The id that the edge gave a browser's socket comes along with everything asked on behalf of it.
                "ZERO_QUERY_ALLOWED_REQUEST_HEADERS": "x-request-id",
                "ZERO_MUTATE_ALLOWED_REQUEST_HEADERS": "x-request-id",
                "ZERO_ENABLE_CRUD_MUTATIONS": "false",
                "ZERO_NUM_SYNC_WORKERS": str(config.sync_workers),
                "ZERO_CVR_MAX_CONNS": str(config.cvr_connections),
                "ZERO_CHANGE_MAX_CONNS": str(config.change_connections),
                "ZERO_LOG_FORMAT": "json",
                "ZERO_ENABLE_TELEMETRY": "false",
                **(_pushed() if pushes else {}),
            },
            secrets=(
                SecretFile(name="ZERO_UPSTREAM_DB", value=database),
                SecretFile(name="ZERO_ADMIN_PASSWORD", value=secrets.zero_admin),
                SecretFile(name="ZERO_QUERY_API_KEY", value=secrets.zero_auth),
                SecretFile(name="ZERO_MUTATE_API_KEY", value=secrets.zero_auth),
            ),
            configs=(
                ConfigFile(path=names.CA_FILE, content=secrets.ca_certificate),
                ConfigFile(path=names.WITH_SECRETS, content=with_secrets, executable=True),
            ),
            volumes=(VolumeMount(volume=replica.name, path=_DATA),),
        )
        # Its role, its rights and the tables it copies are the migrations' work.
        self.service = realise(name, self.workload, stack=stack, parent=self, after=[migrations.service])
        self.register_outputs({})


def _pushed() -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://{names.COLLECTOR}:{names.OTLP_PORT}/v1/metrics",
        "OTEL_METRIC_EXPORT_INTERVAL": str(INTERVAL_SECONDS * 1000),
        # How long a change takes from the database to here is known by sending one there and back.
        "ZERO_REPLICATION_LAG_REPORT_INTERVAL_MS": str(INTERVAL_SECONDS * 1000),
    }
