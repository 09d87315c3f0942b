"""An edge by itself, with whatever stands behind it, and clients of it that can pretend to have looked up any name."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from docker.models.containers import Container

from rendering import nginx
from tests.e2e.lab import Certificates, Lab, until_healthy

PATIENCE_SECONDS = 20

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
    add_header Strict-Transport-Security max-age=1 always;
    add_header X-Powered-By something always;
    add_header X-Request-Id of-its-own always;
    add_header X-Echo $http_sec_websocket_protocol always;
    default_type application/json;
    set $asked "uri=$request_uri host=$http_host upgrade=$http_upgrade forwarded=$http_forwarded";
    location /api/long { return 200 "LONG"; }
    location /api/busy { add_header Retry-After 77 always; return 429 "its own words"; }
    location / {
      return 200 "$asked for=$http_x_forwarded_for proto=$http_x_forwarded_proto id=$http_x_request_id";
    }
  }
}
""".replace("LONG", "long " * 400)

# Stands for zero-cache: sends back whatever a socket says.
SOCKETS = """
require("node:http").createServer().on("upgrade", (request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n");
  socket.on("error", () => {}).pipe(socket);
}).listen(4848);
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case; a header that came twice has both its values."""
    raw: bytes

    @property
    def body(self) -> str:
        return self.raw.decode(errors="replace")


@dataclass(frozen=True, kw_only=True)
class Door:
    """How one edge is reached: at `address`, as `domain`, by those who trust `ca`."""

    address: str
    ca: str
    domain: str
    origin: str

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        name: str | None = None,
        host: str | None = None,
    ) -> Answer:
        """One request over TLS made for `name`, with the Host header `host`."""
        with self.connect(name) as wrapped:
            told = {"Host": host or self.origin.removeprefix("https://"), **(headers or {})}
            return _ask(wrapped, path, method, told, body)

    def ask_plain(self, path: str, *, host: str | None = None, port: int = nginx.HTTP_PORT) -> Answer:
        """One request without TLS."""
        with socket.create_connection((self.address, port), timeout=PATIENCE_SECONDS) as plain:
            return _ask(plain, path, "GET", {"Host": host or self.domain}, None)

    def say(self, text: bytes) -> bytes:
        """What comes back, until the edge closes, for bytes that need not be a request."""
        with self.connect() as wrapped:
            wrapped.sendall(text)
            return _rest(wrapped)

    def say_plain(self, text: bytes) -> bytes:
        with socket.create_connection((self.address, nginx.HTTP_PORT), timeout=PATIENCE_SECONDS) as plain:
            plain.sendall(text)
            return _rest(plain)

    @contextlib.contextmanager
    def connect(self, name: str | None = None) -> Iterator[ssl.SSLSocket]:
        """A connection over TLS made for `name`."""
        context = ssl.create_default_context(cadata=self.ca)
        with (
            socket.create_connection((self.address, nginx.HTTPS_PORT), timeout=PATIENCE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name or self.domain) as wrapped,
        ):
            yield wrapped

    @contextlib.contextmanager
    def web_socket(self, headers: Mapping[str, str] | None = None) -> Iterator[WebSocket]:
        """An open WebSocket of a page of ours. Raises ConnectionRefusedError when the edge answers with an error."""
        with self.connect() as wrapped:
            told = {
                "Host": self.origin.removeprefix("https://"),
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Origin": self.origin,
                **(headers or {}),
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
            wrapped.sendall(f"GET /zero/sync/v51/connect HTTP/1.1\r\n{lines}\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head and (more := wrapped.recv(1)):
                head += more
            status = head.split(b" ")[1].decode() if b" " in head else "nothing"
            if status != "101":
                raise ConnectionRefusedError(status)
            yield WebSocket(wrapped)


@dataclass(frozen=True)
class WebSocket:
    """Its bytes are sent back by SOCKETS."""

    _socket: ssl.SSLSocket

    def echoes(self, text: bytes) -> bool:
        try:
            self._socket.sendall(text)
            back = b""
            while len(back) < len(text) and (more := self._socket.recv(len(text) - len(back))):
                back += more
        except OSError:
            return False
        return back == text


def edge_files(edge: nginx.Edge, certificates: Certificates) -> dict[str, str | bytes]:
    """A candidate's files, where an edge without a watcher finds them."""
    return {
        "/etc/edge/nginx.conf": nginx.render(edge),
        f"/etc/edge/{nginx.CERTIFICATE}": certificates.certificate,
        f"/etc/edge/{nginx.KEY}": certificates.key,
    }


def start_behind(lab: Lab, alias: str) -> None:
    """Starts what answers with what it was told, on the ports of the API and of zero-cache."""
    entrypoint = ["nginx", "-c", "/etc/behind.conf", "-g", "daemon off;"]
    lab.run("edge", alias=alias, files={"/etc/behind.conf": BEHIND}, entrypoint=entrypoint)


def start_sockets(lab: Lab, alias: str) -> None:
    """Starts what keeps WebSockets open."""
    lab.run("auth-server", alias=alias, files={"/sockets.cjs": SOCKETS}, entrypoint=["node", "/sockets.cjs"])


def start_edge(
    lab: Lab, edge: nginx.Edge, certificates: Certificates, *, alias: str, files: Mapping[str, str | bytes]
) -> Container:
    """An edge without a watcher: nginx with this configuration and these files."""
    container = lab.run(
        "edge",
        alias=alias,
        files={**edge_files(edge, certificates), **files},
        entrypoint=["nginx", "-c", "/etc/edge/nginx.conf", "-g", "daemon off;"],
    )
    until_healthy(container)
    return container


def door_of(container: Container, edge: nginx.Edge, certificates: Certificates) -> Door:
    container.reload()
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    return Door(address=network["IPAddress"], ca=certificates.ca, domain=edge.domain, origin=edge.origin)


def _ask(connected: socket.socket, path: str, method: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
    connection = http.client.HTTPConnection("unused")
    connection.sock = connected
    connection.request(method, path, body=body, headers=dict(headers))
    answer = connection.getresponse()
    found: dict[str, str] = {}
    for name, value in answer.getheaders():
        found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
    return Answer(status=answer.status, headers=found, raw=answer.read())


def _rest(connected: socket.socket) -> bytes:
    text = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
        while more := connected.recv(65536):
            text += more
    return text
