"""What a stack may use of the data node's disk, and everything that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20
_GIB = 1 << 30

# PostgreSQL writes its log in pieces of this size, and hands on whole ones only.
WAL_SEGMENT = 16 * _MIB

_HOUR = 3600
# One part in so many of the database's disk is for whoever reads its log and stands still.
_SHARE = 4


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Shares of the disk in bytes; `monitoring` is 0 where nothing is watched, `repository` where nothing is backed up
    to this disk.

    Raises ValueError when its parts would not get along: the database's log would leave less than half of the share to
    the data, or what may wait for the repositories would not outlast an hour in which nobody does anything.
    """

    database: int
    monitoring: int = 0
    repository: int = 0
    archiving: bool = False
    """The log is handed to repositories."""
    archive_timeout: int = 60
    """Seconds after which a piece of the log is handed on that is not full: what a lost machine may cost."""

    def __post_init__(self) -> None:
        if self.database <= 0 or min(self.monitoring, self.repository) < 0:
            raise ValueError(f"shares of a disk are not negative, and the database's is not empty: {self}")
        if self.archive_timeout <= 0:
            raise ValueError(f"archive_timeout is {self.archive_timeout} s: the log is handed on now and then")
        if self.wal_at_most > self.database // 2:
            raise ValueError(
                f"{_gib(self.database)} for the database: its log may take {_gib(self.wal_at_most)} of them, and more "
                "than half of the disk is to be left to the data"
            )
        hour = -(-_HOUR // self.archive_timeout) * WAL_SEGMENT
        if self.archiving and self.archive_queue < hour:
            raise ValueError(
                f"{_gib(self.database)} for the database: {_gib(self.archive_queue)} of log may wait for the "
                f"repositories, and an hour without them is {_gib(hour)} when nobody does anything "
                f"(a piece of {WAL_SEGMENT // _MIB} MiB every {self.archive_timeout} s); "
                f"expected at least {_gib(hour * _SHARE)}"
            )

    @property
    def wal_kept(self) -> int:
        """Log of the database kept for a replication slot that stands still; beyond it the slot is given up and
        zero-cache copies the database anew, which a full disk could not take."""
        return self.database // _SHARE

    @property
    def archive_queue(self) -> int:
        """Log that may wait for the repositories; beyond it, it is given up, and with it every moment until the next
        backup: a full disk would stop the database."""
        return self.database // _SHARE

    @property
    def wal_between_checkpoints(self) -> int:
        """Log that is written before the next checkpoint has to come."""
        return max(128 * _MIB, min(self.database // 10, 4 * _GIB))

    @property
    def wal_at_most(self) -> int:
        """All of the log, whoever stands still: what waits for a slot and what waits for the repositories is the same
        log, from its oldest piece that somebody needs."""
        return max(self.wal_kept, self.archive_queue) + self.wal_between_checkpoints

    @property
    def history(self) -> int:
        """Blocks of figures that Prometheus keeps: the rest is for its log of the last hours and for the two blocks
        that a compaction makes into one."""
        return self.monitoring * 4 // 5

    @property
    def total(self) -> int:
        return self.database + self.monitoring + self.repository


def _gib(size: int) -> str:
    return f"{size / _GIB:.3g} GiB"
