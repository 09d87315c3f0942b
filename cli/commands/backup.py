"""`./grocery backup`: makes one now, shows what there is, reads it all, and prints the key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli import engine_host, repository, terminal
from cli.errors import ConfigError, ExitCode
from cli.options import AsJson, StackName
from cli.stack import LOCAL_STACK, open_stack

if TYPE_CHECKING:
    from cli.backups import Backup, Repository, State

app = typer.Typer(invoke_without_command=True)

Full = Annotated[bool, typer.Option("--full", help="Everything anew, instead of what changed since the last one.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="The database is a new one on purpose: keep it where another one's backups are.")
]


@app.callback()
def backup(
    context: typer.Context,
    stack: StackName = LOCAL_STACK,
    full: Full = False,
    adopt: Adopt = False,
    json: AsJson = False,
) -> None:
    """Make a backup now, beside those of the schedule: of what changed since the last one, or of everything.

    [bold]./grocery backup list[/] shows what there is, [bold]restore[/] goes back to it, [bold]drill[/] proves it.
    """
    if context.invoked_subcommand is None:
        make(stack, full=full, adopt=adopt, json=json)
        return
    if full or adopt:
        raise ConfigError(
            f"`backup {context.invoked_subcommand}` makes no backup",
            value="--full" if full else "--adopt",
            expected="the option where a backup is made",
            next="./grocery backup --full",
        )
    # Whatever is given before the name of the subcommand is meant for it.
    context.default_map = {context.invoked_subcommand: {"stack": stack, "json": json}}


def make(name: str, *, full: bool, adopt: bool, json: bool) -> None:
    from cli.backups import size

    opened = open_stack(name)
    repository.require_backups(opened)
    kind = "full" if full else "incremental"
    with terminal.working(f"backing up ({kind})") as hear:
        made = repository.back_up(opened, kind, adopt=adopt, hear=hear)
    if json:
        terminal.show_json(made.as_json())
        return
    terminal.done(
        f"backup [bold]{escape(made.label)}[/] ({made.kind}) in {made.seconds:.0f} s: "
        f"{size(made.database_bytes)}, which take {size(made.repository_bytes)}"
    )


@app.command("list")
def listed(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Show every backup: its size, age, log, and when it was last read and found whole; and what can be reached."""
    opened = open_stack(stack)
    repository.require_backups(opened)
    with engine_host.connect(opened.settings.target.host) as api:
        found = repository.state(opened, api)
    if json:
        terminal.show_json(found.as_json())
        return
    for line in lines_of(found):
        terminal.out.print(line, soft_wrap=True)


def lines_of(found: State) -> Iterator[str]:
    """The list as rich markup, a table for each repository."""
    from cli.backups import reachable, size, summary

    for kept in found.repositories:
        colour = "green" if kept.status == "ok" else "yellow" if kept.status == "empty" else "red"
        status = escape(f"{kept.status}: {kept.message}" if kept.message else kept.status)
        log = f", log {kept.archive.oldest} to {kept.archive.newest}" if kept.archive.newest else ""
        yield f"[bold]{kept.name}[/]  [{colour}]{status}[/], {size(kept.bytes)}{log}"
        yield from _rows(found, kept)
        yield ""
    yield f"can be reached: {escape(reachable(found))}"
    yield f"backups: {escape(summary(found))}"


def _rows(found: State, kept: Repository) -> Iterator[str]:
    from cli.backups import said, size

    headings = ("backup", "kind", "ended", "age", "database", "takes", "log", "verified", "note")
    rows = [
        (
            each.label,
            each.kind,
            said(each.stopped),
            terminal.span(found.moment - each.stopped),
            size(each.database_bytes),
            size(each.repository_bytes),
            _log(each),
            "DAMAGED" if each.damaged else "-" if each.verified is None else said(each.verified),
            each.note,
        )
        for each in sorted(kept.backups, key=lambda backup: backup.stopped)
    ]
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for number, row in enumerate([headings, *rows]):
        text = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        style = "dim" if number == 0 else "red" if "DAMAGED" in row else "default"
        yield f"  [{style}]{escape(text)}[/]"


def _log(each: Backup) -> str:
    """The segments of the log without which the backup is nothing."""
    if each.wal_from == each.wal_to or not each.wal_to:
        return each.wal_from or "-"
    return f"{each.wal_from}..{each.wal_to[-8:]}"


@app.command()
def verify(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Read every file of every repository and compare it with what was written. Exits 1 when something is not whole."""
    opened = open_stack(stack)
    repository.require_backups(opened)
    with terminal.working("reading the repositories") as hear:
        found = repository.verify(opened, hear=hear)
    if json:
        terminal.show_json(found.as_json())
    elif found.ok:
        terminal.done(f"every file of every repository is whole ({found.seconds:.0f} s)")
    else:
        for fault in found.faults:
            terminal.out.print(f"[bold red]✗[/] {escape(fault)}", soft_wrap=True)
        terminal.say("  docs/runbooks/corrupted-repository.md says what to do")
    if not found.ok:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def key(stack: StackName = LOCAL_STACK) -> None:
    """Print the key the backups are encrypted with, to be kept elsewhere: without it nothing of them can be read."""
    opened = open_stack(stack)
    repository.require_backups(opened)
    with engine_host.connect(opened.settings.target.host) as api:
        text = repository.key(opened, api)
    terminal.say("[dim]Keep it where this machine's end does not reach: a password manager, a safe.[/]")
    terminal.out.print(text, soft_wrap=True, markup=False)
    repository.note_key_shown(opened)
