"""What everything is measured on: an engine of the bench's own, and one stack in a fresh copy of the tree."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import APIClient

from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from tests.support.checkout import Checkout, copy_of_the_tree, free_port
from tests.support.private_engine import PrivateEngine, make_folder

REUSED = "GROCERY_TEST_DOCKER_HOST"
"""Names an engine that already runs and has the images; then what making those takes is not measured."""
STACK = "test-bench"
POOL = "10.250.0.0/16"

# Limits are raised by configuration; nothing is exempt from them.
UNLIMITED = {"rate": "1000000r/s", "burst": 100000}
SETTINGS: Mapping[str, Any] = {
    "network": {"pool": POOL},
    "auth_server": {"rate_limit_requests": 10_000_000},
    # The yardsticks are neither watched nor backed up.
    "monitoring": {"enabled": False},
    "backups": {"enabled": False},
}


@dataclass(frozen=True, kw_only=True)
class Stand:
    """engine_seconds: what starting an engine and making it a Swarm took; None when it was there."""

    checkout: Checkout
    engine_seconds: float | None

    @property
    def api(self) -> Api:
        return APIClient(base_url=self.checkout.host, version="auto", timeout=120)

    @property
    def port(self) -> int:
        return int(self.checkout.settings["edge"]["https_port"])

    def containers(self, api: Api) -> dict[str, dict[str, Any]]:
        """Workload -> its running container, inspected."""
        found = api.containers(filters={"label": f"{STACK_LABEL}={STACK}", "status": "running"})
        return {entry["Labels"][WORKLOAD_LABEL]: api.inspect_container(entry["Id"]) for entry in found}

    def address(self, api: Api, workload: str, network: str = "app") -> str:
        """The workload's own address on one of the stack's networks."""
        networks = self.containers(api)[workload]["NetworkSettings"]["Networks"]
        return str(networks[f"{STACK}-{network}"]["IPAddress"])

    @contextlib.contextmanager
    def inside(self) -> Iterator[list[str]]:
        """A place on the stack's inner network, from which every part can be asked without the edge: the command that
        puts a process of this machine there."""
        with self.api as api:
            image = self.containers(api)["edge"]["Image"]
            networks = [entry["Id"] for entry in api.networks(names=[f"{STACK}-app"])]
            name = f"{STACK}-place"
            created = api.create_service(
                {
                    "ContainerSpec": {
                        "Image": image,
                        "Command": ["/bin/sleep", "3600"],
                        "User": "10001:10001",
                        # The image's own would never find an edge in here.
                        "Healthcheck": {"Test": ["NONE"]},
                    },
                    "Networks": [{"Target": network} for network in networks],
                    "Placement": {},
                },
                name=name,
                endpoint_spec={"Mode": "dnsrr"},
            )
            try:
                yield ["nsenter", f"--net=/proc/{_process_of(api, created['ID'])}/ns/net"]
            finally:
                api.remove_service(created["ID"])


def _process_of(api: Api, service: str) -> int:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for task in api.tasks(filters={"service": service}):
            if task["Status"]["State"] == "running":
                return int(task["Status"]["ContainerStatus"]["PID"])
        time.sleep(0.2)
    raise RuntimeError("the bench's own task on the inner network does not start")


@contextlib.contextmanager
def open_stand() -> Iterator[Stand]:
    """The stand, with nothing on it yet; removes everything at the end."""
    with contextlib.ExitStack() as cleanup:
        host, seconds = os.environ.get(REUSED), None
        if not host:
            engine = PrivateEngine(make_folder())
            cleanup.callback(engine.close)
            began = time.monotonic()
            engine.open()
            seconds = time.monotonic() - began
            host = engine.host
            cleanup.enter_context(engine.enter())
        root = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="grocery-bench-")))
        copy_of_the_tree(root)
        checkout = Checkout(
            root,
            stack=STACK,
            host=host,
            settings={
                **SETTINGS,
                "edge": {
                    "https_port": free_port(),
                    "http_port": free_port(),
                    "rate_limits": dict.fromkeys(("general", "api", "auth"), UNLIMITED),
                },
            },
        )
        cleanup.callback(checkout.remove)
        yield Stand(checkout=checkout, engine_seconds=seconds)
