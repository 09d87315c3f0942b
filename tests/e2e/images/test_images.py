"""Every image as a stack runs it, one container at a time."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from cli.images import SHIPPED
from rendering.disk import Disk
from rendering.postgres import Server, render_conf, render_hba
from tests.e2e.lab import (
    Certificates,
    Lab,
    execute,
    healthy,
    logs,
    make_certificates,
    succeed,
    until_exit,
    until_healthy,
)
from tests.support.looking import until

ROOT = Path(__file__).parents[3]
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
KNOW_AUTHORITIES = ("acme", "alertmanager", "backups", "blackbox-exporter")
MOZILLA = Path("/usr/share/ca-certificates/mozilla")
FUTURE = "2999-01-01T00:00:00Z"
PAST = "2001-01-01T00:00:00Z"


# --- all of them ---


@pytest.mark.parametrize("name", SHIPPED)
def test_an_image_names_an_unprivileged_user_and_a_health_check(
    client: DockerClient, images: dict[str, str], name: str
) -> None:
    config = client.images.get(images[name]).attrs["Config"]
    assert config["User"] == "10001:10001", "an image run without a user must not become root"
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/healthcheck"]


@pytest.mark.parametrize("name", SHIPPED)
def test_an_image_holds_no_compiler_no_package_manager_and_nothing_that_gains_rights(lab: Lab, name: str) -> None:
    tools = (
        "apt apt-get dpkg rpm pip pip3 npm npx corepack gcc cc tcc g++ clang ld as make perl python3 sudo "
        "promtool amtool"
    )
    probe = (
        f"for tool in {tools}; do command -v $tool; done; "
        "find / -xdev -type f -perm /6000; "
        "find / -xdev -type f -user 10001; find / -xdev -type f -perm /0002"
    )
    container = lab.run(name, alias="probe", entrypoint=["sh", "-c", probe])
    until_exit(container)
    assert logs(container) == "", "tools to attack with, set-id programs, or programs the process could overwrite"


def test_all_images_together_stay_within_their_budget(built: Path) -> None:
    entries = json.loads((built / ".local" / "images.json").read_text())["images"]
    total = sum(entry["unique_bytes"] for entry in entries.values())
    assert total <= 400e6, f"{total / 1e6:.0f} MB of unique layer bytes"


def test_the_machines_own_certificate_authorities_are_in_no_image(lab: Lab) -> None:
    for name in SHIPPED:
        folders = "/etc/ssl/certs /run/secrets /usr/local/share/ca-certificates"
        container = lab.run(name, alias="probe", entrypoint=["sh", "-c", f"find {folders} -type f 2>/dev/null"])
        until_exit(container)
        # Whoever speaks to authorities of the public internet has to know them.
        expected = BUNDLE if name in KNOW_AUTHORITIES else ""
        assert logs(container).strip() == expected, f"{name} carries something of the machine it was built on"


@pytest.mark.parametrize("name", KNOW_AUTHORITIES)
def test_who_speaks_to_public_authorities_knows_debians_list_of_them_and_nobody_else(lab: Lab, name: str) -> None:
    container = lab.run(name, alias="probe", entrypoint=["cat", BUNDLE])
    until_exit(container)
    known = authorities(logs(container).encode())
    assert len(known) > 100, "the list of the package"
    packaged = {found for path in MOZILLA.glob("*.crt") for found in authorities(path.read_bytes())}
    own = authorities(Path(BUNDLE).read_bytes()) - packaged
    assert packaged, f"{MOZILLA} tells the package's certificates from the machine's own"
    assert not known & own


def authorities(pem: bytes) -> set[bytes]:
    """Each certificate's own text, however its lines are broken."""
    found = re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.DOTALL)
    return {b"".join(body.split()) for body in found}


# --- postgres ---


@dataclass(frozen=True, kw_only=True)
class Database:
    """How one PostgreSQL of a test is set up."""

    lab: Lab
    certificates: Certificates
    password: str = "Adm1nPassw0rd"
    initialise_until: str = FUTURE

    def start(self, alias: str = "postgres", volume: str = "data") -> Container:
        return self.lab.run(
            "postgres",
            alias=alias,
            env={"INITIALISE_UNTIL": self.initialise_until},
            files={
                "/etc/postgresql/postgresql.conf": render_conf(
                    Server(memory=256 << 20, disk=Disk(database=1 << 30), connections=60)
                ),
                "/etc/postgresql/pg_hba.conf": render_hba(),
                "/etc/postgresql/server.crt": self.certificates.certificate,
                "/run/secrets/server.key": self.certificates.key,
                "/run/secrets/postgres_admin_password": self.password,
            },
            volumes={volume: "/var/lib/postgresql"},
            tmpfs=["/run/postgresql"],
        )

    def log_in(self, password: str, certificates: Certificates | None = None) -> tuple[int, str]:
        """Over the network as the superuser, from another container."""
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        container = self.lab.run(
            "postgres",
            alias="client",
            entrypoint=["sh", "-c", f"PGPASSWORD=$(cat /run/secrets/p) exec psql -XAt -c '{query}' \"$0\""],
            command=["host=postgres user=postgres sslmode=verify-full sslrootcert=/ca"],
            files={"/run/secrets/p": password, "/ca": (certificates or self.certificates).ca},
        )
        return until_exit(container), logs(container).strip()


def sql(container: Container, statement: str, database: str = "postgres") -> str:
    """One statement over the server's own socket."""
    return succeed(
        container, "psql", "-h", "/run/postgresql", "-U", "postgres", "-d", database, "-XAt", "-F,", "-c", statement
    )


@pytest.fixture
def database(lab: Lab) -> Database:
    return Database(lab=lab, certificates=make_certificates("postgres"))


def test_postgres_fills_an_empty_volume_once_with_checksums_and_a_collation_of_its_own(database: Database) -> None:
    server = database.start()
    until_healthy(server)
    assert sql(server, "SHOW data_checksums") == "on"
    found = sql(server, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'template1'")
    assert found == "b,C.UTF-8", "any other collation depends on a library that a new image may replace"
    assert succeed(server, "stat", "-c", "%a", "/var/lib/postgresql/data") == "700"
    sql(server, "CREATE TABLE kept (x int)")
    server.stop(timeout=30)
    again = replace(database, initialise_until=PAST).start()
    until_healthy(again)
    assert sql(again, "SELECT count(*) FROM kept") == "0", "a volume with data starts at any time, with its data"


def test_postgres_refuses_to_start_empty_when_the_stack_is_no_longer_new(database: Database) -> None:
    server = replace(database, initialise_until=PAST).start()
    assert until_exit(server) == 1
    assert "postgres.initialise_until" in logs(server), "the way out belongs into the message"
    assert PAST in logs(server)


def test_postgres_leaves_the_data_of_another_version_alone(database: Database, lab: Lab) -> None:
    before = lab.run(
        "postgres",
        alias="older",
        entrypoint=["sh", "-c", "mkdir -p $PGDATA && echo 15 > $PGDATA/PG_VERSION"],
        volumes={"data": "/var/lib/postgresql"},
    )
    until_exit(before)
    server = database.start()
    assert until_exit(server) == 1
    assert "was made by PostgreSQL 15, this image is PostgreSQL 17" in logs(server)


def test_postgres_leaves_a_folder_with_foreign_files_alone(database: Database, lab: Lab) -> None:
    command = "mkdir -p $PGDATA && echo precious > $PGDATA/notes"
    before = lab.run(
        "postgres", alias="older", entrypoint=["sh", "-c", command], volumes={"data": "/var/lib/postgresql"}
    )
    until_exit(before)
    server = database.start()
    assert until_exit(server) == 1
    assert "nothing was touched" in logs(server)


def test_a_second_postgres_waits_until_the_first_has_let_go_of_the_volume(database: Database) -> None:
    first = database.start()
    until_healthy(first)
    second = database.start(alias="second")
    until(lambda: "still holds" in logs(second), "the second says that it waits")
    assert not healthy(second)
    first.stop(timeout=30)
    until_healthy(second)


def test_postgres_comes_back_by_itself_after_a_kill(database: Database) -> None:
    first = database.start()
    until_healthy(first)
    sql(first, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS x; CHECKPOINT; INSERT INTO kept VALUES (0)")
    first.kill("SIGKILL")
    second = database.start()
    until_healthy(second)
    assert sql(second, "SELECT count(*) FROM kept") == "1001"


def test_the_superusers_password_follows_its_secret_and_is_seen_nowhere(database: Database) -> None:
    first = database.start()
    until_healthy(first)
    assert database.log_in("Adm1nPassw0rd") == (0, "t"), "encrypted, with the password of the secret"
    first.stop(timeout=30)
    renewed = replace(database, password="AnotherSecret2")
    second = renewed.start()
    until_healthy(second)
    assert renewed.log_in("AnotherSecret2")[0] == 0
    assert renewed.log_in("Adm1nPassw0rd")[0] != 0, "the old password must be gone"
    seen = logs(first) + logs(second) + json.dumps(second.attrs) + succeed(second, "ps", "-o", "args")
    seen += succeed(second, "sh", "-c", "tr '\\0' '\\n' < /proc/1/environ; cat /tmp/* 2>/dev/null || :")
    assert "AnotherSecret2" not in seen
    assert "Adm1nPassw0rd" not in seen


def test_a_client_that_trusts_another_authority_does_not_reach_postgres(database: Database) -> None:
    until_healthy(database.start())
    code, said = database.log_in("Adm1nPassw0rd", make_certificates("postgres"))
    assert code != 0
    assert "certificate verify failed" in said


# --- migrations and zero-cache ---

PASSWORDS = {
    "/run/secrets/postgres_admin_password": "Adm1nPassw0rd",
    "/run/secrets/api_a_password": "PasswordOfA1",
    "/run/secrets/api_b_password": "PasswordOfB2",
    "/run/secrets/zero_password": "PasswordOfZ3",
    "/run/secrets/monitor_password": "PasswordOfM4",
    "/run/secrets/backup_password": "PasswordOfB5",
}
FIRST = "CREATE TABLE public.thing (id int PRIMARY KEY);\n"


def migrate(database: Database, files: dict[str, str], zero_version: str = "1.9.0") -> Container:
    """Starts the migrations with `files` (name -> SQL) as the release's schema."""
    return database.lab.run(
        "migrations",
        alias="migrations",
        env={
            "DB_HOST": "postgres",
            "DB_PORT": "5432",
            "DB_NAME": "grocery",
            "ZERO_APP_ID": "grocery",
            "ZERO_VERSION": zero_version,
            "MIGRATIONS_DIR": "/schema",
        },
        files={
            **PASSWORDS,
            "/etc/grocery/ca.crt": database.certificates.ca,
            **{f"/schema/{name}": text for name, text in files.items()},
        },
    )


@pytest.fixture
def server(database: Database) -> Container:
    container = database.start()
    until_healthy(container)
    return container


def test_each_migration_is_applied_once_by_the_role_that_owns_the_schema(database: Database, server: Container) -> None:
    first = migrate(database, {"0001_thing.sql": FIRST})
    until_healthy(first)
    assert sql(server, "SELECT tableowner FROM pg_tables WHERE tablename = 'thing'", "grocery") == "owner"
    assert sql(server, "SELECT version, name FROM ops.schema_migrations", "grocery") == "1,0001_thing.sql"
    first.stop(timeout=10)
    second = migrate(database, {"0001_thing.sql": FIRST, "0002_more.sql": "ALTER TABLE public.thing ADD note text;"})
    until_healthy(second)
    assert "applying 0002_more.sql" in logs(second)
    assert "applying 0001_thing.sql" not in logs(second)


def test_roles_have_no_more_rights_than_they_need(database: Database, server: Container) -> None:
    until_healthy(migrate(database, {"0001_thing.sql": FIRST + "CREATE SCHEMA auth; CREATE TABLE auth.secret ();"}))
    roles = sql(
        server,
        "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles "
        "WHERE rolname IN ('owner', 'api', 'api_a', 'api_b', 'monitor', 'backup') ORDER BY 1",
    )
    assert roles.splitlines() == [
        "api,f,f,f,f,f",
        "api_a,t,f,f,f,f",
        "api_b,t,f,f,f,f",
        "backup,t,f,f,f,t",
        "monitor,t,f,f,f,f",
        "owner,f,f,f,f,f",
    ]
    assert sql(server, "SELECT pg_has_role('monitor', 'pg_monitor', 'usage')", "grocery") == "t"
    assert sql(server, "SELECT has_table_privilege('monitor', 'public.thing', 'select')", "grocery") == "f"
    assert sql(server, "SELECT has_schema_privilege('monitor', 'auth', 'usage')", "grocery") == "f"
    assert sql(server, "SELECT pg_has_role('api_a', 'api', 'usage'), pg_has_role('api_a', 'owner', 'member')") == "t,f"
    assert sql(server, "SELECT has_table_privilege('zero', 'public.thing', 'select')", "grocery") == "t"
    assert sql(server, "SELECT has_schema_privilege('api', 'ops', 'usage')", "grocery") == "f"
    assert sql(server, "SELECT has_database_privilege('api_a', 'postgres', 'connect')", "grocery") == "f"


def test_who_proves_backups_reads_everything_and_writes_markers_alone(database: Database, server: Container) -> None:
    until_healthy(migrate(database, {"0001_thing.sql": FIRST + "CREATE SCHEMA auth; CREATE TABLE auth.secret ();"}))
    reads = "has_table_privilege('backup', %r, 'select')"
    tables = ("public.thing", "auth.secret", "ops.schema_migrations", "ops.restore_markers")
    assert sql(server, "SELECT " + ", ".join(reads % table for table in tables), "grocery") == "t,t,t,t"
    writes = "SELECT has_table_privilege('backup', %r, 'insert,update,delete,truncate')"
    assert sql(server, writes % "public.thing", "grocery") == "f"
    assert sql(server, writes % "ops.schema_migrations", "grocery") == "f"
    for statement, answered in (
        ("INSERT INTO ops.restore_markers (label) VALUES ('x') RETURNING label", "x"),
        ("DELETE FROM ops.restore_markers RETURNING label", "x"),
        # Also what ends a piece of the log, and names a place in it.
        ("SELECT pg_switch_wal() > '0/0', pg_create_restore_point('x') > '0/0'", "t,t"),
    ):
        assert answered in sql(server, f"SET ROLE backup; {statement}", "grocery").splitlines()


def test_a_failing_migration_ends_with_postgres_message_and_leaves_nothing_behind(
    database: Database, server: Container
) -> None:
    broken = "CREATE TABLE public.half (id int PRIMARY KEY);\nALTER TABLE public.missing ADD x int;\n"
    container = migrate(database, {"0001_thing.sql": FIRST, "0002_broken.sql": broken, "0003_never.sql": "SELECT 1;"})
    assert until_exit(container) == 1
    said = logs(container)
    assert "0002_broken.sql failed and was rolled back" in said
    assert 'relation "public.missing" does not exist' in said, "PostgreSQL's own words say what to repair"
    assert "0002_broken.sql:2" in said, "and the line"
    assert sql(server, "SELECT max(version) FROM ops.schema_migrations", "grocery") == "1"
    assert sql(server, "SELECT count(*) FROM pg_tables WHERE tablename = 'half'", "grocery") == "0"
    repaired = migrate(database, {"0001_thing.sql": FIRST, "0002_broken.sql": "SELECT 1;"})
    until_healthy(repaired)


def test_a_migration_that_was_changed_after_it_was_applied_is_refused(database: Database, server: Container) -> None:
    until_healthy(migrate(database, {"0001_thing.sql": FIRST}))
    container = migrate(database, {"0001_thing.sql": FIRST + "-- a second thought\n"})
    assert until_exit(container) == 1
    assert "0001_thing.sql was changed after it had been applied" in logs(container)


def test_an_older_release_runs_on_a_database_that_is_ahead_of_it(database: Database, server: Container) -> None:
    newer = migrate(database, {"0001_thing.sql": FIRST, "0002_more.sql": "ALTER TABLE public.thing ADD note text;"})
    until_healthy(newer)
    newer.stop(timeout=10)
    until_healthy(migrate(database, {"0001_thing.sql": FIRST}))


def test_a_migration_numbered_before_one_that_is_applied_is_refused(database: Database, server: Container) -> None:
    until_healthy(migrate(database, {"0001_thing.sql": FIRST, "0003_more.sql": "SELECT 1;"}))
    container = migrate(database, {"0001_thing.sql": FIRST, "0002_late.sql": "SELECT 1;", "0003_more.sql": "SELECT 1;"})
    assert until_exit(container) == 1
    assert "0002_late.sql is not applied, but a later migration is; give it a number above 3" in logs(container)


def test_migrations_wait_for_postgres_and_obey_a_stop_at_once(database: Database) -> None:
    container = migrate(database, {"0001_thing.sql": FIRST})
    until(lambda: "waiting for PostgreSQL" in logs(container), "it says what it waits for")
    begun = time.monotonic()
    container.stop(timeout=30)
    assert time.monotonic() - begun < 5, "a stop must not wait for the database"


def test_no_password_of_a_role_reaches_a_log_that_writes_every_statement_down(
    database: Database, server: Container
) -> None:
    sql(server, "ALTER SYSTEM SET log_statement = 'all'")
    sql(server, "ALTER SYSTEM SET log_min_duration_statement = 0")
    sql(server, "SELECT pg_reload_conf()")
    container = migrate(database, {"0001_thing.sql": FIRST})
    until_healthy(container)
    assert "CREATE TABLE public.thing" in logs(server), "this server does write statements down"
    seen = logs(server) + logs(container) + json.dumps(container.attrs) + succeed(container, "ps", "-o", "args")
    for password in PASSWORDS.values():
        assert password not in seen


def zero_cache(database: Database) -> Container:
    return database.lab.run(
        "zero-cache",
        alias="zero-cache",
        command=["/usr/local/bin/with-secrets", "/usr/local/bin/zero-cache"],
        env={
            "ZERO_APP_ID": "grocery",
            "ZERO_QUERY_URL": "http://auth-server:3001/api/zero/query",
            "ZERO_MUTATE_URL": "http://auth-server:3001/api/zero/mutate",
            "ZERO_ENABLE_CRUD_MUTATIONS": "false",
            "ZERO_NUM_SYNC_WORKERS": "1",
            "ZERO_CVR_MAX_CONNS": "5",
            "ZERO_CHANGE_MAX_CONNS": "3",
            "NODE_EXTRA_CA_CERTS": "/etc/grocery/ca.crt",
        },
        files={
            "/run/secrets/ZERO_UPSTREAM_DB": "postgres://zero:PasswordOfZ3@postgres:5432/grocery?sslmode=verify-full",
            "/run/secrets/ZERO_ADMIN_PASSWORD": "AdminOfZero4",
            "/etc/grocery/ca.crt": database.certificates.ca,
            "/usr/local/bin/with-secrets": (ROOT / "images/shared/with-secrets").read_text(),
        },
        volumes={"replica": "/var/lib/zero"},
    )


def test_zero_is_superuser_only_until_its_event_triggers_are_there(database: Database, server: Container) -> None:
    first = migrate(database, {"0001_thing.sql": FIRST})
    until_healthy(first)
    is_super = "SELECT rolsuper FROM pg_roles WHERE rolname = 'zero'"
    assert sql(server, is_super) == "t", "the first start of a version installs event triggers"
    zero = zero_cache(database)
    until_healthy(zero, 90)
    until(lambda: sql(server, is_super) == "f", "the right is taken away")
    assert sql(server, "SELECT version FROM ops.zero_promotions WHERE demoted_at IS NOT NULL", "grocery") == "1.9.0"
    assert "AdminOfZero4" not in logs(zero) + json.dumps(zero.attrs)
    assert "PasswordOfZ3" not in logs(zero) + json.dumps(zero.attrs)

    # Later changes of the schema work, and so does a restart of both, without that right.
    first.stop(timeout=10)
    zero.stop(timeout=60)
    second = migrate(database, {"0001_thing.sql": FIRST, "0002_more.sql": "ALTER TABLE public.thing ADD note text;"})
    until_healthy(second)
    assert sql(server, is_super) == "f"
    until_healthy(zero_cache(database), 90)

    # Another version of Zero may bring other triggers: it gets the right for its first start again.
    second.stop(timeout=10)
    until_healthy(
        migrate(
            database, {"0001_thing.sql": FIRST, "0002_more.sql": "ALTER TABLE public.thing ADD note text;"}, "1.9.1"
        )
    )
    assert sql(server, is_super) == "t"


# --- auth-server ---


def auth_server(database: Database) -> Container:
    secret = "only-for-this-test-and-long-enough-"
    names = ("JWT_ACCESS_SECRET", "JWT_REFRESH_SECRET", "ZERO_AUTH_SECRET")
    return database.lab.run(
        "auth-server",
        alias="auth-server",
        env={
            "DB_HOST": "postgres",
            "DB_PORT": "5432",
            "DB_NAME": "grocery",
            "DB_USER": "api_a",
            "PGSSLMODE": "verify-full",
            "NODE_EXTRA_CA_CERTS": "/etc/grocery/ca.crt",
            "ZERO_APP_ID": "grocery",
            "CLIENT_URL": "https://localhost:8443",
            "FRONTEND_URL": "https://localhost:8443",
            "CORS_ORIGIN": "https://localhost:8443",
            "DRAIN_SECONDS": "0",
        },
        files={
            **{f"/run/secrets/{name}": secret + name for name in names},
            "/run/secrets/DB_PASSWORD": PASSWORDS["/run/secrets/api_a_password"],
            "/etc/grocery/ca.crt": database.certificates.ca,
        },
    )


def test_the_auth_server_is_healthy_once_it_has_reached_its_database(database: Database) -> None:
    container = auth_server(database)
    until(lambda: "listening" in logs(container).lower() or "msg" in logs(container), "it has started")
    assert not healthy(container), "without a database it has nothing to offer"
    until_healthy(database.start())
    until_healthy(migrate(database, {"0001_thing.sql": FIRST}))
    until_healthy(container)
    begun = time.monotonic()
    container.stop(timeout=30)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0
    assert time.monotonic() - begun < 20


# --- edge and the two publishers ---

NGINX = """
load_module /usr/lib/nginx/modules/ngx_http_brotli_filter_module.so;
load_module /usr/lib/nginx/modules/ngx_http_brotli_static_module.so;
load_module /usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so;
worker_processes 1; pid /tmp/nginx.pid; error_log stderr warn;
events { worker_connections 64; }
http {
  client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3; uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
  include /etc/nginx/mime.types;
  access_log /dev/stdout;
  resolver 127.0.0.11 valid=1s ipv6=off;
  upstream nobody { zone nobody 64k; server nobody-is-there:3001 resolve; keepalive 4; }
  server { listen 127.0.0.1:8079; location = /health { return 200 "ok\\n"; } location = /version { return 200 "@VERSION@\\n"; } }
  server { listen 8443 ssl; http2 on; ssl_certificate tls.crt; ssl_certificate_key tls.key; return 200 "GREETING\\n"; }
  server {
    listen 8080;
    location /greeting { return 200 "GREETING\\n"; }
    location /api { proxy_pass http://nobody; }
    location /assets/ { root /srv/web; }
    location / { root /srv/web/live; try_files $uri /index.html; }
  }
}
"""  # noqa: E501 - nginx reads it


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The edge of a test, with its volumes."""

    lab: Lab
    certificates: Certificates

    def start(self) -> Container:
        volumes = {name: f"/srv/{name}" for name in ("config", "web", "certificates")}
        container = self.lab.run("edge", alias="edge", volumes=volumes)
        until_healthy(container)
        return container

    def publish(self, nginx_conf: str) -> Container:
        return self.lab.run(
            "edge",
            alias="edge-config",
            command=["/usr/local/bin/publish"],
            files={
                "/etc/edge/nginx.conf": nginx_conf,
                "/etc/edge/tls.crt": self.certificates.certificate,
                "/run/secrets/tls.key": self.certificates.key,
            },
            volumes={"config": "/srv/config"},
        )

    def publish_release(self, text: str, keep: int = 5) -> Container:
        files = {
            "index.html": f"{text}\n",
            "sw.js": "//\n",
            "assets/shared.js": "shared\n",
            f"assets/{text}.js": f"{text}\n",
        }
        return self.lab.run(
            "frontend",
            alias="frontend",
            env={"WWW": "/release", "KEEP_RELEASES": str(keep)},
            files={f"/release/{path}": content for path, content in files.items()},
            volumes={"web": "/srv/web"},
        )


def get(edge: Container, path: str) -> str:
    """What the edge answers over HTTP, asked from inside; the error's text when it is an error."""
    return execute(edge, "wget", "-q", "-T", "3", "-O", "-", f"http://127.0.0.1:8080{path}")[1]


@pytest.fixture
def edge(lab: Lab) -> Edge:
    return Edge(lab=lab, certificates=make_certificates("localhost"))


def test_the_edge_starts_with_nothing_to_serve_and_is_healthy(edge: Edge) -> None:
    container = edge.start()
    assert succeed(container, "readlink", "/srv/config/live") == "candidate/bootstrap"


def test_a_good_configuration_goes_live_without_a_restart_though_no_upstream_exists(edge: Edge) -> None:
    container = edge.start()
    publisher = edge.publish(NGINX.replace("GREETING", "first"))
    until_healthy(publisher)
    assert get(container, "/greeting") == "first"
    edge.publish(NGINX.replace("GREETING", "second"))
    until(lambda: get(container, "/greeting") == "second", "the second configuration")
    container.reload()
    assert container.attrs["RestartCount"] == 0
    assert "502" in get(container, "/api"), "an upstream that is not there is its own requests' trouble only"


def test_a_broken_configuration_is_refused_with_nginx_words_and_the_old_one_serves(edge: Edge) -> None:
    container = edge.start()
    first = edge.publish(NGINX.replace("GREETING", "first"))
    until_healthy(first)
    first.stop(timeout=10)
    broken = edge.publish(NGINX.replace("return 200", "retrun 200"))
    assert until_exit(broken) == 1
    assert 'unknown directive "retrun"' in logs(broken), "the publisher repeats what nginx objected to"
    assert get(container, "/greeting") == "first"
    # The same publisher started again asks again: the edge may have changed meanwhile.
    until_healthy(edge.publish(NGINX.replace("GREETING", "third")))


def test_a_configuration_that_does_not_answer_as_itself_is_taken_back(edge: Edge) -> None:
    container = edge.start()
    first = edge.publish(NGINX.replace("GREETING", "first"))
    until_healthy(first)
    first.stop(timeout=10)
    wrong = edge.publish(NGINX.replace("GREETING", "wrong").replace("@VERSION@", "something else"))
    assert until_exit(wrong) == 1
    assert "did not answer" in logs(wrong)
    until(lambda: get(container, "/greeting") == "first", "the old configuration is back")


def test_a_restarted_edge_serves_what_was_live_whatever_is_wanted_meanwhile(edge: Edge) -> None:
    container = edge.start()
    first = edge.publish(NGINX.replace("GREETING", "first"))
    until_healthy(first)
    first.stop(timeout=10)
    container.stop(timeout=20)
    broken = edge.publish(NGINX.replace("return 200", "retrun 200"))
    again = edge.start()
    assert get(again, "/greeting") == "first"
    assert until_exit(broken) == 1
    assert get(again, "/greeting") == "first"


def test_a_configuration_lost_with_its_volume_is_published_again(edge: Edge) -> None:
    container = edge.start()
    publisher = edge.publish(NGINX.replace("GREETING", "first"))
    until_healthy(publisher)
    container.stop(timeout=20)
    succeed(publisher, "sh", "-c", "rm -rf /srv/config/*")
    again = edge.start()
    until(lambda: get(again, "/greeting") == "first", "the configuration is back")
    assert healthy(publisher)


def test_a_stopping_edge_is_gone_within_seconds_though_a_connection_is_open(edge: Edge) -> None:
    container = edge.start()
    until_healthy(edge.publish(NGINX))
    hold = "{ printf 'GET / HTTP/1.1\\r\\n'; sleep 60; } | nc 127.0.0.1 8080"
    container.exec_run(["sh", "-c", hold], detach=True)
    until(lambda: ":8080 " in succeed(container, "netstat", "-tn"), "the connection is open", seconds=10)
    begun = time.monotonic()
    container.stop(timeout=30)
    assert time.monotonic() - begun < 8, "the port is closed already and the next edge waits for it"
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0


def test_an_edge_whose_nginx_dies_ends_too(edge: Edge) -> None:
    container = edge.start()
    succeed(container, "sh", "-c", "kill -9 $(pidof nginx)")
    assert until_exit(container) != 0, "Swarm restarts what ends, not what pretends to live"


def test_a_release_goes_live_and_earlier_ones_stay_reachable_for_open_tabs(edge: Edge) -> None:
    container = edge.start()
    until_healthy(edge.publish(NGINX))
    for release in ("one", "two"):
        publisher = edge.publish_release(release)
        until_healthy(publisher)
        assert get(container, "/") == release
        publisher.stop(timeout=10)
    assert get(container, "/some/page") == "two", "paths of the application itself lead to it"
    assert get(container, "/assets/one.js") == "one", "a tab of the release before still loads its parts"


def test_releases_beyond_those_to_keep_are_removed_with_their_assets(edge: Edge) -> None:
    container = edge.start()
    for release in ("one", "two", "three"):
        publisher = edge.publish_release(release, keep=2)
        until_healthy(publisher)
        publisher.stop(timeout=10)
    kept = succeed(container, "sh", "-c", "cd /srv/web/assets && ls").split()
    assert kept == ["shared.js", "three.js", "two.js"]
    assert len(succeed(container, "sh", "-c", "ls /srv/web/candidate").split()) == 2


def test_a_release_that_is_rolled_back_to_counts_as_new(edge: Edge) -> None:
    container = edge.start()
    for release in ("one", "two", "one", "three"):
        publisher = edge.publish_release(release, keep=2)
        until_healthy(publisher)
        publisher.stop(timeout=10)
    assert succeed(container, "sh", "-c", "cd /srv/web/assets && ls").split() == ["one.js", "shared.js", "three.js"]


def test_the_edges_nginx_has_what_its_configuration_counts_on(lab: Lab) -> None:
    container = lab.run("edge", alias="probe", entrypoint=["nginx", "-V"])
    until_exit(container)
    version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", logs(container))
    assert version is not None
    assert tuple(map(int, version.groups())) >= (1, 27, 4), "resolve in upstreams, keepalive_min_timeout"
    assert "--with-http_v2_module" in logs(container)
    assert "--with-http_stub_status_module" in logs(container)
