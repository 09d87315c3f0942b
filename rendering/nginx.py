"""The edge's nginx.conf, one concern a file in templates/nginx/.

The same text is checked as a candidate and served when live, so certificate paths are relative to the file's own
folder, and the publisher puts the hash of the candidate where @VERSION@ stands: the status server answers it, which
proves what really runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from rendering import render_template

HTTPS_PORT = 8443
HTTP_PORT = 8080
STATUS_PORT = 8079
FIGURES_PORT = 8081
"""Where an exporter on the application's network asks; never one port with the status pages, since nginx cannot go over
from listening on one address to listening on all of them while it runs."""
CERTIFICATE = "tls.crt"
KEY = "tls.key"
CERTIFICATE_IN_USE = "/tmp/certificate.conf"  # noqa: S108 - a tmpfs of the container
"""Where the watcher writes which of the issued certificates is served."""
CHALLENGES = "/srv/certificates/challenges"
"""Folder of the answers to an authority's challenges."""

# What a browser may load, and from where: the application itself and nothing else. 'self' covers the WebSocket of
# the same origin.
CONTENT_SECURITY_POLICY = "; ".join(
    f"{directive} {sources}"
    for directive, sources in {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }.items()
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send "Origin: null" with form posts.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "usb",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "X-Permitted-Cross-Domain-Policies": "none",
}
"""Name -> value on every answer of the site, whoever made it. Strict-Transport-Security is on those over TLS only."""

WORKERS = 2
# What nginx needs before anybody comes: its workers twice, for the while a reload takes, and the zones when full.
_BASE_BYTES = 40 << 20
# Measured: 36 KiB for a client that has done its TLS handshake and sends a header slowly; a WebSocket with its server
# behind is two connections and holds 80 KiB.
_CONNECTION_BYTES = 40 << 10

_HSTS_SECONDS = 2 * 365 * 86_400

_TEXT_TYPES = (
    "text/css",
    "text/plain",
    "text/javascript",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "image/svg+xml",
    "application/wasm",
)


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A rate limit: `rate` as nginx writes it ("50r/s"), `burst` in requests served at once before 429."""

    rate: str
    burst: int

    @property
    def retry_after(self) -> int:
        """Seconds until one request more is allowed."""
        number, unit = self.rate.split("r/")
        return ceil({"s": 1, "m": 60}[unit] / int(number))


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """The application is closed, but to addresses in `allow`; `retry_after` in seconds is what everybody is told."""

    allow: tuple[str, ...]
    retry_after: int


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What distinguishes one edge from another. `origin` is the browser's ("https://localhost:8443")."""

    domain: str
    origin: str
    hsts: bool
    """Two years of TLS only for this name."""
    hsts_preload: bool = False
    """With every sub-domain, and for the list that browsers have built in."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose X-Forwarded-For is believed."""
    general: Zone
    api: Zone
    auth: Zone
    connections: int
    """Requests of one client at a time."""
    websockets: int
    """WebSockets of one client at a time."""
    memory: int = 128 << 20
    """Bytes the container may use."""
    maintenance: Maintenance | None = None
    auth_server: str
    """host:port of the API."""
    zero_cache: str
    """host:port of zero-cache."""
    frontend: str | None = None
    """host:port of a frontend that is proxied; None serves the published files."""
    acme: bool = False
    """The certificate is issued by an authority that asks for answers; otherwise it comes with the configuration."""
    figures_for: str | None = None
    """Network ("10.203.1.0/24") from which nginx' own figures may be asked on FIGURES_PORT; None: nobody asks."""


def worker_connections(memory: int) -> int:
    """Connections of one worker, so that all workers with all of theirs fit into `memory` bytes: beyond that clients
    wait, and nobody is cut off because the kernel ends a worker."""
    return max(256, (memory - _BASE_BYTES) // _CONNECTION_BYTES // WORKERS)


def strict_transport_security(edge: Edge) -> str:
    """The header's value; "" when there is to be none."""
    if not edge.hsts:
        return ""
    return f"max-age={_HSTS_SECONDS}" + ("; includeSubDomains; preload" if edge.hsts_preload else "")


def render(edge: Edge) -> str:
    """The text of nginx.conf."""
    zones = {"general": edge.general, "api": edge.api, "auth": edge.auth}
    waits = {"general": edge.general.retry_after}
    waits["api"] = max(waits["general"], edge.api.retry_after)
    waits["auth"] = max(waits["api"], edge.auth.retry_after)
    return render_template(
        "nginx.conf.j2",
        edge=edge,
        authority=edge.origin.removeprefix("https://"),
        zones=zones,
        retry_after=waits,
        headers=SECURITY_HEADERS,
        strict_transport_security=strict_transport_security(edge),
        text_types=" ".join(_TEXT_TYPES),
        workers=WORKERS,
        worker_connections=worker_connections(edge.memory),
        certificate=CERTIFICATE,
        key=KEY,
        certificate_in_use=CERTIFICATE_IN_USE,
        challenges=CHALLENGES,
        https_port=HTTPS_PORT,
        http_port=HTTP_PORT,
        status_port=STATUS_PORT,
        figures_port=FIGURES_PORT,
    )
