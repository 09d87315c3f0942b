"""`./grocery logs`: what the services say."""

from __future__ import annotations

import json as json_format
import re
import sys
import time
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape

from cli import engine_host, terminal
from cli.engine_host import Api
from cli.errors import ConfigError
from cli.log_lines import Line, matching, merged, newest, readable
from cli.options import StackName
from cli.said import Following, said
from cli.stack import LOCAL_STACK, Stack, open_stack

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
TAIL = 100


def logs(
    services: Annotated[list[str] | None, typer.Argument(help="Which services; all of them when left out.")] = None,
    stack: StackName = LOCAL_STACK,
    service: Annotated[
        list[str] | None, typer.Option("--service", help="The same as an option; may be given several times.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is said, until Ctrl-C.")] = False,
    since: Annotated[str | None, typer.Option("--since", help="Only what is younger: 90s, 10m, 2h, 1d.")] = None,
    grep: Annotated[
        str | None, typer.Option("--grep", "-g", help="Only lines in which this regular expression is found.")
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option(
            "--tail", "-n", min=0, help=f"The newest lines of each service; {TAIL}, or all with --since or --grep."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, the text as it was written.")] = False,
) -> None:
    """Show what the services say, all together in the order of time.

    A request has the same ID at the edge, in the API and in the database: [bold]--grep ID[/] follows it.
    """
    opened = open_stack(stack)
    pattern = _pattern(grep)
    begin = int(time.time() - seconds(since)) if since else None
    count = tail if tail is not None else None if since or grep else TAIL
    with engine_host.connect(opened.settings.target.host) as api:
        chosen = _services(opened, api, [*(services or ()), *(service or ())])
        began = str(api.info()["SystemTime"])
        # What is looked for may be anywhere: the newest lines are those that match.
        told = said(api, chosen, since=begin, count=None if pattern else count)
    width = max(len(name) for name in chosen)
    _show(merged(newest(matching(lines, pattern), count) for lines in told.values()), width, json=json)
    if follow:
        following = Following(opened.settings.target.host, opened.name, frozenset(chosen), began=began, told=told)
        try:
            _show(matching(following.lines(), pattern), width, json=json)
        except KeyboardInterrupt:
            return  # the way it ends


def seconds(text: str) -> int:
    """ "10m" -> 600. Raises ConfigError."""
    if not (text[:-1].isdigit() and text[-1:] in UNITS):
        raise ConfigError("--since is not a length of time", value=text, expected="a whole number and s, m, h or d")
    return int(text[:-1]) * UNITS[text[-1]]


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(
            "--grep is not a regular expression",
            value=f"{text!r}: {error}",
            expected="one as Python writes them",
            next="write a backslash before characters that are meant as they are: ( ) [ ] { } . * + ? | ^ $",
        ) from error


def _services(stack: Stack, api: Api, wanted: list[str]) -> dict[str, str]:
    """Workload name -> service ID, of those that are wanted (all for none)."""
    names = {engine_host.workload_of(entry): str(entry["ID"]) for entry in engine_host.services_of(api, stack.name)}
    if not names:
        raise ConfigError(
            f"stack {stack.name} has no services",
            expected="a stack that is up",
            next=f"./grocery up --stack {stack.name}",
        )
    for name in wanted:
        if name not in names:
            raise ConfigError(f"there is no service {name}", value=name, expected=f"one of {', '.join(sorted(names))}")
    return {name: names[name] for name in wanted or names}


def _show(lines: Iterable[Line], width: int, *, json: bool) -> None:
    for line in lines:
        if json:
            sys.stdout.write(json_format.dumps(line.as_json(), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            terminal.out.print(shown(line, width), soft_wrap=True)


def shown(line: Line, width: int) -> str:
    """A line as rich markup: time, service, level, message, and what else is said. width: of the services' names."""
    found = readable(line.text)
    level = f"[bold red]{escape(found.level)}[/] " if found.grave else f"{escape(found.level)} " if found.level else ""
    request = f" [magenta]id={escape(found.request)}[/]" if found.request else ""
    rest = "".join(f" {name}={value}" for name, value in found.rest)
    return (
        f"[dim]{line.moment[:23]}[/] [cyan]{line.service:<{width}}[/] {level}{escape(found.message)}{request}"
        f"[dim]{escape(rest)}[/]"
    )
