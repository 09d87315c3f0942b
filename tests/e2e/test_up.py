"""From nothing to the running application, and what later commands make of it."""

from __future__ import annotations

import os
import re
import signal
import ssl
import time

import httpx
import pytest

from cli.engine_host import Api
from tests.support.checkout import Checkout
from tests.support.looking import run_in, services, sql, task_spec, until
from tests.support.people import Person
from tests.support.private_engine import PrivateEngine

WORKLOADS = {"postgres", "migrations", "auth-server", "zero-cache", "edge", "edge-config", "frontend"}


def test_up_from_nothing_ends_with_the_application_over_https(running: Checkout) -> None:
    trusted = ssl.create_default_context(cafile=str(running.ca_file))
    with httpx.Client(verify=trusted, trust_env=False) as client:
        page = client.get(running.url)
        assert page.status_code == 200, "the page is served"
        assert "Grocery List" in page.text
        ready = client.get(f"{running.url}/health/ready")
        assert ready.status_code == 200, f"the API reaches its database: {ready.text}"


def test_status_tells_every_service_and_finds_nothing_wrong(running: Checkout) -> None:
    told = running.status()
    assert told["problems"] == []
    assert {service["workload"] for service in told["services"]} == WORKLOADS
    assert {service["health"] for service in told["services"]} == {"healthy"}
    assert [slot["active"] for slot in told["database"]["slots"]] == [True], "zero-cache follows the database"
    assert {entry["name"] for entry in told["certificates"]} == {"ca", "edge", "postgres"}


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


def test_down_and_up_keep_lists_and_logins(stack: Checkout) -> None:
    stack.up()
    ada = Person(stack, "Ada")
    ada.register()
    user = ada.login()
    with stack.api() as api:
        sql(
            api,
            stack.stack,
            f"insert into list (id, name, owner_id) values (gen_random_uuid(), 'Saturday', '{user['id']}')",  # noqa: S608
        )
    stack.run("down", "--yes")
    with stack.api() as api:
        assert services(api, stack.stack) == {}, "down leaves no service"
    stack.up()
    assert ada.login()["id"] == user["id"], "the account is still there, under new passwords of the roles"
    with stack.api() as api:
        assert sql(api, stack.stack, "select name from list") == "Saturday"
    assert stack.status()["problems"] == []


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


@pytest.mark.parametrize("seconds", [1.5, 6.0])
def test_an_up_that_was_killed_is_finished_by_the_next_one(stack: Checkout, seconds: float) -> None:
    process = stack.start("up", "--yes")
    until(lambda: _applying(stack), "the first resource was made", seconds=120)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    stack.up()
    assert stack.status()["problems"] == []
    with stack.api() as api:
        mine = [service for service in api.services() if service["Spec"]["Name"].startswith(f"{stack.stack}-")]
        assert len(mine) == len(WORKLOADS), "no service was orphaned"
        for kind in (api.secrets(), api.configs()):
            mine = [entry for entry in kind if entry["Spec"]["Name"].startswith(f"{stack.stack}-")]
            used = _used(api, stack)
            assert {entry["ID"] for entry in mine} <= used, "no secret or configuration was orphaned"
    stack.preview("--expect-no-changes")


def test_ctrl_c_stops_an_up_and_the_next_one_goes_on(stack: Checkout) -> None:
    process = stack.start("up", "--yes")
    until(lambda: _applying(stack), "the first resource was made", seconds=120)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 8, f"cancelled is an exit code of its own:\n{err}"
    assert "next" in err, "it says how to go on"
    stack.up()
    assert stack.status()["problems"] == []


def test_everything_comes_back_by_itself_when_the_engine_restarts(
    running: Checkout, private_engine: PrivateEngine
) -> None:
    ada = Person(running, "Ada")
    ada.register()
    private_engine.restart()
    until(lambda: running.run("status", expect=None).code == 0, "all is well again", seconds=180)
    ada.login()


def test_the_database_verifies_and_refuses_by_the_stack_s_own_authority(running: Checkout, api: Api) -> None:
    connections = sql(
        api,
        running.stack,
        "select string_agg(distinct s.ssl::text || s.version, ',') from pg_stat_activity a "
        "join pg_stat_ssl s using (pid) where a.usename in ('zero', 'api_a', 'api_b')",
    )
    assert connections == "trueTLSv1.3", "every client of the stack speaks TLS 1.3 to the database"

    def asking(options: str) -> str:
        """What a client inside the stack, who does not know the password, is told."""
        where = f"host=postgres dbname=grocery user=zero password=wrong {options}"
        code, said = run_in(api, running.stack, "migrations", "psql", where, "-c", "select 1")
        assert code != 0
        return said

    own = asking("sslmode=verify-full sslrootcert=/etc/grocery/ca.crt")
    assert "password authentication failed" in own, f"the server was verified, then the password refused: {own}"
    another = asking("sslmode=verify-full sslrootcert=system")
    assert "certificate verify failed" in another, f"another authority is not believed: {another}"
    plain = asking("sslmode=disable")
    assert "no encryption" in plain, f"without TLS nobody is let in: {plain}"


def test_only_the_edge_can_be_reached_from_outside(running: Checkout, api: Api) -> None:
    published = {
        name: ports
        for name, service in services(api, running.stack).items()
        if (ports := (service["Spec"].get("EndpointSpec") or {}).get("Ports"))
    }
    assert set(published) == {"edge"}, "nothing else publishes a port"
    assert {port["PublishMode"] for port in published["edge"]} == {"host"}
    inside = {network["Name"] for network in api.networks() if network["Name"].startswith(f"{running.stack}-")}
    for name in (f"{running.stack}-data", f"{running.stack}-app"):
        assert name in inside
        assert api.inspect_network(name)["Internal"], f"{name} has no way out, nor in"


def _applying(stack: Checkout) -> bool:
    state = stack.state_dir / "state.json"
    return state.exists() and "docker:index" in state.read_text()


def _used(api: Api, stack: Checkout) -> set[str]:
    found = set()
    for service in services(api, stack.stack).values():
        container = task_spec(service)["ContainerSpec"]
        found |= {entry["SecretID"] for entry in container.get("Secrets") or ()}
        found |= {entry["ConfigID"] for entry in container.get("Configs") or ()}
    return found
