"""Asking the repository host: it runs a verb inside its own container and answers with a document."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import APIError, DockerException

from cli import engine_host
from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from cli.errors import BusyError, ConfigError, GroceryError
from cli.stack import LOCAL_STACK, Stack

if TYPE_CHECKING:
    from cli.backups import Evidence, Made, State, Verification

WORKLOAD = "backups"
PROGRAM = "/usr/local/bin/repository"
BUSY = 75
"""What a verb ends with while another one is under way."""
LONGEST_SECONDS = 7 * 86400
"""How long a verb may be silent: nobody knows how large a database is, and Ctrl-C ends the waiting."""
ASKED_EVERY_SECONDS = 2.0

Hear = Callable[[str], None]
"""Takes a line of what is said while the work is under way."""


class Unanswered(Exception):
    """Nobody can be asked; the words say why."""


class Refused(Exception):
    """The verb failed, with its own reason."""


class Busy(Exception):
    """Another verb is under way."""


def require_backups(stack: Stack) -> None:
    """Raises ConfigError when the stack's settings have none."""
    if not stack.settings.backups.enabled:
        raise ConfigError(
            f"stack {stack.name} is not backed up",
            value="backups.enabled is false",
            next=f"./grocery config set backups.enabled true --stack {stack.name}, then ./grocery up",
        )


def state(stack: Stack, api: Api) -> State:
    """What it knows. Raises GroceryError."""
    from cli.backups import State, read

    return read(State, answered(stack, api, "state"))


def state_text(api: Api, name: str) -> str:
    """The same as it is told. Raises Unanswered or Refused."""
    return _run(api, name, ["state"], lambda words: None)


def back_up(stack: Stack, kind: str, *, note: str = "", adopt: bool = False, hear: Hear) -> Made:
    """Makes a backup in every repository. Raises BusyError, or GroceryError with the reason."""
    from cli.backups import Made, read

    words = ["backup", kind, *(["--note", note] if note else []), *(["--adopt"] if adopt else [])]
    return read(Made, _worked(stack, words, hear))


def verify(stack: Stack, *, hear: Hear) -> Verification:
    """Reads every file of every repository. Raises as `back_up`."""
    from cli.backups import Verification, read

    return read(Verification, _worked(stack, ["verify"], hear))


def drill(stack: Stack, *, hear: Hear) -> Evidence:
    """Restores the newest backup beside the database and compares. Raises as `back_up`."""
    from cli.backups import Evidence, read

    return read(Evidence, _worked(stack, ["drill"], hear))


def key(stack: Stack, api: Api) -> str:
    """The key that everything in the repositories is encrypted with."""
    return answered(stack, api, "key").strip()


def key_was_shown(stack: Stack) -> bool:
    return _shown_file(stack).exists()


def note_key_shown(stack: Stack) -> None:
    stack.prepare_folder()
    _shown_file(stack).touch()


def _shown_file(stack: Stack) -> Path:
    return stack.state_dir / "backup-key-shown"


def back_up_in_turn(stack: Stack, kind: str, *, note: str, hear: Hear) -> Made:
    """The same once what is under way has ended. Raises GroceryError with the reason."""
    while True:
        try:
            return back_up(stack, kind, note=note, hear=hear)
        except BusyError as busy:
            hear(f"waiting: {busy.value}")
            time.sleep(ASKED_EVERY_SECONDS)


def answered(stack: Stack, api: Api, *verb: str) -> str:
    """What a verb prints. Raises BusyError, or GroceryError with the reason."""
    return _translated(stack, api, list(verb), lambda words: None)


def _worked(stack: Stack, verb: list[str], hear: Hear) -> str:
    """Of verbs that take their time, over a connection that has it."""
    with engine_host.connect(stack.settings.target.host, timeout=LONGEST_SECONDS) as api:
        return _translated(stack, api, verb, hear)


def _translated(stack: Stack, api: Api, verb: list[str], hear: Hear) -> str:
    option = "" if stack.name == LOCAL_STACK else f" --stack {stack.name}"
    try:
        return _run(api, stack.name, verb, hear)
    except Busy as words:
        raise BusyError(
            "the repository host is at work already",
            value=str(words) or "another backup, verification or drill is under way",
            expected="one at a time",
            next=f"./grocery status{option}   shows what it does; run this again when it is done",
        ) from words
    except Unanswered as words:
        raise GroceryError(
            "the repository host cannot be asked",
            value=str(words),
            expected="a running service backups on the node that is asked",
            next=f"./grocery status{option}; ./grocery logs backups{option}",
        ) from words
    except Refused as words:
        raise GroceryError(
            f"`{verb[0]}` did not succeed",
            value=str(words),
            next=f"./grocery logs backups{option}; docs/backups.md",
        ) from words


def _run(api: Api, name: str, verb: list[str], hear: Hear) -> str:
    """stdout of a verb that succeeded. Raises Unanswered, Busy or Refused."""
    labels = [f"{STACK_LABEL}={name}", f"{WORKLOAD_LABEL}={WORKLOAD}"]
    printed, words = b"", ""
    try:
        containers = api.containers(filters={"label": labels, "status": "running"})
        if not containers:
            raise Unanswered("no container of backups runs on this node")
        running = engine_host.following(api, str(containers[0]["Id"]), [PROGRAM, *verb])
        while True:
            stream, content = next(running)
            if stream == 1:
                printed += content
                continue
            words += content.decode(errors="replace")
            if line := words.rstrip("\n").rpartition("\n")[2].strip():
                hear(plain(line))
    except StopIteration as end:
        code = int(end.value)
    except (APIError, DockerException, OSError) as error:
        raise Unanswered(str(error)) from error
    if code == BUSY:
        raise Busy(plain(words.strip()))
    if code != 0 and not _is_finding(verb[0], printed):
        raise Refused(reason(words, printed.decode(errors="replace"), code))
    return printed.decode(errors="replace")


def plain(line: str) -> str:
    """Without the name of the program that says it."""
    return line.removeprefix("repository: ")


def _is_finding(verb: str, printed: bytes) -> bool:
    """Looking did succeed; what was found is bad."""
    return verb in ("verify", "drill") and printed.lstrip().startswith(b"{")


def reason(words: str, printed: str, code: int) -> str:
    """Why a verb failed: the last lines it said, or the reason of the document it printed."""
    try:
        document = json.loads(printed)
        told = str(document.get("reason") or "") if isinstance(document, dict) else ""
    except ValueError:
        told = ""
    lines = [plain(line) for line in words.strip().splitlines() if line.strip()]
    return told or "\n".join(lines[-3:]) or f"it ended with {code} and without a word"
