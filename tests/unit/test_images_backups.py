"""What the repository host decides by itself: when a copy is due, how long a failure rests."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"
DAY = 86400
WEEK = 7 * DAY
SCHEDULE = ("02:30", WEEK, DAY, 6 * 3600)


def decide(call: str, *arguments: object) -> str:
    """What a function of images/backups/decisions says."""
    return _run(call, *arguments).stdout.strip()


def holds(call: str, *arguments: object) -> bool:
    """Whether it is so."""
    return _run(call, *arguments).returncode == 0


def _run(call: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    script = f'. "{IMAGES}/backups/decisions"; {call} "$@"'
    done = subprocess.run(
        ["sh", "-eu", "-c", script, call, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp())


@pytest.mark.parametrize(
    ("now", "time", "interval", "slot"),
    [
        ("2026-11-26 03:10:00", "02:30", WEEK, "2026-11-23 02:30:00"),  # a Thursday; the Monday before it
        ("2026-11-23 02:29:59", "02:30", WEEK, "2026-11-16 02:30:00"),
        ("2026-11-23 02:30:00", "02:30", WEEK, "2026-11-23 02:30:00"),
        ("2026-11-26 03:10:00", "02:30", DAY, "2026-11-26 02:30:00"),
        ("2026-11-26 03:10:00", "08:09", DAY, "2026-11-25 08:09:00"),  # no octal numbers
        ("2026-11-26 03:10:00", "00:00", 6 * 3600, "2026-11-26 00:00:00"),
        ("2026-11-26 03:10:00", "02:30", 3600, "2026-11-26 02:30:00"),
        ("2026-11-26 03:29:59", "02:30", 3600, "2026-11-26 02:30:00"),
    ],
)
def test_moments_are_counted_from_the_first_monday(now: str, time: str, interval: int, slot: str) -> None:
    assert decide("slot_before", at(now), time, interval) == str(at(slot))


NOW = at("2026-11-26 03:10:00")
MONDAY = at("2026-11-23 02:30:05")
TODAY = at("2026-11-26 02:30:07")


@pytest.mark.parametrize(
    ("full", "differential", "incremental", "due"),
    [
        (0, 0, 0, "full"),
        (0, TODAY, TODAY, "full"),
        (MONDAY, TODAY, 0, ""),
        (MONDAY, 0, 0, "differential"),
        (MONDAY - 60, TODAY, TODAY, "full"),
        (MONDAY, TODAY - DAY, TODAY, "differential"),
        (TODAY, 0, 0, ""),
        (MONDAY, at("2026-11-26 02:29:00"), TODAY, "differential"),
    ],
    ids=[
        "nothing yet",
        "no full one to stand on",
        "a differential counts as an incremental",
        "the last incremental was missed, and a differential is stronger",
        "the last full was begun just before its moment",
        "yesterday's differential",
        "a full one made by hand counts for all",
        "a stronger one comes before a weaker one",
    ],
)
def test_the_strongest_kind_that_was_missed_is_due(full: int, differential: int, incremental: int, due: str) -> None:
    assert decide("backup_due", NOW, *SCHEDULE, full, differential, incremental) == due


def test_what_was_missed_many_times_is_made_up_once() -> None:
    assert decide("backup_due", NOW + 10 * WEEK, *SCHEDULE, MONDAY, 0, 0) == "full"
    begun = NOW + 10 * WEEK
    assert decide("backup_due", begun + 60, *SCHEDULE, begun, 0, 0) == "", "that one counts for all that were missed"


def test_between_two_differentials_incrementals_are_due_by_their_own_moments() -> None:
    morning = at("2026-11-26 08:31:00")
    assert decide("backup_due", morning, *SCHEDULE, MONDAY, TODAY, 0) == "incremental"
    assert decide("backup_due", morning, *SCHEDULE, MONDAY, TODAY, morning - 30) == ""


def test_failures_rest_longer_and_longer_up_to_an_hour() -> None:
    pauses = [int(decide("pause_after", failures)) for failures in (1, 2, 3, 6, 7, 8, 100)]
    assert pauses == [60, 120, 240, 1920, 3600, 3600, 3600]


@pytest.mark.parametrize(
    ("failures", "since", "may"), [(0, 0, True), (1, 59, False), (1, 60, True), (3, 239, False), (3, 240, True)]
)
def test_a_failure_is_followed_by_its_pause(failures: int, since: int, may: bool) -> None:
    assert holds("may_try", NOW, failures, NOW - since) is may


def test_drills_take_the_repositories_in_turn() -> None:
    assert [decide("next_of", current, 1, 2, 3) for current in (0, 1, 2, 3)] == ["1", "2", "3", "1"]
    assert decide("next_of", 2, 1) == "1", "one that is gone, or cannot be used"


OLD, NEW, NEWEST = (f"0000000100000000000000{end}" for end in ("09", "0A", "0B"))


@pytest.mark.parametrize(
    ("last", "status", "to", "stalled", "dropped"),
    [
        (NEW, "ok", NEW, "", ""),  # what counts as archived is there
        (OLD, "ok", NEW, "", ""),  # it was looked at later
        (NEWEST, "ok", NEW, "", NEWEST),
        (NEWEST, "ok", "", "", ""),  # nothing is in it yet
        ("00000002000000000000000B", "ok", NEW, "", ""),  # the first of a new timeline
        (f"{NEWEST}.00000028.backup", "ok", NEW, "", ""),
        ("00000002.history", "ok", NEW, "", ""),
        ("", "ok", NEW, "", ""),
        (NEW, "unusable", "", "", ""),  # its first moment
        (NEW, "unusable", "", NEW, ""),
        (NEWEST, "unusable", "", NEW, NEWEST),
        (NEWEST, "other-database", NEW, "", ""),
    ],
)
def test_log_that_counts_as_archived_and_is_in_no_repository_was_dropped(
    last: str, status: str, to: str, stalled: str, dropped: str
) -> None:
    assert decide("dropped", last, status, to, stalled) == dropped


def test_kinds_have_the_names_of_pgbackrest_and_no_others_exist() -> None:
    assert [decide("short_kind", kind) for kind in ("full", "differential", "incremental")] == ["full", "diff", "incr"]
    assert not holds("short_kind", "diff")


# --- the swap of a restored cluster ---


def swap(volume: Path, old: str) -> bool:
    script = f'. "{IMAGES}/postgres/swap"; finish_swap "{volume}" {old}'
    done = subprocess.run(["sh", "-u", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode == 0


def folders(volume: Path) -> dict[str, str]:
    return {path.name: (path / "is").read_text() for path in sorted(volume.iterdir())}


def make(volume: Path, **contents: str) -> None:
    for name, text in contents.items():
        folder = volume / name.replace("_", "-")
        folder.mkdir()
        (folder / "is").write_text(text)


def test_nothing_is_swapped_when_nothing_was_restored(tmp_path: Path) -> None:
    make(tmp_path, data="live", restoring="half")
    assert not swap(tmp_path, "keep")
    assert folders(tmp_path) == {"data": "live", "restoring": "half"}


def test_what_was_restored_becomes_the_data_and_what_was_there_is_kept_or_not(tmp_path: Path) -> None:
    make(tmp_path, data="live", restored="new")
    assert swap(tmp_path, "keep")
    assert folders(tmp_path) == {"data": "new", "before-restore": "live"}
    make(tmp_path, restored="newer")
    assert swap(tmp_path, "discard")
    assert folders(tmp_path) == {"data": "newer", "before-restore": "live"}, "what was kept earlier stays"
    make(tmp_path, restored="newest")
    assert swap(tmp_path, "keep")
    assert folders(tmp_path) == {"data": "newest", "before-restore": "live", "before-restore-2": "newer"}


def test_a_swap_is_finished_from_wherever_it_was_cut_off(tmp_path: Path) -> None:
    make(tmp_path, restored="new", before_restore="live")
    assert swap(tmp_path, "keep")
    assert folders(tmp_path) == {"data": "new", "before-restore": "live"}
    make(tmp_path, discarded="older")
    assert not swap(tmp_path, "keep")
    assert folders(tmp_path) == {"data": "new", "before-restore": "live"}, "what was on its way out goes"
