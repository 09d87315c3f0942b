"""`./grocery status`: how the stack is, and what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import typer
from rich.markup import escape
from rich.table import Table

from cli import engine_host, terminal
from cli.certificates import Certificate
from cli.engines import engine_of
from cli.errors import ExitCode
from cli.health import GIB, Database, Health, examine
from cli.monitoring import Curve, Watch, glance
from cli.options import AsJson, StackName
from cli.sparkline import sparkline
from cli.stack import LOCAL_STACK, open_stack
from rendering.monitoring.figures import format_value


def status(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Show how every service, the database, replication, backups, certificates and the disk are; what monitoring says.

    The last hour of the main figures is drawn. Exits 1 when something is wrong (a critical alert is), and says what.
    """
    opened = open_stack(stack)
    engine = engine_of(opened)
    # Asked at the same time: neither waits for the other.
    with engine_host.connect(opened.settings.target.host) as api, ThreadPoolExecutor(1) as beside:
        watching = beside.submit(glance, opened)
        found = examine(opened, api, engine=engine.name, outputs=engine.outputs())
        watch = watching.result()
    problems = [*found.problems, *watch.problems]
    if json:
        terminal.show_json({**found.as_json(), "problems": problems, "monitoring": watch.as_json()})
    else:
        _show(found, watch, problems)
    if problems:
        raise typer.Exit(ExitCode.FAILED)


def _show(found: Health, watch: Watch, problems: Sequence[str]) -> None:
    services = terminal.table("service", "health", "image", "replicas", "restarts", "age")
    for service in found.services:
        services.add_row(
            service.workload,
            f"[{'green' if not service.problems else 'red'}]{escape(service.health)}[/]",
            escape(short(service.image)),
            f"{service.running}/{service.wanted}",
            str(service.restarts),
            "-" if service.age is None else terminal.span(service.age),
        )
    if found.services:
        terminal.out.print(services)
        terminal.out.print()
    facts = terminal.table("", "")
    facts.show_header = False
    if found.url:
        facts.add_row("url", f"{escape(found.url)}  {_good(found.url_answers, 'answers', 'does not answer')}")
    if found.maintenance:
        facts.add_row("maintenance", "[yellow]closed to all but edge.maintenance.allow[/]")
    if found.database:
        _add_database(facts, found.database)
    for certificate in found.certificates:
        facts.add_row(f"certificate {certificate.name}", escape(_left(certificate)))
    if found.backups:
        facts.add_row("backups", escape(found.backups.summary))
    for name in found.beside:
        facts.add_row(f"database {escape(name)}", "beside the live one (./grocery restore --into NAME --remove)")
    if found.renewal and found.renewal.due:
        facts.add_row("renewal due", found.renewal.due)
    if found.disk:
        facts.add_row(
            "disk",
            f"{found.disk.free_bytes / GIB:.1f} of {found.disk.total_bytes / GIB:.1f} GiB free ({found.disk.path})",
        )
    facts.add_row("engine", found.engine)
    facts.add_row("monitoring", escape(_watched(watch)))
    terminal.out.print(facts)
    terminal.out.print()
    if watch.curves:
        terminal.out.print(drawn(watch.curves))
        terminal.out.print()
    for problem in problems:
        terminal.out.print(f"[bold red]✗[/] {escape(problem)}", soft_wrap=True)
    for warning in watch.warnings:
        terminal.out.print(f"[bold yellow]![/] {escape(warning)}", soft_wrap=True)
    if not problems and not watch.warnings:
        terminal.out.print("[bold green]✓[/] all is well")


def _watched(watch: Watch) -> str:
    """One line: off, why it says nothing, or how many alerts there are."""
    if watch.off:
        return "off (monitoring.enabled)"
    if watch.trouble:
        return watch.trouble
    alerts = watch.alerting.alerts
    counts = {
        "firing": len(watch.alerting.firing),
        "pending": sum(alert.state == "pending" for alert in alerts),
        "muted": sum(bool(alert.muted) for alert in alerts),
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return "; ".join([f"alerts: {told or 'none'}", *watch.alerting.doubts])


def drawn(curves: Sequence[Curve]) -> Table:
    """The last hour of each figure in a line, with the newest value."""
    table = terminal.table("", "last hour", "now")
    for curve in curves:
        figure = curve.figure
        now = math.nan if curve.latest is None else curve.latest
        top = 1.0 if figure.unit == "percentunit" and figure.limits.below else None
        colour = {"critical": "red", "warning": "yellow", "": "default"}[curve.verdict]
        table.add_row(
            figure.title, sparkline(curve.values, high=top), f"[{colour}]{escape(format_value(now, figure.unit))}[/]"
        )
    return table


def _left(certificate: Certificate) -> str:
    issuer = f", issued by {certificate.issuer}" if certificate.issuer else ""
    distrust = ", whom this machine does not trust" if certificate.trusted is False else ""
    return f"{certificate.days} days left{issuer}{distrust}"


def _add_database(facts: Table, database: Database) -> None:
    facts.add_row(
        "database",
        f"PostgreSQL {database.version}, {database.bytes / (1 << 20):.1f} MiB, "
        f"{database.connections} of {database.connections_max} connections",
    )
    for slot in database.slots:
        retained = "unknown" if slot.retained_bytes is None else f"{slot.retained_bytes / (1 << 20):.1f} MiB"
        facts.add_row(
            f"slot {slot.name}", f"{_good(slot.active, 'active', 'not active')}, {retained} of log kept for it"
        )


def _good(is_good: bool, yes: str, no: str) -> str:
    return f"[green]{yes}[/]" if is_good else f"[red]{no}[/]"


def short(image: str) -> str:
    """An image reference with its hash cut to what tells two versions apart."""
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]+", r"\1", image)
