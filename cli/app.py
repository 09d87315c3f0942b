"""The command line: which commands there are, and the one place where errors become words and exit codes."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from cli import terminal
from cli.commands import (
    alerts,
    backup,
    bench,
    config,
    doctor,
    down,
    drill,
    images,
    logs,
    prepare,
    preview,
    refresh,
    restore,
    status,
    test,
    up,
)
from cli.commands.open import open_part
from cli.errors import Cancelled, GroceryError


class Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as typer declares it
        """As they are given below: groups of commands among the others, not after them."""
        known = super().list_commands(ctx)
        return sorted(known, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as typer declares it
        try:
            return super().invoke(ctx)
        except GroceryError as error:
            terminal.show_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            stopped = Cancelled(
                "stopped by Ctrl-C", next="what was finished is kept; run the same command again to go on"
            )
            terminal.show_error(stopped)
            raise typer.Exit(stopped.exit_code) from interrupt


app = typer.Typer(
    cls=Commands,
    name="grocery",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""
Grocery List, deployed: a shared grocery list over HTTPS on a Docker Swarm, from one Pulumi program.

[bold]./grocery up[/] on a bare Debian or Ubuntu machine ends with the app at https://localhost:8443.

Exit codes: 0 well · 1 failed, or something is wrong · 2 usage, configuration or machine: nothing was changed ·
6 no such stack · 7 changes where none were expected · 8 cancelled.
""",
)

RUN = "Run it"
LOOK = "Look at it"
KEEP = "Keep its data"
MAKE = "Build and prove it"

app.command(rich_help_panel=RUN)(up.up)
app.command(rich_help_panel=RUN)(preview.preview)
app.command(rich_help_panel=RUN)(refresh.refresh)
app.command(rich_help_panel=RUN)(down.down)
app.command(rich_help_panel=RUN)(prepare.prepare)
app.add_typer(config.app, name="config", rich_help_panel=RUN)
app.command(rich_help_panel=LOOK)(status.status)
app.command(rich_help_panel=LOOK)(logs.logs)
app.add_typer(alerts.app, name="alerts", rich_help_panel=LOOK)
app.command("open", rich_help_panel=LOOK)(open_part)
app.command(rich_help_panel=LOOK)(doctor.doctor)
app.add_typer(backup.app, name="backup", rich_help_panel=KEEP)
app.command(rich_help_panel=KEEP)(restore.restore)
app.command(rich_help_panel=KEEP)(drill.drill)
app.add_typer(images.app, name="images", rich_help_panel=MAKE)
app.command(rich_help_panel=MAKE)(test.test)
app.command(rich_help_panel=MAKE)(bench.bench)


ORDER = (
    *("up", "preview", "refresh", "down", "prepare", "config"),
    *("status", "logs", "alerts", "open", "doctor"),
    *("backup", "restore", "drill"),
    *("images", "test", "bench"),
)


def main() -> None:
    app(prog_name="./grocery")
