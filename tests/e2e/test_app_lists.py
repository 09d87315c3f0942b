"""What people do with lists as wholes, each seen at once by the others on them."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.browsing import PATIENCE_MS, Join, Person, Sharing

OWNERS_ONLY = ("list-rename", "list-archive", "list-remove")


def test_a_new_name_reaches_everybody_on_the_list(sharing: Sharing) -> None:
    sharing.ada.see("list-rename").click()
    sharing.ada.see("list-rename-name").fill("Sunday market")
    sharing.ada.see("list-rename-save").click()
    for person in (sharing.ada, sharing.ben):
        expect(person.see("list-title")).to_have_text("Sunday market")
        expect(person.link(sharing.list_id)).to_contain_text("Sunday market")


def test_an_archived_list_is_out_of_the_way_of_everybody_until_it_is_taken_out(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.see("list-archive").click()
    for person in (ada, ben):
        expect(person.see("list-archived-badge")).to_be_visible()
        expect(person.see("archived-toggle")).to_have_attribute("aria-expanded", "false")
        expect(person.link(sharing.list_id)).to_have_count(0)
    ben.see("archived-toggle").click()
    expect(ben.link(sharing.list_id)).to_be_visible()
    ben.add("Milk")
    ada.expect_item("Milk")
    expect(ben.see("list-unarchive")).to_have_count(0)
    ada.see("list-unarchive").click()
    for person in (ada, ben):
        expect(person.see("list-archived-badge")).to_have_count(0)
        expect(person.link(sharing.list_id)).to_be_visible()


def test_an_editor_sees_who_is_who_and_none_of_what_is_the_owner_s(sharing: Sharing) -> None:
    ben = sharing.ben
    for testid in OWNERS_ONLY:
        expect(sharing.ada.see(testid)).to_have_count(1)
        expect(ben.see(testid)).to_have_count(0)
    ben.see("share-open").click()
    expect(_role(ben, "Ada")).to_have_text("owner")
    expect(_role(ben, "Ben")).to_have_text("editor")
    for testid in ("share-email", "share-member-remove", "list-hand-over"):
        expect(ben.see(testid)).to_have_count(0)


def test_a_list_that_is_handed_over_is_the_other_s_to_decide_about(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.see("share-open").click()
    _member(ada, "Ben").get_by_test_id("list-hand-over").click()
    ada.see("confirm-yes").click()
    expect(_role(ada, "Ben")).to_have_text("owner")
    expect(_role(ada, "Ada")).to_have_text("editor")
    ada.see("dialog-close").click()
    expect(ada.see("list-leave")).to_be_visible()
    for testid in OWNERS_ONLY:
        expect(ben.see(testid)).to_have_count(1)
        expect(ada.see(testid)).to_have_count(0)


def test_who_leaves_no_longer_has_the_list_and_the_others_see_who_is_left(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ben.see("list-leave").click()
    ben.see("confirm-yes").click()
    expect(ben.link(sharing.list_id)).to_have_count(0)
    ada.see("share-open").click()
    expect(ada.see("share-member")).to_have_count(1)


def test_an_invitation_can_be_declined_and_withdrawn(sharing: Sharing, join: Join) -> None:
    ada = sharing.ada
    cat = join("Cat")
    ada.invite(cat)
    cat.see("invitation-decline").click(timeout=PATIENCE_MS)
    ada.see("share-open").click()
    expect(ada.see("share-pending")).to_have_count(0)
    ada.see("dialog-close").click()
    ada.invite(cat)
    expect(cat.see("invitation")).to_be_visible()
    ada.see("share-open").click()
    ada.see("share-withdraw").click()
    expect(cat.see("invitation")).to_have_count(0)
    expect(cat.see("list-link")).to_have_count(0)


def test_one_person_s_two_devices_show_the_same(sharing: Sharing, join: Join) -> None:
    phone = join(sharing.ada.account, viewport={"width": 390, "height": 800})
    phone.link(sharing.list_id).click()
    phone.add("Milk")
    sharing.ada.expect_item("Milk")
    phone.see("list-back").click()
    expect(phone.link(sharing.list_id)).to_contain_text("1")


def _member(person: Person, name: str) -> Locator:
    return person.see("share-member").filter(has_text=name)


def _role(person: Person, name: str) -> Locator:
    return _member(person, name).get_by_test_id("member-role")
