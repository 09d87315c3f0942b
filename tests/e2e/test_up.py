"""From nothing to the running application, and what later commands make of it."""

from __future__ import annotations

import re
import signal
import ssl

import httpx

from cli.engine_host import Api
from tests.support.checkout import Checkout
from tests.support.looking import services, until

WORKLOADS = {
    "postgres", "migrations", "auth-server", "zero-cache", "edge", "edge-config", "frontend",
    "prometheus", "alertmanager", "node-exporter", "postgres-exporter", "nginx-exporter", "blackbox-exporter",
    "docker-filter", "collector", "synthetic-user", "backups",
}  # fmt: skip


def test_up_from_nothing_ends_with_the_application_over_https(running: Checkout) -> None:
    trusted = ssl.create_default_context(cafile=str(running.ca_file))
    with httpx.Client(verify=trusted, trust_env=False) as client:
        page = client.get(running.url)
        assert page.status_code == 200, "the page is served"
        assert "Grocery List" in page.text
        ready = client.get(f"{running.url}/health/ready")
        assert ready.status_code == 200, f"the API reaches its database: {ready.text}"


def test_status_tells_every_service_and_finds_nothing_wrong(running: Checkout) -> None:
    assert running.problems() == []
    told = running.status()
    assert {service["workload"] for service in told["services"]} == WORKLOADS
    assert {service["health"] for service in told["services"]} == {"healthy"}
    assert [slot["active"] for slot in told["database"]["slots"]] == [True], "zero-cache follows the database"
    names = {"ca", "edge", "postgres", "backups", "postgres-backup"}
    assert {entry["name"] for entry in told["certificates"]} == names


def test_a_second_up_changes_nothing(running: Checkout, api: Api) -> None:
    before = {name: service["Version"] for name, service in services(api, running.stack).items()}
    run = running.up()
    assert re.search(r"\b\d+ same in", run.text), "every resource is left alone"
    assert {name: service["Version"] for name, service in services(api, running.stack).items()} == before
    running.preview("--expect-no-changes")


def test_refresh_finds_no_drift(running: Checkout) -> None:
    running.run("refresh", "--expect-no-changes")
    running.preview("--refresh", "--expect-no-changes")


def test_plain_http_is_sent_on_to_https(running: Checkout) -> None:
    port = running.settings["edge"]["http_port"]
    answer = httpx.get(f"http://localhost:{port}/lists?a=b", trust_env=False)
    assert answer.status_code in (301, 308)
    assert answer.headers["location"] == f"{running.url}/lists?a=b"


def test_logs_of_one_service_are_told_oldest_first(running: Checkout) -> None:
    lines = running.run("logs", "postgres", "--tail", "20").out.splitlines()
    assert lines, "postgres has said something"
    assert all(" postgres " in line for line in lines)
    moments = [line[:19] for line in lines]
    assert moments == sorted(moments), "oldest first"


def test_down_with_data_leaves_nothing(stack: Checkout) -> None:
    stack.up()
    stack.run("down", "--data", "--yes")
    label = {"label": f"grocery.stack={stack.stack}"}
    with stack.api() as api:
        assert api.services(filters=label) == []
        assert not api.volumes(filters=label).get("Volumes")
        assert [network for network in api.networks() if network["Name"].startswith(f"{stack.stack}-")] == []
        assert [entry for entry in api.secrets() if entry["Spec"]["Name"].startswith(f"{stack.stack}-")] == []
        assert [entry for entry in api.configs() if entry["Spec"]["Name"].startswith(f"{stack.stack}-")] == []


def test_ctrl_c_stops_an_up_and_the_next_one_goes_on(stack: Checkout) -> None:
    process = stack.start("up", "--yes")
    until(lambda: _applying(stack), "the first resource was made", seconds=120)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 8, f"cancelled is an exit code of its own:\n{err}"
    assert "next" in err, "it says how to go on"
    stack.up()
    assert stack.status()["problems"] == []


def _applying(stack: Checkout) -> bool:
    state = stack.state_dir / "state.json"
    return state.exists() and "docker:index" in state.read_text()
