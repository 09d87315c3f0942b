"""`./grocery alerts`: what monitoring warns of, and a real alert for each who is to hear of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer
from docker.errors import APIError
from rich.markup import escape

from cli import engine_host, monitoring, terminal
from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from cli.errors import ConfigError, ExitCode, GroceryError
from cli.log_lines import fields_of
from cli.monitoring import Alert, Alerting, Alertmanager
from cli.options import AsJson, StackName
from cli.stack import LOCAL_STACK, Stack, open_stack
from cli.tunnel import Unreachable

RECEIVERS = ("slack", "email", "pagerduty")
"""As in the settings, as Alertmanager's receivers and as its kinds of them: one name for all three."""
PATIENCE_SECONDS = 60
TEST_LASTS = timedelta(minutes=2)
ASKED_EVERY_SECONDS = 0.5

app = typer.Typer(invoke_without_command=True)

Pending = Annotated[bool, typer.Option("--pending", help="Also those that may fire soon, and muted ones.")]


@app.callback()
def alerts(
    context: typer.Context, stack: StackName = LOCAL_STACK, pending: Pending = False, json: AsJson = False
) -> None:
    """Show the alerts that fire: how bad, since when, what it is about, and the runbook that says what to do.

    [bold]./grocery alerts test[/] sends a real one to each who is to hear of them.
    """
    if context.invoked_subcommand is None:
        listed(stack=stack, pending=pending, json=json)
    else:
        # Whatever is given before the name of the subcommand is meant for it.
        context.default_map = {context.invoked_subcommand: {"stack": stack, "pending": pending, "json": json}}


@app.command("list")
def listed(stack: StackName = LOCAL_STACK, pending: Pending = False, json: AsJson = False) -> None:
    """Show the alerts that fire. The same as `alerts` alone."""
    opened = open_stack(stack)
    monitoring.require_monitoring(opened)
    with engine_host.connect(opened.settings.target.host) as api:
        try:
            with monitoring.prometheus(opened, api) as asked:
                found = monitoring.alerting(opened, api, asked)
        except Unreachable as words:
            raise unreachable(opened, "prometheus", words) from words
    if json:
        terminal.show_json(
            {"alerts": [monitoring.alert_as_json(alert) for alert in found.alerts], "doubts": found.doubts}
        )
    else:
        _show(found, pending=pending)


@app.command()
def test(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Send one real alert to each receiver in the settings, and say whether it got there.

    It is critical, says that it is a test, and ends by itself after two minutes. Exits 1 unless every receiver got it.
    """
    opened = open_stack(stack)
    monitoring.require_monitoring(opened)
    wanted = configured(opened)
    if not wanted:
        raise ConfigError(
            f"nobody hears of the alerts of stack {opened.name}",
            value="monitoring.receivers is empty",
            expected=f"one of {', '.join(RECEIVERS)}",
            next="./grocery config schema shows their settings; until then ./grocery alerts shows what fires",
        )
    with engine_host.connect(opened.settings.target.host) as api:
        try:
            with monitoring.alertmanager(opened, api) as asked:
                results = tuple(send_tests(opened, api, asked, wanted))
        except Unreachable as words:
            raise unreachable(opened, "alertmanager", words) from words
    if json:
        terminal.show_json([asdict(result) for result in results])
    else:
        _show_results(results)
    if any(result.outcome in ("failed", "unknown", "not applied") for result in results):
        raise typer.Exit(ExitCode.FAILED)


def unreachable(stack: Stack, workload: str, words: Unreachable) -> GroceryError:
    option = "" if stack.name == LOCAL_STACK else f" --stack {stack.name}"
    return GroceryError(
        f"{workload} cannot be asked",
        value=str(words),
        expected=f"a running {workload}",
        next=f"./grocery status{option}; ./grocery logs {workload}{option}",
    )


# --- the list ------------------------------------------------------------------------------------------------------


def _show(found: Alerting, *, pending: bool) -> None:
    others = [alert for alert in found.alerts if alert.severity in monitoring.SEVERITIES and not alert.counts]
    for alert in [*found.firing, *(others if pending else ())]:
        for line in lines_of(alert, now=datetime.now(UTC)):
            terminal.out.print(line, soft_wrap=True)
    for doubt in found.doubts:
        terminal.out.print(f"[bold yellow]![/] {escape(doubt)}", soft_wrap=True)
    if not found.firing and not found.doubts:
        terminal.out.print("[bold green]✓[/] nothing fires")
    if others and not pending:
        terminal.out.print(f"[dim]{len(others)} pending or muted: --pending shows them[/]")


def lines_of(alert: Alert, *, now: datetime) -> list[str]:
    """An alert as rich markup, a line for what is to be done about it below."""
    colour = "dim" if not alert.counts else "bold red" if alert.severity == "critical" else "bold yellow"
    where = f" ({alert.workload})" if alert.workload else ""
    state = "" if alert.counts else f", {alert.muted or alert.state}"
    since = terminal.span((now - alert.since).total_seconds())
    heading = f"[{colour}]{alert.severity:<8}[/]  [bold]{escape(alert.name)}[/]{escape(where)}{state} for {since}"
    return [
        f"{heading}: {escape(alert.summary)}",
        *([f"          [dim]{escape(alert.runbook)}[/]"] if alert.runbook else []),
    ]


# --- the test ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a receiver's alert. unknown: Alertmanager did not say in time. reason: why it failed, in its
    words; "" when it says none."""

    receiver: str
    outcome: Literal["delivered", "failed", "unknown", "not configured", "not applied"]
    reason: str = ""


def configured(stack: Stack) -> tuple[str, ...]:
    receivers = stack.settings.monitoring.receivers
    return tuple(name for name in RECEIVERS if getattr(receivers, name) is not None)


def send_tests(stack: Stack, api: Api, asked: Alertmanager, wanted: tuple[str, ...]) -> Iterator[Result]:
    """Sends to all of them at once, then waits for each. Raises Unreachable."""
    known = asked.receivers()
    made, failed = asked.attempts()
    began = time.time()
    waiting = [name for name in wanted if name in known]
    for name in waiting:
        labels = {
            "alertname": "TestAlert",
            "severity": "critical",
            "stack": stack.name,
            monitoring.TEST_LABEL: name,
            # Alertmanager tells of the same alert once: each test is another one.
            "test": secrets.token_hex(4),
        }
        summary = f"This is a test of stack {stack.name}: alerts reach {name}"
        asked.post(labels, {"summary": summary, "description": f"{summary}. Nothing is wrong."}, lasts=TEST_LASTS)
    outcomes: dict[str, Literal["delivered", "failed"]] = {}
    while len(outcomes) < len(waiting) and time.time() < began + PATIENCE_SECONDS:
        time.sleep(ASKED_EVERY_SECONDS)
        outcomes = judge(waiting, before=(made, failed), now=asked.attempts())
    said = _said(api, stack, since=began) if "failed" in outcomes.values() else ""
    for name in RECEIVERS:
        if name not in wanted:
            yield Result(receiver=name, outcome="not configured")
        elif name not in known:
            yield Result(receiver=name, outcome="not applied")
        else:
            yield Result(receiver=name, outcome=outcomes.get(name, "unknown"), reason=reason(said, name))


Attempts = tuple[Mapping[str, float], Mapping[str, float]]
"""Kind of receiver -> attempts made, and those of them that failed."""


def judge(receivers: list[str], *, before: Attempts, now: Attempts) -> dict[str, Literal["delivered", "failed"]]:
    """What is known by now: a first attempt that succeeded is a delivery; one that failed is told at once, though
    Alertmanager tries again."""
    found: dict[str, Literal["delivered", "failed"]] = {}
    for name in receivers:
        made, failed = (after.get(name, 0) - first.get(name, 0) for first, after in zip(before, now, strict=True))
        if made > failed:
            found[name] = "delivered"
        elif failed:
            found[name] = "failed"
    return found


def reason(log: str, receiver: str) -> str:
    """Why a notification failed, out of Alertmanager's log; the last word on it.

    What it gives up at once it names by `<receiver>/<kind>[<number>]: ` in front of the reason only.
    """
    for line in reversed(log.splitlines()):
        fields = fields_of(line) or {}
        said = str(fields.get("err") or "")
        if said and (fields.get("receiver") == receiver or said.startswith(f"{receiver}/")):
            return said
    return ""


def _said(api: Api, stack: Stack, *, since: float) -> str:
    """What Alertmanager has said since; nothing when it runs on another node."""
    labels = [f"{STACK_LABEL}={stack.name}", f"{WORKLOAD_LABEL}=alertmanager"]
    said = []
    for container in api.containers(filters={"label": labels}):
        try:
            said.append(api.logs(container["Id"], stdout=True, stderr=True, since=int(since)).decode(errors="replace"))
        except APIError:
            continue  # removed meanwhile
    return "\n".join(said)


def _show_results(results: tuple[Result, ...]) -> None:
    told = {
        "delivered": "[green]delivered[/]",
        "failed": "[red]failed[/]",
        "unknown": f"[red]not heard of within {PATIENCE_SECONDS} s[/]",
        "not configured": "[dim]not configured (monitoring.receivers.{receiver})[/]",
        "not applied": "[red]in the settings, but not applied yet: ./grocery up[/]",
    }
    for result in results:
        why = f": {escape(result.reason)}" if result.reason else ""
        words = told[result.outcome].format(receiver=result.receiver)
        terminal.out.print(f"{result.receiver:<10} {words}{why}", soft_wrap=True)
