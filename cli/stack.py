"""A stack as the command sees it: its configuration files, its settings, its folder in `.local/`."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cli.errors import BusyError, ConfigError, NoSuchStack
from cli.files import write_atomically

if TYPE_CHECKING:
    from settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "grocery"
SETTINGS_KEY = f"{PROJECT}:settings"

# Files of a stack's folder whose secrets the passphrase opens.
ENCRYPTED = ("state.json", "secrets.json")

# Stacks whose defaults are complete, so that they need no file of their own.
LOCAL_STACK = "local"
TEST_PREFIX = "test-"


def is_local(name: str) -> bool:
    """May this stack be applied by the local engine? Only this machine's own and the tests'."""
    return name == LOCAL_STACK or name.startswith(TEST_PREFIX)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack of the program, read from `Pulumi.yaml` and `Pulumi.<stack>.yaml`.

    config: the flat configuration as Pulumi passes it to the program: every value a string, structured ones as JSON.
    encrypted: keys whose value is a `secure:` one, which only Pulumi can read; they are not in `config`.
    """

    name: str
    root: Path
    config: Mapping[str, str]
    encrypted: frozenset[str]

    @property
    def file(self) -> Path:
        return stack_file(self.root, self.name)

    @property
    def local(self) -> Path:
        """`.local/`: everything this clone keeps for itself."""
        return self.root / ".local"

    @property
    def state_dir(self) -> Path:
        return self.local / self.name

    @property
    def ca_file(self) -> Path:
        """The stack CA's public certificate, for browsers and curl."""
        return self.state_dir / "ca.crt"

    def applied(self) -> str | None:
        """When the whole program was last applied, by the engine's clock; None when never (or not from this clone)."""
        try:
            return self._applied_file.read_text().strip()
        except FileNotFoundError:
            return None

    def note_applied(self, moment: str) -> None:
        write_atomically(self._applied_file, f"{moment}\n")

    @property
    def _applied_file(self) -> Path:
        return self.state_dir / "applied"

    @property
    def passphrase_file(self) -> Path:
        return self.local / "passphrase"

    @cached_property
    def settings(self) -> Settings:
        """The validated settings. Raises ConfigError naming every faulty key."""
        return load_settings(self.config.get(SETTINGS_KEY, "{}"), where=self.file.name)

    def prepare_folder(self) -> None:
        """Makes `.local/` and the stack's folder, readable by their owner only: state and passphrase live there."""
        for folder in (self.local, self.state_dir):
            folder.mkdir(mode=0o700, exist_ok=True)

    def passphrase(self) -> str:
        """The passphrase that encrypts this clone's secrets; made at first use.

        Raises ConfigError when it is missing although something is already encrypted with it.
        """
        self.prepare_folder()
        try:
            text = self.passphrase_file.read_text().strip()
        except FileNotFoundError:
            text = None
        if text:
            return text
        encrypted = sorted({path.parent.name for kept in ENCRYPTED for path in self.local.glob(f"*/{kept}")})
        if (self.local / "pulumi").exists():
            encrypted.append("pulumi")
        if encrypted:
            raise ConfigError(
                "the passphrase of this clone's stacks is missing",
                value=f"{self._shown(self.passphrase_file)} is {'absent' if text is None else 'empty'}, "
                f"but state exists for: {', '.join(encrypted)}",
                expected="the passphrase the state was encrypted with",
                next=f"put the file back from your copy; if it is lost for good, remove what runs and start again: "
                f"docker service rm $(docker service ls -q --filter label=grocery.stack={self.name}) "
                f"and rm -r {self._shown(self.local)}",
            )
        write_atomically(self.passphrase_file, secrets.token_urlsafe(32) + "\n", mode=0o600)
        return self.passphrase_file.read_text().strip()

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """One command at a time may change a stack. Raises BusyError when another one is at it."""
        self.prepare_folder()
        with (self.state_dir / "command.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise BusyError(
                    f"another command is changing stack {self.name}",
                    value=lock.read().strip() or "a process that did not say who it is",
                    expected="one writer at a time",
                    next="wait until it is done, then run this again",
                ) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()}\n")
            lock.flush()
            yield

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self.root))


def stack_file(root: Path, name: str) -> Path:
    return root / f"Pulumi.{name}.yaml"


def known_stacks(root: Path) -> list[str]:
    files = {path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml")}
    return sorted(files | {LOCAL_STACK})


def open_stack(name: str, root: Path = ROOT) -> Stack:
    """Reads a stack's configuration. Raises NoSuchStack, or ConfigError when a file cannot be read."""
    if not is_local(name) and not stack_file(root, name).exists():
        raise NoSuchStack(
            f"there is no stack {name}",
            value=f"{stack_file(root, name).name} does not exist",
            expected=f"one of {', '.join(known_stacks(root))}",
            next=f"./grocery preview --stack {known_stacks(root)[0]}",
        )
    merged = {**_read_config(root / "Pulumi.yaml"), **_read_config(stack_file(root, name))}
    encrypted = {key for key, value in merged.items() if isinstance(value, dict) and set(value) == {"secure"}}
    return Stack(
        name=name,
        root=root,
        config={key: _flat(value) for key, value in merged.items() if key not in encrypted},
        encrypted=frozenset(encrypted),
    )


def load_settings(values: str | Mapping[str, object], *, where: str) -> Settings:
    """Validates structured settings. Raises ConfigError whose message lists each faulty key with its path."""
    import settings  # pydantic is slow to import; `--help` must not wait for it

    try:
        return settings.load(values)
    except settings.SettingsError as error:
        # Its faults are indented under a heading; heading and hint are said here in this command's own way.
        faults = [line.strip() for line in str(error).splitlines() if line.startswith("  ")]
        raise ConfigError(
            f"{where} holds settings that cannot be used",
            value="\n".join(faults) or str(error),
            next="./grocery config schema shows every setting; ./grocery config set KEY VALUE changes one",
        ) from error


def yaml() -> YAML:
    """A reader and writer that keeps comments, quotes and order."""
    made = YAML()
    made.preserve_quotes = True
    made.width = 4096
    made.indent(mapping=2, sequence=4, offset=2)
    return made


def _read_config(path: Path) -> dict[str, object]:
    """The `config:` of a Pulumi file with full key names. A file that does not exist configures nothing."""
    try:
        with path.open() as file:
            document = YAML(typ="safe", pure=True).load(file) or {}
    except FileNotFoundError:
        return {}
    except YAMLError as error:
        raise ConfigError(f"{path.name} is not valid YAML", value=str(error), next=f"correct {path.name}") from error
    config = document.get("config") if isinstance(document, dict) else None
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise ConfigError(
            f"{path.name}: config is not a mapping", value=repr(config), expected=f"config: {{{SETTINGS_KEY}: {{...}}}}"
        )
    project_file = path.name == "Pulumi.yaml"
    return {
        key if ":" in key else f"{PROJECT}:{key}": _project_value(value) if project_file else value
        for key, value in config.items()
    }


def _project_value(value: object) -> object:
    """In Pulumi.yaml a key may hold a declaration: {value: ...} or {type: ..., default: ...}."""
    if isinstance(value, dict):
        for field in ("value", "default"):
            if field in value:
                return value[field]
    return value


def _flat(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, default=_text_of_moment)


def _text_of_moment(value: object) -> str:
    """A moment that stands in a file without quotes is one to YAML, and a text to everybody else."""
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} has no place in JSON")
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
