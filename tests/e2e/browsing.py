"""People in browsers of their own, using the application by what they see there."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Playwright, TimeoutError, expect

from tests.support.checkout import Checkout
from tests.support.people import PASSWORD
from tests.support.people import Person as Account

PATIENCE_MS = 15_000
"""For what takes milliseconds when nothing is wrong and the machine is idle."""
RECOVERY_MS = 120_000
"""For what waits for a service to come back, and for the page's own pause between two attempts (at most 30 s)."""

expect.set_options(timeout=PATIENCE_MS)

LOGINS = 3
"""Chromium gives up on every request it has open when the machine gets or loses an address, as with each container."""


def session(checkout: Checkout, **options: Any) -> httpx.Client:  # noqa: ANN401 - whatever httpx takes
    """A client that trusts the stack's own authority and nobody else, and says it comes from the application's page."""
    trust = ssl.create_default_context(cafile=str(checkout.ca_file))
    headers = {"Origin": checkout.url}
    return httpx.Client(base_url=checkout.url, verify=trust, headers=headers, timeout=30, trust_env=False, **options)


def register(checkout: Checkout, name: str) -> Account:
    account = Account(checkout, name)
    account.register()
    return account


def log_in(client: httpx.Client, account: Account) -> None:
    """The client has the account's cookies from now on."""
    answer = client.post("/api/auth/login", json={"email": account.email, "password": PASSWORD})
    assert answer.status_code == httpx.codes.OK, f"logging in answers {answer.status_code}: {answer.text}"


def launch(playwright: Playwright, checkout: Checkout, home: Path) -> Browser:
    """A headless browser that trusts the stack's authority, made to by the command that `./grocery up` ends with."""
    return playwright.chromium.launch(**_starting(checkout, home))


def launch_profile(
    playwright: Playwright, checkout: Checkout, home: Path, *, args: Sequence[str] = ()
) -> BrowserContext:
    """The same with a profile that is kept, as a person's own browser has it. args: more of the command line."""
    starting = _starting(checkout, home)
    starting["args"] += args
    return playwright.chromium.launch_persistent_context(home / "profile", **starting)


def _starting(checkout: Checkout, home: Path) -> dict[str, Any]:
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    subprocess.run([*certutil, "-A", "-t", "C,,", "-n", "grocery", "-i", str(checkout.ca_file)], check=True)
    return {
        "executable_path": shutil.which("chromium"),
        "args": ["--no-sandbox"],
        "env": {**os.environ, "HOME": str(home)},
    }


class Person:
    """Somebody at the application's page, doing what people do there by what they see there."""

    def __init__(self, context: BrowserContext, url: str, account: Account) -> None:
        self.context = context
        self.url = url
        self.account = account
        self.page: Page = context.new_page()

    def see(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    def visit(self, path: str = "") -> None:
        for left in reversed(range(LOGINS)):
            try:
                self.page.goto(f"{self.url}{path}")
            except Error as error:
                # The second is what the first leads to, a moment later.
                if not left or not any(sign in error.message for sign in ("ERR_NETWORK_CHANGED", "chrome-error:")):
                    raise
                self.page.wait_for_timeout(1000)
            else:
                return

    def log_in(self) -> None:
        self.visit()
        self.fill_in_login()

    def fill_in_login(self) -> None:
        self.see("auth-email").fill(self.account.email)
        self.see("auth-password").fill(PASSWORD)
        for _ in range(LOGINS):
            self.see("auth-submit").click()
            with contextlib.suppress(TimeoutError):
                self.see("user-name").wait_for(timeout=PATIENCE_MS / LOGINS)
            if not self.see("auth-error").filter(has_text="cannot be reached").is_visible():
                break
        expect(self.see("user-name")).to_have_text(self.account.name)

    def open_account(self) -> None:
        self.see("account-open").click()
        expect(self.see("account-email")).to_have_text(self.account.email)

    def expect_connection(self, state: str, *, timeout: int = PATIENCE_MS) -> None:
        expect(self.see("connection")).to_have_attribute("data-state", state, timeout=timeout)

    # --- lists ---

    def make_list(self, name: str) -> str:
        """The id of the new list, which is open afterwards."""
        self.see("new-list-name").fill(name)
        self.see("new-list-submit").click()
        expect(self.see("list-title")).to_have_text(name)
        return self.open_list_id

    @property
    def open_list_id(self) -> str:
        found = self.see("list").get_attribute("data-list-id")
        assert found, "an open list names its id"
        return found

    def open_list(self, list_id: str) -> None:
        self.visit(f"/lists/{list_id}")

    def invite(self, other: Person) -> None:
        self.see("share-open").click()
        self.see("share-email").fill(other.account.email)
        self.see("share-submit").click()
        expect(self.page.locator(f"[data-email='{other.account.email}']")).to_be_visible()
        self.see("dialog-close").click()

    def accept(self, list_id: str) -> None:
        """Joins a list by its invitation, and opens it."""
        invitation = self.page.locator(f"[data-testid=invitation][data-list-id='{list_id}']")
        invitation.get_by_test_id("invitation-accept").click()
        self.link(list_id).click()

    def link(self, list_id: str) -> Locator:
        """Where the list stands among one's lists."""
        return self.page.locator(f"[data-testid=list-link][data-list-id='{list_id}']")

    # --- items of the open list ---

    def item(self, name: str) -> Locator:
        named = self.page.get_by_test_id("item-name").get_by_text(name, exact=True)
        return self.see("item").filter(has=named)

    def add(self, name: str, quantity: str = "") -> None:
        self.see("item-name-input").fill(name)
        self.see("item-quantity-input").fill(quantity)
        self.see("item-add").click()

    def rename_item(self, old: str, new: str, quantity: str) -> None:
        self.item(old).get_by_test_id("item-edit").click()
        self.see("item-edit-name").fill(new)
        self.see("item-edit-quantity").fill(quantity)
        self.see("item-save").click()

    def expect_item(self, name: str, *, checked: bool = False, timeout: int = PATIENCE_MS) -> None:
        expect(self.item(name)).to_have_attribute("data-checked", str(checked).lower(), timeout=timeout)

    def check(self, name: str) -> None:
        """Into the basket, or out of it."""
        self.item(name).get_by_test_id("item-check").click()

    def expect_order(self, *names: str) -> None:
        """These items and no others, from top to bottom."""
        expect(self.see("item-name")).to_have_text(list(names))

    def expect_no_item(self, name: str) -> None:
        expect(self.item(name)).to_have_count(0)


@dataclass(frozen=True)
class Sharing:
    """A list that two people are on, open in both their browsers."""

    ada: Person
    ben: Person
    list_id: str


def share_a_list(ada: Person, ben: Person, name: str = "Saturday") -> Sharing:
    """A new list of Ada's that Ben has joined."""
    for person in (ada, ben):
        person.page.goto(person.url)
    list_id = ada.make_list(name)
    ada.invite(ben)
    ben.accept(list_id)
    return Sharing(ada, ben, list_id)


Join = Callable[..., Person]


def come(
    leaving: ExitStack,
    browser: Browser,
    checkout: Checkout,
    who: str | Account,
    **options: Any,  # noqa: ANN401
) -> Person:
    """Somebody at a device of their own, logged in: somebody new of that name, or one who has an account.

    options: what else the browser's context is made with.
    """
    options = {"viewport": {"width": 1100, "height": 800}, **options}
    context = leaving.enter_context(browser.new_context(**options))
    context.set_default_timeout(PATIENCE_MS)
    person = Person(context, checkout.url, register(checkout, who) if isinstance(who, str) else who)
    person.log_in()
    return person
