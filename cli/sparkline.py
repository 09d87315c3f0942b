"""A curve in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
UNKNOWN = " "


def sparkline(values: Sequence[float | None], *, low: float | None = None, high: float | None = None) -> str:
    """One character a value, a space where there is none.

    The scale goes from `low` to `high`, widened to what there is. Left out, they are zero (or the smallest value below
    it) and the largest value: a figure that stays what it is reads as a level, not as noise drawn large.
    """
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN * len(values)
    bottom = min([0.0 if low is None else low, *known])
    top = max([bottom if high is None else high, *known])
    return "".join(UNKNOWN if value is None else _block(value, bottom, top) for value in values)


def _block(value: float, bottom: float, top: float) -> str:
    if top <= bottom:
        return BLOCKS[0]
    return BLOCKS[min(len(BLOCKS) - 1, int((value - bottom) / (top - bottom) * len(BLOCKS)))]
