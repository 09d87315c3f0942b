"""What Prometheus and Alertmanager say about a stack: their answers as types, and the questions through a tunnel.

Both listen inside the stack only. Whoever asks says how long an answer may take; what cannot be asked is `Unreachable`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import httpx

from cli import engine_host
from cli.engine_host import Api
from cli.errors import ConfigError, MachineError
from cli.tunnel import Absent, Unreachable, tunnel
from rendering.monitoring.figures import Figure, figures

if TYPE_CHECKING:
    from cli.stack import Stack

Answer = TypeVar("Answer")

PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093
GRAFANA_PORT = 3000
SECONDS = 10.0
"""How long one answer may take."""

GLANCE_SECONDS = 2.0
"""The same for who only wants to know how things are."""

SEVERITIES = ("critical", "warning")
"""Worst first. An alert of any other severity asks nothing of anybody, such as the Watchdog that always fires."""
WATCHDOG = "Watchdog"
TEST_LABEL = "test_receiver"
"""What only alerts of `alerts test` have: the receiver they are for."""

CURVE_POINTS = 30
CURVE_STEP = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert.

    state:   firing, or pending: its condition holds, but not for long enough yet.
    since:   when the condition began to hold.
    runbook: address of the page that says what to do, or its path in this checkout; "" when there is none.
    muted:   silenced or inhibited when Alertmanager tells nobody of it; "" otherwise.
    """

    name: str
    severity: str
    workload: str
    state: Literal["firing", "pending"]
    since: datetime
    summary: str
    runbook: str
    labels: Mapping[str, str]
    muted: Literal["silenced", "inhibited", ""] = ""

    @property
    def counts(self) -> bool:
        """Does it ask something of somebody now?"""
        return self.state == "firing" and self.severity in SEVERITIES and not self.muted


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A figure over the last hour, oldest value first; None where nothing was known."""

    figure: Figure
    values: tuple[float | None, ...]

    @property
    def latest(self) -> float | None:
        return self.values[-1] if self.values else None

    @property
    def verdict(self) -> Literal["critical", "warning", ""]:
        """How bad the latest value is, by the limits of the alerts on it."""
        limits, value = self.figure.limits, self.latest
        if value is None:
            return ""
        for verdict, limit in (("critical", limits.critical), ("warning", limits.warning)):
            if limit is not None and (value < limit if limits.below else value > limit):
                return cast(Literal["critical", "warning"], verdict)
        return ""


@dataclass(frozen=True, kw_only=True)
class Alerting:
    """Which alerts there are, and what is wrong with alerting itself, one sentence each."""

    alerts: tuple[Alert, ...]
    doubts: tuple[str, ...] = ()

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Those that ask something of somebody, worst first, of equals the oldest first."""
        return tuple(
            sorted(
                (alert for alert in self.alerts if alert.counts),
                key=lambda alert: (SEVERITIES.index(alert.severity), alert.since, alert.name),
            )
        )


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What monitoring says at a glance. off: the stack has none. trouble: what kept it from being asked; "" if nothing
    did. absent: as none of it runs on the engine asked, which the state of the services tells already."""

    off: bool = False
    trouble: str = ""
    absent: bool = False
    alerting: Alerting = Alerting(alerts=())
    curves: tuple[Curve, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong now."""
        trouble = [f"monitoring: {self.trouble}"] if self.trouble and not self.absent else []
        return (*trouble, *(sentence(alert) for alert in self.alerting.firing if alert.severity == "critical"))

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(sentence(alert) for alert in self.alerting.firing if alert.severity != "critical")

    def as_json(self) -> dict[str, Any]:
        return {
            "enabled": not self.off,
            "trouble": self.trouble,
            "alerts": [alert_as_json(alert) for alert in self.alerting.alerts],
            "doubts": self.alerting.doubts,
            "figures": [
                {
                    "title": curve.figure.title,
                    "meaning": curve.figure.meaning,
                    "unit": curve.figure.unit,
                    "latest": curve.latest,
                    "last_hour": curve.values,
                }
                for curve in self.curves
            ],
        }


def sentence(alert: Alert) -> str:
    """An alert in one line."""
    where = f" of {alert.workload}" if alert.workload else ""
    runbook = f"; see {alert.runbook}" if alert.runbook else ""
    return f"alert {alert.name}{where}: {alert.summary}{runbook}"


def alert_as_json(alert: Alert) -> dict[str, Any]:
    return {**asdict(alert), "since": alert.since.isoformat()}


# --- answers -------------------------------------------------------------------------------------------------------


def parse_rule_alerts(document: Any) -> tuple[Alert, ...]:  # noqa: ANN401 - JSON of Prometheus' /api/v1/alerts
    return tuple(
        _alert(entry, state=entry["state"], since=entry["activeAt"])
        for entry in document["data"]["alerts"]
        if entry["state"] in ("firing", "pending")
    )


def parse_held_alerts(document: Any) -> tuple[Alert, ...]:  # noqa: ANN401 - JSON of Alertmanager's /api/v2/alerts
    """Those that Alertmanager holds, without the ones of `alerts test`."""
    found = []
    for entry in document:
        status = entry["status"]
        muted: Literal["silenced", "inhibited", ""] = ""
        if status["silencedBy"]:
            muted = "silenced"
        elif status["inhibitedBy"]:
            muted = "inhibited"
        if TEST_LABEL not in entry["labels"]:
            found.append(replace(_alert(entry, state="firing", since=entry["startsAt"]), muted=muted))
    return tuple(found)


def parse_range(document: Any, moments: Sequence[float]) -> tuple[float | None, ...]:  # noqa: ANN401 - /query_range
    """The value at each of the moments asked for (Unix seconds), of the first series; None where there is none."""
    series = document["data"]["result"]
    known = {round(moment): float(value) for moment, value in series[0]["values"]} if series else {}
    values = (known.get(round(moment), math.nan) for moment in moments)
    return tuple(value if math.isfinite(value) else None for value in values)


def parse_counters(text: str, name: str, label: str) -> dict[str, float]:
    """Value of the label -> sum of the metric over its other labels, out of the Prometheus text format."""
    counted: dict[str, float] = {}
    for labels, value in re.findall(rf"^{re.escape(name)}\{{(.*)\}} (\S+)$", text, re.MULTILINE):
        found = re.search(rf'(?:^|,){re.escape(label)}="([^"]*)"', labels)
        if found:
            counted[found[1]] = counted.get(found[1], 0) + float(value)
    return counted


def merge(rules: Sequence[Alert], held: Sequence[Alert] | None) -> Alerting:
    """Prometheus says which alerts there are, Alertmanager which of them nobody is told of.

    held: None when Alertmanager could not be asked. It adds labels of its own to those Prometheus knows (the stack).
    """
    if held is None:
        return Alerting(alerts=tuple(rules), doubts=("alertmanager does not answer: nobody is told of alerts",))
    doubts = []
    if not any(alert.name == WATCHDOG for alert in rules):
        doubts.append("the alert that always fires does not: Prometheus does not evaluate its rules (yet)")
    elif not any(alert.name == WATCHDOG for alert in held):
        doubts.append("alerts do not reach Alertmanager (yet): nobody is told of them")
    return Alerting(alerts=tuple(replace(alert, muted=_muted(alert, held)) for alert in rules), doubts=tuple(doubts))


def _muted(alert: Alert, held: Iterable[Alert]) -> Literal["silenced", "inhibited", ""]:
    for other in held:
        if alert.state == "firing" and alert.labels.items() <= other.labels.items():
            return other.muted
    return ""


def _alert(entry: Mapping[str, Any], *, state: Literal["firing", "pending"], since: str) -> Alert:
    labels, annotations = entry["labels"], entry["annotations"]
    return Alert(
        name=labels["alertname"],
        severity=labels.get("severity", ""),
        workload=labels.get("workload", ""),
        state=state,
        since=engine_host.moment(since),
        summary=annotations.get("summary", ""),
        runbook=annotations.get("runbook_url", ""),
        labels=labels,
    )


# --- questions -----------------------------------------------------------------------------------------------------


class Client:
    """One of the two servers, through a tunnel."""

    def __init__(self, name: str, http: httpx.Client, complaints: Collection[str]) -> None:
        self._name = name
        self._http = http
        self._complaints = complaints

    def ask(self, path: str, parse: Callable[[Any], Answer], **parameters: str | float) -> Answer:
        """What `parse` makes of the JSON that is answered. Raises Unreachable."""
        answer = self._send("GET", path, params=parameters)
        try:
            return parse(answer.json())
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Unreachable(f"{self._name} answers {path} with something unknown: {error!r}") from error

    def text(self, path: str) -> str:
        return self._send("GET", path).text

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        try:
            answer = self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            words = next(iter(self._complaints), str(error) or type(error).__name__)
            raise Unreachable(f"{self._name} does not answer: {words}") from error
        if not answer.is_success:
            raise Unreachable(f"{self._name} answers {answer.status_code} to {path}: {answer.text.strip()}")
        return answer


class Prometheus(Client):
    def alerts(self) -> tuple[Alert, ...]:
        return self.ask("/api/v1/alerts", parse_rule_alerts)

    def curves(self, wanted: Iterable[Figure]) -> tuple[Curve, ...]:
        """Each figure over the last hour."""
        end = datetime.now(UTC).timestamp()
        step = CURVE_STEP.total_seconds()
        moments = [end - step * back for back in reversed(range(CURVE_POINTS))]
        return tuple(
            Curve(
                figure=figure,
                values=self.ask(
                    "/api/v1/query_range",
                    lambda document: parse_range(document, moments),
                    query=figure.expr,
                    start=moments[0],
                    end=end,
                    step=step,
                ),
            )
            for figure in wanted
        )


class Alertmanager(Client):
    def alerts(self) -> tuple[Alert, ...]:
        return self.ask("/api/v2/alerts", parse_held_alerts)

    def receivers(self) -> frozenset[str]:
        """Names of the receivers it is configured with."""
        return self.ask("/api/v2/receivers", lambda document: frozenset(str(entry["name"]) for entry in document))

    def post(self, labels: Mapping[str, str], annotations: Mapping[str, str], *, lasts: timedelta) -> None:
        """Makes an alert fire now, and end by itself."""
        now = datetime.now(UTC)
        alert = {
            "labels": labels,
            "annotations": annotations,
            "startsAt": now.isoformat(),
            "endsAt": (now + lasts).isoformat(),
        }
        self._send("POST", "/api/v2/alerts", json=[alert])

    def attempts(self) -> tuple[dict[str, float], dict[str, float]]:
        """Kind of receiver -> attempts to notify since it started; and those of them that failed."""
        told = self.text("/metrics")
        made, failed = (
            parse_counters(told, f"alertmanager_notification_requests_{what}total", "integration")
            for what in ("", "failed_")
        )
        return made, failed


def require_monitoring(stack: Stack) -> None:
    """Raises ConfigError when the stack's settings have none."""
    if not stack.settings.monitoring.enabled:
        raise ConfigError(
            f"stack {stack.name} is not monitored",
            value="monitoring.enabled is false",
            next=f"./grocery config set monitoring.enabled true --stack {stack.name}, then ./grocery up",
        )


@contextmanager
def prometheus(stack: Stack, api: Api, *, seconds: float = SECONDS) -> Iterator[Prometheus]:
    """Raises Unreachable, also later, at each question."""
    with _http(stack, api, "prometheus", PROMETHEUS_PORT, seconds) as (http, complaints):
        yield Prometheus("prometheus", http, complaints)


@contextmanager
def alertmanager(stack: Stack, api: Api, *, seconds: float = SECONDS) -> Iterator[Alertmanager]:
    """Raises Unreachable, also later, at each question."""
    with _http(stack, api, "alertmanager", ALERTMANAGER_PORT, seconds) as (http, complaints):
        yield Alertmanager("alertmanager", http, complaints)


@contextmanager
def _http(
    stack: Stack, api: Api, workload: str, port: int, seconds: float
) -> Iterator[tuple[httpx.Client, Collection[str]]]:
    complaints: list[str] = []
    with (
        tunnel(api, stack.name, workload, port, complain=complaints.append) as local,
        httpx.Client(base_url=f"http://127.0.0.1:{local}", timeout=seconds, trust_env=False) as http,
    ):
        yield http, complaints


def alerting(stack: Stack, api: Api, asked: Prometheus, *, seconds: float = SECONDS) -> Alerting:
    """All alerts there are, and what Alertmanager makes of them. Raises Unreachable when Prometheus does not answer."""
    rules = asked.alerts()
    try:
        with alertmanager(stack, api, seconds=seconds) as other:
            held = other.alerts()
    except Unreachable:
        return merge(rules, None)
    return merge(rules, held)


def glance(stack: Stack) -> Watch:
    """What `status` shows. Raises nothing for what is wrong with monitoring: that is told in it."""
    if not stack.settings.monitoring.enabled:
        return Watch(off=True)
    try:
        # A connection of its own: this runs beside everything else that is asked.
        with (
            engine_host.connect(stack.settings.target.host) as api,
            prometheus(stack, api, seconds=GLANCE_SECONDS) as asked,
        ):
            wanted = figures(synthetic=stack.settings.monitoring.synthetic_user, backups=stack.settings.backups.enabled)
            return Watch(alerting=alerting(stack, api, asked, seconds=GLANCE_SECONDS), curves=asked.curves(wanted))
    except Absent as words:
        return Watch(trouble=str(words), absent=True)
    except (Unreachable, MachineError) as words:
        return Watch(trouble=str(words))
