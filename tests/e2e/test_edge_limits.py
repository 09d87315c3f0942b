"""How much one client may ask for, counted to the last request, and that nobody else pays for it.

The limits are the edge's own mechanisms with other figures: rates so slow that no request more is allowed while a test
runs, however long it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.crowd import open_socket
from tests.e2e.door import Answer, Door, client, exchange
from tests.support.checkout import Checkout
from tests.support.looking import until

BURSTS = {"general": 60, "api": 30, "auth": 10}
CONNECTIONS = 5
SOCKETS = 3
EXCESS = 15
TOO_MANY = 429
# Nobody is logged in: what counts is that it was answered by whom it was for.
PATHS = {"general": "/", "api": "/api/nothing", "auth": "/api/auth/session"}


@pytest.fixture(scope="module")
def tight(public: Checkout, door: Door) -> Iterator[Door]:
    """The shared public stack with narrow limits, and with its own again afterwards."""
    before = public.file.read_text()
    public.configure(
        edge={
            "rate_limits": {zone: {"rate": "1r/m", "burst": burst} for zone, burst in BURSTS.items()},
            "connections": {"per_address": CONNECTIONS, "websockets_per_address": SOCKETS},
        }
    )
    try:
        public.up()
        yield door
    finally:
        public.file.write_text(before)
        public.up()


@pytest.mark.parametrize(("zone", "greedy", "modest"), [("general", 201, 202), ("api", 203, 204), ("auth", 205, 206)])
def test_the_excess_over_a_rate_gets_429_and_another_client_notices_nothing(
    tight: Door, zone: str, greedy: int, modest: int
) -> None:
    # nginx serves one and then as many more as the burst.
    allowed = BURSTS[zone] + 1
    path = PATHS[zone]
    theirs, others = [], []
    with tight.connect(client(greedy)) as one, tight.connect(client(modest)) as other:
        for turn in range(allowed + EXCESS):
            theirs.append(_ask(tight, one, path))
            if turn < allowed:
                others.append(_ask(tight, other, path))
    assert _refused(theirs[:allowed]) == 0, "what the burst allows is served"
    assert _refused(theirs[allowed:]) == EXCESS, "and not one request more"
    assert _refused(others) == 0, "whoever keeps to it is served all along"
    for answer in theirs[allowed:]:
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        if zone == "general":
            assert answer.headers["content-type"].startswith("text/html")
        else:
            assert answer.problem == "too_many_requests", "programs are told in JSON"


def test_who_spent_one_rate_still_has_the_wider_ones(tight: Door) -> None:
    source = client(207)
    with tight.connect(source) as wire:
        for _ in range(BURSTS["auth"] + 1 + EXCESS):
            last = _ask(tight, wire, PATHS["auth"])
        assert last.status == TOO_MANY
        assert _refused([_ask(tight, wire, PATHS["api"]) for _ in range(10)]) == 0, "the rest of the API answers"
        for _ in range(BURSTS["api"] + 1):
            last = _ask(tight, wire, PATHS["api"])
        assert last.status == TOO_MANY
        assert _refused([_ask(tight, wire, PATHS["general"]) for _ in range(10)]) == 0, "and so does the page"


def test_a_client_has_only_so_many_requests_at_a_time(tight: Door) -> None:
    """Uploads that were begun and not finished are requests that are being answered."""
    source, other = client(208), client(209)
    begun = tight.request("/api/nothing", method="POST", body="x" * 100)[:-50]
    with contextlib.ExitStack() as open_:
        wires = [open_.enter_context(tight.connect(source)) for _ in range(CONNECTIONS)]
        for wire in wires:
            wire.sendall(begun)
        until(lambda: tight.ask(source, "/").status == TOO_MANY, "one more is refused")
        assert tight.ask(source, "/").headers["retry-after"]
        assert tight.ask(other, "/").status == 200, "another client is served"
        wires[0].sendall(b"x" * 50)
        answers, _ = exchange(wires[0], b"", at_most=1, seconds=30)
        assert len(answers) == 1 and answers[0].status != TOO_MANY, "what was begun in time is answered"
        until(lambda: tight.ask(source, "/").status == 200, "there is room for one again")


def test_a_client_has_only_so_many_websockets(tight: Door) -> None:
    # Not in this thread, in which Playwright may have a loop of its own.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, _many_websockets(tight, client(210), client(211))).result()


async def _many_websockets(door: Door, source: str, other: str) -> None:
    opened = [await open_socket(door, source) for _ in range(SOCKETS)]
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError, match=str(TOO_MANY)):
            await open_socket(door, source)
    opened.append(await open_socket(door, other))
    opened[0][1].close()
    for _ in range(100):
        # The edge learns of the end a moment later.
        with contextlib.suppress(ConnectionRefusedError):
            opened.append(await open_socket(door, source))
            break
        await asyncio.sleep(0.2)
    else:
        raise AssertionError("the place of a socket that was closed is not free again")
    for _, writer in opened:
        writer.close()


def _ask(door: Door, wire: socket.socket, path: str) -> Answer:
    answers, _ = exchange(wire, door.request(path), at_most=1, seconds=30)
    assert answers, f"{path} is answered"
    return answers[0]


def _refused(answers: Sequence[Answer]) -> int:
    return sum(answer.status == TOO_MANY for answer in answers)
