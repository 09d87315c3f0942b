"""Measurements, each beside its yardstick in the same run: ratios survive a slow machine, seconds do not.

`python -m tests.bench` (which `./grocery bench` calls) makes an engine and a stack of its own, measures, prints a table
and removes everything. Nothing here asserts a time: a missed aim is shown as missed.
"""
