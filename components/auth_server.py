"""The application's API: accounts, sessions, and the endpoints zero-cache asks."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import MIB, Size
from components.migrations import Migrations
from components.network import Network
from components.secrets import External, Secrets
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    SecretFile,
    StartFirst,
    Tmpfs,
    Workload,
    realise,
)
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:AuthServer"  # noqa: S105 - a type token

# Longer than the edge's resolver remembers an address, so that the old task still answers who was sent to it.
_DRAIN_SECONDS = 3

_INDICATORS = (
    Indicator(
        title="Requests by status",
        expr="sum by (status) (rate(http_request_duration_seconds_count[5m]))",
        unit="reqps",
        legend="{{status}}",
    ),
    Indicator(title="Pool: waiting for a connection", expr="max(db_pool_waiting)", unit="short"),
    Indicator(title="Pool: connections", expr="sum by (state) (db_pool_connections)", unit="short", legend="{{state}}"),
    Indicator(title="Oldest notification waiting", expr="max(push_oldest_seconds)", unit="s"),
)


class AuthServer(pulumi.ComponentResource):
    """Produces a start-first Service and its Secrets.

    Our image reads its secrets from /run/secrets. A foreign one that reads the environment only is started through
    with-secrets, with the command its settings name.
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
        config: settings.AuthServer,
        email: settings.Email | None,
        origin: str,
        network: Network,
        secrets: Secrets,
        external: External,
        migrations: Migrations,
        with_secrets: str,
        synthetic: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """synthetic: password of the account to keep for the synthetic user; None for none."""
        super().__init__(TOKEN, name, None, opts)
        wrapped = config.command is not None
        authority = ConfigFile(path=names.CA_FILE, content=secrets.ca_certificate)
        wrapper = ConfigFile(path=names.WITH_SECRETS, content=with_secrets, executable=True)
        self.workload = Workload(
            name=names.AUTH_SERVER,
            image=image,
            size=size,
            # Healthy once the database has answered: on a first start that is a few seconds after the schema is
            # there.
            health=Health(command=config.health_check, start_period=20),
            networks=network.attach(NetworkName.APP, NetworkName.DATA, NetworkName.EGRESS),
            update=StartFirst(),
            metrics=Metrics(port=names.AUTH_SERVER_PORT, indicators=_INDICATORS),
            stop_grace=45,
            command=(names.WITH_SECRETS, *config.command) if config.command else None,
            env={**_environment(config, origin, secrets), **_mail_environment(email)},
            secrets=(
                SecretFile(name="DB_PASSWORD", value=secrets.api.current),
                SecretFile(name="JWT_ACCESS_SECRET", value=secrets.jwt_access.current),
                SecretFile(name="JWT_REFRESH_SECRET", value=secrets.jwt_refresh.current),
                SecretFile(name="JWT_ACCESS_SECRET_PREVIOUS", value=secrets.jwt_access.previous),
                SecretFile(name="JWT_REFRESH_SECRET_PREVIOUS", value=secrets.jwt_refresh.previous),
                SecretFile(name="ZERO_AUTH_SECRET", value=secrets.zero_auth),
                SecretFile(name="VAPID_PRIVATE_KEY", value=secrets.vapid_private),
                *_external_files(config, email, external),
                *((SecretFile(name=names.SYNTHETIC_PASSWORD_FILE, value=synthetic),) if synthetic is not None else ()),
            ),
            configs=(authority, wrapper) if wrapped else (authority,),
            scratch=tuple(Tmpfs(path=path, size=16 * MIB) for path in config.writable_paths),
        )
        # New code may rely on the new schema.
        self.service = realise(name, self.workload, stack=stack, parent=self, after=[migrations.service])
        self.register_outputs({})


def _environment(config: settings.AuthServer, origin: str, secrets: Secrets) -> Mapping[str, pulumi.Input[str]]:
    return {
        **config.extra_env,
        "NODE_ENV": "production",
        "PORT": str(names.AUTH_SERVER_PORT),
        "DB_HOST": names.POSTGRES,
        "DB_PORT": str(names.POSTGRES_PORT),
        "DB_NAME": names.DATABASE,
        "DB_USER": f"api_{secrets.api.slot}",
        "DB_MAX_CONNECTIONS": str(config.database_connections),
        "DB_IDLE_TIMEOUT": "30000",
        "DB_CONNECTION_TIMEOUT": "5000",
        "PGSSLMODE": "verify-full",
        "NODE_EXTRA_CA_CERTS": names.CA_FILE,
        "JWT_ACCESS_EXPIRY": config.jwt_access_expiry,
        "JWT_REFRESH_EXPIRY": config.jwt_refresh_expiry,
        "BCRYPT_ROUNDS": str(config.bcrypt_rounds),
        "RATE_LIMIT_WINDOW_MS": str(config.rate_limit_window * 1000),
        "RATE_LIMIT_MAX_REQUESTS": str(config.rate_limit_requests),
        "CORS_ORIGIN": origin,
        "FRONTEND_URL": origin,
        "CLIENT_URL": origin,
        "EMAIL_FROM": config.email_from,
        "VAPID_PUBLIC_KEY": secrets.vapid_public,
        "VAPID_SUBJECT": config.vapid_subject,
        "PUSH_SERVICES": ",".join(config.push_services),
        # One proxy, the edge, stands in front and overwrites what a client claims.
        "TRUST_PROXY": "1",
        "ZERO_APP_ID": names.ZERO_APP_ID,
        "DRAIN_SECONDS": str(_DRAIN_SECONDS),
    }


def _mail_environment(email: settings.Email | None) -> Mapping[str, str]:
    if email is None:
        return {}
    environment = {"SMTP_HOST": email.host, "SMTP_PORT": str(email.port), "SMTP_SECURITY": email.security}
    return environment if email.username is None else {**environment, "SMTP_USERNAME": email.username}


def _external_files(
    config: settings.AuthServer, email: settings.Email | None, external: External
) -> tuple[SecretFile, ...]:
    """What others issued, for what the settings ask for and for nothing else."""
    files = []
    if email is not None and email.username is not None:
        files.append(SecretFile(name="SMTP_PASSWORD", value=external["smtp-password"]))
    if config.error_reporting:
        files.append(SecretFile(name="ERROR_REPORTING_DSN", value=external["error-reporting-dsn"]))
    return tuple(files)
