"""A workload that would be insecure, or could never be updated, cannot be written down."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from components.capacity import CORE, MIB, CapacityError, Size, check, sizes
from components.workload import (
    Attachment,
    ConfigFile,
    EngineSocket,
    Health,
    Metrics,
    NetworkName,
    NoMetrics,
    PublishedPort,
    SecretFile,
    StartFirst,
    StopFirst,
    Tmpfs,
    VolumeMount,
    Workload,
    Writable,
    converge_seconds,
    go_duration,
    watched,
)
from rendering.monitoring.watched import Endpoint, Indicator, Watched
from settings import load
from tests.unit.recording import IMAGE, stack_settings

SMALL = Size(memory=64 * MIB, reserved=32 * MIB, cpu=CORE, cpu_reserved=CORE // 10)
APP = Attachment(network=NetworkName.APP, id="app-id")
EDGE = Attachment(network=NetworkName.EDGE, id="edge-id")
MONITORING = Attachment(network=NetworkName.MONITORING, id="monitoring-id")
SOCKET = EngineSocket(path="/var/run/docker.sock", because="it is the one that asks")
FIGURE = Indicator(title="Answers", expr="up", unit="bool")


def workload(**changes: Any) -> Workload:  # noqa: ANN401 - fields of every type
    """A sound stop-first workload, with some fields changed."""
    sound: dict[str, Any] = {
        "name": "thing",
        "image": IMAGE,
        "size": SMALL,
        "health": Health(start_period=10),
        "networks": (APP,),
        "update": StopFirst(because="there is only one"),
        "metrics": NoMetrics(because="it has no figures"),
        "stop_grace": 10,
        "env": {},
    }
    return Workload(**sound | changes)


def test_a_sound_workload_is_accepted() -> None:
    assert workload(env={"LOG_LEVEL": "info"}, secrets=(SecretFile(name="PASSWORD", value="x"),)).name == "thing"


def test_it_demands_everything_a_safe_service_needs() -> None:
    required = {
        field.name
        for field in dataclasses.fields(Workload)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    assert required == {
        "name", "image", "size", "health", "networks", "update", "metrics", "stop_grace", "env",
    }  # fmt: skip


@pytest.mark.parametrize("insecure", ["user", "cap_adds", "privileged", "read_only", "init", "hosts", "sysctl"])
def test_what_would_weaken_it_is_not_a_field(insecure: str) -> None:
    assert insecure not in {field.name for field in dataclasses.fields(Workload)}


def test_it_cannot_be_weakened_after_it_was_judged() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        workload().image = "nginx:latest"  # type: ignore[misc]


def test_its_fields_are_named_by_the_caller() -> None:
    with pytest.raises(TypeError):
        Workload("thing", IMAGE)  # type: ignore[call-arg]


@pytest.mark.parametrize("exception", [StopFirst, NoMetrics, Writable])
@pytest.mark.parametrize("because", ["", "   ", "yes", "no reason"])
def test_an_exception_without_a_reason_is_refused(exception: Any, because: str) -> None:  # noqa: ANN401 - a class
    with pytest.raises(ValueError, match="carries its reason"):
        exception(because=because)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": "nginx:1.30"}, "names no fixed content"),
        ({"image": "nginx:latest"}, "names no fixed content"),
        ({"image": "nginx"}, "names no fixed content"),
        ({"networks": ()}, "joins no network"),
        ({"name": "Bad Name"}, "lower-case"),
        ({"ports": (PublishedPort(name="p", target=1, published=1),)}, "only a member of the network edge"),
        (
            {
                "ports": (PublishedPort(name="p", target=1, published=1),),
                "networks": (EDGE,),
                "update": StartFirst(),
                "size": dataclasses.replace(SMALL, start_first=True),
            },
            "cannot hold the same port",
        ),
        ({"update": StartFirst()}, "another order of updates"),
        ({"size": dataclasses.replace(SMALL, start_first=True)}, "another order of updates"),
        ({"volumes": (VolumeMount(volume="v", path="/data"),)}, "pinned"),
        ({"size": dataclasses.replace(SMALL, pinned=True)}, "pinned"),
        ({"env": {"DB_PASSWORD": "x"}}, "use a SecretFile"),
        ({"env": {"API_TOKEN": "x"}}, "use a SecretFile"),
        ({"engine": SOCKET}, "only the network monitoring"),
        ({"engine": SOCKET, "networks": (MONITORING, APP)}, "only the network monitoring"),
        ({"engine": SOCKET, "networks": (MONITORING,), "secrets": (SecretFile(name="A", value="x"),)}, "nothing else"),
        ({"engine": SOCKET, "networks": (MONITORING,), "root": Writable(because="it writes there")}, "nothing else"),
        ({"scratch": (Tmpfs(path="/tmp", size=1),)}, "mounted twice"),
        ({"configs": (ConfigFile(path="/a", content="1"), ConfigFile(path="/a", content="2"))}, "mounted twice"),
        ({"configs": (ConfigFile(path="/a/c", content="1"), ConfigFile(path="/b/c", content="2"))}, "be called c"),
    ],
)
def test_a_combination_that_cannot_be_safe_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        workload(**changes)


@pytest.mark.parametrize("field", ["start_period", "interval", "timeout", "retries"])
def test_a_health_check_that_never_runs_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        dataclasses.replace(Health(start_period=10), **{field: 0})  # type: ignore[arg-type]


def test_a_health_check_has_a_command() -> None:
    with pytest.raises(ValueError, match="needs a command"):
        Health(command=(), start_period=10)


def test_figures_are_declared_with_those_that_tell_how_it_does() -> None:
    metrics = Metrics(port=3001, indicators=(FIGURE,))
    assert metrics.path == "/metrics"
    with pytest.raises(ValueError, match="name the indicators"):
        Metrics(port=3001, indicators=())


def test_monitoring_knows_of_a_workload_what_it_was_given() -> None:
    scraped = watched(workload(metrics=Metrics(port=3001, path="/m", indicators=(FIGURE,))))
    assert scraped == Watched(
        name="thing",
        replicas=1,
        memory=64 * MIB,
        cores=1.0,
        endpoint=Endpoint(port=3001, path="/m"),
        indicators=(FIGURE,),
    )
    silent = watched(workload())
    assert (silent.endpoint, silent.unscraped) == (None, "it has no figures")


def test_the_engine_is_a_path_of_the_host_with_a_reason() -> None:
    assert workload(engine=SOCKET, networks=(MONITORING,)).engine == SOCKET
    with pytest.raises(ValueError, match="absolute path"):
        EngineSocket(path="docker.sock", because="it is the one that asks")
    with pytest.raises(ValueError, match="carries its reason"):
        EngineSocket(path="/docker.sock", because="")


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (5, "5s"), (60, "1m"), (90, "1m30s"), (3600, "1h"), (3605, "1h5s"), (3660, "1h1m"), (5400, "1h30m")],
)
def test_durations_are_written_as_the_provider_reads_them_back(seconds: int, text: str) -> None:
    assert go_duration(seconds) == text


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        go_duration(-1)


def test_an_update_of_more_replicas_may_take_longer() -> None:
    health = Health(start_period=20)
    one, three = (converge_seconds(health, stop_grace=10, replicas=count) for count in (1, 3))
    assert three - one == 2 * (20 + 5 * (2 + 3) + 5 + 10), "two tasks more, one after the other"


def test_a_longer_start_is_waited_for() -> None:
    short, long = (converge_seconds(Health(start_period=period), stop_grace=10, replicas=1) for period in (10, 310))
    assert long - short == 600, "once for the new version, once for the rollback"


# --- capacity --------------------------------------------------------------------------------------------------------


def size(memory: int, **changes: Any) -> Size:  # noqa: ANN401 - fields of every type
    return Size(**{"memory": memory, "reserved": memory, "cpu": CORE, "cpu_reserved": CORE // 10} | changes)


def test_what_fits_exactly_is_accepted() -> None:
    check({"a": size(60 * MIB), "b": size(40 * MIB)}, nodes=1, node_memory=100 * MIB)


def test_one_mebibyte_too_much_is_refused_with_the_sum_and_the_largest() -> None:
    with pytest.raises(CapacityError, match=r"100 MiB .* 101 MiB would be reserved \(largest: a 61 MiB, b 40 MiB\)"):
        check({"a": size(61 * MIB), "b": size(40 * MIB)}, nodes=1, node_memory=100 * MIB)


def test_the_second_task_of_an_update_needs_room_too() -> None:
    parts = {"a": size(60 * MIB), "b": size(30 * MIB, start_first=True)}
    check(parts, nodes=1, node_memory=120 * MIB)
    with pytest.raises(CapacityError, match="30 MiB of it for a second task during updates"):
        check(parts, nodes=1, node_memory=119 * MIB)


def test_replicas_count_each() -> None:
    with pytest.raises(CapacityError, match="a 90 MiB"):
        check({"a": size(30 * MIB, replicas=3)}, nodes=1, node_memory=80 * MIB)


def test_a_limit_above_the_node_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(CapacityError, match=r"zero-cache may use 200 MiB .* lower zero_cache\.memory"):
        check({"zero-cache": size(200 * MIB, reserved=MIB)}, nodes=4, node_memory=100 * MIB)
    with pytest.raises(CapacityError, match=r"lower monitoring\.prometheus_memory"):
        check({"prometheus": size(200 * MIB, reserved=MIB)}, nodes=4, node_memory=100 * MIB)


def test_more_nodes_hold_more_but_not_of_what_is_pinned() -> None:
    check({"a": size(60 * MIB), "b": size(60 * MIB)}, nodes=2, node_memory=100 * MIB)
    with pytest.raises(CapacityError, match="the node with the data volumes"):
        check({"a": size(60 * MIB, pinned=True), "b": size(60 * MIB, pinned=True)}, nodes=2, node_memory=100 * MIB)


@pytest.mark.parametrize("stack", ["local", "staging", "prod"])
def test_the_stacks_fit_into_what_they_are_given(stack: str) -> None:
    settings = load(stack_settings(stack))
    check(sizes(settings).by_name(), nodes=settings.target.nodes, node_memory=settings.target.memory)


def test_what_watches_is_small_beside_what_is_watched_and_absent_when_nobody_watches() -> None:
    watched, alone = sizes(load({})).by_name(), sizes(load({"monitoring": {"enabled": False}})).by_name()
    added = {name: size for name, size in watched.items() if name not in alone}
    assert {name: size for name, size in watched.items() if name in alone} == alone
    assert "prometheus" in added
    assert sum(size.reserved for size in added.values()) < sum(size.reserved for size in alone.values()) // 2


def test_a_reservation_above_its_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="within the limit"):
        Size(memory=MIB, reserved=2 * MIB, cpu=CORE, cpu_reserved=1)


def test_settings_that_do_not_fit_are_refused_before_anything_is_registered() -> None:
    import pulumi

    from tests.unit.recording import record

    with pytest.raises(pulumi.RunError, match=r"raise target\.memory"):
        record("local", {"target": {"memory": "1GiB"}}, preview=True)
