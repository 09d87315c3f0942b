"""Everybody whom a stack tells of its alerts: a channel, a mailbox, and who is woken; and when they heard of what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.e2e.lab import make_certificates
from tests.support.checkout import Checkout
from tests.support.mailbox import Mail, Mailbox
from tests.support.webhook import Call, Webhook

By = Literal["slack", "email", "pagerduty"]
Severity = Literal["warning", "critical"]
SEVERITIES: dict[str, Severity] = {"warning": "warning", "critical": "critical"}
CHANNEL = "#groceries"
PEOPLE = "operations@example.com"
SLACK = "/slack/a-channel-s-address"
PAGERDUTY = "/pagerduty/enqueue"
DEAD_MAN = "/dead-man"
TEST = "TestAlert"
"""Of `./grocery alerts test`."""
PAGERDUTY_KEY = "a-key-for-those-who-are-woken"

# How a subject and a title read: [stack severity] Resolved: Alert (workload)
_TITLE = re.compile(
    r"^\[(?P<stack>\S+) (?P<severity>\w+)\] (?P<over>Resolved: )?(?P<alert>\w+)( \((?P<workload>.+)\))?$"
)
_WOKEN = re.compile(r"^(?P<over>Resolved: )?(?P<alert>\w+)( \((?P<workload>[^)]+)\))?: ")


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Which alert is meant. severity: "critical" also wakes somebody; workload: "" where it is about none."""

    name: str
    severity: Severity
    workload: str = ""

    def __str__(self) -> str:
        return f"{self.name}{f' ({self.workload})' if self.workload else ''}, {self.severity}"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What somebody was told, by which way, and when (time.monotonic())."""

    by: By
    alert: Alert
    resolved: bool
    text: str
    at: float


class Alarms:
    """Where Alertmanager's messages of one stack arrive."""

    def __init__(self, hook: Webhook, mailbox: Mailbox, trusted: str) -> None:
        self.hook = hook
        self.mailbox = mailbox
        self.trusted = trusted
        """The authority (PEM) that vouches for the hook, as public ones do for the real services."""

    @property
    def settings(self) -> dict[str, Any]:
        """Groups of a stack's settings that have everybody told."""
        return {
            "email": {"host": self.mailbox.host, "port": self.mailbox.port, "security": "none"},
            "monitoring": {
                "enabled": True,
                "dead_man": True,
                "receivers": {
                    "slack": {"channel": CHANNEL},
                    "email": {"to": [PEOPLE]},
                    "pagerduty": {"url": f"{self.hook.url}{PAGERDUTY}"},
                },
            },
        }

    @property
    def secrets(self) -> dict[str, str]:
        """External secrets of such a stack."""
        return {
            "slack-url": f"{self.hook.url}{SLACK}",
            "pagerduty-key": PAGERDUTY_KEY,
            "dead-man-url": f"{self.hook.url}{DEAD_MAN}",
        }

    def set_secrets(self, checkout: Checkout) -> None:
        for name, value in self.secrets.items():
            checkout.set_secret(name, value)

    def notices(self) -> list[Notice]:
        """Everything anybody was told so far, but that somebody tests whether they can be reached."""
        found = [_from_slack(call) for call in self.hook.calls(SLACK)]
        found += [_from_mail(mail) for mail in self.mailbox.to(PEOPLE)]
        found += [_from_pagerduty(call) for call in self.hook.calls(PAGERDUTY)]
        return sorted((one for one in found if one and one.alert.name != TEST), key=lambda notice: notice.at)


def ways_of(alert: Alert) -> tuple[By, ...]:
    """Who is to hear of it: everybody of what is critical, and nobody is woken for a warning."""
    return ("slack", "email", "pagerduty") if alert.severity == "critical" else ("slack", "email")


@contextmanager
def listening(address: str, folder: Path) -> Iterator[Alarms]:
    """address: one of this machine that the stack's way out leads to."""
    vouched = make_certificates(address)
    identity = folder / "hook.pem"
    identity.write_text(vouched.certificate + vouched.key)
    with Webhook(address, identity=identity) as hook, Mailbox(address) as mailbox:
        yield Alarms(hook, mailbox, vouched.ca)


def _from_slack(call: Call) -> Notice | None:
    [attachment] = call.body["attachments"]
    return _notice("slack", _TITLE.match(attachment["title"]), f"{attachment['title']}\n{attachment['text']}", call.at)


def _from_mail(mail: Mail) -> Notice | None:
    return _notice("email", _TITLE.match(mail.subject), f"{mail.subject}\n{mail.text}", mail.at)


def _from_pagerduty(call: Call) -> Notice | None:
    told = call.body["payload"]["summary"]
    return _notice("pagerduty", _WOKEN.match(told), told, call.at)


def _notice(by: By, found: re.Match[str] | None, text: str, at: float) -> Notice | None:
    """None for what is no alert of the stack's rules."""
    assert found, f"{by} was told in a way that nobody expects: {text}"
    parts = found.groupdict()
    # Nobody is woken for anything else.
    severity = parts.get("severity", "critical")
    if severity not in SEVERITIES:
        return None
    return Notice(
        by=by,
        alert=Alert(name=parts["alert"], severity=SEVERITIES[severity], workload=parts["workload"] or ""),
        resolved=bool(parts["over"]),
        text=text,
        at=at,
    )
