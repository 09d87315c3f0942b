"""What the exporters are asked to measure: all that rules and dashboards speak of, and little else."""

from __future__ import annotations

POSTGRES_FLAGS = (
    # Off unless asked for: the oldest transaction, and how far the transaction numbers are.
    "--collector.long_running_transactions",
    "--collector.database_wraparound",
    # Settings are rendered by this program and roles made by it: three hundred series that say nothing new.
    "--disable-settings-metrics",
    "--no-collector.roles",
    "--no-collector.replication",
    "--no-collector.statio_user_tables",
)

NODE_FLAGS = (
    "--collector.disable-defaults",
    "--collector.cpu",
    "--collector.diskstats",
    "--collector.filesystem",
    "--collector.loadavg",
    "--collector.meminfo",
    "--collector.stat",
    "--collector.vmstat",
    # A container's own files in memory tell nothing of the machine.
    "--collector.filesystem.fs-types-exclude=^(tmpfs|overlay|proc|sysfs|cgroup2?|devpts|mqueue|ramfs)$",
)
