"""A stack's files: reading them, changing them, and whose stack it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import stack
from cli.commands import config
from cli.engines import engine_of, take_ownership
from cli.engines.local import LocalEngine
from cli.errors import BusyError, ConfigError, NoSuchStack, OwnershipError
from cli.files import write_atomically

PROD = """\
# Why this stack is as it is.
config:
  grocery:settings:
    edge:
      domain: "grocery.example.com" # the public name
      https_port: 443
      http_port: 80
    auth_server: {replicas: 2}
  grocery:smtp-password:
    secure: v1:abcdef
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text('name: grocery\nconfig:\n  pulumi:disable-default-providers: ["*"]\n')
    (tmp_path / "Pulumi.prod.yaml").write_text(PROD)
    return tmp_path


@pytest.fixture
def runner(root: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr(config, "open_stack", lambda name: stack.open_stack(name, root))
    return CliRunner()


def test_a_stack_without_a_file_has_the_defaults(root: Path) -> None:
    local = stack.open_stack("local", root)
    assert local.settings.edge.https_port == 8443


def test_configuration_is_flat_text_as_pulumi_passes_it(root: Path) -> None:
    prod = stack.open_stack("prod", root)
    assert json.loads(prod.config["grocery:settings"])["edge"]["https_port"] == 443
    assert json.loads(prod.config["pulumi:disable-default-providers"]) == ["*"]
    assert prod.encrypted == {"grocery:smtp-password"}, "what only pulumi can read is told apart"


def test_an_unknown_stack_is_refused_with_the_known_ones(root: Path) -> None:
    with pytest.raises(NoSuchStack) as refusal:
        stack.open_stack("prd", root)
    assert refusal.value.expected == "one of local, prod"


def test_a_file_that_is_no_yaml_is_named(root: Path) -> None:
    (root / "Pulumi.local.yaml").write_text("config: [")
    with pytest.raises(ConfigError, match=r"Pulumi\.local\.yaml is not valid YAML"):
        stack.open_stack("local", root)


def test_setting_a_value_keeps_comments_quotes_and_order(root: Path, runner: CliRunner) -> None:
    result = runner.invoke(config.app, ["set", "edge.https_port", "8443", "--stack", "prod"])
    assert result.exit_code == 0, result.output
    assert (root / "Pulumi.prod.yaml").read_text() == PROD.replace("https_port: 443", "https_port: 8443")


def test_a_moment_is_a_text_however_it_is_written(root: Path, runner: CliRunner) -> None:
    """YAML without quotes has a type of its own for it."""
    moment = "2027-01-31T12:00:00Z"
    assert runner.invoke(config.app, ["set", "postgres.initialise_until", moment, "--stack", "prod"]).exit_code == 0
    assert f'initialise_until: "{moment}"' in (root / "Pulumi.prod.yaml").read_text()
    assert stack.open_stack("prod", root).settings.postgres.initialise_until == moment
    file = root / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace(f'"{moment}"', moment))
    assert stack.open_stack("prod", root).settings.postgres.initialise_until == moment


def test_setting_a_value_makes_the_file_of_a_stack_that_has_none(root: Path, runner: CliRunner) -> None:
    runner.invoke(config.app, ["set", "target.memory", "2GiB"])
    assert stack.open_stack("local", root).settings.target.memory == 2 << 30


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("edge.htps_port", "443", "did you mean https_port"),
        ("edge.https_port", "many", "edge.https_port"),
        ("edge.https_port.deeper", "1", "one value, not a group"),
        ("edge.domain", "{", "is not YAML"),
    ],
)
def test_a_value_that_would_be_refused_is_not_written(
    root: Path, runner: CliRunner, key: str, value: str, said: str
) -> None:
    result = runner.invoke(config.app, ["set", key, value, "--stack", "prod"])
    assert isinstance(result.exception, ConfigError)
    assert said in f"{result.exception.what} {result.exception.value}"
    assert (root / "Pulumi.prod.yaml").read_text() == PROD


def test_the_passphrase_is_made_once_and_for_its_owner_only(root: Path) -> None:
    local = stack.open_stack("local", root)
    passphrase = local.passphrase()
    assert len(passphrase) >= 32
    assert local.passphrase() == passphrase
    assert local.passphrase_file.stat().st_mode & 0o777 == 0o600
    assert local.local.stat().st_mode & 0o777 == 0o700


def test_a_passphrase_that_is_lost_is_not_replaced(root: Path) -> None:
    local = stack.open_stack("local", root)
    local.passphrase()
    (local.state_dir / "state.json").write_text("{}")
    local.passphrase_file.unlink()
    with pytest.raises(ConfigError, match="passphrase of this clone's stacks is missing"):
        local.passphrase()
    assert not local.passphrase_file.exists()


def test_one_command_at_a_time_changes_a_stack(root: Path) -> None:
    local = stack.open_stack("local", root)
    with local.exclusively():
        with pytest.raises(BusyError) as refusal, local.exclusively():
            pass
        assert refusal.value.value == f"process {os.getpid()}"
    with local.exclusively():
        pass


def test_a_stack_belongs_to_the_engine_of_its_first_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = stack.open_stack("local", root)
    monkeypatch.setattr("cli.engines.pulumi.pulumi_is_ready", lambda root: False)
    engine = engine_of(local)
    assert isinstance(engine, LocalEngine)
    take_ownership(local, engine)
    monkeypatch.setattr("cli.engines.pulumi.pulumi_is_ready", lambda root: True)
    assert isinstance(engine_of(local), LocalEngine), "pulumi that was installed later does not take the stack over"


def test_a_stack_of_pulumi_is_refused_where_pulumi_is_absent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = stack.open_stack("local", root)
    local.prepare_folder()
    (local.state_dir / "engine").write_text("pulumi\n")
    monkeypatch.setattr("cli.engines.pulumi.pulumi_is_ready", lambda root: False)
    with pytest.raises(OwnershipError, match="belongs to pulumi") as refusal:
        engine_of(local)
    assert "install pulumi" in str(refusal.value.next)


def test_a_damaged_record_of_the_engine_is_refused(root: Path) -> None:
    local = stack.open_stack("local", root)
    local.prepare_folder()
    (local.state_dir / "engine").write_text("neither\n")
    with pytest.raises(OwnershipError, match="damaged"):
        engine_of(local)


def test_only_this_machine_s_stacks_may_use_the_local_engine(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.engines.pulumi.pulumi_is_ready", lambda root: False)
    with pytest.raises(ConfigError, match="stack prod needs pulumi"):
        engine_of(stack.open_stack("prod", root))
    assert stack.is_local("local")
    assert stack.is_local("test-1")
    assert not stack.is_local("staging")


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"], "nothing half-written is left"
