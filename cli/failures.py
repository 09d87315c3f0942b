"""After a failed `up`: which service it was, its last words, and whether the old version still serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docker.errors import APIError
from rich.markup import escape

from cli import engine_host, terminal
from cli.engine_host import Api

if TYPE_CHECKING:
    from cli.stack import Stack

LINES_SHOWN = 15
BAD_UPDATES = ("rollback_started", "rollback_completed", "rollback_paused", "paused")


def explain(api: Api, stack: Stack) -> None:
    """Says it for every service whose last update went wrong or whose tasks do not run. Shows nothing when all do."""
    for service in engine_host.services_of(api, stack.name):
        spec = service["Spec"]
        name = engine_host.workload_of(service)
        tasks = sorted(
            api.tasks(filters={"service": service["ID"]}), key=lambda task: str(task["CreatedAt"]), reverse=True
        )
        running = [task for task in tasks if task["Status"]["State"] == "running" and task["DesiredState"] == "running"]
        wanted = int(spec.get("Mode", {}).get("Replicated", {}).get("Replicas", 1))
        bad_update = (service.get("UpdateStatus") or {}).get("State") in BAD_UPDATES
        if not bad_update and len(running) >= wanted:
            continue
        serving = len(running) >= wanted
        terminal.say(
            f"\n[bold red]{escape(name)}[/] ({escape(spec['Name'])}): "
            + ("its previous version still serves" if serving else f"{len(running)} of {wanted} tasks run")
        )
        failed = next((task for task in tasks if task not in running and _spoke(task)), None)
        if failed:
            _show_task(api, failed)


def _spoke(task: dict[str, Any]) -> bool:
    return bool((task["Status"].get("ContainerStatus") or {}).get("ContainerID")) or bool(task["Status"].get("Err"))


def _show_task(api: Api, task: dict[str, Any]) -> None:
    if task["Status"].get("Err"):
        terminal.say(f"  [bold]engine[/]  {escape(task['Status']['Err'])}")
    container = (task["Status"].get("ContainerStatus") or {}).get("ContainerID")
    if not container:
        return
    try:
        checks = (api.inspect_container(container)["State"].get("Health") or {}).get("Log") or []
        lines = api.logs(container, tail=LINES_SHOWN, stdout=True, stderr=True).decode(errors="replace").splitlines()
    except APIError as error:
        terminal.say(f"  [bold]logs[/]    not to be had: {escape(str(error))}")
        return
    if checks and (words := checks[-1]["Output"].strip()):
        terminal.say(f"  [bold]health[/]  {escape(words)}")
    for line in lines:
        terminal.say(f"  [dim]│[/] {escape(line)}")
