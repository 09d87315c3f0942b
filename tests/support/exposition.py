"""Figures as a workload tells them to Prometheus."""

from __future__ import annotations


def values(text: str) -> dict[str, float]:
    """Series, with its labels as they are written -> value."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
