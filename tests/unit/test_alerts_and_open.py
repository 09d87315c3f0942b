"""What becomes of a test of the receivers, and what a person is told of the parts of monitoring."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.text import Text

from cli.commands.alerts import judge, lines_of, reason
from cli.commands.open import Part, shown
from cli.monitoring import Alert

BEFORE = ({"slack": 4.0, "email": 2.0}, {"slack": 4.0, "email": 0.0})


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (BEFORE, {}),
        (({"slack": 5.0, "email": 2.0}, {"slack": 4.0, "email": 0.0}), {"slack": "delivered"}),
        (({"slack": 5.0, "email": 3.0}, {"slack": 5.0, "email": 0.0}), {"slack": "failed", "email": "delivered"}),
        (({"slack": 7.0, "email": 2.0}, {"slack": 6.0, "email": 0.0}), {"slack": "delivered"}),
    ],
    ids=["nothing yet", "one arrived", "one failed", "arrived in the end"],
)
def test_what_was_before_the_test_says_nothing_about_it(
    now: tuple[dict[str, float], dict[str, float]], known: dict[str, str]
) -> None:
    assert judge(["slack", "email"], before=BEFORE, now=now) == known


def test_a_receiver_that_was_never_notified_counts_from_nothing() -> None:
    assert judge(["pagerduty"], before=({}, {}), now=({"pagerduty": 1.0}, {"pagerduty": 1.0})) == {
        "pagerduty": "failed"
    }


WORDS = 'Post "<redacted>": dial tcp 127.0.0.1:19999: connect: connection refused'
FIRST = json.dumps({"level": "WARN", "msg": "Notify attempt failed", "receiver": "slack", "err": "an earlier one"})
OTHER = json.dumps({"level": "WARN", "msg": "Notify attempt failed", "receiver": "email", "err": "of another"})


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"level": "WARN", "msg": "Notify attempt failed", "receiver": "slack", "err": WORDS}),
        f'time=2026-11-25T22:35:18Z level=WARN msg="Notify attempt failed" receiver=slack err={json.dumps(WORDS)}',
    ],
    ids=["json", "key=value"],
)
def test_the_reason_is_alertmanagers_last_word_on_the_receiver(line: str) -> None:
    assert reason("\n".join([FIRST, line, OTHER, '{"receiver":"slack","msg":"no reason"}']), "slack") == WORDS


def test_what_alertmanager_gave_up_at_once_has_its_reason_too() -> None:
    words = "pagerduty/pagerduty[0]: notify retry canceled due to unrecoverable error after 1 attempts: 403"
    line = json.dumps({"level": "ERROR", "msg": "Notify for alerts failed", "num_alerts": 1, "err": words})
    assert reason(line, "pagerduty") == words
    assert reason(line, "slack") == ""


def test_a_reason_of_one_word_is_read_too() -> None:
    assert reason("level=WARN receiver=email err=EOF", "email") == "EOF"


def test_no_reason_is_invented() -> None:
    assert reason(OTHER, "slack") == ""


def told(part: Part, *, has_pages: bool) -> str:
    return "\n".join(Text.from_markup(line).plain for line in shown(part, "http://127.0.0.1:4000", has_pages=has_pages))


@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("has_pages", [True, False])
def test_the_address_comes_first(part: Part, has_pages: bool) -> None:
    assert told(part, has_pages=has_pages).startswith("http://127.0.0.1:4000 ")


@pytest.mark.parametrize(
    ("part", "path"), [(Part.PROMETHEUS, "/api/v1/query?query=up"), (Part.ALERTMANAGER, "/api/v2/alerts")]
)
def test_an_image_without_pages_is_opened_where_it_answers(part: Part, path: str) -> None:
    assert f"http://127.0.0.1:4000{path}" in told(part, has_pages=False)
    assert "has no pages" in told(part, has_pages=False)
    assert path not in told(part, has_pages=True)


def listed(**changes: Any) -> list[str]:  # noqa: ANN401 - fields of every type
    """What is shown of an alert, some of it changed."""
    found = Alert(
        name="DiskFills",
        severity="warning",
        workload="postgres",
        state="firing",
        since=datetime(2026, 11, 25, 21, 0, tzinfo=UTC),
        summary="[12] GiB are left",
        runbook="docs/runbooks/disk-fills.md",
        labels={},
    )
    now = datetime(2026, 11, 25, 22, 5, tzinfo=UTC)
    return [Text.from_markup(line).plain for line in lines_of(dataclasses.replace(found, **changes), now=now)]


def test_an_alert_is_shown_with_its_severity_age_words_and_runbook() -> None:
    assert listed() == [
        "warning   DiskFills (postgres) for 1h: [12] GiB are left",
        "          docs/runbooks/disk-fills.md",
    ]
    assert listed(workload="", runbook="") == ["warning   DiskFills for 1h: [12] GiB are left"]


def test_of_an_alert_that_nobody_hears_it_is_said_why() -> None:
    assert listed(state="pending")[0].startswith("warning   DiskFills (postgres), pending for 1h: ")
    assert listed(muted="silenced")[0].startswith("warning   DiskFills (postgres), silenced for 1h: ")
    assert listed(severity="critical", muted="inhibited")[0].startswith(
        "critical  DiskFills (postgres), inhibited for "
    )
