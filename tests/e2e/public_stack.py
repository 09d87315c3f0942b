"""One running stack as the world would find it: under a real name, at the real ports, with the limits it has."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tests.conftest import REUSED, MakeCheckout
from tests.e2e.door import Door, door_of, neighbourhood
from tests.support import graders
from tests.support.checkout import Checkout

DOMAIN = "grocery.test"
# The server's own limit counts over a quarter of an hour; here it is the edge's that are looked at.
SERVER = {"rate_limit_requests": 1_000_000}


@pytest.fixture(scope="session")
def public(make_checkout: MakeCheckout) -> Checkout:
    """A stack that is up under a real name, at the ports and with the limits of one; shared like the other."""
    for port in (443, 80):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                # An engine of the tests' own has a network of its own.
                assert os.environ.get(REUSED), f"port {port} is taken"
                pytest.skip(f"port {port} is taken on the machine of the reused engine")
    checkout = make_checkout(edge={"domain": DOMAIN, "https_port": 443, "http_port": 80}, auth_server=SERVER)
    checkout.place = graders.named(DOMAIN)
    checkout.up()
    return checkout


@pytest.fixture(scope="session")
def door(public: Checkout) -> Iterator[Door]:
    """The shared public stack as clients of many addresses find it."""
    with neighbourhood():
        yield door_of(public)
