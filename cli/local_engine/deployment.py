"""One run of the program against the saved state: what each registration means, and doing it.

The same decisions are made for a preview and for an `up`; a preview only stops short of acting on them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from . import registry
from .decision import Decision, changed_values, decide, foretell, is_forced, secretive
from .deletion import delete_all, deletion_step
from .errors import LocalEngineError, ProviderError, RolledBackError, UnsupportedError, UsageError
from .model import (
    STACK_TYPE,
    Alias,
    Event,
    Failed,
    Finished,
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
from .schema import refuse_unknown
from .state import State
from .wire import Properties, Unknown, contains, reveal


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
        self._left_over = {(r.urn, r.id) for r in state.resources if r.delete}  # replaced by a run that then failed
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
        decision = decide(registration, kind, old, self._replaced_first.get(urn))
        resource = self._carry_out(urn, registration, kind, old, decision)
        return urn, resource.id, resource.outputs

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
            shown = not resource.delete or (resource.urn, resource.id) in self._left_over
            if resource.custom and not resource.is_provider and shown:
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
            op = Op.SAME if old else Op.CREATE
            self.steps.append(Step(op=op, urn=urn, type=registration.type, parent=registration.parent))
        return urn, "", {}

    def _register_provider(
        self, urn: str, registration: Registration, old: Resource | None
    ) -> tuple[str, str, Properties]:
        schema = registry.provider_schema(registration.type)
        refuse_unknown(schema, registration.inputs)
        inputs = {**registration.inputs, "version": registration.version}
        with self._lock:
            changes = changed_values(old.inputs, inputs) if old else ()
            op = Op.CREATE if not old else Op.UPDATE if changes else Op.SAME
            decision = Decision(op=op, inputs=inputs, planned=inputs, changes=changes)
            resource_id = old.id if old else secrets.token_hex(16)
            resource = replace(_resource(urn, registration, inputs), id=resource_id, outputs=inputs)
            self._keep(resource, old)
            self.steps.append(decision.step(urn, registration))
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

    # Carrying out

    def _dependents_to_replace(self, root: Resource) -> list[Resource]:
        """Saved resources that must be replaced when `root` is, because an input that only comes from it forces it."""
        with self._lock:
            saved = [r for r in self._state.resources if not r.delete and r.custom and not r.is_provider]
        waiting = [r for r in saved if r.urn not in self._registered]
        found = [root]
        while forced := [r for r in waiting if is_forced(r, self._kind(r.type, r.provider), found)]:
            found += forced
            waiting = [r for r in waiting if r not in forced]
        return found[1:]

    def _carry_out(
        self, urn: str, r: Registration, kind: ResourceType, old: Resource | None, decision: Decision
    ) -> Resource:
        wanted = replace(_resource(urn, r, decision.inputs), autonamed=decision.autonamed)
        if old:
            wanted = replace(wanted, id=old.id, outputs=secretive(wanted, old.outputs))
        first: list[Resource] = []
        if decision.op is Op.REPLACE and old:
            if r.protect:  # unprotecting and replacing in one go is allowed
                raise _protected(urn, f"replaced ({', '.join(decision.reasons)})")
            first = [*self._dependents_to_replace(old), old] if decision.delete_first else []
            for dependent in first[:-1]:
                if dependent.protect:
                    raise _protected(dependent.urn, f"replaced, which the replacement of {urn_name(urn)} asks for")
                self._replaced_first[dependent.urn] = urn
        step = decision.step(urn, r)
        with self._lock:
            self.steps.append(step)
            if self._dry_run or decision.op is Op.SAME:
                wanted = foretell(wanted, decision)
                self._keep(wanted, old)
                return wanted
        with self._acting(step):
            if decision.op is Op.UPDATE and old:
                return self._update(wanted, kind, old, decision)
            if first:
                delete_all(self._state, first, self._lock, self._save, self._emit, self._cancelled, quiet=True)
            try:
                return self._create(wanted, kind, decision)
            except ProviderError as error:
                if old and kind.converges and not first:
                    raise ProviderError(f"{error}\n  the one it was to replace still serves") from error
                raise

    def _create(self, wanted: Resource, kind: ResourceType, decision: Decision) -> Resource:
        wanted = replace(wanted, id="", outputs={})
        pending = Pending(kind="creating", resource=wanted)
        if kind.external:
            name = decision.planned["name"]
            if not decision.autonamed and not kind.adopts and kind.find(name):
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
        made = replace(wanted, id=created.id, outputs=secretive(wanted, created.outputs))
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
        made = replace(wanted, outputs=secretive(wanted, outputs))
        with self._lock:
            self._state.pending.remove(pending)
            self._state.put(made)
            self._save()
        return made

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
