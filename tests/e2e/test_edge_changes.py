"""The edge's own changes under many clients: none of them fails, none of their sockets is cut. Counted exactly."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.e2e import inside
from tests.e2e.crowd import Crowd
from tests.e2e.door import Answer, Door, client
from tests.e2e.lab import Certificates, make_certificates
from tests.support.checkout import Checkout

PATHS = ["/", "/manifest.webmanifest", "/health/live", "/api/nothing"]
POSTS = {"/api/nothing": '{"a": "body"}'}
SOCKETS = 100
# How many requests must have been answered before a run says enough, and how many changes take place meanwhile.
MOST_CHANGES = 3
SHORT = pytest.param(1_000, 1, id="short")
FULL = pytest.param(6_000, MOST_CHANGES, id="full", marks=pytest.mark.full)


@pytest.fixture(scope="module")
def changing(public: Checkout, door: Door) -> Iterator[Checkout]:
    """The shared public stack, whose settings are its own again afterwards."""
    before = public.file.read_text()
    yield public
    public.file.write_text(before)
    public.up()


@pytest.fixture(scope="module")
def issued(public: Checkout) -> list[Certificates]:
    """Certificates for the stack's name, each of an authority of its own."""
    return [make_certificates(public.settings["edge"]["domain"], days=90) for _ in range(MOST_CHANGES)]


@pytest.fixture(scope="module")
def everybody(door: Door, issued: list[Certificates]) -> Door:
    """The door for clients that trust whatever these tests have it serve."""
    return dataclasses.replace(door, authorities=(*door.authorities, *(each.ca for each in issued)))


@pytest.mark.parametrize(("requests", "changes"), [SHORT, FULL])
def test_a_new_configuration_takes_over_without_anybody_noticing(
    changing: Checkout, everybody: Door, requests: int, changes: int
) -> None:
    limits = changing.settings["edge"].get("rate_limits", {})
    before = limits.get("auth", {}).get("burst", 40)
    made = 0
    with Crowd(everybody, PATHS, POSTS, sockets=SOCKETS) as crowd:
        while made < changes or crowd.answered < requests:
            made += 1
            changing.configure(edge={"rate_limits": {**limits, "auth": {"rate": "61r/m", "burst": before + made}}})
            changing.up()
            live = inside.succeed(changing, "edge", "cat", "/srv/config/live/nginx.conf")
            assert f"zone=auth burst={before + made}" in live, "what runs is the new one"
            if made >= changes:
                crowd.until_answered(min(requests, crowd.answered + 1_000))
    crowd.expect_unnoticed(at_least=requests)
    print(f"{made} configurations: 0 of {crowd.answered} requests failed, 0 of {SOCKETS} sockets cut")


@pytest.mark.parametrize(("requests", "changes"), [SHORT, FULL])
def test_a_new_certificate_takes_over_without_anybody_noticing(
    changing: Checkout, everybody: Door, issued: list[Certificates], requests: int, changes: int
) -> None:
    with Crowd(everybody, PATHS, POSTS, sockets=SOCKETS) as crowd:
        for each in issued[-changes:]:
            changing.set_secret("edge-certificate", each.certificate)
            changing.set_secret("edge-key", each.key)
            changing.configure(edge={"certificate": {"kind": "provided"}})
            changing.up()
            assert _served(everybody) == _serial(each), "what is served is the new one"
        crowd.until_answered(requests)
    crowd.expect_unnoticed(at_least=requests)
    print(f"{changes} certificates: 0 of {crowd.answered} requests failed, 0 of {SOCKETS} sockets cut")


def test_maintenance_closes_the_application_and_leaves_open_sockets_alone(changing: Checkout, everybody: Door) -> None:
    friend, stranger = client(241), client(242)
    closed = {"enabled": True, "allow": [f"{friend}/32"], "retry_after": "7m"}
    with Crowd(everybody, ["/health/live"], rate=20, sockets=20) as crowd:
        changing.configure(edge={"maintenance": closed})
        changing.up()
        page, api = everybody.ask(stranger, "/"), everybody.ask(stranger, "/api/nothing")
        assert [_closed(page), _closed(api)] == [420, 420]
        assert page.headers["content-type"].startswith("text/html")
        assert api.problem == "maintenance"
        assert everybody.ask(friend, "/").status == 200, "who is allowed sees the application"
        pings = crowd.pings
        changing.configure(edge={"maintenance": {"enabled": False}})
        changing.up()
        assert everybody.ask(stranger, "/").status == 200
        assert crowd.pings > pings, "sockets talked meanwhile"
    crowd.expect_unnoticed(at_least=100)


def _closed(answer: Answer) -> int:
    """The seconds after which to come back."""
    assert answer.status == 503
    return int(answer.headers["retry-after"])


def _served(door: Door) -> int:
    """The serial number of the certificate a new client is shown."""
    with door.connect(client(243)) as wire:
        shown = wire.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).serial_number


def _serial(issued: Certificates) -> int:
    return x509.load_pem_x509_certificate(issued.certificate.encode()).serial_number
