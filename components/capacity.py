"""What each workload may use and is promised, and whether the machine has it; pure, judged before anything is
registered.

Swarm places a task only where its reservation fits and says nothing when it does not: the update hangs as "pending".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from settings import Settings
from settings.monitoring import Monitoring

MIB = 1 << 20
CORE = 1_000_000_000

# Settings of memory that are not called after their workload.
_KEYS = {"prometheus": "monitoring.prometheus_memory", "grafana": "monitoring.grafana.memory"}


class CapacityError(Exception):
    """The workloads do not fit into the memory given to the stack."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Limits and reservations of one task. Memory in bytes, CPU in billionths of a core (Docker's nano CPUs)."""

    memory: int
    reserved: int
    cpu: int
    cpu_reserved: int
    replicas: int = 1
    start_first: bool = False
    """During an update one task more than `replicas` is running."""
    pinned: bool = False
    """Tied to the node that holds the data volumes."""

    def __post_init__(self) -> None:
        if not 0 < self.reserved <= self.memory:
            raise ValueError(
                f"a reservation of {self.reserved} bytes must be positive and within the limit of {self.memory}"
            )
        if not 0 < self.cpu_reserved <= self.cpu:
            raise ValueError(
                f"a CPU reservation of {self.cpu_reserved} must be positive and within the limit of {self.cpu}"
            )
        if self.replicas < 1:
            raise ValueError(f"replicas is {self.replicas}: at least one task runs")


@dataclass(frozen=True, kw_only=True)
class MonitoringSizes:
    """The size of every workload that watches a stack."""

    prometheus: Size
    alertmanager: Size
    node_exporter: Size
    postgres_exporter: Size
    nginx_exporter: Size
    blackbox_exporter: Size
    docker_filter: Size
    collector: Size
    synthetic_user: Size | None
    grafana: Size | None


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The size of every workload of a stack."""

    postgres: Size
    migrations: Size
    auth_server: Size
    zero_cache: Size
    edge: Size
    edge_config: Size
    frontend: Size
    backups: Size | None
    """Only where something is backed up."""
    acme: Size | None
    """Only where an authority of others is asked for the certificate."""
    monitoring: MonitoringSizes | None
    """Only where something watches."""

    def by_name(self) -> Mapping[str, Size]:
        """Workload name -> size."""
        fields = {**vars(self), **(vars(self.monitoring) if self.monitoring else {})}
        return {field.replace("_", "-"): size for field, size in fields.items() if isinstance(size, Size)}


def sizes(settings: Settings) -> Sizes:
    """The sizes that follow from a stack's settings: their memory is the limit, half of it is reserved.

    Half is what these processes hold when busy; Postgres' half covers its shared buffers and its backends.
    """
    proxied = settings.frontend.proxy_port is not None
    return Sizes(
        postgres=_size(settings.postgres.memory, cpu=2 * CORE, cpu_reserved=CORE // 10, pinned=True),
        migrations=_size(64 * MIB, cpu=CORE, cpu_reserved=CORE // 100),
        auth_server=_size(
            settings.auth_server.memory,
            cpu=CORE,
            cpu_reserved=CORE // 20,
            replicas=settings.auth_server.replicas,
            start_first=True,
        ),
        # Starting is bound by CPU: it gets two cores when they are idle.
        zero_cache=_size(settings.zero_cache.memory, cpu=2 * CORE, cpu_reserved=CORE // 10, pinned=True),
        edge=_size(settings.edge.memory, cpu=CORE, cpu_reserved=CORE // 20, pinned=True),
        edge_config=_size(32 * MIB, cpu=CORE // 2, cpu_reserved=CORE // 100, pinned=True),
        frontend=_size(
            settings.frontend.memory, cpu=CORE // 2, cpu_reserved=CORE // 100, pinned=not proxied, start_first=proxied
        ),
        # Compressing is bound by CPU, and a drill runs a database of its own.
        backups=_size(settings.backups.memory, cpu=CORE, cpu_reserved=CORE // 50, pinned=True)
        if settings.backups.enabled
        else None,
        acme=_size(64 * MIB, cpu=CORE // 2, cpu_reserved=CORE // 100, pinned=True)
        if settings.edge.certificate.kind == "acme"
        else None,
        monitoring=_monitoring(settings.monitoring) if settings.monitoring.enabled else None,
    )


def _monitoring(settings: Monitoring) -> MonitoringSizes:
    def small(memory: int, *, pinned: bool = False) -> Size:
        return _size(memory * MIB, cpu=CORE // 2, cpu_reserved=CORE // 100, pinned=pinned)

    grafana = settings.grafana
    return MonitoringSizes(
        prometheus=_size(settings.prometheus_memory, cpu=CORE, cpu_reserved=CORE // 50, pinned=True),
        alertmanager=small(64, pinned=True),
        node_exporter=small(48, pinned=True),
        postgres_exporter=small(48),
        nginx_exporter=small(48),
        blackbox_exporter=small(64),
        docker_filter=small(32),
        collector=small(96),
        synthetic_user=small(160) if settings.synthetic_user else None,
        grafana=_size(grafana.memory, cpu=CORE, cpu_reserved=CORE // 100) if grafana else None,
    )


def _size(
    memory: int, *, cpu: int, cpu_reserved: int, replicas: int = 1, start_first: bool = False, pinned: bool = False
) -> Size:
    return Size(
        memory=memory,
        reserved=memory // 2,
        cpu=cpu,
        cpu_reserved=cpu_reserved,
        replicas=replicas,
        start_first=start_first,
        pinned=pinned,
    )


def check(sizes: Mapping[str, Size], *, nodes: int, node_memory: int) -> None:
    """Refuse workloads (name -> size) that cannot be placed, or not be updated, on `nodes` nodes of `node_memory`
    bytes.

    Raises CapacityError with the sum and the largest parts of it.
    """
    for name, size in sizes.items():
        if size.memory > node_memory:
            raise CapacityError(
                f"{name} may use {_mib(size.memory)} but the node has {_mib(node_memory)} for this stack: "
                f"lower {_KEYS.get(name, name.replace('-', '_') + '.memory')} or raise target.memory"
            )
    surge = max((size.reserved for size in sizes.values() if size.start_first), default=0)
    reserved = {name: size.reserved * size.replicas for name, size in sizes.items()}
    pinned = {name: share for name, share in reserved.items() if sizes[name].pinned}
    # What is not pinned may be placed anywhere, but on one node everything shares it.
    for shares, extra, room, where in (
        (pinned, 0, node_memory, "the node with the data volumes"),
        (reserved, surge, node_memory * nodes, "the node" if nodes == 1 else f"{nodes} nodes together"),
    ):
        total = sum(shares.values()) + extra
        if total > room:
            largest = ", ".join(
                f"{name} {_mib(share)}" for name, share in sorted(shares.items(), key=lambda item: -item[1])[:3]
            )
            during = f", {_mib(extra)} of it for a second task during updates" if extra else ""
            raise CapacityError(
                f"{where} has {_mib(room)} for this stack but {_mib(total)} would be reserved{during} "
                f"(largest: {largest}): raise target.memory or lower the memory of a part"
            )


def _mib(size: int) -> str:
    return f"{-(-size // MIB)} MiB"
