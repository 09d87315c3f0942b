"""What the edge's care costs: requests a second and latency through it, beside the same nginx with as little
configuration as will do the same. And for how long nobody is served when its image is replaced on a single node."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import building
from tests.bench.report import Row, Section
from tests.bench.stand import Stand
from tests.e2e import inside
from tests.support import graders

TURNS = 12
SECONDS_A_TURN = 2
CONNECTIONS = 32
AT_LEAST_RATIO = 0.95
API_PATH = "/api/config"
PLAIN_PORT = 9443
PROBE_SECONDS = 0.01

# The same files, certificate and server behind; everything else as nginx has it by itself.
PLAIN = """
worker_processes 2;
pid /tmp/plain.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  include /etc/nginx/mime.types;
  client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
  uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  access_log /dev/stdout;
  sendfile on;
  upstream behind { server ADDRESS:3001; keepalive 64; keepalive_timeout 4s; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  server {
    listen 9443 ssl;
    server_name localhost;
    ssl_certificate /srv/config/live/tls.crt;
    ssl_certificate_key /srv/config/live/tls.key;
    location /api/ { proxy_pass http://behind; }
    location /assets/ { root /srv/web; }
  }
}
"""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """p99 in milliseconds."""

    rate: float
    p99: float


def measure(stand: Stand) -> Section:
    """Needs the stack up; leaves it up, with another edge image of the same content."""
    image = graders.make_image(stand.checkout.root, stand.checkout.host)
    judges = graders.Graders(docker=building.docker_on(stand.checkout.host), image=image, domain="localhost")
    asset = _asset(stand)
    rows: list[Row] = []
    details: list[str] = []
    with _plain(stand):
        for name, path in (("static asset", asset), ("API call", API_PATH)):
            ours, theirs = [], []
            for _ in range(TURNS):
                ours.append(_turn(stand, judges, path, 8443))
                theirs.append(_turn(stand, judges, path, PLAIN_PORT))
            rows += _rows(name, ours, theirs)
            details.append(
                f"{name} {path}, requests/s of each turn: "
                + ", ".join(f"{one.rate:.0f} and {other.rate:.0f}" for one, other in zip(ours, theirs, strict=True))
            )
    gap, lost, asked = _update(stand)
    rows.append(
        Row(
            name="nobody is served while its image is replaced",
            ours=gap,
            unit="ms",
            note=f"{lost} of {asked} requests, each on a connection of its own, were not answered",
        )
    )
    return Section(
        title=f"Edge, {CONNECTIONS} connections over TLS",
        rows=tuple(rows),
        details=(
            *details,
            f"the best of {TURNS} turns of {SECONDS_A_TURN} s, in alternation; both nginx in the edge's container, wrk "
            "beside it without the published port in between",
        ),
    )


def _rows(name: str, ours: Sequence[Turn], theirs: Sequence[Turn]) -> list[Row]:
    # The best turn of each: other work on the machine can only take away from it.
    rate, rate_peer = (max(turn.rate for turn in turns) for turns in (ours, theirs))
    p99, p99_peer = (min(turn.p99 for turn in turns) for turns in (ours, theirs))
    return [
        Row(
            name=f"{name}, requests a second",
            ours=rate,
            unit="/s",
            peer=rate_peer,
            peer_name="a minimal nginx",
            aim=f">= {AT_LEAST_RATIO} x",
            met=rate >= AT_LEAST_RATIO * rate_peer,
        ),
        Row(name=f"{name}, p99", ours=p99, unit="ms", peer=p99_peer, peer_name="a minimal nginx"),
    ]


def _asset(stand: Stand) -> str:
    """The page's style sheet: a file of some kilobytes, as most are."""
    found = inside.succeed(stand.checkout, "edge", "sh", "-c", "cd /srv/web && ls -S assets/*.css | head -n 1")
    return f"/{found.strip()}"


@contextlib.contextmanager
def _plain(stand: Stand) -> Iterator[None]:
    """A second nginx in the edge's container: what differs between the two is their configuration alone."""
    with stand.api as api:
        container = str(stand.containers(api)["edge"]["Id"])
        text = PLAIN.replace("ADDRESS", stand.address(api, "auth-server"))
        write = f"cat > /tmp/plain.conf <<'EOF'\n{text}EOF\nexec nginx -e stderr -c /tmp/plain.conf"
        inside.succeed(stand.checkout, "edge", "sh", "-c", write)
    try:
        yield
    finally:
        with stand.api as api:
            assert container == stand.containers(api)["edge"]["Id"], "the edge was not replaced meanwhile"
        inside.succeed(stand.checkout, "edge", "sh", "-c", "kill -QUIT $(cat /tmp/plain.pid)")


def _turn(stand: Stand, judges: graders.Graders, path: str, port: int) -> Turn:
    address = _address(stand)
    host = f"Host: localhost:{stand.port}"
    with tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder) / "hosts"
        hosts.write_text(f"{address} localhost\n")
        ended = judges.run(
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{SECONDS_A_TURN}s"),
            # On a busy machine the slowest request takes seconds; that is for the p99 to tell.
            *("--timeout", "30s", "--latency", "--header", host, f"https://localhost:{port}{path}"),
            files={"/etc/hosts": hosts},
        )
    wrong = re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", ended.out)
    if wrong:
        raise RuntimeError(f"{path} at {port}: {wrong[0]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", ended.out)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", ended.out)
    assert rate and p99, ended.text
    return Turn(rate=float(rate[1]), p99=float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]])


def _address(stand: Stand) -> str:
    """The container's address on the bridge by which tasks reach the world, which is where their ports lead to: the one
    that no network of the stack has given it."""
    [container] = inside.containers(stand.checkout, "edge")
    given = {network["IPAddress"] for network in container["NetworkSettings"]["Networks"].values()}
    told = inside.succeed(stand.checkout, "edge", "sh", "-c", "ip -4 -o addr show scope global")
    addresses: list[str] = re.findall(r"inet ([\d.]+)/", told)
    [address] = set(addresses) - given
    return address


# --- replacing the image ---


def _update(stand: Stand) -> tuple[float, int, int]:
    """The longest time in milliseconds between two answers, and how many requests were lost of how many."""
    answered: list[float] = []
    lost: list[float] = []
    over = threading.Event()
    context = ssl.create_default_context(cafile=str(stand.checkout.ca_file))

    def probe() -> None:
        while not over.is_set():
            try:
                _ask(stand.port, context)
                answered.append(time.monotonic())
            except OSError:
                lost.append(time.monotonic())
            over.wait(PROBE_SECONDS)

    with stand.api as api:
        running = str(stand.containers(api)["edge"]["Image"])
    thread = threading.Thread(target=probe, daemon=True)
    with inside.derived(stand.checkout, running, files={"/etc/another": "release"}) as image:
        thread.start()
        try:
            stand.checkout.configure(edge={"image": image})
            stand.checkout.up()
        finally:
            over.set()
            thread.join(30)
        # Back to the image that is not removed at the end.
        stand.checkout.configure(edge={"image": running})
        stand.checkout.up()
    gaps = [later - earlier for earlier, later in itertools.pairwise(answered)]
    return 1000 * max(gaps), len(lost), len(answered) + len(lost)


def _ask(port: int, context: ssl.SSLContext) -> None:
    """Raises OSError when it is not answered."""
    with (
        socket.create_connection(("localhost", port), timeout=2) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wire,
    ):
        wire.sendall(f"GET /health/live HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
        if not wire.recv(4096).startswith(b"HTTP/1.1 200"):
            raise ConnectionError("not 200")
