"""What people do with the items of a list they share."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import Person, Sharing


def test_one_line_tells_what_how_much_and_in_which_unit(sharing: Sharing) -> None:
    sharing.ada.add("2 kg apples")
    sharing.ben.expect_item("apples")
    expect(sharing.ben.item("apples").get_by_test_id("item-quantity")).to_have_text("2 kg")


def test_what_somebody_edits_the_other_sees_with_its_note_unit_and_category(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.add("Flour")
    ada.item("Flour").get_by_test_id("item-edit").click()
    ada.see("item-edit-quantity").fill("3")
    ada.see("item-edit-unit").fill("bag")
    ada.see("item-edit-category").select_option("household")
    ada.see("item-edit-note").fill("The one with the blue mill")
    ada.see("item-save").click()
    expect(ben.item("Flour").get_by_test_id("item-note")).to_have_text("The one with the blue mill")
    expect(ben.item("Flour").get_by_test_id("item-quantity")).to_have_text("3 bags")
    expect(ben.see("category-heading")).to_have_attribute("data-category", "household")


def test_items_stand_in_the_order_of_a_shop_whatever_the_order_they_were_added_in(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    for name in ("Toothpaste", "Milk", "Apples", "Bread"):
        ada.add(name)
    for person in (ada, ben):
        person.expect_order("Apples", "Bread", "Milk", "Toothpaste")
    headings = [heading.get_attribute("data-category") for heading in ben.see("category-heading").all()]
    assert headings == ["produce", "bakery", "dairy", "hygiene"]


def test_each_sees_live_who_added_and_who_has_it_in_the_basket(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.add("Milk")
    expect(ben.item("Milk").get_by_test_id("item-author")).to_have_text("Ada")
    expect(ada.item("Milk").get_by_test_id("item-author")).to_have_text("you")
    ben.check("Milk")
    expect(ada.item("Milk").get_by_test_id("item-checker")).to_have_text("Ben")
    ben.check("Milk")
    expect(ada.item("Milk").get_by_test_id("item-checker")).to_have_count(0)


@pytest.fixture
def by_hand(sharing: Sharing) -> Sharing:
    """Their list, ordered by hand, with three items."""
    for name in ("Milk", "Bread", "Eggs"):
        sharing.ada.add(name)
        sharing.ada.expect_item(name)
    sharing.ben.see("order-toggle").click()
    for person in (sharing.ada, sharing.ben):
        expect(person.see("order-toggle")).to_have_attribute("data-order", "manual")
        person.expect_order("Milk", "Bread", "Eggs")
    return sharing


def test_the_order_made_by_dragging_is_everybody_s_and_stays(by_hand: Sharing) -> None:
    ada, ben = by_hand.ada, by_hand.ben
    _drag(ada, "Eggs", onto="Milk")
    for person in (ada, ben):
        person.expect_order("Eggs", "Milk", "Bread")
    ben.page.reload()
    ben.expect_order("Eggs", "Milk", "Bread")
    ada.see("order-toggle").click()
    expect(ben.see("order-toggle")).to_have_attribute("data-order", "automatic")


def test_the_order_is_made_by_keyboard_as_well_and_told_to_who_cannot_see_it(by_hand: Sharing) -> None:
    ada, ben = by_hand.ada, by_hand.ben
    handle = ada.item("Milk").get_by_test_id("item-drag")
    handle.focus()
    ada.page.keyboard.press("ArrowDown")
    for person in (ada, ben):
        person.expect_order("Bread", "Milk", "Eggs")
    expect(handle).to_be_focused()
    expect(ada.see("announcer")).to_contain_text("Milk")
    ada.page.keyboard.press("ArrowDown")
    ben.expect_order("Bread", "Eggs", "Milk")
    ada.page.keyboard.press("ArrowUp")
    ben.expect_order("Bread", "Milk", "Eggs")


def test_what_the_list_had_before_is_added_again_from_its_history_and_while_typing(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.add("3 bags crisps")
    ben.expect_item("crisps")
    ben.item("crisps").get_by_test_id("item-remove").click()
    ada.expect_no_item("crisps")
    ada.see("history-open").click()
    ada.page.locator("[data-testid=history-item][data-key=crisps]").click()
    ada.see("dialog-close").click()
    ben.expect_item("crisps")
    expect(ben.item("crisps").get_by_test_id("item-quantity")).to_have_text("3 bags")
    ben.item("crisps").get_by_test_id("item-remove").click()
    ada.expect_no_item("crisps")
    ben.see("item-name-input").press_sequentially("cri")
    ben.page.locator("[data-testid=suggestion][data-key=crisps]").click()
    ada.expect_item("crisps")


def test_every_change_can_be_taken_back(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.add("2 l milk")
    ben.expect_item("milk")

    ben.item("milk").get_by_test_id("item-remove").click()
    ada.expect_no_item("milk")
    ben.see("undo").click()
    ada.expect_item("milk")
    expect(ada.item("milk").get_by_test_id("item-author")).to_have_text("you")

    ben.check("milk")
    ada.expect_item("milk", checked=True)
    ben.see("undo").click()
    ada.expect_item("milk", checked=False)

    ben.rename_item("milk", "oat milk", "1")
    ada.expect_item("oat milk")
    ben.see("list-title").click()
    ben.page.keyboard.press("Control+z")
    ada.expect_item("milk")
    expect(ada.item("milk").get_by_test_id("item-quantity")).to_have_text("2 l")


def test_the_basket_is_emptied_at_once_and_brought_back_at_once(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    for name in ("Milk", "Bread", "Eggs"):
        ada.add(name)
        ben.expect_item(name)
    ben.check("Milk")
    ada.check("Eggs")
    for person in (ada, ben):
        person.expect_item("Milk", checked=True)
        person.expect_item("Eggs", checked=True)
    ben.see("clear-checked").click()
    for name in ("Milk", "Eggs"):
        ada.expect_no_item(name)
    ada.expect_item("Bread")
    ben.see("undo").click()
    for name in ("Milk", "Eggs"):
        ada.expect_item(name, checked=True)


def test_searching_shows_what_fits_and_offers_what_the_list_had_before(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    for name in ("Crème fraîche", "Bread", "Cream cheese"):
        ada.add(name)
        ben.expect_item(name)
    ada.item("Cream cheese").get_by_test_id("item-remove").click()
    ben.expect_no_item("Cream cheese")
    ben.see("item-search").fill("cre")
    expect(ben.see("item")).to_have_count(1)
    ben.expect_item("Crème fraîche")
    ben.page.locator("[data-testid=history-item][data-key='cream cheese']").click()
    ada.expect_item("Cream cheese")
    ben.see("item-search").fill("no such thing")
    expect(ben.see("item")).to_have_count(0)


def _drag(person: Person, name: str, *, onto: str) -> None:
    """By the handle, as a pointer does it: down, a few moves, up."""
    source = person.item(name).get_by_test_id("item-drag").bounding_box()
    target = person.item(onto).bounding_box()
    assert source and target, "both are on the screen"
    mouse = person.page.mouse
    mouse.move(source["x"] + source["width"] / 2, source["y"] + source["height"] / 2)
    mouse.down()
    mouse.move(source["x"] + source["width"] / 2, target["y"] + target["height"] / 4, steps=8)
    mouse.up()
