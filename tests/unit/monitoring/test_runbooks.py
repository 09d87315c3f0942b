"""Whoever is woken finds a page, and on it what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rendering.monitoring.alerts import alerts
from rendering.monitoring.alerts.alert import Alert, kebab
from rendering.monitoring.alerts.workloads import alerts as alerts_of
from rendering.monitoring.rules import alert_annotations
from rendering.monitoring.watched import Endpoint, Watched
from settings import json_schema
from tests.support import runbook
from tests.unit.monitoring.scopes import EVERYTHING, PLAIN
from tests.unit.recording import ROOT, SERVICE, record, stack_settings

RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ("What it means", "How to look", "How to mend")
PAGES = sorted(RUNBOOKS.glob("*.md"))
STEPS = ("When", "How to look", "What to do", "Afterwards")


def workloads() -> list[tuple[str, bool]]:
    """Names of every workload that any stack may have, and whether it has a metrics endpoint."""
    found = {}
    for stack in ("local", "prod"):
        recording = record(stack, stack_settings(stack), preview=False)
        endpoints = recording.exports["workloads"]
        for service in recording.of_type(SERVICE):
            (name,) = (label["value"] for label in service.inputs["labels"] if label["label"] == "grocery.workload")
            found[name] = endpoints[name]["metrics"] is not None
    # Off unless the settings name an image that this repository does not build.
    return sorted({**found, "grafana": True}.items())


WORKLOADS = workloads()


def derived() -> list[Alert]:
    found: list[Alert] = []
    for name, scraped in WORKLOADS:
        one = Watched(
            name=name,
            replicas=1,
            memory=1 << 28,
            cores=1,
            endpoint=Endpoint(port=1) if scraped else None,
            indicators=(),
        )
        found += alerts_of(one)
    return found


ALERTS = {alert.page: alert for alert in (*alerts(EVERYTHING), *alerts(PLAIN), *derived())}


def headings(text: str) -> list[str]:
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.findall(r"^#+ (.+)$", outside, re.MULTILINE)


@pytest.mark.parametrize("page", ALERTS)
def test_every_alert_has_a_page_and_its_section(page: str) -> None:
    name, _, anchor = page.partition("#")
    text = (RUNBOOKS / name).read_text(encoding="utf-8")
    if anchor:
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings(text)}
    else:
        assert headings(text) == [ALERTS[page].name, *SECTIONS]


@pytest.mark.parametrize("page", runbook.PROCEDURES)
def test_every_procedure_says_when_it_is_for_and_what_comes_after_it(page: str) -> None:
    found = re.findall(r"^## (.+)$", (RUNBOOKS / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert tuple(found) == STEPS


def test_what_procedures_say_in_passing_is_run_too() -> None:
    """Commands in running text are such as some block has; whoever goes on by himself is asked before."""
    run = {command.replace(" --yes", "") for page in runbook.PROCEDURES for command in _commands(page)}
    said = {(page, text) for page in runbook.PROCEDURES for text in runbook.mentioned(runbook.page(page))}
    assert {text for _, text in said}, "there are some"
    assert not {(page, text) for page, text in said if not any(one.startswith(text) for one in run)}


def test_a_command_goes_on_where_its_line_or_its_quotation_does() -> None:
    text = """A page.

1. So:

   ```sh
   one \\
     two
   three "
     four" > five
   ```

Or `./grocery so`, or

```sh
six
```
"""
    assert list(runbook.commands(text)) == ["one \\\n  two", 'three "\n  four" > five', "six"]
    assert runbook.mentioned(text) == {"./grocery so"}


def _commands(page: str) -> list[str]:
    return list(runbook.commands(runbook.page(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_says_how_to_look(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.search(r"```sh\n(.+\n)*?\s*(\./grocery|docker|curl|df) ", text), "a command to begin with"


def test_no_page_is_about_what_there_is_not() -> None:
    expected = {"README", *runbook.PROCEDURES} | {page.partition("#")[0].removesuffix(".md") for page in ALERTS}
    assert {page.stem for page in PAGES} == expected


def test_every_workload_of_the_graph_has_its_page() -> None:
    assert {f"{name}.md" for name, _ in WORKLOADS} <= {page.name for page in PAGES}


def test_the_index_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", (RUNBOOKS / "README.md").read_text(encoding="utf-8")))
    assert linked == {page.name for page in PAGES} - {"README.md"}


def test_names_become_addresses() -> None:
    assert kebab("DiskSpaceLow") == "disk-space-low"
    assert kebab("Watchdog") == "watchdog"


def test_alerts_link_to_where_the_pages_are() -> None:
    (high_cpu,) = (alert for alert in alerts(PLAIN) if (alert.name, alert.severity) == ("HighCpu", "warning"))
    assert alert_annotations(high_cpu, PLAIN)["runbook_url"] == "docs/runbooks/high-cpu.md"
    assert alert_annotations(high_cpu, EVERYTHING)["runbook_url"] == "https://runbooks.example/grocery/high-cpu.md"


def test_settings_that_pages_name_exist() -> None:
    schema = json_schema()
    unknown = [
        f"{page.name}: {path}"
        for page in PAGES
        for path in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)\b[^`/]*`", page.read_text(encoding="utf-8"))
        if path.partition(".")[0] in schema["properties"] and not _knows(schema, path)
    ]
    assert not unknown


def _knows(schema: dict[str, Any], path: str) -> bool:
    """Whether the schema has the setting; where there are kinds, in any of them."""
    found = [schema]
    for key in path.split("."):
        models = [model for one in found for model in _models(schema, one)]
        found = [model["properties"][key] for model in models if key in model.get("properties", {})]
    return bool(found)


def _models(schema: dict[str, Any], one: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in one:
        return [schema["$defs"][one["$ref"].rpartition("/")[2]]]
    kinds = [*one.get("anyOf", []), *one.get("oneOf", [])]
    return [model for kind in kinds for model in _models(schema, kind)] or [one]
