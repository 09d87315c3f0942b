"""tls:PrivateKey, SelfSignedCert, CertRequest and LocallySignedCert, in the real provider's shapes."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import ProviderError
from ..schema import Many, Plain, Record
from ..wire import Properties, Value
from .base import Created, ResourceType

Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Builder: TypeAlias = x509.CertificateBuilder | x509.CertificateSigningRequestBuilder

_CURVES: Mapping[str, ec.EllipticCurve] = {
    "P224": ec.SECP224R1(),
    "P256": ec.SECP256R1(),
    "P384": ec.SECP384R1(),
    "P521": ec.SECP521R1(),
}
_KEY_USAGES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
}
_EXTENDED_USAGES = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
}
_SUBJECT = {  # in the order the names stand in a certificate
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "commonName": NameOID.COMMON_NAME,
}
_EXPIRES = {
    "validityPeriodHours": Plain(required=True, replaces=True),
    "earlyRenewalHours": Plain(default=0),
    "allowedUses": Many(item=Plain(), ordered=True, replaces=True, required=True),
    "setSubjectKeyId": Plain(default=False, replaces=True),
}
_NAMES = {
    "dnsNames": Many(item=Plain(), ordered=True, replaces=True),
    "ipAddresses": Many(item=Plain(), ordered=True, replaces=True),
    "subject": Record(replaces=True, default={}, fields={name: Plain(replaces=True) for name in _SUBJECT}),
}


class PrivateKey(ResourceType):
    schema = Record(
        fields={
            "algorithm": Plain(required=True, replaces=True),
            "ecdsaCurve": Plain(default="P224", replaces=True),
            "rsaBits": Plain(default=2048, replaces=True),
        }
    )

    def create(self, inputs: Properties) -> Created:
        key: Key
        if inputs["algorithm"] == "ECDSA" and inputs["ecdsaCurve"] in _CURVES:
            key = ec.generate_private_key(_CURVES[inputs["ecdsaCurve"]])
        elif inputs["algorithm"] == "RSA":
            key = rsa.generate_private_key(65537, inputs["rsaBits"])
        else:
            raise ProviderError(
                f"key algorithm {inputs['algorithm']!r} with curve {inputs['ecdsaCurve']!r} is not known to the local "
                f"engine; known: RSA, and ECDSA with {', '.join(_CURVES)}"
            )
        outputs = {**inputs, **_private_forms(key), **public_forms(key.public_key())}
        return Created(id=outputs["id"], outputs=outputs)


def _private_forms(key: Key) -> Properties:
    def pem(form: serialization.PrivateFormat) -> str:
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

    has_ssh_form = not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp224r1"
    return {
        "privateKeyPem": pem(serialization.PrivateFormat.TraditionalOpenSSL),
        "privateKeyPemPkcs8": pem(serialization.PrivateFormat.PKCS8),
        "privateKeyOpenssh": pem(serialization.PrivateFormat.OpenSSH) if has_ssh_form else "",
    }


def public_forms(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> Properties:
    """What the provider tells about a public key, its id among it (SHA-1 of the DER form)."""
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    forms: Properties = {
        "publicKeyPem": key.public_bytes(serialization.Encoding.PEM, info).decode(),
        "id": _state_id(key.public_bytes(serialization.Encoding.DER, info)),
        "publicKeyOpenssh": "",
        "publicKeyFingerprintMd5": "",
        "publicKeyFingerprintSha256": "",
    }
    if isinstance(key, rsa.RSAPublicKey) or key.curve.name != "secp224r1":  # SSH has no P224
        line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        blob = base64.b64decode(line.split()[1])
        md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
        forms["publicKeyOpenssh"] = line.decode() + "\n"
        forms["publicKeyFingerprintMd5"] = ":".join(md5[i : i + 2] for i in range(0, len(md5), 2))
        forms["publicKeyFingerprintSha256"] = "SHA256:" + base64.b64encode(
            hashlib.sha256(blob).digest()
        ).decode().rstrip("=")
    return forms


class CertRequest(ResourceType):
    schema = Record(fields={"privateKeyPem": Plain(required=True, replaces=True), **_NAMES})

    def create(self, inputs: Properties) -> Created:
        key = _load_key(inputs["privateKeyPem"])
        builder = x509.CertificateSigningRequestBuilder().subject_name(_name(inputs["subject"]))
        names = _alternative_names(inputs)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        request = builder.sign(key, _digest(key))
        outputs = {
            **_said(inputs),
            "certRequestPem": request.public_bytes(serialization.Encoding.PEM).decode(),
            "keyAlgorithm": _algorithm(key),
            "id": _state_id(request.public_bytes(serialization.Encoding.DER)),
        }
        return Created(id=outputs["id"], outputs=outputs)


class _Certificate(ResourceType):
    """What both kinds of certificate share: a validity, and its renewal before it ends."""

    def update(self, resource_id: str, inputs: Properties, outputs: Mapping[str, Value]) -> Properties:
        return {**outputs, **_said(inputs)}  # only the early renewal changes in place: nothing in the certificate does

    def renewal(self, outputs: Mapping[str, Value]) -> str | None:
        ends = dt.datetime.fromisoformat(outputs["validityEndTime"])
        early = dt.timedelta(hours=outputs.get("earlyRenewalHours") or 0)
        if dt.datetime.now(dt.UTC) < ends - early:
            return None
        hours = early.total_seconds() / 3600
        return f"ready for renewal: valid until {ends:%Y-%m-%d %H:%M} UTC, renewed {hours:g} h before"


class SelfSignedCert(_Certificate):
    schema = Record(
        fields={
            "privateKeyPem": Plain(required=True, replaces=True),
            "isCaCertificate": Plain(default=False, replaces=True),
            "setAuthorityKeyId": Plain(default=False, replaces=True),
            **_EXPIRES,
            **_NAMES,
        }
    )

    def create(self, inputs: Properties) -> Created:
        key = _load_key(inputs["privateKeyPem"])
        subject = _name(inputs["subject"])
        own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return _sign(
            inputs,
            subject=subject,
            issuer=subject,
            public_key=key.public_key(),
            signer=key,
            authority=own_id if inputs["setAuthorityKeyId"] else None,
            names=_alternative_names(inputs),
            extra={"keyAlgorithm": _algorithm(key)},
        )


class LocallySignedCert(_Certificate):
    schema = Record(
        fields={
            "certRequestPem": Plain(required=True, replaces=True),
            "caCertPem": Plain(required=True, replaces=True),
            "caPrivateKeyPem": Plain(required=True, replaces=True),
            "isCaCertificate": Plain(default=False, replaces=True),
            **_EXPIRES,
        }
    )

    def create(self, inputs: Properties) -> Created:
        request = x509.load_pem_x509_csr(inputs["certRequestPem"].encode())
        authority = x509.load_pem_x509_certificate(inputs["caCertPem"].encode())
        signer = _load_key(inputs["caPrivateKeyPem"])
        try:
            authority_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except x509.ExtensionNotFound:
            authority_id = None
        try:
            names = list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            names = []
        public_key = request.public_key()
        if not isinstance(public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise ProviderError("the certificate request's key is neither ECDSA nor RSA")
        return _sign(
            inputs,
            subject=request.subject,
            issuer=authority.subject,
            public_key=public_key,
            signer=signer,
            authority=authority_id,
            names=names,
            extra={"caKeyAlgorithm": _algorithm(signer)},
        )


def _sign(
    inputs: Properties,
    *,
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    signer: Key,
    authority: x509.SubjectKeyIdentifier | None,
    names: Sequence[x509.GeneralName],
    extra: Properties,
) -> Created:
    start = dt.datetime.now(dt.UTC)
    end = start + dt.timedelta(hours=inputs["validityPeriodHours"])
    serial = secrets.randbits(127) or 1
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    # The order of the extensions is the real provider's.
    usages = {usage for usage in inputs["allowedUses"] if usage in _KEY_USAGES}
    extended = [_EXTENDED_USAGES[usage] for usage in inputs["allowedUses"] if usage in _EXTENDED_USAGES]
    unknown = set(inputs["allowedUses"]) - set(_KEY_USAGES) - set(_EXTENDED_USAGES)
    if unknown:
        known = ", ".join([*_KEY_USAGES, *_EXTENDED_USAGES])
        raise ProviderError(f"allowed use {min(unknown)!r} is not known to the local engine; known: {known}")
    if usages:
        flags = {flag: usage in usages for usage, flag in _KEY_USAGES.items()}
        builder = builder.add_extension(x509.KeyUsage(**flags, encipher_only=False, decipher_only=False), critical=True)
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    is_ca = inputs["isCaCertificate"]
    builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    if inputs["setSubjectKeyId"] or is_ca:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    if authority is not None:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority)
        builder = builder.add_extension(identifier, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(signer, _digest(signer))
    outputs = {
        **_said(inputs),
        **extra,
        "certPem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "readyForRenewal": False,
        "validityStartTime": start.isoformat().replace("+00:00", "Z"),
        "validityEndTime": end.isoformat().replace("+00:00", "Z"),
        "id": str(serial),
    }
    return Created(id=outputs["id"], outputs=outputs)


def _said(inputs: Mapping[str, Value]) -> Properties:
    """Inputs as the provider reports them: what was not given is left out."""
    said = {key: value for key, value in inputs.items() if value not in (None, [])}
    if "subject" in said:
        said["subject"] = {key: value for key, value in said["subject"].items() if value}
    return said


def _load_key(pem: str) -> Key:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ProviderError("the private key is neither ECDSA nor RSA")
    return key


def _algorithm(key: Key) -> str:
    return "RSA" if isinstance(key, rsa.RSAPrivateKey) else "ECDSA"


def _digest(key: Key) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    bits = 256 if isinstance(key, rsa.RSAPrivateKey) else key.curve.key_size
    return hashes.SHA256() if bits <= 256 else hashes.SHA384() if bits <= 384 else hashes.SHA512()


def _name(subject: Mapping[str, Value]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, subject[key]) for key, oid in _SUBJECT.items() if subject.get(key)])


def _alternative_names(inputs: Mapping[str, Value]) -> list[x509.GeneralName]:
    return [
        *(x509.DNSName(name) for name in inputs["dnsNames"]),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in inputs["ipAddresses"]),
    ]


def _state_id(der: bytes) -> str:
    return hashlib.sha1(der.strip(b"\t\n\v\f\r "), usedforsecurity=False).hexdigest()
