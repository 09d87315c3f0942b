"""Backups: made in time, complete, and proven to come back."""

from __future__ import annotations

from rendering.disk import WAL_SEGMENT
from rendering.monitoring.alerts.alert import MINUTE, Alert, Level, levels
from rendering.monitoring.watched import BackupScope

_WORKLOAD = "backups"
_OF_REPOSITORY = "Repository {{ $labels.repository }}"
# What never happened counts from the database's last start on.
_STARTED = 'scalar(max(container_start_time_seconds{workload="postgres"}))'


def alerts(backups: BackupScope) -> tuple[Alert, ...]:
    return (
        *levels(
            "BackupOverdue",
            expr=(
                "(grocery:backup:age_seconds or"
                f" time() - {_STARTED} + 0 * max by (repository) (grocery_last_backup_timestamp_seconds))"
            ),
            warning=Level(limit=f"{backups.interval * 3 / 2:g}", for_seconds=5 * MINUTE),
            critical=Level(limit=f"{backups.interval * 3:g}", for_seconds=5 * MINUTE),
            summary=f"{_OF_REPOSITORY} has had no new backup for {{{{ $value | humanizeDuration }}}}",
            description="A restore has to replay all that was written since, which takes longer with every hour.",
            workload=_WORKLOAD,
        ),
        Alert(
            name="BackupFailing",
            expr="max(grocery_backup_failures_in_a_row) >= 2",
            for_seconds=0,
            severity="warning",
            summary="{{ $value | humanize }} backups in a row failed",
            description="Earlier backups and the log after them can still be restored; no newer ones are made.",
            workload=_WORKLOAD,
        ),
        *_archive(backups),
        Alert(
            name="RestoreUnproven",
            expr=f"(grocery:restore:age_seconds or time() - {_STARTED} + 0 * max("
            f"grocery_last_proven_restore_timestamp_seconds)) > {3 * backups.drill}",
            for_seconds=10 * MINUTE,
            severity="warning",
            summary="No restore has been proven for {{ $value | humanizeDuration }}",
            description="Backups may be complete or not: nobody has seen one come back since.",
            workload=_WORKLOAD,
        ),
        Alert(
            name="DrillFailing",
            # A database that restarts in the middle fails one; the next attempt comes within minutes.
            expr="max(grocery_drill_failures_in_a_row) >= 1",
            for_seconds=30 * MINUTE,
            severity="warning",
            summary="{{ $value | humanize }} drills in a row failed",
            description="A backup that was restored to try it did not come back as it was.",
            workload=_WORKLOAD,
        ),
        *_repositories(backups),
    )


def _archive(backups: BackupScope) -> tuple[Alert, ...]:
    def failing(minutes: int) -> Level:
        return Level(limit=str(3 * backups.archive_timeout), for_seconds=minutes * MINUTE)

    return (
        *levels(
            "ArchiveFailing",
            expr="grocery:archive:behind_seconds",
            warning=failing(3),
            critical=failing(10),
            summary="Nothing has been archived for {{ $value | humanizeDuration }}, and log waits",
            description="What is written now is on this machine only, and would be lost with it.",
            workload=_WORKLOAD,
        ),
        *levels(
            "ArchiveQueueFilling",
            expr=f"max(grocery_archive_waiting_segments) * {WAL_SEGMENT} / {backups.archive_queue}",
            warning=Level(limit="0.5", for_seconds=MINUTE),
            critical=Level(limit="0.8", for_seconds=MINUTE),
            summary=(
                "{{ $value | humanizePercentage }} of the log that may wait to be archived "
                f"({backups.archive_queue / (1 << 20):.4g} MiB) does"
            ),
            description="Beyond it PostgreSQL drops log to go on: from there on only a new backup can be restored.",
            workload=_WORKLOAD,
        ),
        Alert(
            name="ArchiveGap",
            expr="max by (repository) (grocery_archive_gap) == 1",
            for_seconds=0,
            severity="critical",
            summary=f"{_OF_REPOSITORY} misses dropped log (grocery_archive_gap is {{{{ $value | humanize }}}})",
            description="Nothing that was written since can be restored from it before there is a new backup.",
            workload=_WORKLOAD,
        ),
    )


def _repositories(backups: BackupScope) -> tuple[Alert, ...]:
    filling = levels(
        "RepositoryFilling",
        expr="grocery:repository:free_ratio",
        compare="<",
        warning=Level(limit="0.2", for_seconds=10 * MINUTE),
        critical=Level(limit="0.1", for_seconds=2 * MINUTE),
        summary="{{ $value | humanizePercentage }} of the repository's volume is free",
        description="Without space neither backups nor the log of what is written are kept.",
        workload=_WORKLOAD,
    )
    unusable = "cannot be used (grocery_repository_usable is {{ $value | humanize }})"
    return (
        Alert(
            name="RepositoryUnusable",
            expr="max by (repository, kind) (grocery_repository_usable) == 0",
            for_seconds=5 * MINUTE,
            severity="warning",
            summary=f"{_OF_REPOSITORY} ({{{{ $labels.kind }}}}) {unusable}",
            description="It keeps nothing of what is written now, and nothing can be restored from it.",
            workload=_WORKLOAD,
        ),
        Alert(
            name="RepositoryUnusable",
            expr="max(grocery_repository_usable) == 0",
            for_seconds=5 * MINUTE,
            severity="critical",
            summary=f"Every repository {unusable}",
            description="Nothing of what is written now is kept elsewhere, and nothing can be restored.",
            workload=_WORKLOAD,
        ),
        Alert(
            name="RepositoryOfAnotherDatabase",
            # What cannot be read is not known to be another's.
            expr=(
                "max by (repository) (grocery_repository_database_known) == 0"
                " and on (repository) max by (repository) (grocery_repository_usable) == 1"
            ),
            for_seconds=5 * MINUTE,
            severity="critical",
            summary=(
                f"{_OF_REPOSITORY} holds backups of another database "
                "(grocery_repository_database_known is {{ $value | humanize }})"
            ),
            description="Nothing is written over them, so nothing of this database is kept.",
            workload=_WORKLOAD,
        ),
        *(filling if backups.volume else ()),
        Alert(
            name="VerifyFailed",
            expr="max(grocery_last_verify_ok) == 0 and max(grocery_last_verify_timestamp_seconds) > 0",
            for_seconds=0,
            severity="critical",
            summary=(
                "Files in a repository are not as they were written (grocery_last_verify_ok is {{ $value | humanize }})"
            ),
            description="A restore that needs one of them fails.",
            workload=_WORKLOAD,
        ),
    )
