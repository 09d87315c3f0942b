"""The certificates of a stack: what is known of them, what the edge really serves, and how its renewal goes."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from cli.stack import Stack

DAYS_WARNED = 21
PATIENCE_SECONDS = 5
EDGE = "edge"


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """`not_after` is RFC 3339. Of the one the edge serves also who issued it, and whether this machine (with what the
    settings name) trusts that."""

    name: str
    not_after: str
    days: int
    issuer: str | None = None
    trusted: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """How the client of an authority gets on. Moments are RFC 3339; `due` and `not_after` are None before the first
    certificate, `reason` unless the last attempts failed."""

    not_after: str | None
    due: str | None
    failures: int
    """In a row."""
    next: str
    reason: str | None


def known(outputs: Mapping[str, object]) -> list[Certificate]:
    """Those whose end the program's exports tell."""
    listed = outputs.get("certificates")
    if not isinstance(listed, Mapping):
        return []
    return [
        _certificate(str(name), datetime.fromisoformat(not_after))
        for name, entry in sorted(listed.items())
        if (not_after := str(entry["not_after"]))
    ]


def served(stack: Stack, url: str) -> Certificate | None:
    """The certificate the edge serves at `url`; None when it serves none."""
    asked = urlsplit(url)
    leaf, trusted = None, True
    for context in (trust(stack), accept_any()):
        try:
            leaf = _leaf(str(asked.hostname), asked.port or 443, context)
            break
        except ssl.SSLCertVerificationError:
            trusted = False
        except OSError:
            return None
    if leaf is None:
        return None
    issuer = leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME) or list(leaf.issuer)
    return _certificate(
        EDGE, leaf.not_valid_after_utc, issuer=str(issuer[0].value) if issuer else None, trusted=trusted
    )


def trust(stack: Stack) -> ssl.SSLContext:
    """Believes in the stack's own authority or, where others vouch for its name, in those of this machine, the stack's
    (until the first is issued) and the private one that the settings name."""
    own = str(stack.ca_file) if stack.ca_file.exists() else None
    chosen = stack.settings.edge.certificate
    if chosen.kind == "stack":
        return ssl.create_default_context(cafile=own)
    context = ssl.create_default_context()
    if own:
        context.load_verify_locations(cafile=own)
    if chosen.ca_certificate:
        context.load_verify_locations(cadata=chosen.ca_certificate)
    return context


def accept_any() -> ssl.SSLContext:
    """To ask who answers, and how it is: what it says of itself is judged apart."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def renewal(told: str) -> Renewal:
    """What the client of the authority tells of itself in its status.json. Raises ValueError."""
    found = json.loads(told)
    return Renewal(
        not_after=_moment(found["not_after"]),
        due=_moment(found["due"]),
        failures=int(found["failures"]),
        next=_moment(found["next"]) or datetime.now(UTC).isoformat(timespec="seconds"),
        reason=str(found["reason"]) or None,
    )


def problems(stack: Stack, certificates: Sequence[Certificate], renewing: Renewal | None) -> list[str]:
    """A sentence for each certificate that ends soon, and for a renewal that fails."""
    kind = stack.settings.edge.certificate.kind
    found = []
    for certificate in certificates:
        name, days = certificate.name, certificate.days
        if name == EDGE and kind == "acme":
            # Issued for days or for months: what matters is whether a renewal that is due succeeds.
            if days < 0:
                found.append(f"certificate {name} ended on {certificate.not_after}")
        elif days < DAYS_WARNED:
            mend = "./grocery up renews it"
            if name == EDGE and kind == "provided":
                mend = f"./grocery config secret set edge-certificate and edge-key --stack {stack.name}, then up"
            found.append(f"certificate {name} ends in {days} days: {mend}")
    if renewing and renewing.failures:
        ends = f"; what is served ends {renewing.not_after}" if renewing.not_after else ""
        times = "once" if renewing.failures == 1 else f"{renewing.failures} times in a row"
        found.append(
            f"certificate {EDGE}: getting a new one failed {times}: {renewing.reason}"
            f"{ends}; the next attempt is at {renewing.next} (docs/certificates.md)"
        )
    return found


def _certificate(
    name: str, not_after: datetime, *, issuer: str | None = None, trusted: bool | None = None
) -> Certificate:
    days = (not_after - datetime.now(UTC)).days
    return Certificate(name=name, not_after=not_after.isoformat(), days=days, issuer=issuer, trusted=trusted)


def _leaf(host: str, port: int, context: ssl.SSLContext) -> x509.Certificate:
    with (
        socket.create_connection((host, port), timeout=PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        found = connection.getpeercert(binary_form=True)
    assert found is not None  # noqa: S101 - a server always shows one
    return x509.load_der_x509_certificate(found)


def _moment(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None
