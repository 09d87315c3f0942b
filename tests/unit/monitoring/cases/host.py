"""The machine."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, rising, then

_GB = 1e9


def busy(share: float, *, minutes: int = 60) -> Series:
    """Two processors, busy for this share of the time."""
    return {
        **{
            f'node_cpu_seconds_total{{job="node-exporter",cpu="{cpu}",mode="user"}}': rising(share, minutes=minutes)
            for cpu in "01"
        },
        **{
            f'node_cpu_seconds_total{{job="node-exporter",cpu="{cpu}",mode="idle"}}': rising(1 - share, minutes=minutes)
            for cpu in "01"
        },
    }


def memory(available: float) -> Series:
    return {
        'node_memory_MemAvailable_bytes{job="node-exporter"}': flat(available),
        'node_memory_MemTotal_bytes{job="node-exporter"}': flat(100),
    }


def disk(size: str, free: str, available: str) -> Series:
    """One disk, seen through two mounts, beside a file system in memory that is full."""
    found = {}
    for mount in ("/etc/hosts", "/disk"):
        labels = f'{{job="node-exporter",device="/dev/vda",fstype="ext4",mountpoint="{mount}"}}'
        found[f"node_filesystem_size_bytes{labels}"] = size
        found[f"node_filesystem_free_bytes{labels}"] = free
        found[f"node_filesystem_avail_bytes{labels}"] = available
    full = '{job="node-exporter",device="tmpfs",fstype="tmpfs",mountpoint="/tmp"}'
    for figure, value in (("size", 64), ("free", 0), ("avail", 0)):
        found[f"node_filesystem_{figure}_bytes{full}"] = flat(value, minutes=60 * 8)
    return found


def filling(start: float, per_hour: float, *, minutes: int) -> Series:
    """A disk of 100 GB that has `start` GB free, and less by `per_hour` each hour."""
    values = rising(-per_hour * _GB / 3600, start=start * _GB, minutes=minutes)
    return disk(flat(100 * _GB, minutes=minutes), values, values)


CASES = (
    Case(
        alert="HighCpu",
        when="processors are busy for 80 % of the time",
        series=busy(0.8),
        at=30,
        fires=(Fired(severity="warning", summary="Processors of the machine are 80% busy"),),
    ),
    Case(
        alert="HighCpu",
        when="processors have nothing left to give",
        series=busy(0.95),
        at=30,
        fires=(
            Fired(severity="warning", summary="Processors of the machine are 95% busy"),
            Fired(severity="critical", summary="Processors of the machine are 95% busy"),
        ),
    ),
    Case(alert="HighCpu", when="half of the processors is used", series=busy(0.5), at=30),
    Case(alert="HighCpu", when="an update has kept them busy for a few minutes", series=busy(1), at=8),
    Case(
        alert="HighMemory",
        when="15 % of the memory is available",
        series=memory(15),
        fires=(Fired(severity="warning", summary="85% of the machine's memory is in use"),),
    ),
    Case(
        alert="HighMemory",
        when="hardly any memory is available",
        series=memory(3),
        fires=(
            Fired(severity="warning", summary="97% of the machine's memory is in use"),
            Fired(severity="critical", summary="97% of the machine's memory is in use"),
        ),
    ),
    Case(alert="HighMemory", when="half of the memory is available", series=memory(50)),
    Case(
        alert="DiskSpaceLow",
        when="15 of 100 GB are free",
        series=disk(flat(100), flat(15), flat(15)),
        fires=(Fired(severity="warning", summary="15% of the disk is free"),),
    ),
    Case(
        alert="DiskSpaceLow",
        when="4 of 100 GB are free",
        series=disk(flat(100), flat(4), flat(4)),
        fires=(
            Fired(severity="warning", summary="4% of the disk is free"),
            Fired(severity="critical", summary="4% of the disk is free"),
        ),
    ),
    Case(
        alert="DiskSpaceLow",
        when="most of the disk is kept for root, and what is left is mostly free",
        series=disk(flat(100), flat(90), flat(20)),
    ),
    Case(
        alert="DiskWillFill",
        when="the last six hours wrote 3 GB an hour, and 20 GB are left",
        series=filling(41, 3, minutes=7 * 60 + 30),
        at=7 * 60,
        fires=(Fired(severity="warning", summary="The disk is full in 6h 40m 0s if it goes on like this"),),
    ),
    Case(
        alert="DiskWillFill",
        when="the last hour wrote 10 GB, and as much is left",
        series=filling(30.01, 10, minutes=3 * 60),
        at=2 * 60,
        fires=(Fired(severity="critical", summary="The disk is full in 1h 0m 3s if it goes on like this"),),
    ),
    Case(
        alert="DiskWillFill",
        when="a new machine has just been filled with images",
        series=filling(40, 60, minutes=60),
        at=30,
    ),
    Case(
        alert="DiskWillFill",
        when="the disk is written slowly",
        series=filling(30, 0.1, minutes=8 * 60),
        at=7 * 60,
    ),
    Case(
        alert="DiskWillFill",
        when="space becomes free",
        series=filling(20, -5, minutes=8 * 60),
        at=7 * 60,
    ),
    Case(
        alert="DiskFilesLow",
        when="a disk has many small files",
        series={
            'node_filesystem_files{job="node-exporter",device="/dev/vda",mountpoint="/disk"}': flat(1000),
            'node_filesystem_files_free{job="node-exporter",device="/dev/vda",mountpoint="/disk"}': flat(50),
        },
        fires=(Fired(severity="warning", summary="The disk has room for 5% of its number of files"),),
    ),
    Case(
        alert="DiskFilesLow",
        when="the file system does not number its files",
        series={
            'node_filesystem_files{job="node-exporter",device="/dev/vda",mountpoint="/disk"}': flat(0),
            'node_filesystem_files_free{job="node-exporter",device="/dev/vda",mountpoint="/disk"}': flat(0),
        },
    ),
    Case(
        alert="DiskFilesLow",
        when="the number of files was low for a moment",
        series={
            'node_filesystem_files{job="node-exporter",device="/dev/vda",mountpoint="/disk"}': flat(1000),
            'node_filesystem_files_free{job="node-exporter",device="/dev/vda",mountpoint="/disk"}': then(
                "50+0x20", "500+0x200"
            ),
        },
    ),
)
