"""`./grocery images`: the container images of this project."""

from __future__ import annotations

import typer

from cli import terminal
from cli.options import StackName
from cli.stack import LOCAL_STACK, open_stack

app = typer.Typer(no_args_is_help=True, help="Build the container images of this project.")


@app.command()
def build(stack: StackName = LOCAL_STACK) -> None:
    """Build every image that is missing or whose sources changed, into the stack's Docker engine."""
    from cli import images

    opened = open_stack(stack)
    images.build(opened.root, opened.settings.target.host)
    terminal.done("all images are built")
