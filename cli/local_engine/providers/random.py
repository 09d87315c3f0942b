"""random:RandomPassword."""

from __future__ import annotations

import secrets
import string

import bcrypt

from ..errors import ProviderError
from ..schema import Plain, Record
from ..wire import Properties
from .base import Created, ResourceType

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_KINDS = (
    ("lower", "minLower", string.ascii_lowercase),
    ("upper", "minUpper", string.ascii_uppercase),
    ("numeric", "minNumeric", string.digits),
    ("special", "minSpecial", _SPECIAL),
)


class RandomPassword(ResourceType):
    """A password from the operating system's random source. Every property makes a new one."""

    schema = Record(
        fields={
            "length": Plain(required=True, replaces=True),
            "keepers": Plain(replaces=True),
            **{kind: Plain(default=True, replaces=True) for kind, _, _ in _KINDS},
            **{minimum: Plain(default=0, replaces=True) for _, minimum, _ in _KINDS},
        }
    )

    def create(self, inputs: Properties) -> Created:
        wanted = [(alphabet, inputs[minimum]) for kind, minimum, alphabet in _KINDS if inputs[kind]]
        length = inputs["length"]
        if not wanted or sum(minimum for _, minimum in wanted) > length:
            raise ProviderError(f"no password of length {length} satisfies the kinds of characters asked for")
        letters = [secrets.choice(alphabet) for alphabet, minimum in wanted for _ in range(minimum)]
        everything = "".join(alphabet for alphabet, _ in wanted)
        letters += [secrets.choice(everything) for _ in range(length - len(letters))]
        secrets.SystemRandom().shuffle(letters)
        result = "".join(letters)
        # bcrypt looks at 72 bytes only, as the real provider's hash does
        hashed = bcrypt.hashpw(result.encode()[:72], bcrypt.gensalt(10)).decode()
        outputs = {**inputs, "number": inputs["numeric"], "result": result, "bcryptHash": hashed, "id": "none"}
        if outputs["keepers"] is None:
            del outputs["keepers"]
        return Created(id="none", outputs=outputs)
