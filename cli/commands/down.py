"""`./grocery down`: the way back, with or without the data."""

from __future__ import annotations

import shutil
import time
from typing import Annotated

import typer
from docker.errors import APIError
from rich.markup import escape

from cli import engine_host, one_off, terminal
from cli.engines import engine_of
from cli.errors import UpdateFailed
from cli.options import StackName, Yes
from cli.stack import LOCAL_STACK, Stack, open_stack

LETTING_GO_SECONDS = 120
"""More than the longest stop grace of a service that mounts a volume."""
DATA_VOLUMES = ("postgres-data", "backups-repository")


def down(
    stack: StackName = LOCAL_STACK,
    data: Annotated[bool, typer.Option("--data", help="Remove the data too: lists, logins, keys, backups.")] = False,
    yes: Yes = False,
) -> None:
    """Take the stack down. The data stays, unless --data says otherwise.

    Without --data everything is removed but the data, its backups, issued certificates, the stack's certificate
    authority and its keys: the next `up` finds all lists and logins again. With --data nothing is left here; what is in
    a bucket stays there.
    """
    opened = open_stack(stack)
    engine = engine_of(opened)
    with opened.exclusively():
        if data:
            terminal.confirm_by_name(
                f"This removes stack [bold]{escape(stack)}[/] with every list, login, key and backup on its machine. "
                "It cannot be undone.",
                stack,
                yes=yes,
                refusal="the data was not removed",
            )
        else:
            terminal.confirm(
                f"Take stack [bold]{escape(stack)}[/] down? The data stays.", yes=yes, refusal="not confirmed"
            )
        _remove_one_offs(opened)
        engine.destroy(with_data=data)
        if data:
            _remove_leftovers(opened)
    terminal.done(f"stack {escape(stack)} is down" + ("; its data is gone" if data else "; its data stays"))


def _remove_one_offs(stack: Stack) -> None:
    """What restores left beside the services of the program, which knows nothing of it."""
    api = engine_host.try_connect(stack.settings.target.host)
    if api is None:
        return  # whoever takes down what is there says why it cannot
    with api:
        for name in one_off.remove_all(api, stack.name):
            terminal.step(f"removed {escape(name)}")


def _remove_leftovers(stack: Stack) -> None:
    """The data volume outlives even a destroyed stack (it is retained on purpose); here its end was asked for."""
    with engine_host.connect(stack.settings.target.host) as api:
        label = f"{engine_host.STACK_LABEL}={stack.name}"
        # A service is gone before its containers are: they end, and let go of their volumes, a moment later.
        until = time.monotonic() + LETTING_GO_SECONDS
        while api.containers(all=True, filters={"label": label}) and time.monotonic() < until:
            time.sleep(0.2)
        ours = [volume["Name"] for volume in api.volumes(filters={"label": label}).get("Volumes") or ()]
        # One that was lost and made anew by the engine has no label.
        known = {f"{stack.name}-{noun}" for noun in DATA_VOLUMES} - {*ours}
        ours += [volume["Name"] for volume in api.volumes().get("Volumes") or () if volume["Name"] in known]
        for name in ours:
            terminal.step(f"removing volume {escape(name)}")
            try:
                api.remove_volume(name)
            except APIError as refusal:
                raise UpdateFailed(
                    f"volume {name} could not be removed",
                    value=str(refusal.explanation),
                    next=f"./grocery down --data --stack {stack.name}   once nothing uses it",
                ) from refusal
    for path in stack.state_dir.iterdir():
        if path.name != "command.lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
