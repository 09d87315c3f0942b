"""What became of operations that an earlier run began and did not finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from . import registry
from .decision import secretive
from .errors import UsageError
from .model import Event, Message
from .schema import complete
from .state import State
from .wire import reveal


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
                known = secretive(resource, outputs)
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
