"""Backups, the log's way to the repositories, and drills. The clock of a case begins in 1970."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, rising, then

_GIB = 1 << 30
_DAY = 24 * 60
# The database has been running from the beginning on, unless a case says otherwise.
_DATABASE = {'container_start_time_seconds{job="collector",workload="postgres",task="1"}': flat(1, minutes=_DAY)}


def figure(name: str, values: str, **labels: str) -> Series:
    told = "".join(f',{label}="{value}"' for label, value in labels.items())
    return {f'{name}{{job="backups",instance="a:8080"{told}}}': values}


def last_backups(*moments: float) -> Series:
    """When the newest full and incremental backup of the repositories 1, 2, ... began; 0: there is none."""
    found: dict[str, str] = dict(_DATABASE)
    for number, moment in enumerate(moments, start=1):
        for kind, began in (("full", min(moment, 1)), ("incremental", moment)):
            values = flat(began, minutes=_DAY)
            found |= figure("grocery_last_backup_timestamp_seconds", values, kind=kind, repository=str(number))
    return found


def archive(*, last: str, waiting: str) -> Series:
    return {
        **_DATABASE,
        **figure("grocery_last_archived_timestamp_seconds", last),
        **figure("grocery_archive_waiting_segments", waiting),
    }


def proven(moment: float) -> Series:
    return {**_DATABASE, **figure("grocery_last_proven_restore_timestamp_seconds", flat(moment, minutes=_DAY))}


def usable(volume: str, bucket: str) -> Series:
    return {
        **figure("grocery_repository_usable", volume, repository="1", kind="volume"),
        **figure("grocery_repository_usable", bucket, repository="2", kind="bucket"),
    }


def known(value: str, *, usable: str) -> Series:
    return {
        **figure("grocery_repository_database_known", value, repository="1"),
        **figure("grocery_repository_usable", usable, repository="1", kind="volume"),
    }


def room(*, free: float, taken: float) -> Series:
    """GiB of a disk of 100, and of the 10 that were planned."""
    return {
        **figure("grocery_repository_volume_size_bytes", flat(100 * _GIB)),
        **figure("grocery_repository_volume_free_bytes", flat(free * _GIB)),
        **figure("grocery_repository_bytes", flat(taken * _GIB), repository="1"),
        # A bucket has no end.
        **figure("grocery_repository_bytes", flat(500 * _GIB), repository="2"),
    }


def verified(ok: float, *, at: float) -> Series:
    return {
        **figure("grocery_last_verify_ok", flat(ok)),
        **figure("grocery_last_verify_timestamp_seconds", flat(at)),
    }


_OVERDUE = "Repository {} has had no new backup for {}"
_BEHIND = "Nothing has been archived for {}, and log waits"
_WAITING = "{} of the log that may wait to be archived (1024 MiB) does"
_UNUSABLE = "cannot be used (grocery_repository_usable is 0)"
_FREE = "{} of the repository's volume is free"


def warning(summary: str, **labels: str) -> Fired:
    return Fired(severity="warning", summary=summary, workload="backups", labels=labels)


def critical(summary: str, **labels: str) -> Fired:
    return Fired(severity="critical", summary=summary, workload="backups", labels=labels)


CASES = (
    Case(
        alert="BackupOverdue",
        when="one was to be made every half hour, and the last is an hour old",
        series=last_backups(60 * 60),
        at=120,
        fires=(warning(_OVERDUE.format(1, "1h 0m 0s"), repository="1"),),
    ),
    Case(
        alert="BackupOverdue",
        when="three have been left out, in one of two repositories",
        series=last_backups(110 * 60, 10 * 60),
        at=120,
        fires=(
            warning(_OVERDUE.format(2, "1h 50m 0s"), repository="2"),
            critical(_OVERDUE.format(2, "1h 50m 0s"), repository="2"),
        ),
    ),
    Case(
        alert="BackupOverdue",
        when="none was ever made",
        series=last_backups(0),
        at=120,
        fires=(
            warning(_OVERDUE.format(1, "1h 59m 59s"), repository="1"),
            critical(_OVERDUE.format(1, "1h 59m 59s"), repository="1"),
        ),
    ),
    Case(alert="BackupOverdue", when="the last is as old as they get", series=last_backups(80 * 60), at=120),
    Case(alert="BackupOverdue", when="none was ever made, and the stack is new", series=last_backups(0), at=20),
    Case(
        alert="BackupFailing",
        when="the repository's disk is full",
        series=figure("grocery_backup_failures_in_a_row", flat(3)),
        fires=(warning("3 backups in a row failed"),),
    ),
    Case(
        alert="BackupFailing",
        when="one failed, and is tried again",
        series=figure("grocery_backup_failures_in_a_row", flat(1)),
    ),
    Case(
        alert="ArchiveFailing",
        when="the repository host has been away for seven minutes",
        series=archive(last=then(rising(1, minutes=13), flat(13 * 60)), waiting=then(flat(0, minutes=13), flat(4))),
        fires=(warning(_BEHIND.format("7m 0s")),),
    ),
    Case(
        alert="ArchiveFailing",
        when="the repository host has been away for a quarter of an hour",
        series=archive(last=then(rising(1, minutes=5), flat(5 * 60)), waiting=then(flat(0, minutes=5), flat(9))),
        fires=(warning(_BEHIND.format("15m 0s")), critical(_BEHIND.format("15m 0s"))),
    ),
    Case(
        alert="ArchiveFailing",
        when="nothing was ever archived",
        series=archive(last=flat(0), waiting=flat(9)),
        fires=(warning(_BEHIND.format("19m 59s")), critical(_BEHIND.format("19m 59s"))),
    ),
    Case(
        alert="ArchiveFailing",
        when="nothing has been written for half an hour",
        series=archive(last=flat(1), waiting=flat(0)),
        at=30,
    ),
    Case(
        alert="ArchiveFailing",
        when="much is written, and always some waits",
        series=archive(last=rising(1), waiting=flat(6)),
    ),
    Case(
        alert="ArchiveQueueFilling",
        when="nothing has been taken for long",
        series=figure("grocery_archive_waiting_segments", flat(40)),
        fires=(warning(_WAITING.format("62.5%")),),
    ),
    Case(
        alert="ArchiveQueueFilling",
        when="log is about to be dropped",
        series=figure("grocery_archive_waiting_segments", flat(60)),
        fires=(warning(_WAITING.format("93.75%")), critical(_WAITING.format("93.75%"))),
    ),
    Case(
        alert="ArchiveQueueFilling",
        when="a burst is being taken",
        series=figure("grocery_archive_waiting_segments", then(flat(0, minutes=19), flat(60))),
    ),
    Case(
        alert="ArchiveGap",
        when="one of two repositories was away for too long",
        series={
            **figure("grocery_archive_gap", flat(0), repository="1"),
            **figure("grocery_archive_gap", then(flat(0, minutes=10), flat(1)), repository="2"),
        },
        fires=(critical("Repository 2 misses dropped log (grocery_archive_gap is 1)", repository="2"),),
    ),
    Case(
        alert="ArchiveGap",
        when="a backup was made since",
        series=figure("grocery_archive_gap", then(flat(1, minutes=10), flat(0)), repository="1"),
    ),
    Case(
        alert="RestoreUnproven",
        when="three drills have been left out",
        series=proven(60 * 60),
        at=5 * 60,
        fires=(warning("No restore has been proven for 4h 0m 0s"),),
    ),
    Case(
        alert="RestoreUnproven",
        when="there never was a drill",
        series=proven(0),
        at=5 * 60,
        fires=(warning("No restore has been proven for 4h 59m 59s"),),
    ),
    Case(alert="RestoreUnproven", when="one drill has been left out", series=proven(3 * 60 * 60), at=5 * 60),
    Case(alert="RestoreUnproven", when="the stack is new", series=proven(0), at=60),
    Case(
        alert="DrillFailing",
        when="what was restored is not what was there",
        series=figure("grocery_drill_failures_in_a_row", flat(2)),
        at=40,
        fires=(warning("2 drills in a row failed"),),
    ),
    Case(
        alert="DrillFailing",
        when="one failed, and the next did not",
        series=figure("grocery_drill_failures_in_a_row", then(flat(1, minutes=10), flat(0))),
        at=40,
    ),
    Case(
        alert="RepositoryUnusable",
        when="the bucket refuses its key",
        series=usable(flat(1), flat(0)),
        fires=(warning(f"Repository 2 (bucket) {_UNUSABLE}", repository="2", kind="bucket"),),
    ),
    Case(
        alert="RepositoryUnusable",
        when="neither can be used",
        series=usable(flat(0), flat(0)),
        fires=(
            warning(f"Repository 1 (volume) {_UNUSABLE}", repository="1", kind="volume"),
            warning(f"Repository 2 (bucket) {_UNUSABLE}", repository="2", kind="bucket"),
            critical(f"Every repository {_UNUSABLE}"),
        ),
    ),
    Case(
        alert="RepositoryUnusable",
        when="the bucket was away for a minute",
        series=usable(flat(1), then(flat(1, minutes=18), flat(0, minutes=1), flat(1))),
    ),
    Case(
        alert="RepositoryOfAnotherDatabase",
        when="a machine is new and its database empty",
        series=known(flat(0), usable=flat(1)),
        fires=(
            critical(
                "Repository 1 holds backups of another database (grocery_repository_database_known is 0)",
                repository="1",
            ),
        ),
    ),
    Case(alert="RepositoryOfAnotherDatabase", when="it is this database's", series=known(flat(1), usable=flat(1))),
    Case(
        alert="RepositoryOfAnotherDatabase",
        when="it cannot be read, so nothing is known",
        series=known(flat(0), usable=flat(0)),
    ),
    Case(
        alert="RepositoryFilling",
        when="it takes most of what was planned",
        series=room(free=80, taken=8.5),
        fires=(warning(_FREE.format("15%")),),
    ),
    Case(
        alert="RepositoryFilling",
        when="the disk below it is nearly full",
        series=room(free=5, taken=4),
        fires=(warning(_FREE.format("5%")), critical(_FREE.format("5%"))),
    ),
    Case(alert="RepositoryFilling", when="there is room", series=room(free=60, taken=4)),
    Case(
        alert="VerifyFailed",
        when="a file is damaged",
        series=verified(0, at=600),
        fires=(critical("Files in a repository are not as they were written (grocery_last_verify_ok is 0)"),),
    ),
    Case(alert="VerifyFailed", when="all files are as they were written", series=verified(1, at=600)),
    Case(alert="VerifyFailed", when="nobody has looked yet", series=verified(0, at=0)),
)
