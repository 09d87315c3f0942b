"""The state file: whole, private, sealed, and refused when it cannot be trusted."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from cli import local_engine
from cli.local_engine.errors import StackMissingError, StateError
from cli.local_engine.model import Pending, Resource
from cli.local_engine.state import State, Store
from cli.local_engine.wire import Secret

from .conftest import Stack

URN = "urn:pulumi:s::p::docker:index/secret:Secret::x"


def resource(value: str = "t0p", **more: object) -> Resource:
    inputs = {"data": Secret(value), "nested": {"list": [1, Secret({"deep": value})]}}
    return Resource(urn=URN, type="docker:index/secret:Secret", custom=True, id="1", inputs=inputs, **more)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state", "s", "passphrase")


def test_what_is_saved_is_read_back_the_same(store: Store) -> None:
    known = resource(dependencies=("a", "b"), property_dependencies={"data": ("a",)}, protect=True, unsettled=True)
    state = State(resources=[known, resource(delete=True)], pending=[Pending(kind="creating", resource=known)])
    store.save(state)
    again = Store(store.folder, "s", "passphrase").load()
    assert again == state


def test_secrets_are_sealed_and_the_file_is_private(store: Store) -> None:
    store.save(State(resources=[resource()]))
    assert "t0p" not in store.path.read_text()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_a_save_that_is_cut_off_leaves_the_old_state(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(State(resources=[resource("old")]))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match=r"No space left on device\. The last saved state is whole"):
        store.save(State())
    assert store.require() == State(resources=[resource("old")])


def test_the_previous_state_is_kept_as_a_backup(store: Store) -> None:
    store.save(State(resources=[resource("old")]))
    store.save(State(resources=[resource("new")]))
    store.backup.rename(store.path)
    assert store.require() == State(resources=[resource("old")])


def test_another_passphrase_is_refused_plainly(store: Store) -> None:
    store.save(State(resources=[resource()]))
    with pytest.raises(StateError, match="passphrase does not fit this state"):
        Store(store.folder, "s", "wrong").load()
    with pytest.raises(StateError, match="passphrase is empty"):
        Store(store.folder, "s", "").load()


@pytest.mark.parametrize("damage", ["truncated", "empty", "not json", "altered", "binary"])
def test_a_damaged_state_is_refused_with_the_way_to_the_last_good_copy(store: Store, damage: str) -> None:
    store.save(State())
    store.save(State(resources=[resource()]))
    text = store.path.read_text()
    damaged = {
        "truncated": text[: len(text) // 2],
        "empty": "",
        "not json": "hello",
        "altered": text.replace('"id": "1"', '"id": "2"'),
        "binary": "\udcff",
    }[damage]
    store.path.write_bytes(damaged.encode(errors="surrogateescape"))
    before = store.path.read_bytes()
    with pytest.raises(StateError, match=f"is damaged.*{store.backup}") as caught:
        store.load()
    assert caught.value.exit_code == 2
    assert store.path.read_bytes() == before, "a damaged file must be left as evidence"


def test_a_state_of_a_newer_release_is_refused(store: Store) -> None:
    store.save(State())
    document = json.loads(store.path.read_text())
    store.path.write_text(json.dumps({**document, "version": 99}))
    with pytest.raises(StateError, match=r"has format 99.*newer release"):
        store.load()


def test_a_state_of_another_stack_is_refused(store: Store) -> None:
    store.save(State())
    with pytest.raises(StateError, match="belongs to stack 's'"):
        Store(store.folder, "other", "passphrase").load()


def test_nothing_deployed_is_its_own_exit_code(offline: Stack) -> None:
    for ask in (local_engine.outputs, local_engine.refresh, local_engine.destroy):
        with pytest.raises(StackMissingError) as caught:
            ask(offline.project)
        assert caught.value.exit_code == 6


def test_renaming_rewrites_every_reference() -> None:
    other = Resource(
        urn="urn:other",
        type="t",
        custom=True,
        parent=URN,
        provider=f"{URN}::id",
        dependencies=(URN,),
        property_dependencies={"a": (URN,)},
    )
    state = State(resources=[resource(), other])
    state.rename(URN, "urn:new")
    assert URN not in str(state)
