"""Who hears of which alerts, how often, and which of them go without saying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rendering import render_yaml

SECRETS_FOLDER = "/run/secrets"
SLACK_URL = "SLACK_URL"
PAGERDUTY_KEY = "PAGERDUTY_KEY"
SMTP_PASSWORD = "SMTP_PASSWORD"  # noqa: S105 - the name of a file
DEAD_MAN_URL = "DEAD_MAN_URL"
"""Files of secrets, in SECRETS_FOLDER."""

NOBODY = "nobody"
"""The receiver that tells nobody; `grocery status` shows what it gets."""
DEAD_MAN = "dead-man"
TEST_LABEL = "test_receiver"
"""An alert with it goes to the receiver it names, and to nobody else."""
WATCHDOG = "Watchdog"

# The only port on which Alertmanager begins with TLS.
_TLS_PORT = 465


@dataclass(frozen=True, kw_only=True)
class Slack:
    channel: str


@dataclass(frozen=True, kw_only=True)
class Mail:
    """`username` None is a server that asks for no password."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None

    def __post_init__(self) -> None:
        if self.security == "tls" and self.port != _TLS_PORT:
            raise ValueError(
                f"alerts cannot be mailed over TLS to port {self.port}: Alertmanager begins with TLS on port "
                f"{_TLS_PORT} only; use starttls"
            )


@dataclass(frozen=True, kw_only=True)
class PagerDuty:
    url: str


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """Who hears of the alerts of `stack`. `dead_man`: a webhook is called as long as monitoring works."""

    stack: str
    slack: Slack | None = None
    email: Mail | None = None
    pagerduty: PagerDuty | None = None
    dead_man: bool = False

    @property
    def told(self) -> Mapping[str, tuple[str, ...]]:
        """Severity -> names of the receivers that hear of it. Nobody is woken for a warning."""
        everybody = tuple(
            name
            for name, found in (("slack", self.slack), ("email", self.email), ("pagerduty", self.pagerduty))
            if found
        )
        return {"critical": everybody, "warning": tuple(name for name in everybody if name != "pagerduty")}


@dataclass(frozen=True, kw_only=True)
class Cause:
    """While an alert that matches `source` fires, those that match `target` say nothing new. Matchers are
    Alertmanager's; `equal` names labels that have to be the same in both."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...] = ()


def _alerts(*names: str) -> str:
    return f'alertname=~"{"|".join(names)}"'


def _workload(*names: str) -> str:
    return f'workload=~"{"|".join(names)}"'


_USE = ("SiteNotReady", "SyntheticUserFailing", "SyncSlow", "LoginSlow")
_API = ("HighErrorRate", "HighLatency", "ErrorBudgetBurn", "DatabasePoolWaiting")
_SENDING = ("NotificationsLate", "NotificationsFailing", "MailFailing")
_BACKUPS = ("BackupOverdue", "BackupFailing", "DrillFailing", "VerifyFailed", "RestoreUnproven")
_SYNC = ("ReplicationSlotMissing", "ReplicationSlotInactive", "ReplicationLag", "ReplicationStalled", "ZeroCacheSilent")

CAUSES: tuple[Cause, ...] = (
    # The same figure beyond its worse limit.
    Cause(source=('severity="critical"',), target=('severity="warning"',), equal=("alertname", "workload")),
    # A workload that is not there neither answers nor is healthy, and what keeps it away is on the same page.
    Cause(
        source=(_alerts("TasksMissing"),),
        target=(_alerts("TargetMissing", "Unhealthy", "Restarting"), 'severity="warning"'),
        equal=("workload",),
    ),
    Cause(
        source=(_alerts("OutOfMemory"),),
        target=(_alerts("Restarting", "MemoryHigh"), 'severity="warning"'),
        equal=("workload",),
    ),
    # Without a database nothing behind it works.
    Cause(
        source=(_alerts("PostgresDown", "TasksMissing"), _workload("postgres")),
        target=(_alerts(*_USE, *_API, *_SENDING, *_SYNC),),
    ),
    Cause(
        source=(_alerts("PostgresDown", "TasksMissing"), _workload("postgres")),
        target=(
            _alerts("TasksMissing", "TargetMissing", "Unhealthy", "Restarting"),
            _workload("auth-server", "zero-cache", "migrations", "synthetic-user"),
        ),
    ),
    # A backup and a drill need the database; what waited before it went is archived without it.
    Cause(source=(_alerts("PostgresDown", "TasksMissing"), _workload("postgres")), target=(_alerts(*_BACKUPS),)),
    # Each of these keeps backups from being made, and is on the page of the cause. That nothing is archived is said
    # for a while only: what waits for too long is lost.
    Cause(
        source=(_alerts("TasksMissing", "RepositoryUnusable", "RepositoryOfAnotherDatabase"), _workload("backups")),
        target=(_alerts(*_BACKUPS, "ArchiveFailing"), 'severity="warning"'),
    ),
    Cause(source=(_alerts("TasksMissing"), _workload("auth-server")), target=(_alerts(*_USE, *_API, *_SENDING),)),
    Cause(
        source=(_alerts("TasksMissing"), _workload("zero-cache")),
        target=(_alerts("SyntheticUserFailing", "SyncSlow", *_SYNC),),
    ),
    Cause(
        source=(_alerts("TasksMissing"), _workload("edge")),
        target=(_alerts("RedirectBroken", "EdgeUnmeasured", *_USE),),
    ),
    Cause(source=(_alerts("SiteDown"),), target=(_alerts("RedirectBroken", *_USE),)),
    # Who asks the engine and hears zero-cache.
    Cause(
        source=(_alerts("TasksMissing", "TargetMissing"), _workload("collector")),
        target=(_alerts("ZeroCacheSilent", "EngineUnreachable"),),
    ),
    Cause(source=(_alerts("CertificateNotIssued"),), target=(_alerts("CertificateExpires", "RenewalFailing"),)),
    Cause(source=(_alerts("DiskSpaceLow"), 'severity="critical"'), target=(_alerts("DiskWillFill"),)),
)


def render(receivers: Receivers) -> str:
    """The text of alertmanager.yml. Credentials are files; nothing in here is secret."""
    return render_yaml(
        {
            "route": _route(receivers),
            "inhibit_rules": [
                {
                    "source_matchers": list(cause.source),
                    "target_matchers": list(cause.target),
                    **({"equal": list(cause.equal)} if cause.equal else {}),
                }
                for cause in CAUSES
            ],
            "receivers": [
                {"name": NOBODY},
                *([{"name": "slack", "slack_configs": [_slack(receivers.slack)]}] if receivers.slack else []),
                *([{"name": "email", "email_configs": [_email(receivers.email)]}] if receivers.email else []),
                *(
                    [{"name": "pagerduty", "pagerduty_configs": [_pagerduty(receivers.pagerduty, receivers.stack)]}]
                    if receivers.pagerduty
                    else []
                ),
                *([{"name": DEAD_MAN, "webhook_configs": [_dead_man()]}] if receivers.dead_man else []),
            ],
        }
    )


def _route(receivers: Receivers) -> dict[str, object]:
    tests = [
        {
            "matchers": [f'{TEST_LABEL}="{name}"'],
            "receiver": name,
            "group_by": ["..."],
            "group_wait": "0s",
        }
        for name in receivers.told["critical"]
    ]
    return {
        "receiver": NOBODY,
        # One message for one thing that is wrong, however many tasks show it.
        "group_by": ["alertname", "workload"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
        "routes": [
            *tests,
            {"matchers": [f'{TEST_LABEL}!=""'], "receiver": NOBODY},
            {
                "matchers": [f'alertname="{WATCHDOG}"'],
                "receiver": DEAD_MAN if receivers.dead_man else NOBODY,
                "group_wait": "0s",
                # Together once a minute: it is told again at the second look.
                "group_interval": "30s",
                "repeat_interval": "45s",
            },
            # Long enough for the alerts of one evaluation to be there together, so that causes silence consequences.
            _severity("critical", receivers, group_wait="15s", repeat_interval="4h"),
            _severity("warning", receivers, group_wait="1m", repeat_interval="12h"),
        ],
    }


def _severity(severity: str, receivers: Receivers, **timing: str) -> dict[str, object]:
    told = receivers.told[severity]
    return {
        "matchers": [f'severity="{severity}"'],
        "receiver": NOBODY,
        **timing,
        **({"routes": [{"receiver": name, "continue": True} for name in told]} if told else {}),
    }


# What people read. Alertmanager escapes values in the HTML of a mail, and nothing in what it sends to Slack.
_HEADING = (
    '{{ if eq .Status "resolved" }}Resolved: {{ end }}{{ .CommonLabels.alertname }}'
    "{{ with .CommonLabels.workload }} ({{ . }}){{ end }}"
)
_SUBJECT = f"[{{{{ .CommonLabels.stack }}}} {{{{ .CommonLabels.severity }}}}] {_HEADING}"
_TEXT = (
    "{{ range .Alerts }}"
    '{{ if eq .Status "resolved" }}Over since {{ .EndsAt.UTC.Format "2006-01-02 15:04" }} UTC: {{ end }}'
    "{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    'Since {{ .StartsAt.UTC.Format "2006-01-02 15:04" }} UTC. '
    "{{ with .Annotations.runbook_url }}What to do: {{ . }}{{ end }}\n\n{{ end }}"
)
_HTML = (
    "<!DOCTYPE html><html><body>{{ range .Alerts }}<p><b>"
    '{{ if eq .Status "resolved" }}Over since {{ .EndsAt.UTC.Format "2006-01-02 15:04" }} UTC: {{ end }}'
    "{{ .Annotations.summary }}</b><br>{{ .Annotations.description }}<br>"
    'Since {{ .StartsAt.UTC.Format "2006-01-02 15:04" }} UTC. '
    "{{ with .Annotations.runbook_url }}What to do: "
    '{{ if match "^https://" . }}<a href="{{ . }}">{{ . }}</a>{{ else }}{{ . }}{{ end }}{{ end }}</p>'
    "{{ end }}</body></html>"
)


def _for_slack(template: str) -> str:
    """`template` with every value's characters that mean something to Slack as it wants them."""
    escaped = r"""reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" """.strip()
    return template.replace("{{ .Annotations.summary }}", f"{{{{ .Annotations.summary | {escaped} }}}}").replace(
        "{{ .Annotations.description }}", f"{{{{ .Annotations.description | {escaped} }}}}"
    )


def _slack(slack: Slack) -> dict[str, object]:
    return {
        "api_url_file": f"{SECRETS_FOLDER}/{SLACK_URL}",
        "channel": slack.channel,
        "send_resolved": True,
        "color": (
            '{{ if eq .Status "resolved" }}good{{ else if eq .CommonLabels.severity "critical" }}danger'
            "{{ else }}warning{{ end }}"
        ),
        "title": _SUBJECT,
        # Alertmanager's own page is not to be reached from outside.
        "title_link": "",
        "fallback": _SUBJECT,
        "text": _for_slack(_TEXT),
    }


def _email(mail: Mail) -> dict[str, object]:
    return {
        "to": ", ".join(mail.to),
        "from": mail.sender,
        "smarthost": f"{mail.host}:{mail.port}",
        "require_tls": mail.security == "starttls",
        **(
            {"auth_username": mail.username, "auth_password_file": f"{SECRETS_FOLDER}/{SMTP_PASSWORD}"}
            if mail.username
            else {}
        ),
        "send_resolved": True,
        "headers": {"Subject": _SUBJECT},
        "text": _TEXT,
        "html": _HTML,
    }


def _pagerduty(pagerduty: PagerDuty, stack: str) -> dict[str, object]:
    return {
        "routing_key_file": f"{SECRETS_FOLDER}/{PAGERDUTY_KEY}",
        "url": pagerduty.url,
        "send_resolved": True,
        "severity": "critical",
        "client": f"Grocery List, stack {stack}",
        "client_url": "",
        "description": f"{_HEADING}: {{{{ (index .Alerts 0).Annotations.summary }}}}",
        "details": {
            "summary": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ end }}",
            "description": "{{ .CommonAnnotations.description }}",
            "runbook": "{{ .CommonAnnotations.runbook_url }}",
        },
    }


def _dead_man() -> dict[str, object]:
    return {"url_file": f"{SECRETS_FOLDER}/{DEAD_MAN_URL}", "send_resolved": False}
