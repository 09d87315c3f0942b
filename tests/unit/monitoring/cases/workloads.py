"""What follows for every workload: all of them in the same situation at once."""

from __future__ import annotations

from collections.abc import Callable

from rendering.monitoring.alerts.workloads import FELT
from rendering.monitoring.watched import Watched
from tests.unit.monitoring.promtool import Case, Fired, Series, flat, missing, then
from tests.unit.monitoring.scopes import EVERYTHING

_ENGINE = {'docker_up{job="collector"}': flat(1)}
_SCRAPED = tuple(one for one in EVERYTHING.watched if one.endpoint)


def of_all(figure: str, values: str, *, task: bool = False) -> Series:
    """The same values for every workload."""
    labels = ',task="1"' if task else ""
    return {
        f'{figure}{{job="collector",instance="c:9400",workload="{one.name}"{labels}}}': values
        for one in EVERYTHING.watched
    }


def memory(share: float) -> Series:
    return {
        **of_all("container_memory_working_set_bytes", flat(share * 1000), task=True),
        **of_all("container_memory_limit_bytes", flat(1000), task=True),
    }


def all_fire(severity: Callable[[Watched], str] | str, summary: Callable[[Watched], str] | str) -> tuple[Fired, ...]:
    return tuple(
        Fired(
            severity=severity if isinstance(severity, str) else severity(one),
            workload=one.name,
            summary=f"{one.name}: {summary if isinstance(summary, str) else summary(one)}",
        )
        for one in EVERYTHING.watched
    )


def felt(one: Watched) -> str:
    return "critical" if one.name in FELT else "warning"


def running(count: int) -> Callable[[Watched], str]:
    return lambda one: f"{count} of {one.replicas} tasks run"


_HALF_API = Fired(severity="warning", workload="auth-server", summary="auth-server: 1 of 2 tasks run")
_NO_API = Fired(severity="warning", workload="auth-server", summary="auth-server: 0 of 2 tasks run")
_ENDED = "ended by itself {} times in 15 minutes"
_KILLED = "the kernel ended {} of its tasks in 15 minutes for want of memory"
_FULL = "{} of its 256 MiB of memory is in use"

CASES = (
    Case(
        alert="TasksMissing",
        when="no task runs",
        series={**_ENGINE, **of_all("workload_tasks_running", flat(0))},
        fires=(*all_fire(felt, running(0)), _NO_API),
    ),
    Case(
        alert="TasksMissing",
        when="the engine answers and knows no such service",
        series=_ENGINE,
        fires=(*all_fire(felt, running(0)), _NO_API),
    ),
    Case(
        alert="TasksMissing",
        when="one task of each runs",
        series={**_ENGINE, **of_all("workload_tasks_running", flat(1))},
        fires=(_HALF_API,),
    ),
    Case(
        alert="TasksMissing",
        when="every task runs",
        series={**_ENGINE, **of_all("workload_tasks_running", flat(2))},
    ),
    Case(
        alert="TasksMissing",
        when="the engine does not tell",
        series={'docker_up{job="collector"}': flat(0)},
    ),
    Case(
        alert="TasksMissing",
        when="an update has stopped the old task first",
        series={**_ENGINE, **of_all("workload_tasks_running", then("2+0x20", "0 0 0", "2+0x100"))},
        at=6,
    ),
    Case(
        alert="TargetMissing",
        when="nothing can be asked",
        series={f'up{{job="{one.name}",instance="a:1"}}': flat(0) for one in _SCRAPED},
        fires=tuple(
            Fired(
                severity="warning",
                workload=one.name,
                summary=f"{one.name}: 0 of {one.replicas} tasks tell their figures",
            )
            for one in _SCRAPED
        ),
    ),
    Case(
        alert="TargetMissing",
        when="the name of no workload is known",
        series={},
        fires=tuple(
            Fired(
                severity="warning",
                workload=one.name,
                summary=f"{one.name}: 0 of {one.replicas} tasks tell their figures",
            )
            for one in _SCRAPED
        ),
    ),
    Case(
        alert="TargetMissing",
        when="every task tells its figures",
        series={
            f'up{{job="{one.name}",instance="{number}:1"}}': flat(1)
            for one in _SCRAPED
            for number in range(one.replicas)
        },
    ),
    Case(
        alert="Restarting",
        when="each ended by itself once",
        series=of_all("workload_restarts_total", then("0+0x60", "1+0x100")),
        fires=all_fire("warning", _ENDED.format(1)),
    ),
    Case(
        alert="Restarting",
        when="none can stay up",
        series=of_all("workload_restarts_total", then("0+0x60", "0+1x20", "20+0x100")),
        fires=(
            *all_fire("warning", _ENDED.format(20)),
            *(one for one in all_fire(felt, _ENDED.format(20)) if one.severity == "critical"),
        ),
        at=25,
    ),
    Case(
        alert="Restarting",
        when="none ended since yesterday",
        series=of_all("workload_restarts_total", flat(3)),
    ),
    Case(
        alert="Restarting",
        when="the collector, which counts them, was replaced",
        series=of_all("workload_restarts_total", then("7+0x60", "0+0x100")),
    ),
    Case(
        alert="Unhealthy",
        when="each fails its own check",
        series=of_all("container_healthy", flat(0), task=True),
        fires=all_fire("warning", "1 tasks are not healthy"),
    ),
    Case(
        alert="Unhealthy",
        when="all are healthy",
        series=of_all("container_healthy", flat(1), task=True),
    ),
    Case(
        alert="Unhealthy",
        when="all have just been started",
        series=of_all("container_healthy", then(missing(20), "0+0x8", "1+0x100"), task=True),
    ),
    Case(
        alert="MemoryHigh",
        when="each uses 85 % of its memory",
        series=memory(0.85),
        fires=all_fire("warning", _FULL.format("85%")),
    ),
    Case(
        alert="MemoryHigh",
        when="each uses 97 % of its memory",
        series=memory(0.97),
        fires=(*all_fire("warning", _FULL.format("97%")), *all_fire("critical", _FULL.format("97%"))),
    ),
    Case(alert="MemoryHigh", when="each uses half of its memory", series=memory(0.5)),
    Case(
        alert="OutOfMemory",
        when="the kernel ended each for want of memory",
        series=of_all("workload_oom_kills_total", then("0+0x60", "1+0x100")),
        fires=all_fire(felt, _KILLED.format(1)),
    ),
    Case(
        alert="OutOfMemory",
        when="the kernel ended none",
        series=of_all("workload_oom_kills_total", flat(0)),
    ),
)
