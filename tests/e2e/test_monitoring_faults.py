"""What happens to a stack is told to everybody whom it concerns, soon, by its name, once, and also when it is over."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import timedelta

import pytest

from cli.monitoring import Alert as Known
from tests.e2e import drill, inside, watching
from tests.e2e.alarms import Alert, By, ways_of
from tests.e2e.drill import (
    AT_ONCE,
    ERRORS,
    FAULTS,
    FULL_DISK,
    LOG,
    MENDED_SOON,
    PATIENT,
    ZERO_CACHE,
    Drill,
    Fault,
)
from tests.e2e.leaks import hits
from tests.e2e.watched_stack import DAYS_LEFT, Watched
from tests.support.checkout import ROOT

SCRAPE_SECONDS = 15
MAINTENANCE_SECONDS = 60
"""How often Alertmanager writes down what it has told."""


def _told(fault: Fault) -> str:
    return f"{fault.alert.name}-{fault.alert.workload}".rstrip("-")


@pytest.fixture(scope="module")
def bad_hour(request: pytest.FixtureRequest, troubled: Watched, tmp_path_factory: pytest.TempPathFactory) -> Drill:
    """Everything that may go wrong, and what was told of it; the long form where a test of this run needs it."""
    patiently = any(item.get_closest_marker("full") and item.path == request.path for item in request.session.items)
    return drill.run(troubled, tmp_path_factory.mktemp("disk"), patiently=patiently)


def _say(fault: Fault, heard: Mapping[By, float], what: str = "") -> None:
    ways = ", ".join(f"{by} after {seconds:.0f} s" for by, seconds in sorted(heard.items(), key=lambda way: way[1]))
    print(f"{fault.what}: {fault.alert}{what}: {ways or 'nobody was told'}")


@pytest.mark.parametrize("fault", FAULTS, ids=_told)
def test_a_fault_is_told_to_everybody_it_concerns(bad_hour: Drill, fault: Fault) -> None:
    heard = bad_hour.heard[fault]
    _say(fault, heard)
    assert heard.keys() == set(ways_of(fault.alert)), f"{fault.what}: {fault.alert}"


@pytest.mark.full
@pytest.mark.parametrize("fault", PATIENT, ids=_told)
def test_what_nobody_should_be_woken_by_at_once_is_told_when_it_lasts(bad_hour: Drill, fault: Fault) -> None:
    heard = bad_hour.heard[fault]
    _say(fault, heard)
    assert heard.keys() == set(ways_of(fault.alert)), f"{fault.what}: {fault.alert}"


@pytest.mark.full
@pytest.mark.parametrize("fault", (*FAULTS, *PATIENT), ids=_told)
def test_everybody_hears_when_it_is_over(bad_hour: Drill, fault: Fault) -> None:
    over = bad_hour.over[fault]
    _say(fault, over, " is over")
    assert over.keys() == set(ways_of(fault.alert)), f"{fault.what}: {fault.alert}"


def test_what_is_mended_fires_no_more(bad_hour: Drill) -> None:
    assert bad_hour.still == frozenset(), f"of {[str(fault.alert) for fault in MENDED_SOON]}"


def test_a_certificate_that_ends_soon_is_known_from_the_one_that_is_served(bad_hour: Drill) -> None:
    """Told after ten minutes: that it is about to be is seen at once."""
    known = bad_hour.certificate
    assert known, "the alert fires or is about to"
    days = re.search(r"ends in (\d+)d", known.summary)
    assert days, known.summary
    assert int(days[1]) in (DAYS_LEFT - 1, DAYS_LEFT)


def test_a_consequence_goes_without_saying(bad_hour: Drill) -> None:
    """While zero-cache is not there, that nobody reads its slot is no news."""
    assert "ReplicationSlotInactive" in bad_hour.inhibited
    told = {notice.alert.name for notice in bad_hour.watched.alarms.notices()}
    assert "ReplicationSlotInactive" not in told


def test_nobody_is_told_twice_or_that_it_is_over_while_it_lasts(bad_hour: Drill) -> None:
    """Although those who judge and those who tell were killed meanwhile. What they told in the minute before that may
    be told once more: better than not at all."""
    notices = [notice for notice in bad_hour.watched.alarms.notices() if notice.at < bad_hour.mended]
    kept = bad_hour.restarts.began - MAINTENANCE_SECONDS
    for fault in AT_ONCE:
        for by in ways_of(fault.alert):
            told = [notice for notice in notices if notice.alert == fault.alert and notice.by == by]
            assert not any(notice.resolved for notice in told), f"{by} was told that {fault.alert} is over"
            assert len(told) == 1 or (len(told) == 2 and told[0].at > kept), f"{by} was told again of {fault.alert}"


def test_nobody_is_woken_by_a_warning(bad_hour: Drill) -> None:
    notices = bad_hour.watched.alarms.notices()
    woken = {notice.alert for notice in notices if notice.by == "pagerduty"}
    assert woken >= {fault.alert for fault in FAULTS if fault.alert.severity == "critical"}
    # What wakes has no severity in it, but the channel was told of the same.
    assert woken <= {notice.alert for notice in notices if notice.by == "slack"}


def test_what_is_told_says_what_it_means_and_what_to_do(bad_hour: Drill) -> None:
    for notice in bad_hour.watched.alarms.notices():
        if notice.by != "pagerduty":
            page = re.search(r"What to do: (docs/runbooks/[a-z-]+\.md)", notice.text)
            assert page, notice.text
            assert (ROOT / page[1]).is_file(), f"{page[1]} is there to be read"


def test_a_prometheus_that_was_killed_goes_on_with_what_it_knew(bad_hour: Drill) -> None:
    seen = bad_hour.restarts
    assert seen.answered > 50, f"only {seen.answered} requests were made meanwhile: that is no load"
    print(f"Prometheus and Alertmanager were well again {seen.seconds:.0f} s after they were killed")
    since = {(alert.name, alert.severity, alert.workload): alert.since for alert in seen.after}
    for alert in seen.before:
        assert (alert.name, alert.severity, alert.workload) in since, f"{alert.name} was lost"
    # Those that wait before they fire do not wait anew. What is kept of them is in whole seconds.
    for fault in (FULL_DISK, ERRORS, ZERO_CACHE, LOG):
        [before] = [alert for alert in seen.before if _same(alert, fault.alert)]
        [after] = [alert for alert in seen.after if _same(alert, fault.alert)]
        assert abs(after.since - before.since) < timedelta(seconds=2), f"{fault.alert}: since {after.since}"


def _same(known: Known, alert: Alert) -> bool:
    return (known.name, known.severity, known.workload) == (alert.name, alert.severity, alert.workload)


def test_a_prometheus_that_was_killed_has_kept_its_history(bad_hour: Drill) -> None:
    killed = bad_hour.restarts.killed.timestamp()
    with watching.prometheus(bad_hour.watched.checkout) as asked:
        found = asked.get("/api/v1/query", query='up{job="node-exporter"}[4m]', time=killed + 120)["data"]["result"]
    moments = sorted(moment for series in found for moment, _ in series["values"])
    before = [moment for moment in moments if moment < killed]
    assert len(before) >= 90 / SCRAPE_SECONDS, f"samples of before: {moments}"
    assert killed - before[-1] < 2 * SCRAPE_SECONDS, "to the last one"
    gap = max(later - earlier for earlier, later in itertools.pairwise(moments))
    print(f"the longest time without a sample around the kill: {gap:.0f} s")
    assert gap < bad_hour.restarts.seconds + 3 * SCRAPE_SECONDS, "nothing is missing but the time of the restart"


def test_an_alertmanager_that_was_killed_has_kept_its_silences(bad_hour: Drill) -> None:
    assert bad_hour.restarts.silence in bad_hour.restarts.silences


def test_nothing_that_tells_people_shows_what_it_does_so_with(bad_hour: Drill) -> None:
    """Neither where it said why it could not, nor where it could."""
    checkout, heard = bad_hour.watched.checkout, bad_hour.watched.alarms
    for container in inside.containers(checkout, stopped=True):
        said = inside.logs(checkout, container["Id"])
        assert hits(heard.secrets, said) == [], f"log of {inside.workload_of(container)}"
