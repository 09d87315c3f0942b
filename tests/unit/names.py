"""The names of a stack's resources, which are API: moving one needs an alias, or the resource is replaced.

python -m tests.unit.names        writes resources.json anew, after a change that was meant
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.recording import record, stack_settings

GOLDEN = Path(__file__).parent / "resources.json"


def golden() -> dict[str, list[list[str]]]:
    """Stack -> [type, name] of each resource, sorted."""
    names: dict[str, list[list[str]]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return names


if __name__ == "__main__":
    stacks = {
        stack: [list(pair) for pair in record(stack, stack_settings(stack), preview=False).names]
        for stack in ("local", "staging", "prod")
    }
    lines = ",\n".join(
        f'  "{stack}": [\n' + ",\n".join(f"    {json.dumps(pair)}" for pair in pairs) + "\n  ]"
        for stack, pairs in stacks.items()
    )
    GOLDEN.write_text("{\n" + lines + "\n}\n", encoding="utf-8")
