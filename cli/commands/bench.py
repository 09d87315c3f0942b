"""`./grocery bench`: figures, as ratios measured side by side in one run."""

from __future__ import annotations

import os
import sys

from cli import debian
from cli.errors import ConfigError
from cli.options import Yes
from cli.stack import ROOT


def bench(yes: Yes = False) -> None:
    """Measure start, latency, memory and sizes, each beside its yardstick in the same run."""
    program = ROOT / "tests" / "bench"
    if not program.is_dir():
        raise ConfigError("there is no bench in this checkout", value="tests/bench is missing", next="git checkout .")
    debian.ensure([debian.TEST_PROGRAMS["e2e"]], why="the bench", yes=yes or bool(os.environ.get("CI")))
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "tests.bench"])  # noqa: S606 - our own interpreter
