"""A one-off service is the stack's own service with another command, and says how it gets on."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cli.one_off import LABEL, Step, Volume, clone, parse, same_work, volume_at

SERVICE: dict[str, Any] = {
    "ID": "abc",
    "Spec": {
        "Name": "prod-postgres",
        "Labels": {"grocery.stack": "prod", "grocery.workload": "postgres"},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "sha256:1234",
                "Labels": {"grocery.stack": "prod", "grocery.workload": "postgres"},
                "Command": ["/somewhere/else"],
                "Args": ["-x"],
                "Env": ["INITIALISE_UNTIL=2026-11-26T00:00:00Z"],
                "User": "10001:10001",
                "ReadOnly": True,
                "CapabilityDrop": ["ALL"],
                "Healthcheck": {"Test": ["CMD", "/usr/local/bin/healthcheck"]},
                "Mounts": [
                    {"Type": "volume", "Source": "prod-postgres-data", "Target": "/var/lib/postgresql"},
                    {"Type": "tmpfs", "Target": "/tmp"},
                ],
                "Secrets": [{"SecretID": "s1"}],
                "Configs": [{"ConfigID": "c1"}],
            },
            "Resources": {"Limits": {"MemoryBytes": 1}, "Reservations": {"MemoryBytes": 1}},
            "RestartPolicy": {"Condition": "any"},
            "Placement": {"Constraints": ["node.labels.grocery.data==true"]},
            "Networks": [{"Target": "n1", "Aliases": ["postgres"]}],
            "LogDriver": {"Name": "json-file"},
            "ForceUpdate": 3,
        },
        "Mode": {"Replicated": {"Replicas": 0}},
        "UpdateConfig": {"Order": "stop-first"},
        "EndpointSpec": {"Mode": "dnsrr"},
    },
}


def restore(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    given = {"name": "prod-restore", "alias": "restore", "purpose": "restore", "command": ["restore", "replace"]}
    return clone(SERVICE, **{**given, **changes})


def container(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["TaskTemplate"]["ContainerSpec"]
    return found


def test_it_has_all_that_the_service_has_to_be_safe_and_to_reach_its_data() -> None:
    kept, made = SERVICE["Spec"]["TaskTemplate"], restore()["TaskTemplate"]
    for key in ("Image", "Env", "User", "ReadOnly", "CapabilityDrop", "Mounts", "Secrets", "Configs"):
        assert made["ContainerSpec"][key] == kept["ContainerSpec"][key]
    for key in ("Resources", "Placement", "LogDriver"):
        assert made[key] == kept[key]


def test_it_runs_its_own_command_once_under_its_own_name() -> None:
    made = restore()
    assert made["Name"] == "prod-restore"
    assert container(made)["Command"] == ["restore", "replace"]
    assert container(made)["Args"] == []
    assert container(made)["Healthcheck"] == {"Test": ["NONE"]}
    assert made["TaskTemplate"]["RestartPolicy"] == {"Condition": "none"}
    assert made["TaskTemplate"]["Networks"] == [{"Target": "n1", "Aliases": ["restore"]}]
    assert made["Mode"] == {"Replicated": {"Replicas": 1}}, "however many the service has now"


def test_it_is_found_as_the_stacks_and_told_from_what_the_program_made() -> None:
    labels = {"grocery.stack": "prod", "grocery.workload": "restore", LABEL: "restore"}
    assert restore()["Labels"] == container(restore())["Labels"] == labels


def test_the_service_itself_is_left_as_it_is() -> None:
    before = copy.deepcopy(SERVICE)
    restore(added=[Volume(name="more", path="/more")])
    assert before == SERVICE


def test_a_volume_can_be_added_or_stand_for_another() -> None:
    beside = restore(
        added=[Volume(name="replica", path="/srv/zero-cache")],
        replaced=[Volume(name="prod-check-data", path="/var/lib/postgresql")],
    )
    assert container(beside)["Mounts"] == [
        {"Type": "tmpfs", "Target": "/tmp"},
        {"Type": "volume", "Source": "replica", "Target": "/srv/zero-cache"},
        {
            "Type": "volume",
            "Source": "prod-check-data",
            "Target": "/var/lib/postgresql",
            "VolumeOptions": {"Labels": {"grocery.stack": "prod", LABEL: "restore"}},
        },
    ]


def test_the_volume_of_a_path_is_found() -> None:
    assert volume_at(SERVICE, "/var/lib/postgresql") == "prod-postgres-data"
    assert volume_at(SERVICE, "/tmp") is None
    assert volume_at(SERVICE, "/elsewhere") is None


def test_only_the_same_command_of_the_same_image_goes_on() -> None:
    assert same_work(restore(), restore())
    assert not same_work(restore(), restore(command=["restore", "scratch"]))
    other = restore()
    container(other)["Image"] = "sha256:5678"
    assert not same_work(restore(), other)


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ('{"step":"copying","text":"3 of 9","percent":33.3}', Step(step="copying", text="3 of 9", percent=33.3)),
        ('{"step":"done","text":"","percent":null}', Step(step="done", text="")),
        ("postgres: LOG: starting", None),
        ('{"step":"copying"}', None),
        ("[1, 2]", None),
        ("17", None),
        ("", None),
    ],
)  # fmt: skip
def test_progress_is_told_from_anything_else_that_is_said(line: str, step: Step | None) -> None:
    assert parse(line) == step
