"""Kinds of values a setting may have: how each is written, what is refused, and how that is said."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SIZE = re.compile(r"^([1-9][0-9]*)(KiB|MiB|GiB|TiB)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"^([1-9][0-9]*)([smhd])$")
_RATE = re.compile(r"^[1-9][0-9]*r/[sm]$")
_DOMAIN = re.compile(
    r"^(?=.{1,253}$)(?![0-9.]+$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
)
STACK_NAME = re.compile(r"^[a-z][a-z0-9-]{0,15}$")
ENVIRONMENT_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_TIME_OF_DAY = re.compile(r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
_HTTPS_ORIGIN = re.compile(r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_REGION = re.compile(r"^[a-z0-9-]{1,63}$")
_ABSOLUTE_PATH = re.compile(r"^(/[A-Za-z0-9._-]+)+$")
_HTTPS_URL = re.compile(r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$")
# Plain HTTP too: a collector of one's own may be behind a network of one's own.
_COLLECTOR_URL = re.compile(r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$")
_CHANNEL = re.compile(r"^#[a-z0-9._-]{1,79}$")
_EMAIL = re.compile(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$")
_PROFILE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_PEM_CERTIFICATES = re.compile(r"^\s*(-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$")
_HOST = re.compile(rf"({_DOMAIN.pattern})|^([0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}$")
# `*.` stands for any name in front; plain HTTP only for a service that is named in full.
_PUSH_SERVICE = re.compile(r"^(https://(\*\.)?[a-z0-9.-]+(:[0-9]{1,5})?|http://[a-z0-9.-]+(:[0-9]{1,5})?)$")
_SENDER = re.compile(r"^([^<>\r\n\"]+ <[^<>\s]+@[^<>\s]+>|[^<>\s]+@[^<>\s]+)$")
_DOCKER_HOST = re.compile(r"^(unix:///[^\s]+|ssh://[^\s@/]+@[^\s@/]+)$")
# A reference that names exactly one content: a registry digest, an image ID, or a local tag that is a content hash.
PINNED_IMAGE = re.compile(
    r"^(sha256:[0-9a-f]{64}|[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}|[a-z0-9][a-z0-9._/-]*:[0-9a-f]{12,64})$"
)
# An environment variable of a service can be read by anyone who may inspect it.
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|PRIVATE|API_KEY|CREDENTIAL|DSN", re.IGNORECASE)


def parse_size(text: object) -> int:
    """ "512MiB" -> 536870912 (bytes)."""
    found = SIZE.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('expected a size such as "512MiB" (a whole number and KiB, MiB, GiB or TiB)')
    return int(found[1]) * _UNITS[found[2]]


def parse_duration(text: object) -> int:
    """ "5m" -> 300 (seconds)."""
    found = DURATION.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('expected a duration such as "30s", "5m" or "1h"')
    return int(found[1]) * _SECONDS[found[2]]


def matching(pattern: re.Pattern[str], expected: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and not pattern.match(value):
            raise ValueError(f"expected {expected}")
        return value

    return BeforeValidator(check)


def _moment(value: object) -> object:
    """RFC 3339 in UTC, the one form the PostgreSQL entrypoint reads."""
    if isinstance(value, str):
        try:
            datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise ValueError('expected a moment in UTC such as "2027-01-31T12:00:00Z"') from None
    return value


def _pool(value: object) -> object:
    if isinstance(value, str):
        expected = 'expected a private IPv4 /16 such as "10.203.0.0/16"'
        try:
            network = ipaddress.IPv4Network(value)
        except ValueError:
            raise ValueError(expected) from None
        if network.prefixlen != 16 or not network.is_private:
            raise ValueError(expected)
    return value


def _network(value: object) -> object:
    if isinstance(value, str):
        expected = 'expected a network such as "10.0.0.0/8" or "2001:db8::/32", with no bits set beyond its length'
        try:
            network = ipaddress.ip_network(value)
        except ValueError:
            raise ValueError(expected) from None
        if network.prefixlen == 0:
            raise ValueError("this is everybody: name the networks that are meant")
    return value


def format_size(size: int) -> str:
    """536870912 (bytes, whole KiB) -> "512MiB", in the largest unit without a remainder."""
    unit = next(unit for unit in reversed(_UNITS) if size % _UNITS[unit] == 0)
    return f"{size // _UNITS[unit]}{unit}"


def format_duration(seconds: int) -> str:
    """300 (seconds) -> "5m", in the largest unit without a remainder."""
    unit = next(unit for unit in reversed(_SECONDS) if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": SIZE.pattern}),
]
Seconds = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION.pattern}),
]


def at_least(minimum: str) -> AfterValidator:
    def check(value: int) -> int:
        if value < parse_size(minimum):
            raise ValueError(f"expected at least {minimum}")
        return value

    return AfterValidator(check)


def at_least_seconds(minimum: str) -> AfterValidator:
    def check(value: int) -> int:
        if value < parse_duration(minimum):
            raise ValueError(f"expected at least {minimum}")
        return value

    return AfterValidator(check)


def whole_days() -> AfterValidator:
    def check(value: int) -> int:
        if value % _SECONDS["d"]:
            raise ValueError('expected whole days such as "14d"')
        return value

    return AfterValidator(check)


Rate = Annotated[
    str, matching(_RATE, '"<number>r/s" or "<number>r/m"'), Field(json_schema_extra={"pattern": _RATE.pattern})
]
Domain = Annotated[
    str,
    matching(_DOMAIN, 'a lower-case host name such as "grocery.example.com" (no address: certificates are for names)'),
]
MailHost = Annotated[str, matching(_HOST, 'a lower-case host name such as "smtp.example.com", or an IPv4 address')]
DockerHost = Annotated[
    str,
    matching(_DOCKER_HOST, '"unix:///path" or "ssh://user@host" (plain tcp:// would hand the engine to the network)'),
]
ImageReference = Annotated[
    str,
    matching(
        PINNED_IMAGE, '"registry/name@sha256:<64 hex>" or an image ID "sha256:<64 hex>"; a moving tag is no release'
    ),
]
HttpsUrl = Annotated[str, matching(_HTTPS_URL, 'an address such as "https://acme.example.com/directory"')]
HttpsOrigin = Annotated[
    str, matching(_HTTPS_ORIGIN, 'an address without a path such as "https://s3.eu-central-1.amazonaws.com"')
]
BucketName = Annotated[str, matching(_BUCKET, "the name of a bucket: 3 to 63 lower-case letters, digits, dots, dashes")]
Region = Annotated[str, matching(_REGION, 'the name of a region such as "eu-central-1"')]
TimeOfDay = Annotated[str, matching(_TIME_OF_DAY, 'a time of day in UTC such as "02:30"')]
CollectorUrl = Annotated[str, matching(_COLLECTOR_URL, 'an address such as "https://logs.example.com:4318"')]
MailAddress = Annotated[str, matching(_EMAIL, 'an e-mail address such as "operations@example.com"')]
Profile = Annotated[str, matching(_PROFILE, 'the name of a profile such as "shortlived"')]
PemCertificates = Annotated[str, matching(_PEM_CERTIFICATES, "certificates in PEM")]
Sender = Annotated[str, matching(_SENDER, 'a sender such as "Grocery List <no-reply@example.com>"')]
Channel = Annotated[str, matching(_CHANNEL, 'a channel such as "#alerts"')]
PushService = Annotated[
    str,
    matching(_PUSH_SERVICE, 'an origin such as "https://push.example.com" or "https://*.push.example.com"'),
]
Moment = Annotated[str, BeforeValidator(_moment)]
Pool = Annotated[str, BeforeValidator(_pool)]
Cidr = Annotated[str, BeforeValidator(_network)]
AbsolutePath = Annotated[str, matching(_ABSOLUTE_PATH, "an absolute path of plain characters")]
Port = Annotated[int, Field(ge=1, le=65535)]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)
