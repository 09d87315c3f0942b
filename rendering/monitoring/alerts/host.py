"""The machine: processors, memory and disk, and when the disk will be full."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import HOUR, MINUTE, Alert, Level, levels

_AVAILABLE = "grocery:disk:available_bytes"


def _full_within(seconds: int, *, seen: str, free: str) -> str:
    """Seconds until the disk is full, when that is near if it goes on as in the last `seen`.

    What has been watched for less than that says nothing (images are loaded, a database is copied), and neither does
    a disk with a share above `free`.
    """
    return (
        f"({_AVAILABLE} / (0 - deriv({_AVAILABLE}[{seen}]) > 0))"
        f" and predict_linear({_AVAILABLE}[{seen}], {seconds}) < 0"
        f" and grocery:disk:free_ratio < {free}"
        f" and {_AVAILABLE} offset {seen} >= 0"
    )


ALERTS: tuple[Alert, ...] = (
    *levels(
        "HighCpu",
        expr="grocery:cpu:ratio",
        warning=Level(limit="0.7", for_seconds=15 * MINUTE),
        critical=Level(limit="0.9", for_seconds=10 * MINUTE),
        summary="Processors of the machine are {{ $value | humanizePercentage }} busy",
        description="Everything on the machine gets slower, and what has a time limit begins to miss it.",
    ),
    *levels(
        "HighMemory",
        expr="grocery:memory:ratio",
        warning=Level(limit="0.8", for_seconds=10 * MINUTE),
        critical=Level(limit="0.95", for_seconds=2 * MINUTE),
        summary="{{ $value | humanizePercentage }} of the machine's memory is in use",
        description="When none is left the kernel ends processes, of the stack or of others.",
    ),
    *levels(
        "DiskSpaceLow",
        expr="grocery:disk:free_ratio",
        compare="<",
        warning=Level(limit="0.2", for_seconds=10 * MINUTE),
        critical=Level(limit="0.1", for_seconds=2 * MINUTE),
        summary="{{ $value | humanizePercentage }} of the disk is free",
        description="Without space PostgreSQL stops, and with it every write of every list.",
    ),
    Alert(
        name="DiskWillFill",
        expr=_full_within(24 * HOUR, seen="6h", free="0.5"),
        for_seconds=30 * MINUTE,
        severity="warning",
        summary="The disk is full in {{ $value | humanizeDuration }} if it goes on like this",
        description="The last hours wrote faster than the free space lasts. Without space PostgreSQL stops.",
    ),
    Alert(
        name="DiskWillFill",
        expr=_full_within(4 * HOUR, seen="1h", free="0.3"),
        for_seconds=10 * MINUTE,
        severity="critical",
        summary="The disk is full in {{ $value | humanizeDuration }} if it goes on like this",
        description="The last hour wrote faster than the free space lasts. Without space PostgreSQL stops.",
    ),
    Alert(
        name="DiskFilesLow",
        expr="min(node_filesystem_files_free / (node_filesystem_files > 0)) < 0.1",
        for_seconds=10 * MINUTE,
        severity="warning",
        summary="The disk has room for {{ $value | humanizePercentage }} of its number of files",
        description="A disk without numbers for new files is full, whatever space it has.",
    ),
)
