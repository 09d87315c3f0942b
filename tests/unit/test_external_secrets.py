"""Secrets that others issued: kept encrypted, listed by name only, demanded by the program before anything changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime.settings import reset_options
from typer.testing import CliRunner

import settings
from cli import stack
from cli.commands import config
from cli.engines.local import LocalEngine
from cli.errors import ConfigError
from cli.external_secrets import SecretStore
from cli.stack import Stack
from components.secrets import External
from settings import SettingsError
from tests.unit.recording import NoMocks

VALUE = "hunter2-hunter2-hunter2"


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setattr(config, "engine_of", LocalEngine)
    monkeypatch.setattr(config, "open_stack", lambda name: stack.open_stack(name, tmp_path))
    return stack.open_stack("local", tmp_path)


def file_of(local: Stack) -> Path:
    return local.state_dir / "secrets.json"


def set_secret(name: str, value: str) -> None:
    result = CliRunner().invoke(config.app, ["secret", "set", name], input=value)
    if result.exception:
        raise result.exception


def test_a_secret_that_was_set_reaches_the_program_as_a_secret(local: Stack) -> None:
    set_secret("smtp-password", VALUE + "\n")
    project = LocalEngine(local)._project
    assert project.config["grocery:smtp-password"] == VALUE, "the end of the line is not part of it"
    assert project.secret_keys == {"grocery:smtp-password"}


def test_setting_a_secret_again_replaces_it_and_keeps_the_others(local: Stack) -> None:
    for name, value in (("smtp-password", "old"), ("edge-key", "key"), ("smtp-password", "new")):
        set_secret(name, value)
    assert SecretStore(local.state_dir, local.passphrase()).load() == {"smtp-password": "new", "edge-key": "key"}


def test_the_file_is_its_owners_and_holds_no_value_in_the_clear(local: Stack) -> None:
    set_secret("smtp-password", VALUE)
    assert file_of(local).stat().st_mode & 0o777 == 0o600
    assert VALUE not in file_of(local).read_text()


def test_the_list_names_secrets_and_shows_no_value(local: Stack) -> None:
    set_secret("smtp-password", VALUE)
    result = CliRunner().invoke(config.app, ["secret", "list", "--json"])
    assert VALUE not in result.output
    assert json.loads(result.output)["smtp-password"] == {"needed": False, "set": True}


def test_an_unknown_name_and_an_empty_value_are_refused(local: Stack) -> None:
    with pytest.raises(ConfigError, match="there is no external secret smtp-pasword"):
        set_secret("smtp-pasword", VALUE)
    with pytest.raises(ConfigError, match="no value was given for smtp-password"):
        set_secret("smtp-password", "\n")
    assert not file_of(local).exists(), "nothing was written"


def test_a_damaged_file_and_another_passphrase_are_told(local: Stack) -> None:
    set_secret("smtp-password", VALUE)
    with pytest.raises(ConfigError, match="external secrets cannot be read"):
        SecretStore(local.state_dir, "another").load()
    file_of(local).write_text("{}")
    with pytest.raises(ConfigError, match="external secrets cannot be read"):
        SecretStore(local.state_dir, local.passphrase()).load()


def test_a_lost_passphrase_is_not_made_anew_while_secrets_are_encrypted_with_it(local: Stack) -> None:
    set_secret("smtp-password", VALUE)
    local.passphrase_file.unlink()
    with pytest.raises(ConfigError, match="the passphrase of this clone's stacks is missing"):
        local.passphrase()


@pytest.fixture
def project() -> Iterator[None]:
    with asyncio.Runner() as runner:
        # The SDK asks for the loop of the thread, which tests before may have closed.
        asyncio.set_event_loop(runner.get_loop())
        reset_options()
        pulumi.runtime.set_mocks(NoMocks(), project="grocery")
        yield
        reset_options()
    asyncio.set_event_loop(None)


@pytest.mark.usefixtures("project")
def test_a_secret_the_settings_need_and_nobody_set_is_named_with_the_command() -> None:
    pulumi.runtime.set_all_config({"grocery:smtp-password": VALUE}, ["grocery:smtp-password"])
    with pytest.raises(SettingsError) as refusal:
        External(stack="prod", names=settings.SECRET_NAMES)
    assert "grocery:edge-key: the settings need this secret" in str(refusal.value)
    assert "./grocery config secret set edge-key --stack prod" in str(refusal.value)
    assert "smtp-password" not in str(refusal.value), "what is there is not complained about"


@pytest.mark.usefixtures("project")
def test_a_secret_in_plain_configuration_is_refused() -> None:
    pulumi.runtime.set_all_config({"grocery:smtp-password": VALUE}, [])
    with pytest.raises(SettingsError, match="lies in plain text") as refusal:
        External(stack="prod", names=["smtp-password"])
    assert VALUE not in str(refusal.value)
