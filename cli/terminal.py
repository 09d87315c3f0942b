"""What is said to a person, and how: progress and questions on stderr, results on stdout, so that both can be piped."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.errors import Cancelled, GroceryError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Says one line (rich markup) on stderr."""
    err.print(text, soft_wrap=True)


def step(text: str) -> None:
    """Says what is about to be done."""
    err.print(f"[bold cyan]→[/] {text}", soft_wrap=True)


def done(text: str) -> None:
    err.print(f"[bold green]✓[/] {text}", soft_wrap=True)


def warn(text: str) -> None:
    err.print(f"[bold yellow]![/] {text}", soft_wrap=True)


def show_error(error: GroceryError) -> None:
    """The one rendering of every error."""
    err.print(f"[bold red]error:[/] {escape(error.what)}", soft_wrap=True)
    for label, text in (("found", error.value), ("expected", error.expected), ("next", error.next)):
        if text:
            first, *rest = text.splitlines()
            err.print(f"  [bold]{label:<9}[/] {escape(first)}", soft_wrap=True)
            for line in rest:
                err.print(f"  {'':<9} {escape(line)}", soft_wrap=True)
    if error.details:
        err.print()
        for line in error.details.rstrip().splitlines():
            err.print(f"  [dim]│[/] {escape(line)}", soft_wrap=True)


def show_json(value: object) -> None:
    """Prints a result for programs: stable key order, nothing else on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True) + "\n")


def table(*headings: str) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def span(seconds: float) -> str:
    """A length of time as a person says it: 40s, 5m, 3h, 2d."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """While something takes its time: shows what it is and how long it has taken. What is yielded changes the text.

    Where nobody looks (a file, a pipe) each text that is new is a line.
    """
    if not err.is_terminal:
        step(escape(text))
        said = {text}

        def tell(words: str) -> None:
            if words not in said:
                said.add(words)
                err.print(f"  {escape(words)}", soft_wrap=True)

        yield tell
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(escape(text), total=None)
        yield lambda words: progress.update(task, description=f"{escape(text)}: [dim]{escape(words)}[/]")


def bullets(lines: Iterable[str]) -> None:
    for line in lines:
        err.print(f"  • {line}", soft_wrap=True)


def interactive() -> bool:
    """Is there a person to ask? Continuous integration counts as none."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


def confirm(question: str, *, yes: bool, refusal: str) -> None:
    """Returns when the answer is yes. Raises Cancelled when it is no, or when nobody can be asked and --yes is missing.

    refusal: what the error says was not done.
    """
    if yes:
        return
    if not interactive():
        raise Cancelled(refusal, expected="an answer (there is no terminal)", next="run it again with --yes")
    err.print(f"{question} [bold]\\[y/N][/] ", end="")
    if _answer().lower() not in ("y", "yes"):
        raise Cancelled(refusal, next="nothing was changed")


def confirm_by_name(question: str, name: str, *, yes: bool, refusal: str) -> None:
    """Like `confirm`, for what cannot be undone: the name must be typed."""
    if yes:
        return
    if not interactive():
        raise Cancelled(refusal, expected="the name typed in (there is no terminal)", next="run it again with --yes")
    err.print(f"{question} Type [bold]{escape(name)}[/] to go on: ", end="")
    if _answer() != name:
        raise Cancelled(refusal, next="nothing was changed")


def _answer() -> str:
    """What was typed; nothing at the end of the input."""
    try:
        return input().strip()
    except EOFError:
        return ""
