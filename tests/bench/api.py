"""The API's latency under a steady load: through the edge as people reach it, and at the auth-server itself."""

from __future__ import annotations

import httpx

from tests.bench import load
from tests.bench.people import PASSWORD, register
from tests.bench.report import Row, Section, aimed, percentile
from tests.bench.stand import Stand

RATE = 100.0
TURNS = 2
SECONDS_A_TURN = 10.0
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
    through, direct = load.Outcome(latencies=[], failures={}), load.Outcome(latencies=[], failures={})
    with stand.inside() as inside:
        for _ in range(TURNS):
            _add(through, load.send(_job("localhost", stand.port, cookies, ca=str(stand.checkout.ca_file))))
            _add(direct, load.send(_job(backend, 3001, cookies, ca=None), inside=inside))
    figures = {percent: percentile(through.latencies, percent) for percent in (50, 95, 99)}
    peers = {percent: percentile(direct.latencies, percent) for percent in (50, 95, 99)}
    failed = {**through.failures, **{f"direct {name}": count for name, count in direct.failures.items()}}
    return Section(
        title=f"API at {RATE:g} requests/s for {TURNS * SECONDS_A_TURN:g} s, GET {PATH}",
        rows=(
            aimed(
                "p95 through the edge",
                figures[95],
                "ms",
                at_most=AT_MOST_MS,
                peer=peers[95],
                peer_name="at the auth-server",
                note=f"not answered 200: {failed}" if failed else "",
            ),
            Row(
                name="the same as a ratio",
                ours=figures[95],
                unit="ms",
                peer=peers[95],
                peer_name="at the auth-server",
                aim=f"<= {AT_MOST_RATIO} x",
                met=figures[95] <= AT_MOST_RATIO * peers[95],
            ),
            Row(name="p50", ours=figures[50], unit="ms", peer=peers[50], peer_name="at the auth-server"),
            Row(name="p99", ours=figures[99], unit="ms", peer=peers[99], peer_name="at the auth-server"),
        ),
        details=(
            f"open loop, latency from the moment a request is due; {len(through.latencies)} and "
            f"{len(direct.latencies)} answers; through the published port with TLS, directly without",
        ),
    )


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
    )


def _add(to: load.Outcome, more: load.Outcome) -> None:
    to.latencies.extend(more.latencies)
    for name, count in more.failures.items():
        to.failures[name] = to.failures.get(name, 0) + count
