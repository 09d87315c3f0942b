"""What a resource type accepts, and how two versions of it compare.

This is the providers' own rule (Terraform's) in small. A property left out of the program means its default,
or, where the type computes it, whatever the object already has; a zero value equals an absent one; some lists are sets;
some properties cannot change without a new object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .errors import UnsupportedError
from .wire import UNKNOWN, Properties, Secret, Value

_ZEROS: tuple[Value, ...] = (None, "", 0, [], {})


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A scalar, a list of scalars or a map of scalars, compared as one."""

    default: Value = None
    computed: bool = False
    replaces: bool = False
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Record(Plain):
    """Named properties."""

    fields: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Many(Plain):
    """A list of `item`; a set when `ordered` is false."""

    item: Plain
    ordered: bool = False


@dataclass(frozen=True, kw_only=True)
class Change:
    """One property that differs, at a dotted path, list items by position: `taskSpec.containerSpec.args[0]`."""

    path: str
    old: Value
    new: Value
    replaces: bool = False


def refuse_unknown(schema: Plain, value: Value, path: str = "") -> None:
    """Raise UnsupportedError, by full path, for a property the schema does not name or one that is missing."""
    if isinstance(value, Secret):
        value = value.value
    if isinstance(schema, Record) and isinstance(value, Mapping):
        for key, item in value.items():
            if key not in schema.fields:
                known = ", ".join(sorted(schema.fields))
                raise UnsupportedError(f"property {_join(path, key)} is not known to the local engine; known: {known}")
            refuse_unknown(schema.fields[key], item, _join(path, key))
        for key, expected in schema.fields.items():
            if expected.required and value.get(key) is None:
                raise UnsupportedError(f"property {_join(path, key)} is missing")
    if isinstance(schema, Many) and isinstance(value, list):
        for index, item in enumerate(value):
            refuse_unknown(schema.item, item, f"{path}[{index}]")


def complete(schema: Plain, value: Value, existing: Value = None) -> Value:
    """`value` (without secrets) with every property present: defaults filled, computed ones from `existing`.

    Sets come out sorted, zero values as None where the default is None.
    """
    if value is UNKNOWN:
        return value
    if value is None and schema.computed and existing is not None:
        return complete(schema, existing)
    if isinstance(schema, Record):
        if value is None:
            value = schema.default
        if value is None:
            return None
        known = existing if isinstance(existing, Mapping) else {}
        return {key: complete(item, value.get(key), known.get(key)) for key, item in schema.fields.items()}
    if isinstance(schema, Many):
        old = existing if isinstance(existing, list) else []
        items = [complete(schema.item, item, _twin(item, old)) for item in value or []]
        return items if schema.ordered else sorted(items, key=_sort_key)
    return schema.default if value is None or (schema.default is None and value in _ZEROS) else value


def differences(schema: Plain, old: Value, new: Value, path: str = "", forced: bool = False) -> Iterator[Change]:
    """What differs between two completed values, property by property; `forced`: an outer property replaces."""
    forced = forced or schema.replaces
    if old == new:
        return
    if isinstance(schema, Record) and isinstance(old, Mapping) and isinstance(new, Mapping):
        for key, item in schema.fields.items():
            yield from differences(item, old.get(key), new.get(key), _join(path, key), forced)
    elif isinstance(schema, Many) and isinstance(old, list) and isinstance(new, list):
        gone, added = [x for x in old if x not in new], [x for x in new if x not in old]
        if not gone and not added:  # the same items in another order
            yield Change(path=path, old=old, new=new, replaces=forced)
        for index in range(max(len(gone), len(added))):
            before = gone[index] if index < len(gone) else None
            after = added[index] if index < len(added) else None
            at = new.index(after) if after is not None else old.index(before)
            yield from differences(schema.item, before, after, f"{path}[{at}]", forced)
    else:
        yield from _leaves(old, new, path, forced or (new is UNKNOWN and _any_replaces(schema)))


def _leaves(old: Value, new: Value, path: str, replaces: bool) -> Iterator[Change]:
    """Maps are shown key by key, everything else as one."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield Change(path=_join(path, key), old=old.get(key), new=new.get(key), replaces=replaces)
    else:
        yield Change(path=path, old=old, new=new, replaces=replaces)


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a change at `path` lies at or below one of the program's property paths; `*` is any one name or item."""
    steps = parse_path(path)
    return any(_covers(parse_path(pattern), steps) for pattern in patterns)


def _covers(pattern: Sequence[str | int], steps: Sequence[str | int]) -> bool:
    shared = list(zip(pattern, steps, strict=False))
    return len(shared) == len(pattern) and all(want in ("*", step) for want, step in shared)


def parse_path(path: str) -> tuple[str | int, ...]:
    """Split `a.b[0]["c.d"]` into ("a", "b", 0, "c.d"); `[*]` gives "*"."""
    parts = re.findall(r'\["([^"]*)"\]|\[(\d+|\*)\]|([^.\[\]]+)', path)
    return tuple(quoted or name or (int(index) if index.isdigit() else index) for quoted, index, name in parts)


def restore(new: Properties, old: Mapping[str, Value], path: str) -> Properties:
    """`new` with the value at `path` taken from `old` (removed if `old` lacks it): what ignore_changes means."""

    def at(target: Value, source: Value, steps: Sequence[str | int]) -> Value:
        step, rest = steps[0], steps[1:]
        if not isinstance(target, Mapping) or not isinstance(step, str):
            return source if source is not None else target
        old_item = source.get(step) if isinstance(source, Mapping) else None
        item = at(target.get(step), old_item, rest) if rest else old_item
        return {key: value for key, value in {**target, step: item}.items() if key != step or value is not None}

    result: Properties = at(new, old, parse_path(path))
    return result


def names_property(schema: Plain, path: str) -> bool:
    """Whether the path leads to a property, or a key of a map, without passing through a list."""
    for step in parse_path(path):
        if not isinstance(step, str) or step == "*" or isinstance(schema, Many):
            return False
        if isinstance(schema, Record):
            if step not in schema.fields:
                return False
            schema = schema.fields[step]
    return True


def _any_replaces(schema: Plain) -> bool:
    inner = schema.fields.values() if isinstance(schema, Record) else [schema.item] if isinstance(schema, Many) else []
    return schema.replaces or any(_any_replaces(item) for item in inner)


def _twin(item: Value, candidates: Sequence[Value]) -> Value:
    """The existing list item that agrees with everything `item` says, for the properties it does not say."""
    if not isinstance(item, Mapping):
        return None
    agrees = (c for c in candidates if isinstance(c, Mapping) and all(c.get(k) == v for k, v in item.items()))
    return next(agrees, None)


def _sort_key(item: Value) -> str:
    return json.dumps(item, sort_keys=True, default=repr)


def _join(path: str, key: str) -> str:
    key = f'["{key}"]' if re.search(r"[.\[\]]", key) else key
    return f"{path}{'' if key.startswith('[') or not path else '.'}{key}"
