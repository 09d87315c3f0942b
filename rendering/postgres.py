"""PostgreSQL's own configuration, derived from the memory and disk it is given."""

from __future__ import annotations

from dataclasses import dataclass

from rendering import pgbackrest, render_template
from rendering.disk import Disk

MIB = 1 << 20

# zero-cache beside its pools: replication, its monitor and purger, and the copy workers of an initial sync.
_ZERO_CACHE_OTHERS = 16
# Administration, migrations, monitoring and backups.
_RESERVED = 14
# A change of the limit restarts the server: it grows in steps, so that one replica more of the API does not.
_CONNECTIONS_STEP = 50
_FEWEST_CONNECTIONS = 100


@dataclass(frozen=True, kw_only=True)
class Server:
    """Resources of one PostgreSQL server: memory in bytes, disk, connections."""

    memory: int
    disk: Disk
    connections: int


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Figures derived from a Server; sizes in MiB where the name does not say otherwise."""

    max_connections: int
    shared_buffers: int
    effective_cache_size: int
    maintenance_work_mem: int
    work_mem_kib: int
    max_wal_size: int
    max_slot_wal_keep_size: int


def connections(*, api_replicas: int, api_pool: int, cvr: int, change: int) -> int:
    """A limit above all the connections the stack may hold at once, the second task during an update of the API
    included."""
    needed = (api_replicas + 1) * api_pool + cvr + change + _ZERO_CACHE_OTHERS + _RESERVED
    return max(_FEWEST_CONNECTIONS, -(-needed // _CONNECTIONS_STEP) * _CONNECTIONS_STEP)


def tune(server: Server) -> Tuning:
    """PostgreSQL's usual proportions, kept within a container's hard limit.

    A quarter of the memory for shared buffers; what remains beside them is shared by sorts of all connections at
    once.
    """
    memory = server.memory // MIB
    disk = server.disk
    shared_buffers = memory // 4
    maintenance_work_mem = max(16, min(memory // 16, 1024))
    rest = memory - shared_buffers - maintenance_work_mem
    return Tuning(
        max_connections=server.connections,
        shared_buffers=shared_buffers,
        effective_cache_size=memory * 3 // 4,
        maintenance_work_mem=maintenance_work_mem,
        work_mem_kib=min(rest * 1024 // server.connections, 64 * 1024),
        max_wal_size=disk.wal_between_checkpoints // MIB,
        max_slot_wal_keep_size=disk.wal_kept // MIB,
    )


def render_conf(server: Server) -> str:
    """The text of postgresql.conf."""
    return render_template(
        "postgresql.conf.j2",
        tuning=tune(server),
        stanza=pgbackrest.STANZA,
        archive_timeout=server.disk.archive_timeout if server.disk.archiving else None,
    )


def render_hba() -> str:
    """The text of pg_hba.conf."""
    return render_template("pg_hba.conf.j2")
