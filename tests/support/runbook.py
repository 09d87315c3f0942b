"""The commands of a page in docs/runbooks, as somebody at a terminal gives them one after the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.checkout import COMMAND_SECONDS, ROOT, Checkout

RUNBOOKS = ROOT / "docs" / "runbooks"
PROCEDURES = (
    "restore",
    "full-disk",
    "corrupted-repository",
    "lost-key",
    "postgresql-major-upgrade",
    "lost-machine",
)
"""Pages that are about no alert: what is to be done step by step."""

_END = "\x1e"


def commands(text: str) -> Iterator[str]:
    """Each command in the fenced blocks of a page, with its continuation lines."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        lines: list[str] = []
        for line in textwrap.dedent(block).splitlines():
            lines.append(line)
            command = "\n".join(lines)
            if not command.endswith("\\") and _is_whole(command):
                yield command
                lines = []
        assert not lines, f"a command has no end: {lines}"


def mentioned(text: str) -> set[str]:
    """Commands in running text that somebody is to give."""
    outside = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`((?:\./grocery|docker) [^`]+)`", outside))


def page(name: str) -> str:
    return (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Given:
    """A command as it was given, and how it ended; `said` is what it printed, on both outputs."""

    command: str
    said: str
    code: int


class Follower:
    """Goes through a page on a stack, from its first command to the last: whoever leaves one out fails.

    What stands for the stack in the page (`prod`) becomes the stack's name, `<moment>` and the like what `values` has.
    """

    def __init__(self, name: str, checkout: Checkout, **values: str) -> None:
        self._name = name
        self._checkout = checkout
        self._values = dict(values)
        self._left = list(commands(page(name)))
        with checkout.api() as api:
            self._engine_folder = str(api.info()["DockerRootDir"])
        self._shell = _Shell(checkout.root, {"DOCKER_HOST": checkout.host})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.close()
        if kind is None:
            assert not self._left, f"commands of {self._name}.md that nobody gave: {self._left}"

    def fill(self, **values: str) -> None:
        self._values |= values

    def through(self, text: str, *, code: int = 0) -> Given:
        """Gives every command up to the next that has `text` in it, which is to end with `code`, all others with 0."""
        while True:
            assert self._left, f"no command of {self._name}.md is left that has {text} in it"
            found = text in self._left[0]
            given = self._give(self._left.pop(0), code if found else 0)
            if found:
                return given

    def rest(self) -> None:
        while self._left:
            self._give(self._left.pop(0), 0)

    def _give(self, written: str, code: int) -> Given:
        command = self._filled(written)
        said, ended = self._shell.give(command)
        print(f"$ {command}\n{said}[exit {ended}]")
        assert ended == code, (
            f"{self._name}.md: expected exit {code}, not {ended}:\n$ {command}\n{said}"
            f"\n{self._checkout.said_by_services()}"
        )
        return Given(command=command, said=said, code=ended)

    def _filled(self, command: str) -> str:
        for name, value in self._values.items():
            command = command.replace(f"<{name}>", value)
        assert not re.search(r"<[a-z ]+>", command), f"nobody said what to fill in: {command}"
        command = re.sub(r"\bprod\b", self._checkout.stack, command)
        return command.replace("/var/lib/docker", self._engine_folder)


class _Shell:
    """One shell for a whole page: what a command sets holds for those after it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        read, self._write = os.pipe()
        # Commands come by a way of their own: none of them can take the others for its input.
        self._process = subprocess.Popen(
            ["bash", f"/dev/fd/{read}"],
            pass_fds=[read],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **environment},
            text=True,
        )
        os.close(read)

    def give(self, command: str) -> tuple[str, int]:
        """What it says, and its exit code."""
        os.write(self._write, f"{command}\nprintf '\\n{_END}%s\\n' $?\n".encode())
        assert self._process.stdout
        said: list[str] = []
        patience = threading.Timer(COMMAND_SECONDS, self._process.kill)
        patience.start()
        try:
            for line in self._process.stdout:
                if line.startswith(_END):
                    # The line before it is the one that ends an unfinished line.
                    return "".join(said).removesuffix("\n"), int(line[1:])
                said.append(line)
        finally:
            patience.cancel()
        raise AssertionError(f"the shell ended: {command}\n{''.join(said)}")

    def close(self) -> None:
        os.close(self._write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _is_whole(command: str) -> bool:
    checked = subprocess.run([shutil.which("bash") or "bash", "-n", "-c", command], capture_output=True, check=False)
    return checked.returncode == 0
