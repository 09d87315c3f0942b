"""Logs as people ask for them, of services that say what the test has them say."""

from __future__ import annotations

import json
import queue
import secrets
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest
from docker.types import ContainerSpec, RestartPolicy, TaskTemplate

from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from tests.conftest import MakeCheckout
from tests.support.checkout import Checkout
from tests.support.looking import sql, until

REQUEST = "5f3ad0c1"
EDGE = [
    {"time": "x", "id": REQUEST, "method": "POST", "path": "/api/lists", "status": 500, "seconds": 0.1},
    {"time": "x", "id": "another", "method": "GET", "path": "/", "status": 200, "seconds": 0.01},
]
API = [{"level": 50, "time": 1, "requestId": REQUEST, "msg": "[it] failed", "table": "item"}]
DATABASE = [f"2026-11-25 22:00:00 UTC [7] auth-server {REQUEST} ERROR:  deadlock detected"]


@dataclass
class Speakers:
    """Services of a stack that say something and then wait."""

    checkout: Checkout
    api: Api
    image: str
    ids: dict[str, str] = field(default_factory=dict)

    def start(self, workload: str, *lines: str) -> None:
        labels = {STACK_LABEL: self.checkout.stack, WORKLOAD_LABEL: workload}
        made = self.api.create_service(
            self._task(lines, labels), name=f"{self.checkout.stack}-{workload}", labels=labels
        )
        self.ids[workload] = made["ID"]
        until(lambda: all(line in self.said(workload) for line in lines), f"{workload} has said all")

    def replace(self, workload: str, *lines: str) -> None:
        """Another task, that says something else."""
        found = self.api.inspect_service(self.ids[workload])
        labels = found["Spec"]["Labels"]
        self.api.update_service(
            self.ids[workload],
            version=found["Version"]["Index"],
            task_template=self._task(lines, labels),
            name=found["Spec"]["Name"],
            labels=labels,
        )

    def remove(self) -> None:
        for identity in self.ids.values():
            self.api.remove_service(identity)

    def said(self, workload: str) -> str:
        labels = [f"{STACK_LABEL}={self.checkout.stack}", f"{WORKLOAD_LABEL}={workload}"]
        found = self.api.containers(all=True, filters={"label": labels})
        return "".join(self.api.logs(entry["Id"]).decode() for entry in found)

    def _task(self, lines: tuple[str, ...], labels: dict[str, str]) -> TaskTemplate:
        say = "; ".join(f"echo '{line}'; sleep 0.1" for line in lines)
        # Whoever is asked to end does so at once.
        command = ["sh", "-c", f"trap 'exit 0' TERM; {say}; while :; do sleep 0.2; done"]
        spec = ContainerSpec(self.image, command=command, labels=labels, stop_grace_period=1_000_000_000)
        return TaskTemplate(spec, restart_policy=RestartPolicy(condition="none"))


class Told:
    """What a command that goes on prints, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def until(self, words: str, *, seconds: float = 60) -> list[str]:
        """The lines up to the one with these words."""
        found: list[str] = []
        while not found or words not in found[-1]:
            try:
                found.append(self._lines.get(timeout=seconds))
            except queue.Empty:
                pytest.fail(f"nobody said {words!r}, only {found}")
        return found

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def speakers(make_checkout: MakeCheckout, images: dict[str, str]) -> Iterator[Speakers]:
    """A request that was asked at the edge, failed in the API, because of the database: written in another order."""
    checkout = make_checkout()
    with checkout.api() as api:
        speaking = Speakers(checkout, api, images["edge"])
        try:
            speaking.start("postgres", *DATABASE)
            speaking.start("auth-server", *map(json.dumps, API))
            speaking.start("edge", *map(json.dumps, EDGE))
            yield speaking
        finally:
            speaking.remove()


@pytest.fixture
def brief(make_checkout: MakeCheckout, images: dict[str, str]) -> Iterator[Speakers]:
    """One service whose tasks the test replaces."""
    checkout = make_checkout()
    with checkout.api() as api:
        speaking = Speakers(checkout, api, images["edge"])
        try:
            speaking.start("edge", "the first task", "has spoken")
            yield speaking
        finally:
            speaking.remove()


def test_all_services_are_told_in_the_order_of_time(speakers: Speakers) -> None:
    lines = speakers.checkout.run("logs").out.splitlines()
    assert [line.split()[1] for line in lines] == ["postgres", "auth-server", "edge", "edge"]
    assert [line[:23] for line in lines] == sorted(line[:23] for line in lines)


def test_json_is_told_as_a_person_reads_it(speakers: Speakers) -> None:
    lines = speakers.checkout.run("logs").out.splitlines()
    assert lines[1].endswith(f" auth-server error [it] failed id={REQUEST} table=item")
    assert lines[2].endswith(f" edge        error POST /api/lists 500 id={REQUEST} seconds=0.1")
    assert lines[3].endswith(" edge        GET / 200 id=another seconds=0.01")


def test_one_request_is_followed_through_all_services(speakers: Speakers) -> None:
    lines = speakers.checkout.run("logs", "--grep", REQUEST).out.splitlines()
    assert [line.split()[1] for line in lines] == ["postgres", "auth-server", "edge"]


def test_what_is_looked_for_is_a_regular_expression_in_the_line_as_written(speakers: Speakers) -> None:
    assert len(speakers.checkout.run("logs", "--grep", '"status":.?[25]00').out.splitlines()) == 2
    assert speakers.checkout.run("logs", "--grep", "nobody said this").out == ""
    assert "--grep is not a regular expression" in speakers.checkout.run("logs", "--grep", "[it", expect=2).err


def test_services_are_chosen_by_argument_or_option(speakers: Speakers) -> None:
    for chosen in (
        ("edge", "postgres"),
        ("--service", "edge", "--service", "postgres"),
        ("edge", "--service", "postgres"),
    ):
        lines = speakers.checkout.run("logs", *chosen).out.splitlines()
        assert [line.split()[1] for line in lines] == ["postgres", "edge", "edge"]
    assert "there is no service cellar" in speakers.checkout.run("logs", "--service", "cellar", expect=2).err


def test_the_newest_lines_are_those_that_match(speakers: Speakers) -> None:
    assert len(speakers.checkout.run("logs", "--tail", "1").out.splitlines()) == 3, "one of each service"
    [line] = speakers.checkout.run("logs", "edge", "--grep", "POST", "--tail", "1").out.splitlines()
    assert "POST" in line


def test_only_what_is_younger_is_told(speakers: Speakers) -> None:
    assert len(speakers.checkout.run("logs", "--since", "1d").out.splitlines()) == 4
    assert "--since is not a length of time" in speakers.checkout.run("logs", "--since", "soon", expect=2).err


def test_programs_get_the_lines_as_they_were_written(speakers: Speakers) -> None:
    lines = [json.loads(line) for line in speakers.checkout.run("logs", "--json").out.splitlines()]
    assert [line["service"] for line in lines] == ["postgres", "auth-server", "edge", "edge"]
    assert json.loads(lines[1]["line"]) == API[0]
    assert lines[0]["line"] == DATABASE[0]


def test_following_goes_on_with_the_tasks_that_come_and_ends_by_ctrl_c(brief: Speakers) -> None:
    told = Told(brief.checkout.start("logs", "--follow"))
    assert len(told.until("has spoken")) == 2, "what was said before comes first"
    brief.replace("edge", "the second task", "goes on")
    later = told.until("goes on")
    assert [line for line in later if "the first task" in line or "has spoken" in line] == [], "nothing is told twice"
    assert len([line for line in later if "the second task" in line]) == 1
    assert told.interrupt() == 0


def test_following_ends_with_the_stack(brief: Speakers) -> None:
    told = Told(brief.checkout.start("logs", "--follow", "--grep", "spoken"))
    assert len(told.until("has spoken")) == 1
    brief.remove()
    assert told.process.wait(timeout=60) == 0
    brief.ids.clear()


def test_one_request_is_followed_from_the_edge_through_the_api_to_the_database(running: Checkout, api: Api) -> None:
    """The database writes of a statement when it takes long: the test makes it wait."""
    address = f"{running.url}/api/auth/login"
    trusted = ssl.create_default_context(cafile=str(running.ca_file))
    somebody = {"email": "nobody@example.com", "password": secrets.token_hex(12)}
    with httpx.Client(verify=trusted, timeout=60, trust_env=False) as client, ThreadPoolExecutor(1) as beside:
        locking = beside.submit(
            sql, api, running.stack, "BEGIN; LOCK auth.account IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT"
        )
        held = "SELECT count(*) FROM pg_locks WHERE relation = 'auth.account'::regclass AND mode LIKE 'AccessExcl%'"
        until(lambda: sql(api, running.stack, held) == "1", "the table is locked")
        answer = client.post(address, json=somebody, headers={"Origin": running.url})
        locking.result()
    request = answer.headers["x-request-id"]

    def services() -> set[str]:
        lines = running.run("logs", "--since", "10m", "--grep", request).out.splitlines()
        return {line.split()[1] for line in lines}

    until(lambda: services() == {"edge", "auth-server", "postgres"}, "each of the three writes of the request")
    told = running.run("logs", "--since", "10m", "--grep", request).out
    assert f"POST /api/auth/login {answer.status_code} id={request}" in told
    assert f"request_id={request}" in told, "as the statement says that took long"
    assert somebody["email"] not in told
    assert somebody["password"] not in told
