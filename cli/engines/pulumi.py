"""Pulumi's own command line as the engine: a thin wrapper that sets its environment and passes its words through."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from cli import engine_host, failures, terminal
from cli.engines import Engine
from cli.errors import ExitCode, GroceryError, NoSuchStack, UpdateFailed
from cli.stack import PROJECT, is_local

PLUGINS = frozenset({"docker", "random", "tls"})


@functools.cache
def pulumi_is_ready(root: Path) -> bool:
    """Is pulumi on PATH, with its Python support and the plugins the program uses? Downloads nothing."""
    if shutil.which("pulumi") is None or shutil.which("pulumi-language-python") is None:
        return False
    listed = subprocess.run(
        ["pulumi", "plugin", "ls", "--json"],
        cwd=root,
        env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        return False
    return {str(plugin["name"]) for plugin in json.loads(listed.stdout)} >= PLUGINS


class PulumiEngine(Engine):
    name: ClassVar[str] = "pulumi"
    title: ClassVar[str] = "pulumi"

    def preview(self, *, diff: bool, refresh: bool, as_json: bool) -> int:
        options = [*(["--diff"] if diff else []), *(["--refresh"] if refresh else [])]
        if as_json:
            document = self._captured("preview", "--json", *options)
            sys.stdout.write(document)
            steps = json.loads(document).get("changeSummary", {})
            return sum(int(count) for kind, count in steps.items() if kind != "same")
        return int(self._run("preview", "--expect-no-changes", *options) == ExitCode.CHANGES)

    def up(self, *, yes: bool) -> None:
        self._ensure_stack()
        # Without --yes pulumi shows its own preview and asks.
        try:
            # Its preview refuses what would delete or replace something protected, before anything is changed.
            self._run("up", *(["--yes"] if yes else []))
        except UpdateFailed:
            with engine_host.connect(self.stack.settings.target.host) as api:
                failures.explain(api, self.stack)
            raise

    def refresh(self) -> int:
        drifted = self._run("refresh", "--preview-only", "--expect-no-changes", "--diff") == ExitCode.CHANGES
        self._run("refresh", "--yes", "--skip-preview")
        return int(drifted)

    def destroy(self, *, with_data: bool) -> None:
        if with_data:
            self._run("state", "unprotect", "--all", "--yes")
            self._run("destroy", "--yes", "--skip-preview")
        else:
            self._run("destroy", "--yes", "--skip-preview", "--exclude-protected")

    def outputs(self) -> Mapping[str, object]:
        try:
            text = self._captured("stack", "output", "--json")
        except NoSuchStack:
            return {}
        found: dict[str, object] = json.loads(text or "{}")
        return found

    def external_secrets(self) -> frozenset[str]:
        return frozenset(key.removeprefix(f"{PROJECT}:") for key in self.stack.encrypted)

    def set_external_secret(self, name: str, value: str) -> None:
        self._ensure_stack()
        # On standard input: a value among the arguments could be read by everyone on the machine.
        self._run("config", "set", "--secret", f"{PROJECT}:{name}", words=value)

    def _environment(self) -> dict[str, str]:
        environment = {
            **os.environ,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "PULUMI_ERROR_OUTPUT_STRING": "true",
        }
        if is_local(self.stack.name):
            # Other stacks use the backend and the secrets provider the operator is logged in to.
            self.stack.passphrase()
            backend = self.stack.local / "pulumi"
            backend.mkdir(mode=0o700, exist_ok=True)
            environment["PULUMI_BACKEND_URL"] = f"file://{backend}"
            environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(self.stack.passphrase_file)
        return environment

    def _ensure_stack(self) -> None:
        if is_local(self.stack.name):
            self._pulumi(["stack", "select", "--create", self.stack.name], capture=True)

    def _run(self, *command: str, words: str | None = None) -> int:
        return self._pulumi([*command, "--stack", self.stack.name], words=words).returncode

    def _captured(self, *command: str) -> str:
        return self._pulumi([*command, "--stack", self.stack.name], capture=True).stdout

    def _pulumi(
        self, arguments: list[str], *, capture: bool = False, words: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        asks = arguments[0] == "up" and "--yes" not in arguments and terminal.interactive()
        command = ["pulumi", *arguments, *([] if asks else ["--non-interactive"]), "--cwd", str(self.stack.root)]
        result = subprocess.run(
            command, env=self._environment(), text=True, input=words, capture_output=capture, check=False
        )
        if result.returncode not in (ExitCode.OK, ExitCode.CHANGES):
            raise self._failure(command, result)
        return result

    def _failure(self, command: list[str], result: subprocess.CompletedProcess[str]) -> GroceryError:
        if result.returncode == ExitCode.NO_STACK:
            return NoSuchStack(
                f"pulumi knows no stack {self.stack.name}", next=f"./grocery up --stack {self.stack.name}"
            )
        failed = UpdateFailed(
            f"`pulumi {command[1]}` did not succeed",
            value=f"exit code {result.returncode}",
            next="its own words are above; `pulumi cancel --yes` frees a stack whose pulumi was killed",
            details=result.stderr,
        )
        if result.returncode in (ExitCode.USAGE, ExitCode.CANCELLED):
            failed.exit_code = ExitCode(result.returncode)
        return failed
