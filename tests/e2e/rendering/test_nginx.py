"""The edge's rendered configuration, judged by nginx of the image that is shipped."""

from __future__ import annotations

import dataclasses
import gzip
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable

import pytest

from rendering import nginx
from tests.e2e.edges import ASSET, CLOSED, EDGE, ISSUED, LIMITED, PROXIED, PUBLIC, SCRIPT, WATCHED, WEBSOCKET
from tests.e2e.lab import Certificates, Lab, logs, succeed, until_exit
from tests.e2e.lone_edge import Answer, Door, door_of, edge_files, start_edge
from tests.support.looking import until

# --- nginx: the text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("described", "files"),
    [(EDGE, {}), (PROXIED, {}), (PUBLIC, ISSUED), (LIMITED, {}), (CLOSED, ISSUED), (WATCHED, {})],
    ids=["local", "proxied", "public", "limited", "closed", "watched"],
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
    ids=["br", "gzip", "nothing", "identity"],
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
            # The server keeps the session once it has ended the handshake, of which its answer is the proof.
            wrapped.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wrapped.recv(1)
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


# --- nginx: its figures ----------------------------------------------------------------------------------------------


def test_figures_are_for_the_network_of_whoever_watches_and_for_nobody_else(
    lab: Lab, certificates: Certificates
) -> None:
    container = start_edge(lab, WATCHED, certificates, alias="watched", files={})
    figures = ["wget", "-q", "-O", "-", f"http://127.0.0.1:{nginx.FIGURES_PORT}/stub_status"]
    assert "Active connections: " in succeed(container, *figures), "by an address of that network"
    door = door_of(container, WATCHED, certificates)
    assert door.ask_plain("/stub_status", port=nginx.FIGURES_PORT).status == 403, "by another one"
    for path in ("/health", "/version", "/", "/stub_status/", "/api/lists"):
        assert door.ask_plain(path, port=nginx.FIGURES_PORT).status == 404, "nothing else is there"
