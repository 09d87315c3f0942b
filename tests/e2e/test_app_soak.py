"""Many people shop from one list for a while, and servers die on them: nothing is lost and nothing doubled."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import count, cycle
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import inside, soak
from tests.e2e.browsing import RECOVERY_MS, Person, come, register
from tests.support.checkout import Checkout
from tests.support.looking import container_of, until

# What the page shows of the list: id, name, whether it is checked.
SHOWN = """
() => [...document.querySelectorAll("[data-testid=item]")].map((item) => [
  item.dataset.itemId,
  item.querySelector("[data-testid=item-name]").textContent.trim(),
  item.dataset.checked === "true",
])
"""


AGE = 10
"""After how many more items somebody removes theirs; even, so that it is theirs."""
KILLED = ("zero-cache", "auth-server")
"""What dies meanwhile, one after the other."""


@pytest.mark.parametrize(
    ("people", "seconds", "pause"),
    [(6, 45, 1000), pytest.param(20, 600, 2000, marks=pytest.mark.full)],
    ids=["short", "full"],
)
def test_a_list_that_many_write_to_at_once_ends_the_same_for_all_with_every_write_in_it_once(
    running: Checkout, app: Path, browsers: list[Browser], people: int, seconds: int, pause: int
) -> None:
    with contextlib.ExitStack() as leaving:
        ada, ben = (
            come(leaving, browser, running, name) for browser, name in zip(browsers, ("Ada", "Ben"), strict=True)
        )
        list_id = ada.make_list("Soak")
        accounts = [register(running, f"s{number}") for number in range(people - 2)]
        soak.bring_in(running, list_id, [*accounts, ben.account])
        ben.open_list(list_id)
        ada.add("Everybody")
        ben.expect_item("Everybody", timeout=RECOVERY_MS)
        [contested] = _rows(running, list_id)
        job = soak.Job(
            url=running.url,
            listId=list_id,
            contested=contested[0],
            seconds=seconds,
            pause=pause,
            shoppers=[soak.shopper(running, account) for account in accounts],
        )
        crowd = soak.Shoppers(app, running.ca_file, job)
        leaving.callback(crowd.stop)
        crowd.wait_until("everybody is here")
        by_hand = _shop_by_hand(running, (ada, ben), seconds, pause)
        crowd.wait_until("everybody is done")
        for person in (ada, ben):
            person.expect_connection("connected", timeout=RECOVERY_MS)
        by_hand.until_saved(running, list_id)
        outcome = crowd.finish()
        rows = _rows(running, list_id)
        shown = [(row[0], row[1], row[7]) for row in rows]
        for who, page in (("Ada", ada.page), ("Ben", ben.page)):
            until(partial(_shows, page, shown), f"{who}'s page shows what the database has")

    for who, view in outcome.views.items():
        assert sorted(view) == rows, f"{who} sees what the database has"
    writes = [*outcome.writes, *by_hand.writes(rows)]
    assert soak.differences(soak.expected([contested], writes), rows) == []
    added = soak.times_added([_as_write(contested), *writes])
    remembered = _remembered(running, list_id)
    assert remembered == {name: added[name] for name in remembered}, "every addition was counted once"
    how = Counter(write.outcome for write in outcome.writes)
    print(
        f"{people} people, {seconds} s: writes {dict(how)}, {len(by_hand.made)} by hand; {len(rows)} items at the end"
    )
    assert how["made"] > seconds, "enough was going on to say anything"


class ByHand:
    """What people at their pages add, and check of each other's."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, str, str]] = []
        """Who, what they did, the item's id and its name."""
        self._added: list[str] = []

    def act(self, person: Person, number: int) -> None:
        who = person.account.name
        name = f"{who} item-{number}"
        person.add(name)
        person.expect_item(name, timeout=RECOVERY_MS)
        self.made.append((who, "add", _id(person, name), name))
        self._added.append(name)
        if len(self._added) > 2:
            # Added by the other one, a moment ago.
            seen = self._added[-2]
            person.expect_item(seen, timeout=RECOVERY_MS)
            person.item(seen).get_by_test_id("item-check").click()
            person.expect_item(seen, checked=True, timeout=RECOVERY_MS)
            self.made.append((who, "check", _id(person, seen), seen))
        if len(self._added) > AGE:
            # Their own, a while ago.
            old = self._added[-1 - AGE]
            self.made.append((who, "remove", _id(person, old), old))
            person.item(old).get_by_test_id("item-remove").click()
            person.expect_no_item(old)

    def until_saved(self, checkout: Checkout, list_id: str) -> None:
        for name in self._added[-2:]:
            inside.until_saved(checkout, list_id, name)

    def writes(self, rows: Sequence[soak.Row]) -> list[soak.Write]:
        """As the reckoning has them. What the page guesses of an item, such as its category, is taken from its row."""
        found = {row[0]: dict(zip(soak.FIELDS, row, strict=True)) for row in rows}
        return [
            soak.Write(
                who=who,
                act=act,
                items=[key],
                values={"checked": True} if act != "add" else {**found.get(key, {}), "name": name, "checked": False},
                outcome="made",
            )
            for who, act, key, name in self.made
        ]


def _shop_by_hand(checkout: Checkout, people: Sequence[Person], seconds: int, pause: int) -> ByHand:
    began = time.monotonic()
    by_hand = ByHand()
    dying = [(seconds * (place + 1) / (len(KILLED) + 1), workload) for place, workload in enumerate(KILLED)]
    for number, person in zip(count(1), cycle(people), strict=False):
        passed = time.monotonic() - began
        if passed > seconds:
            return by_hand
        if dying and passed > dying[0][0]:
            with checkout.api() as api:
                api.kill(container_of(api, checkout.stack, dying.pop(0)[1]))
        by_hand.act(person, number)
        person.page.wait_for_timeout(pause / 2)
    raise AssertionError("unreachable: numbers do not end")


def _id(person: Person, name: str) -> str:
    found = person.item(name).get_attribute("data-item-id")
    assert found, "an item names its id"
    return found


def _shows(page: Page, items: list[tuple[str, str, bool]]) -> bool:
    return sorted((identity, name, checked) for identity, name, checked in page.evaluate(SHOWN)) == items


def _as_write(row: soak.Row) -> soak.Write:
    """An item that was there before, as a write."""
    return soak.Write(who="", act="add", items=[row[0]], values={"name": row[1]}, outcome="made")


def _rows(checkout: Checkout, list_id: str) -> list[soak.Row]:
    """The items of a list in the database, by id."""
    asked = f"SELECT json_build_array({', '.join(soak.FIELDS)}) FROM item WHERE list_id = '{list_id}'"  # noqa: S608
    return sorted(tuple(json.loads(line)) for line in inside.ask_database(checkout, asked).splitlines())


def _remembered(checkout: Checkout, list_id: str) -> dict[str, int]:
    """Name -> how often the list says it was added."""
    asked = f"SELECT json_build_array(key, times) FROM remembered_item WHERE list_id = '{list_id}'"  # noqa: S608
    return dict(json.loads(line) for line in inside.ask_database(checkout, asked).splitlines())
