"""Notifications and mail."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, missing, then


def counted(name: str, result: str, values: str) -> Series:
    return {
        f'{name}{{job="auth-server",instance="a:3001",result="{result}"}}': values,
        'up{job="auth-server",instance="a:3001"}': flat(1, minutes=120),
    }


CASES = (
    Case(
        alert="NotificationsLate",
        when="nobody sends what is due",
        series={'push_oldest_seconds{job="auth-server",instance="a:3001"}': flat(900)},
        fires=(Fired(severity="warning", summary="A notification that is due has waited for 15m 0s"),),
    ),
    Case(
        alert="NotificationsLate",
        when="nothing is due",
        series={'push_oldest_seconds{job="auth-server",instance="a:3001"}': flat(0)},
    ),
    Case(
        alert="NotificationsFailing",
        when="a push service refuses them, for the first time",
        series=counted("pushes_total", "failed", then(missing(45), flat(6))),
        at=50,
        fires=(Fired(severity="warning", summary="6 notifications were given up in 30 minutes"),),
    ),
    Case(
        alert="NotificationsFailing",
        when="devices are gone, as they go",
        series=counted("pushes_total", "gone", then(missing(45), flat(60))),
        at=50,
    ),
    Case(
        alert="NotificationsFailing",
        when="the process that counted failures was replaced",
        series=counted("pushes_total", "failed", then(flat(60, minutes=45), flat(0))),
        at=50,
    ),
    Case(
        alert="MailFailing",
        when="the mail server cannot be reached",
        series=counted("emails_total", "retried", then(missing(45), flat(4))),
        at=50,
        fires=(Fired(severity="warning", summary="4 attempts to send a mail failed in 30 minutes"),),
    ),
    Case(
        alert="MailFailing",
        when="mail is sent",
        series=counted("emails_total", "sent", then(missing(45), flat(40))),
        at=50,
    ),
)
