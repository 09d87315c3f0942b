"""Who vouches for the edge's name: what each kind of certificate makes of the graph, which given certificates are
refused, and when an issued one is renewed."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pulumi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.certificates import Certificate, problems, renewal
from cli.stack import Stack, open_stack
from rendering.certificates import faults
from tests.unit.recording import DOCKER_CONFIG, ROOT, Recording, Registration, Secret, decoded, record

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
DAY = 86400
ACME = {"kind": "acme", "email": "operations@example.com", "directory": "https://ca.test/directory"}


def make_pair(*names: str, begins: dt.datetime = NOW, days: int = 90) -> tuple[str, str]:
    """A certificate for `names` and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "not looked at")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begins).not_valid_after(begins + dt.timedelta(days=days))
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return certificate.decode(), pem(key)


def pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


# --- given ones ---


@pytest.mark.parametrize("names", [("grocery.test",), ("other.test", "grocery.test"), ("*.test",)])
def test_a_certificate_that_covers_the_name_is_taken(names: tuple[str, ...]) -> None:
    assert faults(*make_pair(*names), domain="grocery.test", now=NOW) == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("other.test",), "is for other.test; expected grocery.test"),
        (("*.grocery.test",), "is for *.grocery.test; expected grocery.test"),
        (("*.example.test",), "expected grocery.test"),
        ((), "is for no name at all"),
    ],
)
def test_a_certificate_for_another_name_is_refused(names: tuple[str, ...], said: str) -> None:
    (fault,) = faults(*make_pair(*names), domain="grocery.test", now=NOW)
    assert fault.startswith("edge-certificate ") and said in fault


def test_a_star_stands_for_one_label_only() -> None:
    assert faults(*make_pair("*.test"), domain="a.grocery.test", now=NOW)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (NOW + dt.timedelta(days=90), "edge-certificate ended on 2027-02-23"),
        (NOW - dt.timedelta(seconds=1), "edge-certificate begins only on 2026-11-25"),
    ],
)
def test_a_certificate_out_of_its_time_is_refused(now: dt.datetime, said: str) -> None:
    assert faults(*make_pair("grocery.test"), domain="grocery.test", now=now) == [said]


def test_the_key_of_another_certificate_is_refused() -> None:
    certificate, _ = make_pair("grocery.test")
    _, key = make_pair("grocery.test")
    (fault,) = faults(certificate, key, domain="grocery.test", now=NOW)
    assert fault == "edge-key is not the key of the first certificate in edge-certificate"


def test_the_first_certificate_counts_whatever_chain_follows() -> None:
    leaf, key = make_pair("grocery.test")
    issuer, _ = make_pair("an issuer")
    assert faults(leaf + issuer, key, domain="grocery.test", now=NOW) == []
    assert "is not the key of the first" in faults(issuer + leaf, key, domain="grocery.test", now=NOW)[0]


def test_what_is_no_pem_is_refused_without_showing_it() -> None:
    certificate, key = make_pair("grocery.test")
    swapped = faults(key, certificate, domain="grocery.test", now=NOW)
    assert [fault.partition(" holds")[0] for fault in swapped] == ["edge-certificate", "edge-key"]
    locked = pem(ec.generate_private_key(ec.SECP256R1()), b"passphrase")
    (fault,) = faults(certificate, locked, domain="grocery.test", now=NOW)
    assert "is encrypted" in fault
    middle = key.splitlines()[1]
    assert middle not in str(swapped)


# --- the graph ---


def with_certificate(certificate: dict[str, str], **external: str) -> Recording:
    settings = {"edge": {"domain": "grocery.test", "certificate": certificate}}
    return record("local", settings, preview=False, external=external)


def given() -> dict[str, str]:
    certificate, key = make_pair("grocery.test", begins=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    return {"edge-certificate": certificate, "edge-key": key}


def files(service: Registration) -> set[str]:
    """Paths of the secrets and configs a service is given."""
    container = service.inputs["taskSpec"]["containerSpec"]
    return {file["fileName"] for kind in ("secrets", "configs") for file in container.get(kind, [])}


def test_a_given_certificate_reaches_the_publisher_as_secrets_and_nobody_else() -> None:
    mine = given()
    recording = with_certificate({"kind": "provided"}, **mine)
    publisher = recording.service("edge-config")
    assert files(publisher) == {"/etc/edge/nginx.conf", "/run/secrets/tls.crt", "/run/secrets/tls.key"}
    for file, name in (("tls-crt", "edge-certificate"), ("tls-key", "edge-key")):
        secret = recording.named("docker:index/secret:Secret", f"local-edge-config-{file}")
        assert isinstance(secret.inputs["data"], Secret)
        assert decoded(secret.inputs["data"].value) == mine[name]


def test_a_given_certificate_that_cannot_be_served_is_refused_before_anything_is_registered() -> None:
    other = given() | {"edge-key": make_pair("grocery.test")[1]}
    with pytest.raises(pulumi.RunError, match="grocery:edge-key is not the key of the first certificate") as refusal:
        with_certificate({"kind": "provided"}, **other)
    assert "BEGIN" not in str(refusal.value)


def test_a_given_certificate_is_demanded_by_name() -> None:
    with pytest.raises(pulumi.RunError, match=r"\./grocery config secret set edge-certificate"):
        with_certificate({"kind": "provided"})


def test_an_authority_of_others_is_asked_by_a_workload_that_shares_a_volume_with_the_edge() -> None:
    recording = with_certificate(ACME)
    acme = recording.service("acme").inputs["taskSpec"]["containerSpec"]
    assert acme["env"] == {
        "DOMAIN": "grocery.test",
        "ACME_DIRECTORY": "https://ca.test/directory",
        "ACME_EMAIL": "operations@example.com",
    }
    short = with_certificate(ACME | {"profile": "shortlived"}).service("acme").inputs["taskSpec"]["containerSpec"]
    assert short["env"] == acme["env"] | {"ACME_PROFILE": "shortlived"}
    shared = [
        {
            mount["source"]
            for mount in recording.service(workload).inputs["taskSpec"]["containerSpec"]["mounts"]
            if mount["target"] == "/srv/certificates"
        }
        for workload in ("acme", "edge")
    ]
    assert shared == [{"local-acme"}, {"local-acme"}]


def test_the_authority_is_asked_once_the_edge_can_answer_its_challenge() -> None:
    recording = with_certificate(ACME)
    before = recording.service("acme").dependencies
    assert {recording.service("edge").urn, recording.service("edge-config").urn} <= before


def test_the_certificate_served_until_the_first_issue_is_the_stacks_own() -> None:
    recording = with_certificate(ACME)
    assert {"/etc/edge/tls.crt", "/run/secrets/tls.key"} <= files(recording.service("edge-config"))
    text = decoded(recording.named(DOCKER_CONFIG, "local-edge-config-nginx-conf").inputs["data"])
    assert "include /tmp/certificate.conf;" in text
    assert "ssl_certificate " not in text, "which one is served is the watcher's decision"


def test_a_private_authority_is_trusted_by_the_client_alone() -> None:
    root, _ = make_pair("a root")
    recording = with_certificate(ACME | {"ca_certificate": root})
    assert files(recording.service("acme")) == {"/etc/acme/ca.crt"}
    assert decoded(recording.named(DOCKER_CONFIG, "local-acme-ca-crt").inputs["data"]) == root


def test_who_vouches_for_the_name_changes_nothing_of_the_edge_itself() -> None:
    services = [
        recording.service("edge").inputs
        for recording in (
            with_certificate({"kind": "stack"}),
            with_certificate(ACME),
            with_certificate({"kind": "provided"}, **given()),
        )
    ]
    assert services[0] == services[1] == services[2], "changing it would restart the edge and cut every connection"


# --- when it is renewed ---


def decide(*call: object) -> int:
    """A function of images/acme/decisions, in the shell it is written for; its answer."""
    script = f'. "{ROOT}/images/acme/decisions"; ' + " ".join(map(str, call))
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize(
    ("days", "left"),
    [(90, 30), (45, 15), (47, 47 / 3), (11, 11 / 3), (10, 5), (6, 3), (1, 0.5)],
)
def test_a_renewal_is_due_with_a_third_of_the_lifetime_left_or_half_of_a_short_one(days: int, left: float) -> None:
    begins = 1_800_000_000
    due = decide("due_at", begins, begins + days * DAY)
    assert abs((begins + days * DAY - due) - left * DAY) <= 1


RANDOMS = (0, 499, 999, 65535)


@pytest.mark.parametrize("random", RANDOMS)
def test_failures_are_followed_by_pauses_that_double(random: int) -> None:
    pauses = [decide("pause_after", failures, 90 * DAY, random) for failures in (1, 2, 3, 4, 5)]
    for pause, middle in zip(pauses, (60, 120, 240, 480, 960), strict=True):
        assert middle * 0.74 <= pause <= middle * 1.26


@pytest.mark.parametrize("days", [90, 45, 6, 1])
def test_a_certificate_is_tried_for_many_times_before_it_ends(days: int) -> None:
    longest = decide("pause_after", 100, days * DAY, 999)
    left = days * DAY - decide("due_at", 0, days * DAY)
    assert left / longest > 8, "an authority may be away for a while"
    assert longest <= 1.25 * 3600, "nor does it take long to notice that it is back"


def test_jitter_spreads_what_comes_at_once() -> None:
    assert len({decide("spread", 21600, random) for random in RANDOMS}) == len(RANDOMS)
    assert decide("spread", 1000, 0) == 750
    assert decide("spread", 1000, 999) == 1249


@pytest.mark.parametrize("random", RANDOMS)
def test_the_authority_is_asked_four_times_a_day_whether_it_wants_a_renewal(random: int) -> None:
    now = 1_800_000_000
    look = decide("next_look", now, now - DAY, now + 89 * DAY, 0, random)
    assert 4.5 * 3600 <= look - now <= 7.5 * 3600


@pytest.mark.parametrize("random", RANDOMS)
def test_the_next_look_is_no_later_than_a_step_after_the_renewal_is_due(random: int) -> None:
    begins, ends = 1_800_000_000, 1_800_000_000 + 90 * DAY
    due = decide("due_at", begins, ends)
    look = decide("next_look", due - 60, begins, ends, 0, random)
    assert due - 60 < look <= due + 6 * 3600


def test_after_a_failure_the_pause_decides_not_the_due_date() -> None:
    now = 1_800_000_000
    look = decide("next_look", now, now - 80 * DAY, now + 10 * DAY, 1, 0)
    assert look - now == 45


def test_without_a_certificate_failures_are_spaced_all_the_same() -> None:
    """The first certificate has no dates yet: 0 and 0."""
    now = 1_800_000_000
    assert 0 < decide("next_look", now, 0, 0, 1, 999) - now <= 75
    assert decide("next_look", now, 0, 0, 9, 0) - now == 2700


# --- what `status` says of them ---


def stack_with(folder: Path, certificate: dict[str, str]) -> Stack:
    domain = "localhost" if certificate["kind"] == "stack" else "grocery.test"
    settings = {"edge": {"domain": domain, "certificate": certificate}}
    (folder / "Pulumi.local.yaml").write_text(json.dumps({"config": {"grocery:settings": settings}}))
    return open_stack("local", folder)


def ends_in(days: int) -> Certificate:
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days, hours=1)
    return Certificate(name="edge", not_after=ends.isoformat(), days=days)


FAILING = json.dumps(
    {"not_after": 1_800_000_000, "due": 1_799_000_000, "failures": 3, "next": 1_799_100_000, "reason": "403 no"}
)


@pytest.mark.parametrize(
    ("certificate", "days", "said"),
    [
        ({"kind": "stack"}, 20, "ends in 20 days: ./grocery up renews it"),
        ({"kind": "provided"}, 20, "ends in 20 days: ./grocery config secret set edge-certificate"),
        (ACME, -1, "ended on "),
    ],
)
def test_a_certificate_that_ends_soon_is_a_problem_with_its_cure(
    tmp_path: Path, certificate: dict[str, str], days: int, said: str
) -> None:
    (problem,) = problems(stack_with(tmp_path, certificate), [ends_in(days)], None)
    assert said in problem


def test_a_short_certificate_that_is_renewed_in_time_is_no_problem(tmp_path: Path) -> None:
    assert problems(stack_with(tmp_path, ACME), [ends_in(3)], None) == []
    assert problems(stack_with(tmp_path, {"kind": "stack"}), [ends_in(22)], None) == []


def test_a_renewal_that_fails_says_why_what_still_serves_and_when_it_goes_on(tmp_path: Path) -> None:
    (problem,) = problems(stack_with(tmp_path, ACME), [ends_in(30)], renewal(FAILING))
    assert "failed 3 times in a row: 403 no; what is served ends 2027-01-15" in problem
    assert "the next attempt is at 2027-01-04" in problem


def test_before_the_first_certificate_there_is_no_end_to_tell(tmp_path: Path) -> None:
    told = renewal('{"not_after": 0, "due": 0, "failures": 0, "next": 0, "reason": ""}')
    assert (told.not_after, told.due, told.reason) == (None, None, None)
    assert problems(stack_with(tmp_path, ACME), [], told) == []
