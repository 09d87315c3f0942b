"""Requests that never stop, to see whether anybody notices what happens meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.e2e.browsing import session
from tests.support.checkout import Checkout

PAUSE = 0.05
PATHS = ("/api/auth/session", "/health/live", "/")


@dataclass
class Traffic:
    """with Traffic(checkout) as traffic: ...; then `traffic.failures` says what a visitor would have seen.

    One visitor keeps a connection, another makes a new one for each request.
    """

    checkout: Checkout
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Traffic:
        # Threads see the network of the one that starts them.
        self._threads = [threading.Thread(target=self._visit, args=(keep,), daemon=True) for keep in (True, False)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def expect_unnoticed(self) -> None:
        assert self.answered > 20, f"only {self.answered} requests were made: too few to say anything"
        assert self.failures == [], f"{len(self.failures)} of {self.answered} requests failed"

    def _visit(self, keep: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if keep else 0)
        began = time.monotonic()
        with session(self.checkout, limits=limits) as client:
            while not self._over.is_set():
                for path in PATHS:
                    try:
                        status = client.get(path).status_code
                    except httpx.HTTPError as error:
                        self._failed(began, path, repr(error))
                    else:
                        if status != httpx.codes.OK:
                            self._failed(began, path, str(status))
                    self.answered += 1
                self._over.wait(PAUSE)

    def _failed(self, began: float, path: str, what: str) -> None:
        self.failures.append(f"after {time.monotonic() - began:.1f} s GET {path}: {what}")
