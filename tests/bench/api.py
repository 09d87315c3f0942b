"""The API's latency under a steady load: through the edge as people reach it, and at the auth-server itself."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

import httpx

from tests.bench import load
from tests.bench.people import PASSWORD, register
from tests.bench.report import Row, Section, aimed, percentile
from tests.bench.stand import Stand

RATE = 100.0
TURNS = 5
SECONDS_A_TURN = 4.0
WARM_UP_SECONDS = 1.0
PATH = "/api/auth/session"
"""Checks the token and asks the database whether the session still lives: what every request of a user costs."""
AT_MOST_MS = 100
AT_MOST_RATIO = 1.2


def measure(stand: Stand) -> Section:
    """Needs the stack up. Both get the same requests, in turns."""
    email = register(stand, "load")
    with httpx.Client(base_url=stand.checkout.url, verify=str(stand.checkout.ca_file)) as client:
        answer = client.post(
            "/api/auth/login",
            json={"email": email, "password": PASSWORD},
            headers={"Origin": stand.checkout.url},
        )
        answer.raise_for_status()
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with stand.api as api:
        backend = stand.address(api, "auth-server")
    through, direct = [], []
    with stand.inside() as inside:
        for _ in range(TURNS):
            through.append(load.send(_job("localhost", stand.port, cookies, ca=str(stand.checkout.ca_file))))
            direct.append(load.send(_job(backend, 3001, cookies, ca=None), inside=inside))
    failed = {**_failures(through, ""), **_failures(direct, "direct ")}
    ours, theirs = _all(through), _all(direct)
    beside = "at the auth-server"
    typical, typical_peer = _typical_p95(through), _typical_p95(direct)
    return Section(
        title=f"API at {RATE:g} requests/s for {TURNS * SECONDS_A_TURN:g} s, GET {PATH}",
        rows=(
            aimed(
                "p95 through the edge",
                percentile(ours, 95),
                "ms",
                at_most=AT_MOST_MS,
                peer=percentile(theirs, 95),
                peer_name=beside,
                note=f"not answered 200: {failed}" if failed else "",
            ),
            Row(
                name="p95 of the turn in the middle",
                ours=typical,
                unit="ms",
                peer=typical_peer,
                peer_name=beside,
                aim=f"<= {AT_MOST_RATIO} x",
                met=typical <= AT_MOST_RATIO * typical_peer,
            ),
            Row(name="p50", ours=percentile(ours, 50), unit="ms", peer=percentile(theirs, 50), peer_name=beside),
            Row(name="p99", ours=percentile(ours, 99), unit="ms", peer=percentile(theirs, 99), peer_name=beside),
        ),
        details=(
            f"open loop, latency from the moment a request is due; {len(ours)} and {len(theirs)} answers in {TURNS} "
            "turns each; through the published port with TLS, directly without",
            "p95 of each turn, through the edge and directly: "
            + ", ".join(
                f"{percentile(one.latencies, 95):.1f} and {percentile(other.latencies, 95):.1f}"
                for one, other in zip(through, direct, strict=True)
            ),
        ),
    )


def _all(turns: Sequence[load.Outcome]) -> list[float]:
    return [latency for turn in turns for latency in turn.latencies]


def _typical_p95(turns: Sequence[load.Outcome]) -> float:
    """A burst of other work hits one turn and spoils the p95 of all; the turn in the middle does not see it."""
    return statistics.median(percentile(turn.latencies, 95) for turn in turns)


def _failures(turns: Sequence[load.Outcome], prefix: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for turn in turns:
        total.update(turn.failures)
    return {f"{prefix}{name}": count for name, count in total.items()}


def _job(host: str, port: int, cookies: str, *, ca: str | None) -> load.Job:
    return load.Job(
        host=host,
        port=port,
        name=f"{host}:{port}",
        path=PATH,
        headers={"Cookie": cookies},
        ca=ca,
        rate=RATE,
        seconds=SECONDS_A_TURN,
        warm_up=WARM_UP_SECONDS,
    )
