"""Runs `up` in a process of its own, which a fault may end without warning: `python -m tests.engine.driver SETTINGS`.

A fault `N` kills the process (SIGKILL) at the Nth boundary: after each write of the state, and after each request that
changes something on the Docker engine. Prints what happens, one line each; exits as `./grocery` would.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from pathlib import Path

from cli import local_engine
from cli.local_engine import Finished, LocalEngineError, Project, Started
from cli.local_engine.providers.docker import DockerEngine
from cli.local_engine.state import State, Store
from cli.local_engine.wire import Value


def _die_at(boundary: int) -> None:
    counter = itertools.count(1)
    real_save, real_call = Store.save, DockerEngine.call

    def passed() -> None:
        if next(counter) == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    def save(self: Store, state: State) -> None:
        real_save(self, state)
        passed()

    def call(self: DockerEngine, method: str, path: str, body: Value = None, **params: Value) -> Value:
        answer = real_call(self, method, path, body, **params)
        if method != "GET":
            passed()
        return answer

    Store.save = save  # type: ignore[method-assign]
    DockerEngine.call = call  # type: ignore[method-assign]


def _show(event: local_engine.Event) -> None:
    if isinstance(event, Started | Finished):
        print(type(event).__name__.lower(), event.step.op, event.step.name, flush=True)


def main() -> int:
    settings = json.loads(sys.argv[1])
    faults = settings.pop("faults")
    if faults:
        _die_at(int(faults[0]))
    root, state_dir = Path(settings.pop("root")), Path(settings.pop("state_dir"))
    project = Project(root=root, state_dir=state_dir, secret_keys=frozenset(), **settings)
    try:
        local_engine.up(project, on_event=_show)
    except LocalEngineError as error:
        print(error, flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
