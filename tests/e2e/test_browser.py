"""Two people, each in a browser of their own, and one list; and somebody whose list it is not."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import WebSocket, expect

from tests.e2e import inside
from tests.e2e.browsing import PATIENCE_MS, RECOVERY_MS, Join, Person, Sharing, log_in, register, session
from tests.support.checkout import Checkout
from tests.support.looking import container_of, until
from tests.support.people import Person as Account

# What the page's own sync client sends is changed on its way out: everything else about the connection is genuine.
FORGERY = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data === "string")
    for (const [from, to] of window.forgery ?? []) data = data.replace(new RegExp(from, "g"), to);
  return send.call(this, data);
};
"""


# What leaves the page by its socket takes a second: a slow connection.
SLOWNESS = """
() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) { setTimeout(() => send.call(this, data), 1000); };
}
"""


@pytest.fixture
def newcomer(running: Checkout) -> Account:
    """An account that nobody has logged in to yet."""
    return register(running, "Newcomer")


def test_what_one_adds_the_other_sees_and_still_sees_after_reloading(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.add("Milk", "2 l")
    ben.expect_item("Milk")
    expect(ben.item("Milk").get_by_test_id("item-quantity")).to_have_text("2 l")
    ben.add("Bread")
    ada.expect_item("Bread")
    for person in (ada, ben):
        person.page.reload()
        person.expect_item("Milk")
        person.expect_item("Bread")
        expect(person.see("item")).to_have_count(2)


def test_checking_editing_and_removing_reach_the_other_browser(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.add("Milk")
    ben.expect_item("Milk")
    ben.item("Milk").get_by_test_id("item-check").click()
    ada.expect_item("Milk", checked=True)
    ada.item("Milk").get_by_test_id("item-check").click()
    ben.expect_item("Milk", checked=False)
    ben.rename_item("Milk", "Oat milk", "3 cartons")
    ada.expect_item("Oat milk")
    ada.expect_no_item("Milk")
    expect(ada.item("Oat milk").get_by_test_id("item-quantity")).to_have_text("3 cartons")
    ada.item("Oat milk").get_by_test_id("item-remove").click()
    ben.expect_no_item("Oat milk")


def test_who_is_taken_off_a_list_no_longer_sees_it(sharing: Sharing) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.see("share-open").click()
    ada.see("share-member").filter(has_text="Ben").get_by_test_id("share-member-remove").click()
    expect(ben.see("list-missing")).to_be_visible()
    expect(ben.link(sharing.list_id)).to_have_count(0)


def test_a_stranger_sees_nothing_of_a_list(sharing: Sharing, join: Join) -> None:
    sharing.ada.add("Surprise cake")
    sharing.ben.expect_item("Surprise cake")
    eve = join("Eve")
    wire = Wire(eve)
    expect(eve.see("lists-empty")).to_be_visible()
    eve.open_list(sharing.list_id)
    expect(eve.see("list-missing")).to_be_visible()
    assert wire.received, "her browser is connected, so that there is something to look through"
    assert not _told(wire.received, "Surprise cake", "Saturday"), "what the page does not show must not arrive either"


def test_a_query_that_a_stranger_made_up_tells_her_nothing(sharing: Sharing, join: Join) -> None:
    sharing.ada.add("Surprise cake")
    sharing.ben.expect_item("Surprise cake")
    eve = join("Eve")
    eve.context.add_init_script(FORGERY)
    wire = Wire(eve)
    for table in ("item", "list", "list_member", "profile"):
        asked = f'"ast":{{"table":"{table}"}},"ttl"'
        _forge(eve, (r'"name":"list\.byId","args":\[[^\]]*\],"ttl"', asked))
        answered = len(_told(wire.received, "gotQueriesPatch"))
        # The page asks for the list that its address names.
        eve.page.evaluate(
            "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }",
            f"/lists/{uuid.uuid4()}",
        )
        wire.wait_for("gotQueriesPatch", beyond=answered)
        assert _told(wire.sent, asked), "the forgery must have left her browser to prove anything"
    assert not _told(wire.received, "Surprise cake", "Saturday", sharing.list_id), "only known queries are answered"


def test_a_stranger_cannot_write_to_a_list_with_forged_mutations(
    running: Checkout, sharing: Sharing, join: Join
) -> None:
    sharing.ada.add("Milk", "2 l")
    sharing.ben.expect_item("Milk")
    item_id = sharing.ada.item("Milk").get_attribute("data-item-id") or ""
    before = _rows(running, sharing.list_id)

    eve = join("Eve")
    own_list = eve.make_list("Hers")
    eve.add("Bait")
    own_item = eve.item("Bait").get_attribute("data-item-id") or ""
    until(lambda: own_item in _rows(running, own_list), "the database has her own item before she leaves the page")
    eve.context.add_init_script(FORGERY)
    wire = Wire(eve)

    def forge(attempt: str, act: Callable[[], None]) -> None:
        """Makes one change to her own list, which leaves her browser as a change to the other one."""
        eve.open_list(own_list)
        eve.expect_item("Bait")
        eve.expect_connection("connected")
        _forge(eve, (own_list, sharing.list_id), (own_item, item_id))
        wire.sent.clear()
        act()
        expect(eve.see("message")).to_contain_text("not yours to change")
        pushed = [frame for frame in wire.sent if frame.startswith('["push"')]
        assert _told(pushed, sharing.list_id, item_id), f"{attempt}: was not forged"
        assert _rows(running, sharing.list_id) == before, f"{attempt}: the database must be as it was"

    forge("adding an item", lambda: eve.add("Poison"))
    forge("checking an item", lambda: eve.item("Bait").get_by_test_id("item-check").click())
    forge("editing an item", lambda: eve.rename_item("Bait", "Poison", "1"))
    forge("removing an item", lambda: eve.item("Bait").get_by_test_id("item-remove").click())
    forge("renaming the list", lambda: _rename_list(eve, "Hers now"))
    forge("inviting somebody", lambda: _invite(eve, "accomplice@example.com"))
    forge("removing the list", lambda: _remove_list(eve))
    sharing.ada.page.reload()
    sharing.ada.expect_item("Milk")
    expect(sharing.ada.see("item")).to_have_count(1)


def test_the_endpoints_of_zero_cache_are_not_there_for_a_browser(
    running: Checkout, sharing: Sharing, newcomer: Account
) -> None:
    """Even with the key that only zero-cache has: the edge does not pass the request on, however it is spelt."""
    key = inside.succeed(running, "auth-server", "cat", "/run/secrets/ZERO_AUTH_SECRET")
    before = _rows(running, sharing.list_id)
    with session(running) as client:
        log_in(client, newcomer)
        for path in (
            "/api/zero/mutate",
            "/api/zero/query",
            "/api/zero",
            "/API/Zero/mutate",
            "/api/%7Aero/mutate",
            "/api//zero/mutate",
            "//api/zero/mutate",
            "/api/./zero/mutate",
            "/api/x/../zero/mutate",
            "/zero/../api/zero/mutate",
            "/api/zero%2Fmutate",
            "/api%2Fzero/mutate",
            "/api/zero;x/mutate",
        ):
            answer = client.post(
                client.base_url.copy_with(raw_path=f"{path}?schema=grocery_0&appID=grocery".encode()),
                json={
                    "clientGroupID": "forged",
                    "pushVersion": 1,
                    "requestID": "forged",
                    "timestamp": 0,
                    "mutations": [
                        {
                            "type": "custom",
                            "id": 1,
                            "clientID": "forged",
                            "timestamp": 0,
                            "name": "list.create",
                            "args": [{"id": str(uuid.uuid4()), "name": "forged", "at": 0}],
                        }
                    ],
                },
                headers={"X-Api-Key": key},
            )
            assert answer.status_code in (400, 404, 405), f"{path} answered {answer.status_code}: {answer.text[:200]}"
    assert _rows(running, sharing.list_id) == before
    assert inside.ask_database(running, "SELECT count(*) FROM list WHERE name = 'forged'") == "0"


def test_a_page_of_another_site_gets_no_connection(running: Checkout, newcomer: Account) -> None:
    with session(running) as client:
        log_in(client, newcomer)
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Origin": "https://elsewhere.example",
        }
        assert client.get("/zero/sync/v51/connect", headers=upgrade).status_code == 403
        refused = client.post("/api/auth/logout", json={}, headers={"Origin": "https://elsewhere.example"})
        assert refused.status_code == 403, "nor may it act with the cookies a browser would send along"


def test_logging_out_ends_the_session_everywhere_and_leaves_nothing_in_the_browser(
    running: Checkout, join: Join
) -> None:
    ada = join("Ada")
    ada.make_list("Private")
    cookies = {cookie["name"]: cookie["value"] for cookie in ada.context.cookies()}
    ada.see("logout").click()
    expect(ada.see("auth-form")).to_be_visible()
    ada.page.reload()
    expect(ada.see("auth-form")).to_be_visible()
    kept = ada.page.evaluate("indexedDB.databases().then(all => all.map(one => one.name))")
    assert [name for name in kept if "rep:" in name] == [], "her lists must not stay on this machine"
    assert ada.context.cookies() == [], "nor her cookies"
    with session(running) as client:
        for name, value in cookies.items():
            client.cookies.set(name, value)
        assert client.get("/api/auth/session").json()["user"] is None, "a copy of her cookies must not work either"
        assert client.post("/api/auth/refresh", json={}).status_code == 401
    ada.fill_in_login()
    expect(ada.see("list-link")).to_contain_text("Private")


def test_logging_out_gives_what_is_on_its_way_the_time_to_arrive(running: Checkout, join: Join) -> None:
    ada = join("Ada")
    list_id = ada.make_list("Private")
    ada.page.evaluate(SLOWNESS)
    ada.add("Milk")
    ada.see("logout").click()
    expect(ada.see("auth-form")).to_be_visible()
    assert "Milk" in _rows(running, list_id)


def test_cookies_are_out_of_reach_for_scripts_and_for_other_sites(running: Checkout, join: Join) -> None:
    ada = join("Ada")
    cookies = ada.context.cookies()
    assert {cookie["name"] for cookie in cookies} == {"__Host-access", "__Secure-refresh"}
    for cookie in cookies:
        assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Strict", cookie["name"]
    assert ada.page.evaluate("document.cookie") == ""


def test_a_wrong_password_is_refused_alike_for_known_and_unknown_addresses(
    running: Checkout, newcomer: Account
) -> None:
    with session(running) as client:
        known = client.post("/api/auth/login", json={"email": newcomer.email, "password": "not the password"})
        unknown = client.post("/api/auth/login", json={"email": "nobody@example.com", "password": "not the password"})
    assert known.status_code == unknown.status_code == 401
    assert known.json() == unknown.json(), "the answer must not tell who has an account"


def test_the_page_shows_its_connection_and_delivers_what_was_written_without_one(
    running: Checkout, sharing: Sharing
) -> None:
    ada, ben = sharing.ada, sharing.ben
    ada.expect_connection("connected")
    ben.expect_connection("connected")
    with running.api() as api:
        api.kill(container_of(api, running.stack, "zero-cache"))
    expect(ada.see("connection")).not_to_have_attribute("data-state", "connected")
    ada.add("Candles")
    ada.expect_item("Candles")
    ada.expect_connection("connected", timeout=RECOVERY_MS)
    ben.expect_connection("connected", timeout=RECOVERY_MS)
    ben.expect_item("Candles")


class Wire:
    """Every message of the sockets that a page opens from now on. The page is loaded anew."""

    def __init__(self, person: Person) -> None:
        self.sent: list[str] = []
        self.received: list[str] = []
        self._page = person.page
        self._page.on("websocket", self._opened)
        person.page.reload()
        person.expect_connection("connected")

    def wait_for(self, word: str, *, beyond: int) -> None:
        """Until more than `beyond` messages with this word have arrived."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while len(_told(self.received, word)) <= beyond:
            assert time.monotonic() < end, f"nothing of the kind arrived; the last messages: {self.received[-3:]}"
            self._page.wait_for_timeout(50)

    def _opened(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(str(frame)))
        socket.on("framereceived", lambda frame: self.received.append(str(frame)))


def _forge(person: Person, *rules: tuple[str, str]) -> None:
    """From now on the page's messages leave with every match of a pattern replaced."""
    person.page.evaluate("rules => { window.forgery = rules }", [list(rule) for rule in rules])


def _told(frames: list[str], *words: str) -> list[str]:
    return [frame for frame in frames if any(word in frame for word in words)]


def _rows(checkout: Checkout, list_id: str) -> str:
    """Everything the database knows of a list."""
    tables = {"list": "id", "item": "list_id", "list_member": "list_id", "invitation": "list_id"}
    rows = (
        f"SELECT '{table}' AS found, to_jsonb(t) AS row FROM {table} t WHERE {key} = '{list_id}'"  # noqa: S608
        for table, key in tables.items()
    )
    return inside.ask_database(checkout, f"{' UNION ALL '.join(rows)} ORDER BY found, row")


def _rename_list(person: Person, name: str) -> None:
    person.see("list-rename").click()
    person.see("list-rename-name").fill(name)
    person.see("list-rename-save").click()


def _invite(person: Person, email: str) -> None:
    person.see("share-open").click()
    person.see("share-email").fill(email)
    person.see("share-submit").click()


def _remove_list(person: Person) -> None:
    person.see("list-remove").click()
    person.see("confirm-yes").click()
