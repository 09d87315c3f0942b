"""Everything secret: what the stack makes for itself (passwords, signing keys, the push key pair, the certificate
authority), and what others issued and the stack's configuration holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_random as random
import pulumi_tls as tls
from pulumi.runtime.config import is_config_secret

from components import names
from rendering import certificates, vapid
from settings import Rotation, SecretName, SettingsError

TOKEN = "grocery:components:Secrets"  # noqa: S105 - a type token

_DAY_HOURS = 24
_CA_DAYS = 3650
_INTERNAL_DAYS = 1825
_INTERNAL_RENEWAL_DAYS = 90
_EDGE_DAYS = 365  # Mozilla's guideline allows 366, browsers 397
_EDGE_RENEWAL_DAYS = 60
_PASSWORD_LENGTH = 40
_BACKUP_KEY_LENGTH = 64

Slot = Literal["a", "b"]


@dataclass(frozen=True, kw_only=True)
class Rotating:
    """Two slots of one secret: rotating makes the idle one new and switches to it, so the other stays valid
    meanwhile."""

    slot: Slot
    """The slot in use."""
    a: pulumi.Output[str]
    b: pulumi.Output[str]

    @property
    def current(self) -> pulumi.Output[str]:
        return self.a if self.slot == "a" else self.b

    @property
    def previous(self) -> pulumi.Output[str]:
        return self.b if self.slot == "a" else self.a


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate of the stack's authority. PEM texts; `not_after` is RFC 3339."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]
    not_after: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class BackupLeaves:
    """By these the two hosts of pgBackRest know each other, whoever of them asks."""

    repository: Leaf
    database: Leaf


class External:
    """Secrets that others issued, read from the stack's secret configuration (`grocery:<name>`).

    Raises SettingsError that names each one that is needed and absent, or lies there in plain text.
    """

    def __init__(self, *, stack: str, names: Sequence[SecretName]) -> None:
        config = pulumi.Config()
        faults = [fault for name in names if (fault := _fault(config, name, stack))]
        if faults:
            raise SettingsError("The configuration is refused:\n" + "\n".join(faults))
        self._values = {name: config.require_secret(name) for name in names}

    def check_certificate(self, domain: str) -> None:
        """Refuses an edge-certificate that cannot stand for `domain` now, or whose key edge-key is not.

        Raises SettingsError.
        """
        config = pulumi.Config()
        found = certificates.faults(
            config.require(certificates.CERTIFICATE),
            config.require(certificates.KEY),
            domain=domain,
            now=dt.datetime.now(dt.UTC),
        )
        if found:
            faults = "\n".join(f"  {config.name}:{fault}" for fault in found)
            raise SettingsError(f"The certificate of the edge is refused:\n{faults}")

    def __getitem__(self, name: SecretName) -> pulumi.Output[str]:
        return self._values[name]


def _fault(config: pulumi.Config, name: SecretName, stack: str) -> str | None:
    key = f"{config.name}:{name}"
    mend = f"./grocery config secret set {name} --stack {stack}"
    if not config.get(name):
        return f"  {key}: the settings need this secret and it is not set: {mend}"
    if not is_config_secret(key):
        return f"  {key}: lies in plain text; take it out of the file, then {mend}"
    return None


def slot_in_use(generation: int) -> Slot:
    """Odd generations use slot a, even ones slot b."""
    return "a" if generation % 2 else "b"


def slot_generations(generation: int) -> dict[Slot, int]:
    """The generation each slot was last made in: the one in use in this generation, the other in the one before."""
    idle: Slot = "b" if slot_in_use(generation) == "a" else "a"
    return {slot_in_use(generation): generation, idle: generation - 1}


def initialise_until(authority_made: str) -> str:
    """One day after `authority_made` (RFC 3339, any offset), as "YYYY-MM-DDThh:mm:ssZ".

    The authority lives exactly as long as the data: an empty data directory after that day is lost data, not a first
    start.
    """
    made = dt.datetime.fromisoformat(authority_made)
    if made.tzinfo is None:
        raise ValueError(f"expected a moment with its offset from UTC, got {authority_made!r}")
    return (made.astimezone(dt.UTC) + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Secrets(pulumi.ComponentResource):
    """Produces RandomPasswords, the VAPID PrivateKey, the authority (PrivateKey, SelfSignedCert) and its leaves.

    The authority, the VAPID pair and the key of the backups are protected: `down` keeps them, as browsers,
    subscriptions and whatever was ever backed up depend on them.
    """

    postgres_admin: pulumi.Output[str]
    api: Rotating
    zero: pulumi.Output[str]
    jwt_access: Rotating
    jwt_refresh: Rotating
    zero_auth: pulumi.Output[str]
    zero_admin: pulumi.Output[str]
    monitor: pulumi.Output[str]
    """Of the role that reads the database's figures."""
    backup: pulumi.Output[str]
    """Of the role that proves backups."""
    backup_key: pulumi.Output[str]
    """Backups are encrypted with it, unless the stack was given another one's."""
    synthetic: pulumi.Output[str] | None
    """Of the account that uses the application to see whether that works; None when nobody does."""
    grafana: pulumi.Output[str] | None
    """Of Grafana's administrator; None without Grafana."""
    vapid_private: pulumi.Output[str]
    vapid_public: pulumi.Output[str]
    ca_certificate: pulumi.Output[str]
    ca_not_after: pulumi.Output[str]
    initialise_until: pulumi.Output[str]
    postgres: Leaf
    edge: Leaf
    backup_leaves: BackupLeaves | None
    """None when nothing is backed up."""

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        domain: str,
        rotation: Rotation,
        backups: bool,
        synthetic: bool,
        grafana: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """backups, synthetic, grafana: whether there is somebody for the leaves or the password of that name."""
        super().__init__(TOKEN, name, None, opts)
        self._name = name
        self.postgres_admin = self._password("postgres-admin", rotation.postgres_admin)
        self.api = self._rotating("api", rotation.api)
        self.zero = self._password("zero", rotation.zero)
        self.jwt_access = self._rotating("jwt-access", rotation.jwt_access)
        self.jwt_refresh = self._rotating("jwt-refresh", rotation.jwt_refresh)
        self.zero_auth = self._password("zero-auth", rotation.zero_auth)
        self.zero_admin = self._password("zero-admin", rotation.zero_admin)
        self.monitor = self._password("monitor", rotation.monitor)
        self.backup = self._password("backup", rotation.backup)
        # Not rotated: what was encrypted with one key cannot be read with the next.
        self.backup_key = self._password("backup-key", 1, length=_BACKUP_KEY_LENGTH, protect=True)
        self.synthetic = self._password("synthetic", rotation.synthetic) if synthetic else None
        self.grafana = self._password("grafana", rotation.grafana) if grafana else None

        push = self._private_key("vapid", protect=True)
        self.vapid_private = push.private_key_pem.apply(vapid.private_key)
        self.vapid_public = push.public_key_pem.apply(vapid.public_key)

        self._authority_key = self._private_key("ca", protect=True)
        self._authority = tls.SelfSignedCert(
            f"{name}-ca",
            private_key_pem=self._authority_key.private_key_pem,
            is_ca_certificate=True,
            validity_period_hours=_CA_DAYS * _DAY_HOURS,
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            subject=tls.SelfSignedCertSubjectArgs(common_name=f"Grocery List {stack} CA", organization="Grocery List"),
            set_subject_key_id=True,
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        self.ca_certificate = self._authority.cert_pem
        self.ca_not_after = self._authority.validity_end_time
        self.initialise_until = self._authority.validity_start_time.apply(initialise_until)
        self.postgres = self._leaf("postgres", "postgres", days=_INTERNAL_DAYS, renewal_days=_INTERNAL_RENEWAL_DAYS)
        self.edge = self._leaf("edge", domain, days=_EDGE_DAYS, renewal_days=_EDGE_RENEWAL_DAYS)
        self.backup_leaves = (
            BackupLeaves(
                repository=self._peer("backups", names.BACKUPS, host=names.BACKUPS),
                database=self._peer("postgres-backup", names.POSTGRES_BACKUP, host=names.POSTGRES),
            )
            if backups
            else None
        )
        self.register_outputs({})

    def _password(
        self, key: str, generation: int, *, length: int = _PASSWORD_LENGTH, protect: bool = False
    ) -> pulumi.Output[str]:
        # Letters and digits only: it stands in URLs, files and SQL without quoting.
        return random.RandomPassword(
            f"{self._name}-{key}",
            length=length,
            special=False,
            keepers={"generation": str(generation)},
            opts=pulumi.ResourceOptions(parent=self, protect=protect or None),
        ).result

    def _rotating(self, key: str, generation: int) -> Rotating:
        made = slot_generations(generation)
        return Rotating(
            slot=slot_in_use(generation),
            a=self._password(f"{key}-a", made["a"]),
            b=self._password(f"{key}-b", made["b"]),
        )

    def _private_key(self, key: str, *, protect: bool = False) -> tls.PrivateKey:
        return tls.PrivateKey(
            f"{self._name}-{key}",
            algorithm="ECDSA",
            ecdsa_curve="P256",
            # Unset, not false, on the others: what a caller protects as a whole stays protected.
            opts=pulumi.ResourceOptions(parent=self, protect=protect or None),
        )

    def _peer(self, key: str, name: str, *, host: str) -> Leaf:
        """Of a host that is asked and asks: `name` is whom the other lets in, `host` where the other finds it."""
        return self._leaf(
            key, host, days=_INTERNAL_DAYS, renewal_days=_INTERNAL_RENEWAL_DAYS, name=name, uses=("client_auth",)
        )

    def _leaf(
        self, key: str, host: str, *, days: int, renewal_days: int, name: str = "", uses: Sequence[str] = ()
    ) -> Leaf:
        private = self._private_key(key)
        request = tls.CertRequest(
            f"{self._name}-{key}",
            private_key_pem=private.private_key_pem,
            dns_names=[host],
            subject=tls.CertRequestSubjectArgs(common_name=name or host),
            opts=pulumi.ResourceOptions(parent=self),
        )
        certificate = tls.LocallySignedCert(
            f"{self._name}-{key}",
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=self._authority_key.private_key_pem,
            ca_cert_pem=self._authority.cert_pem,
            validity_period_hours=days * _DAY_HOURS,
            early_renewal_hours=renewal_days * _DAY_HOURS,
            allowed_uses=["server_auth", "digital_signature", "key_encipherment", *uses],
            set_subject_key_id=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return Leaf(
            certificate=certificate.cert_pem, key=private.private_key_pem, not_after=certificate.validity_end_time
        )
