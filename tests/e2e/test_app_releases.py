"""A new release of the page, while people have the old one open."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import inside
from tests.e2e.browsing import Person, Sharing, session
from tests.support.checkout import Checkout
from tests.support.looking import until

ASSET = re.compile(r"assets/[\w.-]+\.(?:js|css)")
LOOK_MS = 4_000
"""For a loop of reloads to go round a few times."""


class Loads:
    """How often a page was loaded since this was made."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.on("domcontentloaded", self._loaded)

    def _loaded(self, _: Page) -> None:
        self.count += 1


@pytest.fixture
def restored(running: Checkout) -> Iterator[Checkout]:
    before = running.file.read_text()
    yield running
    running.file.write_text(before)
    running.up()


def test_a_release_is_offered_to_open_pages_which_go_on_working_and_load_it_when_told_to(
    restored: Checkout, sharing: Sharing
) -> None:
    ada, ben = sharing.ada, sharing.ben
    image = str(inside.containers(restored, "frontend")[0]["Image"])
    old = _assets(ada)
    files = _another_build(inside.text_files(restored, image, "/www"))
    assert files.keys().isdisjoint({f"/www/{asset}" for asset in old}), "nothing of the old release is in the new one"
    loads = {"Ada": Loads(ada.page), "Ben": Loads(ben.page)}
    with inside.derived(restored, image, files=files, without=("/www/assets",)) as release:
        restored.configure(frontend={"image": release})
        restored.up()
        for person in (ada, ben):
            # As somebody does who comes back to a tab.
            person.page.evaluate("dispatchEvent(new Event('focus'))")
            expect(person.see("update-banner")).to_be_visible()
        ada.page.wait_for_timeout(LOOK_MS)
        assert {name: seen.count for name, seen in loads.items()} == {"Ada": 0, "Ben": 0}, "nobody's page was reloaded"

        # The old pages work on: what they had not loaded yet is still there to be loaded.
        ada.add("Milk")
        ben.expect_item("Milk")
        with session(restored) as client:
            assert {asset: client.get(f"/{asset}").status_code for asset in old} == dict.fromkeys(old, 200)
        ben.open_account()

        ada.see("update-reload").click()
        ada.expect_item("Milk")
        expect(ada.see("update-banner")).to_have_count(0)
        until(lambda: loads["Ada"].count == 1, "her page is loaded")
        ada.page.wait_for_timeout(LOOK_MS)
        assert loads["Ada"].count == 1, "once"
        assert set(_assets(ada)).isdisjoint(old), "it is the new release"
        ada.add("Bread")
        ben.page.go_back()
        ben.expect_item("Bread")
        assert loads["Ben"].count == 0


def _assets(person: Person) -> list[str]:
    """What the page names, of scripts and styles."""
    return sorted(set(ASSET.findall(person.page.evaluate("document.head.innerHTML"))))


def _another_build(files: Mapping[str, str]) -> dict[str, str]:
    """The same page with every hashed file under another name, as a build of other sources has them."""
    renamed = {_renamed(path): _renamed(text) for path, text in files.items()}
    # The page names what its files must hash to.
    for path, text in files.items():
        before, after = _integrity(text), _integrity(renamed[_renamed(path)])
        renamed = {name: content.replace(before, after) for name, content in renamed.items()}
    return renamed


def _renamed(text: str) -> str:
    return re.sub(r"\b([a-z-]+-)([\w-]{8})(\.(?:js|css)\b)", lambda found: f"{found[1]}R{found[2][:7]}{found[3]}", text)


def _integrity(text: str) -> str:
    return f"sha384-{base64.b64encode(hashlib.sha384(text.encode()).digest()).decode()}"
