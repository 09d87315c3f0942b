"""A database and the host of its repositories, as a stack runs them, on a network of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docker.models.containers import Container

from rendering import pgbackrest
from rendering.disk import Disk
from rendering.postgres import Server, render_conf, render_hba
from tests.e2e.lab import Authority, Certificates, Lab, execute, logs, succeed, until_healthy
from tests.support import exposition
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
_PAST = "2001-01-01T00:00:00Z"
_BUSY = 75

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
    """How the two are set up. A volume of another name is another machine's."""

    lab: Lab
    authority: Authority = field(default_factory=Authority)
    repositories: Sequence[pgbackrest.Repository] = (pgbackrest.Volume(),)
    key: str = KEY
    disk: Disk = DISK
    archive_queue: int = DISK.archive_queue
    memory: int = 384 << 20

    def __post_init__(self) -> None:
        self.server = self.authority.issue("postgres")
        self.database_side = self.authority.issue("postgres-backup", host="postgres")
        self.repository_side = self.authority.issue("backups")

    def postgres_files(self, side: Certificates | None = None) -> dict[str, str | bytes]:
        side = side or self.database_side
        return {
            "/etc/postgresql/postgresql.conf": render_conf(Server(memory=256 << 20, disk=self.disk, connections=60)),
            "/etc/postgresql/pg_hba.conf": render_hba(),
            "/etc/postgresql/server.crt": self.server.certificate,
            "/run/secrets/server.key": self.server.key,
            "/run/secrets/postgres_admin_password": PASSWORDS["/run/secrets/postgres_admin_password"],
            CA_FILE: self.authority.certificate,
            pgbackrest.CERTIFICATE: side.certificate,
            f"{pgbackrest.SECRETS}/{pgbackrest.KEY_FILE}": side.key,
            pgbackrest.CONF: pgbackrest.database_host(
                repositories=len(self.repositories),
                repository=pgbackrest.Peer(host="backups", port=PORT, name="backups"),
                authority=CA_FILE,
                archive_queue=self.archive_queue,
            ),
        }

    def postgres(self, *, volume: str = "data", until: str = _FUTURE) -> Container:
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

    def restore(self, *words: str, volume: str = "data", replica: str = "replica") -> Container:
        """What the command does: the database's image, volumes and files, another program."""
        return self.lab.run(
            "postgres",
            alias="restore",
            entrypoint=["/usr/local/bin/restore"],
            command=words,
            env={"INITIALISE_UNTIL": _PAST},
            files=self.postgres_files(),
            volumes={volume: _DATA, replica: "/srv/zero-cache"},
            tmpfs=["/run/postgresql"],
        )

    def start(self, *, volume: str = "data", repository: str = "repository", wait: bool = True) -> Pair:
        """A database with its schema and its repository host; `wait`: until the first full backup is made."""
        postgres = self.postgres(volume=volume)
        until_healthy(postgres)
        migrations = self.migrations()
        until_healthy(migrations)
        migrations.stop(timeout=10)
        backups = self.backups(volume=repository)
        until_healthy(backups)
        pair = Pair(vault=self, postgres=postgres, backups=backups)
        if wait:
            pair.until_idle()
        return pair


@dataclass(kw_only=True)
class Pair:
    """The two hosts, running."""

    vault: Vault
    postgres: Container
    backups: Container

    def sql(self, statement: str, database: str = "grocery") -> str:
        return succeed(
            self.postgres,
            *("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "/run/postgresql", "-U", "postgres", "-d", database),
            *("-c", statement),
        )

    def state(self) -> Any:  # noqa: ANN401 - a document
        return json.loads(succeed(self.backups, "repository", "state"))

    def until_idle(self) -> None:
        """Until the first backup is there and nothing runs any more."""

        def idle() -> bool:
            state = self.state()
            return state["running"] is None and all(repository["backups"] for repository in state["repositories"])

        try:
            until(idle, "a first backup is made", seconds=120)
        except AssertionError as error:
            raise AssertionError(f"{error}; {logs(self.backups)}") from None

    def answer(self, *verb: str) -> Any:  # noqa: ANN401 - a document
        """What `repository VERB` says, once nothing else runs; a drill of the schedule's may."""
        seen: list[tuple[int, str]] = []

        def answered() -> bool:
            seen.append(execute(self.backups, "repository", *verb))
            return seen[-1][0] != _BUSY

        until(answered, "nothing else runs", seconds=180)
        code, said = seen[-1]
        assert code == 0, said
        return json.loads(said.splitlines()[-1])

    def figures(self) -> dict[str, float]:
        return exposition.values(succeed(self.backups, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/metrics.txt"))

    def commit(self, statement: str) -> str:
        """The moment just after it, with nothing else committed within a second."""
        self.sql(statement)
        time.sleep(1)
        moment = self.sql("SELECT clock_timestamp()")
        time.sleep(1)
        return moment

    def start_database(self) -> None:
        """On what is on its volume, which must not be empty."""
        self.postgres = self.vault.postgres(until=_PAST)
        until_healthy(self.postgres)

    def stop(self) -> None:
        self.postgres.stop(timeout=60)
        self.backups.stop(timeout=20)


def steps(container: Container) -> list[dict[str, Any]]:
    """What a restore has said."""
    return [json.loads(line) for line in logs(container).splitlines() if line.startswith("{")]
