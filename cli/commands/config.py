"""`./grocery config`: a stack's settings, validated before they are written."""

from __future__ import annotations

import getpass
import io
import sys
from collections.abc import MutableMapping
from datetime import date
from typing import Annotated

import typer
from rich.markup import escape
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cli import terminal
from cli.engines import engine_of
from cli.errors import ConfigError
from cli.files import write_atomically
from cli.options import AsJson, StackName
from cli.stack import LOCAL_STACK, SETTINGS_KEY, load_settings, open_stack, yaml

app = typer.Typer(no_args_is_help=True, help="Check and change a stack's settings.")
secret = typer.Typer(no_args_is_help=True, help="Secrets that others issued: passwords, certificates, DSNs.")
app.add_typer(secret, name="secret")


@app.command()
def check(stack: StackName = LOCAL_STACK) -> None:
    """Check a stack's settings: unknown keys, wrong types and impossible values are named with their path."""
    opened = open_stack(stack)
    opened.settings  # noqa: B018 - validates
    terminal.done(f"the settings of stack {escape(stack)} are valid")


@app.command()
def schema() -> None:
    """Print the JSON schema of all settings, for editors and for reading."""
    import settings

    terminal.show_json(settings.json_schema())


@app.command("set")
def set_(
    key: Annotated[str, typer.Argument(help="Path of the setting, such as edge.https_port.")],
    value: Annotated[str, typer.Argument(help=r"Its value, as YAML: 9443, true, 2GiB, \[a, b].")],
    stack: StackName = LOCAL_STACK,
) -> None:
    """Change one setting in the stack's file. Comments stay; a value that would be refused is not written."""
    opened = open_stack(stack)
    document = yaml().load(opened.file.read_text()) if opened.file.exists() else None
    document = CommentedMap() if document is None else document
    branch = _branch(_branch(document, "config"), SETTINGS_KEY)
    settings = branch
    *path, last = key.split(".")
    for part in path:
        branch = _branch(branch, part)
    try:
        parsed = yaml().load(value)
    except YAMLError as error:
        raise ConfigError(f"the value of {key} is not YAML", value=value, expected="a YAML value") from error
    # YAML has moments, settings have texts of them.
    branch[last] = DoubleQuotedScalarString(value) if isinstance(parsed, date) else parsed
    load_settings(_plain(settings), where=f"{opened.file.name} with {key} = {value}")
    text = io.StringIO()
    yaml().dump(document, text)
    write_atomically(opened.file, text.getvalue())
    terminal.done(f"{escape(key)} = {escape(value)} in {opened.file.name}; ./grocery up -s {escape(stack)} applies it")


@secret.command("set")
def set_secret(
    name: Annotated[str, typer.Argument(help="Which secret: one that `config secret list` shows.")],
    stack: StackName = LOCAL_STACK,
) -> None:
    """Set a secret that others issued. Its value is read from standard input, or asked for."""
    opened = open_stack(stack)
    known = _secret_names()
    if name not in known:
        raise ConfigError(
            f"there is no external secret {name}",
            expected=f"one of {', '.join(known)}",
            next="./grocery config secret list",
        )
    asked = terminal.interactive()
    value = (getpass.getpass(f"{name}: ", stream=sys.stderr) if asked else sys.stdin.read()).rstrip("\n")
    if not value:
        raise ConfigError(
            f"no value was given for {name}",
            expected="the secret on standard input",
            next=f"./grocery config secret set {name} --stack {stack} < FILE",
        )
    engine = engine_of(opened)
    with opened.exclusively():
        engine.set_external_secret(name, value)
    terminal.done(f"{name} is kept encrypted; ./grocery up -s {escape(stack)} applies it")


@secret.command("list")
def list_secrets(stack: StackName = LOCAL_STACK, json: AsJson = False) -> None:
    """Show which secrets of others the stack's settings need, and which are set; never a value."""
    from settings import required_secrets

    opened = open_stack(stack)
    needed = required_secrets(opened.settings)
    kept = engine_of(opened).external_secrets()
    known = {name: {"needed": name in needed, "set": name in kept} for name in _secret_names()}
    if json:
        terminal.show_json(known)
        return
    shown = terminal.table("secret", "needed", "set")
    for name, state in known.items():
        missing = state["needed"] and not state["set"]
        shown.add_row(
            name,
            "yes" if state["needed"] else "[dim]no[/]",
            "[bold red]no[/]" if missing else "yes" if state["set"] else "[dim]no[/]",
        )
    terminal.out.print(shown)


def _secret_names() -> tuple[str, ...]:
    import settings

    return settings.SECRET_NAMES


def _branch(parent: MutableMapping[str, object], key: str) -> MutableMapping[str, object]:
    """The mapping under `key`, made when there is none. Raises ConfigError when something else is there."""
    found = parent.get(key)
    if found is None:
        found = CommentedMap()
        parent[key] = found
    if not isinstance(found, MutableMapping):
        raise ConfigError(
            f"{key} is one value, not a group of settings", value=repr(found), next="./grocery config schema"
        )
    return found


def _plain(value: object) -> dict[str, object]:
    """Without ruamel's comment-keeping types."""
    import json

    plain: dict[str, object] = json.loads(json.dumps(value))
    return plain
