"""Removing resources: dependents first, independent ones side by side, each step saved."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures

from . import registry
from .errors import CancelledError, LocalEngineError, OperationError
from .model import Event, Failed, Finished, Op, Pending, Resource, Started, Step
from .state import State
from .wire import reveal

_SIDE_BY_SIDE = 16


def delete_all(
    state: State,
    resources: Sequence[Resource],
    lock: threading.RLock,
    save: Callable[[], None],
    emit: Callable[[Event], None],
    cancelled: threading.Event,
    quiet: bool = False,
) -> None:
    """Delete the resources from the engine and the state; `quiet` leaves out the events.

    One that fails stays, and so does everything it needs; the rest goes on. Raises OperationError at the end.
    """
    waiting = list(resources)
    failures: list[tuple[str, LocalEngineError]] = []
    running: dict[futures.Future[None], Resource] = {}
    with futures.ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        while waiting or running:
            if cancelled.is_set():
                waiting = []
            present = [*waiting, *running.values(), *(r for r in resources if r.urn in dict(failures))]
            needed = {urn for resource in present for urn in resource.needs()}
            ready = [r for r in waiting if r.urn not in needed]
            for resource in ready:
                waiting.remove(resource)
                running[pool.submit(_delete, state, resource, lock, save, emit, quiet)] = resource
            if not running:
                break  # what is left is needed by something that failed
            done, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
            for future in done:
                resource = running.pop(future)
                error = future.exception()
                if isinstance(error, LocalEngineError):
                    failures.append((resource.urn, error))
                elif error is not None:
                    raise error
    if failures:
        raise OperationError(failures, "Everything else is saved. Correct the cause, then run the same command.")
    if cancelled.is_set():
        raise CancelledError("cancelled; what was under way has ended and is saved. Run the same command to go on.")


def _delete(
    state: State,
    resource: Resource,
    lock: threading.RLock,
    save: Callable[[], None],
    emit: Callable[[Event], None],
    quiet: bool,
) -> None:
    step = deletion_step(resource)
    acts = resource.custom and not resource.is_provider
    started = time.monotonic()
    pending = Pending(kind="deleting", resource=resource)
    if acts and not resource.retain_on_delete:
        with lock:
            provider = state.live(resource.provider.rpartition("::")[0])
            if provider is None:
                raise LocalEngineError(f"its provider {resource.provider} is missing in the state")
            kind = registry.resource_type(resource.type, provider)
            if kind.external:
                state.pending.append(pending)
                save()
        if not quiet:
            emit(Started(step=step))
        try:
            kind.delete(resource.id, reveal(resource.outputs))
        except LocalEngineError as error:
            with lock:
                if kind.external:
                    state.pending.remove(pending)
                    save()
            emit(Failed(step=step, message=str(error)))
            raise
    with lock:
        if pending in state.pending:
            state.pending.remove(pending)
        state.remove(resource)
        save()
    if acts and not quiet:
        emit(Finished(step=step, seconds=time.monotonic() - started))


def deletion_step(resource: Resource) -> Step:
    op = Op.FORGET if resource.retain_on_delete else Op.DELETE
    return Step(op=op, urn=resource.urn, type=resource.type, parent=resource.parent)
