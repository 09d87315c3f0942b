"""`up` from nothing, `up` with nothing to do, `preview`: beside Docker Compose with the same containers."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.engine_host import services_of, workload_of
from tests.bench import compose
from tests.bench.report import Row, Section, aimed
from tests.bench.stand import STACK, Stand

ROUNDS = 2
REPEATS = 3


def measure(stand: Stand) -> Section:
    """Needs the stack up; leaves it up, with empty data. Turns are taken, so that a busy moment hits both."""
    checkout = stand.checkout
    ours: list[float] = []
    theirs: dict[str, list[float]] = {"up": [], "again": [], "dry": []}
    why_not = ""
    details: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(prefix="grocery-bench-compose-") as folder:
        project = None
        try:
            project = compose.project_of(stand, Path(folder))
        except compose.Unavailable as reason:
            why_not = str(reason)
        for _ in range(ROUNDS):
            checkout.run("down", "--data", "--yes")
            if project is not None:
                try:
                    theirs["up"].append(project.run("up", "--detach", "--wait"))
                    for _ in range(REPEATS):
                        theirs["again"].append(project.run("up", "--detach", "--wait"))
                        theirs["dry"].append(project.run("--dry-run", "up", "--detach"))
                finally:
                    project.run("down", "--volumes", "--timeout", "20")
            began = time.time()
            ours.append(checkout.up().seconds)
            details = _where_it_goes(stand, began, ours[-1])
    again = [checkout.up().seconds for _ in range(REPEATS)]
    preview = [checkout.preview().seconds for _ in range(REPEATS)]

    def peer(name: str) -> float | None:
        return statistics.median(theirs[name]) if theirs[name] else None

    return Section(
        title="Start",
        rows=(
            aimed(
                "up from nothing, images there, until all is healthy",
                statistics.median(ours),
                "s",
                at_most=30,
                peer=peer("up"),
                peer_name="docker compose up --wait",
                note=why_not,
            ),
            Row(
                name="up with nothing to do",
                ours=statistics.median(again),
                unit="s",
                peer=peer("again"),
                peer_name="docker compose up --wait",
            ),
            Row(
                name="preview with nothing to do",
                ours=statistics.median(preview),
                unit="s",
                peer=peer("dry"),
                peer_name="docker compose up --dry-run",
            ),
        ),
        details=details,
    )


def _where_it_goes(stand: Stand, began: float, seconds: float) -> tuple[str, ...]:
    """When, in seconds after the command, each service was asked for and was healthy."""
    lines = []
    with stand.api as api:
        for service in services_of(api, STACK):
            (task,) = [
                found
                for found in api.tasks(filters={"service": service["ID"]})
                if found["Status"]["State"] == "running"
            ]
            container = api.inspect_container(task["Status"]["ContainerStatus"]["ContainerID"])
            asked, started, healthy = (
                _moment(text) - began
                for text in (service["CreatedAt"], container["State"]["StartedAt"], task["Status"]["Timestamp"])
            )
            lines.append(
                (
                    asked,
                    f"{workload_of(service):<12} asked for {asked:5.1f} s, started {started:5.1f} s, "
                    f"healthy {healthy:5.1f} s",
                )
            )
    return (*(text for _, text in sorted(lines)), f"{'up':<12} returned  {seconds:5.1f} s")


def _moment(text: Any) -> float:  # noqa: ANN401 - a field of the engine's JSON
    # Nanoseconds are more than datetime reads.
    return datetime.fromisoformat(f"{str(text)[:19]}.{str(text)[20:26].rstrip('Z'):0<6}+00:00").timestamp()
