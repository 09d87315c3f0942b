"""pgBackRest's configuration on its two hosts: the one with the repositories, and the one with the database.

They speak TLS with each other, and each lets exactly the other in. The database's host knows neither the key nor the
credentials of a bucket: whatever goes to a repository goes through the other host.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

STANZA = "grocery"
CONF = "/etc/pgbackrest/pgbackrest.conf"
CERTIFICATE = "/etc/pgbackrest/tls.crt"
BUCKET_AUTHORITY = "/etc/pgbackrest/bucket-ca.crt"
REPOSITORY = "/var/lib/pgbackrest/repository"

# Secrets, as files of the folder that pgBackRest includes: of those it reads what ends in .conf.
SECRETS = "/run/secrets"
KEY_FILE = "pgbackrest.key"
SECRET_CONF = "repository.conf"  # noqa: S105 - the name of a secret

_PGDATA = "/var/lib/postgresql/data"
_PGSOCKET = "/run/postgresql"
_HTTPS = 443

Option = tuple[str, object]


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A repository in a folder of the repository host."""

    kind: Literal["volume"] = "volume"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A repository in an S3-compatible store; `authority`: its certificate is judged by BUCKET_AUTHORITY."""

    host: str
    port: int
    bucket: str
    region: str
    path: str
    uri_style: Literal["path", "host"]
    authority: bool
    kind: Literal["bucket"] = "bucket"


Repository = Volume | Bucket


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The other host: where it listens, and whom its certificate names."""

    host: str
    port: int
    name: str


def repository_host(*, repositories: Sequence[Repository], keep_days: int, database: Peer, authority: str) -> str:
    """pgbackrest.conf of the host with the repositories, numbered from 1 in the order given.

    authority: file with the certificates that `database` is judged by.
    """
    return _file(
        (
            "global",
            [
                *_server(database, authority),
                *_everywhere(),
                ("process-max", 1),
                ("start-fast", "y"),
                ("checksum-page", "y"),
                ("archive-check", "y"),
                *(
                    option
                    for number, repository in enumerate(repositories, 1)
                    for option in _repository(f"repo{number}", repository, keep_days)
                ),
            ],
        ),
        (STANZA, [*_client("pg1-host", database, authority), *_database()]),
    )


def database_host(*, repositories: int, repository: Peer, authority: str, archive_queue: int) -> str:
    """pgbackrest.conf of the host with the database.

    archive_queue: bytes of log that may wait for the repositories; beyond it log is dropped, as the disk is not
    endless and people's writes come first.
    """
    return _file(
        (
            "global",
            [
                *_server(repository, authority),
                *_everywhere(),
                ("archive-push-queue-max", archive_queue),
                # How long a connection may take: a database that stops while nobody is there to take the last of its
                # log tries six times, and its time for that is short.
                ("io-timeout", 3),
                *(
                    option
                    for number in range(1, repositories + 1)
                    for option in _client(f"repo{number}-host", repository, authority)
                ),
            ],
        ),
        (STANZA, [*_database()]),
    )


def secret_conf(repositories: Sequence[Repository], *, key: str, access_key: str = "", access_secret: str = "") -> str:
    """What of the repository host's configuration nobody else may read; access_*: of the bucket, if there is one."""
    options: list[Option] = []
    for number, repository in enumerate(repositories, 1):
        options.append((f"repo{number}-cipher-pass", key))
        if repository.kind == "bucket":
            options += [(f"repo{number}-s3-key", access_key), (f"repo{number}-s3-key-secret", access_secret)]
    return _file(("global", options))


def _server(other: Peer, authority: str) -> list[Option]:
    return [
        ("tls-server-address", "*"),
        ("tls-server-port", other.port),
        ("tls-server-ca-file", authority),
        ("tls-server-cert-file", CERTIFICATE),
        ("tls-server-key-file", f"{SECRETS}/{KEY_FILE}"),
        ("tls-server-auth", f"{other.name}={STANZA}"),
    ]


def _client(prefix: str, other: Peer, authority: str) -> list[Option]:
    return [
        (prefix, other.host),
        (f"{prefix}-type", "tls"),
        (f"{prefix}-port", other.port),
        (f"{prefix}-ca-file", authority),
        (f"{prefix}-cert-file", CERTIFICATE),
        (f"{prefix}-key-file", f"{SECRETS}/{KEY_FILE}"),
    ]


def _everywhere() -> list[Option]:
    # The root file system is read-only; what is said goes to the container's log.
    return [
        ("lock-path", "/tmp/pgbackrest"),  # noqa: S108 - a tmpfs of the container
        ("log-path", "/tmp/pgbackrest"),  # noqa: S108
        ("log-level-file", "off"),
        ("log-level-console", "warn"),
        ("compress-type", "zst"),
    ]


def _database() -> list[Option]:
    return [("pg1-path", _PGDATA), ("pg1-socket-path", _PGSOCKET)]


def _repository(prefix: str, repository: Repository, keep_days: int) -> list[Option]:
    place: list[Option]
    if repository.kind == "volume":
        place = [(f"{prefix}-path", REPOSITORY)]
    else:
        place = [
            (f"{prefix}-type", "s3"),
            (f"{prefix}-path", repository.path),
            (f"{prefix}-s3-endpoint", repository.host),
            *([(f"{prefix}-storage-port", repository.port)] if repository.port != _HTTPS else []),
            (f"{prefix}-s3-bucket", repository.bucket),
            (f"{prefix}-s3-region", repository.region),
            (f"{prefix}-s3-uri-style", repository.uri_style),
            (f"{prefix}-storage-verify-tls", "y"),
            *([(f"{prefix}-storage-ca-file", BUCKET_AUTHORITY)] if repository.authority else []),
        ]
    return [
        *place,
        (f"{prefix}-cipher-type", "aes-256-cbc"),
        # A cluster is hundreds of files of some kilobytes: together they are a few large ones.
        (f"{prefix}-bundle", "y"),
        # By time: a full backup goes once the range reaches back to the next one, and the log before it goes with it.
        (f"{prefix}-retention-full-type", "time"),
        (f"{prefix}-retention-full", keep_days),
    ]


def _file(*sections: tuple[str, Iterable[Option]]) -> str:
    return "\n".join(
        "".join([f"[{section}]\n", *(f"{key}={value}\n" for key, value in options)]) for section, options in sections
    )
