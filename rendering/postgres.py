"""PostgreSQL's own configuration, derived from the memory and disk it is given."""

from __future__ import annotations

from dataclasses import dataclass

from rendering import render_template

MIB = 1 << 20

# zero-cache beside its pools: replication, its monitor and purger, and the copy workers of an initial sync.
_ZERO_CACHE_OTHERS = 16
# Administration, migrations, monitoring and backups.
_RESERVED = 14


@dataclass(frozen=True, kw_only=True)
class Server:
    """Resources of one PostgreSQL server, in bytes and connections."""

    memory: int
    disk: int
    connections: int


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Figures derived from a Server; sizes in MiB."""

    max_connections: int
    shared_buffers: int
    effective_cache_size: int
    maintenance_work_mem: int
    work_mem: int
    max_wal_size: int
    max_slot_wal_keep_size: int


def connections(*, api_replicas: int, api_pool: int, cvr: int, change: int) -> int:
    """All the connections the stack may hold at once, the second task during an update of the API included."""
    return (api_replicas + 1) * api_pool + cvr + change + _ZERO_CACHE_OTHERS + _RESERVED


def tune(server: Server) -> Tuning:
    """PostgreSQL's usual proportions, kept within a container's hard limit.

    A quarter of the memory for shared buffers; what remains beside them is shared by sorts of all connections at
    once. The log a stopped zero-cache pins is bounded to a quarter of the disk: it copies the database anew, which a
    full disk cannot.
    """
    memory = server.memory // MIB
    disk = server.disk // MIB
    shared_buffers = memory // 4
    return Tuning(
        max_connections=server.connections,
        shared_buffers=shared_buffers,
        effective_cache_size=memory * 3 // 4,
        maintenance_work_mem=max(16, min(memory // 16, 1024)),
        work_mem=max(1, min((memory - shared_buffers) // (server.connections * 3), 64)),
        max_wal_size=max(128, min(disk // 10, 4096)),
        max_slot_wal_keep_size=disk // 4,
    )


def render_conf(server: Server) -> str:
    """The text of postgresql.conf."""
    return render_template("postgresql.conf.j2", tuning=tune(server))


def render_hba() -> str:
    """The text of pg_hba.conf."""
    return render_template("pg_hba.conf.j2")
