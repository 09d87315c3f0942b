"""Secrets that others issued, as a stack of the local engine keeps them: encrypted with the clone's passphrase.

A stack of Pulumi's keeps them as secret configuration instead.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from cli.errors import ConfigError
from cli.files import write_atomically
from cli.local_engine.errors import StateError
from cli.local_engine.sealing import Sealer

FILE = "secrets.json"


class SecretStore:
    """The file `secrets.json` (0600) in a stack's folder: {"salt", "probe", "secrets": {name: sealed value}}."""

    def __init__(self, folder: Path, passphrase: str) -> None:
        self._file = folder / FILE
        self._passphrase = passphrase

    def load(self) -> dict[str, str]:
        """Name -> value; empty when none was ever set. Raises ConfigError when the file cannot be read."""
        try:
            document = json.loads(self._file.read_text())
            sealer = Sealer(self._passphrase, base64.b64decode(document["salt"]))
            sealer.check_probe(document["probe"])
            return {str(name): str(sealer.open(sealed)) for name, sealed in document["secrets"].items()}
        except FileNotFoundError:
            return {}
        except (StateError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                "the stack's external secrets cannot be read",
                value=str(self._file),
                expected="the file as this clone wrote it, and the passphrase it was encrypted with",
                next="put both back from your copy, or remove the file and set each secret again",
                details=str(error) if isinstance(error, StateError) else None,
            ) from error

    def put(self, name: str, value: str) -> None:
        """Adds a secret or replaces it."""
        values = {**self.load(), name: value}
        sealer = Sealer(self._passphrase)
        document = {
            "salt": base64.b64encode(sealer.salt).decode(),
            "probe": sealer.probe(),
            "secrets": {each: sealer.seal(text) for each, text in sorted(values.items())},
        }
        write_atomically(self._file, json.dumps(document, indent=2) + "\n", mode=0o600)
