"""A way to a port inside the stack, where nothing is published.

Each connection to a local port is passed on by a small program inside one of the stack's containers, which the engine
starts over the same way that every command takes: nothing is opened on the engine's machine, and nothing stays there.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from docker.errors import DockerException

from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api

RELAY = "collector"
"""The workload that reaches everything of monitoring by name. Without it a workload's own container does."""

CHUNK = 1 << 16
STDOUT = 1
CLOSING_SECONDS = 5


class Unreachable(Exception):
    """What is asked for cannot be reached; the words say what stands in the way."""


class PortTaken(Exception):
    """The local port that was asked for cannot be listened on."""


class Absent(Unreachable):
    """None of its containers runs on the engine that is asked."""


@contextmanager
def tunnel(
    api: Api,
    stack: str,
    workload: str,
    port: int,
    *,
    local_port: int = 0,
    complain: Callable[[str], None] = lambda words: None,
) -> Iterator[int]:
    """Yields a port of 127.0.0.1 behind which `port` of the workload is, for any number of connections at a time.

    local_port: which one; 0 for one that is free.
    complain:   hears why a connection could not be passed on; its client sees it closed.

    Raises Absent when no container here can pass anything on, PortTaken when local_port is.
    """
    container, host = relay(api, stack, workload)
    with _Tunnel(api, container, ["busybox", "nc", host, str(port)], local_port, complain) as opened:
        yield opened.port


def relay(api: Api, stack: str, workload: str) -> tuple[str, str]:
    """The container that passes on, and the host by which the workload is reached from it. Raises Absent."""
    for passing, host in ((RELAY, workload), (workload, "127.0.0.1")):
        labels = [f"{STACK_LABEL}={stack}", f"{WORKLOAD_LABEL}={passing}"]
        if found := api.containers(filters={"label": labels, "status": "running"}):
            return str(found[0]["Id"]), host
    raise Absent(f"no container of {workload} runs on this engine")


class Frames:
    """An exec's output taken apart: the engine sends `<stream> 0 0 0 <length, 4 bytes> <content>` again and again."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, arrived: bytes) -> Iterator[tuple[int, bytes]]:
        """The whole frames there are with what has just arrived: (1 for stdout or 2 for stderr, content)."""
        self._rest += arrived
        while len(self._rest) >= 8:
            stream, length = struct.unpack(">BxxxL", self._rest[:8])
            if len(self._rest) < 8 + length:
                return
            yield stream, self._rest[8 : 8 + length]
            self._rest = self._rest[8 + length :]


class _Tunnel:
    def __init__(
        self, api: Api, container: str, command: list[str], local_port: int, complain: Callable[[str], None]
    ) -> None:
        self._api = api
        self._asking = threading.Lock()
        self._container = container
        self._command = command
        self._complain = complain
        self._open: set[_Connection] = set()
        self._serving: list[threading.Thread] = []
        try:
            self._listener = socket.create_server(("127.0.0.1", local_port))
        except OSError as error:
            raise PortTaken(str(error)) from error
        self.port = int(self._listener.getsockname()[1])
        self._closed = False
        self._accepting = _started(self._accept)

    def __enter__(self) -> _Tunnel:
        return self

    def __exit__(self, *_: object) -> None:
        # Waking `accept` needs the shutdown: a close alone leaves it waiting.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        self._closed = True
        for connection in list(self._open):
            connection.end()
        for thread in self._serving:
            thread.join(CLOSING_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            self._serving = [thread for thread in self._serving if thread.is_alive()]
            self._serving.append(_started(self._serve, client))

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                with self._asking:
                    far = _Exec(self._api, self._container, self._command)
            except (DockerException, OSError) as error:
                self._complain(str(error))
                return
            connection = _Connection(client, far)
            self._open.add(connection)
            if self._closed:
                connection.end()
            sending = _started(connection.send)
            try:
                for words in connection.receive():
                    self._complain(words)
            finally:
                self._open.discard(connection)
                connection.end()
                sending.join(CLOSING_SECONDS)


def _started(work: Callable[..., None], *arguments: object) -> threading.Thread:
    # A daemon: the end of the command never waits for a program far away.
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


class _Connection:
    """A client here and a program there, and what is passed between the two."""

    def __init__(self, client: socket.socket, far: _Exec) -> None:
        self._client = client
        self._far = far

    def send(self) -> None:
        """From the client to the program, until the client has said all."""
        with contextlib.suppress(OSError):
            while said := self._client.recv(CHUNK):
                self._far.write(said)
        with contextlib.suppress(OSError):
            self._far.write_no_more()

    def receive(self) -> Iterator[str]:
        """From the program to the client, until the program ends; yields what it complains of."""
        frames = Frames()
        with contextlib.suppress(OSError):
            while arrived := self._far.read():
                for stream, content in frames.feed(arrived):
                    if stream == STDOUT:
                        self._client.sendall(content)
                    else:
                        yield content.decode(errors="replace").strip()

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
        self._far.end()


class _Exec:
    """A program that runs inside a container, its stdin and stdout attached: the connection that asked for it becomes a
    plain stream in both directions.

    What the HTTP client has read ahead is in its reader, so that is read through; the socket is written to.
    """

    def __init__(self, api: Api, container: str, command: list[str]) -> None:
        made = api.exec_create(container, command, stdin=True)
        # Kept: with it the connection would be closed.
        self._answer: Any = api._post_json(
            api._url("/exec/{0}/start", made["Id"]),
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            data={"Detach": False, "Tty": False},
            stream=True,
        )
        api._raise_for_status(self._answer)
        self._reader: Any = self._answer.raw._fp.fp
        self._socket: socket.socket = self._reader.raw._sock
        self._socket.settimeout(None)

    def read(self) -> bytes:
        """What has arrived, nothing at the end."""
        return bytes(self._reader.read1(CHUNK))

    def write(self, content: bytes) -> None:
        self._socket.sendall(content)

    def write_no_more(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """Ends the stream, and with it the program: its stdin is at an end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
