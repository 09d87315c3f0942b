"""`./grocery bench`: figures, as ratios measured side by side in one run."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cli import debian
from cli.errors import ConfigError, MachineError
from cli.options import AsJson, Yes
from cli.stack import ROOT


def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help="fresh, start, footprint, api, sync, edge, monitoring, backups; all when left out."),
    ] = None,
    json: AsJson = False,
    yes: Yes = False,
) -> None:
    """Measure start, latency, memory and sizes, each beside its yardstick in the same run.

    Starts a Docker engine of its own, in its own network, and removes it again: nothing that runs on this machine is
    touched. It needs root for that, and about twenty minutes.
    """
    program = ROOT / "tests" / "bench"
    if not program.is_dir():
        raise ConfigError("there is no bench in this checkout", value="tests/bench is missing", next="git checkout .")
    if os.geteuid() != 0:
        raise MachineError(
            "the bench starts a Docker engine of its own and reads the memory of its containers: only root can",
            next="sudo ./grocery bench",
        )
    debian.ensure([debian.TEST_PROGRAMS["e2e"]], why="the bench", yes=yes or bool(os.environ.get("CI")))
    options = ["--json"] if json else []
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "tests.bench", *options, *(parts or ())])  # noqa: S606 - our own
