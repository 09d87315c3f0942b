"""Encryption of secret values at rest: scrypt of the passphrase, then AES-256-GCM per value."""

from __future__ import annotations

import base64
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .errors import StateError
from .wire import Value

_PROBE = "local-engine"


class Sealer:
    """Seals and opens JSON values with a key derived from a passphrase and a salt."""

    def __init__(self, passphrase: str, salt: bytes | None = None) -> None:
        if not passphrase:
            raise StateError("the passphrase is empty; secrets in the state are encrypted with it, so it must be set")
        self.salt = salt or os.urandom(16)
        self._cipher = AESGCM(Scrypt(salt=self.salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))

    def seal(self, value: Value) -> str:
        nonce = os.urandom(12)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, json.dumps(value).encode(), None)).decode()

    def open(self, sealed: str) -> Value:
        raw = base64.b64decode(sealed)
        return json.loads(self._cipher.decrypt(raw[:12], raw[12:], None))

    def probe(self) -> str:
        """A sealed known value, by which `check_probe` recognises the right passphrase."""
        return self.seal(_PROBE)

    def check_probe(self, sealed: str) -> None:
        try:
            self.open(sealed)
        except (InvalidTag, ValueError) as error:
            raise StateError(
                "the passphrase does not fit this state: its secrets were encrypted with another one; "
                "put the original passphrase back (without it they cannot be read)"
            ) from error
