"""Accounts on a running stack that can send mail: two servers, a mail server that receives, and people who read it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import pytest
from docker.errors import APIError

from cli.engine_host import Api, execute
from tests.conftest import MakeCheckout
from tests.e2e.conftest import SETTINGS
from tests.support.checkout import UNLIMITED, Checkout
from tests.support.looking import services, sql, until
from tests.support.mailbox import Mail, Mailbox
from tests.support.people import PASSWORD, Person

NEW_PASSWORD = "an entirely different one"
SENDER = "Grocery List <no-reply@grocery.test>"


@pytest.fixture(scope="module")
def mailbox(way_out: str) -> Iterator[Mailbox]:
    with Mailbox(way_out) as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def mailing(make_checkout: MakeCheckout, mailbox: Mailbox) -> Iterator[Checkout]:
    """A stack with a mail server and two servers of its own that send to it."""
    checkout = make_checkout()
    checkout.configure(
        edge={"rate_limits": UNLIMITED},
        auth_server={**SETTINGS["auth_server"], "replicas": 2, "email_from": SENDER},
        email={"host": mailbox.host, "port": mailbox.port, "security": "none"},
    )
    checkout.up()
    yield checkout
    checkout.remove()


@pytest.fixture
def api(mailing: Checkout) -> Iterator[Api]:
    with mailing.api() as client:
        yield client


def servers(api: Api, stack: str) -> list[str]:
    """The containers of the auth-server that run."""
    labels = [f"grocery.stack={stack}", "grocery.workload=auth-server"]
    return [str(found["Id"]) for found in api.containers(filters={"label": labels, "status": "running"})]


def sent_by(api: Api, container: str) -> int:
    """How many mails this server has sent, as it tells Prometheus."""
    ask = "fetch('http://127.0.0.1:3001/metrics').then(r => r.text()).then(t => console.log(t))"
    code, told, err = execute(api, container, ["node", "-e", ask])
    assert code == 0, err
    found = re.search(r'^emails_total\{result="sent"\} (\d+)$', told, re.MULTILINE)
    return int(found[1]) if found else 0


def link(mail: Mail, checkout: Checkout, page: str) -> str:
    """The token in the mail's link to this page."""
    found = re.search(rf"^{re.escape(checkout.url)}/{page}#([\w-]+)\r?$", mail.text, re.MULTILINE)
    assert found, f"no link to {page} in:\n{mail.text}"
    return found[1]


def log_in(person: Person, password: str) -> HTTPStatus:
    answer = person.send("POST", "/api/auth/login", email=person.email, password=password)
    return HTTPStatus(answer.status_code)


def somebody(checkout: Checkout, name: str) -> Person:
    person = Person(checkout, name)
    person.register()
    person.login()
    return person


def test_a_link_in_a_mail_shows_whose_an_address_is(mailing: Checkout, mailbox: Mailbox) -> None:
    ada = somebody(mailing, "Ada")
    assert ada.get("/api/account").json()["emailVerified"] is False
    [mail] = mailbox.wait(ada.email)
    assert mail.sender == SENDER
    token = link(mail, mailing, "verify")
    assert ada.get("/verify").status_code == HTTPStatus.OK, "the page that the link opens"
    assert ada.send("POST", "/api/auth/verify-email", token=token).status_code == HTTPStatus.NO_CONTENT
    assert ada.get("/api/account").json()["emailVerified"] is True
    assert ada.send("POST", "/api/auth/verify-email", token=token).status_code == HTTPStatus.BAD_REQUEST, "once"


def test_a_forgotten_password_is_replaced_by_way_of_a_mail(mailing: Checkout, mailbox: Mailbox) -> None:
    ada = somebody(mailing, "Ada")
    # Whoever forgot it is not logged in, and asks from anywhere.
    elsewhere = Person(mailing, "Ada")
    asked = elsewhere.send("POST", "/api/auth/forgot-password", email=ada.email)
    assert asked.status_code == HTTPStatus.ACCEPTED
    token = link(mailbox.wait(ada.email, 2)[1], mailing, "reset")
    assert elsewhere.get("/reset").status_code == HTTPStatus.OK, "the page that the link opens"
    reset = elsewhere.send("POST", "/api/auth/reset-password", token=token, password=NEW_PASSWORD)
    assert reset.status_code == HTTPStatus.NO_CONTENT
    assert ada.get("/api/account").status_code == HTTPStatus.UNAUTHORIZED, "sessions from before have ended"
    assert log_in(ada, PASSWORD) == HTTPStatus.UNAUTHORIZED
    assert log_in(ada, NEW_PASSWORD) == HTTPStatus.OK
    assert ada.get("/api/account").json()["emailVerified"] is True, "reading the mail has shown whose address it is"
    assert mailbox.wait(ada.email, 3)[2].subject == "Your password was changed"
    again = elsewhere.send("POST", "/api/auth/reset-password", token=token, password=PASSWORD)
    assert again.status_code == HTTPStatus.BAD_REQUEST


def test_nobody_learns_which_addresses_have_an_account(mailing: Checkout, mailbox: Mailbox) -> None:
    ada = somebody(mailing, "Ada")
    nobody = Person(mailing, "Nobody")
    asked = [ada.send("POST", "/api/auth/forgot-password", email=who.email) for who in (ada, nobody)]
    assert {(answer.status_code, answer.text) for answer in asked} == {(HTTPStatus.ACCEPTED, asked[0].text)}
    mailbox.wait(ada.email, 2)
    ada.register()
    assert mailbox.wait(ada.email, 3)[2].subject == "You already have an account"
    assert mailbox.to(nobody.email) == []


def test_each_mail_is_sent_once_by_one_of_two_servers(mailing: Checkout, mailbox: Mailbox, api: Api) -> None:
    replicas = servers(api, mailing.stack)
    assert len(replicas) == 2
    before = [sent_by(api, container) for container in replicas]
    people = [Person(mailing, f"Guest{number}") for number in range(20)]
    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(Person.register, people))
    for person in people:
        mailbox.wait(person.email)
    until(lambda: sql(api, mailing.stack, "SELECT count(*) FROM mail.outbox") == "0", "nothing waits to be sent")
    assert [len(mailbox.to(person.email)) for person in people] == [1] * len(people)
    sent = [sent_by(api, container) - count for container, count in zip(replicas, before, strict=True)]
    assert sum(sent) == len(people), f"sent by each server: {sent}"


def test_mail_waits_for_a_mail_server_that_is_away(mailing: Checkout, mailbox: Mailbox, api: Api) -> None:
    ada = Person(mailing, "Ada")
    mailbox.close()
    try:
        ada.register()
        tried = "SELECT coalesce(max(attempts), 0) > 0 FROM mail.outbox"
        until(lambda: sql(api, mailing.stack, tried) == "t", "a first try has been made")
    finally:
        mailbox.open()
    mailbox.wait(ada.email)


def test_logging_out_everywhere_ends_every_device_on_every_server(mailing: Checkout) -> None:
    phone = somebody(mailing, "Ada")
    laptop = Person(mailing, "Ada")
    laptop.email = phone.email
    laptop.login()
    sessions = laptop.get("/api/account/sessions").json()["sessions"]
    assert [session["current"] for session in sessions].count(True) == 1
    assert len(sessions) == 2
    assert laptop.send("DELETE", "/api/account/sessions").status_code == HTTPStatus.NO_CONTENT
    for device in (phone, laptop):
        # Often enough that both servers are asked.
        for _ in range(8):
            assert device.get("/api/account").status_code == HTTPStatus.UNAUTHORIZED


def test_an_account_is_taken_along_as_a_file_and_then_gone(mailing: Checkout) -> None:
    ada = somebody(mailing, "Ada")
    export = ada.get("/api/account/export")
    assert export.headers["content-disposition"].startswith("attachment")
    assert export.json()["account"]["email"] == ada.email
    wrong = ada.send("POST", "/api/account/delete", password="a wrong password")
    assert wrong.status_code == HTTPStatus.FORBIDDEN
    assert ada.send("POST", "/api/account/delete", password=PASSWORD).status_code == HTTPStatus.NO_CONTENT
    assert ada.get("/api/account").status_code == HTTPStatus.UNAUTHORIZED
    assert log_in(ada, PASSWORD) == HTTPStatus.UNAUTHORIZED


def test_a_request_is_found_in_the_log_by_the_name_its_answer_carries(mailing: Checkout, api: Api) -> None:
    answer = Person(mailing, "Ada").get("/api/account")
    name = answer.headers["x-request-id"]

    def told() -> list[dict[str, object]]:
        return [
            json.loads(line)
            for container in servers(api, mailing.stack)
            for line in api.logs(container, tail=500).decode().splitlines()
            if name in line
        ]

    until(told, "the request is in the log")
    assert [(line["requestId"], line["route"], line["status"]) for line in told()] == [(name, "/api/account", 401)]


class Tracker:
    """What takes reports of errors; `events` are what came."""

    def __init__(self, address: str) -> None:
        self.events: Queue[dict[str, Any]] = Queue()
        events = self.events

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                events.put(
                    {"path": self.path, "sender": self.headers["X-Sentry-Auth"], **json.loads(body.splitlines()[2])}
                )
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self.key = secrets.token_hex(16)
        self.dsn = f"http://{self.key}@{address}:{self._server.server_port}/7"

    def __enter__(self) -> Tracker:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def tracker(way_out: str) -> Iterator[Tracker]:
    with Tracker(way_out) as tracker:
        yield tracker


@pytest.fixture
def changed(mailing: Checkout) -> Iterator[Checkout]:
    """The stack with settings that a test may change: they are put back."""
    before = mailing.settings
    yield mailing
    mailing.write_settings(before)
    mailing.up()


def test_what_others_issued_reaches_the_servers_as_files_and_is_used(
    changed: Checkout, api: Api, tracker: Tracker
) -> None:
    password = secrets.token_hex(16)
    changed.configure(auth_server={"error_reporting": True}, email={"security": "starttls", "username": "grocery"})
    refused = changed.preview(expect=1)
    for name in ("smtp-password", "error-reporting-dsn"):
        assert f"./grocery config secret set {name}" in refused.text
    for name, value in (("smtp-password", password), ("error-reporting-dsn", tracker.dsn)):
        changed.set_secret(name, value)
    changed.up()

    # Those from before are there for a few seconds more.
    until(lambda: _passwords(api, changed.stack) == [password] * 2, "both servers have the password as a file")
    shown = json.dumps(services(api, changed.stack)["auth-server"])
    assert "SMTP_USERNAME=grocery" in shown
    assert password not in shown
    assert tracker.key not in shown

    report = {"message": "TypeError: x", "stack": "", "where": "/lists/:id", "release": "1.0.0"}
    ada = Person(changed, "Ada")
    assert ada.get("/api/config").json()["errorReporting"] is True
    assert ada.send("POST", "/api/errors", **report).status_code == HTTPStatus.ACCEPTED
    event = tracker.events.get(timeout=60)
    assert event["path"] == "/api/7/envelope/"
    assert f"sentry_key={tracker.key}" in event["sender"]
    assert event["exception"]["values"][0]["type"] == "TypeError"


def _passwords(api: Api, stack: str) -> list[str]:
    """What each server finds as the mail server's password; "" where it finds none, or has just ended."""
    read = ["node", "-p", "fs.readFileSync('/run/secrets/SMTP_PASSWORD', 'utf8')"]
    found = []
    for container in servers(api, stack):
        try:
            code, out, _ = execute(api, container, read)
        except APIError:
            code, out = 1, ""
        found.append(out.strip() if code == 0 else "")
    return found
