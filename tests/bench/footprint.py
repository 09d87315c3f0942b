"""What the idle stack occupies."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.report import Section, aimed
from tests.bench.stand import Stand

SETTLED_SECONDS = 15


def measure(stand: Stand) -> Section:
    """Needs the stack up with nobody connected."""
    time.sleep(SETTLED_SECONDS)
    with stand.api as api:
        by_workload = {
            workload: sum(proportional(process) for process in processes_of(api.top(container["Id"])))
            for workload, container in stand.containers(api).items()
        }
    built = stand.checkout.run("images", "build", "--json").document()
    return Section(
        title="Footprint",
        rows=(
            aimed(
                "memory of the idle stack",
                sum(by_workload.values()) / 1e9,
                "GB",
                at_most=1.0,
                note="proportional set size of every process in its containers: shared pages once, no page cache",
            ),
            aimed("all images, unique bytes", built["total_bytes"] / 1e6, "MB", at_most=400),
        ),
        details=(
            "memory: " + ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in _largest_first(by_workload)),
            "images: "
            + ", ".join(
                f"{name} {size / 1e6:.0f} MB"
                for name, size in _largest_first({n: i["unique_bytes"] for n, i in built["images"].items()})
            ),
        ),
    )


def processes_of(top: Mapping[str, Any]) -> list[int]:
    column = top["Titles"].index("PID")
    return [int(row[column]) for row in top["Processes"]]


def proportional(process: int) -> int:
    """Bytes of memory the process holds, pages shared with others divided among them; 0 when it has just ended."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found, "the kernel tells the proportional set size of every process to root"
    return int(found[1]) * 1024


def _largest_first(sizes: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(sizes.items(), key=lambda item: -item[1])
