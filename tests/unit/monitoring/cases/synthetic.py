"""The synthetic user."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, rising, then


def succeeded(values: str) -> Series:
    return {
        'synthetic_last_success_timestamp_seconds{job="synthetic-user"}': values,
        'process_start_time_seconds{job="synthetic-user"}': flat(1),
    }


def took(figure: str, values: str) -> Series:
    return {f'synthetic_{figure}_seconds{{job="synthetic-user"}}': values}


_FAILING = "For {} nobody could log in, write an item and see it arrive"
_SLOW = "An item written by one person reaches another after {}"

CASES = (
    Case(
        alert="SyntheticUserFailing",
        when="no turn has succeeded for ten minutes",
        series=succeeded(flat(10 * 60)),
        fires=(Fired(severity="critical", summary=_FAILING.format("10m 0s")),),
    ),
    Case(
        alert="SyntheticUserFailing",
        when="no turn has ever succeeded",
        series=succeeded(flat(0)),
        fires=(Fired(severity="critical", summary=_FAILING.format("19m 59s")),),
    ),
    Case(alert="SyntheticUserFailing", when="each turn succeeds", series=succeeded(rising(1))),
    Case(alert="SyntheticUserFailing", when="the first turn has not ended yet", series=succeeded(flat(0)), at=3),
    Case(
        alert="SyncSlow",
        when="an item takes three seconds",
        series=took("sync", flat(3)),
        fires=(Fired(severity="warning", summary=_SLOW.format("3s")),),
    ),
    Case(
        alert="SyncSlow",
        when="an item takes a quarter of a minute",
        series=took("sync", flat(15)),
        fires=(
            Fired(severity="warning", summary=_SLOW.format("15s")),
            Fired(severity="critical", summary=_SLOW.format("15s")),
        ),
    ),
    Case(alert="SyncSlow", when="an item is there at once", series=took("sync", flat(0.08))),
    Case(alert="SyncSlow", when="one turn in four is slow", series=took("sync", then(*["0.1 0.1 0.1 4"] * 40))),
    Case(
        alert="LoginSlow",
        when="a password takes five seconds to check",
        series=took("login", flat(5)),
        fires=(Fired(severity="warning", summary="Logging in takes 5s"),),
    ),
    Case(alert="LoginSlow", when="a password takes as long as it should", series=took("login", flat(0.4))),
)
