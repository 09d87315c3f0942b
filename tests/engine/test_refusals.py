"""What this engine does not know, and programs that fail: named in one readable error, with nothing changed."""

from __future__ import annotations

import textwrap

import pytest

from cli.local_engine import LocalEngineError, Message, Op
from cli.local_engine.errors import OperationError, ProgramError

from .conftest import Stack

UNKNOWN = {
    "a type": (
        "random.RandomBytes('raw', length=8, opts=on(random_provider))",
        "resource type random:index/randomBytes:RandomBytes is not known",
    ),
    "a provider": (
        "import pulumi_random; pulumi.ProviderResource('aws', 'x', {})",
        "provider pulumi:providers:aws is not known",
    ),
    "a default provider": (
        "random.RandomPassword('p', length=8)",
        "no explicit provider",
    ),
    "a property": (
        "docker.Network('n', driver='overlay', ingress=True, opts=on(docker_provider))",
        "property ingress is not known",
    ),
    "a property deep inside": (
        """
        docker.Service('s', opts=on(docker_provider), task_spec=docker.ServiceTaskSpecArgs(
            container_spec=docker.ServiceTaskSpecContainerSpecArgs(image='x', mounts=[
                docker.ServiceTaskSpecContainerSpecMountArgs(type='bind', source='/', target='/host',
                    bind_options=docker.ServiceTaskSpecContainerSpecMountBindOptionsArgs(propagation='rshared'))])))
        """,
        "property taskSpec.containerSpec.mounts[0].bindOptions is not known",
    ),
    "a network without gateway": (
        """
        pools = [docker.NetworkIpamConfigArgs(subnet='10.9.0.0/24')]
        docker.Network('n', ipam_configs=pools, opts=on(docker_provider))
        """,
        "property ipamConfigs[0].gateway is missing",
    ),
    "an option": (
        "password(opts=ResourceOptions(import_='abc'))",
        "resource option importId is not known",
    ),
    "timeouts": (
        "password(opts=ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='5m')))",
        "resource option customTimeouts is not known",
    ),
    "a path to ignore": (
        "password(opts=ResourceOptions(ignore_changes=['task_spec.networks']))",
        "names no property",
    ),
    "a function": (
        "docker.get_network(name='x', opts=pulumi.InvokeOptions(provider=docker_provider))",
        "function docker:index/getNetwork:getNetwork is not known",
    ),
    "reading": (
        "random.RandomPassword.get('p', 'none', opts=on(random_provider))",
        "reading random:index/randomPassword:RandomPassword 'p' with get() is not known",
    ),
    "a docker host elsewhere": (
        "p = docker.Provider('far', host='ssh://deploy@host'); docker.Volume('v', opts=ResourceOptions(provider=p))",
        "docker host 'ssh://deploy@host' is not known",
    ),
    "two of the same name": (
        "password(); password()",
        "two resources are called",
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_unknown_is_refused_by_name_before_anything_changes(offline: Stack, what: str) -> None:
    source, message = UNKNOWN[what]
    offline.write("early = password('early')\n" + textwrap.dedent(source))
    with pytest.raises(OperationError) as caught:
        offline.up()
    assert message in str(caught.value)
    assert caught.value.exit_code == 2
    assert not offline.store.path.exists(), "something was applied before the refusal"


FAILING = {
    "an exception": (
        "def compute():\n    raise ValueError('no such thing')\ncompute()",
        ["line 4, in <module>", "in compute", "ValueError: no such thing"],
    ),
    "an exception inside apply": (
        "pulumi.Output.from_input(1).apply(lambda n: n / 0)",
        ["ZeroDivisionError: division by zero"],
    ),
    "sys.exit": ("import sys\nsys.exit('settings are wrong')", ["exit code 1", "settings are wrong"]),
    "log.error": ("pulumi.log.error('this is not right')", ["this is not right"]),
    "RunError": ("raise pulumi.RunError('give up')", ["give up"]),
    "os._exit": ("import os\nos._exit(0)", ["ended before it was complete"]),
    "a syntax error": ("x = = 1", ["SyntaxError", "x = = 1"]),
}


@pytest.mark.parametrize("what", FAILING)
def test_a_failing_program_is_reported_in_its_own_words_only(offline: Stack, what: str) -> None:
    source, parts = FAILING[what]
    with pytest.raises(ProgramError) as caught:
        offline.preview(source)
    text = str(caught.value)
    for part in parts:
        assert part in text
    for noise in ("site-packages", "runpy", "Resource monitor has terminated", "grpc"):
        assert noise not in text, "the report must name the program's own lines alone"
    assert caught.value.exit_code == 1


def test_a_program_that_fails_in_the_middle_keeps_what_was_made_deletes_nothing_and_exports_nothing(
    offline: Stack,
) -> None:
    offline.up("password('a'); password('b'); pulumi.export('value', 'old')")
    with pytest.raises(ProgramError):
        offline.up(
            "a = password('a'); c = password('c'); pulumi.export('value', 'new')\nc.result.apply(lambda n: 1 / 0)"
        )
    assert {"a", "b", "c"} <= set(offline.resources()), "what was made is kept, and nothing is deleted"
    (stack,) = [r for r in offline.store.require().resources if r.type == "pulumi:pulumi:Stack"]
    assert stack.outputs == {"value": "old"}


def test_what_was_replaced_before_a_failure_is_deleted_by_the_next_up_which_its_preview_shows(offline: Stack) -> None:
    offline.up("password(generation=1)")
    with pytest.raises(ProgramError):
        offline.up("password(generation=2).result.apply(lambda n: 1 / 0)")
    assert [r.delete for r in offline.store.require().resources if "password" in r.name] == [True, False]
    assert offline.ops(offline.preview("password(generation=2)")) == {"password": Op.DELETE}
    offline.up()
    assert offline.ops(offline.preview()) == {}


def test_what_the_program_prints_and_warns_is_passed_on(offline: Stack) -> None:
    offline.preview("print('hello'); pulumi.log.warn('careful'); pulumi.log.debug('noise')")
    messages = {(e.severity, e.text) for e in offline.events if isinstance(e, Message)}
    assert messages == {("info", "hello"), ("warning", "careful")}


def test_a_proxy_in_the_environment_does_not_come_between(offline: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert offline.ops(offline.preview("password()")) == {"password": Op.CREATE}


def test_configuration_reaches_the_program_and_its_secrets_stay_off_command_line_and_environment(
    offline: Stack,
) -> None:
    offline.configure(plain="p", hidden="h1dd3n")
    offline.project = offline.project.__class__(**{**vars(offline.project), "secret_keys": frozenset({"tests:hidden"})})
    source = """
        import os
        from pathlib import Path
        exposed = Path("/proc/self/environ").read_bytes() + Path("/proc/self/cmdline").read_bytes()
        assert b"h1dd3n" not in exposed
        pulumi.export("plain", CONFIG.require("plain"))
        pulumi.export("hidden", CONFIG.require_secret("hidden"))
        """
    result = offline.up(source)
    assert repr(result.outputs["hidden"]) == "[secret]"
    assert result.outputs["plain"] == "p"
    assert "h1dd3n" not in offline.saved()


def test_there_is_no_program(offline: Stack) -> None:
    with pytest.raises(LocalEngineError, match=r"__main__\.py does not exist"):
        offline.preview()
