"""What a restore does to a stack: stops who writes, lets a one-off service do the work, starts everything again.

Only replicas change, through the engine's API, and in the end they are what the program says: nothing has drifted. A
restore that was interrupted is known by the services that stand still and by its record in the stack's folder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from docker.errors import APIError

from cli import engine_host, failures, one_off
from cli.engine_host import Api
from cli.errors import ConfigError, UpdateFailed
from cli.files import write_atomically
from cli.one_off import Step, Volume
from cli.stack import LOCAL_STACK, Stack

if TYPE_CHECKING:
    from cli.backups import Choice

PROGRAM = "/usr/local/bin/restore"
ALIAS = "restore"
DATA = "/var/lib/postgresql"
REPLICA = "/var/lib/zero"
REPLICA_THERE = "/srv/zero-cache"

WRITERS = ("auth-server", "zero-cache", "migrations", "postgres")
"""In the order in which they are stopped, so that nobody loses what it needs; started in the other one."""
SLACK_SECONDS = 180
LOOKED_EVERY_SECONDS = 0.5

AFTER_THE_SWAP = frozenset({"swapping", "done"})
"""From here on the restored data may be the truth: what is started decides."""

# Of another Grocery List nothing is known: then nothing is told.
CHANGED_QUESTION = """
select json_build_object(
    'items', (select count(*) from public.item where greatest(created_at, checked_at) > to_timestamp({moment})),
    'removed items', (select count(*) from trash.item where removed_at > to_timestamp({moment})),
    'lists', (select count(*) from public.list where created_at > to_timestamp({moment})),
    'accounts', (select count(*) from auth.account where created_at > to_timestamp({moment}))
)
"""
LIFE_QUESTION = "select system_identifier || '/' || timeline_id from pg_control_system(), pg_control_checkpoint()"
"""Tells a database from what a restore made of it."""

Hear = Callable[[str], None]


class Failed(Exception):
    """The one-off did not succeed, in its words. reached: the last step it told."""

    def __init__(self, words: str, *, reached: str) -> None:
        super().__init__(words)
        self.reached = reached


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a restore that is under way has to know should it be interrupted.

    to:       as a person wrote it.
    choice:   the arguments of the one-off.
    safety:   label of the backup that was made first; "" when none could be.
    life:     of the database before; "" when it did not answer.
    in_place: what was restored is in place; only the start is left.
    """

    to: str
    choice: tuple[str, ...]
    safety: str
    life: str
    in_place: bool = False

    @property
    def arguments(self) -> list[str]:
        # What was there before is needed as long as no backup has it.
        return [*self.choice, *(["--discard-old"] if self.safety else [])]


def record_of(stack: Stack) -> Record | None:
    """Of the restore that was begun and not finished; None when there is none (or not from this clone)."""
    try:
        found = json.loads((stack.state_dir / "restore.json").read_text())
        return Record(**{**found, "choice": tuple(found["choice"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def keep(stack: Stack, record: Record) -> None:
    write_atomically(stack.state_dir / "restore.json", json.dumps(asdict(record)) + "\n")


def forget(stack: Stack) -> None:
    (stack.state_dir / "restore.json").unlink(missing_ok=True)


def replicas(outputs: Mapping[str, object]) -> dict[str, int]:
    """Workload -> replicas, as the program says, of those that a restore stops."""
    listed = outputs.get("workloads")
    if not isinstance(listed, Mapping):
        return {}
    return {name: int(listed[name]["replicas"]) for name in WRITERS if name in listed}


def standing_still(api: Api, stack: str, outputs: Mapping[str, object]) -> list[str]:
    """Workloads that a restore stopped and did not start again."""
    wanted = replicas(outputs)
    found = {engine_host.workload_of(service): service for service in engine_host.services_of(api, stack)}
    return [name for name in wanted if name in found and wanted[name] and replicas_now(found[name]) == 0]


def replicas_now(service: Mapping[str, Any]) -> int:
    return int(service["Spec"].get("Mode", {}).get("Replicated", {}).get("Replicas", 1))


# --- before --------------------------------------------------------------------------------------------------------


def changed_since(api: Api, stack: str, moment: float) -> dict[str, int] | None:
    """How many rows were made or changed since, by what they are; None when the database does not answer that."""
    answer = _asked(api, stack, CHANGED_QUESTION.format(moment=f"{moment:.6f}"))
    with suppress(ValueError, AttributeError):
        return {str(name): int(count) for name, count in json.loads(answer).items()}
    return None


def life_of(api: Api, stack: str) -> str:
    """ "7421…/1": which database this is, and which of its timelines; "" when it does not answer."""
    return _asked(api, stack, LIFE_QUESTION).strip()


def _asked(api: Api, stack: str, question: str) -> str:
    where = ["-h", "/run/postgresql", "-U", "postgres", "-d", "grocery"]
    try:
        return engine_host.run_inside(
            api, stack, "postgres", ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *where, "-c", question]
        )
    except (engine_host.Silent, APIError, OSError):
        return ""


# --- the work ------------------------------------------------------------------------------------------------------


def stop_writers(api: Api, stack: Stack, hear: Hear) -> None:
    """Returns once none of them runs any more."""
    for name in WRITERS:
        service = _service(api, stack.name, name)
        if service is None:
            continue
        hear(f"stopping {name}")
        scale(api, service, 0)
        one_off.wait_until_gone(api, str(service["ID"]))


def bring_back(api: Api, stack: Stack, outputs: Mapping[str, object], hear: Hear) -> None:
    """Starts them again and waits for each to be healthy. Raises UpdateFailed.

    Nobody waits for zero-cache but those who look at lists: a copy of many items takes it its time.
    """
    wanted = replicas(outputs)
    last: list[tuple[Mapping[str, Any], int]] = []
    for name in reversed(WRITERS):
        service = _service(api, stack.name, name)
        if service is None or name not in wanted:
            continue
        hear(f"starting {name}")
        scale(api, service, wanted[name])
        if name == "zero-cache":
            last.append((service, wanted[name]))
        else:
            _wait_until_healthy(api, stack, service, wanted[name])
    for slow, count in last:
        _wait_until_healthy(api, stack, slow, count)


def start_again(api: Api, stack: Stack, outputs: Mapping[str, object]) -> None:
    """The same at once and without waiting, for who looks at everything afterwards."""
    one_off.remove(api, one_off_name(stack))
    wanted = replicas(outputs)
    for name in reversed(standing_still(api, stack.name, outputs)):
        service = _service(api, stack.name, name)
        if service is not None:
            scale(api, service, wanted[name])
    forget(stack)


def scale(api: Api, service: Mapping[str, Any], count: int) -> None:
    """Changes how many tasks a service has, and nothing else of it."""
    while True:
        current = api.inspect_service(service["ID"])
        if replicas_now(current) == count:
            return
        spec = {**current["Spec"], "Mode": {"Replicated": {"Replicas": count}}}
        url = api._url("/services/{0}/update", service["ID"])
        try:
            api._result(api._post_json(url, data=spec, params={"version": current["Version"]["Index"]}))
        except APIError as refusal:
            # Somebody (Swarm itself) wrote in between: what is current is read again.
            if "out of sequence" not in str(refusal.explanation):
                raise
        else:
            return


def replace_data(api: Api, stack: Stack, record: Record) -> Iterator[Step]:
    """Runs the one-off that restores in place, or goes on with the one that does so already; its steps as they come.

    Raises Failed. It is removed in the end, however that is.
    """
    postgres = _required(api, stack)
    zero_cache = _service(api, stack.name, "zero-cache")
    replica = one_off.volume_at(zero_cache, REPLICA) if zero_cache else None
    spec = one_off.clone(
        postgres,
        name=one_off_name(stack),
        alias=ALIAS,
        purpose="restore",
        command=[PROGRAM, "replace", *record.arguments],
        added=[Volume(name=replica, path=REPLICA_THERE)] if replica else [],
    )
    try:
        yield from _steps(api, spec, until=("done",))
    finally:
        one_off.remove(api, one_off_name(stack))


def restore_beside(api: Api, stack: Stack, name: str, choice: Choice) -> Iterator[Step]:
    """Runs the one-off that restores on a volume of its own and serves there. Raises Failed."""
    spec = one_off.clone(
        _required(api, stack),
        name=f"{stack.name}-{name}",
        alias=name,
        purpose="scratch",
        command=[PROGRAM, "scratch", *choice.arguments],
        replaced=[Volume(name=f"{stack.name}-{name}-data", path=DATA)],
    )
    existing = engine_host.service_named(api, spec["Name"])
    taken = not existing and _service(api, stack.name, name) is not None
    if taken or (existing and not one_off.same_work(existing["Spec"], spec)):
        raise ConfigError(
            f"there is a service {name} already",
            value=f"{spec['Name']} of stack {stack.name}",
            expected="a name of which there is none, for a database beside the others",
            next=f"./grocery restore --into {name} --remove{option(stack)}   removes one that was made so",
        )
    yield from _steps(api, spec, until=("serving",))


def remove_beside(api: Api, stack: Stack, name: str) -> None:
    """Raises ConfigError when there is none of that name, or it was not made so."""
    full = f"{stack.name}-{name}"
    found = one_off.one_offs(api, stack.name)
    if found.get(full) != "scratch":
        others = [other.removeprefix(f"{stack.name}-") for other, purpose in found.items() if purpose == "scratch"]
        raise ConfigError(
            f"there is no database {name} beside the live one",
            expected=f"one of {', '.join(others)}" if others else "one that `restore --into` made; there is none",
            next=f"./grocery restore --to latest --into {name}{option(stack)}   makes one",
        )
    one_off.remove(api, full)
    one_off.remove_volume(api, f"{full}-data")


def _steps(api: Api, spec: Mapping[str, Any], *, until: Sequence[str]) -> Iterator[Step]:
    reached = ""
    try:
        one_off.start(api, spec)
        for step in one_off.follow(api, spec["Name"], until=until):
            reached = step.step
            yield step
    except one_off.Failed as words:
        raise Failed(str(words), reached=reached) from words
    except one_off.NoRoom as words:
        raise Failed(f"no node has room for it: {words}", reached=reached) from words


def one_off_name(stack: Stack) -> str:
    return f"{stack.name}-{ALIAS}"


def option(stack: Stack) -> str:
    return "" if stack.name == LOCAL_STACK else f" --stack {stack.name}"


def _service(api: Api, stack: str, workload: str) -> dict[str, Any] | None:
    found = engine_host.services_of(api, stack)
    return next((service for service in found if engine_host.workload_of(service) == workload), None)


def _required(api: Api, stack: Stack) -> dict[str, Any]:
    service = _service(api, stack.name, "postgres")
    if service is None:
        raise ConfigError(
            f"stack {stack.name} has no database to restore into",
            value="there is no service postgres",
            expected="a stack that is up; an empty one will do",
            next=f"./grocery up{option(stack)}; docs/runbooks/lost-machine.md",
        )
    return service


def _wait_until_healthy(api: Api, stack: Stack, service: Mapping[str, Any], count: int) -> None:
    """Swarm calls a task running once its health check said so."""
    until = time.monotonic() + _patience_seconds(service)
    while time.monotonic() < until:
        tasks = api.tasks(filters={"service": service["ID"], "desired-state": "running"})
        if sum(task["Status"]["State"] == "running" for task in tasks) >= count:
            return
        time.sleep(LOOKED_EVERY_SECONDS)
    failures.explain(api, stack)
    name = engine_host.workload_of(service)
    raise UpdateFailed(
        f"{name} does not get healthy",
        value=f"not within {_patience_seconds(service):.0f} s",
        expected=f"{count} healthy tasks",
        next=f"./grocery logs {name}{option(stack)}; then run this again",
    )


def _patience_seconds(service: Mapping[str, Any]) -> float:
    check = service["Spec"]["TaskTemplate"]["ContainerSpec"].get("Healthcheck") or {}
    return float(check.get("StartPeriod") or 0) / 1e9 + SLACK_SECONDS
