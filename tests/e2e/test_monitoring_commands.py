"""What the commands say of a whole stack that is monitored."""

from __future__ import annotations

import signal

import httpx

from cli.engine_host import Api
from tests.support.checkout import Checkout
from tests.support.looking import container_of, until


def test_alerting_works_and_nothing_is_in_doubt(running: Checkout) -> None:
    until(
        lambda: running.run("alerts", "--json").document()["doubts"] == [], "what always fires has reached Alertmanager"
    )
    names = {entry["name"] for entry in running.run("alerts", "--json").document()["alerts"]}
    assert "Watchdog" in names
    assert "Watchdog" not in running.run("alerts", "--pending").out


def test_status_draws_the_main_figures(running: Checkout) -> None:
    def known() -> set[str]:
        figures = running.status()["monitoring"]["figures"]
        return {figure["title"] for figure in figures if figure["latest"] is not None}

    until(
        lambda: {"CPU", "Memory", "Disk free", "Requests", "Connections"} <= known(), "figures are there", seconds=180
    )
    told = running.run("status", expect=None).out
    assert "last hour" in told
    for title in ("CPU", "Memory", "Disk free", "Requests", "Connections"):
        [line] = [line for line in told.splitlines() if line.startswith(title)]
        assert set(line) & set("▁▂▃▄▅▆▇█"), f"{title} is drawn"


def test_an_opened_part_is_reached_by_its_name_from_the_collector_and_nothing_stays(
    running: Checkout, api: Api
) -> None:
    collector = container_of(api, running.stack, "collector")
    process = running.start("open", "prometheus")
    assert process.stdout
    address = process.stdout.readline().split()[0]
    try:
        with httpx.Client(base_url=address, trust_env=False) as client:
            found = client.get("/api/v1/targets", params={"state": "active"}).json()["data"]["activeTargets"]
            assert {target["labels"]["job"] for target in found} >= {"prometheus", "alertmanager", "auth-server"}
            assert _relays(api, collector) >= 1
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    until(lambda: _relays(api, collector) == 0, "the programs that passed on are gone")


def test_a_command_that_is_killed_leaves_nothing_in_the_container(running: Checkout, api: Api) -> None:
    collector = container_of(api, running.stack, "collector")
    process = running.start("open", "alertmanager")
    assert process.stdout
    address = process.stdout.readline().split()[0]
    with httpx.Client(base_url=address, trust_env=False) as client:
        assert client.get("/api/v2/status").is_success
        assert _relays(api, collector) >= 1
        process.kill()
        process.communicate(timeout=60)
    until(lambda: _relays(api, collector) == 0, "the programs that passed on are gone")


def _relays(api: Api, container: str) -> int:
    found = api.top(container)
    command = found["Titles"].index("CMD")
    return sum(row[command].startswith("busybox nc ") for row in found["Processes"])
