"""Web push (VAPID) keys from the PEM files of a P-256 key pair."""

from __future__ import annotations

import base64

_SCALAR = slice(7, 39)  # RFC 5915: 30 77 02 01 01 04 20, then the 32 bytes
_POINT_LENGTH = 65  # RFC 5480: the uncompressed point ends the SubjectPublicKeyInfo


def private_key(sec1_pem: str) -> str:
    """The private scalar of an "EC PRIVATE KEY" (SEC 1) as 43 characters of base64url; ValueError for any other
    PEM."""
    der = _der(sec1_pem, "EC PRIVATE KEY")
    if len(der) < _SCALAR.stop or der[_SCALAR.start - 2 : _SCALAR.start] != b"\x04\x20":
        raise ValueError("expected a P-256 private key in SEC 1 form")
    return _base64url(der[_SCALAR])


def public_key(spki_pem: str) -> str:
    """The public point of a "PUBLIC KEY" (SPKI) as 87 characters of base64url; ValueError for any other PEM."""
    der = _der(spki_pem, "PUBLIC KEY")
    point = der[-_POINT_LENGTH:]
    if len(der) != 26 + _POINT_LENGTH or point[0] != 4:
        raise ValueError("expected a P-256 public key with an uncompressed point")
    return _base64url(point)


def _der(pem: str, label: str) -> bytes:
    lines = pem.strip().splitlines()
    if len(lines) < 3 or lines[0] != f"-----BEGIN {label}-----" or lines[-1] != f"-----END {label}-----":
        raise ValueError(f"expected a PEM file of the kind {label!r}")
    return base64.b64decode("".join(lines[1:-1]), validate=True)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
