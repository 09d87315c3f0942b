"""`./grocery down`: the way back, with or without the data."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer
from rich.markup import escape

from cli import engine_host, terminal
from cli.engines import engine_of
from cli.options import StackName, Yes
from cli.stack import LOCAL_STACK, Stack, open_stack


def down(
    stack: StackName = LOCAL_STACK,
    data: Annotated[bool, typer.Option("--data", help="Remove the data too: lists, logins, keys.")] = False,
    yes: Yes = False,
) -> None:
    """Take the stack down. The data stays, unless --data says otherwise.

    Without --data everything is removed but the data volume, the stack's certificate authority and its keys: the next
    `up` finds all lists and logins again. With --data nothing is left.
    """
    opened = open_stack(stack)
    engine = engine_of(opened)
    with opened.exclusively():
        if data:
            terminal.confirm_by_name(
                f"This removes stack [bold]{escape(stack)}[/] with every list, login and key. It cannot be undone.",
                stack,
                yes=yes,
                refusal="the data was not removed",
            )
        else:
            terminal.confirm(
                f"Take stack [bold]{escape(stack)}[/] down? The data stays.", yes=yes, refusal="not confirmed"
            )
        engine.destroy(with_data=data)
        if data:
            _remove_leftovers(opened)
    terminal.done(f"stack {escape(stack)} is down" + ("; its data is gone" if data else "; its data stays"))


def _remove_leftovers(stack: Stack) -> None:
    """The data volume outlives even a destroyed stack (it is retained on purpose); here its end was asked for."""
    with engine_host.connect(stack.settings.target.host) as api:
        label = f"{engine_host.STACK_LABEL}={stack.name}"
        for volume in api.volumes(filters={"label": label}).get("Volumes") or ():
            terminal.step(f"removing volume {escape(volume['Name'])}")
            api.remove_volume(volume["Name"])
    for path in stack.state_dir.iterdir():
        if path.name != "command.lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
