"""Every secret value of a stack, and where one shows. Searched by value, so that no name can hide one."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from docker.errors import APIError

from cli.local_engine.state import Store
from cli.local_engine.wire import Secret
from tests.e2e import inside
from tests.e2e.faults import Repeatedly
from tests.support.checkout import Checkout
from tests.support.looking import run_in, services

PUBLIC_HALVES = ("publicKeyPem", "publicKeyOpenssh")
SHORTEST = 16
SAMPLING_PAUSE = 0.2
LAST_LINES = 200
_NAMED = re.compile(r"^[a-z][a-z0-9-]*=(?=.)")


def secret_values(checkout: Checkout) -> dict[str, str]:
    """Where it was found -> a secret value in clear: from the files inside the containers that need it, from the state
    with its seals broken, and what the seals are made with.

    Of a multi-line key each line counts: one of them in a log is as bad as all.
    """
    passphrase = (checkout.root / ".local" / "passphrase").read_text().strip()
    found = {"passphrase": passphrase}
    with checkout.api() as api:
        for workload, service in services(api, checkout.stack).items():
            container = service["Spec"]["TaskTemplate"]["ContainerSpec"]
            for entry in container.get("Secrets") or ():
                path = entry["File"]["Name"]
                code, text = run_in(api, checkout.stack, workload, "/bin/cat", path)
                assert code == 0, f"{workload} may read its own secret {path}: {text}"
                found |= _lines(f"{workload}{path}", text)
    mounted = len(found)
    assert mounted >= 12, f"the stack has its secrets: {sorted(found)}"
    state = Store(checkout.state_dir, checkout.stack, passphrase).require()
    for resource in state.resources:
        for text in _unsealed([resource.inputs, resource.outputs]):
            found |= _lines(resource.urn.rpartition("::")[2], text)
    assert len(found) > mounted, "the state keeps more than is mounted, such as the authority's key"
    # A private key ends with its public half.
    public = [str(resource.outputs.get(half)) for resource in state.resources for half in PUBLIC_HALVES]
    found = {place: value for place, value in found.items() if not any(value in half for half in public)}
    return {place: value for value, place in {value: place for place, value in found.items()}.items()}


def _lines(place: str, text: str) -> dict[str, str]:
    """Of a line that names its value, the value counts."""
    lines = [_NAMED.sub("", line) for line in text.strip().splitlines()]
    return {
        f"{place}:{number}": line
        for number, line in enumerate(lines)
        if not line.startswith("-----") and len(line) >= SHORTEST
    }


def _unsealed(value: object) -> Iterator[str]:
    """Every text in a value of the state that is, or is part of, a secret."""
    if isinstance(value, Secret):
        yield from _texts(value.value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _unsealed(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _unsealed(item)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def forms(value: str) -> set[str]:
    """A value as it looks in clear, in JSON, and anywhere inside base64 text."""
    raw = value.encode()
    encoded = set()
    # What stands before it decides how its bits fall on the letters; the letters at the ends it shares with others.
    for shift, shared in enumerate((0, 2, 3)):
        text = base64.b64encode(b"\0" * shift + raw).decode()
        encoded.add(text[shared : (shift + len(raw)) // 3 * 4])
    return {value, json.dumps(value)[1:-1], *encoded}


def hits(values: Mapping[str, str], text: str) -> list[str]:
    """Which of the secrets the text holds, in clear or encoded."""
    return [place for place, value in values.items() if any(form in text for form in forms(value))]


@dataclass
class Seen:
    """What everybody could see who may look at the engine: by the container's workload."""

    told: dict[str, set[str]] = field(default_factory=dict)

    def hits(self, values: Mapping[str, str]) -> list[str]:
        return [
            f"{workload}: {place}"
            for workload, texts in self.told.items()
            for place in hits(values, "\n".join(sorted(texts)))
        ]

    @property
    def text(self) -> str:
        return "\n".join(text for texts in self.told.values() for text in texts)


@contextmanager
def looking(checkout: Checkout) -> Iterator[Seen]:
    """Looks again and again, while the block runs, at every container of the stack: how it was made, what it logs, the
    command lines of its processes."""
    seen = Seen()

    def look() -> None:
        # What has just ended has no processes, and is soon gone.
        with contextlib.suppress(APIError):
            for found in inside.containers(checkout):
                told = seen.told.setdefault(inside.workload_of(found), set())
                told.add(json.dumps(found["Config"]))
                with checkout.api() as api:
                    said = api.logs(found["Id"], stdout=True, stderr=True, tail=LAST_LINES)
                    told.update(said.decode(errors="replace").splitlines())
                    listed = api.top(found["Id"], "-eo pid,args")["Processes"]
                    told.update(process[-1] for process in listed or ())

    with Repeatedly(look, pause=SAMPLING_PAUSE):
        yield seen
