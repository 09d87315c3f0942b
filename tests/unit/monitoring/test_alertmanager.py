"""Who hears of what, by Alertmanager's own tool and by its own words on inhibition."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from rendering.monitoring.alertmanager import (
    CAUSES,
    DEAD_MAN,
    NOBODY,
    SECRETS_FOLDER,
    Mail,
    PagerDuty,
    Receivers,
    Slack,
    render,
)
from rendering.monitoring.alerts import alerts
from rendering.monitoring.alerts.alert import Alert
from tests.unit.monitoring.scopes import EVERYTHING

SLACK = Slack(channel="#grocery")
MAIL = Mail(
    to=("oncall@grocery.example", "boss@grocery.example"),
    sender="Grocery List <no-reply@grocery.example>",
    host="mail.grocery.example",
    port=587,
    security="starttls",
    username="grocery",
)
PAGER = PagerDuty(url="https://events.pagerduty.com/v2/enqueue")

ALONE = Receivers(stack="prod")
ALL = Receivers(stack="prod", slack=SLACK, email=MAIL, pagerduty=PAGER, dead_man=True)
SLACK_ONLY = Receivers(stack="prod", slack=SLACK)
PAGER_ONLY = Receivers(stack="prod", pagerduty=PAGER)
EVERY = [ALONE, ALL, SLACK_ONLY, PAGER_ONLY, Receivers(stack="prod", email=MAIL, dead_man=True)]

ROUTES: list[tuple[str, Receivers, dict[str, str], tuple[str, ...]]] = [
    ("everybody hears what is critical", ALL, {"severity": "critical"}, ("slack", "email", "pagerduty")),
    ("nobody is woken for a warning", ALL, {"severity": "warning"}, ("slack", "email")),
    ("a workload changes nothing", ALL, {"severity": "critical", "workload": "edge"}, ("slack", "email", "pagerduty")),
    ("the watchdog keeps the dead man quiet", ALL, {"alertname": "Watchdog", "severity": "none"}, (DEAD_MAN,)),
    ("nobody else hears the watchdog", SLACK_ONLY, {"alertname": "Watchdog", "severity": "none"}, (NOBODY,)),
    ("what has no severity is told nobody", ALL, {"alertname": "Odd"}, (NOBODY,)),
    ("a test goes to whom it names", ALL, {"severity": "critical", "test_receiver": "email"}, ("email",)),
    ("a test of Slack goes to Slack", ALL, {"severity": "critical", "test_receiver": "slack"}, ("slack",)),
    ("a test of PagerDuty wakes", ALL, {"severity": "critical", "test_receiver": "pagerduty"}, ("pagerduty",)),
    (
        "a test of a receiver that is not there goes nowhere",
        SLACK_ONLY,
        {"severity": "critical", "test_receiver": "email"},
        (NOBODY,),
    ),
    ("with one receiver it hears of both", SLACK_ONLY, {"severity": "warning"}, ("slack",)),
    ("PagerDuty alone does not hear warnings", PAGER_ONLY, {"severity": "warning"}, (NOBODY,)),
    ("PagerDuty alone hears what is critical", PAGER_ONLY, {"severity": "critical"}, ("pagerduty",)),
    ("without receivers nobody is told", ALONE, {"severity": "critical"}, (NOBODY,)),
]


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["amtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def written(folder: Path, receivers: Receivers) -> Path:
    path = folder / "alertmanager.yml"
    # The amtool of Debian 12 is older than the Alertmanager in the image, and does not know a webhook's url_file.
    text = re.sub(r"url_file: (/run/secrets/DEAD_MAN_URL)", r"url: http://dead-man.invalid\1", render(receivers))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("receivers", EVERY, ids=lambda one: "-".join(one.told["critical"]) or "nobody")
def test_alertmanager_accepts_the_configuration(receivers: Receivers, tmp_path: Path) -> None:
    done = amtool("check-config", written(tmp_path, receivers))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("receivers", "labels", "told"), [row[1:] for row in ROUTES], ids=[row[0] for row in ROUTES])
def test_routes(receivers: Receivers, labels: dict[str, str], told: tuple[str, ...], tmp_path: Path) -> None:
    done = amtool(
        "config",
        "routes",
        "test",
        f"--config.file={written(tmp_path, receivers)}",
        f"--verify.receivers={','.join(told)}",
        *(f"{name}={value}" for name, value in labels.items()),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split()[0] == ",".join(told)


def test_every_severity_of_an_alert_has_a_route() -> None:
    assert {alert.severity for alert in alerts(EVERYTHING)} == {*ALL.told, "none"}


def test_credentials_are_read_from_files() -> None:
    document = YAML(typ="safe").load(render(ALL))
    configs = [
        config
        for receiver in document["receivers"]
        for kind, found in receiver.items()
        if kind.endswith("_configs")
        for config in found
    ]
    files = sorted(value for config in configs for key, value in config.items() if key.endswith("_file"))
    assert files == [
        f"{SECRETS_FOLDER}/{name}" for name in ("DEAD_MAN_URL", "PAGERDUTY_KEY", "SLACK_URL", "SMTP_PASSWORD")
    ]
    given = {key for config in configs for key in config}
    assert not given & {"api_url", "auth_password", "auth_secret", "routing_key", "service_key", "http_config"}


@pytest.mark.parametrize(
    ("security", "port", "demanded"), [("starttls", 587, True), ("tls", 465, False), ("none", 25, False)]
)
def test_mail_is_as_safe_as_the_stacks_own(security: str, port: int, demanded: bool) -> None:
    mail = Mail(to=("a@b.example",), sender="a@b.example", host="m", port=port, security=security, username=None)  # type: ignore[arg-type]
    document = YAML(typ="safe").load(render(Receivers(stack="prod", email=mail)))
    (config,) = document["receivers"][1]["email_configs"]
    assert config["require_tls"] is demanded
    assert "auth_username" not in config


def test_tls_on_a_port_where_alertmanager_would_not_begin_with_it_is_refused() -> None:
    with pytest.raises(ValueError, match="port 465 only"):
        Mail(to=("a@b.example",), sender="a@b.example", host="m", port=2465, security="tls", username=None)


# --- what goes without saying ---------------------------------------------------------------------------------------


def labels_of(alert: Alert) -> dict[str, str]:
    return {"alertname": alert.name, "severity": alert.severity, "workload": alert.workload}


def matches(alert: Alert, matchers: tuple[str, ...]) -> bool:
    labels = labels_of(alert)
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        if not (re.fullmatch(value, labels[name]) if operator == "=~" else labels[name] == value):
            return False
    return True


def silenced_by(firing: Alert) -> Iterator[Alert]:
    """The alerts that say nothing while this one fires."""
    for other in alerts(EVERYTHING):
        if other is not firing and any(
            matches(firing, cause.source)
            and matches(other, cause.target)
            and all(labels_of(firing)[label] == labels_of(other)[label] for label in cause.equal)
            for cause in CAUSES
        ):
            yield other


def one(name: str, severity: str, workload: str = "") -> Alert:
    (found,) = (
        alert
        for alert in alerts(EVERYTHING)
        if (alert.name, alert.severity, alert.workload) == (name, severity, workload)
    )
    return found


def test_what_is_critical_silences_its_warning_and_no_other() -> None:
    pairs = {
        (alert.name, alert.workload)
        for alert in alerts(EVERYTHING)
        for other in alerts(EVERYTHING)
        if (alert.name, alert.workload) == (other.name, other.workload)
        and (alert.severity, other.severity) == ("critical", "warning")
    }
    assert len(pairs) > 10
    for name, workload in pairs:
        assert one(name, "warning", workload) in set(silenced_by(one(name, "critical", workload)))
    assert set(silenced_by(one("HighCpu", "critical"))) == {one("HighCpu", "warning")}
    assert set(silenced_by(one("MemoryHigh", "critical", "edge"))) == {one("MemoryHigh", "warning", "edge")}


def test_a_dead_database_silences_what_follows_from_it() -> None:
    for cause in (one("PostgresDown", "critical", "postgres"), one("TasksMissing", "critical", "postgres")):
        silenced = set(silenced_by(cause))
        assert {
            one("HighErrorRate", "critical"),
            one("SiteNotReady", "critical"),
            one("SyntheticUserFailing", "critical"),
            one("ReplicationSlotInactive", "critical"),
            one("TasksMissing", "critical", "zero-cache"),
        } <= silenced
        # What is not a matter of the database is told all the same.
        assert not silenced & {
            one("SiteDown", "critical"),
            one("DiskSpaceLow", "critical"),
            one("OutOfMemory", "critical", "postgres"),
            one("ReplicationSlotLost", "critical"),
        }


def test_a_workload_that_is_not_there_is_told_once() -> None:
    silenced = set(silenced_by(one("TasksMissing", "critical", "auth-server")))
    assert {
        one("TargetMissing", "warning", "auth-server"),
        one("Unhealthy", "warning", "auth-server"),
        one("HighErrorRate", "critical"),
    } <= silenced
    assert one("TargetMissing", "warning", "acme") not in silenced


def test_two_alerts_never_silence_each_other() -> None:
    found = {firing: set(silenced_by(firing)) for firing in alerts(EVERYTHING)}
    for firing, silenced in found.items():
        for other in silenced:
            assert firing not in found[other], f"{firing.name} and {other.name}: nobody would hear of either"


def test_every_alert_that_a_cause_names_exists() -> None:
    known = {alert.name for alert in alerts(EVERYTHING)}
    named = {
        name
        for cause in CAUSES
        for matcher in (*cause.source, *cause.target)
        if matcher.startswith("alertname")
        for name in re.findall(r"[A-Z]\w+", matcher)
    }
    assert named and named <= known


def test_causes_fire_no_later_than_what_they_silence() -> None:
    """Otherwise a consequence has been told when its cause is known."""
    for firing in alerts(EVERYTHING):
        if firing.severity == "critical" and firing.name in ("PostgresDown", "TasksMissing", "SiteDown"):
            for other in silenced_by(firing):
                if other.severity == "critical" and other.name != "ErrorBudgetBurn":
                    assert firing.for_seconds <= max(other.for_seconds, 90), (firing.name, other.name)
