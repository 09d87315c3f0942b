"""The one door to the engine's API: what it lets through, and that nothing else gets anywhere.

Twice: before an engine that only writes down what reaches it, and before the real one, which would obey.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from tests.e2e.lab import Lab, healthy, logs, succeed, until_healthy
from tests.support.looking import until

PORT = 2375
PATIENCE_SECONDS = 20
ID = "0123456789abcdef" * 4

READ = (
    "/containers/json",
    "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22grocery.stack%3Dprod%22%5D%7D",
    "/v1.41/containers/json",
    f"/containers/{ID}/json",
    f"/containers/{ID[:12]}/json",
    f"/v1.24/containers/{ID}/stats?stream=false",
    f"/containers/{ID}/logs?stdout=1&stderr=1&since=0",
    "/services",
    "/v1.41/services?status=true",
    "/tasks?filters=%7B%7D",
)
OTHER_METHODS = ("HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "GETS", "X")
OTHER_PATHS = (
    *("/", "/_ping", "/info", "/version", "/events", "/system/df", "/auth", "/build", "/commit", "/session", "/grpc"),
    *("/images/json", "/images/x/get", "/networks", "/volumes", "/secrets", "/configs", "/nodes", "/swarm", "/plugins"),
    *(
        "/swarm/unlockkey",
        f"/services/{ID}",
        f"/services/{ID}/logs",
        f"/tasks/{ID}",
        "/containers",
        "/containers/create",
    ),
    *(f"/containers/{ID}", f"/containers/{ID}/top", f"/containers/{ID}/changes", f"/containers/{ID}/export"),
    *(f"/containers/{ID}/archive?path=/run/secrets", f"/containers/{ID}/attach/ws?stream=1", f"/exec/{ID}/json"),
    # A name may be anything, and an ID is none of these.
    *(
        "/containers/web/json",
        f"/containers/{ID}0/json",
        "/containers/0123456789a/json",
        f"/containers/{ID.upper()}/json",
    ),
)
TWISTED_PATHS = (
    *("//containers/json", "/containers//json", "/containers/json/", "/./containers/json", "/containers/./json"),
    *(
        "/secrets/../containers/json",
        "/containers/json/../../secrets",
        "/containers/%2e%2e/secrets",
        "/%2fcontainers/json",
    ),
    *("/containers%2fjson", "/containers/%6ason", "/containers/json%00", "/containers/json%0a", "/containers/json;x"),
    *("/containers/json%3f", "/containers/json#", "/containers/json\\", "/CONTAINERS/json", "/containers/json\t"),
    *("/v1.41/v1.41/containers/json", "/v1.41//containers/json", "/v1.41/../secrets", "/v1/containers/json"),
    *(
        "/v1.411/containers/json",
        "/v9999.9999/containers/json",
        "/v1.41containers/json",
        "/v1.41/containers/json/create",
    ),
)
REFUSED = (
    *(f"{method} /containers/json HTTP/1.1" for method in OTHER_METHODS),
    *(f"GET {path} HTTP/1.1" for path in (*OTHER_PATHS, *TWISTED_PATHS)),
    *("POST /containers/create HTTP/1.1", f"POST /containers/{ID}/exec HTTP/1.1", f"DELETE /containers/{ID} HTTP/1.1"),
    *("GET http://docker/secrets HTTP/1.1", "GET http://docker HTTP/1.1", "GET docker/containers/json HTTP/1.1"),
    *("GET * HTTP/1.1", "GET", "PRI * HTTP/2.0", "\x16\x03\x01"),
)

LAST = "GET /the/last HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Door:
    address: str

    def say(self, text: bytes) -> bytes:
        """What comes back for these bytes until the filter closes, which some request among them must ask for."""
        with socket.create_connection((self.address, PORT), timeout=PATIENCE_SECONDS) as connected:
            connected.sendall(text)
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while more := connected.recv(65536):
                    said += more
        return said

    def ask(self, line: str, headers: str = "", body: str = "") -> int:
        """The status of the answer to one request; 0 when there is none."""
        said = self.say(f"{line}\r\nHost: docker\r\nConnection: close\r\n{headers}\r\n{body}".encode())
        return _statuses(said)[-1] if _statuses(said) else 0

    def get(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.address, PORT, timeout=PATIENCE_SECONDS)
        connection.request("GET", path)
        return connection.getresponse()


def _statuses(said: bytes) -> list[int]:
    """Of every answer in what a server has said."""
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Says "fine" to everything, and has `heard` each request as it came."""

    path: Path
    heard: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.path))
            listener.listen()
            thread = threading.Thread(target=self._answer, args=(listener,))
            thread.start()
            try:
                yield
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()
                self.path.unlink()

    def _answer(self, listener: socket.socket) -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            with connected:
                text = b""
                while b"\r\n\r\n" not in text and (more := connected.recv(65536)):
                    text += more
                if b"/_ping" not in text:
                    self.heard.append(text.decode())
                with contextlib.suppress(BrokenPipeError):
                    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine")


def _door(container: Container) -> Door:
    until_healthy(container)
    container.reload()
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    return Door(address=network["IPAddress"])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    an_engine = Engine(path=tmp_path / "docker.sock")
    with an_engine.listening():
        yield an_engine


@pytest.fixture
def filter_(lab: Lab, engine: Engine) -> Container:
    return lab.run("docker-filter", alias="docker-filter", socket=engine.path)


@pytest.fixture
def door(filter_: Container) -> Door:
    return _door(filter_)


# --- before an engine that writes down what reaches it ---


def test_what_is_read_of_containers_goes_to_the_engine_as_it_was_asked(door: Door, engine: Engine) -> None:
    for path in READ:
        answer = door.get(path)
        assert (answer.status, answer.read()) == (200, b"fine")
    assert [request.splitlines()[0] for request in engine.heard] == [f"GET {path} HTTP/1.1" for path in READ]


def test_everything_else_is_refused_and_the_engine_never_hears_of_it(door: Door, engine: Engine) -> None:
    answered = {line: door.ask(line) for line in REFUSED}
    let_through = {line: status for line, status in answered.items() if status not in (0, 400, 403, 405, 505)}
    assert let_through == {}
    assert engine.heard == []
    for line in (f"POST /containers/{ID}/exec HTTP/1.1", "GET /secrets HTTP/1.1", "HEAD /containers/json HTTP/1.1"):
        assert answered[line] == 403, "it is the filter that refuses"


def test_nothing_of_a_request_goes_on_but_its_first_line(door: Door, engine: Engine) -> None:
    told = "X-HTTP-Method-Override: DELETE\r\nX-Registry-Auth: e30=\r\nUpgrade: tcp\r\nExpect: 100-continue\r\n"
    assert door.ask("GET /containers/json?_method=DELETE HTTP/1.1", f"{told}Content-Length: 4\r\n", "body") == 200
    (heard,) = engine.heard
    assert heard == "GET /containers/json?_method=DELETE HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: {length}",
        "Content-Length: 0\r\nContent-Length: {length}",
        "Content-Length: {length}\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: {length}",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding : chunked",
        "X: y\n\nPOST /containers/create HTTP/1.1",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    ],
)
def test_a_second_request_inside_of_an_allowed_one_gets_no_further_than_any_other(
    door: Door, engine: Engine, headers: str
) -> None:
    hidden = f"POST /containers/{ID}/kill HTTP/1.1\r\nHost: docker\r\n\r\n"
    head = headers.format(length=len(hidden))
    said = door.say(f"GET /containers/json HTTP/1.1\r\nHost: docker\r\n{head}\r\n\r\n0\r\n\r\n{hidden}{LAST}".encode())
    assert set(_statuses(said)) <= {200, 400, 403, 501}
    assert {request.splitlines()[0] for request in engine.heard} <= {"GET /containers/json HTTP/1.1"}


def test_each_of_several_requests_on_one_connection_is_judged_by_itself(door: Door, engine: Engine) -> None:
    lines = ("GET /containers/json", "POST /containers/create", "GET /tasks", "GET /secrets", "GET /services")
    text = "".join(f"{line} HTTP/1.1\r\nHost: docker\r\n\r\n" for line in lines)
    assert _statuses(door.say(f"{text}{LAST}".encode())) == [200, 403, 200, 403, 200, 403]
    assert len(engine.heard) == 3


def test_who_was_refused_what_is_in_the_log_and_no_query_is(door: Door, filter_: Container) -> None:
    assert door.ask("GET /secrets?filters=of-somebody HTTP/1.1") == 403
    assert door.ask("GET /containers/json?filters=of-somebody HTTP/1.1") == 200
    until(lambda: "refused" in logs(filter_), "it is written down")
    (entry,) = [json.loads(line) for line in logs(filter_).splitlines()]
    assert (entry["message"], entry["method"], entry["path"], entry["status"]) == ("refused", "GET", "/secrets", 403)
    assert "of-somebody" not in logs(filter_)


def test_it_runs_without_any_right_but_that_to_the_socket(filter_: Container) -> None:
    until_healthy(filter_)
    status = succeed(filter_, "cat", "/proc/1/status")
    assert all(f"{kind}:\t0000000000000000" in status for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert "[emerg]" not in logs(filter_), "nginx wants no right it has not"
    assert succeed(filter_, "sh", "-c", "touch /etc/x 2>/dev/null || echo read-only") == "read-only"


def test_an_engine_that_made_its_socket_anew_is_reached_by_the_next_task_as_this_one_gets_unhealthy(
    lab: Lab, tmp_path: Path
) -> None:
    engine = Engine(path=tmp_path / "docker.sock")
    with engine.listening():
        before = lab.run("docker-filter", alias="before", socket=engine.path)
        assert _door(before).get("/tasks").status == 200
    with engine.listening():
        assert not healthy(before), "it holds on to the socket that was there"
        after = lab.run("docker-filter", alias="after", socket=engine.path)
        assert _door(after).get("/tasks").status == 200


# --- before the real engine ---


@pytest.fixture
def real(lab: Lab, docker_host: str) -> Door:
    path = Path(docker_host.removeprefix("unix://"))
    return _door(lab.run("docker-filter", alias="docker-filter", socket=path))


@pytest.fixture
def victim(lab: Lab) -> Container:
    """Somebody who says what he is asked to."""
    container = lab.run("edge", alias="victim", entrypoint=["sh", "-c", "mkfifo /tmp/f; while :; do cat /tmp/f; done"])
    until(lambda: succeed(container, "sh", "-c", "ls /tmp") == "f", "he listens")
    container.reload()
    return container


def test_the_engine_s_own_answers_come_back(real: Door, victim: Container, client: DockerClient) -> None:
    listed = json.load(real.get("/containers/json"))
    assert victim.id in [entry["Id"] for entry in listed]
    assert json.load(real.get(f"/containers/{victim.id}/json"))["Name"] == f"/{victim.name}"
    figures = json.load(real.get(f"/v1.41/containers/{victim.id}/stats?stream=false"))
    assert figures["memory_stats"]["usage"] > 0
    known = client.info()["Swarm"]["LocalNodeState"] == "active"
    for path in ("/services", "/tasks"):
        answer = real.get(path)
        assert answer.status == (200 if known else 503), "as the engine has it, in a Swarm or not"
        assert isinstance(json.load(answer), list if known else dict)


def test_logs_that_are_followed_come_line_by_line(real: Door, victim: Container) -> None:
    following = real.get(f"/containers/{victim.id}/logs?stdout=1&follow=1")
    for word in ("first", "second"):
        succeed(victim, "sh", "-c", f"echo {word} > /tmp/f")
        header = following.read(8)
        assert following.read(int.from_bytes(header[4:], "big")) == f"{word}\n".encode()
    following.close()


def test_nothing_changes_in_the_engine_whatever_is_asked(real: Door, victim: Container, client: DockerClient) -> None:
    started = victim.attrs["State"]["StartedAt"]
    name = f"never-{secrets.token_hex(4)}"
    image = victim.attrs["Image"]
    orders = {
        f"POST /containers/create?name={name}": {"Image": image},
        f"POST /v1.41/containers/create?name={name}": {"Image": image, "HostConfig": {"Binds": ["/:/host"]}},
        f"POST /containers/{victim.id}/exec": {"Cmd": ["touch", "/tmp/changed"], "AttachStdout": True},
        f"POST /containers/{victim.id}/kill": {},
        f"POST /containers/{victim.id}/rename?name={name}": {},
        f"POST /containers/{victim.id}/stop?t=0": {},
        f"DELETE /containers/{victim.id}?force=1": {},
        f"PUT /containers/{victim.id}/archive?path=/tmp": {},
        f"POST /volumes/create?name={name}": {"Name": name},
        "POST /networks/create": {"Name": name},
        f"POST /secrets/create?name={name}": {"Name": name, "Data": "eA=="},
        f"POST /configs/create?name={name}": {"Name": name, "Data": "eA=="},
        f"POST /services/create?name={name}": {"Name": name, "TaskTemplate": {"ContainerSpec": {"Image": image}}},
        f"POST /images/{image}/tag?repo={name}&tag=x": {},
        "POST /containers/prune": {},
        "POST /swarm/leave?force=1": {},
    }
    for order, content in orders.items():
        body = json.dumps(content)
        headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        assert real.ask(f"{order} HTTP/1.1", headers, body) == 403
    for line in REFUSED:
        assert real.ask(line.replace(ID, str(victim.id))) in (0, 400, 403, 405, 505)
    victim.reload()
    assert (victim.attrs["State"]["Status"], victim.attrs["State"]["StartedAt"]) == ("running", started)
    assert victim.attrs["ExecIDs"] is None
    there = [
        *(container.name for container in client.containers.list(all=True)),
        *(network.name for network in client.networks.list()),
        *(volume.name for volume in client.volumes.list()),
        *(found for image in client.images.list() for found in image.tags),
    ]
    assert not [found for found in there if name in str(found)]
