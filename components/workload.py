"""A long-running program as a Swarm service, described so that an insecure one cannot be written down.

`Workload` holds what differs between services and demands everything a safe one needs; what never differs (unprivileged
user, read-only root, no capabilities, init, bounded logs, restart, health-gated updates with rollback) is not a field
at all but written by `realise`. The few exceptions are values that carry their reason.

The Docker provider keeps the old value of an optional field that disappears from the program, so every field that is
relied on is written out, and only fields are used that come back unchanged from a refresh.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_docker as docker

from components.capacity import CORE, MIB, Size
from rendering.monitoring.watched import Endpoint, Indicator, Watched
from settings.values import PINNED_IMAGE, SECRET_NAME

UID = 10001
USER = f"{UID}:{UID}"
# Without a capability, this is somebody who may only what the owner of a file may.
_ENGINE_USER = "0:0"
_ENGINE_SOCKET = "/var/run/docker.sock"
DATA_NODE = "node.labels.grocery.data==true"
ANY_NODE = "node.platform.os==linux"
# Only a manager knows services and tasks.
_MANAGER_NODE = "node.role==manager"
STACK_LABEL = "grocery.stack"
WORKLOAD_LABEL = "grocery.workload"

_MONITOR_SECONDS = 5
_SLACK_SECONDS = 30
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,30}$")
_SECRETS_FOLDER = "/run/secrets"


class NetworkName(StrEnum):
    """Networks of a stack; which workload is on which is part of its identity, as a change replaces the service."""

    EDGE = "edge"
    """The way in from outside; only the edge is on it."""
    APP = "app"
    """Edge and application servers; internal."""
    DATA = "data"
    """Database and those who speak to it; internal."""
    EGRESS = "egress"
    """The way out to the internet."""
    MONITORING = "monitoring"
    """What watches the stack, among itself; internal."""


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """Membership of a network, by its id: by name every refresh would replace the service."""

    network: NetworkName
    id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class Health:
    """A program inside the image that exits 0 when the service works. Times in seconds.

    There is no separate interval for starting, so the interval is short: it bounds how fast a healthy task is
    noticed. Swarm kills what stays unhealthy after `start_period`: it covers the longest legitimate start.
    """

    command: tuple[str, ...] = ("/usr/local/bin/healthcheck",)
    start_period: int
    interval: int = 2
    timeout: int = 3
    retries: int = 5

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError("a health check needs a command")
        if min(self.start_period, self.interval, self.timeout, self.retries) < 1:
            raise ValueError(f"times and retries of a health check are at least 1, got {self}")


@dataclass(frozen=True, kw_only=True)
class StartFirst:
    """Updates start the new task and stop the old one only when the new one is healthy."""


@dataclass(frozen=True, kw_only=True)
class StopFirst:
    """Updates stop the old task first; `because` says what two at once would break."""

    because: str

    def __post_init__(self) -> None:
        _demand_reason("StopFirst", self.because)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Prometheus figures over HTTP on the workload's alias, and which of them tell how it does."""

    port: int
    path: str = "/metrics"
    indicators: tuple[Indicator, ...]

    def __post_init__(self) -> None:
        if not self.indicators:
            raise ValueError("figures that nobody looks at: name the indicators among them")


@dataclass(frozen=True, kw_only=True)
class NoMetrics:
    """Nothing to scrape; `because` says why. What others tell of it can be among the indicators all the same."""

    because: str
    indicators: tuple[Indicator, ...] = ()

    def __post_init__(self) -> None:
        _demand_reason("NoMetrics", self.because)


@dataclass(frozen=True, kw_only=True)
class EngineSocket:
    """The engine's own socket, `path` on the host, which is the whole host to who may write to it; `because` says
    why.

    The socket is its owner's, so the program runs as that user.
    """

    path: str
    because: str

    def __post_init__(self) -> None:
        _demand_reason("EngineSocket", self.because)
        if not self.path.startswith("/"):
            raise ValueError(f"expected an absolute path of the host, got {self.path!r}")


@dataclass(frozen=True, kw_only=True)
class Writable:
    """A writable root file system; `because` says what writes there."""

    because: str

    def __post_init__(self) -> None:
        _demand_reason("Writable", self.because)


@dataclass(frozen=True, kw_only=True)
class SecretFile:
    """A secret as the file /run/secrets/<name>, readable by the workload alone."""

    name: str
    value: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """A public, immutable file. Anyone with the engine can read it."""

    path: str
    content: pulumi.Input[str]
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class VolumeMount:
    """A named volume; it stays on its node, so the workload does too."""

    volume: pulumi.Input[str]
    path: str


@dataclass(frozen=True, kw_only=True)
class Tmpfs:
    """Memory-backed scratch space of `size` bytes; counts against the workload's memory."""

    path: str
    size: int


_TMP = Tmpfs(path="/tmp", size=64 * MIB)  # noqa: S108 - a tmpfs of the container


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """A port of the node, forwarded without a proxy so that client addresses stay true."""

    name: str
    target: int
    published: int


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One service. Raises ValueError for a combination that would be insecure or could never be updated."""

    name: str
    image: str
    size: Size
    health: Health
    networks: tuple[Attachment, ...]
    update: StartFirst | StopFirst
    metrics: Metrics | NoMetrics
    stop_grace: int
    """Seconds between the stop signal and the kill; several times what stopping needs, as a kill makes deletions
    fail."""
    stop_signal: str = "SIGTERM"
    command: tuple[str, ...] | None = None
    """Replaces the image's entrypoint."""
    env: Mapping[str, pulumi.Input[str]]
    secrets: tuple[SecretFile, ...] = ()
    configs: tuple[ConfigFile, ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    scratch: tuple[Tmpfs, ...] = ()
    """Beside /tmp, which every workload has."""
    ports: tuple[PublishedPort, ...] = ()
    root: Writable | None = None
    engine: EngineSocket | None = None

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ValueError(f"workload {self.name!r}: a name is lower-case letters, digits and dashes, at most 31")
        if not PINNED_IMAGE.match(self.image):
            raise ValueError(
                f"{self.name}: image {self.image!r} names no fixed content; expected a digest or an image ID"
            )
        if not self.networks:
            raise ValueError(f"{self.name}: joins no network")
        if self.ports and NetworkName.EDGE not in {attachment.network for attachment in self.networks}:
            raise ValueError(f"{self.name}: publishes ports, but only a member of the network {NetworkName.EDGE} may")
        if self.ports and isinstance(self.update, StartFirst):
            raise ValueError(f"{self.name}: two tasks cannot hold the same port of a node; use StopFirst")
        if self.size.start_first is not isinstance(self.update, StartFirst):
            raise ValueError(f"{self.name}: its size was computed for another order of updates")
        if self.size.pinned is not bool(self.volumes):
            raise ValueError(f"{self.name}: a workload is pinned to a node if and only if it mounts a volume")
        if self.engine and {attachment.network for attachment in self.networks} != {NetworkName.MONITORING}:
            raise ValueError(f"{self.name}: holds the engine's socket, so only the network {NetworkName.MONITORING}")
        if self.engine and (self.secrets or self.volumes or self.root):
            raise ValueError(f"{self.name}: holds the engine's socket, so nothing else: no secret, volume or own root")
        if suspects := [name for name in self.env if SECRET_NAME.search(name)]:
            raise ValueError(
                f"{self.name}: {', '.join(suspects)} would be readable by inspecting the service; use a SecretFile"
            )
        mounts: tuple[VolumeMount | Tmpfs | ConfigFile, ...] = (_TMP, *self.volumes, *self.scratch, *self.configs)
        paths = Counter(mount.path for mount in mounts)
        if doubled := sorted(path for path, count in paths.items() if count > 1):
            raise ValueError(f"{self.name}: {', '.join(doubled)} is mounted twice")
        called = Counter(_config_key(config) for config in self.configs)
        if doubled := sorted(key for key, count in called.items() if count > 1):
            raise ValueError(f"{self.name}: two configs would be called {', '.join(doubled)}, after the files they are")


def watched(workload: Workload) -> Watched:
    """What monitoring has to know of a workload."""
    return watched_as(workload.name, workload.size, workload.metrics)


def watched_as(name: str, size: Size, metrics: Metrics | NoMetrics) -> Watched:
    """The same of a workload that is not described yet, as its files tell of all workloads, itself included."""
    return Watched(
        name=name,
        replicas=size.replicas,
        memory=size.memory,
        cores=size.cpu / CORE,
        endpoint=Endpoint(port=metrics.port, path=metrics.path) if isinstance(metrics, Metrics) else None,
        unscraped=metrics.because if isinstance(metrics, NoMetrics) else "",
        indicators=metrics.indicators,
        overlapping=size.start_first,
    )


def converge_seconds(health: Health, *, stop_grace: int, replicas: int) -> int:
    """How long an update may take, and still end as a rollback when the last task turns out bad.

    A shorter limit ends as "did not converge" with the bad version left running beside the old one.
    """
    task = health.start_period + health.retries * (health.interval + health.timeout) + _MONITOR_SECONDS + stop_grace
    rollback = task
    return replicas * task + rollback + _SLACK_SECONDS


def go_duration(seconds: int) -> str:
    """90 -> "1m30s", the short form the provider reads back; "90s" would show a change at every refresh."""
    if seconds < 0:
        raise ValueError(f"a duration is not negative, got {seconds}")
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{amount}{unit}" for amount, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if amount]
    return "".join(parts) or "0s"


def standard_base64(text: str) -> str:
    """The encoding Docker secrets and configs are given in."""
    return base64.b64encode(text.encode()).decode()


def stack_labels(stack: str, workload: str | None = None) -> dict[str, str]:
    """Labels by which people and `grocery status` find what a stack made."""
    return {STACK_LABEL: stack} | ({WORKLOAD_LABEL: workload} if workload else {})


def volume_labels(stack: str) -> list[docker.VolumeLabelArgs]:
    """The labels of a stack, as a volume takes them."""
    return [docker.VolumeLabelArgs(label=label, value=value) for label, value in stack_labels(stack).items()]


def realise(
    name: str, workload: Workload, *, stack: str, parent: pulumi.Resource, after: Sequence[pulumi.Resource] = ()
) -> docker.Service:
    """Register the service of `workload` with its secrets and configs, as children of `parent` whose names start
    with `name`.

    The service, but not its files, waits for the resources in `after`.

    A stop-first service is named `name` and replaced by deleting it first; a start-first one is autonamed. Both are
    reached by the alias `workload.name` only.
    """
    stop_first = isinstance(workload.update, StopFirst)
    order = "stop-first" if stop_first else "start-first"
    labels = stack_labels(stack, workload.name)
    return docker.Service(
        name,
        name=name if stop_first else None,
        labels=[docker.ServiceLabelArgs(label=label, value=value) for label, value in labels.items()],
        mode=docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=workload.size.replicas)),
        task_spec=docker.ServiceTaskSpecArgs(
            container_spec=_container(name, workload, labels, stack, parent),
            networks_advanceds=[
                docker.ServiceTaskSpecNetworksAdvancedArgs(id=attachment.id, aliases=[workload.name])
                for attachment in workload.networks
            ],
            restart_policy=docker.ServiceTaskSpecRestartPolicyArgs(
                condition="any", delay="2s", max_attempts=0, window="0s"
            ),
            log_driver=docker.ServiceTaskSpecLogDriverArgs(
                name="json-file", options={"max-size": "10m", "max-file": "3"}
            ),
            placement=docker.ServiceTaskSpecPlacementArgs(constraints=[_node(workload)]),
            resources=docker.ServiceTaskSpecResourcesArgs(
                limits=docker.ServiceTaskSpecResourcesLimitsArgs(
                    memory_bytes=workload.size.memory, nano_cpus=workload.size.cpu
                ),
                reservation=docker.ServiceTaskSpecResourcesReservationArgs(
                    memory_bytes=workload.size.reserved, nano_cpus=workload.size.cpu_reserved
                ),
            ),
        ),
        endpoint_spec=docker.ServiceEndpointSpecArgs(
            mode="dnsrr",
            ports=[
                docker.ServiceEndpointSpecPortArgs(
                    name=port.name,
                    target_port=port.target,
                    published_port=port.published,
                    protocol="tcp",
                    publish_mode="host",
                )
                for port in workload.ports
            ],
        ),
        update_config=docker.ServiceUpdateConfigArgs(
            order=order,
            parallelism=1,
            delay="0s",
            monitor=go_duration(_MONITOR_SECONDS),
            failure_action="rollback",
            max_failure_ratio="0.0",
        ),
        rollback_config=docker.ServiceRollbackConfigArgs(
            order=order,
            parallelism=1,
            delay="0s",
            monitor=go_duration(_MONITOR_SECONDS),
            failure_action="pause",
            max_failure_ratio="0.0",
        ),
        converge_config=docker.ServiceConvergeConfigArgs(
            delay="1s",
            timeout=go_duration(
                converge_seconds(workload.health, stop_grace=workload.stop_grace, replicas=workload.size.replicas)
            ),
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after), delete_before_replace=stop_first),
    )


def _node(workload: Workload) -> str:
    if workload.engine:
        return _MANAGER_NODE
    return DATA_NODE if workload.volumes else ANY_NODE


def _container(
    name: str, workload: Workload, labels: Mapping[str, str], stack: str, parent: pulumi.Resource
) -> docker.ServiceTaskSpecContainerSpecArgs:
    return docker.ServiceTaskSpecContainerSpecArgs(
        image=workload.image,
        commands=list(workload.command) if workload.command else None,
        env=dict(workload.env) or None,
        labels=[
            docker.ServiceTaskSpecContainerSpecLabelArgs(label=label, value=value) for label, value in labels.items()
        ],
        user=_ENGINE_USER if workload.engine else USER,
        init=True,
        read_only=workload.root is None,
        cap_drops=["ALL"],
        stop_signal=workload.stop_signal,
        stop_grace_period=go_duration(workload.stop_grace),
        healthcheck=docker.ServiceTaskSpecContainerSpecHealthcheckArgs(
            tests=["CMD", *workload.health.command],
            interval=go_duration(workload.health.interval),
            timeout=go_duration(workload.health.timeout),
            retries=workload.health.retries,
            start_period=go_duration(workload.health.start_period),
        ),
        mounts=_mounts(workload),
        secrets=[_secret(name, secret, stack, parent) for secret in workload.secrets] or None,
        configs=[_config(name, config, parent) for config in workload.configs] or None,
    )


def _mounts(workload: Workload) -> list[docker.ServiceTaskSpecContainerSpecMountArgs]:
    engine = [workload.engine.path] if workload.engine else []
    return [
        *(
            docker.ServiceTaskSpecContainerSpecMountArgs(
                type="bind", source=path, target=_ENGINE_SOCKET, read_only=True
            )
            for path in engine
        ),
        *(
            docker.ServiceTaskSpecContainerSpecMountArgs(type="volume", source=mount.volume, target=mount.path)
            for mount in workload.volumes
        ),
        # No mode: the provider reads 1777, the engine's default, back as 0777 and would replace the service at every
        # refresh.
        *(
            docker.ServiceTaskSpecContainerSpecMountArgs(
                type="tmpfs",
                target=mount.path,
                tmpfs_options=docker.ServiceTaskSpecContainerSpecMountTmpfsOptionsArgs(size_bytes=mount.size),
            )
            for mount in (_TMP, *workload.scratch)
        ),
    ]


def _secret(
    name: str, secret: SecretFile, stack: str, parent: pulumi.Resource
) -> docker.ServiceTaskSpecContainerSpecSecretArgs:
    # No explicit name: a new value is a new secret beside the old one, so the service can be updated and rolled back.
    resource = docker.Secret(
        f"{name}-{_key(secret.name)}",
        data=pulumi.Output.secret(secret.value).apply(standard_base64),
        labels=[docker.SecretLabelArgs(label=label, value=value) for label, value in stack_labels(stack).items()],
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return docker.ServiceTaskSpecContainerSpecSecretArgs(
        secret_id=resource.id,
        secret_name=resource.name,
        file_name=f"{_SECRETS_FOLDER}/{secret.name}",
        file_mode=0o400,
        file_uid=str(UID),
        file_gid=str(UID),
    )


def _config_key(config: ConfigFile) -> str:
    return _key(config.path.rpartition("/")[2])


def _config(name: str, config: ConfigFile, parent: pulumi.Resource) -> docker.ServiceTaskSpecContainerSpecConfigArgs:
    resource = docker.ServiceConfig(
        f"{name}-{_config_key(config)}",
        data=pulumi.Output.from_input(config.content).apply(standard_base64),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return docker.ServiceTaskSpecContainerSpecConfigArgs(
        config_id=resource.id,
        config_name=resource.name,
        file_name=config.path,
        file_mode=0o555 if config.executable else 0o444,
        file_uid="0",
        file_gid="0",
    )


def _key(file: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", file.lower())


def _demand_reason(kind: str, because: str) -> None:
    if len(because.split()) < 3:
        raise ValueError(f"{kind} is an exception and carries its reason in a few words, got because={because!r}")
