"""Rendered configuration, judged as text; nginx and PostgreSQL themselves judge it in tests/e2e."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import jinja2
import pytest

from rendering import nginx, postgres, render_template
from rendering.disk import Disk
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
    connections=200,
    websockets=100,
    memory=128 * MIB,
    auth_server="auth-server:3001",
    zero_cache="zero-cache:4848",
)
PUBLIC = dataclasses.replace(LOCAL, domain="grocery.example.com", origin="https://grocery.example.com", hsts=True)
PROXIED = dataclasses.replace(LOCAL, frontend="frontend:3000")
BEHIND_BALANCERS = dataclasses.replace(PUBLIC, trusted_proxies=("10.0.0.0/8", "2001:db8::/32"))
CLOSED = dataclasses.replace(LOCAL, maintenance=nginx.Maintenance(allow=("192.0.2.0/24",), retry_after=900))
ISSUED = dataclasses.replace(PUBLIC, acme=True)
WATCHED = dataclasses.replace(LOCAL, figures_for="10.203.1.0/24")
EVERY = (LOCAL, PUBLIC, PROXIED, BEHIND_BALANCERS, CLOSED, ISSUED, WATCHED)


def block(text: str, opening: str) -> str:
    """The body of the first block whose opening line contains `opening`."""
    start = text.index("{", text.index(opening))
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[start + 1 : position]
    raise AssertionError(f"the block {opening} never ends")


def server(edge: nginx.Edge, listen: str) -> str:
    """The server that listens as `listen` says."""
    text = nginx.render(edge)
    return block(text[text.rindex("  server {", 0, text.index(f"listen {listen};")) :], "server {")


def site(edge: nginx.Edge) -> str:
    """The server of the application."""
    return server(edge, f"{nginx.HTTPS_PORT} ssl")


def plain(edge: nginx.Edge) -> str:
    """The server that leads to the application's."""
    return server(edge, str(nginx.HTTP_PORT))


def headers(text: str) -> dict[str, str]:
    return dict(re.findall(r'^ *add_header (\S+) "?([^";]*(?:; [^";]*)*)"? always;', text, re.MULTILINE))


# --- nginx -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", EVERY)
def test_every_block_is_closed_and_every_value_filled_in(edge: nginx.Edge) -> None:
    text = nginx.render(edge)
    # Counts in regular expressions, {10}, are balanced too.
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
    status = server(LOCAL, "127.0.0.1:8079")
    assert 'location = /version { return 200 "@VERSION@\\n"; }' in status
    assert "location = /health" in status
    assert "access_log off;" in status


def test_the_status_pages_answer_inside_the_container_only() -> None:
    assert re.findall(r"listen (\S+8079)", nginx.render(LOCAL)) == ["127.0.0.1:8079"]
    assert nginx.render(LOCAL).count("stub_status;") == 1


def test_figures_are_told_to_the_network_that_asks_for_them_and_nothing_else_is() -> None:
    watched = server(WATCHED, str(nginx.FIGURES_PORT))
    assert re.findall(r"(?:allow|deny) [^;]+;", watched) == ["allow 10.203.1.0/24;", "deny all;"]
    assert re.findall(r"location ([^{]+) {", watched) == ["= /stub_status", "/"]
    assert block(watched, "location / ").strip() == "return 404;"
    assert f"listen {nginx.FIGURES_PORT}" not in nginx.render(LOCAL), "nobody asks there"


def test_one_edge_is_watched_and_another_not_on_the_same_addresses_so_that_a_reload_goes_from_one_to_the_other() -> (
    None
):
    before, after = ({*re.findall(r"listen ([^;]+);", nginx.render(edge))} for edge in (LOCAL, WATCHED))
    assert after - before == {str(nginx.FIGURES_PORT)}
    assert not any(address.endswith(f":{nginx.FIGURES_PORT}") for address in before)


def test_certificate_paths_are_relative_so_that_a_candidate_is_tested_with_its_own() -> None:
    assert "ssl_certificate tls.crt;" in site(LOCAL)
    assert "ssl_certificate_key tls.key;" in site(LOCAL)


def test_an_issued_certificate_is_the_one_the_watcher_names() -> None:
    assert f"include {nginx.CERTIFICATE_IN_USE};" in nginx.render(ISSUED)
    assert "ssl_certificate" not in site(ISSUED), "the watcher's file says it for all servers"
    assert "location = /certificate" in server(ISSUED, "127.0.0.1:8079")
    assert "acme-challenge" in plain(ISSUED)
    assert "acme-challenge" not in nginx.render(PUBLIC)


def test_only_current_tls_is_spoken() -> None:
    text = nginx.render(PUBLIC)
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in text
    assert "ssl_ecdh_curve ?X25519MLKEM768:X25519:prime256v1:secp384r1;" in text
    (ciphers,) = re.findall(r"ssl_ciphers (\S+);", text)
    assert all(re.match(r"ECDHE-(ECDSA|RSA)-(AES|CHACHA)", cipher) for cipher in ciphers.split(":")), "forward secrecy"
    assert not re.search(r"CBC|SHA$", ciphers)


def test_sessions_are_resumed_without_a_key_that_reads_them_all() -> None:
    text = nginx.render(PUBLIC)
    assert "ssl_session_tickets off;" in text
    assert "ssl_session_cache shared:" in text


def test_hosts_that_are_not_ours_get_nothing() -> None:
    over_tls = server(PUBLIC, "8443 ssl default_server so_keepalive=60s:10s:6")
    assert "ssl_reject_handshake on;" in over_tls
    assert "return 421;" in over_tls
    assert "ssl_certificate" not in over_tls
    assert "return 444;" in server(PUBLIC, "8080 default_server so_keepalive=60s:10s:6")


def test_plain_http_redirects_to_where_the_browser_reaches_https() -> None:
    assert "return 301 https://localhost:8443$request_uri;" in plain(LOCAL)
    assert "return 301 https://grocery.example.com$request_uri;" in plain(PUBLIC)


@pytest.mark.parametrize(
    ("hsts", "preload", "value"),
    [
        (False, False, ""),
        (True, False, "max-age=63072000"),
        (True, True, "max-age=63072000; includeSubDomains; preload"),
    ],
)
def test_hsts_is_two_years_and_takes_sub_domains_along_only_when_asked_to(
    hsts: bool, preload: bool, value: str
) -> None:
    edge = dataclasses.replace(PUBLIC, hsts=hsts, hsts_preload=preload)
    assert nginx.strict_transport_security(edge) == value
    text = nginx.render(edge)
    assert ("Strict-Transport-Security" in headers(site(edge))) is hsts
    if hsts:
        assert f'on "{value}";' in block(text, "map $https $strict_transport_security"), "over TLS only"


@pytest.mark.parametrize("listen", ["8443 ssl", "8080", "8443 ssl default_server so_keepalive=60s:10s:6"])
def test_every_server_that_answers_sends_the_security_headers(listen: str) -> None:
    assert headers(server(PUBLIC, listen)).items() >= nginx.SECURITY_HEADERS.items()


@pytest.mark.parametrize("edge", EVERY)
def test_headers_are_set_in_one_place_because_a_second_place_would_drop_the_first(edge: nginx.Edge) -> None:
    for text in (site(edge), plain(edge)):
        for location in re.findall(r"location [^{]*\{", text):
            assert "add_header" not in block(text, location), f"{location} loses all headers of its server"


def test_headers_of_the_servers_behind_do_not_come_twice() -> None:
    text = nginx.render(LOCAL)
    for name in (*nginx.SECURITY_HEADERS, "Strict-Transport-Security", "X-Request-Id"):
        assert f"proxy_hide_header {name};" in text


def test_the_content_policy_lets_the_application_in_and_nothing_else() -> None:
    policy = dict(directive.split(" ", 1) for directive in nginx.CONTENT_SECURITY_POLICY.split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'", "covers the WebSocket of the same origin"
    assert {policy[name] for name in ("script-src", "style-src", "worker-src", "manifest-src")} == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in nginx.CONTENT_SECURITY_POLICY
    assert "*" not in nginx.CONTENT_SECURITY_POLICY


def test_three_zones_limit_what_one_client_may_ask() -> None:
    edge = dataclasses.replace(
        LOCAL,
        general=nginx.Zone(rate="7r/s", burst=8),
        api=nginx.Zone(rate="5r/s", burst=6),
        auth=nginx.Zone(rate="3r/m", burst=4),
    )
    text = nginx.render(edge)
    zones = dict(re.findall(r"limit_req_zone \$client zone=(\w+):4m rate=(\S+);", text))
    assert zones == {"general": "7r/s", "api": "5r/s", "auth": "3r/m"}
    assert "limit_req_status 429;" in text
    assert limits(edge, "location ~* ^/api/auth") == {"general": "8", "api": "6", "auth": "4"}
    assert limits(edge, "location /api/") == {"general": "8", "api": "6"}
    assert limits(edge, "location /zero/") == {}, "inherits the general zone of its server"
    for every in (site(edge), plain(edge)):
        assert re.search(r"^    limit_req zone=general burst=8 nodelay;", every, re.MULTILINE), "the server itself"


def limits(edge: nginx.Edge, location: str) -> dict[str, str]:
    return dict(re.findall(r"limit_req zone=(\w+) burst=(\d+) nodelay;", block(site(edge), location)))


@pytest.mark.parametrize(("rate", "seconds"), [("100r/s", 1), ("1r/s", 1), ("60r/m", 1), ("7r/m", 9), ("1r/m", 60)])
def test_whoever_asked_too_often_is_told_when_the_next_request_is_allowed(rate: str, seconds: int) -> None:
    assert nginx.Zone(rate=rate, burst=0).retry_after == seconds
    edge = dataclasses.replace(LOCAL, auth=nginx.Zone(rate=rate, burst=0))
    waits = block(nginx.render(edge), "map $path_asked $zone_retry_after")
    assert f"~*^/+api/+auth(/|$) {seconds};" in waits
    assert "default 1;" in waits, "the others wait as long as their own zone says"


def test_sockets_and_requests_of_one_client_are_counted_apart() -> None:
    text = site(LOCAL)
    assert "limit_conn websockets 100;" in block(text, "location /zero/")
    assert text.count("limit_conn requests 200;") == 1
    assert "limit_conn_zone $client zone=requests" in nginx.render(LOCAL)
    assert "limit_conn_status 429;" in nginx.render(LOCAL)


def test_more_clients_than_there_is_memory_for_wait_instead_of_ending_everybody_s_connections() -> None:
    assert nginx.worker_connections(128 * MIB) == 1126
    assert nginx.worker_connections(512 * MIB) > 4 * nginx.worker_connections(128 * MIB)
    assert nginx.worker_connections(16 * MIB) == 256, "less would serve nobody"
    text = nginx.render(dataclasses.replace(LOCAL, memory=256 * MIB))
    assert "worker_connections 2764;" in text
    assert "worker_rlimit_nofile 5528;" in text


def test_the_address_of_a_client_is_believed_from_the_proxies_that_were_named_and_nobody_else() -> None:
    assert "real_ip" not in nginx.render(PUBLIC)
    text = nginx.render(BEHIND_BALANCERS)
    assert re.findall(r"set_real_ip_from (\S+);", text) == ["10.0.0.0/8", "2001:db8::/32"]
    assert "real_ip_header X-Forwarded-For;" in text
    assert "real_ip_recursive on;" in text, "else a proxy of ours behind another would be the client"


def test_maintenance_closes_what_the_application_answers_and_nothing_else() -> None:
    assert block(nginx.render(LOCAL), "geo $maintenance").split() == ["default", "0;"]
    assert block(nginx.render(CLOSED), "geo $maintenance").split() == ["default", "1;", "192.0.2.0/24", "0;"]
    closing = "if ($maintenance) { return 503; }"
    for location in ("location ~* ^/api/auth", "location /api/", "location /zero/", "location / {"):
        assert closing in block(site(CLOSED), location)
    for location in ("location ~ ^/health", "location /assets/", "location /_edge/"):
        assert closing not in block(site(CLOSED), location)
    assert closing not in plain(dataclasses.replace(CLOSED, acme=True)), "challenges are answered"
    assert "1 900;" in block(nginx.render(CLOSED), "map $maintenance $unavailable_retry_after")


def test_endpoints_for_zero_cache_alone_are_not_public_in_any_spelling() -> None:
    text = site(LOCAL)
    assert "location ~* ^/api/(zero|internal)(/|$) { return 404; }" in text
    assert text.index("^/api/(zero|internal)") < text.index("^/api/auth"), "the first regular expression wins"


@pytest.mark.parametrize(
    ("path", "twisted"),
    [
        ("/", False),
        ("/lists/42", False),
        ("/.well-known/acme-challenge/x", False),
        ("/assets/index-B.D..f.js", False),
        ("/a/../b", True),
        ("/..", True),
        ("/a/./b", True),
        ("/%2e%2e/b", True),
        ("/a/.%2E/b", True),
        ("/a%2f..%2fb", True),
        ("/a/..;/b", True),
        ("/a\\b", True),
        ("/a%5cb", True),
        ("/a%00", True),
    ],
)
def test_paths_that_a_browser_would_have_resolved_are_refused(path: str, twisted: bool) -> None:
    rules = block(nginx.render(LOCAL), "map $path_asked $path_is_twisted")
    # nginx reads a backslash in quotes as one when it stands before another.
    patterns = [pattern.replace("\\\\", "\\") for pattern in re.findall(r'"~\*(.*)" 1;', rules)]
    assert len(patterns) == 2
    assert any(re.search(pattern, path, re.IGNORECASE) for pattern in patterns) is twisted


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
    assert "large_client_header_buffers 4 16k;" in nginx.render(LOCAL)
    assert "proxy_buffer_size 32k;" in zero
    assert "proxy_buffering off;" in zero
    assert "proxy_set_header Upgrade $http_upgrade;" in zero


def test_paths_reach_zero_cache_unchanged() -> None:
    assert "proxy_pass http://zero_cache;" in block(site(LOCAL), "location /zero/"), "a path here would rewrite"


def test_proxied_requests_say_who_asked_and_cannot_be_made_to_lie() -> None:
    text = nginx.render(LOCAL)
    assert "proxy_add_x_forwarded_for" not in text, "it would keep what the client claims"
    assert "$http_host" not in text, "the name is ours, whatever the client says"
    for line in (
        "proxy_set_header Host localhost:8443;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Request-Id $request_id;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        'proxy_set_header Forwarded "";',
    ):
        # Once for all, once more where a location has headers of its own and inherits none.
        assert text.count(line) == 2


def test_names_are_asked_again_while_running() -> None:
    text = nginx.render(LOCAL)
    assert "resolver 127.0.0.11 valid=1s ipv6=off;" in text
    for upstream, place in (("auth_server", "auth-server:3001"), ("zero_cache", "zero-cache:4848")):
        body = block(text, f"upstream {upstream}")
        assert f"server {place} resolve" in body
        assert "zone " in body, "resolve needs shared memory"


def test_a_reload_loses_nothing_and_ends() -> None:
    text = nginx.render(LOCAL)
    assert "worker_shutdown_timeout" in text
    assert "keepalive_min_timeout" in text


def test_logs_hold_no_query_and_no_token() -> None:
    (log,) = re.findall(r"log_format json escape=json(.*?);", nginx.render(LOCAL), re.DOTALL)
    for leaking in ("$request_uri", "$request ", '"$request"', "$args", "$query", "$http_cookie", "$http_", "$uri"):
        assert leaking not in log
    assert "$path_asked" in log
    path = block(nginx.render(LOCAL), "map $request_uri $path_asked")
    assert re.search(r'"~\^\(\?<path_only>\[\^\?\]\*\)"', path), "up to the first question mark"
    assert "\n  error_log stderr crit;" in nginx.render(LOCAL), "nginx' own lines about requests quote them whole"


def test_bodies_headers_and_patience_are_bounded() -> None:
    text = nginx.render(LOCAL)
    assert "client_max_body_size 64k;" in text
    assert "client_max_body_size 16k;" in block(site(LOCAL), "location ~* ^/api/auth")
    assert "client_max_body_size 256k;" in block(site(LOCAL), "location /api/")
    assert "max_headers 100;" in text
    for patience in ("client_header_timeout", "client_body_timeout", "send_timeout"):
        assert re.search(rf"{patience} 1[05]s;", text)


def test_hashed_assets_are_kept_for_a_year_and_pages_are_asked_again() -> None:
    rules = block(nginx.render(LOCAL), "map $uri $cache_of_file")
    assert 'default "no-cache";' in rules
    assert '"~^/assets/" "public, max-age=31536000, immutable";' in rules
    by_status = block(nginx.render(LOCAL), "map $status $cache_here")
    assert 'default "no-store";' in by_status, "a 404 must not be kept"


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
    assert "default $cache_behind;" in block(text, "map $upstream_addr $cache_control")
    assert headers(site(PROXIED)) == headers(site(LOCAL)), "the security headers are the edge's all the same"


def test_what_servers_send_is_compressed_but_never_beside_tokens() -> None:
    for edge, locations in ((LOCAL, ["location /api/"]), (PROXIED, ["location /api/", "location / {"])):
        text = site(edge)
        for location in locations:
            assert "gzip on;" in block(text, location)
            assert "brotli on;" in block(text, location)
        assert "gzip on;" not in block(text, "location ~* ^/api/auth")
        assert nginx.render(edge).count("gzip on;") == len(locations), "and nowhere else"


def test_files_are_sent_as_they_were_compressed_with_their_image() -> None:
    text = nginx.render(LOCAL)
    assert "gzip_static on;" in text
    assert "brotli_static on;" in text
    assert "gzip_vary on;" in text, "caches keep both forms apart"


PAGES = Path(__file__).parents[2] / "images" / "edge" / "pages"


def test_every_error_the_edge_may_answer_with_has_its_page_for_people_and_for_programs() -> None:
    named = set(re.findall(r"error_page [^;]* /_edge/(\w+)\.\$problem_format;", site(LOCAL)))
    named |= {"unavailable", "maintenance"}
    assert {page.name for page in PAGES.iterdir()} == {
        "style.css",
        *(f"{name}.{form}" for name in named for form in ("html", "json")),
    }


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.html")), ids=lambda page: page.name)
def test_error_pages_keep_to_the_content_policy_and_say_what_they_are(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "style=" not in text
    assert "<style" not in text
    assert "<script" not in text
    assert '<html lang="en">' in text
    assert text.count("<h1>") == text.count("<main>") == text.count("<title>") == 1
    assert '<link rel="stylesheet" href="/_edge/style.css" />' in text


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.json")), ids=lambda page: page.name)
def test_errors_for_programs_have_the_shape_of_the_api_s_own(page: Path) -> None:
    error = json.loads(page.read_text(encoding="utf-8"))["error"]
    assert set(error) == {"code", "message"}


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def conf(server: postgres.Server) -> dict[str, str]:
    lines = [line for line in postgres.render_conf(server).splitlines() if line and not line.startswith("#")]
    parsed = dict(line.split(" = ", 1) for line in lines)
    assert len(parsed) == len(lines), "a key that is set twice hides one of the values"
    return {key: value.strip("'") for key, value in parsed.items()}


SMALL = postgres.Server(memory=512 * MIB, disk=Disk(database=10 * GIB), connections=58)
LARGE = postgres.Server(memory=8 * GIB, disk=Disk(database=200 * GIB), connections=120)


def test_memory_is_shared_out_in_the_usual_proportions() -> None:
    assert conf(SMALL)["shared_buffers"] == "128MB"
    assert conf(SMALL)["effective_cache_size"] == "384MB"
    assert conf(LARGE)["shared_buffers"] == "2048MB"
    assert conf(LARGE)["maintenance_work_mem"] == "512MB"


@pytest.mark.parametrize("memory", [128 * MIB, 512 * MIB, GIB, 4 * GIB, 64 * GIB])
def test_sorts_of_all_connections_fit_beside_the_shared_buffers(memory: int) -> None:
    tuning = postgres.tune(postgres.Server(memory=memory, disk=Disk(database=10 * GIB), connections=100))
    assert tuning.work_mem_kib >= 64, "PostgreSQL's own minimum"
    sorts = 100 * tuning.work_mem_kib // 1024
    assert tuning.shared_buffers + sorts + tuning.maintenance_work_mem <= memory // MIB, "or it is killed"


def test_a_standing_slot_cannot_fill_the_disk() -> None:
    assert conf(SMALL)["max_slot_wal_keep_size"] == "2560MB", "a quarter of the disk"
    tuning = postgres.tune(SMALL)
    assert tuning.max_slot_wal_keep_size + tuning.max_wal_size < SMALL.disk.database // MIB // 2


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
    assert by_user == {
        "postgres": "all",
        "zero": "grocery",
        "api_a": "grocery",
        "api_b": "grocery",
        "backup": "grocery",
        "monitor": "grocery",
    }


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
