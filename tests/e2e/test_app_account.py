"""What people do with their accounts in the browser."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e import inside
from tests.e2e.browsing import Join, Person, session, share_a_list
from tests.support.checkout import Checkout
from tests.support.people import PASSWORD

NEXT_PASSWORD = "a horse of another colour"


def test_a_new_name_is_everybody_s_to_see(join: Join) -> None:
    ada, ben = join("Ada"), join("Ben")
    share_a_list(ada, ben)
    ada.open_account()
    ada.see("account-name").fill("Ada Lovelace")
    ada.see("account-name-save").click()
    expect(ada.see("user-name")).to_have_text("Ada Lovelace")
    ben.see("share-open").click()
    expect(ben.see("share-member").filter(has_text="Ada Lovelace")).to_be_visible()


def test_a_new_password_logs_out_the_other_devices_and_is_the_one_from_then_on(join: Join) -> None:
    ada = join("Ada")
    phone = join(ada.account)
    ada.open_account()
    ada.see("password-current").fill("not the password")
    ada.see("password-next").fill(NEXT_PASSWORD)
    ada.see("password-save").click()
    expect(ada.see("password-error")).not_to_be_empty()
    ada.see("password-current").fill(PASSWORD)
    ada.see("password-save").click()
    expect(ada.see("password-save-done")).not_to_be_empty()

    phone.page.reload()
    expect(phone.see("auth-form")).to_be_visible()
    _try_to_log_in(phone, PASSWORD)
    expect(phone.see("auth-error")).not_to_be_empty()
    _try_to_log_in(phone, NEXT_PASSWORD)
    expect(phone.see("user-name")).to_have_text("Ada")


def test_one_sees_where_one_is_logged_in_and_ends_it_there_or_everywhere(running: Checkout, join: Join) -> None:
    ada = join("Ada")
    phone = join(ada.account)
    cookies = {cookie["name"]: cookie["value"] for cookie in phone.context.cookies()}
    ada.open_account()
    expect(ada.see("session")).to_have_count(2)
    expect(ada.page.locator("[data-testid=session][data-current=true]")).to_have_count(1)
    for row in ada.see("session").all():
        expect(row).to_contain_text("Chrom")
    ada.see("session-end").click()
    expect(ada.see("session")).to_have_count(1)
    with session(running) as client:
        for name, value in cookies.items():
            client.cookies.set(name, value)
        assert client.get("/api/auth/session").json()["user"] is None, "a copy of its cookies does not work either"
    phone.page.reload()
    expect(phone.see("auth-form")).to_be_visible()
    phone.fill_in_login()
    ada.see("sessions-end-all").click()
    expect(ada.see("auth-form")).to_be_visible()
    phone.page.reload()
    expect(phone.see("auth-form")).to_be_visible()


def test_the_file_with_one_s_data_has_all_of_it_and_nothing_secret(
    running: Checkout, join: Join, tmp_path: Path
) -> None:
    ada = join("Ada")
    list_id = ada.make_list("Saturday")
    ada.add("2 l milk")
    inside.until_saved(running, list_id, "milk")
    ada.open_account()
    with ada.page.expect_download() as started:
        ada.see("export").click()
    file = tmp_path / "export.json"
    started.value.save_as(file)
    text = file.read_text()
    told = json.loads(text)
    assert started.value.suggested_filename.endswith(".json")
    for part in (ada.account.email, "Saturday", "milk"):
        assert part in text
    assert isinstance(told, dict)
    assert "$2" not in text, "no hash of a password"


def test_a_deleted_account_is_gone_and_its_shared_list_is_the_other_s(running: Checkout, join: Join) -> None:
    ada, ben = join("Ada"), join("Ben")
    sharing = share_a_list(ada, ben)
    ada.add("Milk")
    ben.expect_item("Milk")
    ada.open_account()
    ada.see("delete-open").click()
    ada.see("delete-password").fill("not the password")
    ada.see("delete-confirm").click()
    expect(ada.see("delete-error")).not_to_be_empty()
    ada.see("delete-password").fill(PASSWORD)
    ada.see("delete-confirm").click()
    expect(ada.see("auth-form")).to_be_visible()
    assert ada.context.cookies() == []
    _try_to_log_in(ada, PASSWORD)
    expect(ada.see("auth-error")).not_to_be_empty()
    ben.expect_item("Milk")
    expect(ben.see("list-rename")).to_be_visible()
    asked = f"SELECT count(*) FROM auth.account WHERE email = '{ada.account.email}'"  # noqa: S608
    assert inside.ask_database(running, asked) == "0"
    asked = f"SELECT count(*) FROM list WHERE id = '{sharing.list_id}'"  # noqa: S608
    assert inside.ask_database(running, asked) == "1"


def test_where_no_mail_is_sent_nothing_asks_for_it(join: Join) -> None:
    ada = join("Ada")
    ada.open_account()
    expect(ada.see("account-verified")).to_have_count(0)
    ada.see("logout").click()
    expect(ada.see("auth-form")).to_be_visible()
    expect(ada.see("forgot-open")).to_have_count(0)


def _try_to_log_in(person: Person, password: str) -> None:
    person.see("auth-email").fill(person.account.email)
    person.see("auth-password").fill(password)
    person.see("auth-submit").click()
