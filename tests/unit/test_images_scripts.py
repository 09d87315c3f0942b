"""The shell inside the images, as far as it can be tried without a container."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"
SCRIPTS = sorted(path for path in IMAGES.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh"))


def name_of(script: Path) -> str:
    return str(script.relative_to(IMAGES))


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_a_script_is_executable_and_parses(script: Path) -> None:
    assert script.stat().st_mode & 0o111, "a build keeps the mode it finds"
    checked = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_all_scripts_were_found() -> None:
    assert {"postgres/entrypoint", "migrations/entrypoint", "edge/watch", "frontend/publish", "acme/acme"} <= set(
        map(name_of, SCRIPTS)
    )


def with_secrets(
    secrets: Path, *command: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(IMAGES / "shared/with-secrets"), *command],
        env={"PATH": "/usr/bin:/bin", "SECRETS_DIR": str(secrets), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_secret_becomes_a_variable_exactly_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "PLAIN").write_text("a$b'c\"d e")
    (tmp_path / "WITH_NEWLINE").write_text("value\n")
    (tmp_path / "LINES").write_text("one\ntwo\n\n")
    done = with_secrets(tmp_path, "sh", "-c", 'printf "%s|" "$PLAIN" "$WITH_NEWLINE" "$LINES"')
    assert done.stdout == "a$b'c\"d e|value|one\ntwo\n|"


def test_a_secret_wins_over_a_variable_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_text("secret")
    assert with_secrets(tmp_path, "sh", "-c", 'echo "$TOKEN"', env={"TOKEN": "plain"}).stdout == "secret\n"


def test_files_that_cannot_be_variables_are_left_alone(tmp_path: Path) -> None:
    for name in ("server.key", "1ST", "a-b"):
        (tmp_path / name).write_text("x")
    done = with_secrets(tmp_path, "env")
    assert done.returncode == 0, done.stderr
    assert {line.split("=")[0] for line in done.stdout.splitlines()} <= {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}


def test_the_program_takes_the_shells_place(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(IMAGES / "shared/with-secrets"), "sh", "-c", "echo $$"],
        env={"PATH": "/usr/bin:/bin", "SECRETS_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=10)
    assert int(said) == process.pid, "a shell in between would keep signals from the program"


def test_no_secrets_at_all_is_fine_and_no_command_is_not(tmp_path: Path) -> None:
    assert with_secrets(tmp_path / "absent", "true").returncode == 0
    refused = with_secrets(tmp_path)
    assert refused.returncode == 64
    assert "expected: with-secrets COMMAND" in refused.stderr
