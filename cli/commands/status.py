"""`./grocery status`: how the stack is, and what is wrong with it."""

from __future__ import annotations

import re

import typer
from rich.markup import escape
from rich.table import Table

from cli import engine_host, terminal
from cli.certificates import Certificate
from cli.engines import engine_of
from cli.errors import ExitCode
from cli.health import GIB, Database, Health, Service, examine
from cli.options import AsJson, StackName
from cli.stack import LOCAL_STACK, open_stack


def status(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Show how every service, the database, replication, certificates and the disk are.

    Exits 1 when something is wrong, and says what.
    """
    opened = open_stack(stack)
    engine = engine_of(opened)
    with engine_host.connect(opened.settings.target.host) as api:
        found = examine(opened, api, engine=engine.name, outputs=engine.outputs())
    if json:
        terminal.show_json(found.as_json())
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(ExitCode.FAILED)


def _show(found: Health) -> None:
    services = terminal.table("service", "health", "image", "replicas", "restarts", "age")
    for service in found.services:
        services.add_row(
            service.workload,
            f"[{'green' if not service.problems else 'red'}]{escape(service.health)}[/]",
            escape(short(service.image)),
            f"{service.running}/{service.wanted}",
            str(service.restarts),
            age(service),
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
    if found.renewal and found.renewal.due:
        facts.add_row("renewal due", found.renewal.due)
    if found.disk:
        facts.add_row(
            "disk",
            f"{found.disk.free_bytes / GIB:.1f} of {found.disk.total_bytes / GIB:.1f} GiB free ({found.disk.path})",
        )
    facts.add_row("engine", found.engine)
    terminal.out.print(facts)
    terminal.out.print()
    if not found.problems:
        terminal.out.print("[bold green]✓[/] all is well")
    for problem in found.problems:
        terminal.out.print(f"[bold red]✗[/] {escape(problem)}", soft_wrap=True)


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


def age(service: Service) -> str:
    """Seconds as a person says them: 40s, 5m, 3h, 2d."""
    if service.age is None:
        return "-"
    seconds = max(0, int(service.age))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
