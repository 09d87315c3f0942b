"""One run of the program against the saved state: what each registration means, and doing it.

The same decisions are made for a preview and for an `up`; a preview only stops short of acting on them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from . import registry
from .deletion import delete_all
from .errors import LocalEngineError, ProviderError, RolledBackError, UnsupportedError, UsageError
from .model import (
    STACK_TYPE,
    Alias,
    Event,
    Failed,
    Finished,
    Message,
    Op,
    Pending,
    Registration,
    Resource,
    Started,
    Step,
    make_urn,
    qualified_type,
    urn_name,
)
from .providers.base import ResourceType
from .schema import Change, complete, differences, matches, names_property, parse_path, refuse_unknown, restore
from .state import State
from .wire import UNKNOWN, Properties, Secret, Unknown, Value, contains, keep_secrets, mask, reveal, walk


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one registration comes to. `inputs` hold the physical name; `planned` is complete and without secrets."""

    op: Op
    inputs: Properties
    planned: Properties
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    autonamed: bool = False
    delete_first: bool = False


class Deployment:
    """Handles the program's registrations (from many threads), then removes what is no longer wanted."""

    def __init__(
        self,
        *,
        project: str,
        stack: str,
        state: State,
        dry_run: bool,
        save: Callable[[], None],
        emit: Callable[[Event], None],
        cancelled: threading.Event,
    ) -> None:
        self.steps: list[Step] = []
        self.stack_outputs: Properties = {}
        self._project = project
        self._stack = stack
        self._state = state
        self._dry_run = dry_run
        self._save_state = save
        self._emit = emit
        self._cancelled = cancelled
        self._lock = threading.RLock()  # guards the state, its file and everything below; never held while acting
        self._registered: set[str] = set()
        self._aliases: dict[str, list[str]] = {}
        self._replaced_first: dict[str, str] = {}  # urn -> the resource whose replacement needs it gone first

    # Registrations

    def register(self, registration: Registration) -> tuple[str, str, Properties]:
        """Bring one resource to what the program asks for; returns its URN, id and outputs."""
        with self._lock:
            urn = self._urn(registration)
            if urn in self._registered:
                raise UsageError(f"two resources are called {urn}; give one of them another name")
            self._registered.add(urn)
            old = self._claim(urn, registration)
        if not registration.custom:
            return self._register_component(urn, registration, old)
        if registration.type.startswith("pulumi:providers:"):
            return self._register_provider(urn, registration, old)
        kind = self._kind(registration.type, registration.provider)
        if not self._dry_run and contains(registration.inputs, Unknown):
            raise UsageError(f"{urn} has an input whose value is not known although everything before it was made")
        decision = self._decide(urn, registration, kind, old)
        return self._carry_out(urn, registration, kind, old, decision)

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Keep a component's outputs; the stack's own are saved only when everything succeeded."""
        with self._lock:
            if qualified_type(urn) == STACK_TYPE:
                self.stack_outputs = outputs
            elif known := self._state.live(urn):
                self._state.put(replace(known, outputs=outputs))

    def finish(self) -> None:
        """After a successful program: delete what was replaced or is no longer registered, dependents first."""
        with self._lock:
            unwanted = [r for r in self._state.resources if r.delete or r.urn not in self._registered]
            for resource in unwanted:
                if resource.protect and not resource.delete:
                    raise _protected(resource.urn, "deleted")
        for resource in unwanted:
            if resource.custom and not resource.is_provider and not resource.delete:
                self.steps.append(deletion_step(resource))
        if not self._dry_run:
            delete_all(self._state, unwanted, self._lock, self._save, self._emit, self._cancelled)
            root = make_urn(self._stack, self._project, "", STACK_TYPE, f"{self._project}-{self._stack}")
            with self._lock:
                if known := self._state.live(root):
                    self._state.put(replace(known, outputs=self.stack_outputs))
                self._save()

    def _register_component(
        self, urn: str, registration: Registration, old: Resource | None
    ) -> tuple[str, str, Properties]:
        with self._lock:
            resource = _resource(urn, registration, registration.inputs)
            if old:
                resource = replace(resource, outputs=old.outputs)
            self._keep(resource, old)
            self.steps.append(_step(Op.SAME if old else Op.CREATE, urn, registration))
        return urn, "", {}

    def _register_provider(
        self, urn: str, registration: Registration, old: Resource | None
    ) -> tuple[str, str, Properties]:
        schema = registry.provider_schema(registration.type)
        refuse_unknown(schema, registration.inputs)
        inputs = {**registration.inputs, "version": registration.version}
        with self._lock:
            changed = tuple(_changed_values(old.inputs, inputs)) if old else ()
            op = Op.CREATE if not old else Op.UPDATE if changed else Op.SAME
            resource_id = old.id if old else secrets.token_hex(16)
            resource = replace(_resource(urn, registration, inputs), id=resource_id, outputs=inputs)
            self._keep(resource, old)
            self.steps.append(_step(op, urn, registration, changes=changed, inputs=mask(inputs)))
        return urn, resource_id, inputs

    # Identity

    def _urn(self, r: Registration) -> str:
        return make_urn(self._stack, self._project, r.parent, r.type, r.name)

    def _claim(self, urn: str, r: Registration) -> Resource | None:
        """The saved resource this registration continues: by URN, or by a former one (then renamed in the state)."""
        self._aliases[urn] = list(self._former_urns(r))
        if found := self._state.live(urn):
            return found
        for former in self._aliases[urn]:
            if former not in self._registered and self._state.live(former):
                self._state.rename(former, urn)
                self._save()
                return self._state.live(urn)
        return None

    def _former_urns(self, r: Registration) -> Iterator[str]:
        for alias in r.aliases:
            yield alias.urn or self._aliased(r, alias, r.parent if alias.parent is None else alias.parent)
        for parent in self._aliases.get(r.parent, ()):  # a renamed parent renames its children
            former, now = urn_name(parent), urn_name(r.parent)
            name = r.name.replace(now, former, 1) if r.name.startswith(now) else r.name
            yield self._aliased(r, Alias(name=name), parent)
            for alias in r.aliases:
                if not alias.urn and alias.parent is None:
                    yield self._aliased(r, alias, parent)

    def _aliased(self, r: Registration, alias: Alias, parent: str) -> str:
        stack, project = alias.stack or self._stack, alias.project or self._project
        return make_urn(stack, project, parent, alias.type or r.type, alias.name or r.name)

    def _kind(self, type_: str, reference: str) -> ResourceType:
        if not reference:
            raise UnsupportedError(
                "it has no explicit provider, and default providers are not known to the local engine; "
                "pass one in its options"
            )
        with self._lock:
            provider = self._state.live(reference.rpartition("::")[0])
        if provider is None:
            raise UsageError(f"its provider {reference} was not registered")
        return registry.resource_type(type_, provider)

    # Decisions

    def _decide(self, urn: str, r: Registration, kind: ResourceType, old: Resource | None) -> Decision:
        refuse_unknown(kind.schema, r.inputs)
        inputs = dict(r.inputs)
        for path in r.ignore_changes:
            if not names_property(kind.schema, path):
                raise UnsupportedError(f"ignore_changes path {path!r} names no property (list positions are not known)")
            inputs = restore(inputs, old.inputs, path) if old else inputs
        named = "name" in kind.schema.fields
        autonamed = named and "name" not in inputs
        fresh = {"name": f"{r.name}-{secrets.token_hex(4)[:7]}"} if autonamed else {}
        if old is None:
            inputs |= fresh
            planned = complete(kind.schema, reveal(inputs))
            needs = self._replaced_first.get(urn)
            return Decision(
                op=Op.REPLACE if needs else Op.CREATE,
                inputs=inputs,
                planned=planned,
                reasons=(f"{urn_name(needs)} is replaced, which it needs",) if needs else (),
                autonamed=autonamed,
            )

        kept = {"name": old.inputs["name"]} if autonamed and old.autonamed else fresh
        outputs = reveal(old.outputs)
        planned = complete(kind.schema, reveal(inputs | kept), outputs)
        before = complete(kind.schema, outputs)
        found = [c for c in differences(kind.schema, before, planned) if not matches(c.path, r.ignore_changes)]
        changes = tuple(replace(c, replaces=c.replaces or matches(c.path, r.replace_on_changes)) for c in found)
        reasons = [c.path for c in changes if c.replaces]
        if old.provider.rpartition("::")[0] != r.provider.rpartition("::")[0]:
            reasons.append("another provider")
        if why := kind.renewal(outputs):
            reasons.append(why)
        if urn in self._replaced_first:
            reasons.append(f"{urn_name(self._replaced_first[urn])} is replaced, which it needs")
        shown = tuple(_shown(change, old.inputs, old.outputs, r.inputs) for change in changes)
        if reasons:
            inputs |= fresh
            planned = complete(kind.schema, reveal(inputs))
            same_name = named and not autonamed and inputs["name"] == old.inputs.get("name")
            return Decision(
                op=Op.REPLACE,
                inputs=inputs,
                planned=planned,
                changes=shown,
                reasons=tuple(reasons),
                autonamed=autonamed,
                # two objects cannot share an explicit name, so the old one goes first unless the program says otherwise
                delete_first=same_name if r.delete_before_replace is None else r.delete_before_replace,
            )
        reasons = ["its last deployment did not come to an end"] if old.unsettled else []
        op = Op.UPDATE if changes or old.unsettled else Op.SAME
        return Decision(
            op=op, inputs=inputs | kept, planned=planned, changes=shown, reasons=tuple(reasons), autonamed=autonamed
        )

    def _dependents_to_replace(self, root: Resource) -> list[Resource]:
        """Saved resources that must be replaced when `root` is, because an input that only comes from it forces it."""
        with self._lock:
            saved = [r for r in self._state.resources if not r.delete and r.custom and not r.is_provider]
        waiting = [r for r in saved if r.urn not in self._registered]
        found = [root]
        while forced := [r for r in waiting if self._is_forced(r, found)]:
            found += forced
            waiting = [r for r in waiting if r not in forced]
        return found[1:]

    def _is_forced(self, resource: Resource, gone: list[Resource]) -> bool:
        """Whether losing what it got from the resources that are gone replaces this one."""
        inputs = reveal(resource.inputs)
        for lost in gone:
            for key, urns in resource.property_dependencies.items():
                if lost.urn in urns and key in inputs:
                    inputs[key] = _without(inputs[key], lost)
        if not contains(inputs, Unknown):
            return False
        schema, outputs = self._kind(resource.type, resource.provider).schema, reveal(resource.outputs)
        changes = differences(schema, complete(schema, outputs), complete(schema, inputs, outputs))
        return any(change.replaces and contains(change.new, Unknown) for change in changes)

    # Carrying out

    def _carry_out(
        self, urn: str, r: Registration, kind: ResourceType, old: Resource | None, decision: Decision
    ) -> tuple[str, str, Properties]:
        wanted = replace(_resource(urn, r, decision.inputs), autonamed=decision.autonamed)
        if old:
            wanted = replace(wanted, id=old.id, outputs=_secretive(wanted, old.outputs))
        step = _step(
            decision.op,
            urn,
            r,
            changes=decision.changes,
            reasons=decision.reasons,
            inputs=mask(_without_chosen_name(decision)),
            delete_first=decision.delete_first,
        )
        first: list[Resource] = []
        if decision.op is Op.REPLACE and old:
            if r.protect:  # unprotecting and replacing in one go is allowed
                raise _protected(urn, f"replaced ({', '.join(decision.reasons)})")
            first = [*self._dependents_to_replace(old), old] if decision.delete_first else []
            for dependent in first[:-1]:
                if dependent.protect:
                    raise _protected(dependent.urn, f"replaced, which the replacement of {urn_name(urn)} asks for")
                self._replaced_first[dependent.urn] = urn
        with self._lock:
            self.steps.append(step)
            if self._dry_run:
                return self._foretell(wanted, decision, kind)
            if decision.op is Op.SAME and old:
                self._keep(wanted, old)
                return urn, wanted.id, wanted.outputs
        with self._acting(step):
            if decision.op is Op.UPDATE and old:
                made = self._update(wanted, kind, old, decision)
            else:
                if first:
                    delete_all(self._state, first, self._lock, self._save, self._emit, self._cancelled, quiet=True)
                made = self._create(wanted, kind, decision)
        return urn, made.id, made.outputs

    def _create(self, wanted: Resource, kind: ResourceType, decision: Decision) -> Resource:
        wanted = replace(wanted, id="", outputs={})
        pending = Pending(kind="creating", resource=wanted)
        if kind.external:
            name = decision.planned["name"]
            volume = wanted.type.endswith(
                ":Volume"
            )  # Docker hands out an existing volume under its name, as Pulumi accepts
            if not decision.autonamed and not volume and kind.find(name):
                raise ProviderError(
                    f"{name!r} exists already and was not made by this stack; remove it or choose another name"
                )
            with self._lock:  # the chosen name is saved first, so that a crash from here on leaves nothing unknown
                self._state.pending.append(pending)
                self._save()
        try:
            created = kind.create(decision.planned)
        except LocalEngineError:
            with self._lock:
                if kind.external and not _exists(kind, decision.planned["name"]):
                    self._state.pending.remove(pending)
                    self._save()
            raise
        made = replace(wanted, id=created.id, outputs=_secretive(wanted, created.outputs))
        with self._lock:
            if kind.external:
                self._state.pending.remove(pending)
            self._state.supersede(wanted.urn)
            self._state.put(made)
            self._save()
        return made

    def _update(self, wanted: Resource, kind: ResourceType, old: Resource, decision: Decision) -> Resource:
        pending = Pending(kind="updating", resource=old)
        with self._lock:
            self._state.pending.append(pending)
            self._save()
        try:
            outputs = kind.update(old.id, decision.planned, reveal(old.outputs))
        except LocalEngineError as error:
            with self._lock:  # the state keeps the old definition; unless it runs again, it must be applied anew
                self._state.pending.remove(pending)
                if not isinstance(error, RolledBackError) and kind.converges:
                    self._state.put(replace(old, unsettled=True))
                self._save()
            raise
        made = replace(wanted, outputs=_secretive(wanted, outputs))
        with self._lock:
            self._state.pending.remove(pending)
            self._state.put(made)
            self._save()
        return made

    def _foretell(self, wanted: Resource, decision: Decision, kind: ResourceType) -> tuple[str, str, Properties]:
        """Outputs as far as they are known before the fact; the SDK takes what is missing for unknown."""
        secret = dict.fromkeys(wanted.additional_secret_outputs, Secret(UNKNOWN))
        given = {key: value for key, value in _without_chosen_name(decision).items() if value is not None}
        if decision.op is Op.SAME:
            resource_id, outputs = wanted.id, wanted.outputs
        elif decision.op is Op.UPDATE:
            resource_id = wanted.id
            outputs = wanted.outputs | keep_secrets(wanted.inputs, {**decision.planned, **reveal(given)})
        else:
            resource_id, outputs = "", {**secret, **given}
        self._state.put(replace(wanted, id=resource_id, outputs=outputs))
        return wanted.urn, resource_id, outputs

    def _keep(self, resource: Resource, old: Resource | None) -> None:
        """Put a resource that needs no operation; a change of its options alone is saved at once."""
        self._state.put(resource)
        if old and resource != old:
            self._save()

    def _save(self) -> None:
        if not self._dry_run:
            self._save_state()

    @contextmanager
    def _acting(self, step: Step) -> Iterator[None]:
        started = time.monotonic()
        self._emit(Started(step=step))
        try:
            yield
        except LocalEngineError as error:
            self._emit(Failed(step=step, message=str(error)))
            raise
        self._emit(Finished(step=step, seconds=time.monotonic() - started))


def resolve_pending(state: State, emit: Callable[[Event], None]) -> bool:
    """Find out what became of operations that were interrupted, by name; returns whether there were any.

    A created object is taken into the state, a removed one leaves it; services are applied again by the next `up`.
    """
    interrupted = bool(state.pending)
    for pending in list(state.pending):
        resource = pending.resource
        provider = state.live(resource.provider.rpartition("::")[0])
        if provider is None:
            raise UsageError(f"the provider of {resource.urn} is missing in the state")
        kind = registry.resource_type(resource.type, provider)
        if pending.kind == "creating":
            name = reveal(resource.inputs)["name"]
            found = kind.find(name)
            outputs = kind.read(found, complete(kind.schema, reveal(resource.inputs))) if found else None
            if found and outputs is not None:
                state.supersede(resource.urn)
                known = _secretive(resource, outputs)
                taken = replace(resource, id=found, outputs=known, unsettled=kind.converges)
                state.put(taken)
                emit(
                    Message(severity="info", text=f"{resource.name}: {name} was made by an interrupted run and is kept")
                )
        elif pending.kind == "updating":
            live = state.live(resource.urn)
            if live and kind.converges:
                state.put(replace(live, unsettled=True))
        elif kind.read(resource.id, reveal(resource.outputs)) is None:
            for gone in [r for r in state.resources if r.urn == resource.urn and r.id == resource.id]:
                state.remove(gone)
        state.pending.remove(pending)
    return interrupted


def deletion_step(resource: Resource) -> Step:
    op = Op.FORGET if resource.retain_on_delete else Op.DELETE
    return Step(op=op, urn=resource.urn, type=resource.type, parent=resource.parent)


def _resource(urn: str, r: Registration, inputs: Properties) -> Resource:
    return Resource(
        urn=urn,
        type=r.type,
        custom=r.custom,
        parent=r.parent,
        provider=r.provider,
        inputs=inputs,
        dependencies=tuple(sorted(r.dependencies)),
        property_dependencies={key: tuple(sorted(urns)) for key, urns in r.property_dependencies.items()},
        additional_secret_outputs=r.additional_secret_outputs,
        ignore_changes=r.ignore_changes,
        protect=r.protect,
        retain_on_delete=r.retain_on_delete,
    )


def _step(
    op: Op,
    urn: str,
    r: Registration,
    *,
    changes: tuple[Change, ...] = (),
    reasons: tuple[str, ...] = (),
    inputs: Properties | None = None,
    delete_first: bool = False,
) -> Step:
    return Step(
        op=op,
        urn=urn,
        type=r.type,
        parent=r.parent,
        changes=changes,
        reasons=reasons,
        inputs=inputs or {},
        delete_first=delete_first,
    )


def _protected(urn: str, what: str) -> UsageError:
    return UsageError(
        f"{urn_name(urn)} is protected and would be {what}. Keep it as it is; or, if that is really meant, "
        f"deploy it once with protect=False first ({urn})"
    )


def _exists(kind: ResourceType, name: str) -> bool:
    try:
        return kind.find(name) is not None
    except LocalEngineError:  # cannot be known now: the pending operation stays and is resolved by the next run
        return True


def _secretive(resource: Resource, outputs: Mapping[str, Value]) -> Properties:
    """Outputs with everything wrapped that is secret in the inputs or declared so."""
    kept: Properties = keep_secrets(resource.inputs, outputs)
    for key in resource.additional_secret_outputs:
        if key in kept and not isinstance(kept[key], Secret):
            kept[key] = Secret(kept[key])
    return kept


def _shown(change: Change, *sources: Mapping[str, Value]) -> Change:
    """The change with its values masked when any source holds a secret at that place."""

    def secret_at(value: Value, path: str) -> bool:
        for step in parse_path(path):
            if isinstance(value, Secret | list):  # lists may be ordered differently: one secret item counts for all
                break
            value = value.get(step) if isinstance(value, Mapping) and isinstance(step, str) else None
        return contains(value, Secret)

    if not any(secret_at(source, change.path) for source in sources):
        return change
    hidden = [value if value is None or value is UNKNOWN else "[secret]" for value in (change.old, change.new)]
    return replace(change, old=hidden[0], new=hidden[1])


def _without_chosen_name(decision: Decision) -> Properties:
    """A name chosen for a new object is not shown or promised: an `up` chooses again."""
    if decision.autonamed and decision.op in (Op.CREATE, Op.REPLACE):
        return {key: value for key, value in decision.inputs.items() if key != "name"}
    return decision.inputs


def _without(value: Value, gone: Resource) -> Value:
    """`value` with every mention of the object's id or name made unknown."""
    mentions = {gone.id, reveal(gone.outputs).get("name")} - {"", None}
    return walk(value, lambda leaf: UNKNOWN if isinstance(leaf, str) and leaf in mentions else leaf)


def _changed_values(old: Mapping[str, Value], new: Mapping[str, Value]) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        if reveal(old.get(key)) != reveal(new.get(key)):
            yield Change(path=key, old=mask(old.get(key)), new=mask(new.get(key)))
