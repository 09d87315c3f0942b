"""What a rule does with series that are written down, as promtool computes it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from rendering import render_yaml
from rendering.monitoring import rules
from rendering.monitoring.alerts import by_concern
from rendering.monitoring.alerts.alert import Alert
from rendering.monitoring.scrape import INTERVAL_SECONDS
from rendering.monitoring.watched import Scope
from tests.unit.monitoring.scopes import EVERYTHING

PER_MINUTE = 60 // INTERVAL_SECONDS

# Less often than in a stack where only minutes count, for the time it takes.
_EVALUATED_SECONDS = {"host": 300, "database": 30, "workloads": 30, "backups": 30}

Series = Mapping[str, str]
"""Selector -> values, as promtool writes them: one each 15 s."""


@dataclass(frozen=True, kw_only=True)
class Fired:
    """An alert that fires, with the line people read of it. labels: those that are neither severity nor workload."""

    severity: str
    summary: str
    workload: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """`alert` at a moment, in minutes after the first values of `series`: exactly `fires`, nothing being quiet.

    when: the situation, as a person would tell it.
    """

    alert: str
    when: str
    series: Series
    at: int = 20
    fires: tuple[Fired, ...] = ()
    scope: Scope = EVERYTHING


def flat(value: float, *, minutes: int = 60) -> str:
    """The same value all the time."""
    return f"{value:g}+0x{minutes * PER_MINUTE}"


def rising(per_second: float, *, start: float = 0, minutes: int = 60) -> str:
    """A counter, or a gauge that goes up or down."""
    step = per_second * INTERVAL_SECONDS
    return f"{start:.16g}{step:+.16g}x{minutes * PER_MINUTE}"


def missing(minutes: int) -> str:
    """No value yet."""
    return f"_x{minutes * PER_MINUTE}"


def then(*parts: str) -> str:
    """One after the other."""
    return " ".join(parts)


def write(folder: Path, cases: Sequence[Case]) -> list[Path]:
    """The rules of each scope and a file of tests for each concern in it; returns the latter."""
    found = []
    scopes = {scope.stack: scope for scope in (case.scope for case in cases)}
    for name, scope in scopes.items():
        place = folder / name
        place.mkdir()
        for file, text in rules.render(scope).items():
            (place / file).write_text(text, encoding="utf-8")
        for concern, alerts in by_concern(scope).items():
            names = {alert.name for alert in alerts}
            mine = [case for case in cases if case.scope == scope and case.alert in names]
            if not mine:
                continue
            tests = place / f"{concern}_test.yml"
            files = [f"{concern}.yml"]
            if "grocery:" in (place / files[0]).read_text(encoding="utf-8"):
                files.insert(0, "figures.yml")
            document = {
                "rule_files": files,
                # Otherwise at random: what one group records would be seen by the next one, or not.
                "group_eval_order": [name for file in files for name in _groups(place / file)],
                "evaluation_interval": f"{_EVALUATED_SECONDS.get(concern, INTERVAL_SECONDS)}s",
                "tests": [_test(case, alerts) for case in mine],
            }
            tests.write_text(render_yaml(document), encoding="utf-8")
            found.append(tests)
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=600)


def _groups(file: Path) -> list[str]:
    return [group["name"] for group in YAML(typ="safe").load(file)["groups"]]


def _test(case: Case, alerts: Sequence[Alert]) -> dict[str, object]:
    return {
        "name": f"{case.alert}: {case.when}",
        "interval": f"{INTERVAL_SECONDS}s",
        "input_series": [{"series": selector, "values": values} for selector, values in case.series.items()],
        "alert_rule_test": [
            {
                "eval_time": f"{case.at}m",
                "alertname": case.alert,
                "exp_alerts": [_expected(case, fired, alerts) for fired in case.fires],
            }
        ],
    }


def _expected(case: Case, fired: Fired, alerts: Sequence[Alert]) -> dict[str, object]:
    (alert,) = (
        alert
        for alert in alerts
        if (alert.name, alert.severity, alert.workload) == (case.alert, fired.severity, fired.workload)
    )
    return {
        "exp_labels": {**rules.alert_labels(alert), **fired.labels},
        "exp_annotations": {**rules.alert_annotations(alert, case.scope), "summary": fired.summary},
    }
