"""The two engines that can apply the program, behind one interface, and which of them a stack belongs to.

Pulumi is this project's engine; where its command line cannot be had, the local engine applies the same program. A
stack belongs to the engine of its first `up`: their states are different files, so switching would build it twice.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from cli.errors import ConfigError, OwnershipError
from cli.files import write_atomically
from cli.stack import is_local

if TYPE_CHECKING:
    from cli.stack import Stack


class Engine(ABC):
    """Applies the program to one stack. Every method shows its own progress and raises GroceryError."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What a person is told about it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @abstractmethod
    def preview(self, *, diff: bool, refresh: bool, as_json: bool) -> int:
        """Shows what `up` would do; returns the number of changes. With as_json: a document on stdout instead."""

    @abstractmethod
    def up(self, *, yes: bool) -> None:
        """Applies the program; without `yes` it shows the changes and asks first."""

    @abstractmethod
    def refresh(self) -> int:
        """Reads what is really there into the state; returns how many resources had drifted."""

    @abstractmethod
    def destroy(self, *, with_data: bool) -> None:
        """Removes the stack; protected resources (the data) stay unless with_data."""

    @abstractmethod
    def outputs(self) -> Mapping[str, object]:
        """The program's exports, secrets left out; empty when the stack was never up."""

    @abstractmethod
    def external_secrets(self) -> frozenset[str]:
        """Names of the external secrets that are set."""

    @abstractmethod
    def set_external_secret(self, name: str, value: str) -> None:
        """Keeps an external secret, encrypted; the next `up` applies it."""


def engine_of(stack: Stack) -> Engine:
    """The engine this stack belongs to, or, before its first `up`, the one it will belong to.

    Raises OwnershipError when the owner is not here, ConfigError when no engine here may apply this stack.
    """
    from cli.engines.local import LocalEngine
    from cli.engines.pulumi import PulumiEngine, pulumi_is_ready

    owner = _owner(stack)
    ready = pulumi_is_ready(stack.root)
    if owner == LocalEngine.name:
        return LocalEngine(stack)
    if owner == PulumiEngine.name and not ready:
        raise OwnershipError(
            f"stack {stack.name} belongs to pulumi, which cannot be used here",
            value=_what_is_missing(),
            expected="the engine that made the stack",
            next="install pulumi (https://www.pulumi.com/docs/install/) with its plugins: pulumi plugin install; "
            "or start again: docker service rm its services, remove .local/" + stack.name,
        )
    if ready:
        return PulumiEngine(stack)
    if not is_local(stack.name):
        raise ConfigError(
            f"stack {stack.name} needs pulumi",
            value=_what_is_missing(),
            expected="pulumi on PATH; the local engine applies stack local only",
            next="install pulumi (https://www.pulumi.com/docs/install/), then: pulumi login ...; pulumi plugin install",
        )
    return LocalEngine(stack)


def take_ownership(stack: Stack, engine: Engine) -> None:
    """Records the engine of the first `up`."""
    stack.prepare_folder()
    if _owner(stack) is None:
        write_atomically(stack.state_dir / "engine", engine.name + "\n")


def _owner(stack: Stack) -> str | None:
    try:
        owner = (stack.state_dir / "engine").read_text().strip()
    except FileNotFoundError:
        return None
    if owner not in ("pulumi", "local-engine"):
        raise OwnershipError(
            f"the record of the engine that stack {stack.name} belongs to is damaged",
            value=f"{(stack.state_dir / 'engine').relative_to(stack.root)} holds {owner!r}",
            expected="pulumi or local-engine",
            next="write the name of the engine that made the stack into that file",
        )
    return owner


def _what_is_missing() -> str:
    return "pulumi is not on PATH" if shutil.which("pulumi") is None else "pulumi's plugins are not installed"
