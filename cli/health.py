"""The facts behind `status` and behind the end of an `up`: what runs, how it is, and what is wrong with it.

Everything is read from the engine that runs the stack and from the program's exports; nothing is changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import httpx
from docker.errors import APIError

from cli import certificates, engine_host, one_off, repository, restoring
from cli.certificates import Certificate, Renewal
from cli.engine_host import Api
from cli.errors import GroceryError

if TYPE_CHECKING:
    from cli.stack import Stack

GIB = 1 << 30
FREE_SPACE_WARNED = 0.10
ENDED_BY_ITSELF = frozenset({"failed", "rejected", "complete", "orphaned"})
"""As against `shutdown`, which Swarm asked for. A task killed for being unhealthy may show as complete."""

DATABASE_QUESTION = """
select json_build_object(
    'version', current_setting('server_version'),
    'bytes', pg_database_size('grocery'),
    'connections', (select count(*) from pg_stat_activity where datname = 'grocery'),
    'connections_max', current_setting('max_connections')::int,
    'slots', (
        select coalesce(json_agg(json_build_object(
            'name', slot_name,
            'active', active,
            'retained_bytes', pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn),
            'wal_status', wal_status
        ) order by slot_name), '[]')
        from pg_replication_slots where slot_name like 'grocery\\_%'
    )
)
"""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service as it is now.

    health:   healthy, starting, unhealthy, or, without a running task, the task's state.
    restarts: tasks of the same definition that ended by themselves, as far back as Swarm remembers.
    age:      seconds since the youngest running task started, None when none runs.
    """

    name: str
    workload: str
    health: str
    image: str
    running: int
    wanted: int
    restarts: int
    age: float | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Slot:
    name: str
    active: bool
    retained_bytes: int | None
    wal_status: str


@dataclass(frozen=True, kw_only=True)
class Database:
    version: str
    bytes: int
    connections: int
    connections_max: int
    slots: tuple[Slot, ...]


@dataclass(frozen=True, kw_only=True)
class Backups:
    """How the backups are, in one line and in figures. Moments are Unix seconds, lengths seconds; None where there is
    none yet."""

    summary: str
    newest_at: float | None
    archived_until: float | None
    proven_at: float | None
    rpo_seconds: float | None
    rto_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Disk:
    path: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, kw_only=True)
class Health:
    """A stack's health; `problems` holds one sentence for each thing that is wrong, and is empty when all is well."""

    stack: str
    engine: str
    url: str | None
    url_answers: bool
    maintenance: bool
    """The settings close the application for work, to all but some."""
    services: tuple[Service, ...]
    database: Database | None
    certificates: tuple[Certificate, ...]
    """The edge's as it is served now."""
    renewal: Renewal | None
    """How the edge's is got; None where no authority of others is asked."""
    disk: Disk | None
    backups: Backups | None
    """None where there are none, or where they could not be asked."""
    beside: tuple[str, ...]
    """Databases that `restore --into` made beside the live one."""
    problems: tuple[str, ...] = field(default=())
    lasting: tuple[str, ...] = field(default=())
    """Those of the problems that applying the program neither makes nor mends."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(stack: Stack, api: Api, *, engine: str, outputs: Mapping[str, object]) -> Health:
    """Looks at everything once. Raises nothing for what is wrong with the stack: that is what `problems` is for."""
    expected = outputs.get("workloads")
    services = services_now(api, stack)
    problems = [f"{service.workload}: {problem}" for service in services for problem in service.problems]
    if isinstance(expected, Mapping):
        there = {service.workload for service in services}
        problems += [
            f"{name}: the service is gone (./grocery refresh, then up)" for name in expected if name not in there
        ]
    if not services and not expected:
        problems.append(f"stack {stack.name} is not up")
    standing = restoring.standing_still(api, stack.name, outputs)
    problems += _interrupted_restore(stack, standing)
    problems += [
        f"{service.workload}: somebody stopped it (./grocery refresh, then up)"
        for service in services
        if service.wanted == 0 and service.workload not in standing and _is_to_run(expected, service.workload)
    ]

    database = None
    if any(service.workload == "postgres" and service.running for service in services):
        try:
            database = database_now(api, stack.name)
        except engine_host.Silent as words:
            problems.append(f"postgres: does not answer a query: {words}")
        else:
            problems += slot_problems(database)

    url = outputs["url"] if isinstance(outputs.get("url"), str) else None
    endpoints = outputs.get("endpoints")
    ready = endpoints.get("ready") if isinstance(endpoints, Mapping) else None
    silence = None
    for asked in filter(None, (url, ready)):
        if found := https_problem(stack, str(asked)):
            silence = found
            problems.append(f"{asked} does not answer: {found}")

    listed = {certificate.name: certificate for certificate in certificates.known(outputs)}
    if url and (served := certificates.served(stack, str(url))):
        listed[served.name] = served
    renewal = None
    if any(service.workload == "acme" and service.running for service in services):
        try:
            renewal = certificates.renewal(engine_host.run_inside(api, stack.name, "acme", ["cat", "/tmp/status.json"]))  # noqa: S108
        except (engine_host.Silent, ValueError) as words:
            problems.append(f"acme: does not say how it gets on: {words}")
    lasting = certificates.problems(stack, tuple(listed.values()), renewal)
    backups = None
    if host := next((each for each in services if each.workload == repository.WORKLOAD and each.running), None):
        backups, wrong, dubious = backups_now(api, stack.name, age=host.age or 0)
        problems += wrong
        lasting += dubious
    disk = disk_now(stack, api)
    if disk and disk.free_bytes < FREE_SPACE_WARNED * disk.total_bytes:
        lasting.append(f"the disk of {disk.path} has {disk.free_bytes / GIB:.1f} GiB left")
    return Health(
        stack=stack.name,
        engine=engine,
        url=str(url) if url else None,
        url_answers=bool(url) and silence is None,
        maintenance=stack.settings.edge.maintenance.enabled,
        services=services,
        database=database,
        certificates=tuple(listed[name] for name in sorted(listed)),
        renewal=renewal,
        disk=disk,
        backups=backups,
        beside=tuple(
            name.removeprefix(f"{stack.name}-")
            for name, purpose in sorted(one_off.one_offs(api, stack.name).items())
            if purpose == "scratch"
        ),
        problems=tuple(problems + lasting),
        lasting=tuple(lasting),
    )


def _is_to_run(expected: object, workload: str) -> bool:
    """Does the program say so?"""
    listed = expected.get(workload) if isinstance(expected, Mapping) else None
    return isinstance(listed, Mapping) and int(listed.get("replicas", 0)) > 0


def services_now(api: Api, stack: Stack) -> tuple[Service, ...]:
    found = [each for each in engine_host.services_of(api, stack.name) if not one_off.is_one_off(each)]
    applied = stack.applied()
    tasks = api.tasks(filters={"service": [service["ID"] for service in found]}) if found else []
    return tuple(
        sorted(
            (
                _service(api, service, [task for task in tasks if task["ServiceID"] == service["ID"]], applied)
                for service in found
            ),
            key=lambda service: service.workload,
        )
    )


def _service(api: Api, service: Mapping[str, Any], tasks: list[dict[str, Any]], applied: str | None) -> Service:
    spec = service["Spec"]
    wanted = int(spec.get("Mode", {}).get("Replicated", {}).get("Replicas", 1))
    running = [task for task in tasks if task["DesiredState"] == "running" and task["Status"]["State"] == "running"]
    health = "healthy"
    problems = []
    if len(running) < wanted:
        coming = [task["Status"] for task in tasks if task["DesiredState"] in ("running", "ready")]
        health = str(coming[0]["State"]) if coming else "not running"
        latest = sorted(tasks, key=lambda task: str(task["Status"]["Timestamp"]), reverse=True)
        reason = next((f": {task['Status']['Err']}" for task in latest if task["Status"].get("Err")), "")
        problems.append(f"{len(running)} of {wanted} tasks run ({health}){reason}")
    elif unwell := [seen for task in running if (seen := _container_health(api, task)) != "healthy"]:
        health = unwell[0]
        problems.append(f"its health check says {health}")
    update = service.get("UpdateStatus") or {}
    # What was rolled back before the whole program was last applied is history: what runs now is what it wants.
    over = (
        applied
        and update.get("CompletedAt")
        and engine_host.moment(update["CompletedAt"]) <= engine_host.moment(applied)
    )
    bad = ("rollback_paused", "paused") if over else ("rollback_completed", "rollback_paused", "paused")
    if update.get("State") in bad:
        problems.append(f"its last update did not succeed: {update.get('Message', update['State'])}")
    return Service(
        name=str(spec["Name"]),
        workload=engine_host.workload_of(service),
        health=health,
        image=str(spec["TaskTemplate"]["ContainerSpec"]["Image"]),
        running=len(running),
        wanted=wanted,
        restarts=sum(
            task["Status"]["State"] in ENDED_BY_ITSELF
            and task["Spec"]["ContainerSpec"] == spec["TaskTemplate"]["ContainerSpec"]
            for task in tasks
        ),
        age=min((_seconds_since(str(task["Status"]["Timestamp"])) for task in running), default=None),
        problems=tuple(problems),
    )


def _container_health(api: Api, task: Mapping[str, Any]) -> str:
    """The health check's word. Swarm calls a task running once it was healthy; of other nodes no more is known."""
    container = task["Status"].get("ContainerStatus", {}).get("ContainerID", "")
    try:
        state = api.inspect_container(container)["State"]
    except APIError:
        return "healthy"
    return str((state.get("Health") or {}).get("Status", "healthy"))


def database_now(api: Api, stack: str) -> Database:
    """Asks PostgreSQL over its own socket, inside its container. Raises engine_host.Silent."""
    # Its socket is on a tmpfs of its own; Debian's psql would look under /var/run.
    where = ["-h", "/run/postgresql", "-U", "postgres", "-d", "grocery"]
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *where, "-c", DATABASE_QUESTION]
    answer = json.loads(engine_host.run_inside(api, stack, "postgres", command))
    return Database(**{**answer, "slots": tuple(Slot(**slot) for slot in answer["slots"])})


def backups_now(api: Api, stack: str, *, age: float) -> tuple[Backups | None, list[str], list[str]]:
    """How the backups are; what an update can mend; what it cannot. age: of the repository host, in seconds."""
    from cli.backups import State, judge, read, summary

    try:
        state = read(State, repository.state_text(api, stack))
    except (repository.Unanswered, repository.Refused, repository.Busy, GroceryError) as words:
        return None, [f"backups: does not say how it gets on: {words}"], []
    judged = judge(state, age=age)
    proven = state.last_proven
    told = Backups(
        summary=summary(state),
        newest_at=state.newest.stopped if state.newest else None,
        archived_until=state.archived_until,
        proven_at=proven.at if proven else None,
        rpo_seconds=proven.rpo_seconds if proven else None,
        rto_seconds=proven.rto_seconds.total if proven and proven.rto_seconds else None,
    )
    return told, list(judged.problems), list(judged.lasting)


def _interrupted_restore(stack: Stack, standing: list[str]) -> list[str]:
    if not standing:
        return []
    stopped = ", ".join(standing)
    record = restoring.record_of(stack)
    if record is None:
        return [
            f"{stopped} stopped, by hand or by a restore of another clone that was interrupted: ./grocery up starts it"
        ]
    again = f"./grocery restore --to {quote(record.to)}"
    return [f"a restore was interrupted with {stopped} stopped: {again} goes on; ./grocery up gives it up"]


def slot_problems(database: Database) -> list[str]:
    """Zero follows the database through a replication slot: without an active one nothing reaches a browser."""
    if not database.slots:
        return ["replication: zero-cache has no slot yet"]
    problems = []
    if not any(slot.active for slot in database.slots):
        problems.append("replication: no slot is active, zero-cache does not follow the database")
    problems += [
        f"replication: slot {slot.name} is {slot.wal_status}: zero-cache will copy everything again"
        for slot in database.slots
        if slot.wal_status in ("unreserved", "lost")
    ]
    return problems


def https_problem(stack: Stack, url: str) -> str | None:
    """None when the edge answers over HTTPS; what is wrong otherwise.

    The stack's own certificate has to hold. Whether one that others issued is trusted depends on where one stands.
    """
    own = stack.settings.edge.certificate.kind == "stack"
    context = certificates.trust(stack) if own else certificates.accept_any()
    try:
        answer = httpx.get(url, verify=context, timeout=5, trust_env=False)
    except (httpx.HTTPError, OSError) as error:
        return str(error) or type(error).__name__
    closed = stack.settings.edge.maintenance.enabled and answer.url.path == "/"
    if answer.is_success or (closed and answer.status_code == httpx.codes.SERVICE_UNAVAILABLE):
        return None
    return f"it answers {answer.status_code}"


def disk_now(stack: Stack, api: Api) -> Disk | None:
    """The disk that holds the engine's data; None when that is another machine's."""
    folder = Path(str(api.info()["DockerRootDir"]))
    if not engine_host.is_this_machine(stack.settings.target.host) or not folder.is_dir():
        return None
    usage = shutil.disk_usage(folder)
    # What is reserved for root is nobody's to fill: left out, as df does and as the alerts count.
    return Disk(path=str(folder), free_bytes=usage.free, total_bytes=usage.used + usage.free)


def _seconds_since(timestamp: str) -> float:
    return (datetime.now(UTC) - engine_host.moment(timestamp)).total_seconds()
