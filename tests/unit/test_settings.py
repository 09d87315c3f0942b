"""Configuration: what is refused, how it is said, and what the defaults are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from settings import (
    IMAGE_NAMES,
    Settings,
    SettingsError,
    check_stack_name,
    json_schema,
    load,
    required_secrets,
    resolve_images,
)
from settings.values import format_duration, format_size, parse_duration, parse_size
from tests.unit.recording import IMAGE, IMAGES, ROOT, Json, stack_settings


def refusal(settings: Json) -> str:
    with pytest.raises(SettingsError) as caught:
        load(settings)
    return str(caught.value)


def test_nothing_configured_is_the_local_stack() -> None:
    local = load(None)
    assert local == load("") == load("{}") == load({}) == Settings()
    assert local.edge.origin == "https://localhost:8443"
    assert local.target.host == "unix:///var/run/docker.sock"


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_the_stack_files_are_accepted_and_name_every_part(stack: str) -> None:
    configured = stack_settings(stack)
    settings = load(configured)
    assert settings.edge.origin == f"https://{settings.edge.domain}", "port 443 is not part of an origin"
    assert settings.target.host.startswith("ssh://")
    assert configured is not None
    assert set(Settings.model_fields) - set(configured) <= {"migrations"}, "a complete file shows what can be set"


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_what_the_stack_files_show_in_comments_is_true(stack: str) -> None:
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    assert "secure:" not in text, "a secret inside the structured key would arrive as plain text"
    assert text.count("# ") > 10


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"edge": {"domian": "x"}}, ["grocery:settings.edge.domian: unknown key; did you mean domain?"]),
        ({"postgress": {}}, ["grocery:settings.postgress: unknown key; did you mean postgres?"]),
        ({"zzz": 1}, ["grocery:settings.zzz: unknown key; known here: target, network, edge"]),
        ({"edge": {"rate_limits": {"api": {"rate": "9r/s", "brust": 3}}}}, ["edge.rate_limits.api.brust", "burst?"]),
        ({"edge": {"https_port": "8443"}}, ["edge.https_port", "integer", '"8443"']),
        ({"edge": {"https_port": 0}}, ["edge.https_port"]),
        ({"edge": {"https_port": 70000}}, ["edge.https_port", "65535"]),
        ({"edge": {"https_port": 80, "http_port": 80}}, ["edge", "both 80"]),
        ({"edge": {"domain": "Grocery.Example.com"}}, ["edge.domain", "lower-case"]),
        ({"edge": {"domain": "a b; return 200"}}, ["edge.domain"]),
        ({"edge": {"domain": "10.0.0.1"}}, ["edge.domain", "no address"]),
        ({"edge": {"rate_limits": {"auth": {"rate": "5/s", "burst": 1}}}}, ["edge.rate_limits.auth.rate", "r/s"]),
        ({"edge": 3}, ["grocery:settings.edge", "object"]),
        ({"edge": {"hsts": "yes"}}, ["edge.hsts"]),
        ({"edge": {"hsts_preload": True}}, ["edge", "hsts_preload needs", "real domain"]),
        (
            {"edge": {"domain": "a.test", "hsts": False, "hsts_preload": True}},
            ["edge", "hsts_preload needs hsts: true"],
        ),
        ({"edge": {"trusted_proxies": ["10.0.0.1/8"]}}, ["edge.trusted_proxies.0", "10.0.0.0/8", '"10.0.0.1/8"']),
        ({"edge": {"trusted_proxies": ["0.0.0.0/0"]}}, ["edge.trusted_proxies.0", "everybody"]),
        ({"edge": {"trusted_proxies": ["::/0"]}}, ["edge.trusted_proxies.0", "everybody"]),
        ({"edge": {"trusted_proxies": ["balancer.internal"]}}, ["edge.trusted_proxies.0", "a network"]),
        ({"edge": {"connections": {"per_address": 0}}}, ["edge.connections.per_address"]),
        ({"edge": {"maintenance": {"allow": ["10.0.0.0/33"]}}}, ["edge.maintenance.allow.0", "a network"]),
        ({"edge": {"maintenance": {"retry_after": "soon"}}}, ["edge.maintenance.retry_after", '"5m"']),
        ({"edge": {"certificate": {"kind": "magic"}}}, ["edge.certificate", "'magic'", "'acme'"]),
        ({"edge": {"certificate": {"kind": "acme"}}}, ["edge.certificate", "email", "required"]),
        (
            {"edge": {"certificate": {"kind": "acme", "email": "a@example.com", "directry": "x"}}},
            ["edge.certificate", "directry", "did you mean directory?"],
        ),
        (
            {"edge": {"certificate": {"kind": "acme", "email": "a@example.com", "directory": "http://ca.test/"}}},
            ["edge.certificate", "directory", "https://"],
        ),
        (
            {"edge": {"certificate": {"kind": "acme", "email": "a@example.com", "ca_certificate": "a path"}}},
            ["edge.certificate", "ca_certificate", "PEM"],
        ),
        (
            {"edge": {"certificate": {"kind": "acme", "email": "a@example.com"}}},
            ["grocery:settings.edge", "'localhost'", "kind: stack"],
        ),
        ({"postgres": {"memory": 512}}, ["postgres.memory", '"512MiB"', "got 512"]),
        ({"postgres": {"memory": "512M"}}, ["postgres.memory", '"512MiB"']),
        ({"postgres": {"memory": "0MiB"}}, ["postgres.memory"]),
        ({"postgres": {"memory": "64MiB"}}, ["postgres.memory", "at least 128MiB"]),
        ({"postgres": {"initialise_until": "tomorrow"}}, ["postgres.initialise_until", "2027-01-31T12:00:00Z"]),
        ({"postgres": {"image": "postgres:17"}}, ["postgres.image", "moving tag"]),
        ({"postgres": {"image": "postgres:latest"}}, ["postgres.image", "moving tag"]),
        ({"zero_cache": {"start_period": "forever"}}, ["zero_cache.start_period", '"5m"']),
        ({"zero_cache": {"sync_workers": 6}}, ["zero_cache", "sync_workers is 6", "cvr_connections only 5"]),
        ({"target": {"host": "tcp://0.0.0.0:2375"}}, ["target.host", "ssh://user@host"]),
        ({"monitoring": {"receivers": {"email": {"to": ["a@example.com"]}}}}, ["grocery:settings", "email is not"]),
        (
            {
                "email": {"host": "smtp.example.com", "port": 2465, "security": "tls"},
                "monitoring": {"receivers": {"email": {"to": ["a@example.com"]}}},
            },
            ["email.port 2465", "465 only", "starttls"],
        ),
        ({"monitoring": {"receivers": {"slack": {"channel": "alerts"}}}}, ["receivers.slack.channel", '"#alerts"']),
        ({"monitoring": {"receivers": {"email": {"to": []}}}}, ["monitoring.receivers.email.to"]),
        ({"monitoring": {"disk": "1MiB"}}, ["monitoring.disk", "at least 256MiB"]),
        ({"monitoring": {"retention": "5m"}}, ["monitoring.retention", "at least 1h"]),
        ({"monitoring": {"grafana": {"image": "grafana/grafana:11"}}}, ["monitoring.grafana.image", "moving tag"]),
        ({"monitoring": {"images": {"nodeexporter": "x"}}}, ["monitoring.images.nodeexporter", "node_exporter?"]),
        ({"monitoring": {"log_shipping": {"endpoint": "ftp://x"}}}, ["monitoring.log_shipping.endpoint", "https://"]),
        ({"monitoring": {"runbooks_url": "http://x"}}, ["monitoring.runbooks_url", "https://"]),
        ({"backups": {"volume": False}}, ["grocery:settings.backups", "neither volume nor bucket"]),
        ({"backups": {"keep": "36h"}}, ["backups.keep", '"14d"', '"36h"']),
        ({"backups": {"keep": "1h"}}, ["backups.keep", "at least 1d"]),
        ({"backups": {"memory": "64MiB"}}, ["backups.memory", "at least 256MiB"]),
        ({"backups": {"schedule": {"at": "2:30"}}}, ["backups.schedule.at", '"02:30"']),
        ({"backups": {"schedule": {"at": "24:00"}}}, ["backups.schedule.at"]),
        ({"backups": {"schedule": {"drill": "30s"}}}, ["backups.schedule.drill", "at least 1m"]),
        ({"backups": {"schedule": {"weekly": "7d"}}}, ["backups.schedule.weekly", "known here: at, full"]),
        ({"backups": {"key": "mine"}}, ["backups.key", "'provided'"]),
        ({"backups": {"bucket": {"bucket": "lists"}}}, ["backups.bucket.endpoint", "required"]),
        (
            {"backups": {"bucket": {"endpoint": "http://s3.test", "bucket": "Lists"}}},
            ["backups.bucket.endpoint", "without a path", "backups.bucket.bucket", "lower-case"],
        ),
        (
            {"backups": {"bucket": {"endpoint": "https://s3.test/lists", "bucket": "lists", "uri_style": "dns"}}},
            ["backups.bucket.endpoint", "without a path", "backups.bucket.uri_style", "'host'"],
        ),
        (
            {"backups": {"bucket": {"endpoint": "https://s3.test", "bucket": "lists", "ca_certificate": "a path"}}},
            ["backups.bucket.ca_certificate", "PEM"],
        ),
        ({"target": {"nodes": 0}}, ["target.nodes"]),
        ({"network": {"pool": "8.8.0.0/16"}}, ["network.pool", "private"]),
        ({"network": {"pool": "10.0.0.0/8"}}, ["network.pool", "/16"]),
        ({"auth_server": {"replicas": 0}}, ["auth_server.replicas"]),
        ({"auth_server": {"extra_env": {"SMTP_PASSWORD": "x"}}}, ["extra_env.SMTP_PASSWORD", "/run/secrets"]),
        ({"auth_server": {"extra_env": {"A-B": "x"}}}, ["extra_env.A-B"]),
        ({"auth_server": {"extra_env": {"DB_HOST": "x"}}}, ["extra_env.DB_HOST", "by the program itself"]),
        ({"auth_server": {"extra_env": {"ERROR_REPORTING_DSN": "x"}}}, ["extra_env.ERROR_REPORTING_DSN", "secret"]),
        ({"auth_server": {"push_services": []}}, ["auth_server.push_services"]),
        ({"auth_server": {"push_services": ["http://*.test"]}}, ["auth_server.push_services.0", "https://*."]),
        ({"auth_server": {"push_services": ["https://a.test/push"]}}, ["auth_server.push_services.0", "origin"]),
        ({"auth_server": {"email_from": "nobody"}}, ["auth_server.email_from", "no-reply@example.com"]),
        ({"email": {}}, ["email.host"]),
        ({"email": {"host": "smtp://x"}}, ["email.host", "smtp.example.com"]),
        ({"email": {"host": "x", "security": "ssl"}}, ["email.security", "starttls"]),
        ({"email": {"host": "x", "security": "none", "username": "u"}}, ["email", "in the clear"]),
        ({"auth_server": {"command": []}}, ["auth_server.command"]),
        ({"auth_server": {"writable_paths": ["relative"]}}, ["auth_server.writable_paths.0", "absolute"]),
        ({"frontend": {"proxy_port": 3000}}, ["frontend", "image is not"]),
        ({"rotation": {"api": 0}}, ["rotation.api"]),
        ("{not json", ["grocery:settings", "JSON"]),
        ('["a list"]', ["grocery:settings", "object"]),
    ],
)
def test_a_fault_is_refused_with_the_path_of_its_key(settings: Json, said: list[str]) -> None:
    message = refusal(settings)
    for part in said:
        assert part in message, message
    assert "./grocery config schema" in message, "the way out"


def test_all_faults_are_named_at_once() -> None:
    message = refusal({"edge": {"https_port": "x"}, "target": {"hots": "x"}, "postgres": {"disk": 1}})
    assert message.count("grocery:settings.") == 3, message


def test_settings_cannot_be_changed_after_they_were_judged() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(None).edge.domain = "example.com"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "expected"), [("1KiB", 1024), ("512MiB", 512 << 20), ("3GiB", 3 << 30), ("1TiB", 1 << 40)]
)
def test_sizes_are_read_as_bytes_and_written_back(text: str, expected: int) -> None:
    assert parse_size(text) == expected
    assert format_size(expected) == text


@pytest.mark.parametrize(("text", "expected"), [("30s", 30), ("5m", 300), ("2h", 7200), ("30d", 2_592_000)])
def test_durations_are_read_as_seconds_and_written_back(text: str, expected: int) -> None:
    assert parse_duration(text) == expected
    assert format_duration(expected) == text


@pytest.mark.parametrize("stack", ["local", "e2e-a1b2c3", "a" * 16])
def test_a_stack_name_that_fits_is_taken(stack: str) -> None:
    assert check_stack_name(stack) == stack


@pytest.mark.parametrize("stack", ["", "Prod", "1a", "a" * 17, "a_b"])
def test_a_stack_name_that_docker_would_refuse_later_is_refused_now(stack: str) -> None:
    with pytest.raises(SettingsError, match="16 lower-case letters"):
        check_stack_name(stack)


def test_the_schema_describes_every_key_for_editors() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert json.loads(json.dumps(schema)) == schema
    sizes = schema["$defs"]["Postgres"]["properties"]["memory"]
    assert sizes["type"] == "string", "people write 512MiB, not a number of bytes"


def test_defaults_in_the_schema_are_what_people_would_write() -> None:
    def walk(node: Json, path: str) -> None:
        if isinstance(node, dict):
            if node.get("type") == "string" and "default" in node:
                assert isinstance(node["default"], str), f"{path}: default {node['default']!r} could not be written so"
            for key, item in node.items():
                walk(item, f"{path}.{key}")

    walk(json_schema(), "")


# --- images
# ----------------------------------------------------------------------------------------------------------


def write_images(path: Path, reference: str, names: tuple[str, ...] = IMAGE_NAMES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": {name: {"ref": reference} for name in names}}), encoding="utf-8")


def digest(letter: str) -> str:
    return f"registry.example.com/grocery@sha256:{letter * 64}"


def test_an_image_comes_from_its_setting_then_the_lock_then_the_local_build(tmp_path: Path) -> None:
    write_images(tmp_path / ".local" / "images.json", digest("a"))
    assert set(resolve_images(Settings(), tmp_path).values()) == {digest("a")}
    write_images(tmp_path / "images" / "lock.json", digest("b"), ("edge", "postgres"))
    images = resolve_images(load({"postgres": {"image": digest("c")}}), tmp_path)
    assert (images["postgres"], images["edge"], images["frontend"]) == (digest("c"), digest("b"), digest("a"))


ACME = {"edge": {"domain": "grocery.test", "certificate": {"kind": "acme", "email": "a@example.com"}}}


def test_only_a_stack_with_an_authority_of_others_needs_their_client(tmp_path: Path) -> None:
    without = tuple(name for name in IMAGE_NAMES if name != "acme")
    write_images(tmp_path / ".local" / "images.json", digest("a"), without)
    assert "acme" not in resolve_images(Settings(), tmp_path)
    with pytest.raises(SettingsError, match="image acme is not built"):
        resolve_images(load(ACME), tmp_path)
    write_images(tmp_path / "images" / "lock.json", digest("b"), ("acme",))
    assert resolve_images(load(ACME), tmp_path)["acme"] == digest("b")


def test_a_certificate_of_ones_own_is_a_secret_of_others() -> None:
    assert required_secrets(Settings()) == ()
    provided = load({"edge": {"certificate": {"kind": "provided"}}})
    assert required_secrets(provided) == ("edge-certificate", "edge-key")


def test_a_mail_server_that_wants_a_name_wants_a_password_too() -> None:
    open_relay = load({"email": {"host": "172.18.0.1", "port": 25, "security": "none"}})
    assert required_secrets(open_relay) == ()
    assert required_secrets(load({"email": {"host": "smtp.example.com", "username": "x"}})) == ("smtp-password",)


def test_reporting_errors_needs_to_be_told_where_to() -> None:
    assert required_secrets(load({"auth_server": {"error_reporting": True}})) == ("error-reporting-dsn",)


def test_what_tells_people_of_alerts_needs_their_addresses() -> None:
    every = {
        "receivers": {"slack": {"channel": "#alerts"}, "pagerduty": {}},
        "dead_man": True,
        "log_shipping": {"endpoint": "https://logs.example.com", "authenticated": True},
    }
    assert required_secrets(load({"monitoring": every})) == (
        "slack-url", "pagerduty-key", "dead-man-url", "otlp-headers",
    )  # fmt: skip
    assert required_secrets(load({"monitoring": {**every, "enabled": False}})) == (), "nobody there to tell"
    unauthenticated = {"log_shipping": {"endpoint": "http://collector.internal:4318"}}
    assert required_secrets(load({"monitoring": unauthenticated})) == ()


def test_what_opens_a_bucket_and_its_backups_is_needed_where_there_is_one() -> None:
    bucket = {"endpoint": "https://s3.test", "bucket": "lists"}
    assert required_secrets(load({"backups": {"bucket": bucket}})) == ("backup-bucket-key", "backup-bucket-secret")
    assert required_secrets(load({"backups": {"key": "provided"}})) == ("backup-key",)
    off = {"enabled": False, "bucket": bucket, "key": "provided"}
    assert required_secrets(load({"backups": off})) == (), "nobody there to read them"


def test_images_named_in_settings_need_no_build(tmp_path: Path) -> None:
    assert set(resolve_images(load(IMAGES), tmp_path).values()) == {IMAGE}


def test_no_image_is_wanted_for_what_is_not_watched_or_backed_up(tmp_path: Path) -> None:
    application = ("postgres", "migrations", "auth-server", "zero-cache", "edge", "frontend")
    write_images(tmp_path / ".local" / "images.json", digest("a"), application)
    off = {"enabled": False}
    assert set(resolve_images(load({"monitoring": off, "backups": off}), tmp_path)) == set(application)


def test_a_missing_image_is_named_with_the_command_that_builds_it(tmp_path: Path) -> None:
    write_images(tmp_path / ".local" / "images.json", digest("a"), ("postgres", "migrations", "zero-cache", "frontend"))
    with pytest.raises(
        SettingsError,
        match=r"image auth-server, edge, backups, prometheus, .*synthetic-user is not built: run ./grocery images",
    ):
        resolve_images(Settings(), tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": {"edge": "x"}}', '{"images": 3}'])
def test_a_damaged_list_of_images_is_said_to_be_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "images.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"images\.json is damaged"):
        resolve_images(Settings(), tmp_path)


def test_a_built_image_that_could_change_under_its_name_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path / ".local" / "images.json", "grocery/edge:dev")
    with pytest.raises(SettingsError, match="names no fixed content"):
        resolve_images(Settings(), tmp_path)


def test_settings_written_out_are_the_settings_again() -> None:
    for stack in ("staging", "prod"):
        settings = load(stack_settings(stack))
        assert load(settings.model_dump_json()) == settings
