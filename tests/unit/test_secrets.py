"""Derivations around secrets: push keys, rotation by parity, the day an empty database may be made."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from components.network import subnet
from components.secrets import initialise_until, slot_generations, slot_in_use
from components.workload import NetworkName
from rendering import vapid


def pair(curve: ec.EllipticCurve | None = None) -> tuple[ec.EllipticCurvePrivateKey, str, str]:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return key, private, public


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_push_keys_are_the_pair_a_browser_expects() -> None:
    for _ in range(20):
        key, private, public = pair()
        assert len(vapid.private_key(private)) == 43
        assert len(vapid.public_key(public)) == 87
        assert int.from_bytes(raw(vapid.private_key(private))) == key.private_numbers().private_value
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert raw(vapid.public_key(public)) == point


def test_the_public_push_key_belongs_to_the_private_one() -> None:
    _, private, public = pair()
    derived = ec.derive_private_key(int.from_bytes(raw(vapid.private_key(private))), ec.SECP256R1())
    numbers = derived.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert raw(vapid.public_key(public)) == numbers


def test_a_key_of_another_kind_is_refused() -> None:
    _, private, public = pair(ec.SECP384R1())
    with pytest.raises(ValueError, match="P-256"):
        vapid.private_key(private)
    with pytest.raises(ValueError, match="P-256"):
        vapid.public_key(public)
    _, private, public = pair()
    with pytest.raises(ValueError, match="EC PRIVATE KEY"):
        vapid.private_key(public)
    with pytest.raises(ValueError, match="PUBLIC KEY"):
        vapid.public_key(private)
    other = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(ValueError, match="P-256"):
        vapid.public_key(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_slots_take_turns() -> None:
    assert [slot_in_use(generation) for generation in (1, 2, 3, 4)] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("generation", [1, 2, 3, 10, 11])
def test_a_rotation_makes_only_the_idle_slot_new(generation: int) -> None:
    before, after = slot_generations(generation), slot_generations(generation + 1)
    changed = {slot for slot in before if before[slot] != after[slot]}
    assert changed == {slot_in_use(generation + 1)}, "the slot that was in use stays valid"
    assert slot_in_use(generation) not in changed


@pytest.mark.parametrize(
    ("made", "until"),
    [
        ("2026-11-25T15:00:00Z", "2026-11-26T15:00:00Z"),
        ("2026-11-25T01:30:00.123456+02:00", "2026-11-25T23:30:00Z"),
        ("2028-02-28T12:00:00-05:00", "2028-02-29T17:00:00Z"),
    ],
)
def test_an_empty_database_is_accepted_for_one_day(made: str, until: str) -> None:
    assert initialise_until(made) == until


def test_a_moment_without_its_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        initialise_until("2026-11-25T15:00:00")


def test_networks_share_no_address() -> None:
    plain = {subnet("10.203.0.0/16", network).subnet for network in NetworkName}
    encrypted = {subnet("10.203.0.0/16", network, encrypted=True).subnet for network in NetworkName}
    assert len(plain | encrypted) == 2 * len(NetworkName)


def test_subnets_stay_where_they_are() -> None:
    """A network that moves is replaced, and every service on it with it."""
    assert {str(network): subnet("10.203.0.0/16", network).subnet for network in NetworkName} == {
        "edge": "10.203.0.0/24",
        "app": "10.203.1.0/24",
        "data": "10.203.2.0/24",
        "egress": "10.203.3.0/24",
        "monitoring": "10.203.4.0/24",
    }
    assert subnet("10.203.0.0/16", NetworkName.DATA).gateway == "10.203.2.1"
    assert subnet("10.203.0.0/16", NetworkName.DATA, encrypted=True).subnet == "10.203.130.0/24"
