"""What the sweep over a running stack asks for is all that an expression needs, and nothing that only a fault has."""

from __future__ import annotations

import pytest

from tests.support import promql


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ("up", ["up{}"]),
        ('rate(a{b="c"}[5m])', ['rate(a{b="c"}[5m])']),
        ("a > 5", ["(a{}) > bool (5)"]),
        ("a > on (x) group_left () b", ["(a{}) > bool on (x) group_left () (b{})"]),
        ("a > bool 5", ["a{} > bool 5"]),
        ("a > 5 and b < 3", ["(a{}) > bool (5)", "(b{}) < bool (3)"]),
        ("(a unless b) or vector(0)", ["a{}", "b{}"]),
        ('absent(up{job="x"})', ['up{job="x"}']),
        ("absent_over_time(a[5m])", ["a{}[5m]"]),
        ("sum by (x) (a unless on (x) b)", ["a{}", "b{}"]),
        ("count(a == 0)", ["count((a{}) == bool (0))"]),
        ("sum((a and b) or c)", ["a{}", "b{}", "c{}"]),
        ("a - a offset 5m", ["a{} - a{}"]),
        ("rate(a[5m] offset 1h30m)", ["rate(a{}[5m])"]),
        ("vector(1)", []),
    ],
)
def test_it_is_taken_apart_into_what_has_a_value_where_nothing_is_wrong(expression: str, asked: list[str]) -> None:
    assert promql.figures(expression) == asked


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        promql.figures("sum(")


def test_the_series_an_expression_speaks_of_are_named() -> None:
    expression = 'sum(rate(a{b="c"}[5m] offset 1h)) / on () group_left () {job="d"} + e'
    assert promql.selectors(expression) == ['a{b="c"}', '{job="d"}', "e{}"]
    assert promql.names(expression) == {"a", "e"}
