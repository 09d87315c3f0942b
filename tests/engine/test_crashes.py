"""Killed, interrupted, or started twice: the next `up` converges, with nothing doubled and nothing orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.local_engine import Op
from cli.local_engine.errors import StateError

from .conftest import MakeStack, Stack, kill, wait_until

PROGRAM = "net = network(explicit=True)\nservice(networks=[net], secrets=[secret()])"
KINDS = ("networks", "secrets", "services")


def killed_at(stack: Stack, boundary: int, program: str) -> bool:
    """Kill an `up` at this boundary (see driver.py), then let the next one go through. Whether the kill came about."""
    stack.write(program)
    process = stack.start_up(str(boundary))
    output, _ = process.communicate(timeout=120)
    if process.returncode == 0:
        return False
    assert process.returncode == -signal.SIGKILL, output
    stack.up()
    for kind in KINDS:
        names = stack.world.names(kind)
        assert len(names) == 1, f"killed at boundary {boundary}, then: {kind} are {names}"
    state = stack.store.require()
    assert state.pending == []
    assert not [resource for resource in state.resources if resource.delete or resource.unsettled]
    assert stack.world.running("web"), f"killed at boundary {boundary}: the next up returned before the service ran"
    assert stack.ops(stack.preview()) == {}, f"killed at boundary {boundary}: not converged"
    stack.world.stop()
    return True


def test_killed_at_any_step_of_a_first_up_the_next_one_converges_without_orphans_or_doubles(
    make_stack: MakeStack,
) -> None:
    boundaries = range(1, 13)
    stacks = [make_stack() for _ in boundaries]
    with ThreadPoolExecutor(5) as pool:
        met = list(pool.map(lambda stack, boundary: killed_at(stack, boundary, PROGRAM), stacks, boundaries))
    # each of three objects: the intention, the object itself, the result
    assert sum(met) >= 3 * 3, f"only {sum(met)} boundaries were met; the faults are not where they should be"
    assert not met[-1], "there are more boundaries than were tried"


def test_killed_while_something_is_replaced_the_old_one_first_the_next_up_converges(make_stack: MakeStack) -> None:
    changed = PROGRAM.replace("explicit=True", "explicit=True, internal=True")

    def replaced(stack: Stack, boundary: int) -> bool:
        stack.up(PROGRAM)
        return killed_at(stack, boundary, changed)

    boundaries = [2, 4, 6, 8]
    stacks = [make_stack() for _ in boundaries]
    with ThreadPoolExecutor(5) as pool:
        assert all(pool.map(replaced, stacks, boundaries)), "an up came to its end before its boundary"


def test_killed_in_the_middle_of_an_update_the_next_up_applies_it_again_even_back_to_the_old_program(
    stack: Stack,
) -> None:
    stack.up("service(env={'VERSION': '1'})")
    stack.write("service(env={'VERSION': '2', 'DELAY': '20s'}, start_period='30s')")
    process = stack.start_up()
    wait_until(lambda: "VERSION=2" in str(stack.world.service("web")["Spec"]), "the update reaches Docker")
    kill(process)
    plan = stack.preview("service(env={'VERSION': '1'})")
    assert stack.ops(plan) == {"web": Op.UPDATE}, "the state says version 1, but Docker was told version 2"
    stack.up()
    assert "VERSION=1" in str(stack.world.service("web")["Spec"])
    assert stack.ops(stack.preview()) == {}


def test_the_program_does_not_outlive_a_killed_engine(stack: Stack) -> None:
    stack.write("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)")
    process = stack.start_up()
    pid_file = stack.project.root / "pid"
    wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", "the program runs")
    program = Path(f"/proc/{pid_file.read_text()}")
    kill(process)
    wait_until(lambda: not program.exists() or "Z" in (program / "stat").read_text().split()[2], "the program ends", 5)


def test_two_at_once_the_second_is_refused_and_a_dead_holder_is_no_obstacle(stack: Stack) -> None:
    stack.write("service(env={'DELAY': '4s'}, start_period='30s')")
    first = stack.start_up()
    wait_until(lambda: stack.world.names("services") != [], "the first up creates its service")
    with pytest.raises(StateError, match=rf"is being changed by process {first.pid} \(up\)"):
        stack.up()
    kill(first)
    stack.up()
    assert len(stack.world.names("services")) == 1


def interrupted(stack: Stack) -> subprocess.Popen[str]:
    first = "first = service(env={'DELAY': '3s'}, start_period='30s')"
    behind = "secret('behind', opts=ResourceOptions(depends_on=[first]))"
    stack.write(f"{first}\n{behind}")
    process = stack.start_up()
    wait_until(lambda: stack.world.names("services") != [], "the service is created")
    os.kill(process.pid, signal.SIGINT)
    return process


def test_ctrl_c_lets_running_operations_end_saves_them_and_starts_nothing_more(stack: Stack) -> None:
    process = interrupted(stack)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 8, output
    assert "press Ctrl-C again" in output
    assert f"finished create {stack.name}-web" in output, "the operation under way was cut off"
    assert set(stack.resources()) >= {"web"}
    assert stack.store.require().pending == []
    assert stack.world.names("secrets") == [], "something was begun after Ctrl-C"
    assert stack.ops(stack.up()) == {"behind": Op.CREATE}


def test_a_second_ctrl_c_stops_at_once_and_the_next_up_picks_up_what_was_begun(stack: Stack) -> None:
    process = interrupted(stack)
    assert process.stdout is not None
    while "press Ctrl-C again" not in process.stdout.readline():
        pass
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 8
    assert [pending.kind for pending in stack.store.require().pending] == ["creating"]
    made = stack.world.names("services")
    stack.up()
    assert stack.world.names("services") == made, "the service was made twice, or made anew"
