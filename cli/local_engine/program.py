"""Runs the program in a child process and tells whether it, and everything it asked for, succeeded."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpc
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from .errors import CancelledError, OperationError, ProgramError
from .monitor import EngineLog, Handler, ResourceMonitor, Session

_PARALLEL = 16
_CHILD_THREADS = _PARALLEL * 4  # how many requests the SDK keeps in flight
_MAX_MESSAGE = 64 * 1024 * 1024
_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A folder with a `__main__.py`, and the configuration it reads (flat keys; values as text)."""

    root: Path
    project: str
    stack: str
    config: Mapping[str, str]
    secret_keys: frozenset[str]


def run(
    program: Program,
    handler: Handler,
    *,
    dry_run: bool,
    cancelled: threading.Event,
    show: Callable[[str, str], None],
) -> None:
    """Run the program to its end, its registrations answered by `handler`.

    `show(severity, text)` receives its printed and logged lines. Returns only when no operation is under way.
    Raises OperationError (resources failed), ProgramError (the program failed) or CancelledError.
    """
    if not (program.root / "__main__.py").is_file():
        raise ProgramError(f"there is no program: {program.root / '__main__.py'} does not exist")
    session = Session()
    server = grpc.server(
        futures.ThreadPoolExecutor(_CHILD_THREADS + 8),  # registrations may fill the pool; log lines must still pass
        options=[("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_send_message_length", _MAX_MESSAGE)],
    )
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(ResourceMonitor(handler, session, cancelled), server)
    engine_pb2_grpc.add_EngineServicer_to_server(EngineLog(session, show), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        exit_code, stderr = _run_child(program, f"127.0.0.1:{port}", dry_run, cancelled, session, show)
    finally:
        session.wait_idle()
        server.stop(grace=None)
    _judge(program, session, cancelled, exit_code, stderr)
    for line in stderr.splitlines():
        show("info", line)


def _run_child(
    program: Program,
    address: str,
    dry_run: bool,
    cancelled: threading.Event,
    session: Session,
    show: Callable[[str, str], None],
) -> tuple[int, str]:
    settings = {
        "project": program.project,
        "stack": program.stack,
        "config": dict(program.config),
        "secret_keys": sorted(program.secret_keys),
        "address": address,
        "parallel": _PARALLEL,
        "dry_run": dry_run,
    }
    # A proxy in the environment would swallow the calls to the engine, and the error message with them.
    local = "127.0.0.1,localhost"
    environment = {
        **os.environ,
        "no_proxy": ",".join(filter(None, (os.environ.get("no_proxy"), local))),
        "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), local))),
        "PULUMI_ERROR_OUTPUT_STRING": "true",
        "PYTHONUNBUFFERED": "1",
    }
    child = subprocess.Popen(
        [sys.executable, "-P", str(_CHILD)],  # -P: the engine's own modules must not shadow the program's
        cwd=program.root,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the engine alone, which lets running operations end
    )
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise ProgramError("the program's pipes could not be made")
    errors: list[str] = []
    readers = [
        threading.Thread(target=_forward, args=(child.stdout, lambda line: show("info", line)), daemon=True),
        threading.Thread(target=_forward, args=(child.stderr, errors.append), daemon=True),
    ]
    try:
        child.stdin.write(json.dumps(settings).encode() + b"\n")
        child.stdin.flush()
        for reader in readers:
            reader.start()
        while child.poll() is None:
            try:
                child.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                if cancelled.is_set():  # it may be busy with something else than waiting for us
                    session.wait_idle()
                    child.wait(timeout=5)
    except (subprocess.TimeoutExpired, BrokenPipeError):
        pass
    finally:
        child.kill()
        child.wait()
        for reader in readers:
            if reader.ident:
                reader.join(timeout=5)
    return child.returncode, "\n".join(errors)


def _forward(stream: IO[bytes], take: Callable[[str], None]) -> None:
    for line in stream:
        take(line.decode(errors="replace").rstrip())


def _judge(program: Program, session: Session, cancelled: threading.Event, exit_code: int, stderr: str) -> None:
    if session.failures:
        raise OperationError(session.failures, "What succeeded is saved. Correct the cause, then run the same command.")
    if cancelled.is_set():
        raise CancelledError("cancelled; what was under way has ended and is saved. Run `up` to go on.")
    if session.error_logs:
        raise ProgramError("\n".join(_readable(program.root, text) for text in session.error_logs))
    if exit_code != 0:
        tail = "\n".join(stderr.splitlines()[-20:]) or "without saying why"
        raise ProgramError(f"the program ended with exit code {exit_code}:\n{tail}")
    if not session.completed.is_set():
        raise ProgramError("the program ended before it was complete (os._exit, or its process was replaced)")


def _readable(root: Path, text: str) -> str:
    """A traceback cut down to the program's own lines; other texts unchanged."""
    lines = text.splitlines()
    if "Traceback (most recent call last):" not in text:
        return text
    kept: list[str] = []
    own = True
    for line in lines[lines.index("Traceback (most recent call last):") + 1 :]:
        frame = re.match(r'  File "(.*)", line \d+', line)
        if frame:
            path = Path(frame[1])
            own = path.is_relative_to(root.resolve()) or not (path.is_absolute() or frame[1].startswith("<"))
            own = own and "site-packages" not in path.parts
        elif line and not line.startswith(" "):
            own = True  # the exception itself
        if own:
            kept.append(line)
    return "the program failed:\n" + "\n".join(kept)
