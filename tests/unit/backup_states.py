"""States of a repository host, as documents: a quiet one, and what differs from it."""

from __future__ import annotations

from typing import Any

from cli.backups import State

NOON = 1_795_780_800.0
"""2026-11-27 12:00:00 UTC: the clock of the repository host."""
HOUR = 3600.0
DAY = 24 * HOUR
FIRST = "20261126-120000F"


def backup(ended: float, kind: str = "full", *, timeline: int = 1, label: str = "", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A backup that ended so many seconds before noon."""
    stopped = NOON - ended
    return {
        "label": label or f"backup-{ended:.0f}",
        "kind": kind,
        "started": stopped - 60,
        "stopped": stopped,
        "database_bytes": 40 << 20,
        "repository_bytes": 5 << 20,
        "wal_from": f"{timeline:08X}0000000000000003",
        "wal_to": f"{timeline:08X}0000000000000004",
        "damaged": False,
        "note": "",
        "verified": None,
        **changes,
    }


def repository(number: int = 1, *backups: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    kept = list(backups) or [backup(DAY, label=FIRST), backup(HOUR, "incremental")]
    return {
        "number": number,
        "kind": "volume" if number == 1 else "bucket",
        "status": "ok",
        "message": "",
        "archive": {"from": "000000010000000000000001", "to": max(found["wal_to"] for found in kept)},
        "bytes": 50 << 20,
        "backups": kept,
        **changes,
    }


def evidence(age: float = HOUR, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "at": NOON - age,
        "proven": True,
        "repository": 1,
        "backup": FIRST,
        "marker": {"before": "a", "after": "b"},
        "tables": [{"name": "public.item", "rows": 3, "checksum": "17", "same": True}],
        "rpo_seconds": 31.2,
        "rto_seconds": {"restore": 4.0, "replay": 2.0, "total": 8.0},
        "reason": "",
        **changes,
    }


def archiving(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    quiet = {"last_wal": "000000010000000000000009", "last_at": NOON - 20, "failed_at": None, "failed_count": 0}
    return {"reachable": True, "system_id": "7", "archiving": {**quiet, "waiting": 0, **changes}}


def document(*repositories: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """What `repository state` prints: by default of one quiet repository, proven an hour ago."""
    return {
        "moment": NOON,
        "archive_timeout": 60,
        "schedule": {
            "at": "02:30", "full": 7 * 86400, "differential": 86400, "incremental": 6 * 3600, "drill": 86400,
        },
        "running": None,
        "database": archiving(),
        "repositories": list(repositories) or [repository()],
        "last_failure": None,
        "last_verify": None,
        "last_drill": evidence(),
        "last_proven": evidence(),
        **changes,
    }  # fmt: skip


def state(*repositories: dict[str, Any], **changes: Any) -> State:  # noqa: ANN401
    return State.model_validate(document(*repositories, **changes))
