"""The judgements of what monitoring needs of its own: its types, and its programs against an engine and an edge that
tests made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.node import npm, workspace


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workspace(tmp_path_factory.mktemp("monitor"), "monitor", "app/schema", "app/tsconfig.base.json")


def test_the_types_of_monitoring_hold(monitor: Path) -> None:
    npm(monitor, "run", "check")


def test_the_programs_of_monitoring_keep_their_promises(monitor: Path) -> None:
    npm(monitor, "test")


def test_each_program_of_monitoring_becomes_one_file(monitor: Path) -> None:
    npm(monitor, "run", "build")
    assert sorted(file.name for file in monitor.glob("*/dist/*")) == ["collector.mjs", "synthetic.mjs"]
