"""Probes through the edge, as a stranger sees it: the page over TLS with the certificate as served, the redirect, and
whether the parts behind answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rendering import render_yaml
from rendering.monitoring.watched import Scope

EDGE_TLS = "https://edge:8443"
EDGE_PLAIN = "http://edge:8080"
AUTHORITY_FILE = "/etc/blackbox/ca.crt"
"""Certificates of the authority that vouches for the edge, where it is no public one."""
_TIMEOUT_SECONDS = 8


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A job of Prometheus that asks blackbox-exporter to ask `targets` the way `module` says."""

    job: str
    module: str
    targets: tuple[str, ...]


PROBES = (
    Probe(job="edge-https", module="https", targets=(f"{EDGE_TLS}/",)),
    Probe(job="edge-ready", module="https", targets=(f"{EDGE_TLS}/health/ready",)),
    Probe(job="edge-redirect", module="redirect", targets=(f"{EDGE_PLAIN}/",)),
)


def render(scope: Scope, *, authority: bool) -> str:
    """The text of blackbox.yml. The edge is called by the stack's name, and its certificate has to stand for that
    name; `authority` says that the file AUTHORITY_FILE vouches for it instead of the public ones."""
    common = {
        "preferred_ip_protocol": "ip4",
        "headers": {"Host": scope.origin.removeprefix("https://")},
        "follow_redirects": False,
    }
    tls = {"server_name": scope.domain, **({"ca_file": AUTHORITY_FILE} if authority else {})}
    location = {"header": "Location", "regexp": f"^{re.escape(scope.origin)}/", "allow_missing": False}
    return render_yaml(
        {
            "modules": {
                "https": _module({**common, "valid_status_codes": [200], "fail_if_not_ssl": True, "tls_config": tls}),
                "redirect": _module(
                    {**common, "valid_status_codes": [301, 308], "fail_if_header_not_matches": [location]}
                ),
            }
        }
    )


def _module(http: dict[str, object]) -> dict[str, object]:
    return {"prober": "http", "timeout": f"{_TIMEOUT_SECONDS}s", "http": http}
