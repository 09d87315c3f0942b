"""The application's own judgements: its types, and its server against a PostgreSQL of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, tracked_files


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the application with the packages of its lock file, so that nothing a developer left is tested."""
    folder = tmp_path_factory.mktemp("app")
    for name in tracked_files("app"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    # PostgreSQL refuses to run as root, so the tests run theirs as somebody who must get through to it.
    for part in (folder, *folder.parents):
        if part.owner() == folder.owner() and part != Path(part.anchor):
            part.chmod(part.stat().st_mode | 0o011)
    npm(folder / "app", "ci", "--no-audit", "--no-fund", "--loglevel=error")
    return folder / "app"


def npm(folder: Path, *arguments: str) -> None:
    """Node is among the pinned Python packages: the machine's own may be too old, or absent."""
    beside = str(Path(sys.executable).parent)
    result = subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": f"{beside}:{os.environ['PATH']}", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        pytest.fail(f"npm {' '.join(arguments)}\n{result.stdout[-6000:]}{result.stderr[-2000:]}", pytrace=False)


def test_the_application_s_types_hold(app: Path) -> None:
    npm(app, "run", "typecheck")


def test_the_server_keeps_its_promises(app: Path) -> None:
    npm(app, "test")
