"""Rendered configuration, judged by the servers it is for: nginx and PostgreSQL of the images that are shipped."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from rendering import nginx, postgres
from tests.e2e.lab import Certificates, Lab, logs, make_certificates, succeed, until, until_exit, until_healthy
from tests.e2e.lone_edge import Answer, Door, door_of, edge_files, start_behind, start_edge, start_sockets

GIB = 1 << 30
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


@pytest.fixture(scope="module")
def behind(lab: Lab) -> None:
    start_behind(lab, "auth-server")
    start_behind(lab, "zero-cache")
    start_sockets(lab, "sockets")


@pytest.fixture(scope="module")
def edge(lab: Lab, behind: None, certificates: Certificates) -> Container:
    """The edge of EDGE with a page, an asset, and something that answers behind it."""
    return start_edge(lab, EDGE, certificates, alias="edge", files=FILES)


@pytest.fixture(scope="module")
def door(edge: Container, certificates: Certificates) -> Door:
    a_door = door_of(edge, EDGE, certificates)
    until(lambda: a_door.ask("/health").status == 200, "the server behind is found by its name")
    return a_door


@pytest.fixture(scope="module")
def lonely(lab: Lab) -> Door:
    """The edge of PUBLIC, of a real name: nothing is behind it and no page was published yet."""
    certificates = make_certificates(PUBLIC.domain)
    container = start_edge(lab, PUBLIC, certificates, alias="lonely", files=ISSUED)
    return door_of(container, PUBLIC, certificates)


@pytest.fixture(scope="module")
def strict(lab: Lab, behind: None, certificates: Certificates) -> Door:
    """The edge of LIMITED, behind a balancer: whoever runs this test."""
    edge = dataclasses.replace(LIMITED, trusted_proxies=(lab.subnet,))
    return door_of(start_edge(lab, edge, certificates, alias="strict", files=FILES), edge, certificates)


_clients = count(1)


@pytest.fixture
def somebody() -> dict[str, str]:
    """The header by which a test is a client that nobody else is."""
    return {"X-Forwarded-For": f"198.51.100.{next(_clients)}"}


@pytest.fixture(scope="module")
def closed(lab: Lab, behind: None, certificates: Certificates) -> Door:
    """The edge of CLOSED, behind a balancer: whoever runs this test."""
    edge = dataclasses.replace(CLOSED, trusted_proxies=(lab.subnet,))
    return door_of(start_edge(lab, edge, certificates, alias="closed", files=FILES | ISSUED), edge, certificates)


# --- nginx: the text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("described", "files"),
    [(EDGE, {}), (PROXIED, {}), (PUBLIC, ISSUED), (LIMITED, {}), (CLOSED, ISSUED)],
    ids=["local", "proxied", "public", "limited", "closed"],
)
def test_nginx_accepts_it_with_nothing_behind_it(
    lab: Lab, certificates: Certificates, described: nginx.Edge, files: dict[str, str | bytes]
) -> None:
    container = lab.run(
        "edge",
        alias="judge",
        files=edge_files(described, certificates) | files,
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


# --- nginx: headers of every kind of answer --------------------------------------------------------------------------

WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://localhost:8443"}
ASSET = "/assets/app-0123abcd.js"

KINDS: dict[str, tuple[int, Callable[[Door], Answer]]] = {
    "page": (200, lambda door: door.ask("/")),
    "asset": (200, lambda door: door.ask(ASSET)),
    "part of an asset": (206, lambda door: door.ask(ASSET, headers={"Range": "bytes=0-3"})),
    "API": (200, lambda door: door.ask("/api/lists")),
    "twisted path": (400, lambda door: door.ask("/assets/../live/index.html")),
    "nonsense": (400, lambda door: door.ask("/", headers={"Transfer-Encoding": "nonsense"})),
    "strange origin": (403, lambda door: door.ask("/zero/sync")),
    "missing asset": (404, lambda door: door.ask("/assets/app-ffffffff.js")),
    "inner endpoint": (404, lambda door: door.ask("/api/zero/query")),
    "method": (405, lambda door: door.ask("/", method="POST", body=b"{}")),
    "body": (413, lambda door: door.ask("/health", method="POST", body=b"x" * (65 << 10))),
    "address": (414, lambda door: door.ask("/" + "a" * (17 << 10))),
    "host": (421, lambda door: door.ask("/", host="evil.example")),
    "header": (431, lambda door: door.ask("/", headers={"Cookie": "c=" + "k" * (17 << 10)})),
    "the API's own 429": (429, lambda door: door.ask("/api/busy")),
    "plain HTTP": (301, lambda door: door.ask_plain("/")),
    "plain HTTP where TLS is spoken": (301, lambda door: door.ask_plain("/", port=nginx.HTTPS_PORT)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_carries_every_security_header(door: Door, kind: str) -> None:
    status, ask = KINDS[kind]
    answer = ask(door)
    assert answer.status == status
    for name, value in nginx.SECURITY_HEADERS.items():
        assert answer.headers.get(name.lower()) == value
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["server"] == "nginx", "no version"
    assert "strict-transport-security" not in answer.headers, "it would capture every port of localhost"
    assert "x-powered-by" not in answer.headers


LONELY_KINDS: dict[str, tuple[int, Callable[[Door], Answer]]] = {
    "twisted path": (400, lambda door: door.ask("/../")),
    "missing": (404, lambda door: door.ask("/metrics")),
    "no server behind": (502, lambda door: door.ask("/api/lists")),
    "no page": (503, lambda door: door.ask("/")),
}


@pytest.mark.parametrize("kind", LONELY_KINDS)
def test_answers_for_a_real_name_demand_tls_for_two_years(lonely: Door, kind: str) -> None:
    status, ask = LONELY_KINDS[kind]
    answer = ask(lonely)
    assert answer.status == status
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains; preload"
    assert answer.headers["content-security-policy"] == nginx.CONTENT_SECURITY_POLICY


def test_over_plain_http_nothing_is_demanded_since_anybody_could_have_sent_it(lonely: Door) -> None:
    for port in (nginx.HTTP_PORT, nginx.HTTPS_PORT):
        answer = lonely.ask_plain("/lists?x=y", port=port)
        assert (answer.status, answer.headers["location"]) == (301, "https://grocery.example.com/lists?x=y")
        assert "strict-transport-security" not in answer.headers
        assert "content-security-policy" in answer.headers


def test_the_headers_of_those_behind_give_way(door: Door) -> None:
    answer = door.ask("/health")
    assert answer.headers["x-frame-options"] == "DENY"
    assert "x-powered-by" not in answer.headers
    assert "strict-transport-security" not in answer.headers


# --- nginx: files and how long they are kept -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/lists/42", "/login", "/a/b/c", "/icons", "/healthy"])
def test_a_path_of_the_application_is_its_page(door: Door, path: str) -> None:
    page = door.ask(path)
    assert (page.status, page.body) == (200, "<title>the page</title>")
    assert page.headers["cache-control"] == "no-cache"


def test_an_asset_is_kept_for_ever_and_a_missing_one_is_missing(door: Door) -> None:
    assert door.ask(ASSET).headers["cache-control"] == "public, max-age=31536000, immutable"
    missing = door.ask("/assets/app-ffffffff.js")
    assert missing.status == 404
    assert missing.headers["cache-control"] == "no-store", "the absence must not be kept"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/sw.js", "javascript"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/icons/icon.svg", "image/svg+xml"),
    ],
)
def test_what_installs_the_application_is_typed_and_asked_again(door: Door, path: str, kind: str) -> None:
    answer = door.ask(path)
    assert kind in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "encoding", "content"),
    [
        ("br, gzip", "br", b"as brotli"),
        ("gzip", "gzip", gzip.compress(SCRIPT.encode())),
        ("", None, SCRIPT.encode()),
        ("identity", None, SCRIPT.encode()),
    ],
)
def test_an_asset_is_sent_as_it_was_compressed_with_its_image(
    door: Door, accepted: str, encoding: str | None, content: bytes
) -> None:
    answer = door.ask(ASSET, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.raw[10:] == content[10:], "but for the moment in gzip's header"
    assert answer.headers["vary"] == "Accept-Encoding", "a cache keeps the forms apart"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_each_form_of_an_asset_has_a_strong_tag_of_its_own(door: Door) -> None:
    tags = {door.ask(ASSET, headers={"Accept-Encoding": form}).headers["etag"] for form in ("br", "gzip", "identity")}
    assert len(tags) == 3
    assert not any(tag.startswith("W/") for tag in tags), "ranges of one form must never be put together with another"


@pytest.mark.parametrize("path", ["/", ASSET, "/sw.js"])
def test_what_a_browser_still_has_is_not_sent_again(door: Door, path: str) -> None:
    first = door.ask(path)
    again = door.ask(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.raw) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert "content-security-policy" in again.headers


def test_parts_of_a_file_can_be_asked_for(door: Door) -> None:
    whole = door.ask(ASSET)
    part = door.ask(ASSET, headers={"Range": "bytes=8-18", "If-Range": whole.headers["etag"]})
    assert (part.status, part.body) == (206, SCRIPT[8:19])
    assert part.headers["content-range"] == f"bytes 8-18/{len(SCRIPT)}"
    other = door.ask(ASSET, headers={"Range": "bytes=8-18", "If-Range": '"of another release"'})
    assert (other.status, other.raw) == (200, whole.raw), "the file has changed since the first part"
    beyond = door.ask(ASSET, headers={"Range": "bytes=99999-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(SCRIPT)}")
    # nginx sends the headers of this one answer twice.
    assert beyond.headers["content-security-policy"].startswith(nginx.CONTENT_SECURITY_POLICY)


def test_pages_are_never_compressed_and_neither_are_answers_with_tokens(door: Door) -> None:
    every = {"Accept-Encoding": "br, gzip"}
    assert "content-encoding" not in door.ask("/", headers=every).headers
    assert "content-encoding" not in door.ask("/api/auth/long", headers=every).headers
    assert door.ask("/api/long", headers=every).headers["content-encoding"] == "br", "all else of the API is"


def test_the_frontend_s_image_holds_what_is_served_in_all_its_forms(lab: Lab) -> None:
    container = lab.run("frontend", alias="look", entrypoint=["find", "/www", "-type", "f", "-size", "+1400c"])
    assert until_exit(container) == 0, logs(container)
    large = {file for file in logs(container).split() if file.endswith((".js", ".css"))}
    assert any(file.startswith("/www/assets/") for file in large)
    container = lab.run("frontend", alias="look", entrypoint=["find", "/www", "-type", "f"])
    assert until_exit(container) == 0, logs(container)
    assert {f"{file}.{form}" for file in large for form in ("gz", "br")} <= set(logs(container).split())
    assert "/www/index.html.gz" not in logs(container)


# --- nginx: what is answered and what is not -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/.hidden", "/.git/config", "/keepalive", "/statz", "/heapz", "/metrics", "/api/zero/query", "/api/internal/x"],
)
def test_what_is_not_for_browsers_is_not_found(door: Door, path: str) -> None:
    assert door.ask(path).status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/zero/mutate", 404),
        ("/api/ZERO/mutate", 404),
        ("/api//zero/mutate", 404),
        ("/api/%7aero/mutate", 404),
        ("/api/x/../zero/mutate", 400),
        ("/metrics;/../api/lists", 400),
        ("/api/..;/metrics", 400),
        ("/api/%2e%2e/metrics", 400),
        ("/api/x%2f..%2fzero/mutate", 400),
        ("/assets/..%5c..%5cetc/passwd", 400),
        ("/assets/../../../etc/passwd", 400),
    ],
)
def test_no_spelling_reaches_what_is_not_for_browsers(door: Door, path: str, status: int) -> None:
    assert door.ask(path, method="POST", body=b"{}").status == status


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: +4\r\n\r\nabcd",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_differently_is_refused(door: Door, request_bytes: bytes) -> None:
    """Behind the edge none of these is seen; the connection is over, whatever follows on it."""
    back = door.say(request_bytes + b"GET /api/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert back.startswith(b"HTTP/1.1 4"), back[:200].decode(errors="replace")
    assert back.count(b"HTTP/1.1 ") == 1
    assert b"uri=" not in back


def test_the_api_is_told_the_truth_about_who_asks(door: Door) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Forwarded-Proto": "http",
        "X-Request-Id": "mine",
    }
    answer = door.ask("/health?a=b", headers=lies)
    assert "uri=/health?a=b" in answer.body
    assert "host=localhost:8443" in answer.body
    assert "proto=https" in answer.body
    assert "6.6.6.6" not in answer.body
    assert f"id={answer.headers['x-request-id']}" in answer.body


def test_health_of_the_auth_server_is_reachable(door: Door) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        assert f"uri={path} " in door.ask(path).body


def test_a_stranger_asks_in_vain(door: Door) -> None:
    for origin in ("https://evil.example", "https://localhost", "http://localhost:8443", "null"):
        assert door.ask("/zero/sync", headers={**WEBSOCKET, "Origin": origin}).status == 403
    without = {name: value for name, value in WEBSOCKET.items() if name != "Origin"}
    assert door.ask("/zero/sync", headers=without).status == 403


def test_a_first_message_of_8_kilobytes_passes_in_both_directions(door: Door) -> None:
    message = "m" * 8192
    asked = {**WEBSOCKET, "Sec-WebSocket-Protocol": message, "Cookie": "c=" + "k" * 4000}
    until(lambda: door.ask("/zero/sync", headers=WEBSOCKET).status == 200, "the name zero-cache is found")
    answer = door.ask("/zero/sync/v51/connect?x=y", headers=asked)
    assert answer.status == 200
    assert answer.headers["x-echo"] == message
    assert "uri=/zero/sync/v51/connect?x=y " in answer.body, "not rewritten"
    assert "upgrade=websocket" in answer.body


@pytest.mark.parametrize(
    ("path", "kib", "allowed"),
    [("/health", 64, True), ("/health", 65, False), ("/api/auth/login", 17, False), ("/api/lists", 256, True)],
)
def test_a_body_beyond_the_limit_is_refused(door: Door, path: str, kib: int, allowed: bool) -> None:
    assert door.ask(path, method="POST", body=b"x" * (kib << 10)).status == (200 if allowed else 413)


def test_http_redirects_to_the_one_origin(door: Door) -> None:
    answer = door.ask_plain("/lists?x=y", host="localhost:8080")
    assert answer.status == 301
    assert answer.headers["location"] == "https://localhost:8443/lists?x=y"


@pytest.mark.parametrize("path", ["/api", "/zero"])
def test_a_missing_slash_does_not_lead_to_a_port_that_only_the_container_knows(door: Door, path: str) -> None:
    answer = door.ask(path)
    assert answer.headers.get("location", "/").startswith("/")


def test_other_hosts_are_turned_away_before_and_after_the_handshake(door: Door) -> None:
    with pytest.raises(ssl.SSLError):
        door.ask("/", name="evil.example")
    assert door.ask("/", host="evil.example").status == 421


@pytest.mark.parametrize(
    "text",
    [
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\nCookie: " + b"k" * (17 << 10) + b"\r\n\r\n",
    ],
)
def test_over_plain_http_a_stranger_gets_no_answer_at_all(door: Door, text: bytes) -> None:
    assert door.say_plain(text) == b""


def test_without_a_name_there_is_no_handshake(door: Door) -> None:
    context = ssl.create_default_context(cadata=door.ca)
    context.check_hostname = False
    with (
        socket.create_connection((door.address, nginx.HTTPS_PORT), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain)


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


def test_sessions_are_resumed_though_no_ticket_was_given_away(door: Door) -> None:
    context = ssl.create_default_context(cadata=door.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session, reused = None, []
    for _ in range(2):
        with (
            socket.create_connection((door.address, nginx.HTTPS_PORT), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as wrapped,
        ):
            reused.append(wrapped.session_reused)
            session = wrapped.session
            assert session is not None
            assert not session.has_ticket
    assert reused == [False, True]


# --- nginx: what goes wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/lists", 502, "unavailable"),
        ("/api/auth/session", 502, "unavailable"),
        ("/health", 502, "unavailable"),
        ("/api/internal/x", 404, "not_found"),
        ("/api/../x", 400, "bad_request"),
    ],
)
def test_programs_are_told_in_their_own_language(lonely: Door, path: str, status: int, code: str) -> None:
    answer = lonely.ask(path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("retry-after") == ("5" if status == 502 else None)
    assert json.loads(answer.body)["error"]["code"] == code


def test_people_are_shown_a_page_of_ours(lonely: Door) -> None:
    answer = lonely.ask("/")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "text/html"
    assert "<h1>Grocery List does not answer just now</h1>" in answer.body
    style = lonely.ask("/_edge/style.css")
    assert (style.status, style.headers["content-type"]) == (200, "text/css")
    assert "prefers-color-scheme: dark" in style.body


def test_a_proxied_frontend_that_does_not_answer_gets_a_page_too(lab: Lab, certificates: Certificates) -> None:
    edge = dataclasses.replace(PROXIED, domain="localhost", origin="https://localhost:8443")
    door = door_of(start_edge(lab, edge, certificates, alias="proxied", files={}), edge, certificates)
    answer = door.ask("/lists/42")
    assert answer.status == 502
    assert "<h1>Grocery List does not answer just now</h1>" in answer.body
    assert answer.headers["retry-after"] == "5"


def test_a_server_behind_that_is_out_of_reach_is_not_waited_for(lab: Lab, certificates: Certificates) -> None:
    """Nobody has that address: there is no refusal either."""
    nowhere = str(ipaddress.ip_network(lab.subnet)[-2])
    edge = dataclasses.replace(EDGE, auth_server=f"{nowhere}:3001")
    door = door_of(start_edge(lab, edge, certificates, alias="reaching", files={}), edge, certificates)
    answer = door.ask("/api/lists")
    assert (answer.status, answer.headers["retry-after"]) == (504, "5")
    assert json.loads(answer.body)["error"]["code"] == "unavailable"


def test_an_error_page_is_found_with_its_error_only(door: Door) -> None:
    assert door.ask("/_edge/limited.html").status == 404
    assert "<h1>There is nothing here</h1>" in door.ask("/_edge/limited.html").body


def test_what_the_api_itself_says_of_an_error_is_passed_on(door: Door) -> None:
    answer = door.ask("/api/busy")
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, "its own words", "77")


# --- nginx: how much one client may --------------------------------------------------------------------------------


def test_excess_is_refused_in_its_zone_and_elsewhere_nothing_happens(strict: Door, somebody: dict[str, str]) -> None:
    def sign_in(_: int) -> Answer:
        return strict.ask("/api/auth/login", method="POST", body=b"{}", headers=somebody)

    until(lambda: strict.ask("/health", headers={"X-Forwarded-For": "192.0.2.1"}).status == 200, "the API is found")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(sign_in, range(5)))
    refused = [answer for answer in answers if answer.status == 429]
    assert len(answers) - len(refused) == 1 + LIMITED.auth.burst, "one, and the burst"
    assert {answer.status for answer in answers} == {200, 429}
    for answer in refused:
        assert answer.headers["retry-after"] == "12", "5 a minute"
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(answer.body)["error"]["code"] == "too_many_requests"
        assert answer.headers["content-security-policy"] == nginx.CONTENT_SECURITY_POLICY
    assert strict.ask("/api/lists", headers=somebody).status == 200, "the zone of the API has room"
    assert strict.ask("/", headers=somebody).status == 200


def test_excess_of_the_api_is_refused_and_the_page_still_comes(strict: Door, somebody: dict[str, str]) -> None:
    statuses = [strict.ask("/api/lists", headers=somebody).status for _ in range(2 + LIMITED.api.burst)]
    assert statuses == [200] * (1 + LIMITED.api.burst) + [429]
    assert strict.ask("/", headers=somebody).status == 200


def test_excess_of_all_is_refused_with_a_page_and_others_notice_nothing(strict: Door, somebody: dict[str, str]) -> None:
    answers = [strict.ask("/", headers=somebody) for _ in range(2 + LIMITED.general.burst)]
    assert [answer.status for answer in answers] == [200] * (1 + LIMITED.general.burst) + [429]
    assert "<h1>That was a little too fast</h1>" in answers[-1].body
    assert answers[-1].headers["retry-after"] == "6", "10 a minute"
    assert strict.ask("/", headers={"X-Forwarded-For": "192.0.2.2"}).status == 200


def test_clients_of_one_ipv6_network_are_one_and_their_neighbours_are_others(strict: Door) -> None:
    def ask(address: str) -> int:
        return strict.ask("/", headers={"X-Forwarded-For": address}).status

    network = [ask(f"2001:db8:0:1:{number:x}::{number:x}") for number in range(2 + LIMITED.general.burst)]
    assert network == [200] * (1 + LIMITED.general.burst) + [429]
    assert ask("2001:db8:0:2::1") == 200
    assert ask("2001:db8:0:1::ffff") == 429
    mapped = [ask(f"::ffff:192.0.2.{number}") for number in range(100, 102 + LIMITED.general.burst)]
    assert set(mapped) == {200}, "these are IPv4 clients, each of its own"


def test_a_client_cannot_hide_behind_addresses_it_makes_up(strict: Door, somebody: dict[str, str]) -> None:
    claimed = [f"6.6.6.{number}, {somebody['X-Forwarded-For']}" for number in range(2 + LIMITED.general.burst)]
    statuses = [strict.ask("/", headers={"X-Forwarded-For": claim}).status for claim in claimed]
    assert statuses[-1] == 429
    told = strict.ask("/health", headers={"X-Forwarded-For": "6.6.6.6, 192.0.2.3"})
    assert "for=192.0.2.3 " in told.body, "the API is told whom the balancer saw"


def test_nobody_is_believed_who_is_not_a_trusted_proxy(lab: Lab, behind: None, certificates: Certificates) -> None:
    edge = dataclasses.replace(EDGE, trusted_proxies=("192.0.2.0/24",))
    door = door_of(start_edge(lab, edge, certificates, alias="distant", files={}), edge, certificates)
    until(lambda: door.ask("/health").status == 200, "the server behind is found")
    assert "6.6.6.6" not in door.ask("/health", headers={"X-Forwarded-For": "6.6.6.6"}).body


def test_one_client_s_slow_requests_are_bounded_and_others_notice_nothing(
    strict: Door, somebody: dict[str, str]
) -> None:
    head = f"POST /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {somebody['X-Forwarded-For']}\r\n"
    with contextlib.ExitStack() as slow:
        for _ in range(LIMITED.connections):
            slow.enter_context(strict.connect()).sendall(f"{head}Content-Length: 100\r\n\r\nthe rest comes".encode())
        until(lambda: strict.ask("/", headers=somebody).status == 429, "all its requests are under way", 5)
        assert strict.ask("/", headers={"X-Forwarded-For": "192.0.2.4"}).status == 200


def test_one_client_s_web_sockets_are_bounded_and_cost_it_no_request(strict: Door, somebody: dict[str, str]) -> None:
    with contextlib.ExitStack() as sockets:
        until(lambda: _opens(strict, {"X-Forwarded-For": "192.0.2.5"}), "the sockets' server is found")
        opened = [sockets.enter_context(strict.web_socket(somebody)) for _ in range(LIMITED.websockets)]
        with pytest.raises(ConnectionRefusedError, match="429"), strict.web_socket(somebody):
            pass
        assert strict.ask("/", headers=somebody).status == 200
        assert _opens(strict, {"X-Forwarded-For": "192.0.2.6"})
        assert all(socket.echoes(b"still here") for socket in opened)
    until(lambda: _opens(strict, {"X-Forwarded-For": "192.0.2.5"}), "closed sockets make room")


def _opens(door: Door, headers: dict[str, str]) -> bool:
    try:
        with door.web_socket(headers) as socket:
            return socket.echoes(b"hello")
    except ConnectionRefusedError:
        return False


# --- nginx: maintenance ----------------------------------------------------------------------------------------------


def test_a_closed_application_says_so_to_people_and_programs(closed: Door) -> None:
    page = closed.ask("/lists/42")
    assert (page.status, page.headers["retry-after"]) == (503, "900")
    assert page.headers["cache-control"] == "no-store"
    assert "<h1>Grocery List is being worked on</h1>" in page.body
    for path in ("/api/lists", "/api/auth/session"):
        answer = closed.ask(path)
        assert (answer.status, answer.headers["retry-after"]) == (503, "900")
        assert json.loads(answer.body)["error"]["code"] == "maintenance"
    with pytest.raises(ConnectionRefusedError, match="503"), closed.web_socket():
        pass


def test_a_closed_application_still_answers_probes_authorities_and_open_tabs(closed: Door) -> None:
    until(lambda: closed.ask("/health").status == 200, "the server behind is found")
    assert closed.ask(ASSET).status == 200
    assert closed.ask("/_edge/style.css").status == 200
    assert closed.ask_plain("/lists").status == 301
    challenge = closed.ask_plain("/.well-known/acme-challenge/token")
    assert (challenge.status, challenge.body) == (200, "the answer")


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8:a:b::1"])
def test_those_who_work_on_it_see_it_open(closed: Door, address: str) -> None:
    allowed = {"X-Forwarded-For": address}
    until(lambda: closed.ask("/health").status == 200, "the server behind is found")
    assert closed.ask("/", headers=allowed).body == "<title>the page</title>"
    assert closed.ask("/api/lists", headers=allowed).status == 200


# --- nginx: what is written down -------------------------------------------------------------------------------------


def test_the_access_log_holds_paths_but_no_queries(edge: Container, door: Door) -> None:
    asked = door.ask(
        "/lists/7?token=do-not-log-me", headers={"Cookie": "session=nor-me", "Referer": "https://x/?nor-me"}
    )
    until(lambda: asked.headers["x-request-id"] in logs(edge), "the request is logged")
    (line,) = [line for line in logs(edge).splitlines() if asked.headers["x-request-id"] in line]
    entry = json.loads(line)
    assert (entry["path"], entry["status"], entry["method"]) == ("/lists/7", 200, "GET")
    assert "do-not-log-me" not in logs(edge)
    assert "nor-me" not in logs(edge)


def test_failures_are_logged_without_what_was_asked(lab: Lab, certificates: Certificates) -> None:
    edge = dataclasses.replace(EDGE, auth_server="nobody:3001", zero_cache="nobody:4848")
    container = start_edge(lab, edge, certificates, alias="failing", files={})
    door = door_of(container, edge, certificates)
    for path in ("/api/x?token=do-not-log-me", "/?token=do-not-log-me", "/a/../b?token=do-not-log-me"):
        assert door.ask(path).status >= 400
    assert door.ask("/zero/sync?token=do-not-log-me", headers=WEBSOCKET).status == 502
    until(lambda: '"path":"/zero/sync"' in logs(container), "the request is logged")
    entries = [json.loads(line) for line in logs(container).splitlines() if line.startswith("{")]
    assert {(entry["path"], entry["status"], entry["upstream_status"]) for entry in entries} >= {
        ("/api/x", 502, "502"),
        ("/zero/sync", 502, "502"),
    }
    assert "do-not-log-me" not in logs(container)


# --- nginx: changes --------------------------------------------------------------------------------------------------


def test_a_change_of_configuration_leaves_every_open_web_socket_alone(lab: Lab, certificates: Certificates) -> None:
    """Even the change that closes the application."""
    start_sockets(lab, "sockets")
    volumes = {"config": "/srv/config", "web": "/srv/web", "certificates": "/srv/certificates"}
    container = lab.run("edge", alias="changing", volumes=volumes)
    until_healthy(container)
    before = dataclasses.replace(EDGE, zero_cache="sockets:4848")
    after = dataclasses.replace(before, maintenance=nginx.Maintenance(allow=(), retry_after=60))
    publisher = _publish(lab, before, certificates)
    until_healthy(publisher)
    door = door_of(container, before, certificates)
    until(lambda: _opens(door, {}), "the sockets' server is found")
    with contextlib.ExitStack() as open_tabs:
        tabs = [open_tabs.enter_context(door.web_socket()) for _ in range(50)]
        version = succeed(container, "wget", "-q", "-O", "-", "http://127.0.0.1:8079/version")
        publisher.stop(timeout=10)
        until_healthy(_publish(lab, after, certificates))
        assert succeed(container, "wget", "-q", "-O", "-", "http://127.0.0.1:8079/version") != version
        assert not _opens(door, {}), "the new configuration is in force"
        assert [tab.echoes(b"still here") for tab in tabs] == [True] * 50


def _publish(lab: Lab, edge: nginx.Edge, certificates: Certificates) -> Container:
    files = {
        path.replace("/etc/edge/tls.key", "/run/secrets/tls.key"): text
        for path, text in edge_files(edge, certificates).items()
    }
    command = ["/usr/local/bin/publish"]
    return lab.run("edge", alias="edge-config", command=command, files=files, volumes={"config": "/srv/config"})


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
