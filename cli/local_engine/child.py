"""Runs one Pulumi program against the engine that started it. Executed as a script, in its own process.

The first line on stdin is the settings (JSON); stdin then stays open for as long as the engine lives. Its end
means the engine is gone, and the program must not outlive it.
"""

import asyncio
import json
import os
import runpy
import sys
import threading
import traceback
from pathlib import Path

import pulumi
from pulumi.runtime import Settings, configure, run_in_stack, set_all_config


def _die_with_the_engine() -> None:
    while os.read(0, 4096):  # not through sys.stdin: its lock would be held when the interpreter ends
        pass
    os._exit(70)


def _program() -> None:
    runpy.run_path("__main__.py", run_name="__main__")


def main() -> int:
    """Run the program; 0 success, 1 an error it reported itself, 32 an unhandled exception (as Pulumi's own host)."""
    settings = json.loads(open(0, "rb", buffering=0, closefd=False).readline())  # noqa: SIM115 - stdin stays open
    threading.Thread(target=_die_with_the_engine, daemon=True).start()
    sys.path.insert(0, str(Path.cwd()))
    configure(
        Settings(
            project=settings["project"],
            stack=settings["stack"],
            monitor=settings["address"],
            engine=settings["address"],
            parallel=settings["parallel"],
            dry_run=settings["dry_run"],
            organization="organization",
            root_directory=str(Path.cwd()),
        )
    )
    set_all_config(settings["config"], settings["secret_keys"])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(run_in_stack(_program))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:
        pulumi.log.error(f"Program failed with an unhandled exception:\n{traceback.format_exc()}")
        return 32
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.exit(code)
