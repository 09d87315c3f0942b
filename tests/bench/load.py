"""A steady stream of requests: each is sent at its own time, whether or not those before it were answered, and its
latency counts from the moment it was due. So a server that stalls cannot hide the requests it delayed.

A process of its own (`python -m tests.bench.load`): a job as JSON on stdin, latencies as JSON on stdout, so that it can
be started inside another network namespace.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 16
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """GET `path` of `host`:`port`, `rate` times a second for `seconds`. `ca`: a PEM file; None means plain HTTP.

    The first `warm_up` seconds are not counted.
    """

    host: str
    port: int
    name: str
    path: str
    headers: Mapping[str, str]
    ca: str | None
    rate: float
    seconds: float
    warm_up: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Latencies in milliseconds of what was answered 200, and how many were not, by what happened instead."""

    latencies: list[float]
    failures: dict[str, int]


def send(job: Job, *, inside: Sequence[str] = ()) -> Outcome:
    """Runs the job in a process of its own. inside: the command that enters another namespace, such as nsenter."""
    result = subprocess.run(
        [*inside, sys.executable, "-m", "tests.bench.load"],
        cwd=ROOT,
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(f"the load generator failed: {result.stderr[-2000:]}")
    return Outcome(**json.loads(result.stdout))


class _Connection:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._request = (
            f"GET {job.path} HTTP/1.1\r\nHost: {job.name}\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in job.headers.items())
            + "\r\n"
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self) -> int:
        """One request; its status."""
        if self._streams is None:
            tls = ssl.create_default_context(cafile=self._job.ca) if self._job.ca else None
            name = self._job.name.partition(":")[0] if tls else None
            self._streams = await asyncio.open_connection(self._job.host, self._job.port, ssl=tls, server_hostname=name)
        reader, writer = self._streams
        try:
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            await reader.readexactly(int(fields["content-length"]))
        except BaseException:
            self.close()
            raise
        if fields.get("connection") == "close":
            self.close()
        return int(head.split(" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _run(job: Job) -> Outcome:
    loop = asyncio.get_running_loop()
    idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
    connections = [_Connection(job) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(connection.get() for connection in connections))
    for connection in connections:
        idle.put_nowait(connection)
    latencies: list[float] = []
    failures: dict[str, int] = {}

    async def one(due: float, counts: bool) -> None:
        connection = await idle.get()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status = str(await connection.get())
        except (OSError, EOFError, TimeoutError) as error:
            status = type(error).__name__
        idle.put_nowait(connection)
        if not counts:
            return
        if status == "200":
            latencies.append((loop.time() - due) * 1000)
        else:
            failures[status] = failures.get(status, 0) + 1

    begin = loop.time() + 0.1
    pending = []
    for number in range(round((job.warm_up + job.seconds) * job.rate)):
        due = begin + number / job.rate
        await asyncio.sleep(due - loop.time())
        pending.append(asyncio.create_task(one(due, number >= job.warm_up * job.rate)))
    await asyncio.gather(*pending)
    for connection in connections:
        connection.close()
    return Outcome(latencies=latencies, failures=failures)


def main() -> None:
    job = Job(**json.load(sys.stdin))
    # select() sleeps to the microsecond; epoll would round every due time up to the next millisecond.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        print(json.dumps(asdict(runner.run(_run(job)))))


if __name__ == "__main__":
    main()
