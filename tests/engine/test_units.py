"""The pure parts: values on the wire, comparing, durations, and what a plan looks like."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from cli.local_engine import Op, Plan, Step, display
from cli.local_engine.errors import ProviderError, UnsupportedError
from cli.local_engine.providers.docker_spec import duration, nanoseconds
from cli.local_engine.schema import Change, Many, Plain, Record, complete, differences, matches, names_property, restore
from cli.local_engine.wire import UNKNOWN, Secret, decode, encode, keep_secrets, mask

SCHEMA = Record(
    fields={
        "name": Plain(replaces=True),
        "size": Plain(default=1),
        "kept": Plain(computed=True, default="d"),
        "env": Plain(),
        "set": Many(item=Record(fields={"id": Plain(replaces=True), "mode": Plain(default=4, computed=True)})),
        "list": Many(item=Plain(), ordered=True),
        "block": Record(computed=True, fields={"deep": Plain(), "fixed": Plain(replaces=True)}),
    }
)


def compare(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[object, object, bool]]:
    found = differences(SCHEMA, complete(SCHEMA, old), complete(SCHEMA, new, old))
    return {change.path: (change.old, change.new, change.replaces) for change in found}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {"size": 1, "kept": "d", "env": {}, "list": []}, {}),
        ({"kept": "x", "block": {"deep": 1}}, {}, {}),
        ({"size": 2}, {}, {"size": (2, 1, False)}),
        ({"block": {"deep": 1}}, {"block": {}}, {"block.deep": (1, None, False)}),
        ({"env": {"A": "1", "B.C": "2"}}, {"env": {"A": "1"}}, {'env["B.C"]': ("2", None, False)}),
        ({"list": ["a", "b"]}, {"list": ["b", "a"]}, {"list": (["a", "b"], ["b", "a"], False)}),
        ({"set": [{"id": "a"}, {"id": "b"}]}, {"set": [{"id": "b"}, {"id": "a"}]}, {}),
        ({"set": [{"id": "a", "mode": 7}]}, {"set": [{"id": "a"}]}, {}),
        ({"set": [{"id": "a"}]}, {"set": [{"id": UNKNOWN}]}, {"set[0].id": ("a", UNKNOWN, True)}),
        ({"name": "a"}, {"name": UNKNOWN}, {"name": ("a", UNKNOWN, True)}),
        ({"block": {"deep": 1}}, {"block": UNKNOWN}, {"block": ({"deep": 1, "fixed": None}, UNKNOWN, True)}),
    ],
)
def test_versions_compare_as_the_real_providers_compare_them(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, object]
) -> None:
    assert compare(old, new) == expected


def test_property_paths() -> None:
    assert matches("a.b[0].c", ["a.b"])
    assert matches("a.b[0].c", ["a.b[*].c"])
    assert matches('a["x.y"]', ['a["x.y"]'])
    assert not matches("ab", ["a"])
    assert names_property(SCHEMA, "env.ANY")
    assert not names_property(SCHEMA, "set[0].id")
    assert restore({"a": {"b": 1, "c": 2}}, {"a": {"b": 0}}, "a.b") == {"a": {"b": 0, "c": 2}}
    assert restore({"a": {"b": 1}}, {}, "a.b") == {"a": {}}, "what was not there before is left out"


def test_values_survive_the_wire() -> None:
    value = {"n": 8, "f": 0.5, "b": True, "none": None, "s": Secret({"x": [UNKNOWN]}), "l": [1, {"m": Secret("q")}]}
    assert decode(encode(value)) == value
    asset = encode({"a": {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17"}})
    with pytest.raises(UnsupportedError, match="assets"):
        decode(asset)


def test_an_output_is_secret_where_its_input_is() -> None:
    inputs = {"a": Secret("x"), "map": {"in": Secret("y"), "out": 1}, "list": ["a", Secret("b")]}
    outputs = {"a": "x", "map": {"in": "y", "out": 1}, "list": ["b", "a"], "new": 1}
    kept = keep_secrets(inputs, outputs)
    assert kept == {
        "a": Secret("x"),
        "map": {"in": Secret("y"), "out": 1},
        "list": Secret(["b", "a"]),
        "new": 1,
    }
    assert mask(kept)["list"] == "[secret]"


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0s", 0), ("500ms", 5 * 10**8), ("1m30s", 90 * 10**9), ("2h", 7200 * 10**9), ("1m", 60 * 10**9)],
)
def test_durations_read_and_write_as_go_does(text: str, amount: int) -> None:
    assert nanoseconds(text) == amount
    assert duration(amount) == text


def test_a_wrong_duration_says_what_was_expected() -> None:
    with pytest.raises(ProviderError, match="'5 minutes' is not a duration; expected"):
        nanoseconds("5 minutes")


def test_a_plan_shows_each_property_masks_secrets_and_says_why_something_is_replaced() -> None:
    stack, part = "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s", "urn:pulumi:s::p::grocery:components:Part::part"
    plan = Plan(
        stack="s",
        steps=(
            Step(op=Op.SAME, urn=stack, type="pulumi:pulumi:Stack"),
            Step(op=Op.SAME, urn=part, type="grocery:components:Part", parent=stack),
            Step(op=Op.SAME, urn="a::b::c::quiet", type="docker:index/volume:Volume", parent=stack),
            Step(
                op=Op.CREATE,
                urn="a::b::c::new",
                type="docker:index/secret:Secret",
                parent=part,
                inputs={"data": "[secret]", "labels": [{"label": "[red]", "value": UNKNOWN}]},
            ),
            Step(
                op=Op.REPLACE,
                urn="a::b::c::net",
                type="docker:index/network:Network",
                parent=part,
                changes=(Change(path="internal", old=False, new=True, replaces=True),),
                reasons=("internal",),
                delete_first=True,
            ),
        ),
    )
    out = io.StringIO()
    display.print_plan(Console(file=out, width=100), plan)
    text = out.getvalue()
    for part_of_it in (
        "Part part",
        "+ docker:Secret new create",
        'data: "[secret]"',
        'labels[0].label: "[red]"',
        "labels[0].value: <known after up>",
        "± docker:Network net replace, the old one first because of internal",
        "internal: false => true (replaces)",
        "1 create",
        "1 replace",
        "3 same",
    ):
        assert part_of_it in text, f"{part_of_it!r} is missing in\n{text}"
    assert "quiet" not in text, "unchanged resources are shown on request only"
