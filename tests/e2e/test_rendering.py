"""Rendered configuration, judged by the servers it is for: nginx and PostgreSQL of the images that are shipped."""

from __future__ import annotations

import dataclasses
import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from rendering import nginx, postgres
from tests.e2e.lab import Certificates, Lab, logs, make_certificates, succeed, until, until_exit, until_healthy

GIB = 1 << 30
ROOMY = nginx.Zone(rate="10000r/s", burst=10000)
EDGE = nginx.Edge(
    domain="localhost",
    origin="https://localhost:8443",
    hsts=False,
    general=ROOMY,
    api=nginx.Zone(rate="10r/m", burst=4),
    auth=nginx.Zone(rate="10r/m", burst=2),
    auth_server="auth-server:3001",
    zero_cache="zero-cache:4848",
)
PUBLIC = dataclasses.replace(EDGE, domain="grocery.example.com", origin="https://grocery.example.com", hsts=True)
PROXIED = dataclasses.replace(EDGE, frontend="frontend:3000")

# Stands for the servers behind: says back what it was told.
BEHIND = """
pid /tmp/nginx.pid;
error_log stderr warn;
events {}
http {
  client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
  uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  access_log off;
  large_client_header_buffers 8 32k;
  client_max_body_size 100m;
  server {
    listen 3001;
    listen 4848;
    add_header X-Frame-Options SAMEORIGIN always;
    add_header X-Powered-By something always;
    add_header X-Echo $http_sec_websocket_protocol always;
    set $asked "uri=$request_uri host=$http_host upgrade=$http_upgrade";
    return 200 "$asked for=$http_x_forwarded_for proto=$http_x_forwarded_proto id=$http_x_request_id";
  }
}
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: str


@dataclass(frozen=True, kw_only=True)
class Door:
    """A client of the edge that can pretend to have looked up any name."""

    address: str
    ca: str

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        name: str = "localhost",
        host: str | None = None,
    ) -> Answer:
        """One request over TLS made for `name`, with the Host header `host`."""
        context = ssl.create_default_context(cadata=self.ca)
        with (
            socket.create_connection((self.address, nginx.HTTPS_PORT), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=name) as wrapped,
        ):
            return _ask(wrapped, path, method, {"Host": host or f"{name}:8443", **(headers or {})}, body)

    def ask_plain(self, path: str, *, host: str) -> Answer:
        with socket.create_connection((self.address, nginx.HTTP_PORT), timeout=10) as plain:
            return _ask(plain, path, "GET", {"Host": host}, None)


def _ask(connected: socket.socket, path: str, method: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
    connection = http.client.HTTPConnection("unused")
    connection.sock = connected
    connection.request(method, path, body=body, headers=dict(headers))
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    return Answer(status=answer.status, headers={key.lower(): value for key, value in answer.getheaders()}, body=text)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return make_certificates("localhost")


@pytest.fixture(scope="module")
def lab(docker_host: str, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    client = DockerClient(base_url=docker_host, timeout=120)
    a_lab = Lab(client, images, tmp_path_factory.mktemp("rendering"))
    yield a_lab
    a_lab.close()
    client.close()


def edge_files(edge: nginx.Edge, certificates: Certificates) -> dict[str, str]:
    return {
        "/etc/edge/nginx.conf": nginx.render(edge),
        f"/etc/edge/{nginx.CERTIFICATE}": certificates.certificate,
        f"/etc/edge/{nginx.KEY}": certificates.key,
    }


@pytest.fixture(scope="module")
def edge(lab: Lab, certificates: Certificates) -> Container:
    """The edge of EDGE with a page, an asset, and something that answers behind it."""
    lab.run(
        "edge",
        alias="auth-server",
        files={"/etc/behind.conf": BEHIND},
        entrypoint=["nginx", "-c", "/etc/behind.conf", "-g", "daemon off;"],
    )
    container = lab.run(
        "edge",
        alias="edge",
        files=edge_files(EDGE, certificates)
        | {
            "/srv/web/live/index.html": "<title>the page</title>",
            "/srv/web/live/sw.js": "// worker",
            "/srv/web/live/manifest.webmanifest": "{}",
            "/srv/web/live/.hidden": "hidden",
            "/srv/web/assets/app-0123abcd.js": "console.log('kept');" * 200,
        },
        entrypoint=["nginx", "-c", "/etc/edge/nginx.conf", "-g", "daemon off;"],
    )
    until_healthy(container)
    return container


@pytest.fixture(scope="module")
def door(edge: Container, certificates: Certificates) -> Door:
    edge.reload()
    (network,) = edge.attrs["NetworkSettings"]["Networks"].values()
    a_door = Door(address=network["IPAddress"], ca=certificates.ca)
    until(lambda: a_door.ask("/health").status == 200, "the server behind is found by its name")
    return a_door


# --- nginx: the text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("described", [EDGE, PUBLIC, PROXIED], ids=["local", "public", "proxied"])
def test_nginx_accepts_it_with_nothing_behind_it(lab: Lab, certificates: Certificates, described: nginx.Edge) -> None:
    container = lab.run(
        "edge",
        alias="judge",
        files=edge_files(described, certificates),
        entrypoint=["nginx", "-t", "-c", "/etc/edge/nginx.conf"],
    )
    code = until_exit(container)
    assert code == 0, logs(container)
    assert "[warn]" not in logs(container), "nginx had something to say about it"


def test_nginx_refuses_it_without_its_key(lab: Lab, certificates: Certificates) -> None:
    files = edge_files(EDGE, certificates)
    del files[f"/etc/edge/{nginx.KEY}"]
    container = lab.run("edge", alias="judge", files=files, entrypoint=["nginx", "-t", "-c", "/etc/edge/nginx.conf"])
    assert until_exit(container) != 0, "the test before could not fail"


# --- nginx: what it does ---------------------------------------------------------------------------------------------


def test_the_page_is_served_with_every_security_header(door: Door) -> None:
    page = door.ask("/")
    assert (page.status, page.body) == (200, "<title>the page</title>")
    assert page.headers["content-security-policy"] == nginx.CONTENT_SECURITY_POLICY
    for name in nginx.security_headers(hsts=False):
        assert name.lower() in page.headers
    assert "strict-transport-security" not in page.headers, "it would capture every port of localhost"
    assert page.headers["cache-control"] == "no-cache"
    assert len(page.headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["/lists/42", "/login", "/a/b/c"])
def test_a_path_of_the_application_is_its_page(door: Door, path: str) -> None:
    assert door.ask(path).body == "<title>the page</title>"


def test_an_asset_is_kept_for_ever_and_a_missing_one_is_missing(door: Door) -> None:
    asset = door.ask("/assets/app-0123abcd.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    missing = door.ask("/assets/app-ffffffff.js")
    assert missing.status == 404
    assert "cache-control" not in missing.headers, "the absence must not be kept"
    assert "content-security-policy" in missing.headers


@pytest.mark.parametrize(
    ("path", "kind"), [("/sw.js", "javascript"), ("/manifest.webmanifest", "application/manifest+json")]
)
def test_what_installs_the_application_is_typed_and_asked_again(door: Door, path: str, kind: str) -> None:
    answer = door.ask(path)
    assert kind in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(("accepted", "encoding"), [("br, gzip", "br"), ("gzip", "gzip"), ("", None)])
def test_text_is_compressed_as_the_browser_can(door: Door, accepted: str, encoding: str | None) -> None:
    answer = door.ask("/assets/app-0123abcd.js", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding


@pytest.mark.parametrize(
    "path", ["/.hidden", "/keepalive", "/statz", "/heapz", "/metrics", "/api/zero/query", "/api/internal/x"]
)
def test_what_is_not_for_browsers_is_not_found(door: Door, path: str) -> None:
    assert door.ask(path).status == 404


@pytest.mark.parametrize(
    "path", ["/api/zero/mutate", "/api/ZERO/mutate", "/api//zero/mutate", "/api/%7aero/mutate", "/api/x/../zero/mutate"]
)
def test_no_spelling_reaches_the_endpoints_of_zero_cache(door: Door, path: str) -> None:
    assert door.ask(path, method="POST", body=b"{}").status == 404


def test_the_api_is_told_the_truth_about_who_asks(door: Door) -> None:
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http", "X-Request-Id": "mine"}
    answer = door.ask("/health?a=b", headers=lies)
    assert "uri=/health?a=b" in answer.body
    assert "host=localhost:8443" in answer.body
    assert "proto=https" in answer.body
    assert "6.6.6.6" not in answer.body
    assert f"id={answer.headers['x-request-id']}" in answer.body


def test_the_edges_headers_win_over_those_behind(door: Door) -> None:
    answer = door.ask("/health")
    assert answer.headers["x-frame-options"] == "DENY"
    assert "x-powered-by" not in answer.headers


def test_health_of_the_auth_server_is_reachable(door: Door) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        assert f"uri={path} " in door.ask(path).body
    assert door.ask("/healthy").body == "<title>the page</title>"


WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://localhost:8443"}


def test_a_stranger_asks_in_vain(door: Door) -> None:
    for origin in ("https://evil.example", "https://localhost", "http://localhost:8443", "null"):
        assert door.ask("/zero/sync", headers={**WEBSOCKET, "Origin": origin}).status == 403
    without = {name: value for name, value in WEBSOCKET.items() if name != "Origin"}
    assert door.ask("/zero/sync", headers=without).status == 403


def test_a_first_message_of_8_kilobytes_passes_in_both_directions(lab: Lab, door: Door) -> None:
    lab.run(
        "edge",
        alias="zero-cache",
        files={"/etc/behind.conf": BEHIND},
        entrypoint=["nginx", "-c", "/etc/behind.conf", "-g", "daemon off;"],
    )
    message = "m" * 8100
    asked = {**WEBSOCKET, "Sec-WebSocket-Protocol": message, "Cookie": "c=" + "k" * 4000}
    until(lambda: door.ask("/zero/sync", headers=WEBSOCKET).status == 200, "the name zero-cache is found")
    answer = door.ask("/zero/sync/v51/connect?x=y", headers=asked)
    assert answer.status == 200
    assert answer.headers["x-echo"] == message
    assert "uri=/zero/sync/v51/connect?x=y " in answer.body, "not rewritten"
    assert "upgrade=websocket" in answer.body


def test_excess_is_refused_in_its_zone_and_elsewhere_nothing_happens(door: Door) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: door.ask("/api/auth/login", method="POST", body=b"{}"), range(10)))
    allowed = [answer for answer in answers if answer.status == 200]
    assert len(allowed) == 1 + EDGE.auth.burst, "one, and the burst"
    assert {answer.status for answer in answers} == {200, 429}
    assert door.ask("/").status == 200
    assert door.ask("/health").status == 200


def test_a_body_beyond_the_limit_is_refused(door: Door) -> None:
    assert door.ask("/health", method="POST", body=b"x" * (65 << 10)).status == 413
    assert door.ask("/health", method="POST", body=b"x" * (60 << 10)).status == 200


def test_http_redirects_to_the_one_origin(door: Door) -> None:
    answer = door.ask_plain("/lists?x=y", host="localhost:8080")
    assert answer.status == 301
    assert answer.headers["location"] == "https://localhost:8443/lists?x=y"


def test_other_hosts_are_turned_away_before_and_after_the_handshake(door: Door) -> None:
    with pytest.raises(ssl.SSLError):
        door.ask("/", name="evil.example")
    assert door.ask("/", host="evil.example").status == 421
    assert door.ask_plain("/", host="evil.example").status == 421


@pytest.mark.parametrize(
    ("version", "accepted"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_only_current_tls_is_spoken(door: Door, version: ssl.TLSVersion, accepted: bool) -> None:
    context = ssl.create_default_context(cadata=door.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    spoken = False
    with socket.create_connection((door.address, nginx.HTTPS_PORT), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                spoken = wrapped.version() is not None
        except ssl.SSLError:
            spoken = False
    assert spoken is accepted


def test_http2_is_offered(door: Door) -> None:
    context = ssl.create_default_context(cadata=door.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection((door.address, nginx.HTTPS_PORT), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        assert wrapped.selected_alpn_protocol() == "h2"


def test_the_access_log_holds_paths_but_no_queries(edge: Container, door: Door) -> None:
    door.ask("/lists/7?token=do-not-log-me", headers={"Cookie": "session=nor-me"})
    until(lambda: '"path":"/lists/7"' in logs(edge), "the request is logged under the path that was asked for")
    assert "do-not-log-me" not in logs(edge)
    assert "nor-me" not in logs(edge)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "server",
    [
        postgres.Server(memory=GIB // 8, disk=GIB, connections=58),
        postgres.Server(memory=GIB // 2, disk=10 * GIB, connections=58),
        postgres.Server(memory=2 * GIB, disk=80 * GIB, connections=110),
    ],
    ids=["smallest", "local", "large"],
)
def test_postgresql_runs_with_every_value_it_was_given(lab: Lab, tmp_path: Path, server: postgres.Server) -> None:
    certificates = make_certificates("postgres")
    name = f"postgres-{server.memory}"
    container = lab.run(
        "postgres",
        alias=name,
        env={"INITIALISE_UNTIL": "2999-01-01T00:00:00Z"},
        files={
            "/etc/postgresql/postgresql.conf": postgres.render_conf(server),
            "/etc/postgresql/pg_hba.conf": postgres.render_hba(),
            "/etc/postgresql/server.crt": certificates.certificate,
            "/run/secrets/server.key": certificates.key,
            "/run/secrets/postgres_admin_password": "Adm1nPassw0rd",
        },
        volumes={name: "/var/lib/postgresql"},
        tmpfs=["/run/postgresql"],
    )
    until_healthy(container)

    def query(sql: str) -> str:
        return succeed(
            container, "psql", "-h", "/run/postgresql", "-U", "postgres", "-d", "postgres", "-XAt", "-c", sql
        )

    assert query("SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL") == ""
    assert query("SELECT name FROM pg_file_settings WHERE NOT applied") == "", "something sets the same key again"
    assert query("SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL") == ""
    assert query("SELECT count(*) FROM pg_settings WHERE pending_restart") == "0"
    tuning = postgres.tune(server)
    assert query("SHOW max_connections") == str(tuning.max_connections)
    assert query("SELECT setting::bigint * 8 / 1024 FROM pg_settings WHERE name = 'shared_buffers'") == str(
        tuning.shared_buffers
    )
    assert query("SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'") == str(
        tuning.max_slot_wal_keep_size
    )
    assert query("SHOW wal_level") == "logical"
    assert query("SHOW ssl") == "on"
    container.remove(force=True)
