"""`./grocery test`: every proof this project has, by one command."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from cli import debian
from cli.options import Yes
from cli.stack import ROOT


class Tier(StrEnum):
    """unit: style, types, the whole graph, the command. engine: the local engine. e2e: the real app, in browsers."""

    UNIT = "unit"
    ENGINE = "engine"
    E2E = "e2e"


FOLDERS = {Tier.UNIT: ("tests/checks", "tests/unit"), Tier.ENGINE: ("tests/engine",), Tier.E2E: ("tests/e2e",)}


def test(
    tier: Annotated[Tier | None, typer.Argument(help="unit, engine or e2e; all three when left out.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Include the tests that take many minutes.")] = False,
    keyword: Annotated[str | None, typer.Option("--only", "-k", help="Only tests whose name matches.")] = None,
    yes: Yes = False,
) -> None:
    """Run the tests.

    engine and e2e start a Docker engine of their own, in its own network, and remove it again: nothing that runs on
    this machine is touched. They need root for that.
    """
    tiers = [tier] if tier else list(Tier)
    debian.ensure(
        (debian.TEST_PROGRAMS[chosen] for chosen in tiers), why="the tests", yes=yes or bool(os.environ.get("CI"))
    )
    folders = [folder for chosen in tiers for folder in FOLDERS[chosen] if (ROOT / folder).is_dir()]
    selection = ["--durations", "25", *([] if full else ["-m", "not full"])]
    if Tier.E2E in tiers:
        # Two at a time, each with an engine of its own: those tests wait most of the time.
        selection += ["-n", "auto"]
    if keyword:
        selection += ["-k", keyword]
    os.chdir(ROOT)
    sys.stdout.flush()
    # In place of this process: pytest gets the terminal, the signals, and the last word.
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *selection, *folders])  # noqa: S606 - our own interpreter


# pytest would take the function for a test wherever this module is imported.
test.__test__ = False  # type: ignore[attr-defined]
