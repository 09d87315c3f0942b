"""What is particular to one part of a stack: its rotation, its settings, its contract with images of others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from settings import IMAGE_NAMES
from tests.unit.recording import (
    DOCKER_CONFIG,
    DOCKER_SECRET,
    EXTERNAL,
    SERVICE,
    Recording,
    Registration,
    decoded,
    record,
)

# --- rotation
# --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "restarted"),
    [
        ("postgres_admin", {"postgres", "migrations"}),
        ("api", {"migrations", "auth-server"}),
        ("zero", {"migrations", "zero-cache"}),
        ("jwt_access", {"auth-server"}),
        ("jwt_refresh", {"auth-server"}),
        ("zero_auth", {"auth-server", "zero-cache"}),
        ("zero_admin", {"zero-cache"}),
        ("monitor", {"migrations", "postgres-exporter"}),
        ("backup", {"migrations", "backups"}),
        ("synthetic", {"auth-server", "synthetic-user"}),
    ],
)
def test_rotating_a_secret_reaches_exactly_its_users(local: Recording, key: str, restarted: set[str]) -> None:
    rotated = record("local", {"rotation": {key: 2}}, preview=False)
    changed = {
        found.name
        for found, old in zip(by_name(rotated, DOCKER_SECRET), by_name(local, DOCKER_SECRET), strict=True)
        if found.inputs["data"] != old.inputs["data"]
    }
    changed |= {
        found.name
        for found, old in zip(by_name(rotated, SERVICE), by_name(local, SERVICE), strict=True)
        if found.inputs != old.inputs
    }
    # The longest name that fits: postgres-exporter's files are not postgres's.
    workloads = sorted(local.exports["workloads"], key=len, reverse=True)
    users = {next(workload for workload in workloads if name.startswith(f"local-{workload}")) for name in changed}
    assert users == restarted


def by_name(recording: Recording, token: str) -> list[Registration]:
    return sorted(recording.of_type(token), key=lambda found: found.name)


def test_signing_keys_of_the_generation_before_stay_valid(local: Recording) -> None:
    rotated = record("local", {"rotation": {"jwt_access": 2, "jwt_refresh": 2}}, preview=False)
    for name in ("access", "refresh"):
        before = secret_file(local, f"auth-server-jwt-{name}-secret")
        assert secret_file(rotated, f"auth-server-jwt-{name}-secret-previous") == before
        assert secret_file(rotated, f"auth-server-jwt-{name}-secret") != before


def test_the_api_changes_its_login_while_the_old_one_still_works(local: Recording) -> None:
    rotated = record("local", {"rotation": {"api": 2}}, preview=False)
    environment = {run: run_environment(run_recording) for run, run_recording in (("old", local), ("new", rotated))}
    assert (environment["old"]["DB_USER"], environment["new"]["DB_USER"]) == ("api_a", "api_b")
    assert secret_file(rotated, "migrations-api-a-password") == secret_file(local, "auth-server-db-password"), (
        "the tasks that still run with the old login must not lose it"
    )


def secret_file(recording: Recording, name: str) -> str:
    return decoded(recording.named(DOCKER_SECRET, f"{recording.stack}-{name}").inputs["data"].value)


def run_environment(recording: Recording) -> Mapping[str, str]:
    environment: Mapping[str, str] = recording.service("auth-server").inputs["taskSpec"]["containerSpec"]["env"]
    return environment


# --- the parts
# -------------------------------------------------------------------------------------------------------


def test_clients_of_the_database_check_who_answers(updated: Recording) -> None:
    assert run_environment(updated)["PGSSLMODE"] == "verify-full"
    assert secret_file(updated, "zero-cache-zero-upstream-db").endswith("@postgres:5432/grocery?sslmode=verify-full")
    for workload in ("auth-server", "zero-cache", "migrations"):
        configs = updated.service(workload).inputs["taskSpec"]["containerSpec"]["configs"]
        assert "/etc/grocery/ca.crt" in {config["fileName"] for config in configs}


MAIL = {"email": {"host": "smtp.example.com", "username": "somebody"}}


def test_the_auth_server_is_given_what_the_settings_may_not_override() -> None:
    from settings import AUTH_SERVER_ENVIRONMENT

    assert set(run_environment(record("local", MAIL, preview=False))) == AUTH_SERVER_ENVIRONMENT


def external_files(recording: Recording) -> set[str]:
    """Which files with secrets of others the auth-server has."""
    secrets = recording.service("auth-server").inputs["taskSpec"]["containerSpec"]["secrets"]
    return {secret["fileName"].rpartition("/")[2] for secret in secrets} & {"SMTP_PASSWORD", "ERROR_REPORTING_DSN"}


def test_the_auth_server_has_what_others_issued_only_where_the_settings_ask_for_it(local: Recording) -> None:
    assert external_files(local) == set()
    assert not [name for name in run_environment(local) if name.startswith("SMTP_")], "no mail server, no mail"

    relay = record("local", {"email": {"host": "relay.internal", "port": 25, "security": "none"}}, preview=False)
    assert external_files(relay) == set(), "a relay that lets everyone in has no password"
    assert run_environment(relay)["SMTP_SECURITY"] == "none"

    whole = record("local", MAIL | {"auth_server": {"error_reporting": True}}, preview=False)
    assert external_files(whole) == {"SMTP_PASSWORD", "ERROR_REPORTING_DSN"}
    assert secret_file(whole, "auth-server-smtp-password") == EXTERNAL["smtp-password"]
    assert secret_file(whole, "auth-server-error-reporting-dsn") == EXTERNAL["error-reporting-dsn"]


def test_more_replicas_of_the_api_leave_the_database_alone(local: Recording) -> None:
    scaled = record("local", {"auth_server": {"replicas": 2}}, preview=False)
    assert scaled.service("postgres").inputs == local.service("postgres").inputs
    config = "local-postgres-postgresql-conf"
    assert scaled.named(DOCKER_CONFIG, config).inputs == local.named(DOCKER_CONFIG, config).inputs


def test_an_empty_database_is_made_only_on_the_first_day(local: Recording) -> None:
    environment = local.service("postgres").inputs["taskSpec"]["containerSpec"]["env"]
    assert environment == {"INITIALISE_UNTIL": "2026-11-24T08:00:00Z"}, "one day after the authority was made, in UTC"


def test_someone_elses_auth_server_gets_its_secrets_through_the_wrapper() -> None:
    foreign = record(
        "local",
        {
            "auth_server": {
                "image": f"registry.example.com/other/api@{'sha256:' + 'a' * 64}",
                "command": ["node", "server.js"],
                "health_check": ["/bin/check"],
                "writable_paths": ["/app/uploads"],
                "extra_env": {"REDIS_HOST": "redis"},
            }
        },
        preview=False,
    )
    container = foreign.service("auth-server").inputs["taskSpec"]["containerSpec"]
    assert container["commands"] == ["/usr/local/bin/with-secrets", "node", "server.js"]
    assert container["healthcheck"]["tests"] == ["CMD", "/bin/check"]
    assert container["env"]["REDIS_HOST"] == "redis"
    assert "/app/uploads" in {mount["target"] for mount in container["mounts"]}
    (wrapper,) = [config for config in container["configs"] if config["fileName"] == "/usr/local/bin/with-secrets"]
    assert wrapper["fileMode"] == 0o555


def test_someone_elses_frontend_is_proxied_and_updated_without_a_gap() -> None:
    image = f"registry.example.com/other/web@{'sha256:' + 'b' * 64}"
    foreign = record("local", {"frontend": {"image": image, "proxy_port": 3000}}, preview=False)
    service = foreign.service("frontend")
    assert service.inputs["updateConfig"]["order"] == "start-first"
    assert "name" not in service.inputs
    config = foreign.named(DOCKER_CONFIG, "local-edge-config-nginx-conf")
    assert "server frontend:3000 resolve" in decoded(config.inputs["data"])


def test_what_a_stack_says_of_its_edge_reaches_the_edge() -> None:
    edge = {
        "domain": "grocery.example.com",
        "https_port": 443,
        "hsts_preload": True,
        "trusted_proxies": ["10.0.0.0/8"],
        "connections": {"per_address": 7, "websockets_per_address": 8},
        "maintenance": {"enabled": True, "allow": ["192.0.2.0/24"], "retry_after": "15m"},
    }
    config = record("local", {"edge": edge}, preview=False).named(DOCKER_CONFIG, "local-edge-config-nginx-conf")
    text = decoded(config.inputs["data"])
    for line in (
        'on "max-age=63072000; includeSubDomains; preload";',
        "set_real_ip_from 10.0.0.0/8;",
        "limit_conn requests 7;",
        "limit_conn websockets 8;",
        "192.0.2.0/24 0;",
        "1 900;",
    ):
        assert line in text


def test_exports_say_where_everything_is(updated: Recording) -> None:
    exports = updated.exports
    assert exports["url"].startswith("https://")
    acme = set() if updated.stack == "local" else {"acme"}
    assert set(exports["images"]) == set(IMAGE_NAMES) - {"acme"} | acme
    edge = {"edge"} if updated.stack == "local" else set()
    assert set(exports["certificates"]) == {"ca", "postgres", "backups", "postgres-backup"} | edge, (
        "others' end is known to the edge alone"
    )
    assert exports["workloads"]["auth-server"]["metrics"] == {"port": 3001, "path": "/metrics"}
    assert exports["workloads"]["auth-server"]["service"].startswith(f"{updated.stack}-auth-server-")
    assert exports["ca_certificate"].startswith("-----BEGIN CERTIFICATE-----")
