"""Faults as they happen: servers that die again and again, a database that is gone, disks and memory that end.

Each is a context manager: what it broke on the way in is whole again on the way out.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from docker.errors import APIError

from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL
from tests.e2e import inside
from tests.support.checkout import Checkout
from tests.support.looking import services, until

PAUSE = 0.25

# The kernel is to end the workload's main process, as it does when that one grew: it is the one to go first, and those
# that ask for the memory here are many and small.
EAT_MEMORY = """
for process in /proc/[0-9]*; do echo 1000 > "$process/oom_score_adj"; done 2>/dev/null
echo 0 > /proc/$$/oom_score_adj
eaten=0123456789abcdef
while [ ${#eaten} -lt 2000000 ]; do eaten="$eaten$eaten"; done
while :; do (eaten="$eaten$eaten"; sleep 60) & done
"""


@dataclass
class Repeatedly:
    """with Repeatedly(act): ... - does it again and again beside the test; what it raises fails the block's end."""

    act: Callable[[], object]
    pause: float = PAUSE
    times: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _broken: BaseException | None = None

    def __enter__(self) -> Repeatedly:
        # Threads see the network of the one that starts them.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(60)
        if self._broken:
            raise self._broken

    def _run(self) -> None:
        try:
            while not self._over.wait(self.pause):
                self.act()
                self.times += 1
        except BaseException as error:
            self._broken = error


@contextmanager
def dying(checkout: Checkout, workload: str) -> Iterator[None]:
    """Every container of the workload is killed as soon as it runs."""
    labels = [f"{STACK_LABEL}={checkout.stack}", f"{WORKLOAD_LABEL}={workload}"]
    with checkout.api() as api:

        def kill() -> None:
            for entry in api.containers(filters={"label": labels, "status": "running"}):
                # It may have ended by itself since.
                with contextlib.suppress(APIError):
                    api.kill(entry["Id"])

        with Repeatedly(kill):
            yield
    until_running(checkout, workload)


@contextmanager
def stopped(checkout: Checkout, workload: str) -> Iterator[None]:
    """The workload has no task any more, as after a wrong hand at the engine."""
    replicas = _scale(checkout, workload, 0)
    until(lambda: not inside.containers(checkout, workload), f"{workload} has stopped")
    try:
        yield
    finally:
        _scale(checkout, workload, replicas)
    until_running(checkout, workload)


def until_running(checkout: Checkout, workload: str, *, seconds: float = 120) -> None:
    until(
        lambda: any(
            found["State"].get("Health", {}).get("Status") == "healthy"
            for found in inside.containers(checkout, workload)
        ),
        f"{workload} is healthy again",
        seconds=seconds,
    )


def _scale(checkout: Checkout, workload: str, replicas: int) -> int:
    """How many tasks there were to be before."""
    with checkout.api() as api:
        service = services(api, checkout.stack)[workload]
        before = int(service["Spec"]["Mode"]["Replicated"]["Replicas"])
        api.update_service(
            service["ID"],
            service["Version"]["Index"],
            mode={"Replicated": {"Replicas": replicas}},
            fetch_current_spec=True,
        )
    return before


@contextmanager
def without_right(checkout: Checkout, table: str) -> Iterator[None]:
    """The API may not touch a table of its own any more: it answers what needs it with 500."""
    inside.ask_database(checkout, f"REVOKE ALL ON {table} FROM api")
    try:
        yield
    finally:
        inside.ask_database(checkout, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO api")


@contextmanager
def failing_logins(checkout: Checkout, client: httpx.Client) -> Iterator[None]:
    """Nobody can log in: somebody tries a few times each second, and the API answers 500."""
    answers: list[int] = []

    def ask() -> None:
        answer = client.post("/api/auth/login", json={"email": "nobody@example.com", "password": "not theirs"})
        answers.append(answer.status_code)

    with without_right(checkout, "auth.throttle"), Repeatedly(ask):
        yield
    assert set(answers) == {500}, f"the answers were {sorted(set(answers))}"


def exhaust_memory(checkout: Checkout, workload: str) -> None:
    """The workload's main process asks for more memory than its limit, and the kernel ends it."""
    before = inside.containers(checkout, workload)[0]["Id"]
    with contextlib.suppress(APIError, AssertionError):
        inside.execute(checkout, workload, "/bin/sh", "-c", EAT_MEMORY)

    def ended() -> bool:
        found = [entry for entry in inside.containers(checkout, workload, stopped=True) if entry["Id"] == before]
        return bool(found) and found[0]["State"]["OOMKilled"] and not found[0]["State"]["Running"]

    until(ended, f"{workload} was ended for its memory")


def write_log(checkout: Checkout, size: int) -> None:
    """Somebody writes, until the database's log has grown by `size` bytes."""
    written = "SELECT pg_current_wal_lsn() - '0/0'"
    end = int(inside.ask_database(checkout, written)) + size
    # Each closes a file of the log (16 MiB) with little in it.
    statement = "INSERT INTO auth.throttle VALUES ('fault', 1, now()) ON CONFLICT (key) DO UPDATE SET attempts = 2"
    while int(inside.ask_database(checkout, f"{statement}; {written}")) < end:
        inside.ask_database(checkout, "SELECT pg_switch_wal()")
    inside.ask_database(checkout, "DELETE FROM auth.throttle WHERE key = 'fault'")


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A disk of its own, of few bytes, in the place of a volume."""

    checkout: Checkout
    place: str

    def fill(self, *, leaving: float) -> None:
        """Takes what is free but for that share of the disk."""
        blocks, size, free = map(int, _as_engine(self.checkout, "stat", "-f", "-c", "%b %S %a", self.place).split())
        _as_engine(self.checkout, "fallocate", "-l", str(int(size * (free - leaving * blocks))), f"{self.place}/filled")


@contextmanager
def small_disk(checkout: Checkout, workload: str, *, size: int, folder: Path) -> Iterator[Disk]:
    """A real file system (ext4 in a file of `folder`) where the engine keeps the workload's volume, which comes up
    empty with it. size: bytes."""
    [container] = inside.containers(checkout, workload)
    [place] = [mount["Source"] for mount in container["Mounts"] if mount["Type"] == "volume"]
    file = folder / f"{checkout.stack}-{workload}.disk"
    with file.open("wb") as opened:
        opened.truncate(size)
    _run("mkfs.ext4", "-q", "-m", "0", str(file))
    with contextlib.ExitStack() as cleanup:
        _as_engine(checkout, "mount", "-o", "loop", str(file), place)
        cleanup.callback(_start_anew, checkout, workload)
        # Lazily: the container has it until it is started anew.
        cleanup.callback(_as_engine, checkout, "umount", "--lazy", place)
        _as_engine(checkout, "chown", container["Config"]["User"], place)
        _start_anew(checkout, workload)
        yield Disk(checkout=checkout, place=place)


def _as_engine(checkout: Checkout, *command: str) -> str:
    """Runs a command that sees files as the engine does: as whoever holds one of its containers."""
    process = inside.containers(checkout)[0]["State"]["Pid"]
    status = Path(f"/proc/{process}/status").read_text()
    parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
    return _run("nsenter", "--target", parent, "--mount", *command)


def _start_anew(checkout: Checkout, workload: str) -> None:
    [container] = inside.containers(checkout, workload)
    kill(checkout, workload)
    until(
        lambda: all(found["Id"] != container["Id"] for found in inside.containers(checkout, workload)),
        f"{workload} ended",
    )
    until_running(checkout, workload)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"`{' '.join(command)}` failed: {done.stderr}"
    return done.stdout


def kill(checkout: Checkout, workload: str) -> None:
    """Ends a container of the workload at once, with nothing said or saved."""
    container = inside.containers(checkout, workload)[0]
    with checkout.api() as api:
        api.kill(container["Id"], "SIGKILL")
