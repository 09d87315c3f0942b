"""What follows for every workload from what it is given: tasks, a metrics endpoint, memory."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, Level, Severity, kebab, levels
from rendering.monitoring.watched import Watched

FELT = frozenset({"edge", "auth-server", "zero-cache", "postgres"})
"""Workloads whose absence people notice at once; without others something is merely not done meanwhile."""


def alerts(watched: Watched) -> tuple[Alert, ...]:
    name = watched.name
    chosen = f'workload="{name}"'
    felt: Severity = "critical" if name in FELT else "warning"

    def alert(kind: str, expr: str, *, for_seconds: int, severity: Severity, summary: str, description: str) -> Alert:
        return Alert(
            name=kind,
            expr=expr,
            for_seconds=for_seconds,
            severity=severity,
            summary=f"{name}: {summary}",
            description=description,
            workload=name,
            runbook=_section(name, kind),
        )

    # No series while the engine answers means no such service.
    running = f"(sum(workload_tasks_running{{{chosen}}}) or 0 * max(docker_up == 1))"
    found = [
        alert(
            "TasksMissing",
            f"{running} < 1",
            # A stop-first update, or the first start of a stack on a busy machine, takes most of a minute.
            for_seconds=90,
            severity=felt,
            summary=f"{{{{ $value | humanize }}}} of {watched.replicas} tasks run",
            description="It is not there at all.",
        )
    ]
    if watched.replicas > 1 and name in FELT:
        found.append(
            alert(
                "TasksMissing",
                f"{running} < {watched.replicas}",
                for_seconds=5 * MINUTE,
                severity="warning",
                summary=f"{{{{ $value | humanize }}}} of {watched.replicas} tasks run",
                description="The others carry its share; one more that fails, and people notice.",
            )
        )
    if watched.endpoint:
        found.append(
            alert(
                "TargetMissing",
                # Absent counts as none.
                f'(count(up{{job="{name}"}} == 1) or vector(0)) < {watched.replicas}',
                for_seconds=2 * MINUTE,
                severity="warning",
                summary=f"{{{{ $value | humanize }}}} of {watched.replicas} tasks tell their figures",
                description="It is down or too busy to answer, and whatever is watched by its figures is not.",
            )
        )
    if name in FELT:
        found.append(
            alert(
                "Restarting",
                f"round(sum(increase(workload_restarts_total{{{chosen}}}[15m]))) >= 4",
                for_seconds=0,
                severity="critical",
                summary="ended by itself {{ $value | humanize }} times in 15 minutes",
                description="It cannot stay up.",
            )
        )
    return (
        *found,
        alert(
            "Restarting",
            f"round(sum(increase(workload_restarts_total{{{chosen}}}[15m]))) >= 1",
            for_seconds=0,
            severity="warning",
            summary="ended by itself {{ $value | humanize }} times in 15 minutes",
            description="It was started again. What it was doing was interrupted, and it may happen again.",
        ),
        alert(
            "Unhealthy",
            f"sum(container_healthy{{{chosen}}} == bool 0) > 0",
            for_seconds=5 * MINUTE,
            severity="warning",
            summary="{{ $value | humanize }} tasks are not healthy",
            description="Its own check fails, or it takes long to start. Nothing is sent to it meanwhile.",
        ),
        *levels(
            "MemoryHigh",
            expr=f"grocery:container_memory:ratio{{{chosen}}}",
            warning=Level(limit="0.8", for_seconds=10 * MINUTE),
            critical=Level(limit="0.95", for_seconds=2 * MINUTE),
            summary=(
                f"{name}: {{{{ $value | humanizePercentage }}}} of its "
                f"{watched.memory / (1 << 20):.4g} MiB of memory is in use"
            ),
            description="At its limit the kernel ends it.",
            workload=name,
            runbook=_section(name, "MemoryHigh"),
        ),
        alert(
            "OutOfMemory",
            f"round(sum(increase(workload_oom_kills_total{{{chosen}}}[15m]))) >= 1",
            for_seconds=0,
            severity=felt,
            summary="the kernel ended {{ $value | humanize }} of its tasks in 15 minutes for want of memory",
            description="It wanted more memory than its limit, and was started again.",
        ),
    )


def _section(workload: str, kind: str) -> str:
    return f"{workload}.md#{kebab(kind)}"
