"""Backups as the program declares them: what is kept whatever is switched off, who knows which secret, and what both
hosts of pgBackRest are told."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from rendering.disk import WAL_SEGMENT, Disk
from tests.unit.recording import (
    CERT_REQUEST,
    DOCKER_CONFIG,
    DOCKER_SECRET,
    EXTERNAL,
    LOCALLY_SIGNED,
    PASSWORD,
    SERVICE,
    VOLUME,
    Recording,
    decoded,
    plain_texts,
    record,
)

MIB = 1 << 20
GIB = 1 << 30

AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
BUCKET = {"endpoint": "https://s3.test:9000", "bucket": "lists", "ca_certificate": AUTHORITY}


def backed_up(**backups: object) -> Recording:
    return record("local", {"backups": backups}, preview=False)


def conf(recording: Recording, workload: str, file: str = "pgbackrest-conf") -> Mapping[str, Mapping[str, str]]:
    """pgBackRest's configuration as it reads it."""
    config = recording.named(DOCKER_CONFIG, f"{recording.stack}-{workload}-{file}")
    return parsed(decoded(config.inputs["data"]))


def parsed(text: str) -> Mapping[str, Mapping[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def secret_conf(recording: Recording) -> Mapping[str, str]:
    secret = recording.named(DOCKER_SECRET, f"{recording.stack}-backups-repository-conf")
    return parsed(decoded(secret.inputs["data"].value))["global"]


def container(recording: Recording, workload: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = recording.service(workload).inputs["taskSpec"]["containerSpec"]
    return found


def files(recording: Recording, workload: str) -> set[str]:
    """Paths of all configs and secrets of a workload."""
    spec = container(recording, workload)
    return {file["fileName"] for kind in ("configs", "secrets") for file in spec[kind]}


# --- what is kept
# ------------------------------------------------------------------------------------------------


def test_switching_backups_off_removes_nothing_that_was_kept(local: Recording) -> None:
    off = backed_up(enabled=False)
    for kind, name in ((VOLUME, "local-backups-repository"), (PASSWORD, "local-secrets-backup-key")):
        assert off.named(kind, name).inputs == local.named(kind, name).inputs
        assert off.named(kind, name).protect
    assert "backups" not in off.exports["workloads"]
    assert "backups" not in off.exports
    assert not [found.name for found in off.of_type(SERVICE) if "backups" in found.name]


def test_a_bucket_alone_leaves_the_volume_and_what_it_holds() -> None:
    recording = backed_up(volume=False, bucket=BUCKET)
    assert recording.named(VOLUME, "local-backups-repository").protect
    mounted = {mount.get("source"): mount["target"] for mount in container(recording, "backups")["mounts"]}
    assert mounted["local-backups-repository"] == "/var/lib/pgbackrest", "the evidence of drills is there"


def test_what_a_drill_restores_to_is_nobodys_data(local: Recording) -> None:
    drill = local.named(VOLUME, "local-backups-drill")
    assert not drill.protect
    assert not drill.retain_on_delete
    assert "local-backups-drill" not in {mount.get("source") for mount in container(local, "postgres")["mounts"]}


def test_switching_backups_on_touches_the_database_alone(local: Recording) -> None:
    """A stack of before is upgraded in place: the database restarts once, for its log to be archived."""
    off = backed_up(enabled=False)
    changed = {found.name for found in off.of_type(SERVICE) if found.inputs != local.service(found.name[6:]).inputs}
    # Prometheus is given other rules.
    assert changed - {"local-prometheus"} == {"local-postgres"}


def test_the_certificates_of_before_are_not_made_anew(local: Recording) -> None:
    """A new certificate of the database restarts it, a new one of the authority would have to be trusted again."""
    for noun in ("postgres", "edge"):
        leaf = local.named(LOCALLY_SIGNED, f"local-secrets-{noun}")
        assert leaf.inputs["allowedUses"] == ["server_auth", "digital_signature", "key_encipherment"]


# --- who knows what
# ----------------------------------------------------------------------------------------------


def test_each_host_lets_exactly_the_other_in(local: Recording) -> None:
    certified = {
        noun: local.named(CERT_REQUEST, f"local-secrets-{noun}").inputs for noun in ("backups", "postgres-backup")
    }
    for workload, own, other in (("backups", "backups", "postgres-backup"), ("postgres", "postgres-backup", "backups")):
        found = conf(local, workload)["global"]
        assert found["tls-server-auth"] == f"{certified[other]['subject']['commonName']}=grocery"
        assert certified[own]["dnsNames"] == [workload], "it is asked under its alias"
        leaf = local.named(LOCALLY_SIGNED, f"local-secrets-{own}")
        assert {"server_auth", "client_auth"} <= set(leaf.inputs["allowedUses"]), "both ask and both answer"
        certificate = local.named(DOCKER_CONFIG, f"local-{workload}-tls-crt")
        assert decoded(certificate.inputs["data"]) == leaf.outputs["certPem"]


def test_every_file_that_is_named_is_there() -> None:
    recording = backed_up(bucket=BUCKET)
    for workload in ("backups", "postgres"):
        there = files(recording, workload)
        for section in conf(recording, workload).values():
            named = {value for option, value in section.items() if option.endswith("-file") and value.startswith("/")}
            assert named <= there, f"{workload} is told of files it does not have"


def test_the_database_host_knows_neither_key_nor_bucket() -> None:
    recording = backed_up(bucket=BUCKET)
    assert files(recording, "postgres") & {"/run/secrets/repository.conf", "/etc/pgbackrest/bucket-ca.crt"} == set()
    found = conf(recording, "postgres")["global"]
    assert not [option for option in found if "cipher" in option or "s3" in option or option == "repo1-path"]
    assert (found["repo1-host"], found["repo2-host"]) == ("backups", "backups"), "both through the one host"
    assert "PGBACKREST_CONFIG_INCLUDE_PATH" not in container(recording, "postgres")["env"]


def test_key_and_credentials_are_in_a_file_of_the_repository_host_and_nowhere_else() -> None:
    recording = backed_up(bucket=BUCKET, key="provided")
    assert secret_conf(recording) == {
        "repo1-cipher-pass": EXTERNAL["backup-key"],
        "repo2-cipher-pass": EXTERNAL["backup-key"],
        "repo2-s3-key": EXTERNAL["backup-bucket-key"],
        "repo2-s3-key-secret": EXTERNAL["backup-bucket-secret"],
    }
    assert "/run/secrets/repository.conf" in files(recording, "backups")
    assert container(recording, "backups")["env"]["PGBACKREST_CONFIG_INCLUDE_PATH"] == "/run/secrets"
    for config in recording.of_type(DOCKER_CONFIG):
        text = decoded(config.inputs["data"])
        for secret in secret_conf(recording).values():
            assert secret not in text, f"{config.name} can be read by anyone with the engine"
    for secret in secret_conf(recording).values():
        assert not [path for path, text in plain_texts(recording.exports) if secret in text]


def test_the_key_is_the_stacks_own_until_one_is_given(local: Recording) -> None:
    generated = local.named(PASSWORD, "local-secrets-backup-key")
    assert secret_conf(local) == {"repo1-cipher-pass": generated.outputs["result"].value}
    assert generated.inputs["length"] == 64


# --- what the hosts are told
# -------------------------------------------------------------------------------------


def test_a_repository_is_numbered_the_same_on_both_hosts() -> None:
    recording = backed_up(bucket=BUCKET)
    told = conf(recording, "backups")["global"]
    assert told["repo1-path"] == "/var/lib/pgbackrest/repository"
    assert (told["repo2-type"], told["repo2-s3-endpoint"], told["repo2-storage-port"]) == ("s3", "s3.test", "9000")
    assert told["repo2-path"] == "/local", "a prefix of the stack's own"
    assert told["repo2-storage-ca-file"] == "/etc/pgbackrest/bucket-ca.crt"
    assert container(recording, "backups")["env"]["REPOSITORIES"] == "1:volume 2:bucket"
    assert [found["number"] for found in recording.exports["backups"]["repositories"]] == [1, 2]

    alone = backed_up(volume=False, bucket={**BUCKET, "endpoint": "https://s3.test", "prefix": "/a/b"})
    told = conf(alone, "backups")["global"]
    assert (told["repo1-type"], told["repo1-path"]) == ("s3", "/a/b")
    assert "repo1-storage-port" not in told
    assert "repo2-host" not in conf(alone, "postgres")["global"]


def test_without_an_authority_of_its_own_a_bucket_is_believed_as_browsers_would() -> None:
    recording = backed_up(bucket={"endpoint": "https://s3.test", "bucket": "lists"})
    told = conf(recording, "backups")["global"]
    assert "repo2-storage-ca-file" not in told
    assert told["repo2-storage-verify-tls"] == "y"
    assert "/etc/pgbackrest/bucket-ca.crt" not in files(recording, "backups")


@pytest.mark.parametrize("number", [1, 2])
def test_every_repository_is_encrypted_and_kept_as_long(number: int) -> None:
    told = conf(backed_up(bucket=BUCKET, keep="30d"), "backups")["global"]
    assert told[f"repo{number}-cipher-type"] == "aes-256-cbc"
    assert (told[f"repo{number}-retention-full-type"], told[f"repo{number}-retention-full"]) == ("time", "30")


def test_the_repository_host_reads_the_cluster_where_the_database_host_has_it(local: Recording) -> None:
    there, here = conf(local, "backups")["grocery"], conf(local, "postgres")["grocery"]
    assert {option: there[option] for option in here} == here
    assert there["pg1-host"] == "postgres"
    assert conf(local, "backups")["global"]["checksum-page"] == "y"


def test_the_schedule_is_told_in_seconds_and_utc() -> None:
    told = container(backed_up(schedule={"at": "04:15", "full": "14d", "drill": "30m"}), "backups")["env"]
    assert {name: value for name, value in told.items() if name.startswith("SCHEDULE")} == {
        "SCHEDULE_AT": "04:15",
        "SCHEDULE_FULL": "1209600",
        "SCHEDULE_DIFFERENTIAL": "86400",
        "SCHEDULE_INCREMENTAL": "21600",
        "SCHEDULE_DRILL": "1800",
    }


def test_the_log_is_archived_where_there_is_somebody_to_take_it(local: Recording) -> None:
    archived = postgresql_conf(local)
    assert archived["archive_mode"] == "on"
    assert archived["archive_command"] == "'pgbackrest-archive grocery %p'"
    assert archived["archive_timeout"] == "60s", "a lost machine costs a minute"
    off = postgresql_conf(backed_up(enabled=False))
    assert off["archive_mode"] == "off", "or the log would wait for nobody"
    assert "archive_command" not in off


def postgresql_conf(recording: Recording) -> Mapping[str, str]:
    text = decoded(recording.named(DOCKER_CONFIG, "local-postgres-postgresql-conf").inputs["data"])
    return dict(line.split(" = ", 1) for line in text.splitlines() if line and not line.startswith("#"))


# --- disk
# --------------------------------------------------------------------------------------------------------


def test_one_disk_is_behind_everything_that_may_wait(local: Recording) -> None:
    disk = Disk(database=10 * GIB, archiving=True)
    assert postgresql_conf(local)["max_slot_wal_keep_size"] == f"{disk.wal_kept // MIB}MB"
    assert postgresql_conf(local)["max_wal_size"] == f"{disk.wal_between_checkpoints // MIB}MB"
    assert conf(local, "postgres")["global"]["archive-push-queue-max"] == str(disk.archive_queue)


@pytest.mark.parametrize("size", [4, 10, 80, 2000])
def test_whoever_stands_still_more_than_half_of_the_disk_is_left_to_the_data(size: int) -> None:
    disk = Disk(database=size * GIB, archiving=True)
    assert max(disk.wal_kept, disk.archive_queue) + disk.wal_between_checkpoints <= disk.database // 2
    assert disk.archive_queue >= 60 * WAL_SEGMENT, "an hour without repositories"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"database": 3 * GIB, "archiving": True}, "expected at least 3.75 GiB"),
        ({"database": 10 * GIB, "archiving": True, "archive_timeout": 10}, "an hour without them is 5.62 GiB"),
        ({"database": 400 * MIB}, "more than half of the disk"),
        ({"database": 0}, "not empty"),
        ({"database": GIB, "monitoring": -1}, "not negative"),
        ({"database": GIB, "archive_timeout": 0}, "archive_timeout"),
    ],
)
def test_parts_that_do_not_get_along_make_no_disk(parts: Mapping[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Disk(**parts)  # type: ignore[arg-type]


def test_a_small_disk_is_enough_without_backups() -> None:
    assert Disk(database=GIB).wal_at_most <= GIB // 2


def test_a_disk_that_is_too_small_for_backups_is_refused_with_the_path_of_its_key() -> None:
    with pytest.raises(pulumi.RunError, match=r"grocery:settings\.postgres\.disk: 2 GiB for the database"):
        record("local", {"postgres": {"disk": "2GiB"}}, preview=True)
    assert record("local", {"postgres": {"disk": "2GiB"}, "backups": {"enabled": False}}, preview=True).exports


def test_the_volume_counts_as_disk_only_where_it_is_written_to() -> None:
    assert Disk(database=10 * GIB, monitoring=GIB, repository=2 * GIB).total == 13 * GIB
