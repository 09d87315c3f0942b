"""Clients that mean no good: the edge refuses them, its workers live on, and everybody else is served."""

from __future__ import annotations

import contextlib
import csv
import random
import re
import secrets
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli import building
from tests.e2e import inside
from tests.e2e.crowd import Crowd
from tests.e2e.door import Door, client, exchange
from tests.support import graders
from tests.support.checkout import Checkout
from tests.support.graders import Graders
from tests.support.looking import until

HOST = "Host: grocery.test"
# Where a request with a body goes through to the server behind.
TARGET = "/api/auth/login"
SMUGGLERS = range(211, 231)
VANDALS = range(161, 201)
MALFORMED = 2_000
MALFORMED_FULL = 10_000
SLOW_CONNECTIONS = 1_000
SLOW_SECONDS = 12
SLOW_SECONDS_FULL = 60


@pytest.fixture
def unharmed(public: Checkout) -> Iterator[None]:
    """The processes of nginx before a test are those after it, and none of them said that it was in trouble."""
    before, said = _nginx(public), len(inside.logs(public, _edge(public)))
    assert len(before) >= 3, "a master and its workers"
    yield
    assert _nginx(public) == before, "no process of nginx ended or was started"
    alarms = re.findall(r"\[(?:alert|emerg|crit)\].*", inside.logs(public, _edge(public))[said:])
    assert alarms == []


# --- requests inside requests ---


def _one(*lines: str, body: str = "") -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def _smuggled(mark: str) -> str:
    return f"GET /{mark} HTTP/1.1\r\n{HOST}\r\n\r\n"


# name -> the request around a second one that only a server with another opinion about its length would see.
FRAMINGS: Mapping[str, Callable[[str], bytes]] = {
    "CL.TE": lambda hidden: _one(
        *(f"POST {TARGET} HTTP/1.1", HOST, f"Content-Length: {len(hidden) + 5}", "Transfer-Encoding: chunked"),
        body=f"0\r\n\r\n{hidden}",
    ),
    "TE.CL": lambda hidden: _one(
        *(f"POST {TARGET} HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Content-Length: 4"),
        body=f"{len(hidden):x}\r\n{hidden}\r\n0\r\n\r\n",
    ),
    "two lengths": lambda hidden: _one(
        *(f"POST {TARGET} HTTP/1.1", HOST, "Content-Length: 0", f"Content-Length: {len(hidden)}"), body=hidden
    ),
    "two lengths in one": lambda hidden: _one(
        *(f"POST {TARGET} HTTP/1.1", HOST, f"Content-Length: 0, {len(hidden)}"), body=hidden
    ),
    "a length with a sign": lambda hidden: _one(f"POST {TARGET} HTTP/1.1", HOST, "Content-Length: +0", body=hidden),
    "a negative length": lambda hidden: _one(f"POST {TARGET} HTTP/1.1", HOST, "Content-Length: -1", body=hidden),
    "a length in hexadecimal": lambda hidden: _one(
        f"POST {TARGET} HTTP/1.1", HOST, f"Content-Length: 0x{len(hidden):x}", body=hidden
    ),
    "a length beyond counting": lambda hidden: _one(
        f"POST {TARGET} HTTP/1.1", HOST, f"Content-Length: {2**64}", body=hidden
    ),
    **{
        f"TE.TE {name}": lambda hidden, line=line: _one(  # type: ignore[misc]
            *(f"POST {TARGET} HTTP/1.1", HOST, f"Content-Length: {len(hidden) + 5}", line), body=f"0\r\n\r\n{hidden}"
        )
        for name, line in {
            "unknown": "Transfer-Encoding: xchunked",
            "twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "a list": "Transfer-Encoding: identity, chunked",
            "chunked last but one": "Transfer-Encoding: chunked, identity",
            "quoted": 'Transfer-Encoding: "chunked"',
            "a tab": "Transfer-Encoding:\tchunked",
            "a vertical tab": "Transfer-Encoding: \x0bchunked",
            "a space before the colon": "Transfer-Encoding : chunked",
            "folded": "Transfer-Encoding:\r\n chunked",
            "in the fold of another": "X-Fold: a\r\n Transfer-Encoding: chunked",
            "after a bare line feed": "X-Fold: a\nTransfer-Encoding: chunked",
            "after a bare carriage return": "X-Fold: a\rTransfer-Encoding: chunked",
            "with a null": "Transfer-Encoding: chunked\x00",
            "an underscore": "Transfer_Encoding: chunked",
        }.items()
    },
    "a chunk that is longer than it says": lambda hidden: _one(
        f"POST {TARGET} HTTP/1.1", HOST, "Transfer-Encoding: chunked", body=f"1\r\nxx\r\n0\r\n\r\n{hidden}"
    ),
    "a chunk of negative size": lambda hidden: _one(
        f"POST {TARGET} HTTP/1.1", HOST, "Transfer-Encoding: chunked", body=f"-1\r\n{hidden}0\r\n\r\n"
    ),
    "a chunk size beyond counting": lambda hidden: _one(
        f"POST {TARGET} HTTP/1.1", HOST, "Transfer-Encoding: chunked", body=f"{2**64:x}\r\n{hidden}"
    ),
    "chunks in HTTP/1.0": lambda hidden: _one(
        f"POST {TARGET} HTTP/1.0", HOST, "Transfer-Encoding: chunked", body=f"0\r\n\r\n{hidden}"
    ),
}


def test_no_request_hides_in_another(public: Checkout, door: Door, unharmed: None) -> None:
    marks = {how: f"smuggled-{secrets.token_hex(8)}" for how in FRAMINGS}
    since = _now(public)

    def send(number: int, how: str) -> list[int]:
        raw = FRAMINGS[how](_smuggled(marks[how]))
        answers, _ = door.send(client(SMUGGLERS[number % len(SMUGGLERS)]), raw, seconds=3)
        return [answer.status for answer in answers]

    with ThreadPoolExecutor(8) as pool:
        statuses = dict(zip(FRAMINGS, pool.map(send, range(len(FRAMINGS)), FRAMINGS), strict=True))
    print(statuses)
    assert {how: told for how, told in statuses.items() if len(told) > 1} == {}, "one request was sent"
    assert {how: told for how, told in statuses.items() if any(status >= 500 for status in told)} == {}
    asked = _paths_asked(public, door, since)
    assert [how for how, mark in marks.items() if f"/{mark}" in asked] == [], "the hidden one was taken for a request"


def test_a_request_that_follows_another_openly_is_answered(public: Checkout, door: Door) -> None:
    """What the tests around it find missing is there to be found."""
    mark = f"followed-{secrets.token_hex(8)}"
    since = _now(public)
    answers, _ = door.send(client(231), door.request("/") + _smuggled(mark).encode(), at_most=2)
    assert [answer.status for answer in answers] == [200, 200]
    assert f"/{mark}" in _paths_asked(public, door, since)


# --- HTTP/2 frames that no client sends ---

HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION = 1, 3, 4, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Fields = Sequence[tuple[str, str]]
PSEUDO: Fields = ((":method", "GET"), (":scheme", "https"), (":authority", "grocery.test"), (":path", "/MARK"))


def _without(name: str) -> Fields:
    return [field for field in PSEUDO if field[0] != name]


def _instead(name: str, value: str) -> Fields:
    return [(key, value if key == name else old) for key, old in PSEUDO]


ODD_FIELDS: Mapping[str, Fields] = {
    "a chunked request": [*PSEUDO, ("transfer-encoding", "chunked")],
    "a length that is not so": [*PSEUDO, ("content-length", "40")],
    "a line break in a value": [*PSEUDO, ("x-a", "b\r\ntransfer-encoding: chunked")],
    "a line break in a name": [*PSEUDO, ("x-a: b\r\ntransfer-encoding", "chunked")],
    "a line break in the path": _instead(":path", "/MARK HTTP/1.1\r\nHost: elsewhere.example\r\n\r\nGET /"),
    "a space in the path": _instead(":path", "/MARK HTTP/1.1"),
    "a line break in the method": _instead(":method", "GET / HTTP/1.1\r\nX: "),
    "a line break in the authority": _instead(":authority", "grocery.test\r\nx-a: b"),
    "a null in a value": [*PSEUDO, ("x-a", "b\x00c")],
    "upper case": [*PSEUDO, ("X-A", "b")],
    "another host": [*PSEUDO, ("host", "elsewhere.example")],
    "no path": _without(":path"),
    "an empty path": _instead(":path", ""),
    "a path without a slash": _instead(":path", "MARK"),
    "no method": _without(":method"),
    "no scheme": _without(":scheme"),
    "two paths": [*PSEUDO, (":path", "/other")],
    "an unknown pseudo-header": [*PSEUDO, (":protocol", "websocket")],
    "a pseudo-header after others": [("x-a", "b"), *PSEUDO],
    "an empty name": [*PSEUDO, ("", "b")],
}
# nginx leaves these out, or takes them for what they would be in their right place: the request is then that one.
WITHOUT_MEANING = {
    "upper case",
    "another host",
    "a chunked request",
    "a null in a value",
    "an empty name",
    "a pseudo-header after others",
}


def test_no_odd_field_of_http_2_gets_further(door: Door, unharmed: None) -> None:
    def ask(how: str) -> tuple[int, bool]:
        fields = [(name, value.replace("MARK", "odd")) for name, value in ODD_FIELDS[how]]
        return _ask_http2(door, client(232), fields)

    with ThreadPoolExecutor(4) as pool:
        outcomes = dict(zip(ODD_FIELDS, pool.map(ask, ODD_FIELDS), strict=True))
    print(outcomes)
    passed = {how for how, (status, ended) in outcomes.items() if not (400 <= status < 500 or (ended and status == 0))}
    assert passed <= WITHOUT_MEANING, {how: outcomes[how] for how in passed - WITHOUT_MEANING}


def test_plain_http_2_is_answered(door: Door) -> None:
    """So that what the tests above see refused is refused for what is odd about it."""
    assert _ask_http2(door, client(233), [(name, value.replace("MARK", "")) for name, value in PSEUDO]) == (200, False)


def test_floods_of_frames_end_their_own_connection_only(door: Door, unharmed: None) -> None:
    good = _literal([(name, value.replace("MARK", "")) for name, value in PSEUDO])
    floods = {
        "settings": _frame(SETTINGS, 0, 0, b"") * 20_000,
        "pings": _frame(6, 0, 0, b"12345678") * 20_000,
        "resets": b"".join(
            _frame(HEADERS, END_HEADERS | END_STREAM, number, good) + _frame(RST_STREAM, 0, number, b"\0\0\0\x08")
            for number in range(1, 20_001, 2)
        ),
        "continuations": _frame(HEADERS, 0, 1, good)
        + _frame(CONTINUATION, 0, 1, _literal([("x", "y" * 4000)])) * 2_000,
        "window": _frame(8, 0, 0, struct.pack(">I", 2**31 - 1)) * 2,
        "empty data": _frame(HEADERS, END_HEADERS, 1, good) + _frame(0, 0, 1, b"") * 20_000,
    }
    for name, frames in floods.items():
        with door.connect(client(234), context=door.trusting("h2")) as wire:
            wire.settimeout(30)
            with contextlib.suppress(OSError):
                wire.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + frames)
        assert door.ask(client(235), "/").status == 200, f"after a flood of {name} another client is served"


# --- paths and sizes ---

PLACES = ("etc/passwd", "srv/config/live/nginx.conf", "srv/config/live/tls.key", "proc/self/environ")
CLIMBS = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    ".%2e/",
    "%252e%252e%252f",
    "..\\",
    "..%5c",
    "%2e%2e%5c",
    "....//",
    "..;/",
    "..//",
    "./../",
    "%c0%ae%c0%ae/",
    "%uff0e%uff0e/",
    "..%00/",
    "..%0d/",
    "%e0%80%ae%e0%80%ae/",
)
ROOTS = ("/", "/assets/", "/assets../", "/icons/", "/_edge/", "//", "/api/", "/.well-known/acme-challenge/")
TELLTALES = re.compile(rb"root:x?:|worker_processes|PRIVATE KEY|PATH=/")


def test_no_spelling_of_a_path_leads_out_of_the_published_files(door: Door, unharmed: None) -> None:
    tried = Counter[int]()
    paths = [f"{root}{climb * 6}{place}" for root in ROOTS for climb in CLIMBS for place in PLACES]
    for number in range(0, len(paths), 20):
        # A refusal may end the connection, which is then made anew.
        source = client(236 + number // 20 % 10)
        for path in paths[number : number + 20]:
            answer = door.ask(source, path)
            tried[answer.status] += 1
            assert not TELLTALES.search(answer.body), f"{path} answered {answer.body[:200]!r}"
            page = answer.headers.get("content-type", "").startswith("text/html")
            assert answer.status in (400, 404, 405, 429) or (answer.status == 200 and page), f"{path}: {answer.status}"
    assert tried.total() == len(paths)
    assert tried[400] > len(paths) / 2, f"most are refused for what they are: {tried}"


TOO_LARGE: Mapping[str, tuple[Callable[[], bytes], frozenset[int]]] = {
    "one header": (lambda: _one("GET / HTTP/1.1", HOST, f"X-Large: {'a' * 100_000}"), frozenset({400, 431})),
    "many headers": (
        lambda: _one("GET / HTTP/1.1", HOST, *(f"X-{number}: a" for number in range(5_000))),
        frozenset({400, 431}),
    ),
    "cookies": (
        lambda: _one("GET / HTTP/1.1", HOST, *(f"Cookie: a{number}={'b' * 4_000}" for number in range(50))),
        frozenset({400, 431}),
    ),
    "a header's name": (lambda: _one("GET / HTTP/1.1", HOST, f"X{'a' * 100_000}: b"), frozenset({400, 431})),
    "the address": (lambda: _one(f"GET /{'a' * 100_000} HTTP/1.1", HOST), frozenset({414})),
    "the query": (lambda: _one(f"GET /?{'a' * 100_000} HTTP/1.1", HOST), frozenset({414})),
    "the method": (lambda: _one(f"{'A' * 100_000} / HTTP/1.1", HOST), frozenset({400, 405, 414})),
    "a body, announced": (
        lambda: _one(f"POST {TARGET} HTTP/1.1", HOST, "Content-Length: 100000000"),
        frozenset({413}),
    ),
    "a body, in chunks": (
        lambda: _one(
            f"POST {TARGET} HTTP/1.1", HOST, "Transfer-Encoding: chunked", body=f"{2**20:x}\r\n{'a' * 2**20}\r\n"
        ),
        frozenset({413}),
    ),
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_is_too_large_is_refused_before_anybody_reads_it(door: Door, unharmed: None, what: str) -> None:
    make, expected = TOO_LARGE[what]
    answers, closed = door.send(client(246), make(), at_most=2, seconds=12)
    # Who is refused while still sending may lose the answer with the connection.
    assert len(answers) <= 1 and closed, "the connection ends with it"
    assert {answer.status for answer in answers} <= expected, [answer.status for answer in answers]
    assert answers or what == "a body, in chunks", "it is said why"


# --- nonsense by the thousand ---

FOREIGN_WORDS = (
    "GET / HTTP/9.9",
    "GET / HTTP/3.0",
    "BREW / HTTP/1.1",
    "GET / HTTP/1.1\r\nTransfer-Encoding: steam",
    "GET / HTTP/1.1\r\nHost: elsewhere.example\r\nTransfer-Encoding: steam",
)


@pytest.mark.parametrize("words", FOREIGN_WORDS)
def test_what_nginx_does_not_know_is_the_client_s_fault_and_not_the_server_s(door: Door, words: str) -> None:
    """Its own answers would be 501 and 505, which ring where errors of a server are counted."""
    raw = f"{words}\r\nHost: {door.domain}\r\n\r\n".encode()
    answers, _ = door.send(client(249), raw)
    with door.connect_plain(client(249)) as wire:
        plainly, _ = exchange(wire, raw)
    assert [answer.status for answer in (*answers, *plainly) if answer.status >= 500] == []
    assert answers, "over TLS it is said so"


@pytest.mark.parametrize("count", [MALFORMED, pytest.param(MALFORMED_FULL, marks=pytest.mark.full)])
def test_thousands_of_malformed_requests_end_no_worker_and_make_no_error_of_the_edge_s_own(
    door: Door, unharmed: None, count: int
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")

    def send(number: int) -> list[str]:
        return _malformed(door, random.Random(seed + number), number)  # noqa: S311 - noise

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(outcome for outcomes in pool.map(send, range(count)) for outcome in outcomes)
    assert outcomes.pop("sent") == count
    assert not [status for status in outcomes if str(status).startswith("5")], f"seed {seed}: {outcomes}"
    assert outcomes["400"] > count / 20, f"most that is answered is refused: {outcomes}"
    assert door.ask(client(247), "/").status == 200
    print(outcomes)


GOOD = f"GET / HTTP/1.1\r\n{HOST}\r\nUser-Agent: nobody\r\nAccept: */*\r\nCookie: a=b\r\n\r\n".encode()
PIECES = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\t", b" ", b":", b"\x7f", b"\xff\xfe", b"%", b"%00", b"%zz", b"..", b"//", b"\\"),
    *(b"HTTP/9.9", b"HTTP/0.9", b"HTTP/1.", b"http/1.1", b"GET", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT"),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: x\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 9e9\r\n",
    ),
    *(b"Host: \r\n", b"Host: a b\r\n", b"Host: grocery.test:99999\r\n", b"Expect: 200-maybe\r\n", b"Upgrade: h2c\r\n"),
    *(b"Range: bytes=9-1,-,--\r\n", b"If-Modified-Since: now\r\n", b"Accept-Encoding: gzip;q=x\r\n", b"\x16\x03\x01"),
)


def _malformed(door: Door, chance: random.Random, number: int) -> list[str]:
    """Sends one; what became of it: "sent", and the status of each answer."""
    source = client(VANDALS[number % len(VANDALS)])
    kind = number % 10
    try:
        if kind == 0:
            # Not even TLS, or a beginning of it.
            wire = door.connect_plain(source, port=door.https_port)
            raw = chance.choice(
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x80", GOOD, b"")
            ) + chance.randbytes(200)
        elif kind == 1:
            wire = door.connect(source, context=door.trusting("h2"))
            frames = (
                _frame(chance.randrange(12), chance.randrange(256), chance.randrange(5), chance.randbytes(20))
                for _ in range(10)
            )
            raw = chance.choice((PREFACE, PREFACE[:20], b"")) + b"".join(frames)
        elif kind == 2:
            wire = door.connect_plain(source)
            raw = _mutated(chance)
        else:
            wire = door.connect(source)
            raw = chance.randbytes(300) if kind == 3 else _mutated(chance)
    except OSError:
        # A listener's queue may be full for a moment; what is not sent is not counted.
        return _malformed(door, chance, number)
    with wire:
        with contextlib.suppress(OSError):
            wire.sendall(raw)
            # Nothing more will come: whoever waits for the rest need not.
            socket.socket.shutdown(wire, socket.SHUT_WR)
        try:
            answers, _ = exchange(wire, b"", seconds=12)
        except (ValueError, IndexError):
            answers = []
    return ["sent", *(str(answer.status) for answer in answers)]


def _mutated(chance: random.Random) -> bytes:
    raw = GOOD
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(len(raw))
        raw = (
            chance.choice(
                (
                    raw[:place] + chance.choice(PIECES) + raw[place:],
                    raw[:place] + chance.choice(PIECES) + raw[place + 3 :],
                    raw[:place] + chance.randbytes(3) + raw[place:],
                    raw[:place],
                    raw[place:] + raw[:place],
                    raw[:place] + raw[max(0, place - 40) :],
                )
            )
            or GOOD
        )
    return raw


# --- clients that take their time ---

# mode -> how it is slow: sends a header, or a body, in pieces; or reads the answer in sips.
SLOWLY: Mapping[str, Sequence[str]] = {
    "header": ("-H", "-i", "5", "-x", "24"),
    "body": ("-B", "-i", "5", "-s", "8192", "-x", "24", "-t", "POST"),
    "read": ("-X", "-w", "256", "-y", "512", "-n", "5", "-z", "32", "-k", "3"),
}


@pytest.mark.parametrize("seconds", [SLOW_SECONDS, pytest.param(SLOW_SECONDS_FULL, marks=pytest.mark.full)])
@pytest.mark.parametrize("mode", SLOWLY)
def test_a_thousand_slow_clients_cost_nobody_else_anything(
    public: Checkout, door: Door, unharmed: None, tmp_path: Path, mode: str, seconds: int
) -> None:
    judges = Graders(
        docker=building.docker_on(public.host), image=graders.make_image(public.root, public.host), domain=door.domain
    )
    url = {"body": f"{door.origin}{TARGET}", "read": f"{door.origin}{_largest_asset(public)}"}.get(
        mode, f"{door.origin}/"
    )
    with Crowd(door, ["/", "/health/live"], rate=20, sockets=10) as crowd:
        judges.run(
            *("slowhttptest", *SLOWLY[mode], "-c", str(SLOW_CONNECTIONS), "-r", "200", "-l", str(seconds)),
            *("-p", "5", "-u", url, "-g", "-o", "/out/slow"),
            folder=tmp_path,
            expect=None,
        )
    with (tmp_path / "slow.csv").open() as file:
        rows = list(csv.DictReader(file))
    most = max(int(row["Connected"]) for row in rows)
    assert most > 100, f"the attack took place: {rows[-1]}"
    print(
        f"{mode}: at most {most} slow connections at once; {crowd.answered} requests of others, {crowd.pings} messages"
    )
    crowd.expect_unnoticed(at_least=10 * seconds)


# --- how it is found out ---


def _edge(public: Checkout) -> str:
    [edge] = inside.containers(public, "edge")
    return str(edge["Id"])


def _nginx(public: Checkout) -> list[str]:
    """The processes of nginx in the container that serves: number and kind."""
    listed = inside.succeed(public, "edge", "ps", "-o", "pid,args")
    found = re.findall(r"(\d+) nginx: (master|worker) process(?! is shutting down)", listed)
    return sorted(" ".join(process) for process in found)


def _now(public: Checkout) -> int:
    """The second, as its log counts time."""
    return int(inside.succeed(public, "edge", "date", "+%s"))


def _paths_asked(public: Checkout, door: Door, since: int) -> set[str]:
    """The paths of all requests that were taken for one, from that second on to now."""
    last = f"/last-{secrets.token_hex(8)}"
    door.ask(client(248), last)
    found: set[str] = set()

    def written() -> bool:
        with public.api() as api:
            said = bytes(api.logs(_edge(public), stdout=True, stderr=False, since=since)).decode(errors="replace")
        found.update(re.findall(r'"path":"([^"]*)"', said))
        return last in found

    until(written, "the log has the last request")
    return found


def _largest_asset(public: Checkout) -> str:
    listed = inside.succeed(public, "edge", "sh", "-c", "cd /srv/web && ls -S assets/*.js | head -n 1")
    return f"/{listed.strip()}"


# --- the little of RFC 9113 and 7541 that is needed: literal fields, no table, no Huffman code ---


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(fields: Fields) -> bytes:
    return b"".join(b"\x10" + _string(name) + _string(value) for name, value in fields)


def _string(text: str) -> bytes:
    raw, length = text.encode("latin-1"), len(text)
    if length < 127:
        return bytes([length]) + raw
    rest, coded = length - 127, b"\x7f"
    while rest >= 128:
        coded += bytes([rest % 128 + 128])
        rest //= 128
    return coded + bytes([rest]) + raw


def _ask_http2(door: Door, source: str, fields: Fields) -> tuple[int, bool]:
    """One request in HTTP/2: the status (0 without one), and whether the stream or the connection was ended for it."""
    with door.connect(source, context=door.trusting("h2")) as wire:
        wire.settimeout(10)
        headers = _frame(HEADERS, END_HEADERS | END_STREAM, 1, _literal(fields))
        with contextlib.suppress(OSError):
            wire.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + headers)
        received = b""
        while True:
            try:
                more = wire.recv(65536)
            except OSError:
                more = b""
            if not more:
                return 0, True
            received += more
            while len(received) >= 9:
                length, kind = int.from_bytes(received[:3], "big"), received[3]
                if len(received) < 9 + length:
                    break
                payload, received = received[9 : 9 + length], received[9 + length :]
                if kind in (RST_STREAM, GOAWAY):
                    return 0, True
                if kind == HEADERS:
                    return _status(payload), False


def _status(payload: bytes) -> int:
    """nginx writes the status first: by its number in the static table, or as a literal of three digits."""
    while payload[0] & 0xE0 == 0x20:
        payload = payload[1:]
    known = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
    return known.get(payload[0]) or int(payload[2:5])
