"""The synthetic user, who does each minute what people do: log in, change an item, see it arrive."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, Level, levels

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="SyntheticUserFailing",
        # Before its first success there is only the moment it began.
        expr=(
            "time() - (max(synthetic_last_success_timestamp_seconds > 0)"
            ' or max(process_start_time_seconds{job="synthetic-user"})) > 240'
        ),
        for_seconds=MINUTE,
        severity="critical",
        summary="For {{ $value | humanizeDuration }} nobody could log in, write an item and see it arrive",
        description="A whole turn through the edge fails: people cannot use the application, whatever its parts say.",
    ),
    *levels(
        "SyncSlow",
        expr="grocery:sync:seconds",
        warning=Level(limit="2", for_seconds=5 * MINUTE),
        critical=Level(limit="10", for_seconds=5 * MINUTE),
        summary="An item written by one person reaches another after {{ $value | humanizeDuration }}",
        description="People who shop together see each other's changes late.",
    ),
    Alert(
        name="LoginSlow",
        expr="max(synthetic_login_seconds) > 3",
        for_seconds=10 * MINUTE,
        severity="warning",
        summary="Logging in takes {{ $value | humanizeDuration }}",
        description="Checking a password is slow on purpose, but not that slow: processors are busy, or too few.",
    ),
)
