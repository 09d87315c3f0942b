"""`./grocery images`: the container images of this project."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import building, images, machine, terminal
from cli.options import AsJson, StackName, Yes
from cli.stack import LOCAL_STACK, open_stack

app = typer.Typer(no_args_is_help=True, help="Build the container images of this project.")


@app.callback()
def group() -> None:
    """Keeps `build` a command of its own beside those to come."""


@app.command()
def build(
    stack: StackName = LOCAL_STACK,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build everything anew, from today's packages.")] = False,
    json: AsJson = False,
    yes: Yes = False,
) -> None:
    """Build every image that is missing or whose sources changed, into the stack's Docker engine."""
    opened = open_stack(stack)
    host = opened.settings.target.host
    steps = building.steps_before([images.RECIPES[0].name] if fresh else building.missing(opened.root, host))
    if steps:
        terminal.bullets(step.what for step in steps)
        terminal.confirm("Go on?", yes=yes, refusal="not confirmed")
        machine.carry_out(steps)
    report = building.build(opened.root, host, fresh=fresh)
    if json:
        terminal.show_json(report.as_json())
    else:
        images.render(report, terminal.out)
