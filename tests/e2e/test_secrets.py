"""No secret value is anywhere it does not belong. Searched by value, so that no name can hide one."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cli.engine_host import Api
from tests.support.checkout import Checkout
from tests.support.looking import container_of, run_in, services

READABLE = ("*.yaml", "*.py", "*.json", "*.j2")


@pytest.fixture(scope="module")
def secret_values(running: Checkout) -> dict[str, str]:
    """Where it was found -> a secret value in clear, read from the files inside the containers that need it.

    Of a multi-line key each line counts: one of them in a log is as bad as all.
    """
    found = {}
    with running.api() as api:
        for workload, service in services(api, running.stack).items():
            container = service["Spec"]["TaskTemplate"]["ContainerSpec"]
            for entry in container.get("Secrets") or ():
                name = entry["File"]["Name"]
                code, text = run_in(api, running.stack, workload, "/bin/cat", f"/run/secrets/{name}")
                assert code == 0, f"{workload} may read its own secret {name}"
                for number, line in enumerate(text.strip().splitlines()):
                    if not line.startswith("-----") and len(line) >= 16:
                        found[f"{workload}/{name}:{number}"] = line
    assert len(found) >= 12, f"the stack has its secrets: {sorted(found)}"
    return found


def hits(values: dict[str, str], text: str) -> list[str]:
    """Which of the secrets the text holds, in clear or in base64."""
    return [
        place
        for place, value in values.items()
        if value in text or base64.b64encode(value.encode()).decode().rstrip("=")[:-1] in text
    ]


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


def test_logs_hold_none(running: Checkout, api: Api, secret_values: dict[str, str]) -> None:
    for workload, service in services(api, running.stack).items():
        said = b"".join(api.service_logs(service["ID"], stdout=True, stderr=True, is_tty=False))
        assert hits(secret_values, said.decode(errors="replace")) == [], f"log of {workload}"


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


def test_the_files_of_the_checkout_hold_none(running: Checkout, secret_values: dict[str, str]) -> None:
    files = [path for path in (running.root / ".local").rglob("*") if path.is_file()]
    files += [path for pattern in READABLE for path in running.root.glob(pattern)]
    assert running.state_dir / "state.json" in files
    for path in files:
        assert hits(secret_values, path.read_text(errors="replace")) == [], f"{path} is readable"


def test_the_state_is_for_its_owner_only(running: Checkout) -> None:
    for path in (running.root / ".local", running.state_dir, *_files(running.state_dir)):
        if path.name != "ca.crt":
            assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"
    assert (running.root / ".local" / "passphrase").stat().st_mode & 0o777 == 0o600


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name in ("state.json", "state.json.bak")]
