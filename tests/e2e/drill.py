"""One hour in the life of a stack on which everything goes wrong that may, as short as its rules allow, and what was
told of it.

The faults are so ordered that none of them silences another, and several go on at the same time: what takes long is
the rules' patience, not the faults.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from cli.monitoring import Alert as Known
from rendering.disk import Disk
from settings.values import parse_size
from tests.e2e import faults, watching
from tests.e2e.alarms import Alarms, Alert, By, ways_of
from tests.e2e.watched_stack import Watched, serve
from tests.support.checkout import Checkout
from tests.support.looking import until

DISK = 400 << 20
LEFT = 0.05
TELLING_SECONDS = 300
"""Until an alert is told, with the longest `for` of those that the short drill waits for."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens, and which alert is to tell of it."""

    what: str
    alert: Alert


AUTH_SERVER = Fault(
    what="the API's server is killed again and again",
    alert=Alert(name="TasksMissing", severity="critical", workload="auth-server"),
)
DATABASE = Fault(
    what="the database is stopped", alert=Alert(name="PostgresDown", severity="critical", workload="postgres")
)
FULL_DISK = Fault(what="the disk is filled", alert=Alert(name="DiskSpaceLow", severity="critical"))
ERRORS = Fault(what="the API answers 500", alert=Alert(name="ErrorBudgetBurn", severity="critical"))
MEMORY = Fault(
    what="a server's memory reaches its limit",
    alert=Alert(name="OutOfMemory", severity="warning", workload="frontend"),
)
RESTART = Fault(what="a container ends", alert=Alert(name="Restarting", severity="warning", workload="nginx-exporter"))
ZERO_CACHE = Fault(
    what="zero-cache is stopped while people write",
    alert=Alert(name="TasksMissing", severity="critical", workload="zero-cache"),
)
LOG = Fault(
    what="the log that waits for zero-cache grows", alert=Alert(name="ReplicationLogRetained", severity="critical")
)
AT_ONCE = (FULL_DISK, ERRORS, MEMORY, RESTART, ZERO_CACHE, LOG)
FAULTS = (*AT_ONCE, AUTH_SERVER, DATABASE)

LONG_ERRORS = Fault(what="the API answers 500 for long", alert=Alert(name="HighErrorRate", severity="critical"))
CERTIFICATE = Fault(what="the certificate is about to end", alert=Alert(name="CertificateExpires", severity="critical"))
PATIENT = (LONG_ERRORS, CERTIFICATE)
"""What takes more than five minutes to be told, as nobody should be woken by less."""
MENDED_SOON = (FULL_DISK, ZERO_CACHE, LOG, AUTH_SERVER, DATABASE)
"""What is over once it is mended: the others look back a quarter of an hour or more."""


@dataclass(kw_only=True)
class Restarts:
    """What was seen before and after Prometheus and Alertmanager were killed, under load."""

    before: tuple[Known, ...] = ()
    after: tuple[Known, ...] = ()
    killed: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = 0.0
    """The same as time.monotonic()."""
    seconds: float = 0.0
    """From then on until both were well again."""
    silence: str = ""
    silences: tuple[str, ...] = ()
    answered: int = 0


@dataclass(kw_only=True)
class Drill:
    """began: when each fault was caused, as time.monotonic() and the others tell it.
    heard: for each fault, after how many seconds who was told; missing where nobody was.

    inhibited: alerts that fired and were told to nobody while zero-cache was away.
    still:     alerts that still fired, or were about to, once all was mended.
    """

    watched: Watched
    began: dict[Fault, float]
    heard: dict[Fault, dict[By, float]] = field(default_factory=dict)
    over: dict[Fault, dict[By, float]] = field(default_factory=dict)
    inhibited: frozenset[str] = frozenset()
    restarts: Restarts = field(default_factory=Restarts)
    still: frozenset[Alert] = frozenset()
    certificate: Known | None = None
    mended: float = 0.0

    def begin(self, *caused: Fault) -> None:
        for fault in caused:
            self.began[fault] = time.monotonic()

    def listen(self, *expected: Fault, seconds: float) -> None:
        """Waits until all of them were told, or it makes no sense any more: the tests judge by what was heard."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for fault in expected:
                self.heard[fault] = _heard(self.watched.alarms, fault.alert, self.began[fault], resolved=False)
            if all(self.heard[fault].keys() >= set(ways_of(fault.alert)) for fault in expected):
                return
            time.sleep(0.5)

    def listen_for_the_end(self, *expected: Fault, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for fault in expected:
                self.over[fault] = _heard(self.watched.alarms, fault.alert, self.mended, resolved=True)
            if all(self.over[fault].keys() >= set(ways_of(fault.alert)) for fault in expected):
                return
            time.sleep(0.5)


def _heard(alarms: Alarms, alert: Alert, since: float, *, resolved: bool) -> dict[By, float]:
    first: dict[By, float] = {}
    for notice in alarms.notices():
        if notice.alert == alert and notice.resolved == resolved and notice.at >= since:
            first.setdefault(notice.by, notice.at - since)
    return first


def run(watched: Watched, folder: Path, *, patiently: bool) -> Drill:
    """All faults on a stack that is well, which it is again afterwards.

    patiently: also wait for what takes long, and until everybody was told that all is over.
    """
    checkout = watched.checkout
    drill = Drill(watched=watched, began={CERTIFICATE: watched.since})
    with watched.visitor() as client, ExitStack() as mending:
        with _errors(drill, client):
            _cause_at_once(drill, mending, folder)
            drill.restarts.silence = _silence(checkout)
            drill.listen(*AT_ONCE, *(PATIENT if patiently else ()), seconds=TELLING_SECONDS * (3 if patiently else 1))
            with watching.alertmanager(checkout) as asked:
                drill.inhibited = frozenset(alert.name for alert in asked.held() if alert.muted == "inhibited")
        # What begins while nobody looks is told of as well.
        drill.begin(AUTH_SERVER)
        mending.enter_context(faults.dying(checkout, "auth-server"))
        _kill_the_watchers(drill, client)
        # A database that is gone would silence it, so it comes when the first is about to be told.
        _until_fires(checkout, AUTH_SERVER.alert)
        drill.begin(DATABASE)
        mending.enter_context(faults.stopped(checkout, "postgres"))
        drill.listen(AUTH_SERVER, DATABASE, seconds=TELLING_SECONDS)
        with watching.prometheus(checkout) as asked:
            drill.certificate = _known(asked, CERTIFICATE.alert)
    drill.mended = time.monotonic()
    if patiently and watched.renewed:
        serve(checkout, watched.renewed)
    drill.still = _still_there(checkout, [fault.alert for fault in MENDED_SOON])
    if patiently:
        # The last to be over is what half an hour is looked back for.
        drill.listen_for_the_end(*FAULTS, *PATIENT, seconds=45 * 60)
    return drill


@contextmanager
def _errors(drill: Drill, client: httpx.Client) -> Iterator[None]:
    drill.begin(ERRORS, LONG_ERRORS)
    with faults.failing_logins(drill.watched.checkout, client):
        yield


def _cause_at_once(drill: Drill, mending: ExitStack, folder: Path) -> None:
    checkout = drill.watched.checkout
    drill.begin(ZERO_CACHE)
    mending.enter_context(faults.stopped(checkout, "zero-cache"))
    disk = mending.enter_context(faults.small_disk(checkout, "node-exporter", size=DISK, folder=folder))
    drill.begin(FULL_DISK, MEMORY, RESTART)
    disk.fill(leaving=LEFT)
    faults.exhaust_memory(checkout, "frontend")
    faults.kill(checkout, "nginx-exporter")
    # The log is as long as its alert wants it, and still short of being too long: then the slot would be lost.
    faults.write_log(checkout, int(Disk(database=parse_size(checkout.settings["postgres"]["disk"])).wal_kept * 0.85))
    drill.begin(LOG)


def _silence(checkout: Checkout) -> str:
    """Its id: of an alert that there will never be, so that it changes nothing."""
    now = datetime.now(UTC)
    wanted = {
        "matchers": [{"name": "alertname", "value": "Nothing", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=2)).isoformat(),
        "createdBy": "the drill",
        "comment": "is still there when Alertmanager comes back",
    }
    with watching.alertmanager(checkout) as asked:
        return str(asked.post("/api/v2/silences", wanted)["silenceID"])


def _kill_the_watchers(drill: Drill, client: httpx.Client) -> None:
    checkout, seen = drill.watched.checkout, drill.restarts
    with faults.Repeatedly(lambda: client.get("/"), pause=0.02) as load:
        with watching.prometheus(checkout) as asked:
            seen.before = tuple(alert for alert in asked.alerts() if alert.state == "firing")
        fired = {_identity(alert) for alert in seen.before}
        seen.killed, seen.began = datetime.now(UTC), time.monotonic()
        for workload in ("prometheus", "alertmanager"):
            faults.kill(checkout, workload)
        for workload in ("prometheus", "alertmanager"):
            faults.until_running(checkout, workload)
        seen.seconds = time.monotonic() - seen.began
        with watching.prometheus(checkout) as asked:
            # Rules are looked at twice before they go on from where they were.
            with contextlib.suppress(AssertionError):
                until(
                    lambda: fired <= {_identity(alert) for alert in asked.alerts() if alert.state == "firing"},
                    "what fired fires again",
                    seconds=90,
                )
            seen.after = asked.alerts()
        with watching.alertmanager(checkout) as asked:
            seen.silences = tuple(str(silence["id"]) for silence in asked.get("/api/v2/silences"))
    seen.answered = load.times


def _until_fires(checkout: Checkout, alert: Alert) -> None:
    with watching.prometheus(checkout) as asked, contextlib.suppress(AssertionError):
        until(lambda: (found := _known(asked, alert)) and found.state == "firing", f"{alert} fires", seconds=180)


def _still_there(checkout: Checkout, alerts: Sequence[Alert]) -> frozenset[Alert]:
    """Which of them there still are after some patience."""

    def those() -> frozenset[Alert]:
        return frozenset(alert for alert in alerts if _known(asked, alert))

    with watching.prometheus(checkout) as asked:
        with contextlib.suppress(AssertionError):
            until(lambda: not those(), "they are over", seconds=180)
        return those()


def _known(asked: watching.Server, alert: Alert) -> Known | None:
    return next((found for found in asked.alerts() if _identity(found) == _identity(alert)), None)


def _identity(alert: Known | Alert) -> tuple[str, str, str]:
    return alert.name, alert.severity, alert.workload
