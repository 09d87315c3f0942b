"""Commands that end in the middle, with all their processes and nothing said or saved."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.checkout import Checkout
from tests.support.looking import until

PATIENCE_SECONDS = 240


def kill_when(checkout: Checkout, reached: Callable[[], bool], *arguments: str) -> str:
    """Starts a command on the stack and kills it with all its processes, as a crash of the machine's memory would, once
    `reached`, if it has not ended before. What it printed."""
    log = checkout.root / "killed.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["./grocery", *arguments, "--stack", checkout.stack],
            cwd=checkout.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    end = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and not reached():
        assert time.monotonic() < end, f"the moment to kill it never came:\n{log.read_text()}"
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    printed = log.read_text()
    print(f"killed after:\n{printed}")
    until(lambda: not _processes_in(checkout.root), "no process of the killed command lives on", seconds=20)
    return printed


def _processes_in(folder: Path) -> list[str]:
    """Command lines of processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
