"""The application on a device: installed, without a network, and back."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, expect

from tests.e2e import inside
from tests.e2e.browsing import PATIENCE_MS, RECOVERY_MS, Join, Person, Sharing, session, share_a_list
from tests.support.checkout import Checkout
from tests.support.looking import until

# What Chromium objects to in a window of its own that it would not in a profile: here every window is one.
ONLY_HERE = {"in-incognito"}
REFUSED_MS = 90_000
"""For writes to be refused: Zero keeps them for a minute."""

# Whether a text stands in what Zero keeps in the browser: chunks of trees, in a database for each user.
STORES = """
async (text) => {
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const found = (await indexedDB.databases()).filter(({ name }) => name.startsWith("rep:"));
  for (const { name } of found) {
    const database = await done(indexedDB.open(name));
    try {
      const chunks = await done(database.transaction("chunks").objectStore("chunks").getAll());
      if (JSON.stringify(chunks).includes(JSON.stringify(text))) return true;
    } finally {
      database.close();
    }
  }
  return false;
}
"""


@pytest.fixture
def sharing(join: Join) -> Sharing:
    """A list of two people of this test alone: whoever is cut off stays it when the test fails."""
    return share_a_list(join("Ada"), join("Ben"))


@pytest.fixture
def ready(sharing: Sharing) -> Iterator[Sharing]:
    """The list with an item, and a service worker that has everything Ada's page needs."""
    ada = sharing.ada
    ada.add("Milk")
    sharing.ben.expect_item("Milk")
    ada.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    ada.page.wait_for_function("navigator.serviceWorker.controller !== null")
    yield sharing
    ada.context.set_offline(False)


def test_a_browser_would_install_it(running: Checkout, join: Join) -> None:
    ada = join("Ada")
    ada.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    devtools = ada.context.new_cdp_session(ada.page)
    found = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in found} <= ONLY_HERE
    told = devtools.send("Page.getAppManifest")
    assert told["errors"] == []
    manifest = json.loads(told["data"])
    assert manifest["name"] and manifest["short_name"] and manifest["display"] == "standalone"
    sizes = set()
    with session(running) as client:
        for icon in manifest["icons"]:
            answer = client.get(icon["src"])
            assert answer.headers["content-type"] == icon["type"], icon["src"]
            if icon["type"] == "image/png":
                width, height = struct.unpack(">II", answer.content[16:24])
                assert icon["sizes"] == f"{width}x{height}", "the icon is as large as it says"
                sizes.add((width, icon.get("purpose", "any")))
    assert {(192, "any"), (512, "any"), (512, "maskable")} <= sizes


def test_without_a_network_it_opens_and_shows_what_was_there(ready: Sharing) -> None:
    ada = ready.ada
    _until_stored(ada, "Milk")
    ada.context.set_offline(True)
    ada.page.goto(f"{ada.url}/lists/{ready.list_id}")
    expect(ada.see("list-title")).to_have_text("Saturday")
    ada.expect_item("Milk")
    expect(ada.see("offline-note")).to_be_visible()
    ada.open_account()
    ada.page.reload()
    expect(ada.see("account-email")).to_have_text(ada.account.email)
    ada.context.set_offline(False)
    ada.expect_connection("connected", timeout=RECOVERY_MS)
    expect(ada.see("offline-note")).to_have_count(0)


def test_what_is_written_without_a_network_waits_is_asked_about_on_leaving_and_arrives(
    running: Checkout, ready: Sharing
) -> None:
    ada, ben = ready.ada, ready.ben
    ada.context.set_offline(True)
    ada.add("Candles")
    ada.check("Milk")
    ada.expect_item("Candles")
    ada.expect_item("Milk", checked=True)
    expect(ada.see("pending-writes")).to_have_text("2")
    expect(ada.see("offline-note")).to_have_attribute("data-writable", "true")
    assert _asks_before_leaving(ada)
    ada.context.set_offline(False)
    ben.expect_item("Candles", timeout=RECOVERY_MS)
    ben.expect_item("Milk", checked=True)
    expect(ada.see("pending-writes")).to_have_count(0)
    # Another browser may see a write before the server's word that it is kept comes back to the one that wrote.
    until(lambda: not _would_ask(ada), "nothing waits any more: nothing would be lost")
    count = f"SELECT count(*) FROM item WHERE list_id = '{ready.list_id}' AND name = 'Candles'"  # noqa: S608
    assert inside.ask_database(running, count) == "1"


def test_logging_out_without_a_network_asks_first_and_goes_on_once_nothing_would_be_lost(
    running: Checkout, ready: Sharing
) -> None:
    ada = ready.ada
    ada.context.set_offline(True)
    ada.add("Candles")
    ada.expect_item("Candles")
    ada.see("logout").click()
    expect(ada.see("confirm-dialog")).to_contain_text("One change has not reached the server")
    ada.context.set_offline(False)
    expect(ada.see("auth-form")).to_be_visible(timeout=RECOVERY_MS)
    count = f"SELECT count(*) FROM item WHERE list_id = '{ready.list_id}' AND name = 'Candles'"  # noqa: S608
    assert inside.ask_database(running, count) == "1"


def test_after_a_minute_without_a_network_writes_are_refused_in_words_and_reading_goes_on(ready: Sharing) -> None:
    ada, ben = ready.ada, ready.ben
    ada.context.set_offline(True)
    expect(ada.see("offline-note")).to_have_attribute("data-writable", "false", timeout=REFUSED_MS)
    ada.add("Too late")
    expect(ada.see("message")).to_contain_text("Not saved")
    ada.expect_no_item("Too late")
    expect(ada.see("item-name-input")).to_have_value("Too late")
    ada.expect_item("Milk")
    assert not _would_ask(ada), "nothing waits: nothing would be lost"
    ada.context.set_offline(False)
    expect(ada.see("offline-note")).to_have_count(0, timeout=RECOVERY_MS)
    ada.see("item-add").click()
    ben.expect_item("Too late")


def _until_stored(person: Person, text: str) -> None:
    """Waits until the browser has stored what the page was told: Zero does that when the page is idle."""
    until(lambda: person.page.evaluate(STORES, text), f"the browser has stored {text}")


def _asks_before_leaving(person: Person) -> bool:
    """Whether the browser asks when the page is about to be loaded again, and the answer is to stay."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    person.page.on("dialog", stay)
    person.page.evaluate("() => { setTimeout(() => location.reload(), 0) }")
    until(lambda: person.page.evaluate("true") and asked, "the browser asks", seconds=PATIENCE_MS / 1000)
    person.page.remove_listener("dialog", stay)
    return asked == ["beforeunload"]


def _would_ask(person: Person) -> bool:
    """Whether the page would have the browser ask if it were left now."""
    left: bool = person.page.evaluate("dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    return not left
