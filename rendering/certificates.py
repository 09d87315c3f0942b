"""What is wrong with a certificate and its key before anybody serves them."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtensionOID

CERTIFICATE = "edge-certificate"
KEY = "edge-key"


def faults(certificate: str, key: str, *, domain: str, now: dt.datetime) -> list[str]:
    """A sentence for each reason why the PEM texts cannot stand for `domain` at the moment `now` (with its offset).

    It begins with the name of the secret at fault, and holds nothing of the key. Empty when there is none.
    """
    found = []
    try:
        leaf = x509.load_pem_x509_certificates(certificate.encode())[0]
    except ValueError:
        leaf = None
        found.append(f"{CERTIFICATE} holds no certificate; expected PEM, yours first, then those of its issuers")
    try:
        public = load_pem_private_key(key.encode(), password=None).public_key()
    except TypeError:
        return [*found, f"{KEY} is encrypted; expected a PEM private key without a passphrase"]
    except (ValueError, UnsupportedAlgorithm):
        return [*found, f"{KEY} holds no private key; expected PEM"]
    if leaf is None:
        return found
    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*encoding) != public.public_bytes(*encoding):
        found.append(f"{KEY} is not the key of the first certificate in {CERTIFICATE}")
    names = _names(leaf)
    if not any(_covers(name, domain) for name in names):
        found.append(f"{CERTIFICATE} is for {', '.join(names) or 'no name at all'}; expected {domain}")
    if now >= leaf.not_valid_after_utc:
        found.append(f"{CERTIFICATE} ended on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if now < leaf.not_valid_before_utc:
        found.append(f"{CERTIFICATE} begins only on {leaf.not_valid_before_utc:%Y-%m-%d}")
    return found


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return []
    assert isinstance(names, x509.SubjectAlternativeName)  # noqa: S101 - by its identifier
    return [name.lower() for name in names.get_values_for_type(x509.DNSName)]


def _covers(name: str, domain: str) -> bool:
    """A star stands for one label, the first."""
    return name == domain or (name.startswith("*.") and name[2:] == domain.partition(".")[2])
