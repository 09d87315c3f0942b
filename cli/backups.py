"""What the repository host tells of backups, and what follows from it: which backup reaches a target, what is wrong.

Nothing here asks anybody or looks at a clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from cli.errors import ConfigError, GroceryError
from cli.terminal import span

Kind = Literal["full", "differential", "incremental"]
Verb = Literal["backup", "verify", "drill"]

NOTE = re.compile(r"before restore to (\S+)")
"""What is noted of the backup that a restore makes first: to which moment it was to go back."""
LABEL = re.compile(r"^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$")
OVERDUE_INTERVALS = 2
UNPROVEN_INTERVALS = 3
UNARCHIVED_INTERVALS = 3
UNPREDICTED_BYTES_A_SECOND = 20 << 20
"""What a restore does at least, as long as none was measured here."""
AROUND_SECONDS = 30
"""To stop what writes, and to start it again."""
SYNCED_BYTES_A_SECOND = 6 << 20
"""zero-cache copies the database anew before it serves: 42 s for a million items, 243 MB."""


class Told(BaseModel):
    """What is told may become more: a field that is not known here is passed on as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True)


class Schedule(Told):
    """Lengths in seconds."""

    at: str
    full: int
    differential: int
    incremental: int
    drill: int

    @property
    def shortest(self) -> int:
        """The longest that may lie between two backups."""
        return min(self.full, self.differential, self.incremental)


class Archiving(Told):
    """What PostgreSQL says of its own log's way to the repository. Moments are Unix seconds; `waiting` counts segments
    that are written and not yet there."""

    last_wal: str | None
    last_at: float | None
    failed_at: float | None
    failed_count: int
    waiting: int


class Database(Told):
    reachable: bool
    system_id: str | None
    archiving: Archiving | None


class Archive(Told):
    """The oldest and newest segment of the log in a repository."""

    oldest: str | None = Field(None, alias="from")
    newest: str | None = Field(None, alias="to")


class Backup(Told):
    """Moments are Unix seconds. repository_bytes: what it takes there, packed and without what it shares with others.
    verified: when its files were last read and found whole."""

    label: str
    kind: Kind
    started: float
    stopped: float
    database_bytes: int
    repository_bytes: int
    wal_from: str | None
    wal_to: str | None
    damaged: bool
    note: str = ""
    verified: float | None = None

    @property
    def timeline(self) -> str:
        """Of the end of it; "" when that is not told."""
        return (self.wal_to or "")[:8]


class Repository(Told):
    number: int
    kind: Literal["volume", "bucket"]
    status: Literal["ok", "empty", "other-database", "unusable"]
    message: str
    archive: Archive
    bytes: int
    gap: str | None = None
    """Newest piece of log that was dropped and is missed, as no backup was made since."""
    backups: tuple[Backup, ...]

    @property
    def name(self) -> str:
        return f"repository {self.number} ({self.kind})"


class Failure(Told):
    what: Literal["backup", "archive", "drill", "verify"]
    at: float
    reason: str


class Verification(Told):
    at: float
    ok: bool
    seconds: float
    faults: tuple[str, ...] = ()


class Table(Told):
    name: str
    rows: int | None = None
    same: bool


class RecoveryTime(Told):
    """Seconds, from the beginning of the restore to the first answer."""

    restore: float | None = None
    replay: float | None = None
    total: float | None = None


class Evidence(Told):
    """What a drill found. rpo_seconds: from a commit to its place in the repository. What was not reached is None."""

    at: float
    proven: bool
    repository: int | None = None
    backup: str | None = None
    tables: tuple[Table, ...] = ()
    rpo_seconds: float | None = None
    rto_seconds: RecoveryTime | None = None
    reason: str = ""


class State(Told):
    """Everything the repository host knows; `moment` is its clock, in Unix seconds."""

    moment: float
    archive_timeout: int
    schedule: Schedule
    running: Verb | None
    database: Database
    repositories: tuple[Repository, ...]
    last_failure: Failure | None = None
    last_verify: Verification | None = None
    last_drill: Evidence | None = None
    last_proven: Evidence | None = None

    def backups(self) -> Iterator[tuple[Repository, Backup]]:
        """All of them, in the order of time."""
        found = [(repository, backup) for repository in self.repositories for backup in repository.backups]
        return iter(sorted(found, key=lambda pair: (pair[1].stopped, pair[0].number)))

    @property
    def newest(self) -> Backup | None:
        return max((backup for _, backup in self.backups()), key=lambda backup: backup.started, default=None)

    @property
    def archived_until(self) -> float | None:
        archiving = self.database.archiving
        return archiving.last_at if archiving else None


class Made(Told):
    """What `backup` answers."""

    label: str
    kind: Kind
    seconds: float
    database_bytes: int
    repository_bytes: int
    repositories: tuple[int | Mapping[str, Any], ...] = ()


# --- what a person asks for ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where to go back to. kind `backup`: the end of the backup `label`; `time`: after the last commit that is not
    younger than `moment`; `latest`: as far as the log goes."""

    kind: Literal["time", "latest", "backup"]
    text: str = field(default="", compare=False)
    """As it was written."""
    moment: datetime | None = None
    label: str = ""

    @property
    def words(self) -> str:
        if self.kind == "latest":
            return "the newest that is archived"
        return f"backup {self.label}" if self.moment is None else said(self.moment.timestamp())


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How a target is reached: what `restore` in the PostgreSQL image is told.

    recovery: `immediate` ends where the backup is consistent, `time` at `target`, `default` where the log ends.
    timeline: `current` is the backup's own, `latest` the one that was lived last.
    until:    Unix seconds of what is reached; None for as far as the log goes.
    """

    repository: Repository
    backup: Backup
    recovery: Literal["time", "immediate", "default"]
    timeline: Literal["current", "latest"]
    target: str = ""
    until: float | None = None

    @property
    def arguments(self) -> list[str]:
        target = ["--target", self.target] if self.target else []
        return [
            *("--repository", str(self.repository.number), "--set", self.backup.label),
            *("--type", self.recovery, *target, "--timeline", self.timeline),
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "repository": self.repository.number,
            "backup": self.backup.label,
            "recovery": self.recovery,
            "target": self.target or None,
            "timeline": self.timeline,
            "until": self.until,
        }


def parse_target(text: str) -> Target:
    """ "latest", a backup's label, or a moment: RFC 3339, or "2026-11-26 03:10[:20]" in UTC. Raises ConfigError."""
    if text == "latest":
        return Target(kind="latest", text=text)
    if LABEL.match(text):
        return Target(kind="backup", text=text, label=text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    # A day alone would be read as its first moment, which nobody means.
    if moment is None or ":" not in text:
        raise ConfigError(
            "--to is neither a moment nor a backup",
            value=repr(text),
            expected='latest, a moment such as 2026-11-26T03:10:20Z or "2026-11-26 03:10" (UTC), or a backup',
            next="./grocery backup list   shows the labels, and what can be reached",
        )
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Target(kind="time", text=text, moment=moment)


def resolve(state: State, target: Target, *, repository: int | None = None) -> Choice:
    """The repository and backup by which the target is reached soonest. Raises ConfigError that says what can be
    reached."""
    usable = _usable(state, repository)
    if target.kind == "backup":
        return _at_backup(state, usable, target.label)
    if not any(_sound(found) for found in usable):
        raise ConfigError(
            "there is no backup to restore from",
            value=_told(state),
            expected="a backup that is not damaged, in a repository that can be used",
            next="./grocery backup --full   makes one",
        )
    if target.moment is None:
        found, backup = _preferred(state, [(found, _last(_lineage(found))) for found in usable])
        return Choice(repository=found, backup=backup, recovery="default", timeline="latest")
    moment = target.moment.timestamp()
    if moment > state.moment:
        raise ConfigError(
            "that moment has not come yet",
            value=f"{said(moment)}; the repository's clock says {said(state.moment)}",
            expected=reachable(state, repository=repository),
            next="./grocery restore --to latest   goes as far as the log does",
        )
    reaching = [(found, _before(found, moment)) for found in usable]
    if not any(backup for _, backup in reaching):
        raise ConfigError(
            "nothing was kept of that moment",
            value=f"{said(moment)} is before the end of the first backup",
            expected=reachable(state, repository=repository),
            next="./grocery backup list   shows what there is",
        )
    found, backup = _preferred(state, reaching)
    return Choice(
        repository=found,
        backup=backup,
        recovery="time",
        timeline=_timeline(found, backup, moment),
        target=target.moment.strftime("%Y-%m-%d %H:%M:%S.%f+00"),
        until=moment,
    )


def reachable(state: State, *, repository: int | None = None) -> str:
    """One sentence: which moments can be gone back to."""
    spans = []
    for found in state.repositories:
        sound = [backup.stopped for backup in found.backups if not backup.damaged]
        if sound and found.status != "unusable" and repository in (None, found.number):
            spans.append(f"{found.name} from {said(min(sound) + 1)}")
    if not spans:
        return "nothing can be reached: there is no backup"
    if state.database.reachable:
        until = "until now"
    else:
        last = state.archived_until
        until = f"until {said(last)}" if last else "as far as the log was archived"
    return f"{'; '.join(spans)}, {until}"


def _usable(state: State, repository: int | None) -> list[Repository]:
    """Those of the repositories that may be restored from. One of another database may: that is how a lost machine
    comes back. Raises ConfigError."""
    known = {found.number: found for found in state.repositories}
    if repository is not None and repository not in known:
        raise ConfigError(
            f"there is no repository {repository}",
            expected=f"one of {', '.join(map(str, known)) or 'none: backups are off'}",
            next="./grocery backup list",
        )
    chosen = [found for found in state.repositories if repository in (None, found.number)]
    if usable := [found for found in chosen if found.status != "unusable"]:
        return usable
    raise ConfigError(
        "no repository can be used",
        value="; ".join(f"{found.name}: {found.message}" for found in chosen) or "backups are off",
        expected="a repository that answers, with the key its backups were encrypted with",
        next="docs/runbooks/corrupted-repository.md; docs/runbooks/lost-key.md",
    )


def _at_backup(state: State, usable: Sequence[Repository], label: str) -> Choice:
    found = [(kept, backup) for kept in usable for backup in kept.backups if backup.label == label]
    if not found:
        raise ConfigError(
            f"there is no backup {label}",
            value=_told(state),
            expected="the label of one that is kept",
            next="./grocery backup list",
        )
    kept, backup = min(found, key=lambda pair: (pair[1].damaged, pair[0].number))
    if backup.damaged:
        raise ConfigError(
            f"backup {label} is damaged",
            value=f"files of it in {kept.name} are missing or changed",
            expected=reachable(state),
            next="./grocery restore --to latest, or to a moment: another backup is taken for it",
        )
    return Choice(repository=kept, backup=backup, recovery="immediate", timeline="current", until=backup.stopped)


def _sound(repository: Repository) -> list[Backup]:
    return [backup for backup in repository.backups if not backup.damaged]


def _last(backups: Sequence[Backup]) -> Backup | None:
    return max(backups, key=lambda backup: backup.stopped, default=None)


def _before(repository: Repository, moment: float) -> Backup | None:
    """The newest backup from which the log leads to the moment.

    A restore leaves the log of what was given up where it is and begins another timeline at an earlier moment: what was
    lived before the restore is on the one, what was lived after it on the other.
    """
    # A backup can be gone back to from its end on, which is told in whole seconds.
    ended = [backup for backup in _sound(repository) if backup.stopped + 1 <= moment]
    newest = _last(ended)
    left = given_up(repository).get(newest.timeline) if newest else None
    if left is None or moment <= left.at:
        return newest
    return _last([backup for backup in _lineage(repository) if backup in ended])


def _timeline(repository: Repository, backup: Backup, moment: float) -> Literal["current", "latest"]:
    """Which timeline leads from the backup to the moment: its own, unless that was left before."""
    left = given_up(repository).get(backup.timeline)
    own = backup.timeline not in ("", _newest_timeline(repository)) and (left is None or moment <= left.at)
    return "current" if own else "latest"


@dataclass(frozen=True, kw_only=True)
class Left:
    """How a timeline ended: a restore at one moment went back to another. Unix seconds."""

    to: float
    at: float


def given_up(repository: Repository) -> dict[str, Left]:
    """Timeline -> how it was left, as the last backup on it tells: the one that was made for that restore."""
    newest = _newest_timeline(repository)
    last = {backup.timeline: backup for backup in sorted(repository.backups, key=lambda backup: backup.stopped)}
    return {
        timeline: Left(to=datetime.fromisoformat(found[1]).timestamp(), at=backup.stopped)
        for timeline, backup in last.items()
        if timeline < newest and (found := NOTE.fullmatch(backup.note))
    }


def _lineage(repository: Repository) -> list[Backup]:
    """The sound backups from which the newest timeline descends; all of them when nothing tells."""
    left = given_up(repository)
    newest = _newest_timeline(repository)

    def leads_there(backup: Backup) -> bool:
        later = [end.to for timeline, end in left.items() if timeline >= backup.timeline]
        return backup.timeline in ("", newest) or (backup.timeline in left and backup.stopped <= min(later))

    return [backup for backup in _sound(repository) if leads_there(backup)] or _sound(repository)


def _newest_timeline(repository: Repository) -> str:
    return max([(repository.archive.newest or "")[:8], *(backup.timeline for backup in repository.backups)])


def _preferred(state: State, found: Sequence[tuple[Repository, Backup | None]]) -> tuple[Repository, Backup]:
    """Of the repositories that have one, the first whose backup is about as new as any: that one has least to replay.

    What is of this database goes before what is of another.
    """
    having = [(repository, backup) for repository, backup in found if backup]
    ours = [pair for pair in having if pair[0].status == "ok"] or having
    newest = max(backup.stopped for _, backup in ours)
    near = [pair for pair in ours if newest - pair[1].stopped <= state.schedule.shortest]
    return min(near, key=lambda pair: pair[0].number)


def _told(state: State) -> str:
    counts = [f"{found.name}: {len(found.backups)} backups, {found.status}" for found in state.repositories]
    return "; ".join(counts) or "there is no repository: backups are off"


# --- how it is -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """problems: what applying the program makes or mends; lasting: the rest. One sentence each."""

    problems: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()


def judge(state: State, *, age: float) -> Judgement:
    """What is wrong with the backups. age: seconds since the repository host was started."""
    unusable = [
        f"{found.name} cannot be used: {found.message}" for found in state.repositories if found.status == "unusable"
    ]
    lasting = [
        f"{found.name} is of another database, so nothing is written to it: "
        "./grocery restore --to latest brings that one back, ./grocery backup --adopt begins anew"
        for found in state.repositories
        if found.status == "other-database"
    ]
    lasting += [
        f"{found.name} misses log up to {found.gap}, dropped as too much waited: nothing written since can be "
        "restored from it before there is a new backup (docs/runbooks/archive-gap.md)"
        for found in state.repositories
        if found.gap
    ]
    ours = all(found.status != "other-database" for found in state.repositories)
    lasting += _freshness(state, age) if ours else []
    lasting += _archiving(state, age) if ours else []
    lasting += _proof(state, age) if ours else []
    if state.last_verify and not state.last_verify.ok:
        faults = "; ".join(state.last_verify.faults[:3]) or "it did not say which"
        lasting.append(
            f"the last look at the repositories found faults: {faults} (docs/runbooks/corrupted-repository.md)"
        )
    return Judgement(
        problems=tuple(f"backups: {words}" for words in unusable),
        lasting=tuple(f"backups: {words}" for words in lasting),
    )


def _freshness(state: State, age: float) -> list[str]:
    patience = OVERDUE_INTERVALS * state.schedule.shortest
    why = f": {state.last_failure.reason}" if state.last_failure and state.last_failure.what == "backup" else ""
    newest = state.newest
    if newest is None:
        # The first one is made at once, so there being none is a fault as soon as one has failed.
        waiting = state.running == "backup" or not (why or age > patience)
        return [] if waiting else [f"there is no backup yet{why}"]
    old = state.moment - newest.stopped
    if old <= patience:
        return []
    return [
        f"the newest backup is {span(old)} old, of which there should be one every {span(state.schedule.shortest)}{why}"
    ]


def _archiving(state: State, age: float) -> list[str]:
    archiving = state.database.archiving
    patience = UNARCHIVED_INTERVALS * state.archive_timeout
    if archiving is None or not archiving.waiting:
        return []
    last, failed = archiving.last_at or 0, archiving.failed_at or 0
    if not last and age < patience:
        # A new repository is made while the first piece waits.
        return []
    since = f"since {said(last)}" if last else "at all"
    if failed > last:
        return [f"what is written is not archived {since}: {archiving.waiting} segments wait (./grocery logs postgres)"]
    if last and state.moment - last > patience:
        return [f"archiving is behind: nothing arrived {since}, {archiving.waiting} segments wait"]
    return []


def _proof(state: State, age: float) -> list[str]:
    patience = UNPROVEN_INTERVALS * state.schedule.drill
    drill = state.last_drill
    why = f": {drill.reason}" if drill and not drill.proven else ""
    if state.last_proven is None:
        first = min((state.moment - backup.started for _, backup in state.backups()), default=0)
        if why:
            return [f"no restore is proven yet{why} (./grocery drill)"]
        return ["no restore is proven yet (./grocery drill)"] if max(first, age) > patience else []
    old = state.moment - state.last_proven.at
    return [f"the last proven restore is {span(old)} old{why} (./grocery drill)"] if old > patience else []


def summary(state: State) -> str:
    """One line: the age of the newest backup, of what is archived and of the proof, and what that measured."""
    newest = state.newest
    parts = [f"newest {span(state.moment - newest.stopped)} ago ({newest.kind})" if newest else "none yet"]
    if last := state.archived_until:
        parts.append(f"log archived {span(state.moment - last)} ago")
    proven = state.last_proven
    parts.append(f"restore proven {span(state.moment - proven.at)} ago" if proven else "no restore proven yet")
    if proven and (measured := figures(proven)):
        parts.append(measured)
    if state.running:
        parts.append(f"{state.running} under way")
    return ", ".join(parts)


def figures(evidence: Evidence) -> str:
    """ "RPO 12 s, RTO 8 s": what a drill measured."""
    rto = evidence.rto_seconds.total if evidence.rto_seconds else None
    told = (("RPO", evidence.rpo_seconds), ("RTO", rto))
    return ", ".join(f"{name} {value:.0f} s" for name, value in told if value is not None)


def predicted_seconds(state: State, choice: Choice) -> float:
    """For how long a restore in place may keep everybody waiting: for what it takes as long as the last proven one did,
    grown by what the database has, and for what is around it."""
    return AROUND_SECONDS + choice.backup.database_bytes / SYNCED_BYTES_A_SECOND + _restored_seconds(state, choice)


def _restored_seconds(state: State, choice: Choice) -> float:
    measured = state.last_proven and state.last_proven.rto_seconds and state.last_proven.rto_seconds.total
    by_size = choice.backup.database_bytes / UNPREDICTED_BYTES_A_SECOND
    if not measured:
        return max(5.0, by_size)
    known = {backup.label: backup for _, backup in state.backups()}
    then = known.get((state.last_proven.backup if state.last_proven else None) or "")
    grown = choice.backup.database_bytes / then.database_bytes if then and then.database_bytes else 1.0
    return measured * max(1.0, grown)


def said(moment: float) -> str:
    """Unix seconds as a person reads them: 2026-11-26 03:10:20 UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(amount: float) -> str:
    """Bytes as a person reads them: 12.3 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


# --- what others answer --------------------------------------------------------------------------------------------


Answer = TypeVar("Answer", bound=Told)


def read(kind: type[Answer], text: str) -> Answer:
    """Raises GroceryError when the text is not what the repository host of this release answers."""
    try:
        return kind.model_validate_json(text)
    except ValueError as error:
        raise GroceryError(
            "the repository host answers with something unknown",
            value=text.strip()[:200] or "nothing",
            expected="what the image of this release says",
            next="./grocery up   brings every image to this release",
            details=str(error),
        ) from error
