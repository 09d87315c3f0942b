"""What `backup`, `restore` and `drill` say, what they refuse, and what a restore remembers should it be interrupted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, NotFound
from rich.text import Text
from typer.testing import CliRunner

from cli import engine_host, guards, repository, restoring
from cli.app import app
from cli.backups import Choice, Evidence, State, Target, resolve
from cli.commands import backup as backup_command
from cli.commands import drill as drill_command
from cli.commands import restore as restore_command
from cli.commands.restore import Plan, failure, lines_of, lost, unsaved, ways_in
from cli.engines.local import LocalEngine
from cli.errors import ConfigError
from cli.one_off import Step
from cli.restoring import Record
from cli.stack import LOCAL_STACK, Stack, open_stack
from tests.unit.backup_states import DAY, FIRST, HOUR, NOON, archiving, backup, document, evidence, state
from tests.unit.backup_states import repository as kept

LATEST = Target(kind="latest")
GONE = {"reachable": False, "system_id": None, "archiving": None}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return open_stack(LOCAL_STACK, tmp_path)


def plain(line: str) -> str:
    return Text.from_markup(line).plain


def at(seconds_ago: float) -> Target:
    return Target(kind="time", moment=datetime.fromtimestamp(NOON - seconds_ago, UTC))


def planned(found: State, target: Target, **changes: Any) -> Plan:  # noqa: ANN401
    choice: Choice = resolve(found, target)
    given: dict[str, Any] = {"unsaved": unsaved(found), "changed": None, "seconds": 20.0}
    return Plan(state=found, target=target, choice=choice, **{**given, **changes})


# --- what would be lost --------------------------------------------------------------------------------------------


def test_the_plan_says_from_where_what_is_lost_how_long_and_what_comes_first() -> None:
    changed = {"items": 3, "lists": 1, "accounts": 0}
    told = [plain(line) for line in lines_of("prod", planned(state(), at(600), changed=changed))]
    assert told == [
        "Restore of stack prod to 2026-11-27 11:50:00 UTC",
        "  from       repository 1 (volume): incremental backup backup-3600 of 2026-11-27 11:00:00 UTC, 40.0 MiB, "
        "then the log up to 2026-11-27 11:50:00 UTC",
        "  lost       what was written in the 10m since 2026-11-27 11:50:00 UTC: 3 items, 1 list",
        "  takes      about 20s, during which nothing can be saved",
        "  first      a backup of what is there now, so that this can be undone",
    ]


def test_that_nothing_was_written_since_is_said_and_so_is_that_nobody_knows() -> None:
    assert lost(planned(state(), at(60), changed={"items": 0})).endswith(
        "no item, list or account was made or changed since"
    )
    assert lost(planned(state(), at(60), changed=None)) == "what was written in the 1m since 2026-11-27 11:59:00 UTC"


def test_the_newest_loses_nothing_unless_the_database_is_gone() -> None:
    assert lost(planned(state(), LATEST)).startswith("nothing")
    gone = state(database={**archiving(), "reachable": False})
    assert lost(planned(gone, LATEST)) == "what was written since 2026-11-27 11:59:40 UTC"
    assert lost(planned(state(database=GONE), LATEST)) == "what was written after the end of the log"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (state(database=GONE), "the database does not answer"),
        (state(kept(1), kept(2, status="other-database")), "repository 2 (bucket) is of another database"),
        (state(kept(1), kept(2, status="unusable", message="403")), "repository 2 (bucket): 403"),
    ],
)
def test_why_there_is_no_backup_first_is_said_and_that_the_old_data_stays(found: State, why: str) -> None:
    told = "\n".join(plain(line) for line in lines_of("local", planned(found, LATEST)))
    assert why in told
    assert "it stays on its volume" in told
    assert planned(found, LATEST).as_json()["backup_first"] is False


def test_what_a_restore_gave_up_is_told_from_what_is_lived_now() -> None:
    found = state(kept(1, backup(8 * HOUR), backup(HOUR, timeline=2)))
    assert "of what an earlier restore gave up" in "".join(lines_of("local", planned(found, at(2 * HOUR))))
    assert "gave up" not in "".join(lines_of("local", planned(found, LATEST)))


def test_the_plan_for_programs_has_the_same_facts() -> None:
    told = json.loads(json.dumps(planned(state(), at(600), changed={"items": 3}).as_json()))
    assert told["backup"] == "backup-3600"
    assert told["lost_seconds"] == 600
    assert told["lost_rows"] == {"items": 3}
    assert told["until"] == NOON - 600


# --- interrupted ---------------------------------------------------------------------------------------------------

RECORD = Record(to="latest", choice=("--repository", "1"), safety=FIRST, life="7/1")


def test_what_was_begun_is_remembered_until_it_is_forgotten(stack: Stack) -> None:
    stack.prepare_folder()
    assert restoring.record_of(stack) is None
    restoring.keep(stack, RECORD)
    assert restoring.record_of(stack) == RECORD
    restoring.forget(stack)
    assert restoring.record_of(stack) is None


@pytest.mark.parametrize("text", ["", "[]", '{"to": "latest"}'])
def test_a_record_that_cannot_be_read_is_none(stack: Stack, text: str) -> None:
    stack.prepare_folder()
    (stack.state_dir / "restore.json").write_text(text)
    assert restoring.record_of(stack) is None


def test_the_old_data_is_discarded_only_when_a_backup_has_it() -> None:
    assert RECORD.arguments[-1] == "--discard-old"
    assert "--discard-old" not in Record(to="latest", choice=("--repository", "1"), safety="", life="").arguments


class Engine:
    """An engine's services, as far as a restore changes them. conflicts: how often somebody writes in between."""

    def __init__(self, conflicts: int = 0, **replicas: int) -> None:
        self.services_: dict[str, dict[str, Any]] = {
            name: {
                "ID": name,
                "Version": {"Index": 1},
                "Spec": {
                    "Name": f"local-{name}",
                    "Labels": {"grocery.stack": "local", "grocery.workload": name.replace("_", "-")},
                    "TaskTemplate": {"ContainerSpec": {"Image": "sha256:1"}},
                    "Mode": {"Replicated": {"Replicas": count}},
                },
            }
            for name, count in replicas.items()
        }
        self.conflicts = conflicts

    def services(self, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(self.services_.values())

    def inspect_service(self, identity: str) -> dict[str, Any]:
        return self.services_[identity]

    def _url(self, path: str, identity: str) -> str:
        return path.format(identity)

    def _post_json(self, url: str, *, data: dict[str, Any], params: Mapping[str, Any]) -> Callable[[], None]:
        service = self.services_[url.split("/")[2]]

        def answer() -> None:
            if self.conflicts:
                self.conflicts -= 1
                service["Version"] = {"Index": service["Version"]["Index"] + 1}
                raise APIError("rpc error", explanation="rpc error: update out of sequence")
            assert params["version"] == service["Version"]["Index"]
            service["Spec"] = data

        return answer

    def _result(self, answer: Callable[[], None], json: bool = False) -> None:
        answer()


OUTPUTS = {"workloads": {"postgres": {"replicas": 1}, "auth-server": {"replicas": 2}, "edge": {"replicas": 1}}}


def test_what_stands_still_is_what_the_program_wants_running() -> None:
    engine = Engine(postgres=0, auth_server=0, edge=0)
    assert restoring.standing_still(engine, "local", OUTPUTS) == ["auth-server", "postgres"], "the edge is not stopped"
    assert restoring.standing_still(Engine(postgres=1, auth_server=2), "local", OUTPUTS) == []
    assert restoring.standing_still(engine, "local", {}) == [], "what is not known here was not stopped here"


@pytest.mark.parametrize("conflicts", [0, 2])
def test_scaling_changes_the_number_of_tasks_and_nothing_else(conflicts: int) -> None:
    engine = Engine(conflicts, postgres=1)
    service = engine.services_["postgres"]
    before = json.loads(json.dumps(service["Spec"]))
    restoring.scale(engine, service, 0)
    after = engine.services_["postgres"]["Spec"]
    assert restoring.replicas_now(engine.services_["postgres"]) == 0
    assert {**after, "Mode": before["Mode"]} == before


@pytest.mark.parametrize("in_place", [True, False])
def test_what_is_in_place_already_is_only_started(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    done: list[str] = []
    for name in ("stop_writers", "bring_back"):
        monkeypatch.setattr(restoring, name, lambda *_, name=name: done.append(name))
    monkeypatch.setattr(restoring, "replace_data", lambda *_: iter([Step(step="done", text="")]))
    monkeypatch.setattr(restore_command, "wait_until_well", lambda *_, **__: [])
    monkeypatch.setattr(restore_command, "_back_up_afterwards", lambda _: None)
    stack.prepare_folder()
    goes_on = dataclasses.replace(RECORD, in_place=in_place)
    restore_command._restore_in_place(stack, None, Program(stack), planned(state(), LATEST, goes_on=goes_on))
    assert done == (["bring_back"] if in_place else ["stop_writers", "bring_back"])
    assert restoring.record_of(stack) is None


class Program(LocalEngine):
    def outputs(self) -> Mapping[str, object]:
        return OUTPUTS


def test_a_failed_restore_says_why_and_that_nothing_was_touched() -> None:
    told = failure("no key fits", "")
    assert "untouched" in told.what
    assert told.value == "no key fits"
    early = failure(f"PostgreSQL did not reach the target: {restore_command.ENDED_EARLY}", " --stack prod")
    assert "--to latest --stack prod" in str(early.next)


# --- the commands --------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("restore",), "restore needs a target"),
        (("restore", "--to", "yesterday"), "--to is neither a moment nor a backup"),
        (("restore", "--to", "latest", "--into", "Bad Name"), "--into is no name"),
        (("restore", "--remove"), "--remove needs a name"),
        (("restore", "--to", "latest", "--json"), "--json shows a plan"),
        (("backup", "--full", "list"), "`backup list` makes no backup"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_an_engine_is_asked(
    arguments: tuple[str, ...], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_host, "connect", lambda *_: pytest.fail("no engine is asked"))
    code, told = run(*arguments)
    assert code == 2, told
    assert what in told


def test_where_there_are_no_backups_every_command_says_so(stack: Stack) -> None:
    (stack.root / "Pulumi.local.yaml").write_text('config: {"grocery:settings": {backups: {enabled: false}}}')
    with pytest.raises(ConfigError, match="stack local is not backed up"):
        repository.require_backups(open_stack(LOCAL_STACK, stack.root))


def test_the_list_shows_each_backup_with_its_size_age_log_and_verification() -> None:
    found = state(kept(1, backup(DAY, label=FIRST, verified=NOON - HOUR), backup(HOUR, "incremental", damaged=True)))
    told = "\n".join(plain(line) for line in backup_command.lines_of(found))
    assert "repository 1 (volume)  ok, 50.0 MiB, log 000000010000000000000001 to 000000010000000000000004" in told
    [row] = [line for line in told.splitlines() if FIRST in line]
    assert row.split("  ")[1:] and "full" in row and "1d" in row and "40.0 MiB" in row and "5.0 MiB" in row
    assert "000000010000000000000003..00000004" in row
    assert "2026-11-27 11:00:00 UTC" in row
    assert any("DAMAGED" in line for line in told.splitlines())
    assert "can be reached: repository 1 (volume) from 2026-11-26 12:00:01 UTC, until now" in told


def test_a_repository_that_cannot_be_used_says_why_in_the_list() -> None:
    told = "\n".join(
        plain(line) for line in backup_command.lines_of(state(kept(2, status="unusable", message="403 [x]")))
    )
    assert "repository 2 (bucket)  unusable: 403 [x]" in told


def test_a_drill_says_what_was_the_same_and_what_it_measured() -> None:
    told = [plain(line) for line in drill_command.lines_of(Evidence.model_validate(evidence()))]
    assert told[0] == f"✓ a restore is proven from backup {FIRST} of repository 1: 1 tables with 3 rows are the same"
    assert told[1].startswith("  RPO 31 s, RTO 8 s")


def test_a_drill_that_proves_nothing_says_why_and_which_tables_differ() -> None:
    table = {"name": "public.item", "rows": 3, "checksum": "1", "same": False}
    found = evidence(
        proven=False, reason="what was restored differs", tables=[table], rpo_seconds=None, rto_seconds=None
    )
    told = [plain(line) for line in drill_command.lines_of(Evidence.model_validate(found))]
    assert told[0].endswith("is not proven: what was restored differs")
    assert told[1:] == ["    public.item differs"]


def test_programs_get_all_that_was_told_also_what_is_not_known_here() -> None:
    told = Evidence.model_validate(evidence()).as_json()
    assert told["marker"] == {"before": "a", "after": "b"}
    assert told["tables"][0]["checksum"] == "17"
    assert State.model_validate(document()).as_json()["repositories"][0]["archive"]["from"]


def test_how_to_get_into_a_database_beside_the_live_one_is_said(stack: Stack) -> None:
    told = "\n".join(plain(line) for line in ways_in(stack, "look"))
    assert "label=grocery.workload=look" in told
    assert "./grocery restore --into look --remove" in told


def test_that_the_key_belongs_elsewhere_is_said_until_it_was_shown(stack: Stack) -> None:
    assert not repository.key_was_shown(stack)
    repository.note_key_shown(stack)
    assert repository.key_was_shown(stack)


@pytest.mark.parametrize(
    ("words", "printed", "reason"),
    [
        ("repository: full backup\nrepository: the disk is full\n", "", "full backup\nthe disk is full"),
        ("", '{"reason": "rows differ"}', "rows differ"),
        ("", "", "it ended with 1 and without a word"),
    ],
)
def test_the_reason_of_a_failure_is_the_programs_own_word(words: str, printed: str, reason: str) -> None:
    assert repository.reason(words, printed, 1) == reason


def test_an_image_says_which_postgresql_it_is() -> None:
    assert guards.major_of(["PATH=/usr/bin", "PG_MAJOR=17"]) == "17"
    assert guards.major_of(["PATH=/usr/bin"]) == ""


class Volumes:
    """An engine with these volumes, on which no container of the stack runs."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def inspect_volume(self, name: str) -> None:
        if name not in self._names:
            raise NotFound("no such volume")

    def inspect_image(self, reference: str) -> dict[str, Any]:
        return {"Config": {"Env": ["PG_MAJOR=17"]}}

    def containers(self, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return []


def test_a_stack_whose_volume_is_gone_is_not_begun_anew(stack: Stack) -> None:
    with pytest.raises(ConfigError, match="the database's volume is gone") as refusal:
        guards.check_data(stack, Volumes(), OUTPUTS)
    assert "local-postgres-data" in str(refusal.value.value)


def test_a_stack_that_was_never_up_or_is_meant_to_begin_anew_is_let_through(stack: Stack) -> None:
    guards.check_data(stack, Volumes(), {})
    guards.check_data(stack, Volumes("local-postgres-data"), OUTPUTS)
    (stack.root / "Pulumi.local.yaml").write_text(
        'config: {"grocery:settings": {postgres: {initialise_until: "2099-01-01T00:00:00Z"}}}'
    )
    guards.check_data(open_stack(LOCAL_STACK, stack.root), Volumes(), OUTPUTS)


def test_our_image_says_the_major_version_that_it_starts() -> None:
    root = Path(__file__).resolve().parents[2] / "images" / "postgres"
    assert "\nmajor=17\n" in (root / "entrypoint").read_text()
    assert "PG_MAJOR=17" in (root / "Dockerfile").read_text()
