"""Curves in a line of text."""

from __future__ import annotations

from cli.sparkline import sparkline


def test_the_scale_goes_from_nothing_to_the_largest_value() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇██"


def test_a_level_reads_as_a_level() -> None:
    assert sparkline([100, 101, 99]) == "███", "what hardly changes is not drawn as if it did"


def test_nothing_at_all_is_low() -> None:
    assert sparkline([0, 0, 0]) == "▁▁▁"


def test_what_is_not_known_is_left_out() -> None:
    assert sparkline([None, 1, None, 2]) == " ▅ █"
    assert sparkline([None, None]) == "  "
    assert sparkline([]) == ""


def test_values_below_zero_lower_the_scale() -> None:
    assert sparkline([-4, 0, 4]) == "▁▅█"


def test_a_share_of_the_whole_can_be_drawn_on_the_whole() -> None:
    assert sparkline([0.5, 0.24, 0.99], high=1) == "▅▂█"
