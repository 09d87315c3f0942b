"""A stack on which nothing is wrong: nobody hears of anything but that monitoring works, and of nothing secret."""

from __future__ import annotations

import base64
import json
import time
from http import HTTPStatus
from pathlib import Path

import pytest

from cli.engine_host import STACK_LABEL
from tests.e2e import inside, soak, watching
from tests.e2e.alarms import CHANNEL, DEAD_MAN, PAGERDUTY, PAGERDUTY_KEY, PEOPLE, SLACK, TEST
from tests.e2e.browsing import register
from tests.e2e.leaks import hits
from tests.e2e.watched_stack import FIRING, OF_THE_MACHINE, Watched, use
from tests.support.looking import until

QUIET_SECONDS = 90
LONG_QUIET_SECONDS = 600
FILTER_PORT = 2375
BUSY = 0.9
SLOWNESS = {"HighLatency", "SyncSlow", "LoginSlow"}
"""What a machine without processors to spare is in truth, and tells."""


def _expect_silence(watched: Watched) -> None:
    """Since the stack was up no alert fired, but for the one that always does, and nobody was told of any."""
    seconds = int(time.monotonic() - watched.since)
    with watching.prometheus(watched.checkout) as asked:
        assert asked.query(f'count_over_time(ALERTS{{alertname="Watchdog"}}[{seconds}s])'), "rules are looked at"
        busy = asked.one(f"avg_over_time(grocery:cpu:ratio[{seconds}s])")
        fired = asked.query(f"count_over_time({FIRING}[{seconds}s])")
    excused = {OF_THE_MACHINE} | (SLOWNESS if busy > BUSY else set())
    print(f"for {seconds} s, on a machine that was {busy:.0%} busy")
    assert [dict(series.labels) for series in fired if series.labels["alertname"] not in excused] == []
    told = [notice for notice in watched.alarms.notices() if notice.at > watched.since and not notice.resolved]
    assert [str(notice.alert) for notice in told if notice.alert.name not in excused] == []


def test_nobody_is_told_of_anything_while_people_use_it(calm: Watched) -> None:
    with use(calm) as visits:
        until(lambda: time.monotonic() - calm.since > QUIET_SECONDS, "a while has passed", seconds=QUIET_SECONDS + 1)
        until(lambda: visits.times > QUIET_SECONDS / 4, "people have come by", seconds=QUIET_SECONDS)
    _expect_silence(calm)


@pytest.mark.full
def test_nobody_is_told_of_anything_in_ten_minutes_of_shopping(calm: Watched, app: Path) -> None:
    began = time.monotonic()
    people = [register(calm.checkout, f"s{number}") for number in range(6)]
    with use(calm):
        outcome = soak.shop(calm.checkout, app, people, seconds=LONG_QUIET_SECONDS)
    made = len([write for write in outcome.writes if write.outcome == "made"])
    print(f"{len(people)} people made {made} changes in {time.monotonic() - began:.0f} s")
    assert made > LONG_QUIET_SECONDS, "people were shopping"
    _expect_silence(calm)


def test_who_waits_for_silence_is_called_all_the_time(calm: Watched) -> None:
    """Calls that end are how others notice that nobody watches any more."""
    before = len(calm.alarms.hook.calls(DEAD_MAN))
    until(lambda: len(calm.alarms.hook.calls(DEAD_MAN)) >= before + 2, "it was called again, and again", seconds=180)
    call = calm.alarms.hook.calls(DEAD_MAN)[-1]
    assert [alert["labels"]["alertname"] for alert in call.body["alerts"]] == ["Watchdog"]


def test_a_test_of_everybody_who_is_told_reaches_them(calm: Watched) -> None:
    run = calm.checkout.run("alerts", "test", "--json")
    assert {told["receiver"]: told["outcome"] for told in run.document()} == dict.fromkeys(
        ("slack", "email", "pagerduty"), "delivered"
    )
    hook = calm.alarms.hook
    posted = hook.wait(SLACK, lambda call: TEST in call.body["attachments"][0]["title"], "a test").body
    assert posted["channel"] == CHANNEL
    woken = hook.wait(PAGERDUTY, lambda call: TEST in call.body["payload"]["summary"], "a test").body
    assert (woken["routing_key"], woken["event_action"]) == (PAGERDUTY_KEY, "trigger")
    assert any(TEST in mail.subject for mail in calm.alarms.mailbox.wait(PEOPLE))


def test_who_cannot_be_reached_is_named_but_not_by_what_is_secret(calm: Watched) -> None:
    calm.alarms.hook.refuse(PAGERDUTY, HTTPStatus.FORBIDDEN)
    try:
        run = calm.checkout.run("alerts", "test", "--json", expect=1)
    finally:
        calm.alarms.hook.refuse(PAGERDUTY, None)
    told = {entry["receiver"]: entry for entry in run.document()}
    assert told["pagerduty"]["outcome"] == "failed"
    assert "403" in told["pagerduty"]["reason"]
    assert told["slack"]["outcome"] == "delivered"
    assert hits(calm.alarms.secrets, run.text) == []


# --- who may ask the engine ---


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/containers/create"),
        ("POST", "/containers/{container}/exec"),
        ("POST", "/containers/{container}/stop"),
        ("DELETE", "/containers/{container}"),
        ("PUT", "/containers/{container}/archive?path=/"),
        ("GET", "/containers/{container}/archive?path=/run/secrets"),
        ("GET", "/secrets"),
        ("GET", "/configs"),
        ("GET", "/swarm/unlockkey"),
        ("POST", "/swarm/leave?force=1"),
        ("POST", "/services/create"),
        ("GET", "/containers/json/../../secrets"),
        ("GET", "/v1.41/containers/%2e%2e/secrets"),
        ("GET", "/containers/{container}/json/../../../secrets"),
    ],
)
def test_even_its_neighbour_gets_nothing_but_looks_from_the_engine(calm: Watched, method: str, path: str) -> None:
    container = str(inside.containers(calm.checkout, "frontend")[0]["Id"])
    raw = path.format(container=container).encode()
    with watching.asking(calm.checkout, "docker-filter", FILTER_PORT) as asked:
        assert asked.get("/containers/json"), "looking is allowed"
        for prefix in (b"", b"/v1.41"):
            url = asked.http.base_url.copy_with(raw_path=prefix + raw)
            answer = asked.http.request(method, url, json={} if method == "POST" else None)
            assert answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST), f"{url}: {answer.text}"
    assert inside.containers(calm.checkout, "frontend")[0]["Id"] == container, "nothing has happened to it"


# --- secrets of those who tell ---


def test_what_people_are_told_with_is_in_no_description_log_or_file(calm: Watched) -> None:
    secrets = calm.alarms.secrets
    checkout = calm.checkout
    with checkout.api() as api:
        described = [api.services(filters={"label": f"{STACK_LABEL}={checkout.stack}"})]
        described += [api.inspect_container(found["Id"]) for found in inside.containers(checkout, stopped=True)]
        configs = [entry for entry in api.configs() if entry["Spec"]["Name"].startswith(f"{checkout.stack}-")]
    assert hits(secrets, json.dumps(described)) == []
    told = {entry["Spec"]["Name"]: base64.b64decode(entry["Spec"]["Data"]).decode() for entry in configs}
    assert any("alertmanager" in name for name in told), "its configuration is among them"
    for name, text in told.items():
        assert hits(secrets, text) == [], name
    for container in inside.containers(checkout, stopped=True):
        assert hits(secrets, inside.logs(checkout, container["Id"])) == [], inside.workload_of(container)
    for path in (checkout.root / ".local").rglob("*"):
        if path.is_file():
            assert hits(secrets, path.read_text(errors="replace")) == [], path
    with watching.alertmanager(checkout) as asked:
        shown = json.dumps([asked.get("/api/v2/status"), asked.get("/api/v2/receivers")])
        assert "slack" in shown, "it shows how it is configured"
        assert hits(secrets, shown + asked.http.get("/metrics").text) == []
