"""Notifications and mail, which wait in the database until they are sent."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, added

_API = "auth-server"

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="NotificationsLate",
        expr="max(push_oldest_seconds) > 300",
        for_seconds=5 * MINUTE,
        severity="warning",
        summary="A notification that is due has waited for {{ $value | humanizeDuration }}",
        description="People hear late, or never, of what others changed while they were away.",
    ),
    Alert(
        name="NotificationsFailing",
        expr=added('pushes_total{result="failed"}', job=_API, window="30m") + " >= 5",
        for_seconds=0,
        severity="warning",
        summary="{{ $value | humanize }} notifications were given up in 30 minutes",
        description="Push services refuse them, or cannot be reached: those people are not told.",
    ),
    Alert(
        name="MailFailing",
        expr=added('emails_total{result=~"failed|retried"}', job=_API, window="30m") + " >= 3",
        for_seconds=0,
        severity="warning",
        summary="{{ $value | humanize }} attempts to send a mail failed in 30 minutes",
        description="Who waits for a link to confirm an address or to set a new password waits in vain.",
    ),
)
