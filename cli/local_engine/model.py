"""The engine's nouns: resources as saved, registrations as the program asks for them, steps as planned and done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .schema import Change
from .wire import Properties

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """`urn:pulumi:<stack>::<project>::<types of the parents>$<type>::<name>`; the stack's own type is left out."""
    chain = qualified_type(parent)
    qualified = type_ if chain in ("", STACK_TYPE) else f"{chain}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def qualified_type(urn: str) -> str:
    return urn.split("::")[2] if urn else ""


def urn_name(urn: str) -> str:
    return urn.split("::", 3)[3]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource as it is saved. `inputs` and `outputs` may hold Secrets.

    `delete`: replaced, to be removed at the end of an `up`. `unsettled`: its last creation or update may not
    have come to its end, so the next `up` applies it again and waits. `autonamed`: its physical name was chosen here.
    """

    urn: str
    type: str
    custom: bool
    id: str = ""
    parent: str = ""
    provider: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    additional_secret_outputs: tuple[str, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    protect: bool = False
    retain_on_delete: bool = False
    autonamed: bool = False
    delete: bool = False
    unsettled: bool = False

    @property
    def name(self) -> str:
        return urn_name(self.urn)

    @property
    def is_provider(self) -> bool:
        return self.type.startswith(PROVIDER_PREFIX)

    def needs(self) -> set[str]:
        """URNs that must outlive this resource."""
        return {self.parent, self.provider.rpartition("::")[0], *self.dependencies} - {"", self.urn}


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An operation that was begun: `kind` is "creating", "updating" or "deleting"."""

    kind: str
    resource: Resource


@dataclass(frozen=True, kw_only=True)
class Alias:
    """A former identity: a whole URN, or the parts that differed. `parent` None means the present parent."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the program asks for. `delete_before_replace` None leaves the choice to the type."""

    type: str
    name: str
    custom: bool
    parent: str
    provider: str
    version: str
    inputs: Properties
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    additional_secret_outputs: tuple[str, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    protect: bool = False
    retain_on_delete: bool = False
    aliases: tuple[Alias, ...] = ()


class Op(StrEnum):
    """What happens to a resource."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"  # leaves the state, stays on the engine (retain_on_delete)
    DRIFTED = "drifted"  # refresh: changed behind the engine's back
    GONE = "gone"  # refresh: no longer exists


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource's part of a plan. Values in `changes` and `inputs` are masked already."""

    op: Op
    urn: str
    type: str
    parent: str = ""
    changes: tuple[Change, ...] = ()
    inputs: Properties = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    delete_first: bool = False

    @property
    def name(self) -> str:
        return urn_name(self.urn)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything an operation would do, in the order it was found out; unchanged resources included."""

    steps: tuple[Step, ...]
    stack: str

    @property
    def counts(self) -> Mapping[Op, int]:
        found = [step.op for step in self.steps]
        return {op: found.count(op) for op in Op if op in found}

    @property
    def changes(self) -> bool:
        return any(step.op is not Op.SAME for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an operation did. `outputs` may hold Secrets."""

    steps: tuple[Step, ...]
    outputs: Properties
    seconds: float

    @property
    def counts(self) -> Mapping[Op, int]:
        return Plan(steps=self.steps, stack="").counts


@dataclass(frozen=True, kw_only=True)
class Started:
    step: Step


@dataclass(frozen=True, kw_only=True)
class Finished:
    step: Step
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Failed:
    step: Step
    message: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """A line from the program (print, log.info, log.warn) or from the engine itself."""

    severity: str
    text: str


Event = Started | Finished | Failed | Message
