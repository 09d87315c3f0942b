"""Several people at the same items at the same time: nobody's work, place or focus is taken away without a word."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.browsing import Person, Sharing

FOCUSED_ITEM = "() => document.activeElement.closest('[data-item-id]')?.dataset.itemId ?? null"


def test_what_is_typed_stays_when_somebody_else_changes_the_same_item_and_both_changes_end_up_in_it(
    sharing: Sharing,
) -> None:
    ada, ben = sharing.ada, sharing.ben
    _have(sharing, "Milk")
    _begin_editing(ada, "Milk").press_sequentially(" (fresh)")
    ben.rename_item("Milk", "Oat milk", "3 cartons")
    meanwhile = ada.see("item-meanwhile")
    expect(meanwhile).to_contain_text("quantity to “3”")
    expect(meanwhile).to_contain_text("“Oat milk”; saving keeps yours")
    expect(ada.see("item-edit-name")).to_have_value("Milk (fresh)")
    expect(ada.see("item-edit-name")).to_be_focused()
    expect(ada.see("item-edit-quantity")).to_have_value("3")
    ada.see("item-save").click()
    for person in (ada, ben):
        person.expect_item("Milk (fresh)")
        expect(person.item("Milk (fresh)").get_by_test_id("item-quantity")).to_have_text("3 cartons")


def test_an_item_stays_open_while_somebody_else_checks_and_removes_it_and_can_be_put_back(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    _have(sharing, "Milk")
    _begin_editing(ada, "Milk").fill("Rice milk")
    ben.check("Milk")
    expect(ada.see("item-meanwhile")).to_contain_text("Ben has it in the basket")
    ben.item("Milk").get_by_test_id("item-remove").click()
    expect(ada.see("item-meanwhile")).to_contain_text("has removed this")
    expect(ada.see("item-edit-name")).to_be_focused()
    ada.see("item-save").click()
    ben.expect_item("Rice milk", checked=False)


def test_undoing_an_edit_leaves_alone_what_somebody_else_changed_since(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    _have(sharing, "Milk")
    ada.rename_item("Milk", "Oat milk", "2")
    ben.expect_item("Oat milk")
    ben.rename_item("Oat milk", "Oat milk", "5")
    expect(ada.item("Oat milk").get_by_test_id("item-quantity")).to_have_text("5")
    ada.see("list-title").click()
    ada.page.keyboard.press("Control+z")
    ben.expect_item("Milk")
    expect(ben.item("Milk").get_by_test_id("item-quantity")).to_have_text("5")


def test_an_item_that_has_been_in_the_basket_and_out_again_is_edited_like_any_other(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    _have(sharing, "Milk")
    for checked in (True, False):
        ada.check("Milk")
        ben.expect_item("Milk", checked=checked)
    field = _begin_editing(ada, "Milk")
    ben.add("Bread")
    ada.expect_item("Bread")
    expect(field).to_be_focused()


def test_whoever_types_goes_on_typing_while_others_add_and_remove(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    _have(sharing, "Milk", "Bread")
    ada.see("item-name-input").press_sequentially("butter")
    ben.add("Eggs")
    ben.item("Milk").get_by_test_id("item-remove").click()
    ada.expect_item("Eggs")
    ada.expect_no_item("Milk")
    ada.page.keyboard.type("nut")
    expect(ada.see("item-name-input")).to_have_value("butternut")
    expect(ada.see("announcer")).to_contain_text("Ben added Eggs")


def test_the_focus_passes_to_the_next_item_when_its_own_goes_away_whoever_takes_it(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ids = _have(sharing, "Apples", "Bread", "Milk", "Soap")
    ada.item("Bread").get_by_test_id("item-remove").press("Enter")
    ada.expect_no_item("Bread")
    expect(ada.item("Milk").get_by_test_id("item-check")).to_be_focused()
    ben.item("Milk").get_by_test_id("item-remove").click()
    ada.expect_no_item("Milk")
    expect(ada.item("Soap").get_by_test_id("item-check")).to_be_focused()
    ada.item("Apples").get_by_test_id("item-check").press("Space")
    ada.expect_item("Apples", checked=True)
    assert ada.page.evaluate(FOCUSED_ITEM) == ids["Soap"], "the next one to tick off"


def test_the_focus_goes_along_with_an_item_that_somebody_else_puts_elsewhere(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    _have(sharing, "Apples", "Bread")
    edit = ada.item("Apples").get_by_test_id("item-edit")
    edit.focus()
    ben.item("Apples").get_by_test_id("item-edit").click()
    ben.see("item-edit-category").select_option("pets")
    ben.see("item-save").click()
    ada.expect_order("Bread", "Apples")
    expect(edit).to_be_focused()


def test_a_row_that_is_being_dragged_is_dropped_where_it_was_meant_though_others_add_meanwhile(
    sharing: Sharing,
) -> None:
    ada, ben = sharing.ada, sharing.ben
    _have(sharing, "Apples", "Bread", "Soap")
    ada.see("order-toggle").click()
    ben.expect_order("Apples", "Bread", "Soap")
    handle = ada.item("Soap").get_by_test_id("item-drag").bounding_box()
    first = ada.item("Apples").bounding_box()
    assert handle and first, "both are on the screen"
    mouse = ada.page.mouse
    mouse.move(handle["x"] + 10, handle["y"] + 10)
    mouse.down()
    mouse.move(handle["x"] + 10, first["y"] + 5, steps=5)
    ben.add("Tea")
    ben.item("Bread").get_by_test_id("item-remove").click()
    expect(ada.link(sharing.list_id).locator(".count")).to_contain_text("3")
    mouse.up()
    for person in (ada, ben):
        person.expect_order("Soap", "Apples", "Tea")


def _have(sharing: Sharing, *names: str) -> dict[str, str]:
    """Puts these on the list, seen by both. Their ids by name."""
    for name in names:
        sharing.ada.add(name)
        sharing.ben.expect_item(name)
    return {name: sharing.ada.item(name).get_attribute("data-item-id") or "" for name in names}


def _begin_editing(person: Person, name: str) -> Locator:
    """The field for its name."""
    person.item(name).get_by_test_id("item-edit").click()
    field = person.see("item-edit-name")
    expect(field).to_be_focused()
    return field
