"""The edge's rendered configuration, judged by what one client may, by maintenance, by its log and by a change."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from docker.models.containers import Container

from rendering import nginx
from tests.e2e.edges import ASSET, EDGE, LIMITED, WATCHED, WEBSOCKET
from tests.e2e.lab import Certificates, Lab, logs, succeed, until_healthy
from tests.e2e.lone_edge import Answer, Door, door_of, edge_files, start_edge, start_sockets
from tests.support.looking import until

# --- nginx: how much one client may --------------------------------------------------------------------------------


def test_excess_is_refused_in_its_zone_and_elsewhere_nothing_happens(strict: Door, somebody: dict[str, str]) -> None:
    def sign_in(_: int) -> Answer:
        return strict.ask("/api/auth/login", method="POST", body=b"{}", headers=somebody)

    until(lambda: strict.ask("/health", headers={"X-Forwarded-For": "192.0.2.1"}).status == 200, "the API is found")
    # Fewer at once than connections are allowed: what exceeds those is refused for another reason.
    with ThreadPoolExecutor(2) as pool:
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
        until(lambda: strict.ask("/", headers=somebody).status == 429, "all its requests are under way", seconds=5)
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
    """Even the change that closes the application, and lets somebody ask for figures."""
    start_sockets(lab, "sockets")
    volumes = {"config": "/srv/config", "web": "/srv/web", "certificates": "/srv/certificates"}
    container = lab.run("edge", alias="changing", volumes=volumes)
    until_healthy(container)
    before = dataclasses.replace(EDGE, zero_cache="sockets:4848")
    after = dataclasses.replace(
        WATCHED, zero_cache=before.zero_cache, maintenance=nginx.Maintenance(allow=(), retry_after=60)
    )
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
