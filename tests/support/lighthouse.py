"""Lighthouse, judging a page in a headless Chromium of its own, as on a phone on a slow network or at a desk."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.support import graders

Form = Literal["mobile", "desktop"]
AGAIN = "Please run Lighthouse again"
"""What it says when the machine was too busy for it to see the page load."""
ATTEMPTS = 3
CATEGORIES = ("performance", "accessibility", "best-practices")


@dataclass(frozen=True, kw_only=True)
class Report:
    """scores: category -> 0 to 100; the moments in seconds; layout_shift: how far things moved while the page was
    loading; lost: what cost points, as "audit: score (figure)"."""

    form: Form
    scores: Mapping[str, int]
    first_paint: float
    interactive: float
    layout_shift: float
    lost: tuple[str, ...]

    def __str__(self) -> str:
        """For the message of a test that fails, and for whoever wants the figures."""
        scores = ", ".join(f"{category} {score}" for category, score in self.scores.items())
        moments = f"first paint {self.first_paint:.2f} s, interactive {self.interactive:.2f} s"
        moments += f", layout shift {self.layout_shift:.3f}"
        return "\n  ".join((f"{self.form}: {scores}; {moments}", *self.lost))


def make_home(folder: Path, authority: Path) -> Path:
    """The home of a user whose browser trusts the authority (a PEM file), by the command people are told to use."""
    store = folder / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    subprocess.run([*certutil, "-A", "-t", "C,,", "-n", "grocery", "-i", str(authority)], check=True)
    return folder


def judge(
    url: str,
    *,
    home: Path,
    form: Form = "mobile",
    addresses: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    browser_port: int | None = None,
) -> Report:
    """Judges a page. Fails when Lighthouse cannot.

    home:         of a user whose browser trusts the site's authority; see make_home.
    addresses:    name -> address of names that no DNS knows.
    headers:      sent with every request, such as a Cookie.
    browser_port: debugging port of a browser that runs already, logged in perhaps, and that keeps what it stores; then
                  home and addresses are that browser's own.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "report.json"
        flags = ["--headless=new", "--no-sandbox"]
        if addresses:
            rules = ", ".join(f"MAP {name} {address}" for name, address in addresses.items())
            flags.append(f"--host-resolver-rules='{rules}'")
        options = [
            *("--quiet", "--output=json", f"--output-path={written}", f"--only-categories={','.join(CATEGORIES)}"),
            "--disable-full-page-screenshot",
            *(("--preset=desktop",) if form == "desktop" else ()),
            *((f"--extra-headers={json.dumps(dict(headers))}",) if headers else ()),
        ]
        if browser_port is not None:
            options += [f"--port={browser_port}", "--disable-storage-reset"]
        else:
            options.append(f"--chrome-flags={' '.join(flags)}")
        program = graders.npm_packages() / "lighthouse" / "cli" / "index.js"
        environment = {"HOME": str(home), "CHROME_PATH": shutil.which("chromium") or ""}
        for _ in range(ATTEMPTS):
            ended = graders.run_here("node", str(program), url, *options, env=environment, expect=None)
            if ended.code == 0 or AGAIN not in ended.err:
                break
        assert ended.code == 0, ended.text[-3000:]
        found: dict[str, Any] = json.loads(written.read_text())
    assert "runtimeError" not in found, f"{url} could not be judged: {found['runtimeError']}"
    counting = {
        entry["id"] for name in CATEGORIES for entry in found["categories"][name]["auditRefs"] if entry["weight"] > 0
    }
    return Report(
        form=form,
        scores={name: round(100 * (found["categories"][name]["score"] or 0)) for name in CATEGORIES},
        first_paint=found["audits"]["first-contentful-paint"]["numericValue"] / 1000,
        interactive=found["audits"]["interactive"]["numericValue"] / 1000,
        layout_shift=float(found["audits"]["cumulative-layout-shift"]["numericValue"]),
        lost=tuple(
            f"{name}: {audit['score']:.2f} {audit.get('displayValue', '')} {_elements(audit)}".rstrip()
            for name, audit in found["audits"].items()
            if name in counting and audit["score"] is not None and audit["score"] < 1
        ),
    )


def _elements(audit: Mapping[str, Any]) -> str:
    """The first places on the page that an audit complains of."""
    items = (audit.get("details") or {}).get("items") or []
    snippets = [item["node"]["snippet"] for item in items if isinstance(item.get("node"), dict)]
    return "; ".join(snippets[:3])
