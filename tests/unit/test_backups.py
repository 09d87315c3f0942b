"""Which backup reaches a target, and what is said of backups that are not as they should be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from cli.backups import (
    Choice,
    State,
    Target,
    figures,
    judge,
    parse_target,
    predicted_seconds,
    read,
    resolve,
    said,
    size,
    summary,
)
from cli.errors import ConfigError, GroceryError
from tests.unit.backup_states import DAY, FIRST, HOUR, NOON, archiving, backup, document, evidence, repository, state


def at(seconds_ago: float) -> Target:
    return Target(kind="time", moment=datetime.fromtimestamp(NOON - seconds_ago, UTC))


LATEST = Target(kind="latest")


def chosen(found: Choice) -> tuple[int, str, str, str]:
    return found.repository.number, found.backup.label, found.recovery, found.timeline


# --- what is asked for ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-26T03:10:20Z", datetime(2026, 11, 26, 3, 10, 20, tzinfo=UTC)),
        ("2026-11-26T04:10:20+01:00", datetime(2026, 11, 26, 3, 10, 20, tzinfo=UTC)),
        ("2026-11-26 03:10:20", datetime(2026, 11, 26, 3, 10, 20, tzinfo=UTC)),
        ("2026-11-26 03:10", datetime(2026, 11, 26, 3, 10, tzinfo=UTC)),
        ("2026-11-26 03:10:20.25", datetime(2026, 11, 26, 3, 10, 20, 250_000, tzinfo=UTC)),
    ],
)
def test_a_moment_without_a_zone_is_utc(text: str, moment: datetime) -> None:
    assert parse_target(text) == Target(kind="time", moment=moment)


def test_latest_and_labels_are_no_moments() -> None:
    assert parse_target("latest") == LATEST
    for label in ("20261126-120000F", "20261126-120000F_20261126-180000I", "20261126-120000F_20261126-180000D"):
        assert parse_target(label) == Target(kind="backup", label=label)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-11-26", "20261126", "2026-13-01 10:00", "Latest"])
def test_what_is_neither_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_target(text)
    assert repr(text) in str(refusal.value.value)
    assert "latest" in str(refusal.value.expected)


# --- how it is reached ---------------------------------------------------------------------------------------------


def test_the_newest_backup_before_a_moment_is_taken_as_it_has_least_to_replay() -> None:
    assert chosen(resolve(state(), at(60))) == (1, "backup-3600", "time", "latest")
    assert chosen(resolve(state(), at(2 * HOUR))) == (1, FIRST, "time", "latest")


def test_the_target_is_written_as_postgresql_reads_it_whatever_the_zone() -> None:
    berlin = datetime.fromtimestamp(NOON - 60, timezone(timedelta(hours=1)))
    asked = parse_target(berlin.isoformat())
    assert resolve(state(), asked).target == "2026-11-27 11:59:00.000000+00"
    assert resolve(state(), asked).arguments == [
        "--repository", "1", "--set", "backup-3600", "--type", "time",
        "--target", "2026-11-27 11:59:00.000000+00", "--timeline", "latest",
    ]  # fmt: skip


def test_a_moment_in_the_second_in_which_a_backup_ends_is_reached_by_the_one_before() -> None:
    """Its end is told in whole seconds: it may not be consistent yet."""
    assert resolve(state(), at(HOUR - 0.9)).backup.label == FIRST
    assert resolve(state(), at(HOUR - 1)).backup.label == "backup-3600"


def test_the_newest_is_reached_from_the_newest_backup() -> None:
    assert chosen(resolve(state(), LATEST)) == (1, "backup-3600", "default", "latest")
    assert resolve(state(), LATEST).until is None


def test_a_backup_is_gone_back_to_where_it_ends_on_its_own_timeline() -> None:
    found = resolve(state(), Target(kind="backup", label=FIRST))
    assert chosen(found) == (1, FIRST, "immediate", "current")
    assert found.until == NOON - DAY


def test_a_damaged_backup_is_passed_over() -> None:
    found = state(repository(1, backup(DAY), backup(HOUR, damaged=True)))
    assert resolve(found, LATEST).backup.label == "backup-86400"
    with pytest.raises(ConfigError, match="backup backup-3600 is damaged"):
        resolve(found, Target(kind="backup", label="backup-3600"))


@pytest.mark.parametrize(
    ("repositories", "number"),
    [
        ([repository(1, backup(HOUR)), repository(2, backup(HOUR - 90))], 1),
        ([repository(1, backup(3 * DAY)), repository(2, backup(HOUR))], 2),
        ([repository(1, backup(HOUR), status="unusable"), repository(2, backup(DAY))], 2),
        ([repository(1, backup(HOUR), status="other-database"), repository(2, backup(DAY))], 2),
        ([repository(1, status="empty", backups=[]), repository(2, backup(DAY), status="other-database")], 2),
    ],
    ids=["both as new", "the first is behind", "the first is unusable", "the first is of another", "lost machine"],
)
def test_the_first_repository_that_is_about_as_new_is_taken(repositories: list[dict[str, Any]], number: int) -> None:
    assert resolve(state(*repositories), LATEST).repository.number == number


def test_a_repository_that_is_named_is_the_only_one_that_counts() -> None:
    both = state(repository(1, backup(HOUR)), repository(2, backup(DAY)))
    assert resolve(both, LATEST, repository=2).repository.number == 2
    with pytest.raises(ConfigError, match="there is no repository 3"):
        resolve(both, LATEST, repository=3)


@pytest.mark.parametrize(
    ("found", "target", "what", "told"),
    [
        (state(), at(-5), "that moment has not come yet", "repository 1 (volume) from 2026-11-26 12:00:01 UTC"),
        (state(), at(2 * DAY), "nothing was kept of that moment", "2026-11-26 12:00:01 UTC, until now"),
        (state(repository(backups=[])), LATEST, "there is no backup to restore from", "not damaged"),
        (state(repository(status="unusable", message="no key")), LATEST, "no repository can be used", "no key"),
        (state(), Target(kind="backup", label="20200101-000000F"), "there is no backup 20200101-000000F", "2 backups"),
    ],
    ids=["future", "too early", "no backup", "unusable", "unknown label"],
)  # fmt: skip
def test_what_cannot_be_reached_is_refused_with_what_can(found: State, target: Target, what: str, told: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        resolve(found, target)
    assert refusal.value.what == what
    assert told in f"{refusal.value.value} {refusal.value.expected}"
    assert refusal.value.next


def test_of_a_database_that_is_gone_it_is_said_how_far_its_log_was_archived() -> None:
    lost = state(database={"reachable": False, "system_id": None, "archiving": None})
    with pytest.raises(ConfigError) as refusal:
        resolve(lost, at(3 * DAY))
    assert "as far as the log was archived" in str(refusal.value.expected)


# A restore at four hours before noon went back to ten hours before noon; there is a backup of before it, and one of
# after it where the list says so.
BEFORE = backup(12 * HOUR, label="long-before")
GIVEN_UP = backup(8 * HOUR, label="given-up")
SAFETY = backup(
    4 * HOUR, label="safety", note=f"before restore to {datetime.fromtimestamp(NOON - 10 * HOUR, UTC).isoformat()}"
)
AFTER = backup(3 * HOUR, label="after", timeline=2)
SINCE = {"from": "000000010000000000000001", "to": "000000020000000000000009"}


@pytest.mark.parametrize(
    ("kept", "target", "label", "timeline"),
    [
        ([BEFORE, GIVEN_UP, SAFETY, AFTER], LATEST, "after", "latest"),
        ([BEFORE, GIVEN_UP, SAFETY, AFTER], at(2 * HOUR), "after", "latest"),
        ([BEFORE, GIVEN_UP, SAFETY, AFTER], at(6 * HOUR), "given-up", "current"),
        ([BEFORE, GIVEN_UP, SAFETY, AFTER], at(11 * HOUR), "long-before", "current"),
        ([BEFORE, SAFETY, AFTER], at(6 * HOUR), "long-before", "current"),
        ([BEFORE, GIVEN_UP, SAFETY], LATEST, "long-before", "latest"),
        ([BEFORE, GIVEN_UP, SAFETY], at(1 * HOUR), "long-before", "latest"),
        ([BEFORE, GIVEN_UP, SAFETY], at(6 * HOUR), "given-up", "current"),
        ([BEFORE, GIVEN_UP, AFTER], at(6 * HOUR), "given-up", "current"),
        ([BEFORE, GIVEN_UP], LATEST, "given-up", "latest"),
    ],
    ids=[
        "the newest",
        "after the restore",
        "what was given up",
        "before both",
        "what was given up, no backup of it",
        "the newest, no backup since",
        "after the restore, no backup since",
        "what was given up, no backup since",
        "no safety backup",
        "nothing tells",
    ],
)
def test_after_a_restore_a_moment_is_looked_for_where_it_was_lived(
    kept: list[dict[str, Any]], target: Target, label: str, timeline: str
) -> None:
    found = resolve(state(repository(1, *kept, archive=SINCE)), target)
    assert (found.backup.label, found.timeline) == (label, timeline)


def test_a_restore_that_was_given_up_changes_nothing() -> None:
    """Its safety backup is the last one of no timeline: the same one went on."""
    went_on = repository(1, BEFORE, GIVEN_UP, SAFETY, backup(HOUR, label="next"))
    assert resolve(state(went_on), at(2 * HOUR)).backup.label == "safety"
    assert resolve(state(went_on), LATEST).timeline == "latest"


# --- how it is -----------------------------------------------------------------------------------------------------


def test_of_backups_as_they_should_be_nothing_is_said() -> None:
    assert judge(state(), age=DAY) == judge(state(), age=0)
    assert not judge(state(), age=DAY).problems
    assert not judge(state(), age=DAY).lasting


NO_BACKUP = repository(backups=[])
FAILED = {"what": "backup", "at": NOON - 60, "reason": "the disk is full"}


@pytest.mark.parametrize(
    ("found", "age", "told"),
    [
        (state(NO_BACKUP, last_failure=FAILED), 60, "there is no backup yet: the disk is full"),
        (state(NO_BACKUP), DAY, "there is no backup yet"),
        (state(repository(1, backup(13 * HOUR))), DAY, "the newest backup is 13h old"),
        (state(repository(1, backup(13 * HOUR)), last_failure=FAILED), DAY, "every 6h: the disk is full"),
        (state(database=archiving(waiting=3, failed_at=NOON - 5)), DAY, "is not archived since"),
        (state(database=archiving(waiting=3, last_at=None, failed_at=NOON)), 181, "is not archived at all"),
        (state(database=archiving(waiting=1, last_at=NOON - 200)), DAY, "archiving is behind"),
        (state(last_proven=None, last_drill=None), 4 * DAY, "no restore is proven yet"),
        (state(last_proven=evidence(4 * DAY)), DAY, "the last proven restore is 4d old"),
        (state(last_proven=None, last_drill=evidence(proven=False, reason="rows differ")), 60, "yet: rows differ"),
        (state(repository(1, gap="00000001000000000000000A")), DAY, "misses log up to 00000001000000000000000A"),
        (state(repository(1, status="other-database")), DAY, "is of another database"),
        (state(last_verify={"at": NOON, "ok": False, "seconds": 3, "faults": ["a: checksum"]}), DAY, "a: checksum"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_backups_is_said_and_does_not_fail_an_update(found: State, age: float, told: str) -> None:
    judged = judge(found, age=age)
    assert judged.problems == ()
    [sentence] = judged.lasting
    assert told in sentence
    assert sentence.startswith("backups: ")


def test_a_repository_that_cannot_be_used_fails_an_update() -> None:
    broken = state(repository(1), repository(2, status="unusable", message="403 Forbidden"))
    assert judge(broken, age=DAY).problems == ("backups: repository 2 (bucket) cannot be used: 403 Forbidden",)


@pytest.mark.parametrize(
    "found",
    [
        state(NO_BACKUP, running="backup", last_failure=FAILED),
        state(NO_BACKUP, last_proven=None, last_drill=None),
        state(database=archiving(waiting=2)),
        state(database=archiving(waiting=1, last_at=None, failed_at=NOON)),
        state(database=archiving(last_at=NOON - DAY)),
        state(database={"reachable": False, "system_id": None, "archiving": None}),
    ],
    ids=[
        "being made",
        "just begun",
        "on its way",
        "being prepared",
        "nothing was written",
        "the database does not answer",
    ],
)
def test_what_is_only_young_or_quiet_is_no_fault(found: State) -> None:
    assert judge(found, age=60).lasting == ()


def test_one_line_says_how_old_the_newest_the_log_and_the_proof_are() -> None:
    assert summary(state()) == (
        "newest 1h ago (incremental), log archived 20s ago, restore proven 1h ago, RPO 31 s, RTO 8 s"
    )
    assert summary(state(NO_BACKUP, last_proven=None, running="backup", database=archiving(last_at=None))) == (
        "none yet, no restore proven yet, backup under way"
    )


def test_what_a_drill_did_not_measure_is_left_out() -> None:
    found = State.model_validate(document(last_drill=evidence(proven=False, rpo_seconds=None, rto_seconds=None)))
    assert found.last_drill and figures(found.last_drill) == ""


def test_a_restore_is_predicted_by_the_last_one_by_the_size_and_by_what_is_around_it() -> None:
    around = 30
    found = state(repository(1, backup(DAY, label=FIRST), backup(HOUR, database_bytes=160 << 20)))
    assert predicted_seconds(found, resolve(found, LATEST)) == pytest.approx(around + 160 / 6 + 32)
    first = resolve(found, Target(kind="backup", label=FIRST))
    assert predicted_seconds(found, first) == pytest.approx(around + 40 / 6 + 8)
    unmeasured = state(repository(1, backup(HOUR, database_bytes=2400 << 20)), last_proven=None)
    assert predicted_seconds(unmeasured, resolve(unmeasured, LATEST)) == pytest.approx(around + 400 + 120)


def test_what_the_repository_host_prints_is_read_and_what_it_may_print_one_day_is_left_alone() -> None:
    text = json.dumps({**document(), "of_a_later_release": 1})
    found = read(State, text)
    assert found.repositories[0].archive.oldest == "000000010000000000000001"
    assert found.repositories[0].archive.newest == "000000010000000000000004"


@pytest.mark.parametrize("text", ["", "pgbackrest: error", '{"moment": "noon"}'])
def test_an_answer_that_is_none_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(GroceryError, match="answers with something unknown") as refusal:
        read(State, text)
    assert (text or "nothing") in str(refusal.value.value)


def test_moments_and_sizes_are_said_as_people_read_them() -> None:
    assert said(NOON) == "2026-11-27 12:00:00 UTC"
    assert [size(amount) for amount in (0, 512, 5 << 20, 3 << 30, 5 << 40)] == [
        "0 B", "512 B", "5.0 MiB", "3.0 GiB", "5.0 TiB",
    ]  # fmt: skip
