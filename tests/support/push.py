"""A push service as the makers of browsers run them: takes encrypted messages for devices, from known senders only.

What it asks of a sender is what RFC 8030 (the request), RFC 8292 (the signature) and RFC 8291 (the encryption) demand,
judged by libraries that the server does not use. It keeps each device's keys, so that a test reads what the device
would.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LARGEST = 4096
"""Bytes of a message that a push service must take; real ones take no more."""
LONGEST_SIGNATURE = 24 * 3600


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Message:
    """What arrived at a device. sender: the public key that the sender's signature was checked with, base64url."""

    payload: Any
    text: str
    sender: str
    subject: str
    ttl: int
    topic: str | None
    urgency: str | None


@dataclass(kw_only=True)
class Device:
    """A browser's subscription, from the service's side: its address, its keys, and what has arrived for it.

    answers: what the next requests are answered instead of being taken, in that order.
    """

    endpoint: str
    public_key: str
    auth: str
    private_key: ec.EllipticCurvePrivateKey
    answers: deque[HTTPStatus] = field(default_factory=deque)
    messages: list[Message] = field(default_factory=list)
    attempts: int = 0

    @property
    def subscription(self) -> dict[str, Any]:
        """As PushSubscription.toJSON() has it."""
        keys = {"p256dh": self.public_key, "auth": self.auth}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}


class PushService:
    """with PushService("172.18.0.1") as push: ...; `url` is its origin. `refused` tells what was wrong with messages
    that it did not take."""

    def __init__(self, address: str) -> None:
        self.refused: list[str] = []
        self._devices: dict[str, Device] = {}
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer((address, 0), _handler(self))
        self.url = f"http://{address}:{self._server.server_port}"

    def __enter__(self) -> PushService:
        # Threads see the network of the one that starts them.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def device(self) -> Device:
        """A new subscription of a browser."""
        key = ec.generate_private_key(ec.SECP256R1())
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        path = f"/push/{secrets.token_urlsafe(24)}"
        device = Device(
            endpoint=f"{self.url}{path}",
            public_key=base64url(point),
            auth=base64url(secrets.token_bytes(16)),
            private_key=key,
        )
        self._devices[path] = device
        return device

    def wait(self, device: Device, count: int, *, seconds: float = 60) -> list[Message]:
        """Everything the device has, once that is `count` messages."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: len(device.messages) >= count, timeout=seconds)
            assert came, f"{len(device.messages)} of {count} messages arrived; refused: {self.refused}"
            return list(device.messages)

    def wait_for_attempts(self, device: Device, count: int, *, seconds: float = 60) -> None:
        with self._arrived:
            came = self._arrived.wait_for(lambda: device.attempts >= count, timeout=seconds)
            assert came, f"{device.attempts} of {count} requests arrived; refused: {self.refused}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> HTTPStatus:
        """What a request is answered. headers: names in lower case."""
        with self._arrived:
            try:
                return self._deliver(path, headers, body)
            except _Refusal as refusal:
                self.refused.append(str(refusal))
                return refusal.status
            finally:
                self._arrived.notify_all()

    def _deliver(self, path: str, headers: dict[str, str], body: bytes) -> HTTPStatus:
        device = self._devices.get(path)
        if device is None:
            raise _Refusal(HTTPStatus.NOT_FOUND, "no such subscription")
        device.attempts += 1
        message = self._read(device, headers, body)
        if device.answers:
            return device.answers.popleft()
        device.messages.append(message)
        return HTTPStatus.CREATED

    def _read(self, device: Device, headers: dict[str, str], body: bytes) -> Message:
        sender, subject = _sender(headers.get("authorization", ""), self.url)
        if headers.get("content-encoding") != "aes128gcm":
            raise _Refusal(HTTPStatus.BAD_REQUEST, "not encrypted as aes128gcm")
        if not headers.get("ttl", "").isdecimal():
            raise _Refusal(HTTPStatus.BAD_REQUEST, "no TTL, which RFC 8030 demands")
        if len(headers.get("topic", "")) > 32:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "a Topic of more than 32 characters")
        if len(body) > LARGEST:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{len(body)} bytes")
        try:
            text = http_ece.decrypt(
                body, private_key=device.private_key, auth_secret=from_base64url(device.auth), version="aes128gcm"
            ).decode()
        except (http_ece.ECEException, ValueError) as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, f"the device cannot read it: {error!r}") from error
        return Message(
            payload=json.loads(text),
            text=text,
            sender=sender,
            subject=subject,
            ttl=int(headers["ttl"]),
            topic=headers.get("topic"),
            urgency=headers.get("urgency"),
        )


def _sender(authorization: str, origin: str) -> tuple[str, str]:
    """Public key and subject of a signature that holds: `vapid t=<JWT>, k=<key>`."""
    scheme, _, rest = authorization.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme.lower() != "vapid" or not fields.keys() >= {"t", "k"}:
        raise _Refusal(HTTPStatus.UNAUTHORIZED, "not signed")
    signed, _, signature = fields["t"].rpartition(".")
    head, _, body = signed.partition(".")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(fields["k"]))
        both = from_base64url(signature)
        halves = (int.from_bytes(both[:32], "big"), int.from_bytes(both[32:], "big"))
        key.verify(encode_dss_signature(*halves), signed.encode(), ec.ECDSA(hashes.SHA256()))
        algorithm, claims = json.loads(from_base64url(head)).get("alg"), json.loads(from_base64url(body))
    except (InvalidSignature, ValueError) as error:
        raise _Refusal(HTTPStatus.FORBIDDEN, f"the signature does not hold: {error!r}") from error
    left = claims.get("exp", 0) - time.time()
    subject = str(claims.get("sub", ""))
    for holds, why in (
        (algorithm == "ES256", f"signed by {algorithm}"),
        (claims.get("aud") == origin, f"meant for {claims.get('aud')}"),
        (0 < left <= LONGEST_SIGNATURE, f"the signature is good for {left:.0f} s"),
        (urlsplit(subject).scheme in ("mailto", "https"), f"nobody to write to: {subject!r}"),
    ):
        if not holds:
            raise _Refusal(HTTPStatus.FORBIDDEN, why)
    return fields["k"], subject


def _handler(service: PushService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = service.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                self.send_header("Retry-After", "1")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
