"""What can be asked of the engine: preview, up, refresh, destroy, outputs."""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from . import program, registry
from .deletion import delete_all, deletion_step
from .deployment import Deployment
from .errors import CancelledError, ChangesFoundError, UsageError
from .model import STACK_TYPE, Event, Message, Op, Plan, Resource, Result, Step
from .recovery import resolve_pending
from .schema import complete, differences
from .state import State, Store
from .wire import Properties, keep_secrets, mask, reveal

Listener = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True)
class Project:
    """One stack of one program. `config` is flat (`project:key` -> text), as Pulumi passes it to a program."""

    root: Path
    name: str
    stack: str
    state_dir: Path
    config: Mapping[str, str]
    secret_keys: frozenset[str]
    passphrase: str

    def store(self) -> Store:
        return Store(self.state_dir, self.stack, self.passphrase)

    def program(self) -> program.Program:
        return program.Program(
            root=self.root, project=self.name, stack=self.stack, config=self.config, secret_keys=self.secret_keys
        )


def _ignore(event: Event) -> None:
    """Nobody listens."""


def preview(project: Project, *, on_event: Listener = _ignore, expect_no_changes: bool = False) -> Plan:
    """What an `up` would do. Changes nothing, takes no lock.

    Raises ChangesFoundError when there is something to do although nothing was expected.
    """
    with _interruptible() as cancelled:
        plan = _preview(project, project.store().load() or State(), on_event, cancelled)
    return _expected(plan, expect_no_changes)


def up(
    project: Project, *, on_event: Listener = _ignore, confirm: Callable[[Plan], bool] = lambda plan: True
) -> Result:
    """Bring the stack to what the program says. Everything is previewed first, so what this engine does not know is
    refused before anything changes; `confirm` sees that plan and may decline (CancelledError).
    """
    started = time.monotonic()
    store = project.store()
    with store.locked("up"):
        state = store.load() or State()
        with _interruptible() as cancelled:
            if resolve_pending(state, on_event):
                store.save(state)
            plan = _preview(project, state, _ignore, cancelled)
        if not confirm(plan):
            raise CancelledError("declined; nothing was changed")
        with _interruptible() as cancelled:
            deployment = _deployment(project, state, on_event, cancelled, save=lambda: store.save(state))
            program.run(project.program(), deployment, dry_run=False, cancelled=cancelled, show=_shower(on_event))
            deployment.finish()
    return Result(steps=tuple(deployment.steps), outputs=deployment.stack_outputs, seconds=time.monotonic() - started)


def refresh(
    project: Project, *, on_event: Listener = _ignore, preview_only: bool = False, expect_no_changes: bool = False
) -> Plan:
    """Compare the state with what really exists and, unless `preview_only`, take that over into the state.

    Raises ChangesFoundError when something differs although nothing was expected.
    """
    store = project.store()
    with contextlib.nullcontext() if preview_only else store.locked("refresh"):
        state = store.require()
        resolve_pending(state, on_event)
        steps = [_refresh(state, resource) for resource in list(state.resources)]
        if not preview_only:
            store.save(state)
    return _expected(Plan(steps=tuple(filter(None, steps)), stack=project.stack), expect_no_changes)


def destroy(project: Project, *, exclude_protected: bool = False, on_event: Listener = _ignore) -> Result:
    """Delete everything the stack made, dependents first; the program is not run.

    With `exclude_protected`, protected resources and what they need stay; without it they are a UsageError.
    """
    started = time.monotonic()
    store = project.store()
    with _interruptible() as cancelled, store.locked("destroy"):
        state = store.require()
        if resolve_pending(state, on_event):
            store.save(state)
        kept = _needed_by_protected(state.resources)
        if kept and not exclude_protected:
            names = ", ".join(r.name for r in state.resources if r.protect)
            raise UsageError(f"protected resources are not deleted: {names}. Leave them out with --exclude-protected")
        doomed = [resource for resource in state.resources if resource.urn not in kept or resource.delete]
        delete_all(state, doomed, threading.RLock(), lambda: store.save(state), on_event, cancelled)
        store.save(state)
    steps = tuple(deletion_step(r) for r in doomed if r.custom and not r.is_provider)
    return Result(steps=steps, outputs={}, seconds=time.monotonic() - started)


def outputs(project: Project, *, show_secrets: bool = False) -> Properties:
    """The stack's exports of the last successful `up`; secrets as `[secret]` unless asked for."""
    stack = next((r for r in project.store().require().resources if r.type == STACK_TYPE), None)
    found = stack.outputs if stack else {}
    shown: Properties = reveal(found) if show_secrets else mask(found)
    return shown


def _preview(project: Project, state: State, on_event: Listener, cancelled: threading.Event) -> Plan:
    state = copy.deepcopy(state)
    resolve_pending(state, on_event)
    deployment = _deployment(project, state, on_event, cancelled, save=None)
    program.run(project.program(), deployment, dry_run=True, cancelled=cancelled, show=_shower(on_event))
    deployment.finish()
    return Plan(steps=tuple(deployment.steps), stack=project.stack)


def _deployment(
    project: Project,
    state: State,
    on_event: Listener,
    cancelled: threading.Event,
    save: Callable[[], None] | None,
) -> Deployment:
    return Deployment(
        project=project.name,
        stack=project.stack,
        state=state,
        dry_run=save is None,
        save=save or (lambda: None),
        emit=on_event,
        cancelled=cancelled,
    )


def _shower(on_event: Listener) -> Callable[[str, str], None]:
    return lambda severity, text: on_event(Message(severity=severity, text=text))


def _refresh(state: State, resource: Resource) -> Step | None:
    """Take over what the resource is now; None for one that exists in the state only."""
    provider = state.live(resource.provider.rpartition("::")[0])
    if not resource.custom or resource.is_provider or provider is None:
        return None
    kind = registry.resource_type(resource.type, provider)
    before = reveal(resource.outputs)
    now = kind.read(resource.id, before)
    if now is None:
        state.remove(resource)
    if resource.delete:
        return None
    if now is None:
        return Step(op=Op.GONE, urn=resource.urn, type=resource.type, parent=resource.parent)
    changes = tuple(
        replace(change, old=mask(change.old), new=mask(change.new))
        for change in differences(kind.schema, complete(kind.schema, before), complete(kind.schema, now))
    )
    state.put(replace(resource, outputs=keep_secrets(resource.outputs, now)))
    op = Op.DRIFTED if changes else Op.SAME
    return Step(op=op, urn=resource.urn, type=resource.type, parent=resource.parent, changes=changes)


def _needed_by_protected(resources: list[Resource]) -> set[str]:
    """URNs of protected resources and, through all levels, of what they need."""
    kept = {resource.urn for resource in resources if resource.protect}
    while True:
        more = {urn for resource in resources if resource.urn in kept for urn in resource.needs()} - kept
        if not more:
            return kept
        kept |= more


def _expected(plan: Plan, expect_no_changes: bool) -> Plan:
    if expect_no_changes and plan.changes:
        counts = ", ".join(f"{number} {op}" for op, number in plan.counts.items() if op is not Op.SAME)
        raise ChangesFoundError(f"no changes were expected, but there are: {counts}", plan)
    return plan


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event set by the first Ctrl-C (or SIGTERM): operations under way end and are saved. The second one ends all.

    Stopping hard is safe at any moment: the state file is whole, and says what was begun.
    """
    cancelled = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if cancelled.is_set():
            sys.stderr.write("stopped at once; the next `up` finds out what was under way\n")
            sys.stderr.flush()
            os._exit(CancelledError.exit_code)
        cancelled.set()
        sys.stderr.write("cancelling: what is under way comes to its end first; press Ctrl-C again to stop at once\n")
        sys.stderr.flush()

    if threading.current_thread() is not threading.main_thread():
        yield cancelled
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancelled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
