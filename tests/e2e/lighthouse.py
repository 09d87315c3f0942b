"""What Lighthouse, the browsers' makers' own judge, says of a page as a phone gets it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Playwright

from tests.e2e.browsing import Person, launch_profile, register
from tests.support import node
from tests.support.checkout import Checkout, free_port

CATEGORIES = ("performance", "accessibility", "best-practices")
PROGRAM = Path("lighthouse/cli/index.js")


@dataclass(frozen=True, kw_only=True)
class Report:
    """scores: category -> 0 to 100; layout_shift: how far things moved while the page was loading; faults: what cost
    points, by category."""

    scores: Mapping[str, int]
    layout_shift: float
    faults: Mapping[str, list[str]]


class Judge:
    """A browser with somebody logged in, in which Lighthouse looks at pages."""

    def __init__(self, person: Person, port: int, folder: Path) -> None:
        self.person = person
        self._port = port
        self._file = folder / "report.json"

    def judge(self, url: str) -> Report:
        """Loads the page as somebody who has it in no cache. What is stored of a login stays."""
        result = node.run(
            "node",
            str(node.packages() / PROGRAM),
            url,
            f"--port={self._port}",
            "--output=json",
            f"--output-path={self._file}",
            f"--only-categories={','.join(CATEGORIES)}",
            "--disable-storage-reset",
            "--disable-full-page-screenshot",
            "--quiet",
            cwd=self._file.parent,
        )
        assert result.returncode == 0, f"Lighthouse ended with {result.returncode}: {result.stderr[-3000:]}"
        return _report(json.loads(self._file.read_text()))


def _report(found: Mapping[str, Any]) -> Report:
    assert not found.get("runtimeError"), found["runtimeError"]
    categories = {name: found["categories"][name] for name in CATEGORIES}
    return Report(
        scores={name: round(category["score"] * 100) for name, category in categories.items()},
        layout_shift=float(found["audits"]["cumulative-layout-shift"]["numericValue"]),
        faults={name: list(_faults(category, found["audits"])) for name, category in categories.items()},
    )


def _faults(category: Mapping[str, Any], audits: Mapping[str, Any]) -> Iterator[str]:
    for entry in category["auditRefs"]:
        audit = audits[entry["id"]]
        if entry["weight"] and audit["score"] is not None and audit["score"] < 1:
            yield f"{audit['title']}: {audit.get('displayValue') or audit['score']}"


@contextmanager
def judging(playwright: Playwright, checkout: Checkout, folder: Path) -> Iterator[Judge]:
    """Somebody new, logged in, in a browser with a profile of its own that Lighthouse can reach."""
    port = free_port()
    context = launch_profile(playwright, checkout, folder, args=[f"--remote-debugging-port={port}"])
    try:
        person = Person(context, checkout.url, register(checkout, "Ada"))
        person.log_in()
        yield Judge(person, port, folder)
    finally:
        context.close()
