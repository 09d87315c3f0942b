"""The configuration of one stack: one typed model, validated once. Its defaults are the `local` stack.

Sizes are strings of a whole number and a unit ("512MiB"), durations of a whole number and a unit ("5m"). Every
unknown key, wrong type and impossible value is refused with the path of the key before anything is changed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeGuard, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from settings.backups import Backups
from settings.monitoring import Monitoring
from settings.values import (
    DURATION,
    ENVIRONMENT_NAME,
    PINNED_IMAGE,
    SECRET_NAME,
    SIZE,
    STACK_NAME,
    AbsolutePath,
    Bytes,
    Cidr,
    DockerHost,
    Domain,
    Generation,
    HttpsUrl,
    ImageReference,
    MailAddress,
    MailHost,
    Model,
    Moment,
    PemCertificates,
    Pool,
    Port,
    Profile,
    PushService,
    Rate,
    Seconds,
    Sender,
    at_least,
    at_least_seconds,
    format_duration,
    format_size,
    matching,
)

CONFIG_KEY = "grocery:settings"

# Where mail is taken over TLS from the first byte on.
_TLS_PORT = 465


class SettingsError(Exception):
    """The configuration was refused; the message lists every fault with the path of its key."""


# What the program itself gives the auth-server; extra_env may not change it.
AUTH_SERVER_ENVIRONMENT = frozenset(
    {
        "NODE_ENV",
        "PORT",
        "DB_HOST",
        "DB_PORT",
        "DB_NAME",
        "DB_USER",
        "DB_MAX_CONNECTIONS",
        "DB_IDLE_TIMEOUT",
        "DB_CONNECTION_TIMEOUT",
        "JWT_ACCESS_EXPIRY",
        "JWT_REFRESH_EXPIRY",
        "BCRYPT_ROUNDS",
        "RATE_LIMIT_WINDOW_MS",
        "RATE_LIMIT_MAX_REQUESTS",
        "CORS_ORIGIN",
        "VAPID_PUBLIC_KEY",
        "VAPID_SUBJECT",
        "FRONTEND_URL",
        "CLIENT_URL",
        "EMAIL_FROM",
        "SMTP_HOST",
        "SMTP_PORT",
        "SMTP_SECURITY",
        "SMTP_USERNAME",
        "PUSH_SERVICES",
        "TRUST_PROXY",
        "PGSSLMODE",
        "NODE_EXTRA_CA_CERTS",
        "ZERO_APP_ID",
        "DRAIN_SECONDS",
    }
)


class Target(Model):
    """Where the stack runs: existing Docker hosts that form one Swarm."""

    host: DockerHost = "unix:///var/run/docker.sock"
    """The engine of a Swarm manager."""
    nodes: Annotated[int, Field(ge=1, le=99)] = 1
    """Nodes in the Swarm. More than one encrypts the database's network."""
    memory: Bytes = 4 << 30
    """Memory of the smallest node that may be spent on this stack."""


class Network(Model):
    """Addresses of the overlay networks; every network gets a /24 of the pool."""

    pool: Pool = "10.203.0.0/16"
    """Changing it replaces every network and restarts every service: choose it once."""


class RateLimit(Model):
    """Requests of one client address: a steady rate, and how many may come at once before 429."""

    rate: Rate
    burst: Annotated[int, Field(ge=0, le=100_000)]


class RateLimits(Model):
    """The three zones of the edge; a request to /api/auth/ counts in `api` and in `auth`."""

    general: RateLimit = RateLimit(rate="100r/s", burst=200)
    api: RateLimit = RateLimit(rate="50r/s", burst=100)
    auth: RateLimit = RateLimit(rate="60r/m", burst=30)


class Connections(Model):
    """What one client address may have open at once; an IPv6 client is its /64."""

    per_address: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Requests being answered at the same moment; one more gets 429."""
    websockets_per_address: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Open WebSockets, one for each tab: an office behind one address has many."""


class Maintenance(Model):
    """A page instead of the application. Open WebSockets, /health and certificate challenges are not touched."""

    enabled: bool = False
    allow: tuple[Cidr, ...] = ()
    """Networks that see the application all the same."""
    retry_after: Seconds = 600
    """When to come back, as it is told to clients and crawlers."""


class StackCertificate(Model):
    """Signed by the stack's own authority, which browsers have to be told to trust."""

    kind: Literal["stack"] = "stack"


class AcmeCertificate(Model):
    """Issued and renewed by an authority that speaks ACME, such as Let's Encrypt.

    The authority asks for a file on port 80 of the domain, so that port has to lead to `http_port`.
    """

    kind: Literal["acme"]
    directory: HttpsUrl = "https://acme-v02.api.letsencrypt.org/directory"
    """The authority's ACME directory."""
    email: MailAddress
    """Contact of the account at the authority."""
    profile: Profile | None = None
    """Which of the authority's kinds of certificate; Let's Encrypt's `shortlived` lives six days."""
    ca_certificate: PemCertificates | None = None
    """Of a private authority: its certificates, trusted beside the public ones."""
    start_period: Annotated[Seconds, at_least_seconds("10s")] = 90
    """How long the first certificate may take; then `up` ends with the reason, and what was served before serves on."""
    image: ImageReference | None = None


class ProvidedCertificate(Model):
    """Yours: the external secrets edge-certificate (with its chain) and edge-key, both PEM."""

    kind: Literal["provided"]
    ca_certificate: PemCertificates | None = None
    """Of a private authority: its certificates, by which the stack's own probes believe what is served."""


Certificate = Annotated[StackCertificate | AcmeCertificate | ProvidedCertificate, Field(discriminator="kind")]


class Edge(Model):
    """The one public door: TLS, HTTP/2, WebSockets, limits and headers."""

    domain: Domain = "localhost"
    https_port: Port = 8443
    http_port: Port = 8080
    """Answers with a redirect to https_port and, for certificates, with challenges."""
    hsts: bool = True
    """Send Strict-Transport-Security for two years. Never sent for localhost, where it would capture every port of the
    machine."""
    hsts_preload: bool = False
    """Include every sub-domain and ask browser makers to build the name in; takes months to undo."""
    trusted_proxies: tuple[Cidr, ...] = ()
    """Networks of load balancers in front: their X-Forwarded-For tells the client's address. Nobody else's does."""
    rate_limits: RateLimits = RateLimits()
    connections: Connections = Connections()
    maintenance: Maintenance = Maintenance()
    certificate: Certificate = StackCertificate()
    memory: Annotated[Bytes, at_least("64MiB")] = 128 << 20
    """How many connections there may be is derived from this: about 2,200 with 128MiB, 5,500 with 256MiB."""
    image: ImageReference | None = None

    @model_validator(mode="after")
    def _authorities_vouch_for_public_names(self) -> Self:
        if self.certificate.kind == "acme" and "." not in self.domain:
            raise ValueError(
                f"certificate.kind is acme, but the domain is {self.domain!r}, and no authority vouches for such a "
                "name: use one it can reach, or kind: stack"
            )
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.https_port == self.http_port:
            raise ValueError(f"https_port and http_port are both {self.https_port}: give them different ports")
        return self

    @model_validator(mode="after")
    def _preload_is_a_kind_of_hsts(self) -> Self:
        if self.hsts_preload and not (self.hsts and self.domain != "localhost"):
            raise ValueError("hsts_preload needs hsts: true and a real domain")
        return self

    @property
    def origin(self) -> str:
        """The browser's origin, as it appears in the Origin header."""
        return f"https://{self.domain}" + ("" if self.https_port == 443 else f":{self.https_port}")


class Postgres(Model):
    memory: Annotated[Bytes, at_least("128MiB")] = 512 << 20
    """Limit of the container; the server's buffers are derived from it."""
    disk: Annotated[Bytes, at_least("1GiB")] = 10 << 30
    """Disk this database may use; bounds the log kept for a replication slot that stands still."""
    start_period: Seconds = 120
    """How long crash recovery may take before the container counts as unhealthy and is killed."""
    initialise_until: Moment | None = None
    """An empty data directory is initialised only before this moment; default: one day after the stack was made."""
    image: ImageReference | None = None


class Migrations(Model):
    start_period: Seconds = 120
    """How long applying this release's migrations may take."""
    image: ImageReference | None = None


class AuthServer(Model):
    """The application's API, or the one of another Grocery List that keeps to the same routes and variables."""

    replicas: Annotated[int, Field(ge=1, le=50)] = 1
    memory: Annotated[Bytes, at_least("64MiB")] = 256 << 20
    database_connections: Annotated[int, Field(ge=1, le=200)] = 10
    """Size of each replica's connection pool."""
    jwt_access_expiry: Annotated[str, matching(DURATION, 'a duration such as "15m"')] = "15m"
    jwt_refresh_expiry: Annotated[str, matching(DURATION, 'a duration such as "30d"')] = "30d"
    bcrypt_rounds: Annotated[int, Field(ge=10, le=16)] = 12
    rate_limit_window: Seconds = 900
    rate_limit_requests: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    email_from: Sender = "Grocery List <grocery@localhost>"
    vapid_subject: str = "mailto:grocery@localhost"
    """Contact for push services: a mailto: or https: address."""
    push_services: Annotated[tuple[PushService, ...], Field(min_length=1)] = (
        "https://fcm.googleapis.com",
        "https://updates.push.services.mozilla.com",
        "https://*.push.apple.com",
        "https://*.notify.windows.com",
    )
    """Where browsers may ask to be reached: the server sends to these and nowhere else a browser names."""
    error_reporting: bool = False
    """Report errors of server and page to what the secret error-reporting-dsn names."""
    extra_env: Mapping[str, str] = {}
    """More plain environment variables; never a secret, everyone with the engine can read them."""
    image: ImageReference | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """For an image that reads its secrets from the environment only: what with-secrets starts."""
    health_check: Annotated[tuple[str, ...], Field(min_length=1)] = ("/usr/local/bin/healthcheck",)
    """Program in the image that exits 0 when GET :3001/health does."""
    writable_paths: tuple[AbsolutePath, ...] = ()
    """Where the image needs a small tmpfs beside /tmp: folders it does not have, or that anyone may write to.

    A tmpfs is owned by root and takes the mode of the folder it hides.
    """

    @model_validator(mode="after")
    def _plain_environment(self) -> Self:
        for name in self.extra_env:
            if not ENVIRONMENT_NAME.match(name):
                raise ValueError(f"extra_env.{name}: not a name of an environment variable")
            if name in AUTH_SERVER_ENVIRONMENT:
                raise ValueError(f"extra_env.{name}: set by the program itself; change the setting it comes from")
            if SECRET_NAME.search(name):
                raise ValueError(
                    f"extra_env.{name}: looks like a secret, and an environment variable can be read by "
                    "inspecting the service; secrets are files under /run/secrets"
                )
        return self


class Email(Model):
    """The server that takes the stack's mail. Without one, addresses are not verified and passwords not reset."""

    host: MailHost
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """"starttls" never falls back to plain text; "none" is for a relay on a network of one's own."""
    username: str | None = None
    """Its password is the secret smtp-password."""

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.username is not None and self.security == "none":
            raise ValueError('username is set but security is "none": the password would be sent in the clear')
        return self


class ZeroCache(Model):
    memory: Annotated[Bytes, at_least("512MiB")] = 1 << 30
    sync_workers: Annotated[int, Field(ge=1, le=64)] = 1
    cvr_connections: Annotated[int, Field(ge=1, le=200)] = 5
    """Connections for client view records, shared by all sync workers."""
    change_connections: Annotated[int, Field(ge=1, le=20)] = 3
    start_period: Seconds = 120
    """How long the initial copy of the database may take before the container is killed as unhealthy."""
    image: ImageReference | None = None

    @model_validator(mode="after")
    def _a_connection_for_each_worker(self) -> Self:
        if self.sync_workers > self.cvr_connections:
            raise ValueError(
                f"sync_workers is {self.sync_workers} but cvr_connections only "
                f"{self.cvr_connections}: each worker needs one"
            )
        return self


class Frontend(Model):
    """The web application: published to the edge as files, or, for a foreign image with proxy_port, proxied."""

    image: ImageReference | None = None
    proxy_port: Port | None = None
    """The image is an HTTP server on this port instead of a publisher of files."""
    keep_releases: Annotated[int, Field(ge=1, le=50)] = 5
    """Releases whose assets stay, so that tabs opened before an update keep working."""
    memory: Annotated[Bytes, at_least("16MiB")] = 64 << 20
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    health_check: Annotated[tuple[str, ...], Field(min_length=1)] = ("/usr/local/bin/healthcheck",)
    writable_paths: tuple[AbsolutePath, ...] = ()

    @model_validator(mode="after")
    def _a_proxied_frontend_has_an_image(self) -> Self:
        if self.proxy_port is not None and self.image is None:
            raise ValueError(
                "proxy_port is set but image is not: only a foreign image is proxied, ours publishes files"
            )
        return self


class Rotation(Model):
    """Generation numbers: adding one to a number replaces that secret at the next `up`, without a manual step."""

    postgres_admin: Generation = 1
    api: Generation = 1
    zero: Generation = 1
    jwt_access: Generation = 1
    jwt_refresh: Generation = 1
    zero_auth: Generation = 1
    zero_admin: Generation = 1
    monitor: Generation = 1
    backup: Generation = 1
    synthetic: Generation = 1
    grafana: Generation = 1


class Settings(Model):
    """Everything that may differ between two stacks."""

    target: Target = Target()
    network: Network = Network()
    edge: Edge = Edge()
    postgres: Postgres = Postgres()
    migrations: Migrations = Migrations()
    auth_server: AuthServer = AuthServer()
    email: Email | None = None
    zero_cache: ZeroCache = ZeroCache()
    frontend: Frontend = Frontend()
    backups: Backups = Backups()
    monitoring: Monitoring = Monitoring()
    rotation: Rotation = Rotation()

    @model_validator(mode="after")
    def _alerts_by_mail_need_a_server(self) -> Self:
        if self.monitoring.receivers.email is None:
            return self
        if self.email is None:
            raise ValueError("monitoring.receivers.email is set but email is not: alerts go through the stack's server")
        if self.email.security == "tls" and self.email.port != _TLS_PORT:
            raise ValueError(
                f"monitoring.receivers.email is set, email.security is tls and email.port {self.email.port}: "
                f"Alertmanager begins with TLS on port {_TLS_PORT} only; use starttls"
            )
        return self


ImageName = Literal[
    "postgres",
    "migrations",
    "backups",
    "auth-server",
    "zero-cache",
    "edge",
    "frontend",
    "acme",
    "prometheus",
    "alertmanager",
    "node-exporter",
    "postgres-exporter",
    "nginx-exporter",
    "blackbox-exporter",
    "docker-filter",
    "collector",
    "synthetic-user",
]
IMAGE_NAMES: tuple[ImageName, ...] = get_args(ImageName)


SecretName = Literal[
    "smtp-password",
    "error-reporting-dsn",
    "edge-certificate",
    "edge-key",
    "backup-key",
    "backup-bucket-key",
    "backup-bucket-secret",
    "slack-url",
    "pagerduty-key",
    "dead-man-url",
    "otlp-headers",
]
SECRET_NAMES: tuple[SecretName, ...] = get_args(SecretName)


def required_secrets(settings: Settings) -> tuple[SecretName, ...]:
    """The external secrets these settings call for: what others issued, kept as secret configuration of the stack."""
    monitoring = settings.monitoring
    receivers = monitoring.receivers
    shipping = monitoring.log_shipping
    backups = settings.backups
    bucket = backups.enabled and backups.bucket is not None
    needed: dict[SecretName, bool] = {
        "smtp-password": settings.email is not None and settings.email.username is not None,
        "error-reporting-dsn": settings.auth_server.error_reporting,
        "edge-certificate": settings.edge.certificate.kind == "provided",
        "edge-key": settings.edge.certificate.kind == "provided",
        "backup-key": backups.enabled and backups.key == "provided",
        "backup-bucket-key": bucket,
        "backup-bucket-secret": bucket,
        "slack-url": monitoring.enabled and receivers.slack is not None,
        "pagerduty-key": monitoring.enabled and receivers.pagerduty is not None,
        "dead-man-url": monitoring.enabled and monitoring.dead_man,
        "otlp-headers": monitoring.enabled and shipping is not None and shipping.authenticated,
    }
    return tuple(name for name in SECRET_NAMES if needed[name])


def load(source: Mapping[str, Any] | str | None) -> Settings:
    """The settings of a stack from its structured configuration (a mapping, or its JSON text); nothing given means
    `local`.

    Raises SettingsError that names every fault by the path of its key.
    """
    text = source if isinstance(source, str) else json.dumps(dict(source or {}))
    try:
        return Settings.model_validate_json(text or "{}")
    except ValidationError as error:
        faults = [
            f"  {_path(fault['loc'])}: {_fault(fault['type'], fault['loc'], fault['msg'], fault['input'])}"
            for fault in error.errors()
        ]
        raise SettingsError(
            "The configuration is refused:\n" + "\n".join(faults) + "\nAll keys: ./grocery config schema"
        ) from None


def check_stack_name(stack: str) -> str:
    """`stack` itself when its resources can be named after it; Docker's names end at 64 characters.

    Raises SettingsError.
    """
    if not STACK_NAME.match(stack):
        raise SettingsError(
            f"the stack is named {stack!r}, and its services and secrets are named after it: "
            "expected at most 16 lower-case letters, digits and dashes, a letter first"
        )
    return stack


def json_schema() -> dict[str, Any]:
    """JSON schema of the structured configuration, for editors and `config schema`."""
    schema = Settings.model_json_schema()
    # Defaults appear as they are kept, in bytes and seconds; people write them with their units.
    forms = {SIZE.pattern: format_size, DURATION.pattern: format_duration}
    for model in schema["$defs"].values():
        for key in model["properties"].values():
            if isinstance(key.get("default"), int) and key.get("pattern") in forms:
                key["default"] = forms[key["pattern"]](key["default"])
    return schema


def resolve_images(settings: Settings, root: Path) -> dict[ImageName, str]:
    """The image reference of every part these settings call for, from the first of: its setting, images/lock.json,
    .local/images.json under `root`.

    Raises SettingsError for images that are in none of them and for a file that does not say what is expected.
    """
    certificate = settings.edge.certificate
    chosen: dict[ImageName, str | None] = {
        "postgres": settings.postgres.image,
        "migrations": settings.migrations.image,
        "auth-server": settings.auth_server.image,
        "zero-cache": settings.zero_cache.image,
        "edge": settings.edge.image,
        "frontend": settings.frontend.image,
    }
    if isinstance(certificate, AcmeCertificate):
        chosen["acme"] = certificate.image
    if settings.backups.enabled:
        chosen["backups"] = settings.backups.image
    if settings.monitoring.enabled:
        chosen |= _monitoring_images(settings.monitoring)
    built = _built_images(root / ".local" / "images.json") | _built_images(root / "images" / "lock.json")
    images = {name: image or built.get(name, "") for name, image in chosen.items()}
    missing = [name for name, reference in images.items() if not reference]
    if missing:
        raise SettingsError(
            f"image {', '.join(missing)} is not built: run ./grocery images build "
            f"(or name a registry reference in {CONFIG_KEY})"
        )
    for name, reference in images.items():
        if not PINNED_IMAGE.match(reference):
            raise SettingsError(
                f"image {name} is {reference!r}, which names no fixed content: run ./grocery images build"
            )
    return images


def _monitoring_images(monitoring: Monitoring) -> dict[ImageName, str | None]:
    own = monitoring.images
    images: dict[ImageName, str | None] = {
        "prometheus": own.prometheus,
        "alertmanager": own.alertmanager,
        "node-exporter": own.node_exporter,
        "postgres-exporter": own.postgres_exporter,
        "nginx-exporter": own.nginx_exporter,
        "blackbox-exporter": own.blackbox_exporter,
        "docker-filter": own.docker_filter,
        "collector": own.collector,
    }
    return images | ({"synthetic-user": own.synthetic_user} if monitoring.synthetic_user else {})


def _built_images(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        return {str(name): str(entry["ref"]) for name, entry in json.loads(text)["images"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(
            f'{path} is damaged (expected {{"images": {{"<name>": {{"ref": ...}}}}}}): '
            "remove it and run ./grocery images build"
        ) from None


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join([CONFIG_KEY, *(str(part) for part in location)])


def _fault(kind: str, location: tuple[int | str, ...], message: str, value: object) -> str:
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _keys_at(location[:-1]), n=1)
        return "unknown key" + (
            f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(_keys_at(location[:-1]))}"
        )
    said = message.removeprefix("Value error, ")
    return said if isinstance(value, Mapping) else f"{said}, got {json.dumps(value, default=str)}"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    kinds: dict[str, type[BaseModel]] = {}
    for part in map(str, location):
        if part in kinds:
            model, kinds = kinds[part], {}
            continue
        annotation = model.model_fields[part].annotation
        models = [found for found in (annotation, *get_args(annotation)) if _is_model(found)]
        if not models:
            return []
        if len(models) == 1:
            model = models[0]
        else:
            # The path's next part says which of them.
            kinds = {get_args(found.model_fields["kind"].annotation)[0]: found for found in models}
    return list(_names(model))


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _names(model: type[BaseModel]) -> Iterator[str]:
    yield from model.model_fields
