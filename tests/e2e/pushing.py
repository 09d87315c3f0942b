"""A browser subscribed to the tests' push service, and what is pushed to it brought to its service worker.

Chromium subscribes at its maker's service only, which no test can read. So the page's `pushManager` is stood in for;
the page, the server, the encryption, the service worker and the notification are the real ones.
"""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import expect

from tests.e2e.browsing import Person
from tests.support.looking import until
from tests.support.push import Device, Message

# Keeps a subscription as a browser does, beyond the page.
PUSH_MANAGER = """
(device) => {
  const KEPT = "push-manager";
  const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
  const textOf = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes.buffer ?? bytes)));
  const subscription = () => {
    const key = localStorage.getItem(KEPT);
    return key && {
      endpoint: device.endpoint,
      expirationTime: null,
      options: { userVisibleOnly: true, applicationServerKey: bytesOf(key) },
      toJSON: () => device,
      unsubscribe: async () => (localStorage.removeItem(KEPT), true),
    };
  };
  PushManager.prototype.getSubscription = async () => subscription();
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
    localStorage.setItem(KEPT, textOf(applicationServerKey));
    return subscription();
  };
}
"""
NOTIFICATIONS = """
async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map(({ title, body, tag, data }) => ({ title, body, tag, url: data.url }))
"""


def use_device(person: Person, device: Device) -> None:
    """From the next page on, this is where the person's browser gets its messages; and notifications are allowed."""
    person.context.grant_permissions(["notifications"], origin=person.url)
    person.context.add_init_script(f"({PUSH_MANAGER})({json.dumps(device.subscription)})")


def opt_in(person: Person) -> None:
    person.open_account()
    expect(person.see("push-toggle")).to_have_attribute("data-state", "off")
    person.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    person.see("push-toggle").click()
    expect(person.see("push-toggle")).to_have_attribute("data-state", "on")


def opt_out(person: Person) -> None:
    """Whatever the state before."""
    person.open_account()
    expect(person.see("push-toggle")).to_have_attribute("data-state", re.compile("on|off"))
    if person.see("push-toggle").get_attribute("data-state") == "on":
        person.see("push-toggle").click()
    expect(person.see("push-toggle")).to_have_attribute("data-state", "off")


def receive(person: Person, message: Message) -> list[dict[str, Any]]:
    """Lets the browser's service worker have the message; the notifications that are shown then."""
    session = person.context.new_cdp_session(person.page)
    try:
        workers: list[dict[str, Any]] = []
        session.on("ServiceWorker.workerRegistrationUpdated", lambda event: workers.extend(event["registrations"]))
        session.send("ServiceWorker.enable")
        person.page.wait_for_function("navigator.serviceWorker.controller !== null")
        [worker] = [worker for worker in workers if worker["scopeURL"] == f"{person.url}/" and not worker["isDeleted"]]
        push = {"origin": person.url, "registrationId": worker["registrationId"], "data": message.text}
        session.send("ServiceWorker.deliverPushMessage", push)
        body = message.payload["body"]
        until(lambda: body in {shown["body"] for shown in person.page.evaluate(NOTIFICATIONS)}, "it is shown")
        shown: list[dict[str, Any]] = person.page.evaluate(NOTIFICATIONS)
        return shown
    finally:
        session.detach()
