"""Settings of what brings the data back: when it is copied, where to, for how long, and what proves it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

from settings.values import (
    AbsolutePath,
    BucketName,
    Bytes,
    HttpsOrigin,
    ImageReference,
    Model,
    PemCertificates,
    Region,
    Seconds,
    TimeOfDay,
    at_least,
    at_least_seconds,
    whole_days,
)

_DAY = 86400

Interval = Annotated[Seconds, at_least_seconds("1m")]


class Bucket(Model):
    """Any S3-compatible store; its access key is the secrets backup-bucket-key and backup-bucket-secret."""

    endpoint: HttpsOrigin
    """Its address, with the port if that is not 443."""
    bucket: BucketName
    region: Region = "us-east-1"
    prefix: AbsolutePath | None = None
    """The folder in the bucket that is this stack's alone; default: "/<stack>"."""
    uri_style: Literal["path", "host"] = "path"
    """Whether the bucket's name stands in the path or in the host name; the larger providers want "host"."""
    ca_certificate: PemCertificates | None = None
    """Of a private authority: its certificates, by which the store's is believed."""


class Schedule(Model):
    """What is due when. Intervals are counted from the first Monday, so that 7d at 02:30 is every Monday at 02:30."""

    at: TimeOfDay = "02:30"
    """The moment of a day, in UTC, that intervals are counted from."""
    full: Interval = 7 * _DAY
    differential: Interval = _DAY
    """What changed since the last full one; due where no stronger one is."""
    incremental: Interval = 6 * 3600
    """What changed since the last one of any kind."""
    drill: Interval = _DAY
    """Restores the newest backup beside the database and compares; what is known to work is as old as the last one."""


class Backups(Model):
    """Copies of the database, continuous: every minute of the last `keep` can be restored."""

    enabled: bool = True
    memory: Annotated[Bytes, at_least("256MiB")] = 384 << 20
    """Of what copies, keeps and proves: a drill runs a database of its own in it."""
    disk: Annotated[Bytes, at_least("1GiB")] = 10 << 30
    """Disk the volume may use."""
    keep: Annotated[Seconds, at_least_seconds("1d"), whole_days()] = 14 * _DAY
    """How far back in time a restore can go."""
    volume: bool = True
    """Keep backups on a volume beside the database: near, and lost with the machine."""
    bucket: Bucket | None = None
    """Keep backups in a bucket as well: what survives the machine."""
    key: Literal["generated", "provided"] = "generated"
    """Backups are encrypted with a key the stack makes, or with the secret backup-key: a new machine is given the old
    one's."""
    schedule: Schedule = Schedule()
    image: ImageReference | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.enabled and not self.volume and self.bucket is None:
            raise ValueError("neither volume nor bucket: say where backups are kept, or enabled: false")
        return self
