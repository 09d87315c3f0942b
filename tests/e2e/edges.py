"""Configurations of an edge, each of which shows something else, and the files they serve."""

from __future__ import annotations

import dataclasses
import gzip

from rendering import nginx

ROOMY = nginx.Zone(rate="10000r/s", burst=10000)
EDGE = nginx.Edge(
    domain="localhost",
    origin="https://localhost:8443",
    hsts=False,
    general=ROOMY,
    api=ROOMY,
    auth=ROOMY,
    connections=100,
    websockets=100,
    memory=128 << 20,
    auth_server="auth-server:3001",
    zero_cache="zero-cache:4848",
)
PUBLIC = dataclasses.replace(
    EDGE,
    domain="grocery.example.com",
    origin="https://grocery.example.com",
    hsts=True,
    hsts_preload=True,
    acme=True,
    # Nobody: what an edge answers by itself when nothing is behind it.
    auth_server="nobody:3001",
    zero_cache="nobody:4848",
)
PROXIED = dataclasses.replace(PUBLIC, frontend="nobody:3000", acme=False)
# By addresses that nobody has but whoever asks from inside the container.
WATCHED = dataclasses.replace(EDGE, figures_for="127.0.0.0/8")
# Each test is a client of its own, by an address that the edge believes it.
LIMITED = dataclasses.replace(
    EDGE,
    general=nginx.Zone(rate="10r/m", burst=8),
    api=nginx.Zone(rate="10r/m", burst=4),
    auth=nginx.Zone(rate="5r/m", burst=2),
    connections=3,
    websockets=3,
    zero_cache="sockets:4848",
)
CLOSED = dataclasses.replace(
    EDGE, acme=True, maintenance=nginx.Maintenance(allow=("203.0.113.0/24", "2001:db8:a::/48"), retry_after=900)
)

SCRIPT = "console.log('kept');" * 200
FILES: dict[str, str | bytes] = {
    "/srv/web/live/index.html": "<title>the page</title>",
    "/srv/web/live/sw.js": "// worker",
    "/srv/web/live/manifest.webmanifest": "{}",
    "/srv/web/live/icons/icon.svg": "<svg/>",
    "/srv/web/live/.hidden": "hidden",
    "/srv/web/assets/app-0123abcd.js": SCRIPT,
    "/srv/web/assets/app-0123abcd.js.gz": gzip.compress(SCRIPT.encode()),
    # Nobody looks into it on the way.
    "/srv/web/assets/app-0123abcd.js.br": b"as brotli",
}
ISSUED: dict[str, str | bytes] = {
    nginx.CERTIFICATE_IN_USE: f"ssl_certificate /etc/edge/{nginx.CERTIFICATE}; "
    f"ssl_certificate_key /etc/edge/{nginx.KEY}; map $host $certificate_in_use {{ default issued; }}",
    f"{nginx.CHALLENGES}/.well-known/acme-challenge/token": "the answer",
}
ASSET = "/assets/app-0123abcd.js"
WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://localhost:8443"}
