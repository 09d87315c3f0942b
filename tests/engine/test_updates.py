"""What an `up` does to real objects, program after program."""

from __future__ import annotations

import pytest

from cli import local_engine
from cli.local_engine import LocalEngineError, Op
from cli.local_engine.errors import OperationError, UsageError
from cli.local_engine.wire import Secret

from .conftest import MakeStack, Stack

WEB = "net = network()\nservice(networks=[net], secrets=[secret()])"


def test_a_second_up_of_the_same_program_changes_nothing(stack: Stack) -> None:
    first = stack.up(WEB + "\npulumi.export('answer', 42)")
    assert stack.ops(first) == {"net": Op.CREATE, "secret": Op.CREATE, "web": Op.CREATE}
    assert first.outputs == {"answer": 42}
    tasks = stack.world.running("web")
    assert len(tasks) == 1, "up returned before the service ran"
    second = stack.up()
    assert stack.ops(second) == {}, "the same program must not touch anything"
    assert stack.world.running("web") == tasks, "an unchanged service was restarted"


def test_a_changed_environment_updates_in_place_and_the_old_task_serves_until_then(stack: Stack) -> None:
    stack.up("service(env={'VERSION': '1'})")
    before = stack.world.service("web")["ID"]
    result = stack.up("service(env={'VERSION': '2'})")
    assert stack.ops(result) == {"web": Op.UPDATE}
    after = stack.world.service("web")
    assert after["ID"] == before, "an update must keep the service"
    assert after["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] == ["DELAY=0s", "VERSION=2"], "Env is sorted"
    assert after["UpdateStatus"]["State"] == "completed", "up returned before the update came to its end"


def test_a_label_or_the_number_of_replicas_changes_without_restarting_a_task(stack: Stack) -> None:
    stack.up("service(label='x')")
    (task,) = stack.world.running("web")
    result = stack.up("service(label='y', replicas=2)")
    assert stack.ops(result) == {"web": Op.UPDATE}
    running = stack.world.running("web")
    assert task in running, "the first task was restarted"
    assert len(running) == 2, "the second replica was not awaited"


def test_rotation_makes_the_new_secret_first_and_deletes_the_old_one_last(stack: Stack) -> None:
    program = "service(secrets=[secret(value=password(generation={}).result)])"
    stack.up(program.format(1))
    old = stack.world.names("secrets")
    result = stack.up(program.format(2))
    assert stack.ops(result) == {"password": Op.REPLACE, "secret": Op.REPLACE, "web": Op.UPDATE}
    # the old password exists in the state only, so it may go at any time after the program
    order = [item for item in stack.started() if item != (Op.DELETE, "password")]
    assert order == [
        (Op.REPLACE, "password"),
        (Op.REPLACE, "secret"),
        (Op.UPDATE, "web"),
        (Op.DELETE, "secret"),
    ]
    new = stack.world.names("secrets")
    assert len(new) == 1, "the old secret was left behind"
    assert new != old, "the secret kept its name although its content changed"


def test_an_explicitly_named_network_takes_its_services_down_before_it_is_replaced(stack: Stack) -> None:
    program = (
        "net = network(explicit=True{})\n"
        "service(networks=[net])\n"
        "service('apart')\n"
        "service('fixed', explicit=True, networks=[net])"
    )
    stack.up(program.format(""))
    apart = stack.world.running("apart")
    changed = program.format(", internal=True")
    expected = {"net": Op.REPLACE, "web": Op.REPLACE, "fixed": Op.REPLACE}
    plan = stack.preview(changed)
    assert stack.ops(plan) == expected, "the preview must show the cascade"
    reasons = {step.name.removeprefix(f"{stack.name}-"): step.reasons for step in plan.steps}
    assert reasons["net"] == ("internal",)
    assert "taskSpec.networksAdvanceds[0].id" in reasons["web"], (
        f"a preview names the nested path, not {reasons['web']}"
    )
    assert stack.ops(stack.up(changed)) == expected
    assert stack.world.names("networks") == [f"{stack.name}-net"]
    assert len(stack.world.names("services")) == 3
    assert stack.world.running("apart") == apart, "a service outside the cascade was touched"


def test_what_the_program_drops_is_deleted_after_everything_else_dependents_first(stack: Stack) -> None:
    stack.up(f"{WEB}\nservice('other', networks=[network('second')])")
    result = stack.up(WEB.replace("service(", "service(env={'VERSION': '2'}, "))
    assert stack.ops(result) == {"web": Op.UPDATE, "other": Op.DELETE, "second": Op.DELETE}
    assert stack.started() == [(Op.UPDATE, "web"), (Op.DELETE, "other"), (Op.DELETE, "second")]
    assert not [name for name in stack.world.everything() if "other" in name or "second" in name]


def test_a_bad_update_is_rolled_back_reported_with_its_words_and_leaves_the_old_one_serving(stack: Stack) -> None:
    good = "service(env={'VERSION': '1'})\nsecret('old')"
    stack.up(good)
    serving = stack.world.running("web")
    bad = (
        "first = service(env={'VERSION': '2', 'BROKEN': '1'})\n"
        "secret('behind', opts=ResourceOptions(depends_on=[first]))"
    )
    with pytest.raises(OperationError) as caught:
        stack.up(bad)
    text = str(caught.value)
    assert caught.value.exit_code == 1
    assert "rolled back" in text
    assert "cannot find its marbles" in text, f"the failing service's log lines are missing: {text}"
    assert "broken on purpose" in text, f"its health check's output is missing: {text}"
    assert "still serving: 1 of 1" in text, f"whether the old version serves is missing: {text}"
    assert stack.world.running("web") == serving, "the old task did not serve throughout"
    names = stack.world.names("secrets")
    assert len(names) == 1, f"something was deleted, or made behind the failure: {names}"
    assert "-old-" in names[0]
    assert stack.resources()["web"].inputs["taskSpec"]["containerSpec"]["env"]["VERSION"] == "1"
    assert stack.ops(stack.preview(bad))["web"] is Op.UPDATE, "the next preview must show the update again"
    assert stack.ops(stack.preview(good)) == {}, "after a rollback the old program is in force"


def test_a_service_that_never_comes_up_is_removed_again_and_the_rest_stays(stack: Stack) -> None:
    program = "net = network()\nservice(env={}, networks=[net], timeout='6s')"
    with pytest.raises(OperationError) as caught:
        stack.up(program.format("{'BROKEN': '1'}"))
    text = str(caught.value)
    assert "0 of 1 replicas came up in 6s" in text
    assert "cannot find its marbles" in text, f"the failing service's log lines are missing: {text}"
    assert stack.world.names("services") == [], "the broken service was left behind"
    assert len(stack.world.names("networks")) == 1, "what had succeeded must stay"
    assert stack.ops(stack.up(program.format("{}"))) == {"web": Op.CREATE}, "the next up goes on where this one stopped"


def test_a_replacement_that_never_comes_up_leaves_the_one_it_was_to_replace_serving(stack: Stack) -> None:
    program = "net = network()\nservice(env={{{}}}, networks=[{}], timeout='4s')"
    stack.up(program.format("", ""))
    serving = stack.world.running("web")
    with pytest.raises(OperationError, match="the one it was to replace still serves"):
        stack.up(program.format("'BROKEN': '1'", "net"))
    assert stack.world.running("web") == serving
    assert stack.ops(stack.preview(program.format("", ""))) == {}


def test_a_service_removed_by_hand_is_reported_with_the_way_out(stack: Stack) -> None:
    stack.up("service(explicit=True, label='x')")
    stack.world.client.remove_service(f"{stack.name}-web")  # type: ignore[no-untyped-call]
    with pytest.raises(OperationError, match=r"not found; `refresh` takes that over"):
        stack.up("service(explicit=True, label='y')")
    local_engine.refresh(stack.project)
    assert stack.ops(stack.up()) == {"web": Op.CREATE}


def test_protected_resources_are_neither_replaced_nor_deleted(stack: Stack) -> None:
    kept = "volume('data', explicit=True, opts=ResourceOptions(protect={}))"
    stack.up(kept.format(True))
    with pytest.raises(UsageError, match=r"data is protected and would be deleted.*protect=False"):
        stack.up("pass")
    with pytest.raises(LocalEngineError, match="data is protected and would be replaced"):
        stack.up(kept.format(True).replace("explicit=True", "explicit=True, labels={'a': 'b'}"))
    assert stack.world.names("volumes") == [f"{stack.name}-data"]
    assert stack.ops(stack.up(kept.format(False))) == {}, "changing an option is no operation"
    assert not stack.resources()["data"].protect
    assert stack.ops(stack.up("pass")) == {"data": Op.DELETE}
    assert stack.world.names("volumes") == []


def test_a_changed_option_is_saved_even_when_something_else_fails(stack: Stack) -> None:
    kept = "v = volume('data', opts=ResourceOptions(protect={}))\n"
    stack.up(kept.format(True))
    with pytest.raises(OperationError):
        stack.up(kept.format(False) + "service(env={'BROKEN': '1'}, timeout='2s', volumes=[v])")
    assert not stack.resources()["data"].protect


def test_retained_resources_are_forgotten_not_deleted(stack: Stack) -> None:
    stack.up("volume('data', explicit=True, opts=ResourceOptions(retain_on_delete=True))")
    assert stack.ops(stack.up("pass")) == {"data": Op.FORGET}
    assert "data" not in stack.resources()
    assert stack.world.names("volumes") == [f"{stack.name}-data"], "a retained volume was deleted"
    assert stack.ops(stack.up("volume('data', explicit=True)")) == {"data": Op.CREATE}, "Docker hands it out again"


def test_an_alias_renames_without_touching_the_object_also_below_a_renamed_component(stack: Stack) -> None:
    component = """
        class Part(pulumi.ComponentResource):
            def __init__(self, name, opts=None):
                super().__init__("tests:index:Part", name, None, opts)
                self.net = network(f"{name}-net", opts=ResourceOptions(parent=self))
        """
    stack.up(
        component + "part = Part('one')\nservice(networks=[part.net])\nconfig('before')".replace("\n", "\n        ")
    )
    tasks, objects = stack.world.running("web"), stack.world.everything()
    renamed = (
        "part = Part('two', opts=ResourceOptions(aliases=[pulumi.Alias(name='one')]))\n"
        "service(networks=[part.net], opts=ResourceOptions(aliases=[pulumi.Alias(name=S + '-web')]))\n"
        "config('after', opts=ResourceOptions(aliases=[pulumi.Alias(name=S + '-before')]))"
    )
    moved = component.replace(
        "opts=ResourceOptions(parent=self)",
        "opts=ResourceOptions(parent=self, aliases=[pulumi.Alias(name=S + '-one-net')])",
    )
    result = stack.up(moved + renamed.replace("\n", "\n        "))
    assert stack.ops(result) == {}, "a rename must not touch anything"
    assert stack.world.everything() == objects
    assert stack.world.running("web") == tasks
    names = set(stack.resources())
    assert {"after", "two-net"} <= names
    assert not {"before", "one-net"} & names
    state = stack.store.require()
    known = {resource.urn for resource in state.resources}
    dangling = [urn for resource in state.resources for urn in resource.needs() if urn not in known]
    assert dangling == [], "the state refers to URNs that no longer exist"


def test_ignored_changes_are_ignored_also_inside_a_nested_property(stack: Stack) -> None:
    program = (
        "a, b = network('a'), network('b')\n"
        "ignored = ['taskSpec.networksAdvanceds', 'taskSpec.containerSpec.env.VERSION']\n"
        "service(networks=[{}], env={{'VERSION': '{}'}}, label='{}', opts=ResourceOptions(ignore_changes=ignored))"
    )
    stack.up(program.format("a", "1", "x"))
    targets = stack.world.service("web")["Spec"]["TaskTemplate"]["Networks"]
    assert stack.ops(stack.preview(program.format("a, b", "2", "x"))) == {}
    assert stack.ops(stack.up(program.format("a, b", "2", "y"))) == {"web": Op.UPDATE}, "other changes are still made"
    spec = stack.world.service("web")["Spec"]
    assert spec["Labels"] == {"label": "y"}
    assert spec["TaskTemplate"]["Networks"] == targets
    assert "VERSION=1" in spec["TaskTemplate"]["ContainerSpec"]["Env"]


def test_replace_on_changes_makes_a_new_object_of_an_update(stack: Stack) -> None:
    program = "service(label='{}', opts=ResourceOptions(replace_on_changes=['labels'], delete_before_replace={}))"
    stack.up(program.format("x", True))
    old = stack.world.service("web")["ID"]
    plan = stack.preview(program.format("y", True))
    (step,) = [step for step in plan.steps if step.op is Op.REPLACE]
    assert step.delete_first
    assert step.reasons == ("labels[0].value",)
    stack.up()
    assert stack.world.service("web")["ID"] != old
    stack.up(program.format("z", False))
    assert len(stack.world.names("services")) == 1, "the replaced service was not deleted at the end"


def test_explicit_names_are_not_taken_over_from_somebody_else(make_stack: MakeStack) -> None:
    one, two = make_stack(), make_stack()
    one.up("network(explicit=True)")
    taken = f"docker.Network('n', name='{one.name}-net', driver='overlay', opts=on(docker_provider))"
    with pytest.raises(OperationError, match=f"'{one.name}-net' exists already and was not made by this stack"):
        two.up(taken)
    two.up("pass")
    assert one.world.names("networks") == [f"{one.name}-net"], "somebody else's network was deleted"


def test_outputs_declared_secret_are_sealed_masked_and_secret_downstream(stack: Stack) -> None:
    program = """
        p = password(opts=ResourceOptions(additional_secret_outputs=["keepers"]))
        pulumi.export("password", p.result)
        pulumi.export("keepers", p.keepers)
        pulumi.export("open", p.length)
        """
    plan = stack.preview(program)
    assert plan.changes
    outputs = stack.up().outputs
    assert isinstance(outputs["password"], Secret)
    assert isinstance(outputs["keepers"], Secret), "additional_secret_outputs was not honoured"
    assert outputs["open"] == 24
    assert outputs["password"].value not in stack.saved(), "a secret lies open in the state"
    assert '"generation"' in stack.saved(), "keepers is an input too, which the program gave in plain"
