"""Programs and packages of Node that tests use; Node itself is among the pinned Python packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.checkout import ROOT, tracked_files

PACKAGES = Path(__file__).with_name("node")
"""The package.json and the lock file of what tests use."""
_BESIDE = Path(sys.executable).parent


def environment() -> dict[str, str]:
    """In which `node` and `npm` are the pinned ones: the machine's own may be too old, or absent."""
    return {**os.environ, "PATH": f"{_BESIDE}:{os.environ['PATH']}", "NO_COLOR": "1"}


def npm(folder: Path, *arguments: str) -> None:
    """Runs npm in a folder; fails with what it said."""
    result = run("npm", *arguments, cwd=folder)
    said = f"{result.stdout[-6000:]}{result.stderr[-2000:]}"
    assert result.returncode == 0, f"npm {' '.join(arguments)} ended with {result.returncode}:\n{said}"


def workspace(folder: Path, name: str, *beside: str) -> Path:
    """A copy of an npm workspace of this tree in `folder`, and of what it reads `beside` itself.

    It has the packages of its lock file: nothing that a developer left is tested.
    """
    for part in (name, *beside):
        for file in tracked_files(part):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, folder / file)
    npm(folder / name, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    return folder / name


def run(
    program: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={**environment(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def packages(listed: Path = PACKAGES) -> Path:
    """The folder node_modules with the packages of the lock file in `listed`, installed once for each lock file.

    It lies in the virtual environment, beside the Python packages it is one of a kind with.
    """
    files = [listed / name for name in ("package.json", "package-lock.json")]
    identity = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    home = Path(sys.prefix) / "node-packages"
    ready = home / identity
    if not ready.is_dir():
        home.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix="tmp-") as name:
            draft = Path(name) / "draft"
            draft.mkdir()
            for file in files:
                shutil.copy2(file, draft)
            npm(draft, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            try:
                draft.rename(ready)
            except OSError:
                # Somebody else's was ready first.
                assert ready.is_dir()
    return ready / "node_modules"
