"""The way to a port that is not published, with real containers and connections."""

from __future__ import annotations

import secrets
import socket
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from cli import engine_host
from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from cli.tunnel import Unreachable, tunnel
from tests.support.looking import until

STACK = f"test-tunnel-{secrets.token_hex(3)}"
PAGE = "".join(f"{number}\n" for number in range(1, 60_001))
SERVER = """
mkdir /tmp/www
seq 1 60000 > /tmp/www/page
busybox nc -ll -p 9001 -e cat &
exec busybox httpd -f -p 9000 -h /tmp/www
"""
"""Port 9000 serves the page, port 9001 says back what it hears."""

SSH = """#!{python}
# Stands for ssh: whatever is asked of it, it is the other end of the engine's socket.
import os, socket, threading
far = socket.socket(socket.AF_UNIX)
far.connect("{path}")
def back():
    while got := far.recv(65536):
        while got:
            got = got[os.write(1, got):]
    os._exit(0)
threading.Thread(target=back).start()
while said := os.read(0, 65536):
    far.sendall(said)
far.shutdown(socket.SHUT_WR)
"""


@pytest.fixture(scope="module")
def server(docker_host: str, images: dict[str, str]) -> Iterator[str]:
    """A container of the workload `server`, of a stack that has nothing else."""
    with engine_host.connect(docker_host) as api:
        labels = {STACK_LABEL: STACK, WORKLOAD_LABEL: "server"}
        made = api.create_container(images["edge"], ["sh", "-c", SERVER], entrypoint="", labels=labels)
        try:
            api.start(made["Id"])
            until(lambda: len(processes(api, made["Id"])) == 2, "both servers listen")
            yield str(made["Id"])
        finally:
            api.remove_container(made["Id"], force=True)


def processes(api: Api, container: str) -> list[str]:
    """The command lines of the servers and of whatever else is there; the shell is neither."""
    found = api.top(container)
    command = found["Titles"].index("CMD")
    return [row[command] for row in found["Processes"] if row[command].startswith("busybox")]


@pytest.fixture(params=["unix", "ssh"])
def engine(
    request: pytest.FixtureRequest, docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    """The engine over its socket, and over what stands for SSH."""
    address = docker_host
    if request.param == "ssh":
        program = tmp_path / "ssh"
        program.write_text(SSH.format(python=sys.executable, path=engine_host.socket_path(docker_host)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        address = "ssh://deploy@somewhere"
    with engine_host.connect(address) as api:
        yield api


def test_many_connections_at_once_each_get_the_whole_answer(engine: Api, server: str) -> None:
    with tunnel(engine, STACK, "server", 9000) as port, ThreadPoolExecutor(8) as pool:
        address = f"http://127.0.0.1:{port}/page"
        answers = list(pool.map(lambda _: httpx.get(address, timeout=60, trust_env=False).text, range(16)))
    assert {answer == PAGE for answer in answers} == {True}


def test_a_connection_carries_one_question_after_the_other(engine: Api, server: str) -> None:
    with tunnel(engine, STACK, "server", 9001) as port, socket.create_connection(("127.0.0.1", port)) as client:
        for question in (b"one", b"two", secrets.token_bytes(100_000)):
            client.sendall(question)
            heard = b""
            while len(heard) < len(question):
                heard += client.recv(65536)
            assert heard == question


def test_what_was_said_last_arrives_though_the_client_says_no_more(engine: Api, server: str) -> None:
    with tunnel(engine, STACK, "server", 9001) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"farewell")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(65536) == b"farewell"
        assert client.recv(65536) == b"", "and the other side ends"


def test_nothing_stays_in_the_container(engine: Api, server: str) -> None:
    before = processes(engine, server)
    with tunnel(engine, STACK, "server", 9001) as port:
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        for client in clients:
            client.sendall(b"here")
            assert client.recv(65536) == b"here"
        assert len(processes(engine, server)) > len(before)
    until(lambda: sorted(processes(engine, server)) == sorted(before), "the programs that passed on are gone")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    for client in clients:
        assert client.recv(65536) == b"", "who was connected sees the end"
        client.close()


def test_it_says_why_a_connection_is_not_passed_on(engine: Api, server: str) -> None:
    heard: list[str] = []
    with (
        tunnel(engine, STACK, "server", 9999, complain=heard.append) as port,
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        assert client.recv(65536) == b""
    assert len(heard) == 1
    assert "Connection refused" in heard[0]


def test_without_a_container_it_says_so(engine: Api) -> None:
    with (
        pytest.raises(Unreachable, match="no container of prometheus runs on this engine"),
        tunnel(engine, STACK, "prometheus", 9090),
    ):
        pass
