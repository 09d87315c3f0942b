"""What the documentation says about commands, files and errors is true of this tree."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from cli import errors
from cli.app import app
from tests.unit.recording import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "app" / "README.md"]
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
ERRORS = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, Exception)}


def commands() -> list[str]:
    """Every ./grocery command in the pages, in code blocks and in running text."""
    found = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`((?:sudo )?\./grocery [^`]+)`", text)
        found |= {line.removeprefix("sudo ") for line in lines if "./grocery " in line}
    return sorted(found)


@pytest.mark.parametrize("line", commands())
def test_every_command_that_is_written_down_exists(line: str) -> None:
    words = list(itertools.takewhile(lambda word: word not in "<>", shlex.split(line, comments=True)))
    assert words[0] == "./grocery", line
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="./grocery")
    rest = words[1:]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None, f"{line}: there is no such command"
        command = found
    if rest != ["--help"]:
        # Reads the arguments and refuses unknown ones, and runs nothing.
        command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#][^)]*)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        linked = page.parent / file
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, f"{page.name} links to {target}"


def test_the_readme_fits_one_screen() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 40


def test_every_error_is_explained() -> None:
    page = TROUBLESHOOTING.read_text(encoding="utf-8")
    unexplained = [message for message in messages() if message not in page]
    assert not unexplained, "docs/troubleshooting.md says of each error what to do"


def test_no_error_is_explained_that_cannot_happen() -> None:
    rows = re.findall(r"^\| `+ ?(.+?) ?`+ \|", TROUBLESHOOTING.read_text(encoding="utf-8"), re.MULTILINE)
    known = set(messages())
    explained_elsewhere = re.compile(r"Reconnecting|429|There is a new version")
    gone = [row for row in rows if row not in known and not explained_elsewhere.search(row)]
    assert rows and not gone, "no error of the command says this any more"


def messages() -> list[str]:
    """The first words of every error the command raises; what is filled in reads as an ellipsis."""
    found = set()
    for path in (ROOT / "cli").rglob("*.py"):
        if "local_engine" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
                message = _text(node.args[0])
                if message.strip("…"):
                    found.add(message)
    return sorted(found)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    return "…"


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
