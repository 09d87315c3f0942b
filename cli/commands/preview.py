"""`./grocery preview`: what `up` would do."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import engine_host, guards
from cli.engines import engine_of
from cli.errors import UnexpectedChanges
from cli.options import AsJson, StackName
from cli.stack import LOCAL_STACK, open_stack


def preview(
    stack: StackName = LOCAL_STACK,
    diff: Annotated[bool, typer.Option("--diff", help="Show every property that would change.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Look at what is really there first.")] = False,
    expect_no_changes: Annotated[bool, typer.Option("--expect-no-changes", help="Exit 7 if `up` has work.")] = False,
    json: AsJson = False,
) -> None:
    """Show what `up` would change, and change nothing."""
    opened = open_stack(stack)
    opened.settings  # noqa: B018 - validates
    engine = engine_of(opened)
    if api := engine_host.try_connect(opened.settings.target.host):
        with api:
            guards.check_data(opened, api, engine.outputs())
    changes = engine.preview(diff=diff, refresh=refresh, as_json=json)
    if expect_no_changes and changes:
        raise UnexpectedChanges(
            f"stack {stack} is not what the program says",
            value=f"{changes} resources would change",
            expected="no change",
            next=f"./grocery up --stack {stack}",
        )
