"""What every resource type offers the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ProviderError
from ..schema import Record
from ..wire import Properties, Value


@dataclass(frozen=True, kw_only=True)
class Created:
    """A new object: its provider's id and everything known about it, in the program's property names."""

    id: str
    outputs: Properties


class ResourceType:
    """One type of resource. `inputs` are complete (every property of the schema present) and without secrets.

    The defaults fit a type that only computes values (keys, passwords): nothing exists outside the state, so there is
    nothing to read, find or delete.
    """

    schema: ClassVar[Record]
    external: ClassVar[bool] = False  # an object exists outside the state, and is found again by its name
    adopts: ClassVar[bool] = False  # creating one that exists under this name takes it over
    converges: ClassVar[bool] = False  # an object can exist without having come up

    def create(self, inputs: Properties) -> Created:
        raise NotImplementedError

    def read(self, resource_id: str, known: Mapping[str, Value]) -> Properties | None:
        """The object as it is now; None when it is gone. `known` supplies what cannot be read back."""
        return dict(known)

    def find(self, name: str) -> str | None:
        """The id of the object with this physical name."""
        return None

    def update(self, resource_id: str, inputs: Properties, outputs: Mapping[str, Value]) -> Properties:
        """Change the object in place; returns its new outputs."""
        raise ProviderError("this type cannot be changed in place")

    def delete(self, resource_id: str, outputs: Mapping[str, Value]) -> None:
        """Remove the object; one that is gone already is no error."""

    def renewal(self, outputs: Mapping[str, Value]) -> str | None:
        """Why the object must be replaced although its inputs did not change."""
        return None
