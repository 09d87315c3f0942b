"""The configuration of one stack: one typed model, validated once. Its defaults are the `local` stack.

Sizes are strings of a whole number and a unit ("512MiB"), durations of a whole number and a unit ("5m"). Every
unknown key, wrong type and impossible value is refused with the path of the key before anything is changed.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeGuard, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

CONFIG_KEY = "grocery:settings"

_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE = re.compile(r"^([1-9][0-9]*)(KiB|MiB|GiB|TiB)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"^([1-9][0-9]*)([smhd])$")
_RATE = re.compile(r"^[1-9][0-9]*r/[sm]$")
_DOMAIN = re.compile(
    r"^(?=.{1,253}$)(?![0-9.]+$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
)
_STACK_NAME = re.compile(r"^[a-z][a-z0-9-]{0,15}$")
_ENVIRONMENT_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_ABSOLUTE_PATH = re.compile(r"^(/[A-Za-z0-9._-]+)+$")
_HTTPS_URL = re.compile(r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$")
_EMAIL = re.compile(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$")
_PROFILE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_PEM_CERTIFICATES = re.compile(r"^\s*(-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$")
_HOST = re.compile(rf"({_DOMAIN.pattern})|^([0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}$")
# `*.` stands for any name in front; plain HTTP only for a service that is named in full.
_PUSH_SERVICE = re.compile(r"^(https://(\*\.)?[a-z0-9.-]+(:[0-9]{1,5})?|http://[a-z0-9.-]+(:[0-9]{1,5})?)$")
_SENDER = re.compile(r"^([^<>\r\n\"]+ <[^<>\s]+@[^<>\s]+>|[^<>\s]+@[^<>\s]+)$")
_DOCKER_HOST = re.compile(r"^(unix:///[^\s]+|ssh://[^\s@/]+@[^\s@/]+)$")
# A reference that names exactly one content: a registry digest, an image ID, or a local tag that is a content hash.
PINNED_IMAGE = re.compile(
    r"^(sha256:[0-9a-f]{64}|[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}|[a-z0-9][a-z0-9._/-]*:[0-9a-f]{12,64})$"
)
# An environment variable of a service can be read by anyone who may inspect it.
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|PRIVATE|API_KEY|CREDENTIAL|DSN", re.IGNORECASE)


class SettingsError(Exception):
    """The configuration was refused; the message lists every fault with the path of its key."""


def parse_size(text: object) -> int:
    """ "512MiB" -> 536870912 (bytes)."""
    found = _SIZE.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('expected a size such as "512MiB" (a whole number and KiB, MiB, GiB or TiB)')
    return int(found[1]) * _UNITS[found[2]]


def parse_duration(text: object) -> int:
    """ "5m" -> 300 (seconds)."""
    found = _DURATION.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('expected a duration such as "30s", "5m" or "1h"')
    return int(found[1]) * _SECONDS[found[2]]


def _matching(pattern: re.Pattern[str], expected: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and not pattern.match(value):
            raise ValueError(f"expected {expected}")
        return value

    return BeforeValidator(check)


def _moment(value: object) -> object:
    """RFC 3339 in UTC, the one form the PostgreSQL entrypoint reads."""
    if isinstance(value, str):
        try:
            datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise ValueError('expected a moment in UTC such as "2027-01-31T12:00:00Z"') from None
    return value


def _pool(value: object) -> object:
    if isinstance(value, str):
        expected = 'expected a private IPv4 /16 such as "10.203.0.0/16"'
        try:
            network = ipaddress.IPv4Network(value)
        except ValueError:
            raise ValueError(expected) from None
        if network.prefixlen != 16 or not network.is_private:
            raise ValueError(expected)
    return value


def _network(value: object) -> object:
    if isinstance(value, str):
        expected = 'expected a network such as "10.0.0.0/8" or "2001:db8::/32", with no bits set beyond its length'
        try:
            network = ipaddress.ip_network(value)
        except ValueError:
            raise ValueError(expected) from None
        if network.prefixlen == 0:
            raise ValueError("this is everybody: name the networks that are meant")
    return value


def format_size(size: int) -> str:
    """536870912 (bytes, whole KiB) -> "512MiB", in the largest unit without a remainder."""
    unit = next(unit for unit in reversed(_UNITS) if size % _UNITS[unit] == 0)
    return f"{size // _UNITS[unit]}{unit}"


def format_duration(seconds: int) -> str:
    """300 (seconds) -> "5m", in the largest unit without a remainder."""
    unit = next(unit for unit in reversed(_SECONDS) if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _SIZE.pattern}),
]
Seconds = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern}),
]


def _at_least(minimum: str) -> AfterValidator:
    def check(value: int) -> int:
        if value < parse_size(minimum):
            raise ValueError(f"expected at least {minimum}")
        return value

    return AfterValidator(check)


def _at_least_seconds(minimum: str) -> AfterValidator:
    def check(value: int) -> int:
        if value < parse_duration(minimum):
            raise ValueError(f"expected at least {minimum}")
        return value

    return AfterValidator(check)


Rate = Annotated[
    str, _matching(_RATE, '"<number>r/s" or "<number>r/m"'), Field(json_schema_extra={"pattern": _RATE.pattern})
]
Domain = Annotated[
    str,
    _matching(_DOMAIN, 'a lower-case host name such as "grocery.example.com" (no address: certificates are for names)'),
]
MailHost = Annotated[str, _matching(_HOST, 'a lower-case host name such as "smtp.example.com", or an IPv4 address')]
DockerHost = Annotated[
    str,
    _matching(_DOCKER_HOST, '"unix:///path" or "ssh://user@host" (plain tcp:// would hand the engine to the network)'),
]
ImageReference = Annotated[
    str,
    _matching(
        PINNED_IMAGE, '"registry/name@sha256:<64 hex>" or an image ID "sha256:<64 hex>"; a moving tag is no release'
    ),
]
HttpsUrl = Annotated[str, _matching(_HTTPS_URL, 'an address such as "https://acme.example.com/directory"')]
PushService = Annotated[
    str,
    _matching(_PUSH_SERVICE, 'an origin such as "https://push.example.com" or "https://*.push.example.com"'),
]
Moment = Annotated[str, BeforeValidator(_moment)]
Pool = Annotated[str, BeforeValidator(_pool)]
Cidr = Annotated[str, BeforeValidator(_network)]
AbsolutePath = Annotated[str, _matching(_ABSOLUTE_PATH, "an absolute path of plain characters")]
Port = Annotated[int, Field(ge=1, le=65535)]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]


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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Target(_Model):
    """Where the stack runs: existing Docker hosts that form one Swarm."""

    host: DockerHost = "unix:///var/run/docker.sock"
    """The engine of a Swarm manager."""
    nodes: Annotated[int, Field(ge=1, le=99)] = 1
    """Nodes in the Swarm. More than one encrypts the database's network."""
    memory: Bytes = 4 << 30
    """Memory of the smallest node that may be spent on this stack."""


class Network(_Model):
    """Addresses of the overlay networks; every network gets a /24 of the pool."""

    pool: Pool = "10.203.0.0/16"
    """Changing it replaces every network and restarts every service: choose it once."""


class RateLimit(_Model):
    """Requests of one client address: a steady rate, and how many may come at once before 429."""

    rate: Rate
    burst: Annotated[int, Field(ge=0, le=100_000)]


class RateLimits(_Model):
    """The three zones of the edge; a request to /api/auth/ counts in `api` and in `auth`."""

    general: RateLimit = RateLimit(rate="100r/s", burst=200)
    api: RateLimit = RateLimit(rate="50r/s", burst=100)
    auth: RateLimit = RateLimit(rate="60r/m", burst=30)


class Connections(_Model):
    """What one client address may have open at once; an IPv6 client is its /64."""

    per_address: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Requests being answered at the same moment; one more gets 429."""
    websockets_per_address: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Open WebSockets, one for each tab: an office behind one address has many."""


class Maintenance(_Model):
    """A page instead of the application. Open WebSockets, /health and certificate challenges are not touched."""

    enabled: bool = False
    allow: tuple[Cidr, ...] = ()
    """Networks that see the application all the same."""
    retry_after: Seconds = 600
    """When to come back, as it is told to clients and crawlers."""


class StackCertificate(_Model):
    """Signed by the stack's own authority, which browsers have to be told to trust."""

    kind: Literal["stack"] = "stack"


class AcmeCertificate(_Model):
    """Issued and renewed by an authority that speaks ACME, such as Let's Encrypt.

    The authority asks for a file on port 80 of the domain, so that port has to lead to `http_port`.
    """

    kind: Literal["acme"]
    directory: HttpsUrl = "https://acme-v02.api.letsencrypt.org/directory"
    """The authority's ACME directory."""
    email: Annotated[str, _matching(_EMAIL, 'an e-mail address such as "operations@example.com"')]
    """Contact of the account at the authority."""
    profile: Annotated[str, _matching(_PROFILE, 'the name of a profile such as "shortlived"')] | None = None
    """Which of the authority's kinds of certificate; Let's Encrypt's `shortlived` lives six days."""
    ca_certificate: Annotated[str, _matching(_PEM_CERTIFICATES, "certificates in PEM")] | None = None
    """Of a private authority: its certificates, trusted beside the public ones."""
    start_period: Annotated[Seconds, _at_least_seconds("10s")] = 90
    """How long the first certificate may take; then `up` ends with the reason, and what was served before serves on."""
    image: ImageReference | None = None


class ProvidedCertificate(_Model):
    """Yours: the external secrets edge-certificate (with its chain) and edge-key, both PEM."""

    kind: Literal["provided"]


Certificate = Annotated[StackCertificate | AcmeCertificate | ProvidedCertificate, Field(discriminator="kind")]


class Edge(_Model):
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
    memory: Annotated[Bytes, _at_least("64MiB")] = 128 << 20
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


class Postgres(_Model):
    memory: Annotated[Bytes, _at_least("128MiB")] = 512 << 20
    """Limit of the container; the server's buffers are derived from it."""
    disk: Annotated[Bytes, _at_least("1GiB")] = 10 << 30
    """Disk this database may use; bounds the log kept for a replication slot that stands still."""
    start_period: Seconds = 120
    """How long crash recovery may take before the container counts as unhealthy and is killed."""
    initialise_until: Moment | None = None
    """An empty data directory is initialised only before this moment; default: one day after the stack was made."""
    image: ImageReference | None = None


class Migrations(_Model):
    start_period: Seconds = 120
    """How long applying this release's migrations may take."""
    image: ImageReference | None = None


class AuthServer(_Model):
    """The application's API, or the one of another Grocery List that keeps to the same routes and variables."""

    replicas: Annotated[int, Field(ge=1, le=50)] = 1
    memory: Annotated[Bytes, _at_least("64MiB")] = 256 << 20
    database_connections: Annotated[int, Field(ge=1, le=200)] = 10
    """Size of each replica's connection pool."""
    jwt_access_expiry: Annotated[str, _matching(_DURATION, 'a duration such as "15m"')] = "15m"
    jwt_refresh_expiry: Annotated[str, _matching(_DURATION, 'a duration such as "30d"')] = "30d"
    bcrypt_rounds: Annotated[int, Field(ge=10, le=16)] = 12
    rate_limit_window: Seconds = 900
    rate_limit_requests: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    email_from: Annotated[str, _matching(_SENDER, 'a sender such as "Grocery List <no-reply@example.com>"')] = (
        "Grocery List <grocery@localhost>"
    )
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
            if not _ENVIRONMENT_NAME.match(name):
                raise ValueError(f"extra_env.{name}: not a name of an environment variable")
            if name in AUTH_SERVER_ENVIRONMENT:
                raise ValueError(f"extra_env.{name}: set by the program itself; change the setting it comes from")
            if SECRET_NAME.search(name):
                raise ValueError(
                    f"extra_env.{name}: looks like a secret, and an environment variable can be read by "
                    "inspecting the service; secrets are files under /run/secrets"
                )
        return self


class Email(_Model):
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


class ZeroCache(_Model):
    memory: Annotated[Bytes, _at_least("512MiB")] = 1 << 30
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


class Frontend(_Model):
    """The web application: published to the edge as files, or, for a foreign image with proxy_port, proxied."""

    image: ImageReference | None = None
    proxy_port: Port | None = None
    """The image is an HTTP server on this port instead of a publisher of files."""
    keep_releases: Annotated[int, Field(ge=1, le=50)] = 5
    """Releases whose assets stay, so that tabs opened before an update keep working."""
    memory: Annotated[Bytes, _at_least("16MiB")] = 64 << 20
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


class Rotation(_Model):
    """Generation numbers: adding one to a number replaces that secret at the next `up`, without a manual step."""

    postgres_admin: Generation = 1
    api: Generation = 1
    zero: Generation = 1
    jwt_access: Generation = 1
    jwt_refresh: Generation = 1
    zero_auth: Generation = 1
    zero_admin: Generation = 1


class Settings(_Model):
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
    rotation: Rotation = Rotation()


ImageName = Literal["postgres", "migrations", "auth-server", "zero-cache", "edge", "frontend", "acme"]
IMAGE_NAMES: tuple[ImageName, ...] = get_args(ImageName)


SecretName = Literal["smtp-password", "error-reporting-dsn", "edge-certificate", "edge-key"]
SECRET_NAMES: tuple[SecretName, ...] = get_args(SecretName)


def required_secrets(settings: Settings) -> tuple[SecretName, ...]:
    """The external secrets these settings call for: what others issued, kept as secret configuration of the stack."""
    needed: dict[SecretName, bool] = {
        "smtp-password": settings.email is not None and settings.email.username is not None,
        "error-reporting-dsn": settings.auth_server.error_reporting,
        "edge-certificate": settings.edge.certificate.kind == "provided",
        "edge-key": settings.edge.certificate.kind == "provided",
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
    if not _STACK_NAME.match(stack):
        raise SettingsError(
            f"the stack is named {stack!r}, and its services and secrets are named after it: "
            "expected at most 16 lower-case letters, digits and dashes, a letter first"
        )
    return stack


def json_schema() -> dict[str, Any]:
    """JSON schema of the structured configuration, for editors and `config schema`."""
    schema = Settings.model_json_schema()
    # Defaults appear as they are kept, in bytes and seconds; people write them with their units.
    forms = {_SIZE.pattern: format_size, _DURATION.pattern: format_duration}
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
