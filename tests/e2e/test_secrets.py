"""No secret value is anywhere it does not belong. Searched by value, so that no name can hide one."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cli.engine_host import Api
from tests.e2e import inside, leaks
from tests.e2e.browsing import Join
from tests.e2e.kept_stack import REPOSITORY, hurrying, until_backed_up
from tests.e2e.leaks import hits
from tests.support.checkout import Checkout
from tests.support.looking import container_of, run_in, services
from tests.support.people import PASSWORD

READABLE = ("*.yaml", "*.py", "*.json", "*.j2")


@pytest.fixture(scope="module")
def secret_values(running: Checkout) -> dict[str, str]:
    return leaks.secret_values(running)


def test_the_search_finds_what_it_looks_for() -> None:
    value = {"a key": "correct horse battery staple"}
    for around in ("", "x", "xy", "xyz"):
        for text in (f"{around}{value['a key']}", base64.b64encode(f"{around}{value['a key']}!".encode()).decode()):
            assert hits(value, f"something {text} something") == ["a key"], text
    assert hits(value, "incorrect horse, battery staple") == []


def test_services_and_their_tasks_hold_none(running: Checkout, api: Api, secret_values: dict[str, str]) -> None:
    for workload, service in services(api, running.stack).items():
        told = json.dumps([service, api.tasks(filters={"service": service["ID"]})])
        assert hits(secret_values, told) == [], f"service {workload}"
        container = api.inspect_container(container_of(api, running.stack, workload))
        assert hits(secret_values, json.dumps(container)) == [], f"container of {workload}"


def test_configurations_hold_none(running: Checkout, api: Api, secret_values: dict[str, str]) -> None:
    configs = [config for config in api.configs() if config["Spec"]["Name"].startswith(f"{running.stack}-")]
    assert configs, "the stack has configurations"
    for config in configs:
        text = base64.b64decode(config["Spec"]["Data"]).decode()
        assert hits(secret_values, text) == [], config["Spec"]["Name"]


def test_logs_hold_none(running: Checkout, secret_values: dict[str, str]) -> None:
    for container in inside.containers(running, stopped=True):
        said = inside.logs(running, container["Id"])
        assert hits(secret_values, said) == [], f"log of {inside.workload_of(container)}"


def test_command_lines_hold_none(running: Checkout, api: Api, secret_values: dict[str, str]) -> None:
    for workload in services(api, running.stack):
        processes = api.top(container_of(api, running.stack, workload), "-eo pid,args")
        assert hits(secret_values, json.dumps(processes)) == [], f"processes of {workload}"


def test_the_environment_of_our_own_server_holds_none(
    running: Checkout, api: Api, secret_values: dict[str, str]
) -> None:
    """zero-cache reads nothing but its environment; every other program reads files."""
    for workload in services(api, running.stack):
        if workload == "zero-cache":
            continue
        script = 'for f in /proc/[0-9]*/environ; do tr "\\0" "\\n" < "$f" 2>/dev/null; done; true'
        _, told = run_in(api, running.stack, workload, "/bin/sh", "-c", script)
        assert hits(secret_values, told) == [], f"environment of {workload}"


def test_what_the_command_prints_holds_none(running: Checkout, secret_values: dict[str, str]) -> None:
    for arguments in (("preview", "--diff"), ("preview", "--json"), ("status", "--json"), ("logs", "--tail", "1000")):
        run = running.run(*arguments)
        assert hits(secret_values, run.out + run.err) == [], run.command


def test_nothing_that_is_done_with_backups_shows_one(running: Checkout, secret_values: dict[str, str]) -> None:
    """Neither what the command prints, nor, meanwhile, the containers with their logs and command lines."""
    until_backed_up(running)
    with leaks.looking(running) as seen, hurrying(running):
        runs = [
            running.run(*arguments)
            for arguments in (
                ("backup", "--full"),
                ("backup", "list"),
                ("backup", "list", "--json"),
                ("backup", "verify"),
                ("drill", "--json"),
                ("restore", "--to", "latest", "--dry-run"),
            )
        ]
    for run in runs:
        assert hits(secret_values, run.out + run.err) == [], run.command
    assert "pgbackrest" in seen.text, "it was looked at while it worked"
    assert seen.hits(secret_values) == []


def test_the_key_is_told_to_whoever_asks_and_seals_every_file_of_the_repository(
    running: Checkout, secret_values: dict[str, str]
) -> None:
    key = running.run("backup", "key").out.strip()
    assert key in secret_values.values(), "it is one of those that are looked for"
    script = f"find {REPOSITORY} -type f -exec sh -c 'head -c 8 \"$1\"; echo' sh {{}} \\; | sort | uniq"
    assert inside.succeed(running, "backups", "sh", "-c", script) == "Salted__", "as an encrypted file begins"


def test_the_files_of_the_checkout_hold_none(running: Checkout, secret_values: dict[str, str]) -> None:
    files = [path for path in (running.root / ".local").rglob("*") if path.is_file() and path.name != "passphrase"]
    files += [path for pattern in READABLE for path in running.root.glob(pattern)]
    assert running.state_dir / "state.json" in files
    for path in files:
        assert hits(secret_values, path.read_text(errors="replace")) == [], f"{path} is readable"


def test_what_the_stack_publishes_and_describes_holds_none(
    running: Checkout, api: Api, secret_values: dict[str, str]
) -> None:
    for kind in (api.networks(), api.volumes(), api.secrets(), api.nodes(), api.info()):
        assert hits(secret_values, json.dumps(kind)) == []
    script = "find /srv/web -type f -exec cat {} + ; cat /srv/config/live/nginx.conf /srv/config/live/tls.crt"
    published = inside.succeed(running, "edge", "sh", "-c", script)
    assert "<html" in published
    assert hits(secret_values, published) == []


def test_a_login_leaves_no_trace_of_the_password_or_the_tokens(running: Checkout, api: Api, join: Join) -> None:
    ada = join("Ada")
    ada.make_list("Saturday")
    ada.page.reload()
    ada.expect_connection("connected")
    tokens = {str(cookie["name"]): str(cookie["value"]) for cookie in ada.context.cookies()}
    assert len(tokens) == 2, "an access token and a refresh token"
    # The signature alone is as good as the token to whoever knows how the rest is made.
    own = (
        {"password": PASSWORD}
        | tokens
        | {f"signature of {name}": token.split(".")[-1] for name, token in tokens.items()}
    )
    asked = inside.logs(running, container_of(api, running.stack, "edge"))
    assert "/api/auth/login" in asked, "the edge logs requests"
    for container in inside.containers(running, stopped=True):
        said = inside.logs(running, container["Id"])
        assert hits(own, said) == [], f"log of {inside.workload_of(container)}"
    stored = inside.succeed(running, "postgres", "pg_dump", "-h", "/run/postgresql", "-U", "postgres", "grocery")
    assert ada.account.email in stored
    assert hits(own, stored) == [], "the database keeps hashes only"


def test_the_state_is_for_its_owner_only(running: Checkout) -> None:
    for path in (running.root / ".local", running.state_dir, *_files(running.state_dir)):
        if path.name != "ca.crt":
            assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"
    assert (running.root / ".local" / "passphrase").stat().st_mode & 0o777 == 0o600


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name in ("state.json", "state.json.bak")]
