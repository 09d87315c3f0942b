"""Property values, and how they travel between the program and the engine (google.protobuf Struct).

A value is JSON plus two things: `Secret` wraps a value that must never be shown or stored in plain,
`UNKNOWN` stands for one that only exists after an `up`. Both may sit at any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf import struct_pb2

from .errors import UnsupportedError

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's public marker of a secret
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

# A program's values are dynamic: their shape is checked by each type's schema, not by the type checker.
Value: TypeAlias = Any
Properties: TypeAlias = dict[str, Any]


class Unknown:
    """The type of `UNKNOWN`; there is one instance."""

    def __repr__(self) -> str:
        return "<computed>"

    def __deepcopy__(self, memo: object) -> Unknown:
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value to be masked when shown and encrypted when saved."""

    value: Value

    def __repr__(self) -> str:
        return "[secret]"


def decode(struct: struct_pb2.Struct) -> Properties:
    """Read the properties of a request. Raises UnsupportedError for assets and archives."""
    return {key: _decode(value) for key, value in sorted(struct.fields.items())}


def _decode(value: struct_pb2.Value) -> Value:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value == _UNKNOWN else value.string_value
        case "number_value":  # every number is a double on the wire
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            fields = value.struct_value.fields
            if _SIGNATURE not in fields:
                return decode(value.struct_value)
            if fields[_SIGNATURE].string_value == _SECRET:
                return Secret(_decode(fields["value"]))
            raise UnsupportedError("assets, archives and resource references are not known to the local engine")
        case _:
            return None


def encode(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Write properties for an answer."""
    return struct_pb2.Struct(fields={key: _encode(value) for key, value in properties.items()})


def _encode(value: Value) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=_UNKNOWN)
    if isinstance(value, Secret):
        envelope = {_SIGNATURE: struct_pb2.Value(string_value=_SECRET), "value": _encode(value.value)}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=envelope))
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode(value))
    return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))


def walk(value: Value, visit: Callable[[Value], Value]) -> Value:
    """Rebuild a value bottom-up, passing every leaf and every `Secret` through `visit`."""
    if isinstance(value, Mapping):
        return {key: walk(item, visit) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [walk(item, visit) for item in value]
    if isinstance(value, Secret):
        return visit(Secret(walk(value.value, visit)))
    return visit(value)


def reveal(value: Value) -> Value:
    """The same value without `Secret` wrappers, for a provider's use only."""
    return walk(value, lambda leaf: leaf.value if isinstance(leaf, Secret) else leaf)


def mask(value: Value) -> Value:
    """The same value with every secret replaced by the text `[secret]`."""
    return walk(value, lambda leaf: "[secret]" if isinstance(leaf, Secret) else leaf)


def contains(value: Value, kind: type) -> bool:
    """Whether an instance of `kind` (Secret or Unknown) sits anywhere in `value`."""
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return contains(value.value, kind)
    if isinstance(value, Mapping):
        return any(contains(item, kind) for item in value.values())
    return isinstance(value, list | tuple) and any(contains(item, kind) for item in value)


def keep_secrets(inputs: Value, outputs: Value) -> Value:
    """`outputs` with everything wrapped that is secret at the same place in `inputs`.

    Lists are not matched item by item (their order may differ): one secret item makes the whole list secret.
    """
    if isinstance(outputs, Secret):
        return outputs
    if isinstance(inputs, Mapping) and isinstance(outputs, Mapping):
        return {key: keep_secrets(inputs.get(key), value) for key, value in outputs.items()}
    return Secret(outputs) if contains(inputs, Secret) else outputs
