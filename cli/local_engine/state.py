"""The saved state of one stack: a JSON file replaced atomically after every step, and the lock that guards it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Final

from .errors import StackMissingError, StateError
from .model import Pending, Resource
from .sealing import Sealer
from .wire import Secret, Value, walk

VERSION: Final = 1
_SEALED: Final = "sealed:v1"


@dataclass
class State:
    """Resources in the order they were first registered, and the operations that were begun and not finished."""

    resources: list[Resource] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)

    def live(self, urn: str) -> Resource | None:
        """The present resource with this URN, not one that only waits for its deletion."""
        return next((r for r in self.resources if r.urn == urn and not r.delete), None)

    def put(self, resource: Resource) -> None:
        """Add the resource, or exchange the present one with its URN."""
        for index, known in enumerate(self.resources):
            if known.urn == resource.urn and known.delete == resource.delete and not known.delete:
                self.resources[index] = resource
                return
        self.resources.append(resource)

    def remove(self, resource: Resource) -> None:
        self.resources = [r for r in self.resources if r is not resource]

    def supersede(self, urn: str) -> None:
        """Mark the present resource with this URN for deletion at the end."""
        self.resources = [replace(r, delete=True) if r.urn == urn and not r.delete else r for r in self.resources]

    def rename(self, old: str, new: str) -> None:
        """Give a resource its new URN, and rewrite every reference to it."""

        def renamed(urn: str) -> str:
            return new if urn == old else urn

        def moved(r: Resource) -> Resource:
            provider, _, provider_id = r.provider.rpartition("::")
            return replace(
                r,
                urn=renamed(r.urn),
                parent=renamed(r.parent),
                provider=f"{renamed(provider)}::{provider_id}" if r.provider else "",
                dependencies=tuple(map(renamed, r.dependencies)),
                property_dependencies={k: tuple(map(renamed, v)) for k, v in r.property_dependencies.items()},
            )

        self.resources = [moved(r) for r in self.resources]


class Store:
    """Where a stack's state lives: `state.json`, its predecessor `state.json.bak` and `lock` in one private folder."""

    def __init__(self, folder: Path, stack: str, passphrase: str) -> None:
        self.folder = folder
        self.path = folder / "state.json"
        self.backup = folder / "state.json.bak"
        self._stack = stack
        self._passphrase = passphrase
        self._sealer: Sealer | None = None
        self._saving = threading.Lock()

    def load(self) -> State | None:
        """Read the state; None when nothing was ever saved.

        Raises StateError when the file is damaged, from a newer engine or sealed with another passphrase.
        """
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error
        try:
            document = json.loads(text)
            version = int(document["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(f"not readable as JSON with a version: {error}") from error
        if version > VERSION:
            raise StateError(
                f"{self.path} has format {version}, this program knows up to {VERSION}: "
                "it was written by a newer release; run that one (nothing was changed)"
            )
        try:
            if document["checksum"] != _checksum(document["deployment"]):
                raise self._damaged("its content does not match its checksum")
            if document["stack"] != self._stack:
                raise StateError(f"{self.path} belongs to stack {document['stack']!r}, not to {self._stack!r}")
            sealer = Sealer(self._passphrase, b64decode(document["salt"]))
            sealer.check_probe(document["probe"])
            resources = [_read_resource(raw, sealer) for raw in document["deployment"]["resources"]]
            pending = [
                Pending(kind=raw["kind"], resource=_read_resource(raw["resource"], sealer))
                for raw in document["deployment"]["pending"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(f"unexpected content ({type(error).__name__}: {error})") from error
        self._sealer = sealer
        return State(resources=resources, pending=pending)

    def require(self) -> State:
        """Like `load`, but raises StackMissingError when nothing was ever deployed."""
        state = self.load()
        if state is None:
            raise StackMissingError(f"no stack {self._stack!r} was deployed from {self.folder}; run `up` first")
        return state

    def save(self, state: State) -> None:
        """Replace the file (temporary name, fsync, rename), keeping its predecessor as the backup."""
        with self._saving:
            sealer = self._sealer = self._sealer or Sealer(self._passphrase)
            deployment = {
                "resources": [_write_resource(r, sealer) for r in state.resources],
                "pending": [{"kind": p.kind, "resource": _write_resource(p.resource, sealer)} for p in state.pending],
            }
            document = {
                "version": VERSION,
                "stack": self._stack,
                "salt": b64encode(sealer.salt).decode(),
                "probe": sealer.probe(),
                "checksum": _checksum(deployment),
                "deployment": deployment,
            }
            try:
                self._replace(json.dumps(document, indent=1))
            except OSError as error:
                raise StateError(
                    f"the state cannot be saved to {self.path}: {error.strerror}. The last saved state is whole; "
                    "make room or correct the permissions, then run the same command: it finds what was under way"
                ) from error

    def _replace(self, text: str) -> None:
        self.prepare()
        temporary = self.path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if self.path.exists():
            previous = self.backup.with_suffix(".tmp")
            previous.unlink(missing_ok=True)
            os.link(self.path, previous)
            previous.replace(self.backup)
        temporary.replace(self.path)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def locked(self, operation: str) -> Iterator[None]:
        """Hold the stack for one writer. The kernel releases it when the holder dies, however it dies.

        Raises StateError, naming the holder, when somebody else has it.
        """
        self.prepare()
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = file.read().strip() or "another process"
                raise StateError(
                    f"stack {self._stack!r} is being changed by {holder}; wait for its end or stop it, then try again"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} ({operation})")
            file.flush()
            yield
            file.seek(0)
            file.truncate(0)

    def _damaged(self, why: str) -> StateError:
        way_out = (
            f"the last good copy is {self.backup}: look at it, then `cp {self.backup} {self.path}`"
            if self.backup.exists()
            else f"there is no earlier copy; move the file away to start anew: {self.path}"
        )
        return StateError(f"the state {self.path} is damaged: {why}. Nothing was changed; {way_out}")


def _checksum(deployment: Value) -> str:
    return hashlib.sha256(json.dumps(deployment, sort_keys=True).encode()).hexdigest()


def _write_resource(resource: Resource, sealer: Sealer) -> dict[str, Value]:
    """Only what differs from the defaults, secrets sealed."""

    def seal(leaf: Value) -> Value:
        return {_SEALED: sealer.seal(leaf.value)} if isinstance(leaf, Secret) else leaf

    raw = {item.name: getattr(resource, item.name) for item in fields(resource)}
    return {key: walk(value, seal) for key, value in raw.items() if value or key in ("urn", "type", "custom")}


def _read_resource(raw: Mapping[str, Value], sealer: Sealer) -> Resource:
    def unseal(value: Value) -> Value:
        if isinstance(value, Mapping):
            if set(value) == {_SEALED}:
                return Secret(unseal(sealer.open(value[_SEALED])))
            return {key: unseal(item) for key, item in value.items()}
        return [unseal(item) for item in value] if isinstance(value, list) else value

    readers: dict[str, Callable[[Value], Value]] = {
        "inputs": unseal,
        "outputs": unseal,
        "property_dependencies": lambda value: {key: tuple(urns) for key, urns in value.items()},
    }
    values: dict[str, Value] = {
        key: readers[key](value) if key in readers else tuple(value) if isinstance(value, list) else value
        for key, value in raw.items()
    }
    return Resource(**values)
