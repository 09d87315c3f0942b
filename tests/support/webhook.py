"""A server on the machine that takes what programs post to it, over TLS or without, and keeps it."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. body: its JSON, or None; headers: names in lower case; at: time.monotonic() of its arrival."""

    path: str
    headers: dict[str, str]
    body: Any
    at: float


class Webhook:
    """with Webhook("172.18.0.1") as hook: ...; `url` is its origin. Everything is taken until `refuse` says otherwise.

    identity: certificate and key in one PEM file; without one it speaks plain HTTP.
    """

    def __init__(self, address: str, *, identity: Path | None = None) -> None:
        self._calls: list[Call] = []
        self._refused: dict[str, HTTPStatus] = {}
        self._arrived = threading.Condition()
        self._server = _Server((address, 0), _handler(self))
        if identity is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if identity is None else "https"
        self.url = f"{scheme}://{address}:{self._server.server_port}"

    def __enter__(self) -> Webhook:
        # Threads see the network of the one that starts them.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def refuse(self, path: str, status: HTTPStatus | None) -> None:
        """Requests to a path are answered with this from now on (they are still kept); None takes them again."""
        with self._arrived:
            if status is None:
                self._refused.pop(path, None)
            else:
                self._refused[path] = status

    def calls(self, path: str) -> list[Call]:
        """What has arrived at a path, oldest first."""
        with self._arrived:
            return [call for call in self._calls if call.path == path]

    def wait(self, path: str, condition: Callable[[Call], object], what: str, *, seconds: float = 60) -> Call:
        """The first request to a path that fulfils the condition, once it has arrived."""

        def first() -> Call | None:
            return next((call for call in self._calls if call.path == path and condition(call)), None)

        with self._arrived:
            found = self._arrived.wait_for(first, timeout=seconds)
            assert found, f"after {seconds:.0f} s {path} still has not got: {what}"
            return found

    def take(self, path: str, headers: dict[str, str], content: bytes) -> HTTPStatus:
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        with self._arrived:
            self._calls.append(Call(path=path, headers=headers, body=body, at=time.monotonic()))
            self._arrived.notify_all()
            return self._refused.get(path, HTTPStatus.OK)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up, or does not trust the certificate, is its own affair."""


def _handler(hook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status = hook.take(self.path, {name.lower(): value for name, value in self.headers.items()}, content)
            said = b"ok"
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
