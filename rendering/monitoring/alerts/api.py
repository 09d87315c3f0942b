"""The API: how long it takes, how often it fails, and how fast that uses up what a month allows."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, Level, added, levels
from rendering.monitoring.scrape import INTERVAL_SECONDS

ERROR_BUDGET = 0.001
"""Share of requests that may fail over a month."""
_FEWEST_ERRORS = 10

# One bad request must wake nobody: it is in a five-minute window for five minutes at most, so what lasts as long as
# its window was more than one.
_WINDOW = 5 * MINUTE


def _burns(long: str, short: str, factor: float) -> str:
    limit = f"{factor * ERROR_BUDGET:g}"
    return f"(grocery:errors:ratio{long} > {limit} and grocery:errors:ratio{short} > {limit})"


def _burn(*pairs: str, over: str) -> str:
    # A handful of errors on a quiet day is a large share of nothing. Each rate stands for the time between two
    # evaluations.
    errors = f"sum_over_time(grocery:errors:rate5m[{over}]) * {INTERVAL_SECONDS}"
    return f"({' or '.join(pairs)}) and {errors} >= {_FEWEST_ERRORS}"


_BUDGET_SUMMARY = (
    f"{{{{ $value | humanizePercentage }}}} of requests failed, more than {ERROR_BUDGET * 100:g} % a month allows for"
)
_BUDGET_DESCRIPTION = (
    "At this rate the errors that a month may have are used up early. Both a long and a short time show it, so it is "
    "no blip, and it is still going on."
)

ALERTS: tuple[Alert, ...] = (
    *levels(
        "HighLatency",
        expr="grocery:latency:p95_5m",
        warning=Level(limit="0.5", for_seconds=_WINDOW),
        critical=Level(limit="1", for_seconds=_WINDOW),
        summary="1 in 20 requests takes longer than {{ $value | humanizeDuration }}",
        description="The application feels slow to everybody: lists load late and changes take long to be confirmed.",
    ),
    *levels(
        "HighErrorRate",
        expr="grocery:errors:ratio5m",
        warning=Level(limit="0.01", for_seconds=_WINDOW),
        critical=Level(limit="0.05", for_seconds=_WINDOW),
        summary="{{ $value | humanizePercentage }} of requests fail on the server's side",
        description="Requests end with a status of 500 or above: people see errors, and their changes wait.",
    ),
    Alert(
        name="ErrorBudgetBurn",
        expr=_burn(_burns("1h", "5m", 14.4), _burns("6h", "30m", 6), over="1h"),
        for_seconds=2 * MINUTE,
        severity="critical",
        summary=_BUDGET_SUMMARY,
        description=_BUDGET_DESCRIPTION,
    ),
    Alert(
        name="ErrorBudgetBurn",
        expr=_burn(_burns("1d", "2h", 3), _burns("3d", "6h", 1), over="1d"),
        for_seconds=15 * MINUTE,
        severity="warning",
        summary=_BUDGET_SUMMARY,
        description=_BUDGET_DESCRIPTION,
    ),
    Alert(
        name="LoginsThrottled",
        expr=added('auth_login_attempts_total{result="throttled"}', job="auth-server", window="15m") + " > 30",
        for_seconds=0,
        severity="warning",
        summary="{{ $value | humanize }} logins were refused in 15 minutes after too many wrong passwords",
        description="Somebody tries passwords, or a program goes on with an old one.",
    ),
)
