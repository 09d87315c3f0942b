"""Many clients at once, from many addresses, counted exactly: what each request got, and whether any socket was cut.

A rounded ratio hides losses, so nothing here is retried or averaged: a request that is not answered as it is when
nothing happens is a failure with its moment and its reason.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import secrets
import struct
import threading
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.e2e.door import Answer, Door, client, take
from tests.support.looking import until

PATIENCE_SECONDS = 30.0
KEEPING = range(1, 21)
"""Addresses whose clients keep their connection."""
COMING = range(21, 61)
"""Addresses whose clients make a new connection for each request."""
TALKING = range(61, 161)
"""Addresses whose clients have a WebSocket."""
PING_SECONDS = 1.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Crowd:
    """with Crowd(door, ["/", ...], sockets=100) as crowd: ...; `crowd.until_answered(6000)` waits for that many.

    rate: requests a second, half of them on connections that are kept; each path is asked by GET, and `posts` are
    asked with a body (path -> JSON).
    """

    door: Door
    paths: list[str]
    posts: Mapping[str, str] = field(default_factory=dict)
    rate: float = 100.0
    sockets: int = 0
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    pings: int = 0
    pongs: int = 0
    cut: list[str] = field(default_factory=list)
    _expected: dict[bytes, int] = field(default_factory=dict)
    _began: float = 0.0
    _ready: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _broken: str = ""

    def __enter__(self) -> Crowd:
        # Threads see the network of the one that starts them.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        until(lambda: self._ready.is_set() or self._broken, "all sockets are open and talk", seconds=120)
        assert not self._broken, self._broken
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(120)

    def until_answered(self, count: int, *, seconds: float = 300) -> None:
        until(
            lambda: self.answered >= count, f"{count} requests are answered ({self.answered} so far)", seconds=seconds
        )

    def expect_unnoticed(self, *, at_least: int) -> None:
        """After the block: everything was answered as ever, and every socket is the one it was."""
        assert not self._broken, self._broken
        assert self.answered >= at_least, f"only {self.answered} requests were answered"
        assert self.failures == [], f"{len(self.failures)} of {self.answered} requests failed: {self.failures[:5]}"
        assert self.cut == [], f"{len(self.cut)} of {self.sockets} sockets were cut: {self.cut[:5]}"
        assert self.pongs == self.pings, f"{self.pings - self.pongs} of {self.pings} messages were not answered"

    def _run(self) -> None:
        try:
            asyncio.run(self._everybody())
        except BaseException as error:
            self._broken = f"the crowd itself failed: {error!r}"
            raise

    async def _everybody(self) -> None:
        requests = [self.door.request(path) for path in self.paths]
        requests += [self.door.request(path, method="POST", body=body) for path, body in self.posts.items()]
        for raw in requests:
            self._expected[raw] = (await self._once(raw, client(COMING[0]))).status
        assert all(status < 500 for status in self._expected.values()), f"before anything: {self._expected}"
        talking = [asyncio.create_task(self._talk(number)) for number in range(self.sockets)]
        while self.pongs < self.sockets:
            for task in talking:
                if task.done():
                    task.result()
            await asyncio.sleep(0.1)
        self._began = time.monotonic()
        self._ready.set()
        await asyncio.gather(*talking, self._keep_asking(requests), self._come_and_ask(requests))

    # --- requests ---

    async def _keep_asking(self, requests: list[bytes]) -> None:
        await asyncio.gather(
            *(self._ask_on_one_connection(client(number), place, requests) for place, number in enumerate(KEEPING))
        )

    async def _ask_on_one_connection(self, source: str, place: int, requests: list[bytes]) -> None:
        pause = len(KEEPING) / (self.rate / 2)
        due = time.monotonic() + pause * place / len(KEEPING)
        streams: Streams | None = None
        turn = place
        while await self._next(due):
            raw = requests[turn % len(requests)]
            due, turn = due + pause, turn + 1

            async def ask(raw: bytes = raw) -> Answer:
                nonlocal streams
                if streams is not None and streams[0].at_eof():
                    # Closed while nothing was asked, as any server may; a client sees that before it asks again.
                    streams[1].close()
                    streams = None
                streams = streams or await self._connect(source)
                try:
                    answer = await _answer(streams, raw)
                except BaseException:
                    streams[1].close()
                    streams = None
                    raise
                if answer.headers.get("connection") == "close":
                    streams[1].close()
                    streams = None
                return answer

            await self._count(raw, "kept", ask)
        if streams:
            streams[1].close()

    async def _come_and_ask(self, requests: list[bytes]) -> None:
        asked: set[asyncio.Task[None]] = set()
        due, turn = time.monotonic(), 0
        while await self._next(due):
            raw, source = requests[turn % len(requests)], client(COMING[turn % len(COMING)])
            due, turn = due + 2 / self.rate, turn + 1
            task = asyncio.create_task(self._count(raw, "new", functools.partial(self._once, raw, source)))
            asked.add(task)
            task.add_done_callback(asked.discard)
        await asyncio.gather(*asked)

    async def _next(self, due: float) -> bool:
        """False once it is over; otherwise after waiting for the moment a request is due."""
        while not self._over.is_set():
            left = due - time.monotonic()
            if left <= 0:
                return True
            await asyncio.sleep(min(left, 0.2))
        return False

    async def _count(self, raw: bytes, how: str, ask: Callable[[], Awaitable[Answer]]) -> None:
        line = raw.partition(b" HTTP")[0].decode()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status = (await ask()).status
        except (OSError, EOFError, TimeoutError) as error:
            self._failed(f"{line} on a {how} connection: {error!r}")
        else:
            if status != self._expected[raw]:
                self._failed(f"{line} on a {how} connection: {status} and not {self._expected[raw]}")
        self.answered += 1

    def _failed(self, what: str) -> None:
        self.failures.append(f"after {time.monotonic() - self._began:.1f} s {what}")

    async def _once(self, raw: bytes, source: str) -> Answer:
        streams = await self._connect(source)
        try:
            return await _answer(streams, raw)
        finally:
            streams[1].close()

    async def _connect(self, source: str) -> Streams:
        return await asyncio.open_connection(
            self.door.address,
            self.door.https_port,
            ssl=self.door.context,
            server_hostname=self.door.domain,
            local_addr=(source, 0),
        )

    # --- WebSockets ---

    async def _talk(self, number: int) -> None:
        """One socket to zero-cache, which answers each ping with a pong, until all is over."""
        source = client(TALKING[number % len(TALKING)])
        reader, writer = await open_socket(self.door, source)
        cut = ""
        try:
            while not self._over.is_set():
                writer.write(frame(json.dumps(["ping", {}])))
                self.pings += 1
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while json.loads(await message(reader))[0] != "pong":
                        continue
                self.pongs += 1
                await asyncio.sleep(PING_SECONDS)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            cut = repr(error)
        finally:
            if cut:
                self.cut.append(f"after {time.monotonic() - self._began:.1f} s socket {number}: {cut}")
            writer.close()


async def _answer(streams: Streams, raw: bytes) -> Answer:
    reader, writer = streams
    writer.write(raw)
    received = b""
    while (taken := take(received)) is None:
        more = await reader.read(65536)
        if not more:
            raise EOFError(f"closed after {len(received)} bytes of an answer")
        received += more
    assert not taken[1], "nobody asked for more"
    return taken[0]


# --- the little of RFC 6455 that is needed: whole text messages ---


def upgrade(door: Door, *, origin: str | None = None) -> bytes:
    """The request by which the page opens its connection to zero-cache."""
    protocol = base64.b64encode(json.dumps({}).encode()).decode()
    identity = secrets.token_hex(8)
    query = urllib.parse.urlencode(
        {"clientID": identity, "clientGroupID": identity, "ts": 0, "lmid": 0, "wsid": identity}
    )
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "Sec-WebSocket-Protocol": urllib.parse.quote(protocol, safe=""),
        "Origin": origin or door.origin,
    }
    return door.request(f"/zero/sync/v51/connect?{query}", headers=headers)


async def open_socket(door: Door, source: str) -> Streams:
    """A WebSocket to zero-cache, whose first message has come. Raises ConnectionRefusedError when it is not opened."""
    reader, writer = await asyncio.open_connection(
        door.address, door.https_port, ssl=door.context, server_hostname=door.domain, local_addr=(source, 0)
    )
    writer.write(upgrade(door))
    async with asyncio.timeout(PATIENCE_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            writer.close()
            raise ConnectionRefusedError(head.partition(b"\r\n")[0].decode())
        first = json.loads(await message(reader))
    assert first[0] == "connected", first
    return reader, writer


def frame(text: str) -> bytes:
    payload = text.encode()
    assert len(payload) < 126
    mask = secrets.token_bytes(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([0x81, 0x80 | len(payload)]) + mask + masked


async def message(reader: asyncio.StreamReader) -> bytes:
    """The next text message. Raises EOFError when the other side closes, however it does."""
    while True:
        head = await reader.readexactly(2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await reader.readexactly(8))
        payload = await reader.readexactly(length)
        kind = head[0] & 0x0F
        if kind == 1:
            return payload
        if kind == 8:
            raise EOFError(f"closed: {payload[:2].hex()} {payload[2:].decode(errors='replace')}")
