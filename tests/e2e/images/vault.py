"""A database and the host of its repositories, as a stack runs them, on a network of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docker.models.containers import Container

from rendering import pgbackrest
from rendering.disk import Disk
from rendering.postgres import Server, render_conf, render_hba
from tests.e2e.lab import Authority, Certificates, Lab, execute, logs, succeed, until_exit, until_healthy
from tests.support.looking import until

CA_FILE = "/etc/grocery/ca.crt"
KEY = "TheKeyOfTheBackups" * 3
PASSWORDS = {
    f"/run/secrets/{role}_password": f"PasswordOf{role.replace('_', '').title()}1"
    for role in ("postgres_admin", "api_a", "api_b", "zero", "monitor", "backup")
}
PORT = 8432
DISK = Disk(database=64 << 30, archiving=True, archive_timeout=5)
_DATA = "/var/lib/postgresql"
_FUTURE = "2999-01-01T00:00:00Z"
_MARKERS = "/usr/local/share/grocery"

# Nothing is due by itself within the life of a test.
_NEVER = "315360000"
QUIET = {f"SCHEDULE_{kind}": _NEVER for kind in ("FULL", "DIFFERENTIAL", "INCREMENTAL", "DRILL")}
SCHEMA = {
    "/schema/0001_thing.sql": """
        CREATE TABLE public.thing (id int PRIMARY KEY, note text);
        CREATE SCHEMA other; CREATE TABLE other.thing (id int PRIMARY KEY, at timestamptz, amount float8);
    """
}


@dataclass(kw_only=True)
class Vault:
    """Starts the parts; `generation` names the volumes, so that another one is another machine."""

    lab: Lab
    authority: Authority = field(default_factory=Authority)
    repositories: Sequence[pgbackrest.Repository] = (pgbackrest.Volume(),)
    key: str = KEY
    disk: Disk = DISK
    memory: int = 384 << 20

    def __post_init__(self) -> None:
        self.server = self.authority.issue("postgres")
        self.database_side = self.authority.issue("postgres-backup", host="postgres")
        self.repository_side = self.authority.issue("backups")

    def postgres_files(self) -> dict[str, str | bytes]:
        return {
            "/etc/postgresql/postgresql.conf": render_conf(
                Server(memory=256 << 20, disk=self.disk, connections=60)
            ),
            "/etc/postgresql/pg_hba.conf": render_hba(),
            "/etc/postgresql/server.crt": self.server.certificate,
            "/run/secrets/server.key": self.server.key,
            "/run/secrets/postgres_admin_password": PASSWORDS["/run/secrets/postgres_admin_password"],
            CA_FILE: self.authority.certificate,
            pgbackrest.CERTIFICATE: self.database_side.certificate,
            f"{pgbackrest.SECRETS}/{pgbackrest.KEY_FILE}": self.database_side.key,
            pgbackrest.CONF: pgbackrest.database_host(
                repositories=len(self.repositories),
                repository=pgbackrest.Peer(host="backups", port=PORT, name="backups"),
                authority=CA_FILE,
                archive_queue=self.disk.archive_queue,
            ),
        }

    def postgres(self, *, volume: str = "data", until: str = _FUTURE, **changed: str) -> Container:
        """The database; it need not be healthy yet."""
        return self.lab.run(
            "postgres",
            alias="postgres",
            env={"INITIALISE_UNTIL": until},
            files=self.postgres_files(),
            volumes={volume: _DATA},
            tmpfs=["/run/postgresql"],
        )

    def migrations(self, schema: Mapping[str, str] = SCHEMA) -> Container:
        """Roles, the database and its schema."""
        return self.lab.run(
            "migrations",
            alias="migrations",
            env={
                "DB_HOST": "postgres",
                "DB_NAME": "grocery",
                "ZERO_APP_ID": "grocery",
                "ZERO_VERSION": "1.9.0",
                "MIGRATIONS_DIR": "/schema",
            },
            files={**PASSWORDS, CA_FILE: self.authority.certificate, **schema},
        )

    def backups_files(self, side: Certificates | None = None) -> dict[str, str | bytes]:
        side = side or self.repository_side
        return {
            CA_FILE: self.authority.certificate,
            pgbackrest.CERTIFICATE: side.certificate,
            f"{pgbackrest.SECRETS}/{pgbackrest.KEY_FILE}": side.key,
            f"{pgbackrest.SECRETS}/{pgbackrest.SECRET_CONF}": pgbackrest.secret_conf(self.repositories, key=self.key),
            "/run/secrets/backup_password": PASSWORDS["/run/secrets/backup_password"],
            pgbackrest.CONF: pgbackrest.repository_host(
                repositories=self.repositories,
                keep_days=14,
                database=pgbackrest.Peer(host="postgres", port=PORT, name="postgres-backup"),
                authority=CA_FILE,
            ),
        }

    def backups(
        self,
        *,
        volume: str = "repository",
        schedule: Mapping[str, str] = QUIET,
        side: Certificates | None = None,
        alias: str = "backups",
    ) -> Container:
        return self.lab.run(
            "backups",
            alias=alias,
            env={
                "DB_HOST": "postgres",
                "DB_PORT": "5432",
                "DB_NAME": "grocery",
                "DB_USER": "backup",
                "CA_FILE": CA_FILE,
                "SCHEDULE_AT": "02:30",
                **schedule,
                "REPOSITORIES": " ".join(f"{n}:{r.kind}" for n, r in enumerate(self.repositories, 1)),
                "PGBACKREST_CONFIG_INCLUDE_PATH": pgbackrest.SECRETS,
            },
            files=self.backups_files(side),
            volumes={volume: "/var/lib/pgbackrest", f"{volume}-drill": "/var/lib/drill"},
            memory=self.memory,
        )
