"""Waiting until a stack is well, after something was done to it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.markup import escape

from cli import health, terminal
from cli.engine_host import Api
from cli.stack import Stack

VERIFICATION_SECONDS = 120


def wait_until_well(stack: Stack, api: Api, *, engine: str, outputs: Mapping[str, object]) -> list[str]:
    """Returns once nothing is wrong any more that an update can make wrong, and warns of the rest; or after a while,
    with what still is."""
    terminal.step("waiting until everything answers")
    until = time.monotonic() + VERIFICATION_SECONDS
    while True:
        found = health.examine(stack, api, engine=engine, outputs=outputs)
        wrong = [problem for problem in found.problems if problem not in found.lasting]
        if not wrong:
            for problem in found.lasting:
                terminal.warn(escape(problem))
            return []
        if time.monotonic() > until:
            return wrong
        time.sleep(0.5)
