"""python -m tests.bench [--json] [part ...]"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from cli import terminal
from tests.bench import api, backups, edge, footprint, fresh, monitoring, report, start, sync
from tests.bench.report import Section
from tests.bench.stand import Stand, open_stand
from tests.support.checkout import ROOT

TRANSCRIPT = ROOT / ".local" / "bench" / "transcript.txt"

# In this order: the first needs an empty engine, the second leaves a stack nobody has used, the last one a full one.
PARTS: Mapping[str, Callable[[Stand], Section]] = {
    "fresh": fresh.measure,
    "start": start.measure,
    "footprint": footprint.measure,
    "api": api.measure,
    "sync": sync.measure,
    "edge": edge.measure,
    "monitoring": monitoring.measure,
    "backups": backups.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure, each beside its yardstick.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    arguments = parser.parse_args()
    chosen = [name for name in PARTS if name in (arguments.parts or PARTS)]
    began, busy = time.monotonic(), os.getloadavg()[0]
    sections: list[Section] = []
    failed: list[str] = []
    for folder in (TRANSCRIPT.parent.parent, TRANSCRIPT.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    terminal.say(f"[dim]what the commands say goes to {TRANSCRIPT.relative_to(ROOT)}[/]")
    with TRANSCRIPT.open("w", buffering=1) as transcript, contextlib.redirect_stdout(transcript):
        terminal.step("making an engine and a stack of the bench's own")
        with open_stand() as stand:
            if "fresh" not in chosen:
                stand.checkout.up()
            for name in chosen:
                terminal.step(f"measuring: {name}")
                try:
                    sections.append(PARTS[name](stand))
                except Exception:  # what else there is to measure is still worth having
                    traceback.print_exc(file=transcript)
                    terminal.warn(f"{name} could not be measured; why is in the transcript")
                    failed.append(name)
            circumstances = _circumstances(stand, busy, time.monotonic() - began)
    if arguments.json:
        terminal.show_json(report.as_json(sections, circumstances))
    else:
        report.render(sections, circumstances, _console())
    if failed:
        terminal.say(f"[bold red]not measured:[/] {', '.join(failed)}; why: {TRANSCRIPT.relative_to(ROOT)}")
    return 1 if failed else 0


def _console() -> Console:
    """A table is not to be folded to the width of a terminal that is not there."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=140)


def _circumstances(stand: Stand, busy: float, seconds: float) -> dict[str, Any]:
    with stand.api as engine:
        version = engine.version()["Version"]
    return {
        "processors": os.cpu_count(),
        "load before": round(busy, 1),
        "engine": version,
        "python": sys.version.split()[0],
        "measured in": f"{seconds:.0f} s",
    }


if __name__ == "__main__":
    sys.exit(main())
