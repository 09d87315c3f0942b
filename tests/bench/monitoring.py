"""What watching the stack costs: memory, processors, series, disk."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.engine_host import Api
from tests.bench.footprint import processes_of, proportional
from tests.bench.report import Row, Section, aimed
from tests.bench.stand import Stand
from tests.e2e import watching

PARTS = (
    "prometheus",
    "alertmanager",
    "collector",
    "docker-filter",
    "node-exporter",
    "postgres-exporter",
    "nginx-exporter",
    "blackbox-exporter",
    "synthetic-user",
)
SETTLED_SECONDS = 60
MEASURED_SECONDS = 240
DAY = 86_400
BLOCKS_A_DAY = 12
"""Prometheus writes a block of its history every two hours."""
HISTORY = "/prometheus"


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of history: what its samples take, and what it takes to find them."""

    samples: int
    chunks: int
    index: int


def measure(stand: Stand) -> Section:
    """Leaves the stack unwatched, as the others want it."""
    with_monitoring = {"monitoring": {"enabled": True}}
    stand.checkout.configure(**with_monitoring)
    stand.checkout.up()
    try:
        return _measure(stand)
    finally:
        stand.checkout.configure(monitoring={"enabled": False})
        stand.checkout.up()


def _measure(stand: Stand) -> Section:
    time.sleep(SETTLED_SECONDS)
    with stand.api as api:
        began, before = time.monotonic(), _processor_seconds(stand, api)
        memory: dict[str, list[int]] = {name: [] for name in PARTS}
        while time.monotonic() - began < MEASURED_SECONDS:
            time.sleep(10)
            for name, size in _memory(stand, api).items():
                memory[name].append(size)
        passed, after = time.monotonic() - began, _processor_seconds(stand, api)
        cores = {name: (after[name] - before[name]) / passed for name in PARTS}
        # The largest seen counts: a limit has to be above it.
        sizes = {name: max(seen) for name, seen in memory.items()}
        block = _block(stand, api)
    with watching.prometheus(stand.checkout) as asked:
        series = asked.one("max(prometheus_tsdb_head_series)")
        samples = asked.one(f"sum(rate(prometheus_tsdb_head_samples_appended_total[{MEASURED_SECONDS}s]))")
        slowest = {
            found.labels["job"]: found.value
            for found in asked.query(
                f"topk(3, max by (job) (avg_over_time(scrape_duration_seconds[{MEASURED_SECONDS}s])))"
            )
        }
        by_job = {
            found.labels["job"]: found.value for found in asked.query("topk(5, sum by (job) (scrape_samples_scraped))")
        }
    day = samples * DAY * block.chunks / block.samples + BLOCKS_A_DAY * block.index
    return Section(
        title="Monitoring",
        rows=(
            aimed(
                "memory of all that watches",
                sum(sizes.values()) / 1e6,
                "MB",
                at_most=300,
                note="proportional set size of every process in its containers, each at its largest",
            ),
            aimed(
                "processor time of all that watches",
                sum(cores.values()) * 100,
                "% of a core",
                at_most=5,
                note=f"over {passed:.0f} s of a stack that the synthetic user alone uses; the engine's own work for "
                "those who ask it is not in it",
            ),
            _plain("series", series, ""),
            _plain("samples", samples, "a second"),
            _plain(
                "history",
                day / 1e6,
                "MB a day",
                f"{block.chunks / block.samples:.2f} bytes a sample and {block.index / 1e6:.2f} MB to find them, every "
                "two hours; measured in a block made of what there was",
            ),
            _plain("slowest scrape", max(slowest.values()) * 1000, "ms", ", ".join(_named(slowest, 1000, "ms"))),
        ),
        details=(
            "memory: " + ", ".join(_named(sizes, 1e-6, "MB")),
            "processor: " + ", ".join(_named(cores, 100, "%", digits=2)),
            "samples of a scrape: " + ", ".join(_named(by_job, 1, "")),
        ),
    )


def _plain(name: str, value: float, unit: str, note: str = "") -> Row:
    return Row(name=name, ours=value, unit=unit, note=note)


def _named(figures: Mapping[str, float], factor: float, unit: str, *, digits: int = 0) -> Iterable[str]:
    """Largest first."""
    for name, value in sorted(figures.items(), key=lambda item: -item[1]):
        yield f"{name} {value * factor:.{digits}f} {unit}".rstrip()


def _memory(stand: Stand, api: Api) -> dict[str, int]:
    found = stand.containers(api)
    return {name: sum(proportional(process) for process in processes_of(api.top(found[name]["Id"]))) for name in PARTS}


def _processor_seconds(stand: Stand, api: Api) -> dict[str, float]:
    """Since each container started, its health checks included."""
    found = stand.containers(api)
    return {
        name: api.stats(found[name]["Id"], stream=False)["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        for name in PARTS
    }


def _block(stand: Stand, api: Api) -> Block:
    """A second Prometheus, with nothing to ask, makes a block of a copy of the history, as the first one will in two
    hours."""
    container = stand.containers(api)["prometheus"]
    stream, _ = api.get_archive(container["Id"], HISTORY)
    copy = b"".join(stream)
    command = [
        "/usr/bin/prometheus",
        "--config.file=/tmp/none.yml",
        f"--storage.tsdb.path={HISTORY}",
        "--web.enable-admin-api",
        "--web.listen-address=127.0.0.1:9090",
    ]
    script = f"rm -f {HISTORY}/lock; echo '{{}}' > /tmp/none.yml; exec {' '.join(command)}"
    made = api.create_container(
        container["Image"],
        ["-c", script],
        entrypoint="/bin/sh",
        labels={},
        host_config=api.create_host_config(network_mode="none"),
    )["Id"]
    try:
        api.put_archive(made, "/", copy)
        api.start(made)
        ask = "wget -q -T 60 -O - --post-data= http://127.0.0.1:9090/api/v1/admin/tsdb/snapshot"
        until = time.monotonic() + 120
        while (told := _execute(api, made, ask)) is None:
            if time.monotonic() > until:
                raise RuntimeError(f"the copy of the history does not come up: {api.logs(made, tail=5).decode()}")
            time.sleep(1)
        name = json.loads(told)["data"]["name"]
        stream, _ = api.get_archive(made, f"{HISTORY}/snapshots/{name}")
        return _measured(b"".join(stream))
    finally:
        api.remove_container(made, force=True, v=True)


def _execute(api: Api, container: str, command: str) -> str | None:
    """What it printed; None when it failed."""
    execution = api.exec_create(container, ["/bin/sh", "-c", command], stderr=False)["Id"]
    said: bytes = api.exec_start(execution)
    return said.decode() if api.exec_inspect(execution)["ExitCode"] == 0 else None


def _measured(archive: bytes) -> Block:
    samples = chunks = index = 0
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for entry in opened:
            if entry.name.endswith("/meta.json"):
                content = opened.extractfile(entry)
                document: Any = json.load(content) if content else {}
                samples += int(document["stats"]["numSamples"])
            elif "/chunks/" in entry.name:
                chunks += entry.size
            elif entry.name.endswith("/index"):
                index += entry.size
    return Block(samples=samples, chunks=chunks, index=index)
