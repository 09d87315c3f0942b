"""A service that does one thing beside or instead of one of the stack's, and is removed again.

It is the stack's own service with another command: the same image, user, secrets, files and limits, on the node with
the data. The program knows nothing of it, so what it did is no drift.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from docker.errors import APIError, NotFound

from cli import engine_host, said
from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from cli.errors import GroceryError

LABEL = "grocery.one-off"
"""Tells what is not the program's; its value is what it is for."""
LOOKED_EVERY_SECONDS = 0.5
ENDING_SECONDS = 120
"""More than the longest stop grace."""

ENDED = frozenset({"complete", "failed", "rejected", "shutdown", "orphaned", "remove"})

Purpose = Literal["restore", "scratch"]


class NoRoom(Exception):
    """No node can take it, in Swarm's words."""


class Failed(Exception):
    """It ended badly; the words are its own, or the engine's."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A named volume and where it is mounted. A new one is made with the stack's labels."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of its progress. percent: None where nobody knows how far it is."""

    step: str
    text: str
    percent: float | None = None


def clone(
    service: Mapping[str, Any],
    *,
    name: str,
    alias: str,
    purpose: Purpose,
    command: Sequence[str],
    added: Sequence[Volume] = (),
    replaced: Sequence[Volume] = (),
) -> dict[str, Any]:
    """The specification of a one-off, out of a service as the engine tells it.

    added:    volumes it has beside those of the service.
    replaced: volumes that take the place of what the service mounts at the same path.
    """
    spec = copy.deepcopy(dict(service["Spec"]))
    stack = str((spec.get("Labels") or {})[STACK_LABEL])
    labels = {STACK_LABEL: stack, WORKLOAD_LABEL: alias, LABEL: purpose}
    task = spec["TaskTemplate"]
    container = task["ContainerSpec"]
    instead = {volume.path for volume in replaced}
    mounts = [mount for mount in container.get("Mounts") or () if mount["Target"] not in instead]
    mounts += [_mount(volume, {}) for volume in added]
    mounts += [_mount(volume, {STACK_LABEL: stack, LABEL: purpose}) for volume in replaced]
    container |= {
        "Command": [*command],
        "Args": [],
        "Labels": labels,
        "Healthcheck": {"Test": ["NONE"]},
        "Mounts": mounts,
    }
    networks = [{**network, "Aliases": [alias]} for network in task.get("Networks") or spec.get("Networks") or ()]
    task |= {"RestartPolicy": {"Condition": "none"}, "Networks": networks, "ForceUpdate": 0}
    return {
        "Name": name,
        "Labels": labels,
        "TaskTemplate": task,
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def _mount(volume: Volume, labels: Mapping[str, str]) -> dict[str, Any]:
    options = {"VolumeOptions": {"Labels": dict(labels)}} if labels else {}
    return {"Type": "volume", "Source": volume.name, "Target": volume.path, **options}


def volume_at(service: Mapping[str, Any], path: str) -> str | None:
    """The name of the volume that a service mounts there."""
    mounts = service["Spec"]["TaskTemplate"]["ContainerSpec"].get("Mounts") or ()
    return next(
        (str(mount["Source"]) for mount in mounts if mount["Target"] == path and mount["Type"] == "volume"), None
    )


def start(api: Api, spec: Mapping[str, Any]) -> None:
    """Makes the service, or finds it doing the same already: then what was begun goes on.

    One of this name that does something else, or did not succeed, is removed first.
    """
    existing = engine_host.service_named(api, spec["Name"])
    if existing and same_work(existing["Spec"], spec):
        state, _ = _state(_task(api, str(existing["ID"])))
        if state == "complete" or state not in ENDED:
            return
    if existing:
        remove(api, spec["Name"])
    api._result(api._post_json(api._url("/services/create"), data=spec), True)


def same_work(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ones, others = (found["TaskTemplate"]["ContainerSpec"] for found in (one, other))
    return all(ones.get(key) == others.get(key) for key in ("Command", "Image"))


def follow(api: Api, name: str, *, until: Sequence[str]) -> Iterator[Step]:
    """Its progress as it comes, up to and with the first step that is in `until`, or its good end.

    Raises NoRoom as soon as Swarm finds no node for it, Failed with its last words.
    """
    told = 0
    stderr: list[str] = []
    while True:
        service = engine_host.service_named(api, name)
        if service is None:
            raise Failed("it was removed by somebody else")
        task = _task(api, str(service["ID"]))
        state, words = _state(task)
        # Looked at before what it said, so that what it said last is not missed.
        if state == "pending" and words:
            raise NoRoom(words)
        lines = said.said(api, {name: str(service["ID"])}, since=None, count=None)[name]
        for line in lines[told:]:
            step = parse(line.text)
            if step is None:
                stderr.append(line.text)
            elif step.step == "failed":
                raise Failed(step.text)
            else:
                yield step
                if step.step in until:
                    return
        told = len(lines)
        if state == "complete":
            return
        if state in ENDED:
            raise Failed("\n".join(stderr[-5:]) or words or f"its task is {state}")
        time.sleep(LOOKED_EVERY_SECONDS)


def parse(line: str) -> Step | None:
    """Progress is a JSON object with `step`; anything else is None."""
    try:
        found = json.loads(line)
        return Step(step=str(found["step"]), text=str(found["text"]), percent=found.get("percent"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _task(api: Api, service: str) -> Mapping[str, Any] | None:
    tasks = api.tasks(filters={"service": service})
    return max(tasks, key=lambda task: str(task["CreatedAt"]), default=None)


def _state(task: Mapping[str, Any] | None) -> tuple[str, str]:
    if task is None:
        return "new", ""
    status = task["Status"]
    return str(status["State"]), str(status.get("Err") or "")


def one_offs(api: Api, stack: str) -> dict[str, Purpose]:
    """Name -> purpose, of those the stack has."""
    found = engine_host.services_of(api, stack)
    return {str(service["Spec"]["Name"]): service["Spec"]["Labels"][LABEL] for service in found if is_one_off(service)}


def is_one_off(service: Mapping[str, Any]) -> bool:
    return LABEL in (service["Spec"].get("Labels") or {})


def remove(api: Api, name: str) -> None:
    """Returns once the service and its containers are gone, and with them their hold on volumes. None is no fault."""
    service = engine_host.service_named(api, name)
    if service is None:
        return
    identity = str(service["ID"])
    with suppress(NotFound):
        api.remove_service(identity)
    wait_until_gone(api, identity)


def wait_until_gone(api: Api, service: str) -> None:
    """Waits for the tasks of a service that ends. Raises GroceryError when they do not."""
    until = time.monotonic() + ENDING_SECONDS
    while left := _left(api, service):
        if time.monotonic() > until:
            raise GroceryError(
                f"a container did not end within {ENDING_SECONDS} s",
                value=left,
                expected="that it ends when it is asked to",
                next=f"docker rm -f {left}, then run this again",
            )
        time.sleep(LOOKED_EVERY_SECONDS)


def _left(api: Api, service: str) -> str:
    """A container of the service that still runs; "" when none does. Of a service that is gone the tasks are gone too,
    while their containers may still be ending."""
    with suppress(NotFound):
        for task in api.tasks(filters={"service": service}):
            if task["Status"]["State"] not in ENDED:
                container = (task["Status"].get("ContainerStatus") or {}).get("ContainerID") or "of a task that begins"
                return str(container)[:12]
    here = api.containers(filters={"label": f"com.docker.swarm.service.id={service}"})
    return str(here[0]["Names"][0]).lstrip("/") if here else ""


def remove_volume(api: Api, name: str) -> None:
    """Of a service that is gone. One that is not there is no fault."""
    until = time.monotonic() + ENDING_SECONDS
    while True:
        try:
            api.remove_volume(name)
        except NotFound:
            return
        except APIError:
            # Its containers are gone, but not yet forgotten.
            if time.monotonic() > until:
                raise
            time.sleep(LOOKED_EVERY_SECONDS)
        else:
            return


def remove_all(api: Api, stack: str) -> list[str]:
    """Removes every one-off of the stack with the volumes that were made for it; returns the names."""
    names = list(one_offs(api, stack))
    for name in names:
        remove(api, name)
    made = api.volumes(filters={"label": [f"{STACK_LABEL}={stack}", LABEL]}).get("Volumes") or ()
    for volume in made:
        remove_volume(api, volume["Name"])
    return names
