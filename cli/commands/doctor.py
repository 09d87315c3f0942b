"""`./grocery doctor`: what this machine has, and what it lacks."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass

import typer
from rich.markup import escape

from cli import building, debian, engine_host, machine, preflight, terminal
from cli.engines import engine_of
from cli.errors import ExitCode, GroceryError
from cli.options import AsJson, StackName
from cli.stack import LOCAL_STACK, Stack, open_stack


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    ok:     is it as it should be?
    needed: is it needed to run the stack, or only for something else (the tests)?
    next:   the way to get it, when it is not ok.
    """

    name: str
    ok: bool
    found: str
    needed: bool = True
    next: str | None = None


def doctor(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Say what this machine lacks to run the stack, and what the tests would need. Changes nothing.

    Exits 1 when something the stack needs is missing.
    """
    findings = examine(open_stack(stack))
    if json:
        terminal.show_json({"findings": [asdict(finding) for finding in findings]})
    else:
        table = terminal.table("", "", "found", "next")
        for finding in findings:
            mark = "[green]✓[/]" if finding.ok else ("[red]✗[/]" if finding.needed else "[yellow]-[/]")
            table.add_row(mark, finding.name, escape(finding.found), escape(finding.next or ""))
        terminal.out.print(table)
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def examine(stack: Stack) -> list[Finding]:
    host = stack.settings.target.host
    findings = [Finding(name="python", ok=True, found=platform.python_version())]
    api = engine_host.try_connect(host)
    if api is None:
        try:
            steps = machine.plan(host)
        except GroceryError as error:
            findings.append(_lack("docker engine", error))
        else:
            findings += [
                Finding(name="machine", ok=False, found=f"to do: {step.what}", next="./grocery prepare")
                for step in steps
            ]
        if engine_host.is_this_machine(host):
            findings.append(_checked("memory, disk, ports", lambda: preflight.check_machine(stack)))
    else:
        with api:
            version = api.version()
            findings.append(Finding(name="docker engine", ok=True, found=f"{version['Version']} at {host}"))
            findings.append(_swarm(api, host))
            findings.append(_checked("memory, disk, ports", lambda: preflight.check_engine(stack, api)))
            findings.append(_images(stack, host))
    findings.append(_engine(stack))
    for tier, programs in debian.TEST_PROGRAMS.items():
        lacking = debian.missing(programs)
        findings.append(
            Finding(
                name=f"for ./grocery test {tier}",
                ok=not lacking,
                found="missing: " + " ".join(lacking) if lacking else "all there",
                needed=False,
                next=f"./grocery test {tier} installs them" if lacking else None,
            )
        )
    return findings


def _swarm(api: engine_host.Api, host: str) -> Finding:
    try:
        steps = machine.swarm_steps(api, host)
    except GroceryError as error:
        return _lack("swarm", error)
    if steps:
        return Finding(name="swarm", ok=False, found=f"to do: {steps[0].what}", next="./grocery prepare")
    return Finding(name="swarm", ok=True, found="active, this node holds the data")


def _images(stack: Stack, host: str) -> Finding:
    try:
        missing = building.missing(stack.root, host)
        steps = building.steps_before(missing)
    except GroceryError as error:
        return _lack("images", error)
    if steps:
        return Finding(name="images", ok=False, found=f"to do: {steps[0].what}", next="./grocery images build")
    return Finding(name="images", ok=True, found=f"to build: {', '.join(missing)}" if missing else "all built")


def _engine(stack: Stack) -> Finding:
    try:
        engine = engine_of(stack)
    except GroceryError as error:
        return _lack("pulumi", error)
    found = engine.title if shutil.which("pulumi") else f"{engine.title} (pulumi is not on PATH)"
    return Finding(name="applied by", ok=True, found=found)


def _checked(name: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except GroceryError as error:
        return _lack(name, error)
    return Finding(name=name, ok=True, found="enough, and free")


def _lack(name: str, error: GroceryError) -> Finding:
    return Finding(
        name=name, ok=False, found=f"{error.what}: {error.value}" if error.value else error.what, next=error.next
    )
