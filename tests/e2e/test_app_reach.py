"""Whoever uses it, however: by keyboard alone, by a screen reader, in the dark, on a phone."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import PATIENCE_MS, Join, Person, Sharing
from tests.support import node
from tests.support.checkout import Checkout
from tests.support.people import PASSWORD

PHONE = {"width": 390, "height": 844}
STEPS = 60
"""More than any page has places for the focus."""

FOCUSED = """
() => {
  const on = document.activeElement;
  const outline = getComputedStyle(on).outlineStyle !== "none" || getComputedStyle(on).boxShadow !== "none";
  return { testid: on.dataset.testid ?? null, visible: outline };
}
"""
GROUND = "() => getComputedStyle(document.body).backgroundColor"


def test_the_way_from_the_login_to_a_shared_list_and_out_again_needs_no_pointer(running: Checkout, join: Join) -> None:
    ben = join("Ben")
    ada = join("Ada")
    ada.see("logout").click()
    expect(ada.see("auth-form")).to_be_visible()
    keys = Keyboard(ada.page)

    keys.write("auth-email", ada.account.email)
    keys.write("auth-password", PASSWORD)
    keys.press("Enter")
    expect(ada.see("user-name")).to_be_visible()
    keys.write("new-list-name", "Saturday")
    keys.press("Enter")
    expect(ada.see("list-title")).to_be_focused()

    keys.press_on("share-open", "Enter")
    keys.write("share-email", ben.account.email)
    keys.press("Enter")
    expect(ada.see("share-pending")).to_be_visible()
    keys.press("Escape")
    expect(ada.see("share-open")).to_be_focused()
    ben.see("invitation-accept").click(timeout=PATIENCE_MS)
    ben.link(ada.open_list_id).click()

    keys.write("item-name-input", "2 kg apples")
    keys.press("Enter")
    ben.expect_item("apples")
    keys.press_on("item-check", "Space")
    ben.expect_item("apples", checked=True)
    keys.press("Control+z")
    ben.expect_item("apples", checked=False)
    keys.press_on("item-edit", "Enter")
    expect(ada.see("item-edit-name")).to_be_focused()
    keys.press("Control+a")
    ada.page.keyboard.type("Pears")
    keys.press("Enter")
    ben.expect_item("Pears")
    keys.press_on("item-remove", "Enter")
    ben.expect_no_item("Pears")
    keys.press_on("undo", "Enter")
    ben.expect_item("Pears")

    keys.press_on("account-open", "Enter")
    expect(ada.see("account-email")).to_be_visible()
    keys.press_on("logout", "Enter")
    expect(ada.see("auth-form")).to_be_visible()


def test_the_theme_is_the_device_s_until_one_is_chosen_and_then_that_from_the_first_paint(join: Join) -> None:
    ada = join("Ada", color_scheme="light")
    light = ada.page.evaluate(GROUND)
    ada.page.emulate_media(color_scheme="dark")
    dark = ada.page.evaluate(GROUND)
    assert light != dark
    ada.open_account()
    ada.see("theme").select_option("light")
    assert ada.page.evaluate(GROUND) == light
    ada.page.goto(ada.url, wait_until="commit")
    ada.page.wait_for_function("document.body !== null && document.styleSheets.length > 0")
    assert ada.page.evaluate(GROUND) == light
    ada.open_account()
    ada.see("theme").select_option("system")
    assert ada.page.evaluate(GROUND) == dark


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(join: Join, running: Checkout, sharing: Sharing, theme: str) -> None:
    ada = join(sharing.ada.account, viewport=PHONE if theme == "dark" else {"width": 1100, "height": 800})
    ada.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    judge = Axe(ada.page)
    expect(ada.link(sharing.list_id)).to_be_visible()
    judge.look("lists")
    _fill(ada, sharing.list_id)
    judge.look("list")
    ada.see("item-name-input").fill("mil")
    judge.look("typing")
    ada.see("order-toggle").click()
    judge.look("by hand")
    ada.see("item-edit").first.click()
    judge.look("editing")
    ada.see("item-cancel").click()
    for dialog in ("share-open", "history-open"):
        ada.see(dialog).click()
        judge.look(dialog)
        ada.see("dialog-close").click()
    ada.see("list-remove").click()
    judge.look("asking")
    ada.see("confirm-no").click()
    ada.open_account()
    judge.look("account")
    ada.see("delete-open").click()
    judge.look("deleting")
    ada.see("delete-cancel").click()
    ada.open_list(str(uuid.uuid4()))
    expect(ada.see("list-missing")).to_be_visible()
    judge.look("nowhere")
    ada.see("logout").click()
    expect(ada.see("auth-form")).to_be_visible()
    judge.look("login")
    ada.see("auth-switch").click()
    judge.look("registering")
    for page in ("forgot", "reset#token", "verify#token"):
        ada.page.goto(f"{ada.url}/{page}")
        judge.look(page)
    assert judge.found == [], json.dumps(judge.found, indent=2)


def test_a_phone_shows_every_page_without_scrolling_sideways(join: Join, sharing: Sharing) -> None:
    ada = join(sharing.ada.account, viewport={"width": 320, "height": 640})
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert ada.page.evaluate(wide) <= 0, "the lists"
    _fill(ada, sharing.list_id)
    assert ada.page.evaluate(wide) <= 0, "a list"
    ada.open_account()
    assert ada.page.evaluate(wide) <= 0, "the account"


class Keyboard:
    """A person without a pointer: walks with Tab until the focus is where it should be, and sees where it is."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, key: str) -> None:
        self._page.keyboard.press(key)

    def press_on(self, testid: str, key: str) -> None:
        self.walk_to(testid)
        self.press(key)

    def write(self, testid: str, text: str) -> None:
        self.walk_to(testid)
        self._page.keyboard.type(text)

    def walk_to(self, testid: str) -> None:
        self._page.get_by_test_id(testid).first.wait_for(timeout=PATIENCE_MS)
        passed = []
        for _ in range(STEPS):
            focus = self._page.evaluate(FOCUSED)
            if focus["testid"] == testid:
                assert focus["visible"], f"nobody sees that {testid} has the focus"
                return
            passed.append(focus["testid"])
            self.press("Tab")
        raise AssertionError(f"the focus does not come to {testid}; it came to {passed}")


def _fill(person: Person, list_id: str) -> None:
    """A list with something of everything on it, open."""
    person.open_list(list_id)
    for name in ("2 kg apples", "Milk", "Something unheard of"):
        person.add(name)
    person.expect_item("Milk")
    person.check("Milk")
    person.expect_item("Milk", checked=True)


class Axe:
    """Looks at a page in one state after the other. found: what is wrong, by state and rule, and where."""

    def __init__(self, page: Page) -> None:
        self.found: list[dict[str, Any]] = []
        self._page = page
        self._program = (node.packages() / "axe-core" / "axe.min.js").read_text()

    def look(self, state: str) -> None:
        # What fades in is judged as it stays.
        self._page.evaluate("Promise.allSettled(document.getAnimations().map(animation => animation.finished))")
        # By the browser's own tools, which the page's content security policy does not bind.
        self._page.evaluate(self._program)
        report = self._page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        self.found += [
            {"state": state, "rule": wrong["id"], "where": [place["html"][:200] for place in wrong["nodes"]]}
            for wrong in report["violations"]
        ]
