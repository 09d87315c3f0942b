"""`./grocery drill`: proves that the backups can be restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from cli import repository, terminal
from cli.errors import ExitCode
from cli.options import AsJson, StackName
from cli.stack import LOCAL_STACK, open_stack

if TYPE_CHECKING:
    from cli.backups import Evidence


def drill(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Restore the newest backup into a throw-away database, and compare every table with the live one.

    Nothing of the stack is stopped. It measures how much could be lost (RPO) and how long a restore takes (RTO), and is
    done by itself once a day. Exits 1 when the restore is not proven.
    """
    opened = open_stack(stack)
    repository.require_backups(opened)
    with terminal.working("restoring the newest backup beside the database") as hear:
        found = repository.drill(opened, hear=hear)
    if json:
        terminal.show_json(found.as_json())
    else:
        for line in lines_of(found):
            terminal.out.print(line, soft_wrap=True)
    if not found.proven:
        raise typer.Exit(ExitCode.FAILED)


def lines_of(found: Evidence) -> Iterator[str]:
    """What was proven, or why not, as rich markup."""
    from cli.backups import figures

    where = f" from backup {found.backup} of repository {found.repository}" if found.backup else ""
    if found.proven:
        rows = sum(table.rows or 0 for table in found.tables)
        yield (
            f"[bold green]✓[/] a restore is proven{escape(where)}: "
            f"{len(found.tables)} tables with {rows} rows are the same"
        )
    else:
        yield f"[bold red]✗[/] the restore{escape(where)} is not proven: {escape(found.reason)}"
        for table in found.tables:
            if not table.same:
                yield f"    {escape(table.name)} differs"
    if measured := figures(found):
        yield f"  {measured}  [dim](lost at most; from the beginning of a restore to the first answer)[/]"
