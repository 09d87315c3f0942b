"""The bench's own instruments: what they would say of things whose answer is known."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from tests.bench import load
from tests.bench.backups import outage
from tests.bench.compose import _short
from tests.bench.report import Row, aimed, percentile


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert percentile(values, 50) == 3.0
    assert percentile(values, 95) == 5.0
    assert percentile([7.0], 50) == 7.0


def test_a_ratio_needs_a_peer() -> None:
    assert Row(name="up", ours=30, unit="s", peer=20, peer_name="another").ratio == 1.5
    assert Row(name="up", ours=30, unit="s").ratio is None
    assert Row(name="up", ours=None, unit="s", peer=20).ratio is None


def test_an_aim_is_its_own_yardstick_when_there_is_no_other() -> None:
    alone = aimed("memory", 0.5, "GB", at_most=1.0)
    assert (alone.ratio, alone.met) == (0.5, True)
    beside = aimed("up", 31, "s", at_most=30, peer=20, peer_name="another")
    assert (beside.ratio, beside.met) == (1.55, False)
    missing = aimed("up", 31, "s", at_most=30, peer=None, peer_name="another")
    assert missing.ratio is None, "a peer that could not be measured is not replaced by the aim"


@pytest.mark.parametrize(
    ("name", "short"),
    [("test-bench-edge-config-1a2b3c4", "edge-config"), ("test-bench-app", "app"), ("test-bench-data", "data")],
)
def test_names_lose_their_stack_and_their_random_end(name: str, short: str) -> None:
    assert _short(name) == short


class _Server(http.server.BaseHTTPRequestHandler):
    """Answers at once, but for one stall of all requests."""

    protocol_version = "HTTP/1.1"
    answered: ClassVar[int] = 0
    gate: ClassVar[threading.Lock] = threading.Lock()
    stall_at: ClassVar[int] = 40
    stall_seconds: ClassVar[float] = 0.6

    def do_GET(self) -> None:
        with _Server.gate:
            _Server.answered += 1
            if _Server.answered == _Server.stall_at:
                time.sleep(_Server.stall_seconds)
        status = 200 if self.path == "/there" else 404
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test is silent."""


@contextmanager
def _server() -> Iterator[int]:
    _Server.answered = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _job(port: int, path: str) -> load.Job:
    return load.Job(
        host="127.0.0.1", port=port, name="test", path=path, headers={}, ca=None, rate=50, seconds=1, warm_up=0.2
    )


def test_a_stall_counts_for_every_request_that_was_due_in_it() -> None:
    with _server() as port:
        outcome = load.send(_job(port, "/there"))
    assert len(outcome.latencies) == 50, "each request is sent, however late the one before it is answered"
    late = [latency for latency in outcome.latencies if latency > 100]
    assert len(late) >= 20, "0.6 s at 50 requests/s delay thirty of them, not one"


def test_answers_other_than_200_are_no_latencies() -> None:
    with _server() as port:
        outcome = load.send(_job(port, "/missing"))
    assert outcome.failures == {"404": 50}
    assert not outcome.latencies


def test_an_outage_ends_with_the_first_answer_after_the_last_refusal() -> None:
    assert outage(refused=[2.0, 3.0, 5.0], served=[1.0, 4.0, 6.0, 7.0]) == (2.0, 6.0)


@pytest.mark.parametrize(("refused", "served"), [([], [1.0]), ([2.0], [1.0])])
def test_without_an_end_there_is_no_outage_to_tell_of(refused: list[float], served: list[float]) -> None:
    with pytest.raises(RuntimeError, match="nobody came back"):
        outage(refused, served)
