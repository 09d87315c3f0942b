"""Certificates of an authority that speaks ACME, from the first to the next one: the edge, the client that asks, and an
authority, in a network of their own."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID
from docker import DockerClient
from docker.models.containers import Container

from rendering import nginx
from tests.e2e import authority as authorities
from tests.e2e.authority import Authority
from tests.e2e.lab import Certificates, Lab, execute, healthy, logs, make_certificates, succeed, until_healthy
from tests.e2e.lone_edge import Door, start_behind, start_sockets
from tests.support.looking import until

DOMAIN = "grocery.test"
ROOMY = nginx.Zone(rate="10000r/s", burst=10000)
EDGE = nginx.Edge(
    domain=DOMAIN,
    origin=f"https://{DOMAIN}",
    hsts=False,
    general=ROOMY,
    api=ROOMY,
    auth=ROOMY,
    connections=1000,
    websockets=1000,
    auth_server="auth-server:3001",
    zero_cache="zero-cache:4848",
    acme=True,
)
LIFETIME = 120
"""Seconds: a renewal is due after half of them, and the client looks every few."""
SOCKETS = 20


@pytest.fixture
def lab(client: DockerClient, images: dict[str, str], built: Path, docker_host: str, tmp_path: Path) -> Iterator[Lab]:
    pebble = authorities.image(built, docker_host)
    a_lab = Lab(client, {**images, authorities.NAME: pebble}, tmp_path)
    yield a_lab
    a_lab.close()


@dataclass
class Site:
    """An edge with its publisher; `own` is the stack's certificate, served until another one was issued."""

    lab: Lab
    own: Certificates
    edge: Container

    def ask_for_certificates(self, authority: Authority, **more: str) -> Container:
        return self.lab.run(
            "acme",
            alias="acme",
            env={
                "DOMAIN": DOMAIN,
                "ACME_DIRECTORY": authority.directory,
                "ACME_EMAIL": "operations@example.com",
                **more,
            },
            files={"/etc/acme/ca.crt": authority.certificates.ca},
            volumes={"certificates": "/srv/certificates"},
        )

    def door(self, *trusted: str) -> Door:
        self.edge.reload()
        (network,) = self.edge.attrs["NetworkSettings"]["Networks"].values()
        return Door(address=network["IPAddress"], ca="\n".join(trusted), domain=DOMAIN, origin=EDGE.origin)


@pytest.fixture
def site(lab: Lab) -> Site:
    own = make_certificates(DOMAIN)
    start_behind(lab, "auth-server")
    volumes = {name: f"/srv/{name}" for name in ("config", "web", "certificates")}
    # By its alias the authority finds it, as it does by a public name.
    edge = lab.run("edge", alias=DOMAIN, volumes=volumes)
    publisher = lab.run(
        "edge",
        alias="edge-config",
        command=["/usr/local/bin/publish"],
        files={
            "/etc/edge/nginx.conf": nginx.render(EDGE),
            "/etc/edge/tls.crt": own.certificate,
            "/run/secrets/tls.key": own.key,
        },
        volumes={"config": "/srv/config"},
    )
    until_healthy(publisher)
    return Site(lab=lab, own=own, edge=edge)


def served(door: Door) -> x509.Certificate:
    """What the edge shows to somebody who trusts whom the door trusts."""
    with door.connect() as connection:
        shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)


def told(acme: Container) -> dict[str, object]:
    """What the client says of itself to `status`."""
    found: dict[str, object] = json.loads(succeed(acme, "cat", "/tmp/status.json"))
    return found


def figures(acme: Container) -> dict[str, float]:
    """Its metrics: name without labels -> value."""
    text = succeed(acme, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/metrics.txt")
    return {name: float(value) for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE)}


@dataclass
class Visitors:
    """with Visitors(door) as visitors: requests without end on new connections, and sockets that stay open."""

    door: Door
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Visitors:
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(3)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _visit(self) -> None:
        while not self._over.is_set():
            try:
                status = self.door.ask("/health").status
            except OSError as error:
                self.failures.append(repr(error))
            else:
                if status != 200:
                    self.failures.append(str(status))
            self.answered += 1
            self._over.wait(0.02)


def test_the_own_certificate_is_served_until_the_first_is_issued(site: Site) -> None:
    assert served(site.door(site.own.ca)).issuer.rfc4514_string().startswith("CN=a lab's CA")
    authority = authorities.start(site.lab, lifetime=LIFETIME, challenge_port=nginx.HTTP_PORT)
    acme = site.ask_for_certificates(authority)
    until_healthy(acme)
    issued = served(site.door(authority.root))
    names = issued.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(names, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == [DOMAIN]
    assert isinstance(issued.public_key(), ec.EllipticCurvePublicKey)
    assert figures(acme)["certificate_not_after_seconds"] == issued.not_valid_after_utc.timestamp()
    assert figures(acme)["certificate_live"] == 1
    assert told(acme)["failures"] == 0


def test_the_kind_of_certificate_is_the_one_that_was_chosen(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=24 * 3600, challenge_port=nginx.HTTP_PORT, brief=True)
    acme = site.ask_for_certificates(authority, ACME_PROFILE=authorities.BRIEF)
    until_healthy(acme)
    found = served(site.door(authority.root))
    lifetime = found.not_valid_after_utc - found.not_valid_before_utc
    assert abs(lifetime.total_seconds() - authorities.BRIEF_SECONDS) <= 1


def test_keys_lie_on_the_volume_of_certificates_alone_and_only_their_user_reads_them(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=LIFETIME, challenge_port=nginx.HTTP_PORT)
    acme = site.ask_for_certificates(authority)
    until_healthy(acme)
    found = succeed(acme, "find", "/srv/certificates", "-type", "f", "-perm", "/077")
    assert found == "", "the challenges are answered by a process of the same user"
    elsewhere = "grep -rlE 'BEGIN (EC )?PRIVATE KEY' /tmp /etc /usr/local || true"
    assert succeed(acme, "sh", "-c", elsewhere) == ""
    for container in (acme, site.edge):
        assert "PRIVATE KEY" not in logs(container)


def test_a_renewal_that_the_authority_wants_fails_no_request_and_cuts_no_socket(site: Site) -> None:
    start_sockets(site.lab, "zero-cache")
    authority = authorities.start(site.lab, lifetime=24 * 3600, challenge_port=nginx.HTTP_PORT)
    acme = site.ask_for_certificates(authority)
    until_healthy(acme)
    door = site.door(authority.root)
    before = served(door)
    until(lambda: door.ask("/health").status == 200, "the server behind is found by its name")
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(door.web_socket()) for _ in range(SOCKETS)]
        with Visitors(door) as visitors:
            authority.want_renewal_of(before)
            acme.kill("HUP")
            until(
                lambda: served(door).serial_number != before.serial_number,
                "the next certificate is served",
                seconds=120,
            )
            until_enough = visitors.answered + 200
            until(lambda: visitors.answered >= until_enough, "requests were answered after it")
        assert visitors.failures == [], f"{len(visitors.failures)} of {visitors.answered} requests failed"
        assert all(socket.echoes(b"still here") for socket in sockets)
    assert served(door).not_valid_after_utc > before.not_valid_after_utc
    assert figures(acme)["acme_failures_total"] == 0


def test_a_renewal_that_fails_keeps_what_is_served_and_says_so_until_it_succeeds(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=LIFETIME, challenge_port=nginx.HTTP_PORT)
    acme = site.ask_for_certificates(authority)
    until_healthy(acme)
    door = site.door(authority.root)
    before = served(door)
    account = account_of(acme)
    with authority.misled(DOMAIN):
        until(lambda: told(acme)["failures"], "a renewal was due and failed", seconds=LIFETIME)
        assert served(door) == before, "what was live still is"
        assert healthy(acme), "Swarm must not kill it for that"
        assert "unreachable" in str(told(acme)["reason"]), "the authority's own words"
        assert figures(acme)["acme_failures_in_a_row"] >= 1
        assert figures(acme)["certificate_not_after_seconds"] == before.not_valid_after_utc.timestamp()
        acme.restart(timeout=20)
        until_healthy(acme)
        assert told(acme)["failures"], "a restart forgets no failure"
    until(lambda: served(door) != before, "the next certificate is served", seconds=LIFETIME)
    assert (told(acme)["failures"], told(acme)["reason"]) == (0, "")
    assert account_of(acme) == account, "no second account for the same client"
    assert figures(acme)["acme_failures_total"] >= 1


def test_an_authority_that_refuses_is_quoted_while_the_own_certificate_is_served(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=LIFETIME, challenge_port=nginx.HTTP_PORT, refused=[DOMAIN])
    acme = site.ask_for_certificates(authority)
    until(lambda: execute(acme, "cat", "/tmp/reason")[0] == 0, "the authority refused")
    code, said = execute(acme, "/usr/local/bin/healthcheck")
    assert code == 1
    assert "no certificate yet" in said
    assert "rejectedIdentifier" in said, "the authority's own reason"
    assert served(site.door(site.own.ca)).issuer.rfc4514_string().startswith("CN=a lab's CA")


def test_an_authority_that_lost_its_accounts_gets_a_new_one(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=LIFETIME, challenge_port=nginx.HTTP_PORT)
    acme = site.ask_for_certificates(authority)
    until_healthy(acme)
    account = account_of(acme)
    before = served(site.door(authority.root))
    authority.container.restart(timeout=1)
    until(authority.is_ready, "the authority answers again")
    door = site.door(authority.root, site.own.ca)

    def renewed() -> bool:
        with contextlib.suppress(ssl.SSLError):
            return served(door) != before
        return False

    until(renewed, "a certificate of the new account is served", seconds=2 * LIFETIME)
    assert account_of(acme) != account
    assert figures(acme)["acme_failures_total"] >= 1, "the first attempt learnt that the account is gone"


def test_a_certificate_without_its_key_is_refused_and_the_old_one_serves_on(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=24 * 3600, challenge_port=nginx.HTTP_PORT)
    until_healthy(site.ask_for_certificates(authority))
    door = site.door(authority.root)
    before = served(door)
    wrong, other = make_certificates(DOMAIN), make_certificates(DOMAIN)
    ask_edge(site.edge, "badbadbadbadbad0", wrong.certificate, other.key)
    until(lambda: refusal(site.edge, "badbadbadbadbad0"), "the edge refuses it")
    assert "key values mismatch" in refusal(site.edge, "badbadbadbadbad0")
    assert served(door) == before


def test_an_edge_that_starts_again_serves_what_was_issued(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=24 * 3600, challenge_port=nginx.HTTP_PORT)
    until_healthy(site.ask_for_certificates(authority))
    before = served(site.door(authority.root))
    site.edge.restart(timeout=20)
    until_healthy(site.edge)
    assert served(site.door(authority.root)) == before


def test_an_edge_whose_issued_certificate_is_damaged_serves_its_own(site: Site) -> None:
    authority = authorities.start(site.lab, lifetime=24 * 3600, challenge_port=nginx.HTTP_PORT)
    acme = site.ask_for_certificates(authority)
    until_healthy(acme)
    acme.stop(timeout=20)
    succeed(site.edge, "sh", "-c", "echo damaged > /srv/certificates/live/tls.crt")
    site.edge.restart(timeout=20)
    until_healthy(site.edge)
    assert served(site.door(site.own.ca)).issuer.rfc4514_string().startswith("CN=a lab's CA")
    acme.start()
    until_healthy(acme)
    assert served(site.door(authority.root)), "its client has the edge serve the issued one again"


def account_of(acme: Container) -> str:
    """The account at the authority: its address there, and the key's hash."""
    script = "cat /srv/certificates/authorities/*/accounts/*/*/account.json | grep uri; "
    script += "sha256sum /srv/certificates/authorities/*/accounts/*/*/keys/*"
    return succeed(acme, "sh", "-c", script)


def ask_edge(edge: Container, identity: str, certificate: str, key: str) -> None:
    """As its publisher does, who is not asked."""
    script = 'cd /srv/certificates && mkdir -p candidate/$1 && echo "$2" > candidate/$1/tls.crt'
    script += ' && echo "$3" > candidate/$1/tls.key && echo $1 > wanted'
    succeed(edge, "sh", "-c", script, "sh", identity, certificate, key)


def refusal(edge: Container, identity: str) -> str:
    return execute(edge, "sh", "-c", f"cat /srv/certificates/refused/{identity} 2> /dev/null")[1]
