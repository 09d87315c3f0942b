"""A stack whose certificate others vouch for: from an authority that speaks ACME, or given; as a person drives it."""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from docker import DockerClient

from tests.conftest import MakeCheckout
from tests.e2e import authority as authorities
from tests.e2e.authority import Authority
from tests.e2e.inside import containers, succeed
from tests.e2e.lab import make_certificates
from tests.support import graders
from tests.support.checkout import Checkout
from tests.support.looking import until

DOMAIN = "grocery.test"
ISSUER = "Pebble"


@pytest.fixture(scope="module")
def pebble(built: Path, docker_host: str) -> str:
    return authorities.image(built, docker_host)


@pytest.fixture(scope="module")
def stack(make_checkout: MakeCheckout) -> Checkout:
    checkout = make_checkout()
    checkout.configure(edge={"domain": DOMAIN})
    checkout.place = graders.named(DOMAIN)
    return checkout


@pytest.fixture(scope="module")
def authority(
    client: DockerClient, pebble: str, stack: Checkout, way_out: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Authority]:
    port = stack.settings["edge"]["http_port"]
    folder = tmp_path_factory.mktemp("authority")
    with authorities.beside_stacks(
        client, pebble, folder, gateway=way_out, domain=DOMAIN, challenge_port=port
    ) as found:
        yield found


@pytest.fixture(scope="module")
def strict(
    client: DockerClient, pebble: str, stack: Checkout, way_out: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Authority]:
    """An authority that issues nothing for this stack."""
    port = stack.settings["edge"]["http_port"]
    folder = tmp_path_factory.mktemp("strict")
    with authorities.beside_stacks(
        client, pebble, folder, gateway=way_out, domain=DOMAIN, challenge_port=port, refused=True
    ) as found:
        yield found


def of(authority: Authority, **more: object) -> dict[str, Any]:
    """The settings of a certificate from this authority."""
    trusted = authority.certificates.ca + authority.root
    return {
        "kind": "acme",
        "directory": authority.directory,
        "email": "operations@example.com",
        "ca_certificate": trusted,
        **more,
    }


@pytest.fixture
def issued(stack: Checkout, authority: Authority) -> Iterator[Checkout]:
    """The stack with a certificate of the authority; whatever a test changes, its settings and one `up` are the way
    back."""
    stack.configure(edge={"certificate": of(authority)})
    stack.up()
    yield stack


def shown(checkout: Checkout, *trusted: str) -> x509.Certificate:
    """The certificate that somebody who trusts these sees."""
    context = ssl.create_default_context(cadata="\n".join(trusted))
    address = ("127.0.0.1", checkout.settings["edge"]["https_port"])
    with (
        socket.create_connection(address, timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as connection,
    ):
        found = connection.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found)


def edge_of_status(status: dict[str, Any]) -> dict[str, Any]:
    (found,) = [certificate for certificate in status["certificates"] if certificate["name"] == "edge"]
    return dict(found)


def edge_container(checkout: Checkout) -> str:
    (found,) = containers(checkout, "edge")
    return str(found["Id"])


def test_up_ends_with_a_certificate_of_the_authority(issued: Checkout, authority: Authority) -> None:
    found = shown(issued, authority.root)
    status = issued.status()
    assert status["problems"] == []
    edge = edge_of_status(status)
    assert dt.datetime.fromisoformat(edge["not_after"]) == found.not_valid_after_utc
    assert (edge["days"], edge["trusted"]) == (89, True)
    assert edge["issuer"].startswith(ISSUER)
    assert status["renewal"]["failures"] == 0
    due = dt.datetime.fromisoformat(status["renewal"]["due"])
    assert abs((found.not_valid_after_utc - due) - dt.timedelta(days=30)) < dt.timedelta(minutes=1)
    assert re.search(rf"certificate edge +89 days left, issued by {ISSUER}", issued.run("status").out)
    issued.preview("--expect-no-changes")


def test_the_authoritys_client_tells_its_figures_on_the_network_of_the_application(issued: Checkout) -> None:
    told = succeed(issued, "edge", "wget", "-q", "-O", "-", "http://acme:8080/metrics.txt")
    assert f'certificate_not_after_seconds{{domain="{DOMAIN}"}} ' in told
    assert "acme_failures_in_a_row 0" in told


def test_a_stack_that_was_down_comes_back_with_its_certificate(issued: Checkout, authority: Authority) -> None:
    before = shown(issued, authority.root)
    issued.run("down", "--yes")
    issued.up()
    assert shown(issued, authority.root) == before, "authorities limit how often they issue"


def test_a_renewal_that_fails_is_in_status_until_it_succeeds(issued: Checkout, authority: Authority) -> None:
    before = shown(issued, authority.root)
    with authority.misled(DOMAIN):
        authority.want_renewal_of(before)
        look_now(issued)
        until(lambda: issued.status()["renewal"]["failures"], "the renewal failed")
        run = issued.run("status", expect=1)
        assert "certificate edge: getting a new one failed" in run.out
        assert "unreachable" in run.out, "the authority's reason"
        assert f"what is served ends {before.not_valid_after_utc:%Y-%m-%d}" in run.out
        assert shown(issued, authority.root) == before
        told = succeed(issued, "edge", "wget", "-q", "-O", "-", "http://acme:8080/metrics.txt")
        assert "acme_failures_in_a_row 0" not in told
        assert "getting a new one failed" in issued.run("up", "--yes").err, "an update warns of it and is not held up"
    look_now(issued)
    until(lambda: shown(issued, authority.root) != before, "the next certificate is served")
    until(lambda: issued.status()["problems"] == [], "nothing is wrong any more")


def look_now(checkout: Checkout) -> None:
    """As docs/certificates.md says."""
    (found,) = containers(checkout, "acme")
    with checkout.api() as api:
        api.kill(found["Id"], "HUP")


def test_up_with_an_authority_that_refuses_ends_with_its_reason_and_the_old_certificate_serves(
    issued: Checkout, authority: Authority, strict: Authority
) -> None:
    before = shown(issued, authority.root)
    issued.configure(edge={"certificate": of(strict, start_period="10s")})
    run = issued.up(expect=1)
    assert "rejectedIdentifier" in run.text, "the authority's own reason"
    assert shown(issued, authority.root) == before


@pytest.mark.full
def test_the_first_up_with_an_authority_that_refuses_ends_with_its_reason(
    issued: Checkout, authority: Authority, strict: Authority
) -> None:
    before = shown(issued, authority.root)
    issued.run("down", "--yes")
    issued.configure(edge={"certificate": of(strict, start_period="10s")})
    run = issued.up(expect=1)
    assert "rejectedIdentifier" in run.text, "the authority's own reason"
    assert shown(issued, authority.root) == before, "what is on the volume is still good"


def test_who_vouches_is_changed_without_restarting_the_edge(issued: Checkout, authority: Authority) -> None:
    edge = edge_container(issued)
    mine = make_certificates(DOMAIN, days=90)
    issued.configure(edge={"certificate": {"kind": "provided"}})
    refused = issued.run("preview", expect=None)
    assert refused.code != 0
    assert "./grocery config secret set edge-certificate" in refused.text
    issued.set_secret("edge-certificate", mine.certificate)
    issued.set_secret("edge-key", mine.key)
    issued.up()
    assert shown(issued, mine.ca) == x509.load_pem_x509_certificate(mine.certificate.encode())
    assert edge_of_status(issued.status())["days"] == 89
    assert not containers(issued, "acme"), "nobody asks an authority any more"

    issued.set_secret("edge-key", make_certificates(DOMAIN).key)
    bad = issued.run("preview", expect=None)
    assert bad.code != 0
    assert "grocery:edge-key is not the key of the first certificate in edge-certificate" in bad.text
    assert "BEGIN" not in bad.text
    assert shown(issued, mine.ca), "nothing was changed"

    issued.configure(edge={"certificate": {"kind": "stack"}})
    issued.up()
    assert shown(issued, issued.ca_file.read_text())

    issued.configure(edge={"certificate": of(authority)})
    issued.up()
    assert shown(issued, authority.root), "the account and the certificate were kept meanwhile"
    assert edge_container(issued) == edge, "no connection was cut for it"
