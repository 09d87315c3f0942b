"""The screenshots in the README, taken of the real application: `python -m tests.bench.pictures`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.people import register
from tests.bench.stand import Stand, open_stand
from tests.bench.sync import PATIENCE_MS, browser_of, log_in, share
from tests.support.checkout import ROOT

FOLDER = ROOT / "docs" / "images"
LARGEST = 300_000
DESKTOP = (1180, 800)
PHONE = (390, 800)
LIST = "Saturday market"
OF_ANN = ("1 kg tomatoes", "a loaf of sourdough bread", "2 mozzarella", "500 ml olive oil", "12 eggs", "4 lemons")
OF_BEN = ("a bunch of basil", "Dish soap")
NOTE = ("sourdough bread", "The dark one, sliced")
BOUGHT = ("basil", "eggs")
OTHER_LISTS = ("Garden", "Hardware store")

FRAME = """
<style>
  body {{ margin: 0; padding: 28px; display: flex; gap: 28px; align-items: flex-end; background: transparent; }}
  img {{ display: block; border: 1px solid #cbd2d9; box-shadow: 0 6px 24px rgb(0 0 0 / 18%); }}
  .desktop {{ width: {desktop}px; border-radius: 10px; }}
  .phone {{ width: {phone}px; border-radius: 28px; border: 8px solid #1f2933; }}
</style>
<img class="desktop" src="data:image/png;base64,{first}"><img class="phone" src="data:image/png;base64,{second}">
"""


def main() -> None:
    with open_stand() as stand:
        stand.checkout.up()
        take(stand)


def take(stand: Stand) -> None:
    """Needs the stack up. Writes one picture for each theme, with a desktop and a phone side by side."""
    with sync_playwright() as playwright, browser_of(playwright) as browser:
        url = stand.checkout.url
        ann = log_in(browser, url, register(stand, "ann"), size=DESKTOP)
        ben_email = register(stand, "ben")
        ben = log_in(browser, url, ben_email, size=PHONE)
        for name in OTHER_LISTS:
            _new_list(ann, name)
        share(ann, ben, ben_email, LIST)
        for page, lines in ((ann, OF_ANN), (ben, OF_BEN)):
            for line in lines:
                page.get_by_test_id("item-name-input").fill(line)
                page.get_by_test_id("item-add").click()
        for page in (ann, ben):
            expect(page.get_by_test_id("item")).to_have_count(len(OF_ANN + OF_BEN), timeout=PATIENCE_MS)
        _annotate(ann, *NOTE)
        for name in BOUGHT:
            ben.get_by_role("listitem").filter(has_text=name).get_by_test_id("item-check").check()
        for page in (ann, ben):
            expect(page.locator("[data-testid=item][data-checked=true]")).to_have_count(len(BOUGHT))
            page.get_by_test_id("list-title").focus()
            # What was added a moment ago is pointed out, and what was done can be undone: for a while.
            page.get_by_test_id("undo").wait_for(state="hidden", timeout=PATIENCE_MS)
        themes: tuple[tuple[Literal["light", "dark"], str], ...] = (("light", "app.png"), ("dark", "app-dark.png"))
        for theme, name in themes:
            for page in (ann, ben):
                page.emulate_media(color_scheme=theme)
                page.evaluate("scrollTo(0, 0)")
            file = FOLDER / name
            file.write_bytes(_side_by_side(browser, [page.screenshot(animations="disabled") for page in (ann, ben)]))
            size = file.stat().st_size
            print(f"{file.relative_to(ROOT)}: {size // 1024} KiB")
            assert size <= LARGEST, f"a README should not have to load more than {LARGEST} bytes"


def _annotate(page: Page, item: str, note: str) -> None:
    page.get_by_test_id("item").filter(has_text=item).get_by_test_id("item-edit").click()
    page.get_by_test_id("item-edit-note").fill(note)
    page.get_by_test_id("item-save").click()


def _new_list(page: Page, name: str) -> None:
    page.get_by_test_id("new-list-name").fill(name)
    page.get_by_test_id("new-list-submit").click()
    expect(page.get_by_test_id("list-title")).to_have_text(name, timeout=PATIENCE_MS)


def _side_by_side(browser: Browser, pictures: Sequence[bytes]) -> bytes:
    width, height = DESKTOP[0] + PHONE[0] * 7 // 10 + 3 * 28 + 18, DESKTOP[1] + 2 * 28 + 2
    page = browser.new_page(viewport={"width": width, "height": height})
    first, second = (base64.b64encode(picture).decode() for picture in pictures)
    page.set_content(FRAME.format(first=first, second=second, desktop=DESKTOP[0], phone=PHONE[0] * 7 // 10))
    picture = page.screenshot(omit_background=True)
    page.close()
    return picture


if __name__ == "__main__":
    main()
