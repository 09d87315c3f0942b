"""What one registration comes to, compared with the saved resource it continues. Nothing here acts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .errors import UnsupportedError
from .model import Op, Registration, Resource, Step, urn_name
from .providers.base import ResourceType
from .schema import Change, complete, differences, matches, names_property, parse_path, refuse_unknown, restore
from .wire import UNKNOWN, Properties, Secret, Unknown, Value, contains, keep_secrets, mask, reveal, walk


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`inputs` hold the physical name; `planned` is complete and without secrets: what the provider gets."""

    op: Op
    inputs: Properties
    planned: Properties
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    autonamed: bool = False
    delete_first: bool = False

    def visible_inputs(self) -> Properties:
        """Without the name chosen for a new object: it is neither shown nor promised, for an `up` chooses again."""
        if self.autonamed and self.op in (Op.CREATE, Op.REPLACE):
            return {key: value for key, value in self.inputs.items() if key != "name"}
        return self.inputs

    def step(self, urn: str, r: Registration) -> Step:
        return Step(
            op=self.op,
            urn=urn,
            type=r.type,
            parent=r.parent,
            changes=self.changes,
            inputs=mask(self.visible_inputs()),
            reasons=self.reasons,
            delete_first=self.delete_first,
        )


def decide(r: Registration, kind: ResourceType, old: Resource | None, replaced_with: str | None) -> Decision:
    """Compare what the program asks for with what was saved.

    `replaced_with`: the URN of a resource whose replacement takes this one along. Raises UnsupportedError.
    """
    refuse_unknown(kind.schema, r.inputs)
    inputs = dict(r.inputs)
    for path in r.ignore_changes:
        if not names_property(kind.schema, path):
            raise UnsupportedError(f"ignore_changes path {path!r} names no property (list positions are not known)")
        inputs = restore(inputs, old.inputs, path) if old else inputs
    named = "name" in kind.schema.fields
    autonamed = named and "name" not in inputs
    chosen = {"name": f"{r.name}-{secrets.token_hex(4)[:7]}"} if autonamed else {}
    reasons = [f"{urn_name(replaced_with)} is replaced, which it needs"] if replaced_with else []
    changes: tuple[Change, ...] = ()
    if old:
        kept = {"name": old.inputs["name"]} if autonamed and old.autonamed else chosen
        outputs = reveal(old.outputs)
        planned = complete(kind.schema, reveal(inputs | kept), outputs)
        found = differences(kind.schema, complete(kind.schema, outputs), planned)
        changes = tuple(
            _masked(
                replace(c, replaces=c.replaces or matches(c.path, r.replace_on_changes)),
                old.inputs,
                old.outputs,
                r.inputs,
            )
            for c in found
            if not matches(c.path, r.ignore_changes)
        )
        reasons = [c.path for c in changes if c.replaces] + reasons
        if old.provider.rpartition("::")[0] != r.provider.rpartition("::")[0]:
            reasons.append("another provider")
        if why := kind.renewal(outputs):
            reasons.append(why)
        if not reasons:
            return Decision(
                op=Op.UPDATE if changes or old.unsettled else Op.SAME,
                inputs=inputs | kept,
                planned=planned,
                changes=changes,
                reasons=("its last deployment did not come to an end",) if old.unsettled else (),
                autonamed=autonamed,
            )
    inputs |= chosen
    # Two objects cannot share an explicit name, so the old one goes first unless the program says otherwise.
    same_name = named and not autonamed and old is not None and inputs["name"] == old.inputs.get("name")
    return Decision(
        op=Op.REPLACE if reasons else Op.CREATE,
        inputs=inputs,
        planned=complete(kind.schema, reveal(inputs)),
        changes=changes,
        reasons=tuple(reasons),
        autonamed=autonamed,
        delete_first=same_name if r.delete_before_replace is None else r.delete_before_replace,
    )


def foretell(wanted: Resource, decision: Decision) -> Resource:
    """The resource as far as it is known before the fact; the SDK takes outputs that are missing for unknown."""
    given = {key: value for key, value in decision.visible_inputs().items() if value is not None}
    if decision.op is Op.SAME:
        return wanted
    if decision.op is Op.UPDATE:
        return replace(wanted, outputs=wanted.outputs | secretive(wanted, decision.planned | reveal(given)))
    secret = dict.fromkeys(wanted.additional_secret_outputs, Secret(UNKNOWN))
    return replace(wanted, id="", outputs=secret | given)


def is_forced(resource: Resource, kind: ResourceType, gone: Sequence[Resource]) -> bool:
    """Whether a saved resource must be replaced when it loses what it got from the resources that are gone."""
    inputs = reveal(resource.inputs)
    for lost in gone:
        for key, urns in resource.property_dependencies.items():
            if lost.urn in urns and key in inputs:
                inputs[key] = _without(inputs[key], lost)
    if not contains(inputs, Unknown):
        return False
    outputs = reveal(resource.outputs)
    changes = differences(kind.schema, complete(kind.schema, outputs), complete(kind.schema, inputs, outputs))
    return any(change.replaces and contains(change.new, Unknown) for change in changes)


def secretive(resource: Resource, outputs: Mapping[str, Value]) -> Properties:
    """Outputs with everything wrapped that is secret in the inputs or declared so."""
    kept: Properties = keep_secrets(resource.inputs, outputs)
    for key in resource.additional_secret_outputs:
        if key in kept and not isinstance(kept[key], Secret):
            kept[key] = Secret(kept[key])
    return kept


def changed_values(old: Mapping[str, Value], new: Mapping[str, Value]) -> tuple[Change, ...]:
    """Top-level differences, masked: for resources that have no schema of defaults (providers)."""
    return tuple(
        Change(path=key, old=mask(old.get(key)), new=mask(new.get(key)))
        for key in sorted({*old, *new})
        if reveal(old.get(key)) != reveal(new.get(key))
    )


def _without(value: Value, gone: Resource) -> Value:
    """`value` with every mention of the object's id or name made unknown."""
    mentions = {gone.id, reveal(gone.outputs).get("name")} - {"", None}
    return walk(value, lambda leaf: UNKNOWN if isinstance(leaf, str) and leaf in mentions else leaf)


def _masked(change: Change, *sources: Mapping[str, Value]) -> Change:
    """The change with its values masked when any source holds a secret at that place."""

    def secret_at(value: Value) -> bool:
        for step in parse_path(change.path):
            if isinstance(value, Secret | list):  # lists may be ordered differently: one secret item counts for all
                break
            value = value.get(step) if isinstance(value, Mapping) and isinstance(step, str) else None
        return contains(value, Secret)

    if not any(map(secret_at, sources)):
        return change
    old, new = (value if value is None or value is UNKNOWN else "[secret]" for value in (change.old, change.new))
    return replace(change, old=old, new=new)
