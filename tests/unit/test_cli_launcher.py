"""The launcher on machines that lack things. Nothing is installed here: apt-get and id are stand-ins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "dirname", "readlink", "cat", "sha256sum", "cut", "rm", "mv", "flock", "env", "mkdir", "chmod")


class Machine:
    """A folder of programs as the whole PATH, and a clone without a Python environment."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.clone = folder / "clone"
        self.said = folder / "said"
        self.programs.mkdir()
        self.clone.mkdir()
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool) or f"/usr/bin/{tool}")
        # It also looks for a Python at a fixed place, where the machine that runs the tests has one.
        launcher = self.clone / "grocery"
        launcher.write_text((ROOT / "grocery").read_text().replace(" /usr/bin/python3;", ";"))
        launcher.chmod(0o755)
        (self.clone / "requirements.txt").write_text("nothing==1\n")
        (self.clone / "requirements-dev.txt").write_text("more==1\n")
        self.has("id", "echo 0")

    def has(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def has_python(self, *, name: str = "python3", pip_fails_once: bool = False) -> None:
        """A Python that makes a `.venv` whose pip and cli only note that they were called."""
        failing = f'[ -e "{self.said}.failed" ] || {{ : > "{self.said}.failed"; exit 1; }}' if pip_fails_once else ":"
        inner = f"""
case "$*" in
"-c "*) exit 0 ;;
"-m pip --version") exit 0 ;;
"-m pip install"*) echo "$*" >> "{self.said}"; {failing} ;;
"-m cli"*) echo "$*" >> "{self.said}" ;;
esac"""
        self.has(
            name,
            f"""case "$*" in
"-m venv --clear .venv")
    mkdir -p .venv/bin
    printf '%s\\n' '#!/bin/sh' '{inner.replace("'", "")}' > .venv/bin/python
    chmod +x .venv/bin/python ;;
esac""",
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["./grocery", *arguments],
            cwd=self.clone,
            env={"PATH": str(self.programs), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def heard(self) -> list[str]:
        return self.said.read_text().splitlines() if self.said.exists() else []


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_launcher_hands_its_arguments_over_and_installs_once(bare: Machine) -> None:
    bare.has_python()
    assert bare.run("status", "--json", "a b").returncode == 0
    assert bare.run("status").returncode == 0
    assert bare.heard() == [
        "-m pip install --quiet --disable-pip-version-check --no-input -r requirements.txt",
        "-m cli status --json a b",
        "-m cli status",
    ]


def test_changed_requirements_are_installed_again(bare: Machine) -> None:
    bare.has_python()
    bare.run("status")
    (bare.clone / "requirements.txt").write_text("nothing==2\n")
    bare.run("status")
    assert len([line for line in bare.heard() if "pip install" in line]) == 2


def test_only_test_and_bench_install_what_tests_need(bare: Machine) -> None:
    bare.has_python()
    bare.run("up")
    assert not any("requirements-dev.txt" in line for line in bare.heard())
    bare.run("test", "unit")
    assert "requirements-dev.txt" in bare.heard()[-2]


def test_an_installation_that_was_cut_off_is_done_again(bare: Machine) -> None:
    bare.has_python(pip_fails_once=True)
    first = bare.run("status")
    assert first.returncode == 2
    assert "pip could not install" in first.stderr
    assert bare.run("status").returncode == 0
    assert bare.heard()[-1] == "-m cli status"


@pytest.mark.parametrize(
    ("user", "arguments", "said"),
    [
        ("1000", ("up", "--yes"), "next      sudo apt-get install -y python3 python3-venv"),
        ("0", ("up",), "next      apt-get install -y python3 python3-venv"),
    ],
    ids=["without root", "without a person to ask"],
)
def test_without_a_python_the_one_command_is_named(
    bare: Machine, user: str, arguments: tuple[str, ...], said: str
) -> None:
    bare.has("id", f"echo {user}")
    bare.has("apt-get", f'echo "$*" >> "{bare.said}"')
    run = bare.run(*arguments)
    assert run.returncode == 2
    assert said in run.stderr
    assert bare.heard() == [], "nothing was installed"


@pytest.mark.parametrize(("arguments", "environment"), [(("up", "--yes"), {}), (("test",), {"CI": "true"})])
def test_root_s_yes_installs_a_python_after_saying_so(
    bare: Machine, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    bare.has_python(name="python3.kept")
    bare.has(
        "apt-get",
        f"""case "$*" in
install*)
    echo "apt-get $*" >> "{bare.said}"
    mv "{bare.programs}/python3.kept" "{bare.programs}/python3" ;;
esac""",
    )
    run = bare.run(*arguments, **environment)
    assert run.returncode == 0, run.stderr
    assert "this installs: python3 python3-venv" in run.stderr, "it is said before it is done"
    assert bare.heard()[0] == "apt-get install -y -qq --no-install-recommends python3 python3-venv"
    assert bare.heard()[-1] == f"-m cli {' '.join(arguments)}"


def test_a_python_that_is_too_old_is_not_used(bare: Machine) -> None:
    bare.has("python3", "exit 1")
    bare.has_python(name="python3.12")
    assert bare.run("status").returncode == 0
