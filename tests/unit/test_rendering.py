"""Rendered configuration, judged as text; nginx and PostgreSQL themselves judge it in tests/e2e."""

from __future__ import annotations

import dataclasses
import re

import jinja2
import pytest

from rendering import nginx, postgres, render_template
from settings import Edge as EdgeSettings
from settings import load

MIB = 1 << 20
GIB = 1 << 30

LOCAL = nginx.Edge(
    domain="localhost",
    origin="https://localhost:8443",
    hsts=False,
    general=nginx.Zone(rate="100r/s", burst=200),
    api=nginx.Zone(rate="50r/s", burst=100),
    auth=nginx.Zone(rate="60r/m", burst=30),
    auth_server="auth-server:3001",
    zero_cache="zero-cache:4848",
)
PUBLIC = dataclasses.replace(LOCAL, domain="grocery.example.com", origin="https://grocery.example.com", hsts=True)
PROXIED = dataclasses.replace(LOCAL, frontend="frontend:3000")


def block(text: str, opening: str) -> str:
    """The body of the first block whose opening line contains `opening`."""
    start = text.index("{", text.index(opening))
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[start + 1 : position]
    raise AssertionError(f"the block {opening} never ends")


def site(edge: nginx.Edge) -> str:
    """The server of the application."""
    text = nginx.render(edge)
    return block(text[text.index(f"listen {nginx.HTTPS_PORT} ssl;") - 40 :], "server")


def headers(text: str) -> dict[str, str]:
    return dict(re.findall(r'^ *add_header (\S+) "([^"]*)" always;', text, re.MULTILINE))


# --- nginx -----------------------------------------------------------------------------------------------------------


def test_every_block_is_closed_and_every_value_filled_in() -> None:
    for edge in (LOCAL, PUBLIC, PROXIED):
        text = nginx.render(edge)
        assert text.count("{") == text.count("}")
        assert "{{" not in text
        assert "{%" not in text
        assert "None" not in text


def test_a_value_the_template_needs_cannot_be_forgotten() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render_template("nginx.conf.j2", edge=LOCAL)


def test_the_same_edge_is_the_same_text() -> None:
    assert nginx.render(LOCAL) == nginx.render(dataclasses.replace(LOCAL)), "another text would be another release"


def test_the_running_version_can_be_asked() -> None:
    status = block(nginx.render(LOCAL), "server {\n    listen 127.0.0.1")
    assert 'location = /version { return 200 "@VERSION@\\n"; }' in status
    assert "location = /health" in status
    assert "access_log off;" in status


def test_the_status_pages_answer_inside_the_container_only() -> None:
    assert re.findall(r"listen (\S+8079)", nginx.render(LOCAL)) == ["127.0.0.1:8079"]


def test_certificate_paths_are_relative_so_that_a_candidate_is_tested_with_its_own() -> None:
    text = site(LOCAL)
    assert "ssl_certificate tls.crt;" in text
    assert "ssl_certificate_key tls.key;" in text


def test_only_current_tls_is_spoken() -> None:
    text = nginx.render(PUBLIC)
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in text
    assert "ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1:secp384r1;" in text
    assert "ssl_session_tickets off;" in text
    (ciphers,) = re.findall(r"ssl_ciphers (\S+);", text)
    assert all(re.match(r"ECDHE-(ECDSA|RSA)-(AES|CHACHA)", cipher) for cipher in ciphers.split(":")), "forward secrecy"
    assert not re.search(r"CBC|SHA$", ciphers)


def test_hosts_that_are_not_ours_get_nothing() -> None:
    text = nginx.render(PUBLIC)
    stranger = block(text[text.index("listen 8080 default_server") - 40 :], "server")
    assert "ssl_reject_handshake on;" in stranger
    assert "return 421;" in stranger
    assert "ssl_certificate" not in stranger


def test_plain_http_redirects_to_where_the_browser_reaches_https() -> None:
    assert "return 301 https://localhost:8443$request_uri;" in nginx.render(LOCAL)
    assert "return 301 https://grocery.example.com$request_uri;" in nginx.render(PUBLIC)


def test_localhost_never_gets_hsts_whatever_is_configured() -> None:
    assert "Strict-Transport-Security" not in nginx.render(LOCAL)
    assert headers(site(PUBLIC))["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains; preload"


def test_every_answer_carries_the_security_headers() -> None:
    found = headers(site(PUBLIC))
    assert found["X-Content-Type-Options"] == "nosniff"
    assert found["X-Frame-Options"] == "DENY"
    assert found["Referrer-Policy"] == "same-origin"
    assert found["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in found["Permissions-Policy"]


def test_headers_are_set_in_one_place_because_a_second_place_would_drop_the_first() -> None:
    for location in re.findall(r"location [^{]*\{", site(PUBLIC)):
        assert "add_header" not in block(site(PUBLIC), location), f"{location} loses all headers of its server"


def test_headers_of_the_servers_behind_do_not_come_twice() -> None:
    text = nginx.render(PUBLIC)
    for name in headers(site(PUBLIC)):
        assert f"proxy_hide_header {name};" in text


def test_the_content_policy_lets_the_application_in_and_nothing_else() -> None:
    policy = dict(directive.split(" ", 1) for directive in nginx.CONTENT_SECURITY_POLICY.split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'", "covers the WebSocket of the same origin"
    assert {policy[name] for name in ("script-src", "style-src", "worker-src", "manifest-src")} == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in nginx.CONTENT_SECURITY_POLICY
    assert "*" not in nginx.CONTENT_SECURITY_POLICY


def test_three_zones_limit_what_one_address_may_ask() -> None:
    edge = dataclasses.replace(
        LOCAL,
        general=nginx.Zone(rate="7r/s", burst=8),
        api=nginx.Zone(rate="5r/s", burst=6),
        auth=nginx.Zone(rate="3r/m", burst=4),
    )
    text = nginx.render(edge)
    zones = dict(re.findall(r"limit_req_zone \$binary_remote_addr zone=(\w+):10m rate=(\S+);", text))
    assert zones == {"general": "7r/s", "api": "5r/s", "auth": "3r/m"}
    assert "limit_req_status 429;" in text
    assert limits(edge, "location ~* ^/api/auth") == {"general": "8", "api": "6", "auth": "4"}
    assert limits(edge, "location /api/") == {"general": "8", "api": "6"}
    assert limits(edge, "location /zero/") == {}, "inherits the general zone of its server"
    assert "limit_req zone=general burst=8 nodelay;\n\n    # Only" in site(edge)


def limits(edge: nginx.Edge, location: str) -> dict[str, str]:
    return dict(re.findall(r"limit_req zone=(\w+) burst=(\d+) nodelay;", block(site(edge), location)))


def test_endpoints_for_zero_cache_alone_are_not_public_in_any_spelling() -> None:
    text = site(LOCAL)
    assert "location ~* ^/api/(zero|internal)(/|$) { return 404; }" in text
    assert text.index("^/api/(zero|internal)") < text.index("^/api/auth"), "the first regular expression wins"


def test_endpoints_behind_are_no_false_green() -> None:
    """With the application's page for every path, a probe of /keepalive would see 200 whatever is broken."""
    pattern = re.search(r"location ~ (\^/\(keepalive\S+) \{ return 404; \}", site(LOCAL))
    assert pattern
    for path in ("/keepalive", "/statz", "/heapz", "/metrics"):
        assert re.match(pattern[1], path)


def test_health_is_the_auth_servers() -> None:
    pattern = re.search(r"location ~ (\^/health\S+) \{ proxy_pass http://auth_server; \}", site(LOCAL))
    assert pattern
    for path in ("/health", "/health/live", "/health/ready"):
        assert re.match(pattern[1], path)
    assert not re.match(pattern[1], "/healthy")


def test_the_websocket_is_for_our_own_pages_only() -> None:
    text = nginx.render(LOCAL)
    assert block(text, "map $http_origin").split() == ["default", "0;", '"https://localhost:8443"', "1;"]
    assert "if ($origin_allowed = 0) { return 403; }" in block(site(LOCAL), "location /zero/")


def test_the_first_message_of_a_client_fits_both_ways() -> None:
    """It is a header of up to 8 KB that zero-cache echoes; nginx' own limits are 8 KB and 4 KB."""
    zero = block(site(LOCAL), "location /zero/")
    assert "large_client_header_buffers 8 32k;" in nginx.render(LOCAL)
    assert "proxy_buffer_size 32k;" in zero
    assert "proxy_buffering off;" in zero
    assert "proxy_set_header Upgrade $http_upgrade;" in zero


def test_paths_reach_zero_cache_unchanged() -> None:
    assert "proxy_pass http://zero_cache;" in block(site(LOCAL), "location /zero/"), "a path here would rewrite"


def test_proxied_requests_say_who_asked_and_cannot_be_made_to_lie() -> None:
    text = nginx.render(LOCAL)
    assert "proxy_add_x_forwarded_for" not in text, "it would keep what the client claims"
    for line in (
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Request-Id $request_id;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
    ):
        # Once for all, once more where a location has headers of its own and inherits none.
        assert text.count(line) == 2


def test_names_are_asked_again_while_running() -> None:
    text = nginx.render(LOCAL)
    assert "resolver 127.0.0.11 valid=1s ipv6=off;" in text
    for upstream, server in (("auth_server", "auth-server:3001"), ("zero_cache", "zero-cache:4848")):
        body = block(text, f"upstream {upstream}")
        assert f"server {server} resolve" in body
        assert "zone " in body, "resolve needs shared memory"


def test_a_reload_loses_nothing_and_ends() -> None:
    text = nginx.render(LOCAL)
    assert "worker_shutdown_timeout 5m;" in text
    assert "keepalive_min_timeout" in text


def test_logs_hold_no_query_and_no_token() -> None:
    (log,) = re.findall(r"log_format json escape=json(.*?);", nginx.render(LOCAL), re.DOTALL)
    for leaking in ("$request_uri", "$request ", '"$request"', "$args", "$query", "$http_cookie", "$http_", "$uri"):
        assert leaking not in log
    assert "$path_asked" in log
    path = block(nginx.render(LOCAL), "map $request_uri $path_asked")
    assert re.search(r'"~\^\(\?<path_only>\[\^\?\]\*\)"', path), "up to the first question mark"


def test_bodies_are_bounded() -> None:
    text = nginx.render(LOCAL)
    assert "client_max_body_size 64k;" in text
    assert "client_max_body_size 16k;" in block(site(LOCAL), "location ~* ^/api/auth")
    assert "client_max_body_size 1m;" in block(site(LOCAL), "location /api/")


def test_hashed_assets_are_kept_for_a_year_and_pages_are_asked_again() -> None:
    rules = block(nginx.render(LOCAL), "map $uri $cache_control")
    assert 'default "no-cache";' in rules
    assert '"~^/assets/" "public, max-age=31536000, immutable";' in rules
    assert re.search(r"add_header Cache-Control \$cache_control;", site(LOCAL)), "not `always`: a 404 must not be kept"


def test_files_come_from_what_the_edge_made_live() -> None:
    text = site(LOCAL)
    assert "root /srv/web/live;" in block(text, "location / {")
    assert "root /srv/web;" in block(text, "location /assets/")
    assert "try_files $uri =404;" in block(text, "location /assets/"), "a page instead of a script would break tabs"


def test_a_foreign_frontend_is_proxied_and_decides_on_its_own_caching() -> None:
    text = nginx.render(PROXIED)
    assert "server frontend:3000 resolve" in text
    assert "proxy_pass http://frontend;" in site(PROXIED)
    assert "/srv/web" not in text
    assert "Cache-Control" not in text
    assert headers(site(PROXIED)) == headers(site(LOCAL)), "the security headers are the edge's all the same"


def test_text_is_compressed_both_ways() -> None:
    text = nginx.render(LOCAL)
    for kind in ("gzip_types", "brotli_types"):
        (types,) = re.findall(rf"{kind} ([^;]*);", text)
        assert {"text/css", "text/javascript", "application/json", "application/manifest+json"} <= set(types.split())


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def conf(server: postgres.Server) -> dict[str, str]:
    lines = [line for line in postgres.render_conf(server).splitlines() if line and not line.startswith("#")]
    parsed = dict(line.split(" = ", 1) for line in lines)
    assert len(parsed) == len(lines), "a key that is set twice hides one of the values"
    return {key: value.strip("'") for key, value in parsed.items()}


SMALL = postgres.Server(memory=512 * MIB, disk=10 * GIB, connections=58)
LARGE = postgres.Server(memory=8 * GIB, disk=200 * GIB, connections=120)


def test_memory_is_shared_out_in_the_usual_proportions() -> None:
    assert conf(SMALL)["shared_buffers"] == "128MB"
    assert conf(SMALL)["effective_cache_size"] == "384MB"
    assert conf(LARGE)["shared_buffers"] == "2048MB"
    assert conf(LARGE)["maintenance_work_mem"] == "512MB"


@pytest.mark.parametrize("memory", [128 * MIB, 512 * MIB, GIB, 4 * GIB, 64 * GIB])
def test_sorts_of_all_connections_fit_beside_the_shared_buffers(memory: int) -> None:
    tuning = postgres.tune(postgres.Server(memory=memory, disk=10 * GIB, connections=100))
    assert tuning.work_mem_kib >= 64, "PostgreSQL's own minimum"
    sorts = 100 * tuning.work_mem_kib // 1024
    assert tuning.shared_buffers + sorts + tuning.maintenance_work_mem <= memory // MIB, "or it is killed"


def test_a_standing_slot_cannot_fill_the_disk() -> None:
    assert conf(SMALL)["max_slot_wal_keep_size"] == "2560MB", "a quarter of the disk"
    tuning = postgres.tune(SMALL)
    assert tuning.max_slot_wal_keep_size + tuning.max_wal_size < SMALL.disk // MIB // 2


def test_connections_are_enough_for_everyone_at_once() -> None:
    settings = load(None)
    api, zero = settings.auth_server, settings.zero_cache
    found = postgres.connections(
        api_replicas=api.replicas,
        api_pool=api.database_connections,
        cvr=zero.cvr_connections,
        change=zero.change_connections,
    )
    during_an_update = (api.replicas + 1) * api.database_connections
    initial_sync = 13
    assert found >= during_an_update + zero.cvr_connections + zero.change_connections + initial_sync + 10


def test_one_replica_more_does_not_restart_the_database() -> None:
    limits = [postgres.connections(api_replicas=count, api_pool=10, cvr=5, change=3) for count in (1, 2, 3)]
    assert len(set(limits)) == 1


def test_many_replicas_are_given_their_connections() -> None:
    assert postgres.connections(api_replicas=20, api_pool=10, cvr=5, change=3) >= 21 * 10 + 5 + 3 + 13


def test_zero_cache_can_follow_the_log() -> None:
    found = conf(SMALL)
    assert found["wal_level"] == "logical"
    assert int(found["max_wal_senders"]) >= 4
    assert int(found["max_replication_slots"]) >= 4


def test_passwords_and_rows_never_reach_the_log() -> None:
    found = conf(SMALL)
    assert found["log_statement"] == "none"
    assert found["log_min_error_statement"] == "panic"
    assert found["log_min_duration_statement"] == "-1"
    assert found["log_parameter_max_length_on_error"] == "0"
    assert found["log_error_verbosity"] == "terse", "details quote the row that broke a constraint"


def test_the_server_speaks_tls_and_stores_no_weak_password() -> None:
    found = conf(SMALL)
    assert found["ssl"] == "on"
    assert found["ssl_min_protocol_version"] in ("TLSv1.2", "TLSv1.3")
    assert found["password_encryption"] == "scram-sha-256"


def test_who_may_connect_is_a_short_list_that_ends_in_no() -> None:
    rules = [line.split() for line in postgres.render_hba().splitlines() if line and not line.startswith("#")]
    assert rules[-1] == ["host", "all", "all", "all", "reject"]
    assert ["local", "all", "all", "reject"] in rules
    for rule in rules:
        if rule[0].startswith("host") and rule[-1] != "reject":
            assert rule[0] == "hostssl", "nothing in plain text"
            assert rule[-1] == "scram-sha-256"
            assert rule[3] == "samenet", "nobody from outside of the data network"
        if rule[-1] == "trust":
            assert rule[:3] == ["local", "all", "postgres"], "the container's own socket"
    by_user = {user: rule[1] for rule in rules if rule[0] == "hostssl" for user in rule[2].split(",")}
    assert by_user == {"postgres": "all", "zero": "grocery", "api_a": "grocery", "api_b": "grocery"}


# --- together --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "port", "origin"),
    [
        ("localhost", 8443, "https://localhost:8443"),
        ("grocery.example.com", 443, "https://grocery.example.com"),
        ("grocery.example.com", 444, "https://grocery.example.com:444"),
    ],
)
def test_origins_are_written_as_browsers_write_them(domain: str, port: int, origin: str) -> None:
    assert EdgeSettings(domain=domain, https_port=port).origin == origin
