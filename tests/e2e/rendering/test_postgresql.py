"""Rendered configuration of the database, judged by PostgreSQL of the image that is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from rendering import postgres
from rendering.disk import Disk
from tests.e2e.lab import Lab, make_certificates, succeed, until_healthy

GIB = 1 << 30


@pytest.mark.parametrize(
    "server",
    [
        postgres.Server(memory=GIB // 8, disk=Disk(database=GIB), connections=58),
        postgres.Server(memory=GIB // 2, disk=Disk(database=10 * GIB, archiving=True), connections=58),
        postgres.Server(memory=2 * GIB, disk=Disk(database=80 * GIB, archiving=True), connections=110),
    ],
    ids=["smallest", "local", "large"],
)
def test_postgresql_runs_with_every_value_it_was_given(lab: Lab, tmp_path: Path, server: postgres.Server) -> None:
    certificates = make_certificates("postgres")
    name = f"postgres-{server.memory}"
    container = lab.run(
        "postgres",
        alias=name,
        env={"INITIALISE_UNTIL": "2999-01-01T00:00:00Z"},
        files={
            "/etc/postgresql/postgresql.conf": postgres.render_conf(server),
            "/etc/postgresql/pg_hba.conf": postgres.render_hba(),
            "/etc/postgresql/server.crt": certificates.certificate,
            "/run/secrets/server.key": certificates.key,
            "/run/secrets/postgres_admin_password": "Adm1nPassw0rd",
        },
        volumes={name: "/var/lib/postgresql"},
        tmpfs=["/run/postgresql"],
    )
    until_healthy(container)

    def query(sql: str) -> str:
        return succeed(
            container, "psql", "-h", "/run/postgresql", "-U", "postgres", "-d", "postgres", "-XAt", "-c", sql
        )

    assert query("SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL") == ""
    assert query("SELECT name FROM pg_file_settings WHERE NOT applied") == "", "something sets the same key again"
    assert query("SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL") == ""
    assert query("SELECT count(*) FROM pg_settings WHERE pending_restart") == "0"
    tuning = postgres.tune(server)
    assert query("SHOW max_connections") == str(tuning.max_connections)
    assert query("SELECT setting::bigint * 8 / 1024 FROM pg_settings WHERE name = 'shared_buffers'") == str(
        tuning.shared_buffers
    )
    assert query("SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'") == str(
        tuning.max_slot_wal_keep_size
    )
    assert query("SHOW wal_level") == "logical"
    assert query("SHOW archive_mode") == ("on" if server.disk.archiving else "off")
    assert query("SHOW archive_timeout") == ("1min" if server.disk.archiving else "0")
    assert query("SHOW ssl") == "on"
    container.remove(force=True)
