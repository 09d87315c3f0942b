"""The edge's nginx.conf.

The same text is checked as a candidate and served when live, so certificate paths are relative to the file's own
folder, and the publisher puts the hash of the candidate where @VERSION@ stands: the status server answers it, which
proves what really runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from rendering import render_template

HTTPS_PORT = 8443
HTTP_PORT = 8080
STATUS_PORT = 8079
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

_SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send "Origin: null" with form posts.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HSTS = "max-age=63072000; includeSubDomains; preload"


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A rate limit: `rate` as nginx writes it ("50r/s"), `burst` in requests served at once before 429."""

    rate: str
    burst: int


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What distinguishes one edge from another. `origin` is the browser's ("https://localhost:8443")."""

    domain: str
    origin: str
    hsts: bool
    general: Zone
    api: Zone
    auth: Zone
    auth_server: str
    """host:port of the API."""
    zero_cache: str
    """host:port of zero-cache."""
    acme: bool = False
    """The certificate is issued by an authority that asks for answers; otherwise it comes with the configuration."""
    frontend: str | None = None
    """host:port of a frontend that is proxied; None serves the published files."""


def security_headers(*, hsts: bool) -> dict[str, str]:
    """Name -> value of the headers on every answer of the site."""
    return _SECURITY_HEADERS | ({"Strict-Transport-Security": _HSTS} if hsts else {})


def render(edge: Edge) -> str:
    """The text of nginx.conf."""
    return render_template(
        "nginx.conf.j2",
        edge=edge,
        headers=security_headers(hsts=edge.hsts),
        https_port=HTTPS_PORT,
        http_port=HTTP_PORT,
        status_port=STATUS_PORT,
        certificate=CERTIFICATE,
        key=KEY,
        certificate_in_use=CERTIFICATE_IN_USE,
        challenges=CHALLENGES,
    )
