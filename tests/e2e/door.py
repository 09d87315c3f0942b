"""The edge's published ports as clients find them: from addresses of their own, with whatever bytes they choose.

What comes over the loopback interface is passed on by the engine under an address of its own, so clients here go to the
address this network has for others, from a range that no machine has a route into.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.support.checkout import Checkout
from tests.support.private_engine import CLIENTS

SILENCE_SECONDS = 5.0
"""After which nothing more is expected on a connection."""
PATIENCE_SECONDS = 30.0
"""For what comes at once on a machine that is not busy."""


def client(number: int) -> str:
    """The address of one of 250 clients."""
    assert 0 < number <= 250
    return str(CLIENTS[number])


@contextlib.contextmanager
def neighbourhood() -> Iterator[None]:
    """While it lasts every address of it is this machine's own, so that clients can have them."""
    route = ["local", str(CLIENTS), "dev", "lo"]
    subprocess.run(["ip", "route", "replace", *route], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "route", "delete", *route], check=True)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Header names are in lower case; one that came twice has its values joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> str:
        """The code of an error that is told as JSON, "" for anything else."""
        if not self.headers.get("content-type", "").startswith("application/json"):
            return ""
        return str(json.loads(self.body)["error"]["code"])


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the edge of one stack is, and by PEM texts which authorities its clients trust."""

    domain: str
    address: str
    https_port: int
    http_port: int
    authorities: tuple[str, ...] = field(repr=False)

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        return self.trusting()

    def trusting(self, *protocols: str) -> ssl.SSLContext:
        """What a client needs for TLS, offering application protocols (h2, http/1.1) or none."""
        context = ssl.create_default_context(cadata="\n".join(self.authorities))
        if protocols:
            context.set_alpn_protocols(protocols)
        return context

    @property
    def origin(self) -> str:
        return f"https://{self.domain}" + ("" if self.https_port == 443 else f":{self.https_port}")

    def connect(
        self, source: str, *, context: ssl.SSLContext | None = None, seconds: float = PATIENCE_SECONDS
    ) -> ssl.SSLSocket:
        """A connection from the client address `source`, after its handshake."""
        plain = self.connect_plain(source, port=self.https_port, seconds=seconds)
        try:
            return (context or self.context).wrap_socket(plain, server_hostname=self.domain)
        except BaseException:
            plain.close()
            raise

    def connect_plain(
        self, source: str, *, port: int | None = None, seconds: float = PATIENCE_SECONDS
    ) -> socket.socket:
        target = (self.address, port or self.http_port)
        return socket.create_connection(target, timeout=seconds, source_address=(source, 0))

    def request(
        self, path: str, *, method: str = "GET", body: str = "", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """A request as a well-behaved client writes it."""
        fields = {"Host": self.origin.removeprefix("https://"), "Origin": self.origin, **(headers or {})}
        if body:
            fields |= {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", body]
        return "\r\n".join(lines).encode()

    def ask(self, source: str, path: str, **how: object) -> Answer:
        """One well-behaved request on a connection of its own."""
        answers, _ = self.send(source, self.request(path, **how), at_most=1)  # type: ignore[arg-type]
        assert answers, f"{path} was not answered"
        return answers[0]

    def send(
        self, source: str, raw: bytes, *, at_most: int = 100, seconds: float = SILENCE_SECONDS
    ) -> tuple[list[Answer], bool]:
        """The answers to these bytes, and whether the edge closed the connection after them (or was merely silent)."""
        with self.connect(source) as wire:
            return exchange(wire, raw, at_most=at_most, seconds=seconds)


def exchange(
    wire: socket.socket, raw: bytes, *, at_most: int = 100, seconds: float = SILENCE_SECONDS
) -> tuple[list[Answer], bool]:
    """Writes, then reads until there are `at_most` answers, the other side closes, or is silent for `seconds`."""
    answers: list[Answer] = []
    wire.settimeout(seconds)
    with contextlib.suppress(OSError):
        # Who is refused in the middle of a long request may not be able to finish it.
        wire.sendall(raw)
    received = b""
    while len(answers) < at_most:
        while (taken := take(received)) is not None:
            answer, received = taken
            answers.append(answer)
            if len(answers) == at_most:
                return answers, False
        try:
            more = wire.recv(65536)
        except TimeoutError:
            return answers, False
        except OSError:
            return answers, True
        if not more:
            return answers, True
        received += more
    return answers, False


def take(received: bytes) -> tuple[Answer, bytes] | None:
    """The first complete answer to a request that may have a body, and the bytes after it; None when there is none."""
    head, parted, rest = received.partition(b"\r\n\r\n")
    if not parted:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    status = int(first.split(" ")[1])
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            size, parted, rest = rest.partition(b"\r\n")
            if not parted or len(rest) < int(size, 16) + 2:
                return None
            length = int(size, 16)
            body, rest = body + rest[:length], rest[length + 2 :]
            if length == 0:
                break
    else:
        length = 0 if status in (204, 304) else int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        body, rest = rest[:length], rest[length:]
    return Answer(status=status, headers=headers, body=body), rest


def door_of(checkout: Checkout, *authorities: str) -> Door:
    """The door of a stack that is up. authorities: PEM texts of more that its clients trust."""
    edge = checkout.settings["edge"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address = str(probe.getsockname()[0])
    return Door(
        domain=edge["domain"],
        address=address,
        https_port=edge["https_port"],
        http_port=edge["http_port"],
        authorities=(checkout.ca_file.read_text(), *authorities),
    )
