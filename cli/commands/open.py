"""`./grocery open`: the pages of monitoring, which are not published, on a port of this machine."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Annotated

import httpx
import typer
from rich.markup import escape

from cli import engine_host, terminal
from cli.commands.alerts import unreachable
from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL
from cli.errors import ConfigError, MachineError
from cli.monitoring import ALERTMANAGER_PORT, GRAFANA_PORT, PROMETHEUS_PORT, require_monitoring
from cli.options import StackName
from cli.stack import LOCAL_STACK, Stack, open_stack
from cli.tunnel import PortTaken, Unreachable, tunnel


class Part(StrEnum):
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"


PORTS = {
    Part.PROMETHEUS: PROMETHEUS_PORT,
    Part.ALERTMANAGER: ALERTMANAGER_PORT,
    Part.GRAFANA: GRAFANA_PORT,
}
ANSWER_SECONDS = 10


def open_part(
    part: Annotated[Part, typer.Argument(help="What to open.")],
    stack: StackName = LOCAL_STACK,
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Port of this machine; 0 for one that is free.")
    ] = 0,
) -> None:
    """Open Prometheus, Alertmanager or Grafana on a port of this machine, until Ctrl-C, and say what there is to see.

    None of them is published: whoever may use the Docker engine may look.
    """
    opened = open_stack(stack)
    require_monitoring(opened)
    if part is Part.GRAFANA:
        require_grafana(opened)
    with engine_host.connect(opened.settings.target.host) as api:
        complaints: list[str] = []
        try:
            with tunnel(api, opened.name, part, PORTS[part], local_port=port, complain=complaints.append) as local:
                address = f"http://127.0.0.1:{local}"
                for line in shown(part, address, has_pages=_has_pages(part, address, complaints)):
                    terminal.out.print(line, soft_wrap=True)
                if part is Part.GRAFANA:
                    terminal.out.print(
                        f"  log in as admin; the password: {escape(_password_command(opened))}", soft_wrap=True
                    )
                terminal.say("[dim]Ctrl-C closes it.[/]")
                _until_interrupted()
        except Unreachable as words:
            raise unreachable(opened, part, words) from words
        except PortTaken as error:
            raise MachineError(
                f"port {port} cannot be listened on",
                value=str(error),
                expected="a free port",
                next=f"./grocery open {part}   takes one that is free",
            ) from error


def require_grafana(stack: Stack) -> None:
    """Raises ConfigError when the settings name no image of it."""
    if stack.settings.monitoring.grafana is None:
        raise ConfigError(
            f"stack {stack.name} has no Grafana",
            value="monitoring.grafana is not set",
            expected="the official image by its digest, from a registry the engine can reach",
            next="./grocery config set monitoring.grafana.image "
            f"docker.io/grafana/grafana@sha256:<digest> --stack {stack.name}, then ./grocery up; "
            "without it ./grocery status draws the main figures",
        )


def shown(part: Part, address: str, *, has_pages: bool) -> list[str]:
    """What a person is told, as rich markup: the address, and what is to be seen there."""
    if part is Part.GRAFANA:
        return [f"[bold]{address}[/]  the dashboards of the stack"]
    if part is Part.ALERTMANAGER:
        if has_pages:
            return [f"[bold]{address}[/]  the alerts that fire, and silences for them"]
        paths = {
            "/api/v2/alerts": "the alerts that fire (./grocery alerts shows them better)",
            "/api/v2/silences": "what is silenced; a POST silences",
            "/metrics": "its own figures, notifications among them",
        }
    else:
        if has_pages:
            return [
                f"[bold]{address}[/]  every figure as a curve (write it in PromQL), alerts, rules, and what is asked"
            ]
        paths = {
            "/api/v1/query?query=up": "a figure now: whatever is asked in PromQL",
            "/api/v1/targets": "what is asked for figures, and how that went",
            "/api/v1/rules": "the rules with their states",
            "/metrics": "its own figures",
        }
    other = "; ./grocery status draws the main figures" if part is Part.PROMETHEUS else ""
    return [
        f"[bold]{address}[/]  it answers programs and has no pages{other}",
        *(f"  {escape(address + path):<54} {meaning}" for path, meaning in paths.items()),
    ]


def _password_command(stack: Stack) -> str:
    """It is shown to nobody, and whoever may use the engine may read it."""
    host = f" -H {stack.settings.target.host}"
    labels = f"--filter label={STACK_LABEL}={stack.name} --filter label={WORKLOAD_LABEL}={Part.GRAFANA}"
    return f"docker{host} exec $(docker{host} ps -q {labels}) cat /run/secrets/GRAFANA_ADMIN_PASSWORD"


def _has_pages(part: Part, address: str, complaints: list[str]) -> bool:
    """Does a browser find something there? Raises Unreachable when nothing answers at all."""
    try:
        answer = httpx.get(address, follow_redirects=True, timeout=ANSWER_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise Unreachable(f"{part} does not answer: {next(iter(complaints), str(error))}") from error
    return answer.is_success and "html" in answer.headers.get("content-type", "")


def _until_interrupted() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        terminal.say("")
