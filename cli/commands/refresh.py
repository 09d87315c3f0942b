"""`./grocery refresh`: has anything been changed behind the program's back?"""

from __future__ import annotations

from typing import Annotated

import typer

from cli import terminal
from cli.engines import engine_of
from cli.errors import UnexpectedChanges
from cli.options import StackName
from cli.stack import LOCAL_STACK, open_stack


def refresh(
    stack: StackName = LOCAL_STACK,
    expect_no_changes: Annotated[bool, typer.Option("--expect-no-changes", help="Exit 7 if anything drifted.")] = False,
) -> None:
    """Read what is really there into the state, so that the next `up` puts back what differs."""
    opened = open_stack(stack)
    with opened.exclusively():
        drifted = engine_of(opened).refresh()
    if not drifted:
        terminal.done("nothing has drifted")
    elif expect_no_changes:
        raise UnexpectedChanges(
            f"stack {stack} was changed behind the program's back",
            value=f"{drifted} resources drifted",
            expected="no drift",
            next=f"./grocery up --stack {stack} puts them back",
        )
    else:
        terminal.warn(f"{drifted} resources drifted: ./grocery up --stack {stack} puts them back")
