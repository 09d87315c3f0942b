"""Looking at a stack from below: its services, its database, its processes, as the engine tells them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cli import engine_host
from cli.engine_host import Api, execute, services_of, workload_of


def until(condition: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    """Returns once the condition holds; fails naming what did not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.3)


def services(api: Api, stack: str) -> dict[str, dict[str, Any]]:
    """Workload -> its service."""
    return {workload_of(service): service for service in services_of(api, stack)}


def container_of(api: Api, stack: str, workload: str) -> str:
    labels = [f"grocery.stack={stack}", f"grocery.workload={workload}"]
    found = api.containers(filters={"label": labels, "status": "running"})
    assert len(found) == 1, f"expected one running container of {workload}, found {len(found)}"
    return str(found[0]["Id"])


def run_in(api: Api, stack: str, workload: str, *command: str) -> tuple[int, str]:
    """Runs a program in the workload's container: its exit code, and all it printed."""
    code, out, err = execute(api, container_of(api, stack, workload), command)
    return code, out + err


def sql(api: Api, stack: str, statement: str) -> str:
    """Asks the database as its administrator, over its own socket; the first column of the answer."""
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "/run/postgresql", "-U", "postgres", "-d", "grocery"]
    return engine_host.run_inside(api, stack, "postgres", [*command, "-c", statement]).strip()


def task_spec(service: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a piece of the engine's JSON
    return service["Spec"]["TaskTemplate"]
