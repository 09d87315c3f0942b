"""What monitoring knows of a stack, asked from inside as `./grocery` asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from cli import monitoring
from cli.tunnel import tunnel
from tests.support.checkout import Checkout

SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series at one moment."""

    labels: Mapping[str, str]
    value: float


class Server:
    """A program of the stack that answers HTTP, such as Prometheus."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def get(self, path: str, **parameters: str | float) -> Any:  # noqa: ANN401 - whatever JSON it answers
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == httpx.codes.OK, f"{path} answers {answer.status_code}: {answer.text[:500]}"
        return answer.json()

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - whatever JSON it answers
        answer = self.http.post(path, json=body)
        assert answer.is_success, f"{path} answers {answer.status_code}: {answer.text[:500]}"
        return answer.json()

    def query(self, expression: str) -> list[Series]:
        """What an expression is now; a scalar is one series without labels, a range has its last value."""
        data = self.get("/api/v1/query", query=expression)["data"]
        if data["resultType"] == "scalar":
            return [Series(labels={}, value=float(data["result"][1]))]
        return [
            Series(labels=entry["metric"], value=float((entry.get("value") or entry["values"][-1])[1]))
            for entry in data["result"]
        ]

    def one(self, expression: str) -> float:
        found = self.query(expression)
        assert len(found) == 1, f"{expression} has {len(found)} series"
        return found[0].value

    def alerts(self) -> tuple[monitoring.Alert, ...]:
        """Those that Prometheus' rules have now, firing or about to."""
        return monitoring.parse_rule_alerts(self.get("/api/v1/alerts"))

    def held(self) -> tuple[monitoring.Alert, ...]:
        """Those that Alertmanager holds now."""
        return monitoring.parse_held_alerts(self.get("/api/v2/alerts"))


@contextmanager
def asking(checkout: Checkout, workload: str, port: int) -> Iterator[Server]:
    with (
        checkout.api() as api,
        tunnel(api, checkout.stack, workload, port) as local,
        httpx.Client(base_url=f"http://127.0.0.1:{local}", timeout=SECONDS, trust_env=False) as http,
    ):
        yield Server(http)


def prometheus(checkout: Checkout) -> AbstractContextManager[Server]:
    return asking(checkout, "prometheus", monitoring.PROMETHEUS_PORT)


def alertmanager(checkout: Checkout) -> AbstractContextManager[Server]:
    return asking(checkout, "alertmanager", monitoring.ALERTMANAGER_PORT)
