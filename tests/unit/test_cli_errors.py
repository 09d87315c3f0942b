"""Errors as people see them, and the exit codes scripts see."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from cli import errors, terminal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=stream, width=80, highlight=False))
    return stream


def test_an_error_says_what_failed_what_was_found_what_was_expected_and_what_to_do(said: io.StringIO) -> None:
    terminal.show_error(
        errors.ConfigError(
            "port 8443 is in use", value="edge.https_port = 8443", expected="a free port", next="stop it"
        )
    )
    assert said.getvalue().splitlines() == [
        "error: port 8443 is in use",
        "  found     edge.https_port = 8443",
        "  expected  a free port",
        "  next      stop it",
    ]


def test_what_was_found_is_shown_as_it_is(said: io.StringIO) -> None:
    """Brackets are markup to the terminal library; in a value they are just brackets."""
    terminal.show_error(errors.GroceryError("a value is wrong", value="[red]not markup[/red]\nsecond line"))
    assert said.getvalue().splitlines()[1:] == ["  found     [red]not markup[/red]", "            second line"]


def test_a_long_command_is_not_broken_so_that_it_can_be_copied(said: io.StringIO) -> None:
    command = "docker " + "x" * 200
    terminal.show_error(errors.GroceryError("it failed", next=command))
    assert command in said.getvalue()


def test_every_kind_of_error_has_the_exit_code_of_pulumi() -> None:
    codes = {kind.__name__: int(kind.exit_code) for kind in errors.GroceryError.__subclasses__()}
    expected = {
        "UpdateFailed": 1,
        "ConfigError": 2,
        "MachineError": 2,
        "OwnershipError": 2,
        "BusyError": 2,
        "NoSuchStack": 6,
        "UnexpectedChanges": 7,
        "Cancelled": 8,
    }
    assert {name: codes[name] for name in expected} == expected


@pytest.mark.parametrize(
    "arguments", [("--help",), *((name, "--help") for name in ("up", "config", "images", "backup", "restore"))]
)
def test_help_names_every_command_and_option(arguments: tuple[str, ...]) -> None:
    told = subprocess.run(["./grocery", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = set(re.findall(r"[\w-]+", told))
    wanted = {
        ("--help",): {"up", "preview", "refresh", "down", "prepare", "status", "logs", "doctor", "images", "config"}
        | {"test", "bench", "alerts", "open", "backup", "restore", "drill"},
        ("backup", "--help"): {"list", "verify", "key", "--full", "--adopt"},
        ("restore", "--help"): {"--to", "--repository", "--dry-run", "--into", "--remove", "--yes", "--json"},
        ("up", "--help"): {"--stack", "--yes"},
        ("config", "--help"): {"check", "schema", "set"},
        ("images", "--help"): {"build"},
    }[arguments]
    assert wanted <= words, told
