"""docker:Network, Volume, Secret, ServiceConfig and Service, through the Docker SDK's connection to the engine."""

from __future__ import annotations

import contextlib
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import docker
import docker.errors
import requests

from ..errors import ProviderError, RolledBackError, UnsupportedError
from ..schema import Plain, Record
from ..wire import Properties, Value
from . import docker_schema, docker_spec
from .base import Created, ResourceType
from .docker_spec import nanoseconds

_POLL = 0.5
_IN_USE_PATIENCE = 30.0  # Swarm lets go of a secret, config, network or volume some seconds after its last task
_SETTLED = 2.0  # an update that has not begun by now changes no task
_LOG_LINES = 20


class DockerEngine:
    """A connection to one Docker engine; made at first use, shared by all threads."""

    def __init__(self, host: str) -> None:
        if not host.startswith("unix://"):
            raise UnsupportedError(f"docker host {host!r} is not known to the local engine; expected unix:///path")
        self.host = host
        self._client: docker.APIClient | None = None
        self._lock = threading.Lock()

    def call(self, method: str, path: str, body: Value = None, **params: Value) -> Value:
        """One request; the decoded JSON answer, raw bytes when it is not JSON, or None for an empty one.

        Raises NotFoundError, InUseError or ProviderError with the engine's own message.
        """
        with self._lock:
            if self._client is None:
                try:
                    self._client = docker.APIClient(base_url=self.host, version="auto", timeout=60)
                except docker.errors.DockerException as error:
                    raise ProviderError(f"no Docker engine answers at {self.host}: {error}") from error
            client = self._client
        try:
            url = f"{client.base_url}/v{client.api_version}{path}"
            answer = client.request(method, url, json=body, params=params, timeout=60)
        except requests.RequestException as error:
            raise ProviderError(f"the Docker engine at {self.host} did not answer: {error}") from error
        if answer.ok:
            is_json = answer.headers.get("Content-Type", "").startswith("application/json")
            return answer.json() if is_json and answer.content else answer.content or None
        with contextlib.suppress(ValueError):
            message = answer.json()["message"]
            if answer.status_code == 404:
                raise NotFoundError(message)
            if answer.status_code in (400, 403, 409) and ("in use" in message or "active endpoints" in message):
                raise InUseError(message)
            raise ProviderError(message)
        raise ProviderError(f"{method} {path}: {answer.status_code} {answer.text}")


class NotFoundError(ProviderError):
    """The engine has no such object."""


class InUseError(ProviderError):
    """The object is still used by something."""


class DockerType(ResourceType):
    """An object of the Docker engine, addressed at `/<plural>/<id or name>`."""

    external = True
    plural: ClassVar[str]

    def __init__(self, engine: DockerEngine) -> None:
        self._engine = engine

    def spec(self, inputs: Properties) -> Properties:
        raise NotImplementedError

    def outputs(self, found: Mapping[str, Value], known: Mapping[str, Value]) -> Properties:
        raise NotImplementedError

    def create(self, inputs: Properties) -> Created:
        answer = self._engine.call("POST", f"/{self.plural}/create", self.spec(inputs))
        resource_id = answer.get("ID") or answer.get("Id") or answer["Name"]
        found = self.read(resource_id, inputs)
        if found is None:
            raise ProviderError(f"{self.plural}/{resource_id} vanished right after it was made")
        return Created(id=resource_id, outputs=found)

    def read(self, resource_id: str, known: Mapping[str, Value]) -> Properties | None:
        try:
            return self.outputs(self._engine.call("GET", f"/{self.plural}/{resource_id}"), known)
        except NotFoundError:
            return None

    def find(self, name: str) -> str | None:
        found = self.read(name, {})
        return found["id"] if found and found["name"] == name else None

    def delete(self, resource_id: str, outputs: Mapping[str, Value]) -> None:
        deadline = time.monotonic() + _IN_USE_PATIENCE
        method = "DELETE"
        while True:
            try:
                self._engine.call(method, f"/{self.plural}/{resource_id}")
                method = "GET"  # a network lingers for a moment, and with it its name
                problem = ProviderError("the engine accepted the removal, but the object is still there")
            except NotFoundError:
                return
            except InUseError as error:
                problem = error
            if time.monotonic() > deadline:
                raise problem
            time.sleep(_POLL if method == "DELETE" else 0.1)


class Network(DockerType):
    schema = docker_schema.NETWORK
    plural = "networks"

    def spec(self, inputs: Properties) -> Properties:
        return docker_spec.network_spec(inputs)

    def outputs(self, found: Mapping[str, Value], known: Mapping[str, Value]) -> Properties:
        return docker_spec.network_outputs(found)

    def create(self, inputs: Properties) -> Created:
        created = super().create(inputs)
        deadline = time.monotonic() + 5  # Swarm chooses the address pool a moment later
        while not created.outputs["ipamConfigs"] and time.monotonic() < deadline:
            time.sleep(0.1)
            created = Created(id=created.id, outputs=self.read(created.id, inputs) or created.outputs)
        return created


class Volume(DockerType):
    schema = docker_schema.VOLUME
    plural = "volumes"
    adopts = True

    def spec(self, inputs: Properties) -> Properties:
        return docker_spec.volume_spec(inputs)

    def outputs(self, found: Mapping[str, Value], known: Mapping[str, Value]) -> Properties:
        return docker_spec.volume_outputs(found)


class _Blob(DockerType):
    """Secrets and configs. Their data is base64 in the program and on Docker's interface alike."""

    def outputs(self, found: Mapping[str, Value], known: Mapping[str, Value]) -> Properties:
        return {
            "id": found["ID"],
            "name": found["Spec"]["Name"],
            "data": found["Spec"].get("Data", known.get("data")),
            "labels": docker_spec.label_list(found["Spec"].get("Labels")),
        }


class Secret(_Blob):
    schema = docker_schema.SECRET
    plural = "secrets"

    def spec(self, inputs: Properties) -> Properties:
        labels = docker_spec.label_map(inputs["labels"])
        return {"Name": inputs["name"], "Data": inputs["data"], "Labels": labels}


class ServiceConfig(_Blob):
    schema = docker_schema.CONFIG
    plural = "configs"

    def spec(self, inputs: Properties) -> Properties:
        return {"Name": inputs["name"], "Data": inputs["data"], "Labels": {}}

    def outputs(self, found: Mapping[str, Value], known: Mapping[str, Value]) -> Properties:
        return {**super().outputs(found, known), "dataRaw": None}


class Service(DockerType):
    schema = docker_schema.SERVICE
    plural = "services"
    converges = True

    def spec(self, inputs: Properties) -> Properties:
        return docker_spec.service_spec(inputs)

    def outputs(self, found: Mapping[str, Value], known: Mapping[str, Value]) -> Properties:
        return docker_spec.service_outputs(found, known)

    def create(self, inputs: Properties) -> Created:
        created = super().create(inputs)
        try:
            self._converge(created.id, inputs)
        except ProviderError:
            self.delete(created.id, created.outputs)  # as the real provider: a service that never came up is removed
            raise
        return created

    def update(self, resource_id: str, inputs: Properties, outputs: Mapping[str, Value]) -> Properties:
        path = f"/services/{resource_id}"
        try:
            version = self._engine.call("GET", path)["Version"]["Index"]
        except NotFoundError as error:
            raise ProviderError(f"{error}; `refresh` takes that over, the next `up` makes it anew") from error
        self._engine.call("POST", f"{path}/update", self.spec(inputs), version=version)
        self._converge(resource_id, inputs, updating=True)
        found = self.read(resource_id, inputs)
        if found is None:
            raise ProviderError("the service vanished while it was updated")
        return found

    def delete(self, resource_id: str, outputs: Mapping[str, Value]) -> None:
        try:
            tasks = self._tasks(resource_id)
            grace = self._engine.call("GET", f"/services/{resource_id}")["Spec"]["TaskTemplate"]["ContainerSpec"]
        except NotFoundError:
            return
        super().delete(resource_id, outputs)
        patience = grace.get("StopGracePeriod", 10 * 10**9) / 10**9 + _IN_USE_PATIENCE
        deadline = time.monotonic() + patience
        for container in filter(None, map(_container_id, tasks)):
            while self._is_running(container):
                if time.monotonic() > deadline:
                    raise ProviderError(
                        f"container {container[:12]} of the removed service did not end in {patience:g} s"
                    )
                time.sleep(_POLL)

    def _is_running(self, container: str) -> bool:
        with contextlib.suppress(NotFoundError):
            return bool(self._engine.call("GET", f"/containers/{container}/json")["State"]["Running"])
        return False

    def _tasks(self, service_id: str) -> list[Properties]:
        filters = json.dumps({"service": [service_id]})
        tasks: list[Properties] = self._engine.call("GET", "/tasks", filters=filters) or []
        return sorted(tasks, key=lambda task: str(task["CreatedAt"]))

    def _converge(self, service_id: str, inputs: Properties, updating: bool = False) -> None:
        """Wait until every replica runs (healthy, if there is a check) and a rolling update has come to its end."""
        if not inputs["convergeConfig"]:
            return
        started = time.monotonic()
        timeout = inputs["convergeConfig"]["timeout"]
        replicas = inputs["mode"]["replicated"]["replicas"]
        while time.monotonic() - started < nanoseconds(timeout) / 10**9:
            status = self._engine.call("GET", f"/services/{service_id}").get("UpdateStatus") or {}
            match status.get("State", ""):
                case "rollback_completed":
                    text = "the update failed and was rolled back to the previous version"
                    raise RolledBackError(text + self._evidence(service_id, replicas))
                case "paused" | "rollback_paused" as state:
                    text = f"the update stopped ({state}): {status.get('Message', '')}"
                    raise ProviderError(text + self._evidence(service_id, replicas))
                case "" | "completed" as state:
                    settled = state or not updating or time.monotonic() - started > _SETTLED
                    if settled and self._running_slots(service_id) >= replicas:
                        return
            time.sleep(_POLL)
        text = f"{self._running_slots(service_id)} of {replicas} replicas came up in {timeout}"
        raise ProviderError(f"did not converge: {text}{self._evidence(service_id, replicas)}")

    def _running_slots(self, service_id: str) -> int:
        slots: dict[int, bool] = {}
        for task in self._tasks(service_id):
            if task["DesiredState"] == "running":
                slot = task.get("Slot", 0)
                slots[slot] = slots.get(slot, True) and task["Status"]["State"] == "running"
        return sum(slots.values())

    def _evidence(self, service_id: str, replicas: int) -> str:
        """Why the newest task that failed did, in its own words, and what still serves."""
        tasks = self._tasks(service_id)
        serving = sum(t["DesiredState"] == "running" and t["Status"]["State"] == "running" for t in tasks)
        kept = (
            f"\n  still serving: {serving} of {replicas} tasks" if serving else "\n  nothing of this service runs now"
        )
        # "shutdown" tasks were stopped by Swarm itself; one that is killed for being unhealthy may end as "complete"
        ended = [task for task in tasks if task["Status"]["State"] in ("failed", "rejected", "complete")]
        suspects = ended or [task for task in tasks if task["Status"]["State"] != "running"] or tasks
        return kept + "".join(self._task_evidence(suspects[-1]) if suspects else "")

    def _task_evidence(self, task: Properties) -> Iterator[str]:
        status = task["Status"]
        yield f"\n  its last failing task: {status['State']}"
        if status.get("Err"):
            yield f", {status['Err']}"
        container = _container_id(task)
        if not container:
            return
        with contextlib.suppress(ProviderError):
            health = self._engine.call("GET", f"/containers/{container}/json")["State"].get("Health") or {}
            for check in (health.get("Log") or [])[-1:]:
                yield f"\n  its last health check (exit {check['ExitCode']}): {check['Output'].strip()}"
        with contextlib.suppress(ProviderError):
            path = f"/containers/{container}/logs"
            raw = self._engine.call("GET", path, stdout="true", stderr="true", tail=_LOG_LINES) or b""
            lines = [line for line in _demultiplex(raw).splitlines() if line.strip()]
            yield "\n  its last log lines:" + "".join(f"\n    {line}" for line in lines) if lines else ""


def _container_id(task: Properties) -> str:
    status = task["Status"].get("ContainerStatus") or {}
    return str(status.get("ContainerID", ""))


def _demultiplex(raw: bytes) -> str:
    """Docker frames a log stream: one byte of stream number, three of padding, four of length, then the text."""
    text, at = b"", 0
    while at + 8 <= len(raw):
        (length,) = struct.unpack(">I", raw[at + 4 : at + 8])
        text += raw[at + 8 : at + 8 + length]
        at += 8 + length
    return text.decode(errors="replace")


TYPES: Mapping[str, Callable[[DockerEngine], DockerType]] = {
    "docker:index/network:Network": Network,
    "docker:index/volume:Volume": Volume,
    "docker:index/secret:Secret": Secret,
    "docker:index/serviceConfig:ServiceConfig": ServiceConfig,
    "docker:index/service:Service": Service,
}
PROVIDER = Record(fields={"host": Plain(required=True)})
