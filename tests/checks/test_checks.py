"""What is judged without running anything of ours: style, types, shell, and the application's own tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, tracked_files

SHELL_SHEBANGS = (b"#!/bin/sh", b"#!/usr/bin/env bash", b"#!/bin/bash")


def judged(*command: str, cwd: Path = ROOT) -> None:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command[:4])} ...\n{result.stdout}{result.stderr}", pytrace=False)


def test_ruff_finds_nothing() -> None:
    judged(sys.executable, "-m", "ruff", "check", "--no-cache", ".")


def test_every_python_file_is_formatted() -> None:
    judged(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".")


def test_types_hold_under_mypy_strict(tmp_path: Path) -> None:
    """Judged from nothing: a cache that somebody's run of a part of the tree left behind has told untruths."""
    judged(sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), ".")


def test_shellcheck_finds_nothing() -> None:
    scripts = [path for path in tracked_files() if (ROOT / path).read_bytes().startswith(SHELL_SHEBANGS)]
    assert Path("grocery") in scripts, "the launcher is among the scripts that are looked at"
    program = str(Path(sys.executable).with_name("shellcheck"))
    judged(program, "--severity=warning", "--external-sources", *map(str, scripts))


def test_no_file_is_too_long_to_be_read() -> None:
    """Past this a module is several modules."""
    long = {
        str(path): lines
        for path in tracked_files()
        if path.suffix == ".py" and (lines := len((ROOT / path).read_text().splitlines())) > 700
    }
    assert not long, "split these modules"
