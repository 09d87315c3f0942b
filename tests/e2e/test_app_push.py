"""Notifications, from what one person adds to what another's device shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e import inside
from tests.e2e.browsing import Join, Person, Sharing, come, share_a_list
from tests.e2e.pushing import opt_in, opt_out, receive, use_device
from tests.support.checkout import Checkout
from tests.support.looking import until
from tests.support.push import Device, PushService


@dataclass(frozen=True)
class Listening:
    """Ada hears of what Ben adds to their list. What arrived before does not count."""

    sharing: Sharing
    device: Device

    @property
    def ada(self) -> Person:
        return self.sharing.ada

    @property
    def ben(self) -> Person:
        return self.sharing.ben


@pytest.fixture(scope="module")
def listener(running: Checkout, browsers: list[Browser], push_service: PushService) -> Iterator[tuple[Person, Device]]:
    """Somebody whose browser the push service knows."""
    device = push_service.device()
    with contextlib.ExitStack() as leaving:
        ada = come(leaving, browsers[0], running, "Ada", timezone_id="UTC")
        use_device(ada, device)
        yield ada, device


@pytest.fixture
def listening(listener: tuple[Person, Device], friends: tuple[Person, Person]) -> Iterator[Listening]:
    (ada, device), (_, ben) = listener, friends
    sharing = share_a_list(ada, ben)
    opt_in(ada)
    device.messages.clear()
    device.answers.clear()
    device.attempts = 0
    ada.open_list(sharing.list_id)
    yield Listening(sharing, device)
    opt_out(ada)


def test_what_others_add_is_told_once_signed_by_the_stack_and_for_this_device_only(
    running: Checkout, listening: Listening, push_service: PushService
) -> None:
    ada, ben, device = listening.ada, listening.ben, listening.device
    ada.add("Soap")
    for name in ("Milk", "Bread", "Eggs"):
        ben.add(name)
    [message] = push_service.wait(device, 1)
    ben.add("Salt")
    told = [told.payload["body"] for told in push_service.wait(device, 2)]
    assert told == ["Ben added 3 items: Milk, Bread, Eggs", "Ben added 1 item: Salt"], "and nothing of her own"
    assert device.attempts == 2, "each was sent once"
    assert message.payload["title"] == "Saturday"
    assert message.payload["url"] == f"/lists/{listening.sharing.list_id}"
    assert message.sender == _stack_s_key(running)
    assert message.subject.startswith(("mailto:", "https:"))
    assert 0 < message.ttl <= 24 * 3600
    assert push_service.refused == []

    [shown] = [shown for shown in receive(ada, message) if shown["tag"] == message.payload["tag"]]
    assert shown == {
        "title": "Saturday",
        "body": "Ben added 3 items: Milk, Bread, Eggs",
        "tag": message.payload["tag"],
        "url": f"/lists/{listening.sharing.list_id}",
    }


def test_quiet_hours_hold_what_happens_and_tell_it_together_afterwards(
    running: Checkout, listening: Listening, push_service: PushService
) -> None:
    ada, ben, device = listening.ada, listening.ben, listening.device
    now = datetime.now(UTC)
    ada.open_account()
    ada.see("quiet-toggle").check()
    ada.see("quiet-from").fill(f"{now - timedelta(hours=2):%H:%M}")
    ada.see("quiet-until").fill(f"{now + timedelta(hours=2):%H:%M}")
    _save_quiet_hours(ada)
    for number, name in enumerate(("Milk", "Bread"), 1):
        ben.add(name)
        until(partial(_holds, running, ada, number), "it waits for the end of the quiet hours")
    assert device.attempts == 0
    ada.see("quiet-toggle").uncheck()
    _save_quiet_hours(ada)
    [message] = push_service.wait(device, 1)
    assert message.payload["body"] == "Ben added 2 items: Milk, Bread"
    until(lambda: _states(running, ada) == ["sent", "sent"], "both are told by the one message")


def test_what_somebody_changes_about_quiet_hours_is_not_undone_by_what_the_server_tells_later(
    listening: Listening,
) -> None:
    ada = listening.ada
    answers: list[Route] = []
    ada.page.route("**/api/push", lambda route: answers.append(route))
    ada.open_account()
    expect(ada.see("quiet-toggle")).to_be_disabled()
    for answer in answers:
        answer.continue_()
    ada.page.unroute("**/api/push")
    ada.see("quiet-toggle").check()
    ada.see("quiet-from").fill("01:02")
    expect(ada.see("push-device")).to_have_count(1)
    opt_out(ada)
    expect(ada.see("push-device")).to_have_count(0)
    expect(ada.see("quiet-toggle")).to_be_checked()
    expect(ada.see("quiet-from")).to_have_value("01:02")


def test_who_opts_out_hears_nothing_more(running: Checkout, listening: Listening, push_service: PushService) -> None:
    ada, ben, device = listening.ada, listening.ben, listening.device
    ada.open_account()
    expect(ada.see("push-device")).to_have_count(1)
    opt_out(ada)
    expect(ada.see("push-device")).to_have_count(0)
    ben.add("Milk")
    inside.until_saved(running, listening.sharing.list_id, "Milk")
    until(lambda: _unsettled(running) == "0", "the addition is settled")
    assert device.attempts == 0
    assert ada.page.evaluate("localStorage.getItem('push-manager')") is None, "the browser has unsubscribed as well"


def test_a_subscription_that_its_push_service_no_longer_knows_is_forgotten(
    running: Checkout, listening: Listening, push_service: PushService
) -> None:
    ada, ben, device = listening.ada, listening.ben, listening.device
    device.answers.append(HTTPStatus.GONE)
    ben.add("Milk")
    push_service.wait_for_attempts(device, 1)
    until(lambda: _devices(running, ada) == "0", "the server forgets the device")
    ada.page.reload()
    ada.open_account()
    expect(ada.see("push-device")).to_have_count(0)


def test_what_a_push_service_cannot_take_now_is_sent_again_and_arrives_once(
    running: Checkout, listening: Listening, push_service: PushService
) -> None:
    device = listening.device
    device.answers.extend([HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE])
    listening.ben.add("Milk")
    for attempt in (1, 2):
        push_service.wait_for_attempts(device, attempt)
        until(lambda: _states(running, listening.ada) == ["queued"], "it is put back")
        _hurry(running)
    [message] = push_service.wait(device, 1)
    assert message.payload["body"] == "Ben added 1 item: Milk"
    until(lambda: _states(running, listening.ada) == ["sent"], "it is done with")
    assert device.attempts == 3


def test_a_browser_that_was_told_not_to_notify_says_so(join: Join) -> None:
    dan = join("Dan", permissions=[])
    dan.context.add_init_script("Object.defineProperty(Notification, 'permission', { get: () => 'denied' })")
    dan.page.reload()
    dan.open_account()
    expect(dan.see("push-toggle")).to_have_attribute("data-state", "denied")


def _save_quiet_hours(person: Person) -> None:
    with person.page.expect_response(lambda answer: answer.url.endswith("/api/push/quiet")) as saved:
        person.see("quiet-save").click()
    assert saved.value.status == HTTPStatus.NO_CONTENT


def _stack_s_key(checkout: Checkout) -> str:
    [container, *_] = inside.containers(checkout, "auth-server")
    environment = dict(entry.split("=", 1) for entry in container["Config"]["Env"])
    return str(environment["VAPID_PUBLIC_KEY"])


def _of(person: Person) -> str:
    return (
        "FROM push.delivery JOIN push.subscription ON subscription.id = subscription_id "
        f"JOIN auth.account ON account.id = account_id WHERE email = '{person.account.email}'"
    )


def _holds(checkout: Checkout, person: Person, count: int) -> bool:
    """Whether so many deliveries to the person's devices wait for a time that is more than an hour away."""
    waiting = f"{_of(person)} AND state = 'queued' AND due_at > now() + interval '1 hour'"
    return inside.ask_database(checkout, f"SELECT count(*) {waiting}") == str(count)


def _states(checkout: Checkout, person: Person) -> list[str]:
    return inside.ask_database(checkout, f"SELECT state {_of(person)} ORDER BY due_at").split()


def _devices(checkout: Checkout, person: Person) -> str:
    asked = "SELECT count(*) FROM push.subscription JOIN auth.account ON account.id = account_id WHERE email"
    return inside.ask_database(checkout, f"{asked} = '{person.account.email}'")


def _unsettled(checkout: Checkout) -> str:
    return inside.ask_database(checkout, "SELECT count(*) FROM push.addition")


def _hurry(checkout: Checkout) -> None:
    """What waits to be sent again is due now: the pauses between attempts are proven with the server's own tests."""
    inside.ask_database(checkout, "UPDATE push.delivery SET due_at = now() WHERE state = 'queued'")
