"""The screenshot in the README, taken of the real application: `python -m tests.bench.pictures`."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.people import register
from tests.bench.stand import open_stand
from tests.bench.sync import PATIENCE_MS, browser_of, log_in, share
from tests.support.checkout import ROOT

FILE = ROOT / "docs" / "images" / "app.png"
DESKTOP = (1180, 800)
PHONE = (390, 800)
LIST = "Saturday market"
ITEMS = (
    ("Tomatoes", "1 kg"),
    ("Sourdough bread", "1 loaf"),
    ("Basil", "a bunch"),
    ("Mozzarella", "2"),
    ("Olive oil", "500 ml"),
    ("Lemons", "4"),
    ("Eggs", "12"),
)
BOUGHT = ("Basil", "Eggs")
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
    with open_stand() as stand, sync_playwright() as playwright:
        stand.checkout.up()
        with browser_of(playwright) as browser:
            url = stand.checkout.url
            ann = log_in(browser, url, register(stand, "ann"), size=DESKTOP)
            ben_email = register(stand, "ben")
            ben = log_in(browser, url, ben_email, size=PHONE)
            for name in OTHER_LISTS:
                _new_list(ann, name)
            share(ann, ben, ben_email, LIST)
            for name, quantity in ITEMS:
                ann.get_by_test_id("item-name-input").fill(name)
                ann.get_by_test_id("item-quantity-input").fill(quantity)
                ann.get_by_test_id("item-add").click()
                expect(ben.get_by_text(name, exact=True)).to_be_visible(timeout=PATIENCE_MS)
            for name in BOUGHT:
                ben.get_by_role("listitem").filter(has_text=name).get_by_test_id("item-check").check()
            for page in (ann, ben):
                expect(page.locator("[data-testid=item][data-checked=true]")).to_have_count(len(BOUGHT))
            FILE.write_bytes(_side_by_side(browser, [ann.screenshot(), ben.screenshot()]))
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size // 1024} KiB")


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
