"""Who may import whom: __main__ -> components -> (rendering, settings); cli beside them; the local engine knows
nobody."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.recording import ROOT

OURS = {"__main__", "settings", "components", "rendering", "cli"}


def imports(path: Path) -> Iterator[str]:
    """Absolute names of the modules a file imports, wherever in it."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def files(*places: str) -> list[Path]:
    found = [
        path for place in places for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    assert found, f"{places} holds no code"
    return found


def allowed(path: Path, may: set[str]) -> list[str]:
    """Imports of our own modules that `path` may not have."""
    return [
        name
        for name in imports(path)
        if name.partition(".")[0] in OURS and not any(name == one or name.startswith(f"{one}.") for one in may)
    ]


@pytest.mark.parametrize(
    ("place", "may"),
    [
        ("settings", {"settings"}),
        ("rendering", {"rendering"}),
        ("components", {"components", "rendering", "settings"}),
        ("__main__.py", {"components", "settings"}),
        ("cli/local_engine", {"cli.local_engine"}),
        ("cli", {"cli", "settings", "rendering.monitoring.figures"}),
    ],
)
def test_arrows_point_one_way(place: str, may: set[str]) -> None:
    for path in files(place):
        assert not allowed(path, may), f"{path.relative_to(ROOT)} imports what it may not know"


@pytest.mark.parametrize("place", ["settings", "rendering"])
def test_settings_and_rendering_work_without_pulumi(place: str) -> None:
    for path in files(place):
        assert not [name for name in imports(path) if name.startswith("pulumi")], path.name


def test_the_program_stays_a_page() -> None:
    lines = (ROOT / "__main__.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40, "settings -> GroceryList -> exports, nothing else"
