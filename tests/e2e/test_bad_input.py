"""What a person may get wrong, or find in the way: a clear error with the way out, before anything changes."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeCheckout
from tests.support.checkout import Checkout, Run
from tests.support.looking import services, until


@pytest.fixture(scope="module")
def untouched(make_checkout: MakeCheckout) -> Checkout:
    """A stack that was never up, and must not be after any of these."""
    return make_checkout()


@pytest.fixture
def stack(untouched: Checkout) -> Iterator[Checkout]:
    """The same stack for each test, its settings put back afterwards."""
    settings = untouched.file.read_text()
    yield untouched
    untouched.file.write_text(settings)
    with untouched.api() as api:
        assert services(api, untouched.stack) == {}, "nothing was changed"
    assert not (untouched.state_dir / "state.json").exists(), "nothing was changed"


def refused(stack: Checkout, *, saying: tuple[str, ...], code: int = 2) -> Run:
    run = stack.up(expect=code)
    assert "next" in run.err, f"the way out is named:\n{run.err}"
    for words in saying:
        assert words in run.err, f"expected {words!r} in:\n{run.err}"
    assert "Traceback" not in run.err
    return run


def test_a_misspelt_setting_is_refused_with_its_path_and_a_guess(stack: Checkout) -> None:
    stack.configure(edge={"htps_port": 9443})
    refused(stack, saying=("edge.htps_port", "did you mean https_port"))


def test_a_setting_of_the_wrong_type_is_refused_with_its_path(stack: Checkout) -> None:
    stack.configure(edge={"https_port": "many"})
    refused(stack, saying=("edge.https_port", "many"))


def test_more_memory_than_the_machine_has_is_refused(stack: Checkout) -> None:
    stack.configure(target={"memory": "900TiB"})
    refused(stack, saying=("target.memory", "config set target.memory"))


def test_a_port_that_somebody_holds_is_refused_with_the_holder(stack: Checkout) -> None:
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))  # noqa: S104 - as any server would
        holder.listen()
        port = holder.getsockname()[1]
        stack.configure(edge={"https_port": port})
        refused(stack, saying=(f"port {port} is in use", "edge.https_port", "process"))


def test_a_port_of_another_stack_is_refused_with_its_name(stack: Checkout, running: Checkout) -> None:
    port = running.settings["edge"]["https_port"]
    stack.configure(edge={"https_port": port})
    refused(stack, saying=(f"port {port} is in use", f"{running.stack}-edge"))


def test_an_image_that_does_not_exist_is_refused_with_its_key(stack: Checkout) -> None:
    missing = f"localhost:1/nobody/built-this@sha256:{'0' * 64}"
    stack.configure(auth_server={"image": missing})
    refused(stack, saying=("auth_server.image", missing))


def test_an_engine_that_does_not_answer_is_refused_with_its_address(stack: Checkout, tmp_path: Path) -> None:
    stack.configure(target={"host": f"unix://{tmp_path}/nobody.sock"})
    refused(stack, saying=("no Docker engine answers", f"{tmp_path}/nobody.sock"))


def test_a_stack_that_does_not_exist_has_an_exit_code_of_its_own(stack: Checkout) -> None:
    run = stack.called("nowhere").up(expect=6)
    assert "there is no stack nowhere" in run.err
    assert "local" in run.err, "it says which there are"


def test_staging_and_prod_need_pulumi(stack: Checkout) -> None:
    for name in ("staging", "prod"):
        run = stack.called(name).preview(expect=2)
        assert "needs pulumi" in run.err


def test_without_a_person_to_ask_nothing_is_done_but_by_yes(stack: Checkout) -> None:
    run = stack.run("up", expect=8)
    assert "--yes" in run.err


def test_a_second_writer_is_refused_while_the_first_is_at_it(make_checkout: MakeCheckout) -> None:
    stack = make_checkout()
    first = stack.start("up", "--yes")
    until(lambda: (stack.state_dir / "command.lock").exists(), "the first has begun", seconds=60)
    began = time.monotonic()
    second = stack.up(expect=2)
    assert "another command is changing stack" in second.err
    assert f"process {first.pid}" in second.err, "it says who"
    assert time.monotonic() - began < 10, "it does not wait"
    first.communicate()
    assert first.returncode == 0, "the first is not disturbed"
    stack.remove()


@pytest.fixture
def state(running: Checkout) -> Iterator[Path]:
    """The state file of the running stack, put back afterwards."""
    path = running.state_dir / "state.json"
    saved = path.read_bytes()
    yield path
    path.write_bytes(saved)


def test_a_damaged_state_is_refused(running: Checkout, state: Path) -> None:
    state.write_text(state.read_text()[:-200])
    run = running.up(expect=2)
    assert "state.json" in run.err
    assert "Traceback" not in run.err


def test_a_state_of_a_newer_release_is_refused(running: Checkout, state: Path) -> None:
    document = json.loads(state.read_text())
    document["version"] += 1
    state.write_text(json.dumps(document))
    run = running.up(expect=2)
    assert "newer" in run.err


def test_a_lost_passphrase_is_refused_and_not_replaced(running: Checkout, state: Path) -> None:
    file = running.root / ".local" / "passphrase"
    saved = file.read_text()
    file.unlink()
    try:
        run = running.up(expect=2)
        assert "passphrase" in run.err
        assert not file.exists(), "a new one would only hide the loss"
    finally:
        file.write_text(saved)
        file.chmod(0o600)


def test_a_wrong_passphrase_is_refused(running: Checkout, state: Path) -> None:
    file = running.root / ".local" / "passphrase"
    saved = file.read_text()
    file.write_text("not the one\n")
    try:
        run = running.up(expect=2)
        assert "passphrase" in run.err
    finally:
        file.write_text(saved)


def test_the_other_engine_is_refused_with_the_way_over(running: Checkout) -> None:
    owner = running.state_dir / "engine"
    saved = owner.read_text()
    owner.write_text("pulumi\n")
    try:
        run = running.up(expect=2)
        assert "belongs to pulumi" in run.err
    finally:
        owner.write_text(saved)
