"""What becomes of a test of the receivers, and what a person is told of the parts of monitoring."""

from __future__ import annotations

import json

import pytest
from rich.text import Text

from cli.commands.alerts import judge, reason
from cli.commands.open import Part, shown

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
