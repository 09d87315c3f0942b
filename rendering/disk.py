"""What a stack may use of the data node's disk, and everything that follows from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Shares of the disk in bytes; `monitoring` is 0 where nothing is watched."""

    database: int
    monitoring: int = 0

    @property
    def wal_kept(self) -> int:
        """Log of the database kept for a replication slot that stands still; beyond it the slot is given up and
        zero-cache copies the database anew, which a full disk could not take."""
        return self.database // 4

    @property
    def wal_alert(self) -> int:
        """Retained log that tells somebody, while there is still half of the way to go."""
        return self.wal_kept // 2

    @property
    def wal_between_checkpoints(self) -> int:
        """Log that is written before the next checkpoint has to come."""
        return max(128 << 20, min(self.database // 10, 4 << 30))

    @property
    def history(self) -> int:
        """Blocks of figures that Prometheus keeps: the rest is for its log of the last hours and for the two blocks
        that a compaction makes into one."""
        return self.monitoring * 4 // 5

    @property
    def total(self) -> int:
        return self.database + self.monitoring
