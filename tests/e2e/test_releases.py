"""Releases that must not get through: each fails `up`, says why, and leaves the old version serving."""

from __future__ import annotations

import json
import ssl

import httpx
import pytest

from tests.conftest import MakeCheckout
from tests.support.checkout import Checkout
from tests.support.looking import services, sql, task_spec


@pytest.fixture(scope="module")
def stack(make_checkout: MakeCheckout) -> Checkout:
    """One stack for all of these: each puts its bad release right again, which is part of what is proven."""
    checkout = make_checkout()
    checkout.up()
    return checkout


def serves(stack: Checkout) -> bool:
    trusted = ssl.create_default_context(cafile=str(stack.ca_file))
    with httpx.Client(verify=trusted, trust_env=False, timeout=10) as client:
        return all(client.get(f"{stack.url}{path}").status_code == 200 for path in ("/", "/health/ready"))


def reference(stack: Checkout, image: str) -> str:
    return str(json.loads((stack.root / ".local" / "images.json").read_text())["images"][image]["ref"])


def test_an_auth_server_that_never_gets_healthy_fails_the_up_while_the_old_one_serves(stack: Checkout) -> None:
    with stack.api() as api:
        before = task_spec(services(api, stack.stack)["auth-server"])["ContainerSpec"]["Image"]
    stack.configure(
        auth_server={
            # Another program in the place of the server: it speaks, but answers nobody.
            "image": reference(stack, "migrations"),
            "command": ["/bin/sh", "-c", "echo a release that is broken; exec sleep 3600"],
            "health_check": ["/bin/false"],
        }
    )
    run = stack.up(expect=1)
    assert "auth-server" in run.err, "the service is named"
    assert "a release that is broken" in run.err, "its last log lines are shown"
    assert "still serves" in run.err or "previous" in run.err, f"it says what serves now:\n{run.err}"
    assert serves(stack), "the old version answers"
    with stack.api() as api:
        now = task_spec(services(api, stack.stack)["auth-server"])["ContainerSpec"]["Image"]
    assert now == before, "Swarm went back to the old version"
    assert stack.preview(expect=0).out.count("auth-server"), "the next preview shows the same update again"

    settings = stack.settings
    del settings["auth_server"]
    stack.write_settings(settings)
    stack.up()
    assert stack.status()["problems"] == []


def test_a_failing_migration_stops_the_up_before_anything_behind_it(stack: Checkout) -> None:
    migration = stack.root / "app" / "schema" / "migrations" / "9000_broken.sql"
    migration.write_text("create table half (id int primary key);\nselect 1 / 0;\n")
    stack.configure(auth_server={"extra_env": {"RELEASE": "the one behind the migration"}})
    with stack.api() as api:
        before = {name: service["Version"] for name, service in services(api, stack.stack).items()}
    run = stack.up(expect=1)
    assert "division by zero" in run.err, f"the migration's own words are shown:\n{run.err}"
    with stack.api() as api:
        after = {name: service["Version"] for name, service in services(api, stack.stack).items()}
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {"migrations"}, "nothing behind the migration was touched"
        assert sql(api, stack.stack, "select to_regclass('public.half') is null") == "t", "half of it was undone"
    assert serves(stack), "the old version answers"

    migration.unlink()
    stack.up()
    with stack.api() as api:
        environment = task_spec(services(api, stack.stack)["auth-server"])["ContainerSpec"]["Env"]
    assert "RELEASE=the one behind the migration" in environment, "once it is put right, what waited behind it comes"
    assert stack.status()["problems"] == []


def test_a_broken_edge_configuration_is_refused_while_the_old_one_serves(stack: Checkout) -> None:
    template = stack.root / "rendering" / "templates" / "nginx.conf.j2"
    good = template.read_text()
    template.write_text(good + "\nno_such_directive on;\n")
    run = stack.up(expect=1)
    assert "no_such_directive" in run.err, f"nginx's own words are shown:\n{run.err}"
    assert serves(stack), "the old configuration answers"

    template.write_text(good)
    stack.up()
    assert serves(stack)
    assert stack.status()["problems"] == []


def test_a_changed_edge_configuration_is_live_without_a_new_edge(stack: Checkout) -> None:
    template = stack.root / "rendering" / "templates" / "nginx.conf.j2"
    with stack.api() as api:
        edge = services(api, stack.stack)["edge"]["Version"]
    template.write_text(template.read_text() + "\n# another release of the configuration\n")
    stack.up()
    with stack.api() as api:
        assert services(api, stack.stack)["edge"]["Version"] == edge, "the edge itself was not touched"
    assert serves(stack)
