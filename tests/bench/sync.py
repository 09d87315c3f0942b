"""How long a write takes from one browser to another: through the edge, and with the socket straight at zero-cache."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.bench.people import PASSWORD, register
from tests.bench.report import Row, Section, aimed, percentile
from tests.bench.stand import Stand

TURNS = 4
WRITES_A_TURN = 30
WARM_UP = 5
PAUSE_MS = 150
PATIENCE_MS = 30_000
LOGINS = 3
AIM_P50_MS = 50
AIM_P95_MS = 150

ZERO_PORT = 4848

# The page is the same; only its socket goes to another address.
STRAIGHT_AT_ZERO = f"""
const Native = WebSocket;
window.WebSocket = class extends Native {{
  constructor(url, protocols) {{
    super(String(url).replace(/^wss:\\/\\/[^/]+/, "ws://localhost:{ZERO_PORT}"), protocols);
  }}
}};
"""

# Writes down when each item's name first appears in the page. One machine, one clock.
WATCH = """
() => {
  window.seen = {};
  const look = () => {
    for (const element of document.querySelectorAll("[data-testid=item-name]")) {
      window.seen[element.textContent.trim()] ??= performance.timeOrigin + performance.now();
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
}
"""

# As a person does: types a name and submits the form. The moment is that of the submission.
WRITE = """
(name) => {
  const input = document.querySelector("[data-testid=item-name-input]");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, name);
  input.dispatchEvent(new Event("input", { bubbles: true }));
  const begun = performance.timeOrigin + performance.now();
  input.form.requestSubmit();
  return begun;
}
"""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two people in two browsers with one list open."""

    writer: Page
    reader: Page
    name: str

    def write(self, first: int, count: int) -> list[float]:
        """Milliseconds from the submission in one browser to the item in the other, for `count` items."""
        latencies = []
        for number in range(first, first + count):
            item = f"{self.name} {number}"
            begun = self.writer.evaluate(WRITE, item)
            self.reader.wait_for_function("(item) => window.seen[item] !== undefined", arg=item, timeout=PATIENCE_MS)
            latencies.append(self.reader.evaluate("(item) => window.seen[item]", item) - begun)
            self.writer.wait_for_timeout(PAUSE_MS)
        return latencies


def measure(stand: Stand) -> Section:
    """Needs the stack up. The pairs take turns, so that a busy moment hits both."""
    with sync_playwright() as playwright, stand.inside() as inside, contextlib.ExitStack() as cleanup:
        with stand.api as api:
            edge, zero = stand.address(api, "edge"), stand.address(api, "zero-cache")
        rules = f"MAP localhost:{stand.port} {edge}:8443, MAP localhost:{ZERO_PORT} {zero}:{ZERO_PORT}"
        through = cleanup.enter_context(_pair(playwright, stand, "through", inside=(), rules=None))
        direct = cleanup.enter_context(_pair(playwright, stand, "direct", inside=inside, rules=rules))
        for pair in (through, direct):
            pair.write(-WARM_UP, WARM_UP)
        ours: list[float] = []
        theirs: list[float] = []
        for turn in range(TURNS):
            ours += through.write(turn * WRITES_A_TURN, WRITES_A_TURN)
            theirs += direct.write(turn * WRITES_A_TURN, WRITES_A_TURN)
    straight = "socket straight at zero-cache"
    p50, p95 = percentile(ours, 50), percentile(ours, 95)
    return Section(
        title="Write in one browser, visible in another",
        rows=(
            aimed("p50", p50, "ms", at_most=AIM_P50_MS, peer=percentile(theirs, 50), peer_name=straight),
            aimed("p95", p95, "ms", at_most=AIM_P95_MS, peer=percentile(theirs, 95), peer_name=straight),
            Row(name="slowest", ours=max(ours), unit="ms", peer=max(theirs), peer_name=straight),
        ),
        details=(
            f"{len(ours)} and {len(theirs)} items added, one at a time, in two headless Chromium each; from the form's "
            "submission to the item in the other page",
        ),
    )


@contextlib.contextmanager
def _pair(
    playwright: Playwright, stand: Stand, name: str, *, inside: Sequence[str], rules: str | None
) -> Iterator[Pair]:
    with contextlib.ExitStack() as cleanup:
        pages = []
        for who in ("writer", "reader"):
            browser = cleanup.enter_context(browser_of(playwright, inside=inside, rules=rules))
            email = register(stand, f"{name}-{who}")
            page = log_in(browser, stand.checkout.url, email, bypass_csp=rules is not None)
            if rules is not None:
                _go_straight(page, stand.checkout.url)
            pages.append((page, email))
        (writer, _), (reader, invited) = pages
        share(writer, reader, invited, f"Bench {name}")
        reader.evaluate(WATCH)
        yield Pair(writer=writer, reader=reader, name=name)


@contextlib.contextmanager
def browser_of(playwright: Playwright, *, inside: Sequence[str] = (), rules: str | None = None) -> Iterator[Browser]:
    """A headless Chromium of its own. inside: the command that enters another network; rules: where names lead."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "chromium"
        program.write_text(f'#!/bin/sh\nexec {shlex.join([*inside, chromium])} "$@"\n')
        program.chmod(0o755)
        browser = playwright.chromium.launch(
            executable_path=str(program),
            args=[
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
                *([f"--host-resolver-rules={rules}"] if rules else []),
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


def log_in(
    browser: Browser, url: str, email: str, *, bypass_csp: bool = False, size: tuple[int, int] = (1000, 800)
) -> Page:
    """A page of a person who has just logged in and is connected."""
    context = browser.new_context(
        ignore_https_errors=True,
        bypass_csp=bypass_csp,
        service_workers="block",
        viewport={"width": size[0], "height": size[1]},
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.get_by_test_id("auth-email").fill(email)
    page.get_by_test_id("auth-password").fill(PASSWORD)
    for _ in range(LOGINS):
        page.get_by_test_id("auth-submit").click()
        # Straight after a start on a busy machine the first answer may be that there is none.
        told = page.get_by_test_id("connection").or_(page.get_by_test_id("auth-error").filter(has_text=re.compile(".")))
        expect(told).to_be_visible(timeout=PATIENCE_MS)
        if page.get_by_test_id("connection").count():
            break
    _expect_connected(page)
    return page


def _go_straight(page: Page, url: str) -> None:
    """The page again, with its socket at zero-cache itself."""
    # A socket without TLS is another site to the browser, and these cookies are for this one only: the same ones again,
    # as those of a foreign site within this page.
    page.context.add_cookies(
        [
            {
                "name": cookie["name"],
                "value": cookie["value"],
                "url": url,
                "httpOnly": True,
                "secure": True,
                "sameSite": "None",
                "partitionKey": url.rpartition(":")[0],
            }
            for cookie in page.context.cookies(url)
            if cookie["path"] == "/"
        ]
    )
    page.context.add_init_script(STRAIGHT_AT_ZERO)
    page.reload()
    _expect_connected(page)


def _expect_connected(page: Page) -> None:
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "connected", timeout=PATIENCE_MS)


def share(owner: Page, member: Page, email: str, name: str) -> None:
    """A new list of the owner that the member has joined; both have it open."""
    owner.get_by_test_id("new-list-name").fill(name)
    owner.get_by_test_id("new-list-submit").click()
    expect(owner.get_by_test_id("list-title")).to_have_text(name, timeout=PATIENCE_MS)
    owner.get_by_test_id("share-open").click()
    owner.get_by_test_id("share-email").fill(email)
    owner.get_by_test_id("share-submit").click()
    expect(owner.get_by_test_id("share-pending")).to_be_visible(timeout=PATIENCE_MS)
    owner.keyboard.press("Escape")
    member.get_by_test_id("invitation-accept").click()
    member.get_by_test_id("list-link").click()
    expect(member.get_by_test_id("item-name-input")).to_be_visible(timeout=PATIENCE_MS)
