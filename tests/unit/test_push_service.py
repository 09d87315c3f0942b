"""The push service that tests stand in for the real ones: it takes what is right and says what is not."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from http import HTTPStatus

import http_ece
import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.push import Device, PushService, base64url, from_base64url


@pytest.fixture
def push() -> Iterator[PushService]:
    with PushService("127.0.0.1") as service:
        yield service


class Sender:
    """Somebody with a key of their own who writes to devices."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public = base64url(self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def sign(self, claims: dict[str, object]) -> str:
        head = base64url(json.dumps({"typ": "JWT", "alg": "ES256"}).encode())
        signed = f"{head}.{base64url(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def send(
        self, push: PushService, device: Device, *, to: Device | None = None, key: str | None = None, **claims: object
    ) -> int:
        """The answer's status. to: whose keys it is encrypted for; key: the public key that is named."""
        said = {"aud": push.url, "exp": int(time.time()) + 3600, "sub": "mailto:ops@example.com", **claims}
        reader = to or device
        body = http_ece.encrypt(
            b'{"title": "Saturday"}',
            salt=secrets.token_bytes(16),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=from_base64url(reader.public_key),
            auth_secret=from_base64url(reader.auth),
            version="aes128gcm",
        )
        headers = {
            "Authorization": f"vapid t={self.sign(said)}, k={key or self.public}",
            "Content-Encoding": "aes128gcm",
            "TTL": "60",
        }
        return httpx.post(device.endpoint, content=body, headers=headers, trust_env=False).status_code


def test_it_reads_what_is_signed_and_encrypted_for_a_device_of_its_own(push: PushService) -> None:
    device, sender = push.device(), Sender()
    assert sender.send(push, device) == HTTPStatus.CREATED
    [message] = push.wait(device, 1)
    assert message.payload == {"title": "Saturday"}
    assert message.sender == sender.public
    assert push.refused == []


def test_it_refuses_what_a_real_one_would(push: PushService) -> None:
    device, sender = push.device(), Sender()
    assert sender.send(push, device, key=Sender().public) == HTTPStatus.FORBIDDEN, "signed by another key"
    assert sender.send(push, device, aud="https://push.example.com") == HTTPStatus.FORBIDDEN, "meant for another"
    assert sender.send(push, device, exp=int(time.time()) - 1) == HTTPStatus.FORBIDDEN, "too late"
    assert sender.send(push, device, exp=int(time.time()) + 90_000) == HTTPStatus.FORBIDDEN, "good for too long"
    assert sender.send(push, device, sub="") == HTTPStatus.FORBIDDEN, "nobody to write to"
    assert sender.send(push, device, to=push.device()) == HTTPStatus.BAD_REQUEST, "for another device"
    assert httpx.post(f"{push.url}/push/unknown", content=b"x", trust_env=False).status_code == HTTPStatus.NOT_FOUND
    assert len(push.refused) == 7 and device.messages == []


def test_it_answers_what_a_test_asks_it_to_and_takes_the_next(push: PushService) -> None:
    device, sender = push.device(), Sender()
    device.answers.append(HTTPStatus.TOO_MANY_REQUESTS)
    assert sender.send(push, device) == HTTPStatus.TOO_MANY_REQUESTS
    assert sender.send(push, device) == HTTPStatus.CREATED
    assert (device.attempts, len(device.messages)) == (2, 1)
