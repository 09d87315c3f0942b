"""Dashboards: Grafana knows every word of them, Prometheus every query, and nothing of the stack is left out."""

from __future__ import annotations

import configparser
import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from rendering.monitoring import dashboards, grafana, rules
from rendering.monitoring.alerts import alerts
from rendering.monitoring.dashboards import boards
from rendering.monitoring.dashboards.boards import Board, Panel, Query, Row
from rendering.monitoring.dashboards.limits import limits
from rendering.monitoring.figures import FIGURES, Figure, Limits, format_value
from rendering.monitoring.watched import Scope, Unit
from tests.support import promql
from tests.support.dashboards import faults
from tests.unit.scope import SCOPE, watched

CONFIG_LIMIT = 500 * 1000
"""Bytes of the largest config Docker takes."""

OVERVIEW, DATABASE = "grocery-overview.json", "grocery-database.json"


def shown(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that draws something, those of folded rows included."""
    for panel in document["panels"]:
        yield from panel["panels"] if panel["type"] == "row" else [panel]


@pytest.fixture
def documents() -> dict[str, Any]:
    return {name: json.loads(text) for name, text in dashboards.render(SCOPE).items()}


@pytest.fixture
def panels(documents: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for document in documents.values() for panel in shown(document)]


def named(documents: dict[str, Any], board: str, title: str) -> dict[str, Any]:
    """The first panel of that title which is more than a large number."""
    return next(panel for panel in shown(documents[board]) if panel["title"] == title and panel["type"] == "timeseries")


# Grafana

_PLANTED: dict[str, tuple[str, str]] = {
    "keyOfADashboard": ('"refresh":', '"refreshes":'),
    "keyOfAPanel": ('"gridPos":', '"gridPosition":'),
    "kindOfPanel": ('"type":"timeseries"', '"type":"timeserie"'),
    "optionOfAPanel": ('"colorMode":"value"', '"colourMode":"value"'),
    "valueOfAnOption": ('"displayMode":"list"', '"displayMode":"rows"'),
    "fieldOfALine": ('"lineWidth":1', '"lineThickness":1'),
    "typeOfAField": ('"min":0', '"min":"0"'),
    "thresholds": ('"mode":"absolute"', '"mode":"absolut"'),
    "query": ('"expr":"grocery:requests:rate5m"', '"query":"grocery:requests:rate5m"'),
    "nothing": ('"options":{"legend"', '"options":null,"was":{"legend"'),
}


@pytest.fixture(scope="module")
def judged() -> dict[str, list[str]]:
    """What Grafana's types say of the dashboards, and of the same with one fault planted in each."""
    rendered = dashboards.render(SCOPE)
    overview = rendered[OVERVIEW]
    for name, (right, _) in _PLANTED.items():
        assert right in overview, f"{name} plants nothing"
    return faults(
        {
            "overview": overview,
            "database": rendered[DATABASE],
            **{name: overview.replace(right, wrong, 1) for name, (right, wrong) in _PLANTED.items()},
        }
    )


@pytest.mark.parametrize("name", ["overview", "database"])
def test_grafanas_published_schema_accepts_the_dashboard(judged: dict[str, list[str]], name: str) -> None:
    assert judged[name] == []


@pytest.mark.parametrize("name", _PLANTED)
def test_a_word_grafana_does_not_know_is_found(judged: dict[str, list[str]], name: str) -> None:
    assert judged[name], "the schema let a planted fault pass"


def test_a_dashboard_fits_into_a_config_of_docker() -> None:
    many = tuple(watched(f"workload-number-{number}") for number in range(30))
    for name, text in grafana.files(replace(SCOPE, watched=many)).items():
        assert len(text.encode()) < 0.8 * CONFIG_LIMIT, name


# Prometheus


def test_every_query_is_one(documents: dict[str, Any]) -> None:
    found = list(dashboards.expressions(dashboards.render(SCOPE)))
    drawn = sum(len(panel["targets"]) for document in documents.values() for panel in shown(document))
    assert len(found) == drawn + len(documents), "each has the firing alerts as annotations beside its panels"
    for expression in found:
        assert promql.names(expression.expr), expression.where


def test_what_is_recorded_is_read_by_its_name() -> None:
    recorded = {one.record: one.expr for one in (*rules.recordings(SCOPE), *rules.budgets())}
    for expression in dashboards.expressions(dashboards.render(SCOPE)):
        used = {name for name in promql.names(expression.expr) if name.startswith("grocery:")}
        assert used <= recorded.keys(), f"{expression.where} reads what nobody records"
        again = [name for name, expr in recorded.items() if _plain(expr) in _plain(expression.expr)]
        assert not again, f"{expression.where} computes what is recorded"


def _plain(expr: str) -> str:
    return re.sub(r"\s", "", expr)


# What is drawn


def test_every_panel_says_what_it_shows_and_in_which_unit(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        assert panel["title"] and len(panel["description"]) > 20, panel
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]


@pytest.mark.parametrize("missing", ["key", "title", "description", "unit", "queries"])
def test_a_panel_without_one_of_them_cannot_be_written_down(missing: str) -> None:
    whole = Panel(key="a", title="A", description="All.", unit="short", queries=(Query(expr="a", legend="a"),))
    with pytest.raises(ValueError, match=f"has a {missing}"):
        replace(whole, **{missing: ()})  # type: ignore[arg-type]


def test_every_workload_has_a_row_of_its_own(documents: dict[str, Any]) -> None:
    rows = {panel["title"]: panel for panel in documents[OVERVIEW]["panels"] if panel["type"] == "row"}
    for workload in SCOPE.watched:
        row = rows[workload.name]
        assert row["collapsed"], "what is folded asks for nothing"
        titles = [panel["title"] for panel in row["panels"]]
        assert titles == [*(indicator.title for indicator in workload.indicators), "Memory", "CPU", "Restarts", "Tasks"]
        queries = [target["expr"] for panel in row["panels"] for target in panel["targets"]]
        assert [indicator.expr for indicator in workload.indicators] == queries[: len(workload.indicators)]
        of_others = [expr for expr in queries[len(workload.indicators) :] if f'workload="{workload.name}"' not in expr]
        assert not of_others


def test_backups_are_shown_where_there_are_some() -> None:
    def speaking(scope: Scope) -> list[str]:
        found = dashboards.expressions(dashboards.render(scope))
        named = re.compile(r"grocery_|grocery:(backup|archive|restore|repository)")
        return [one.where for one in found if named.search(one.expr)]

    assert not speaking(replace(SCOPE, backups=None))
    assert {where.partition(":")[0] for where in speaking(SCOPE)} == {OVERVIEW, DATABASE}


def test_the_room_of_a_bucket_is_nobodys_business() -> None:
    assert SCOPE.backups
    without = replace(SCOPE, backups=replace(SCOPE.backups, volume=False))
    for scope, there in ((SCOPE, True), (without, False)):
        drawn = [one.expr for one in dashboards.expressions(dashboards.render(scope))]
        assert ("grocery:repository:free_ratio" in drawn) == there
        assert ("grocery:repository:free_ratio" in {one.record for one in rules.recordings(scope)}) == there
        assert ("RepositoryFilling" in {alert.name for alert in alerts(scope)}) == there


def test_the_synthetic_user_is_shown_where_there_is_one() -> None:
    without = dashboards.expressions(dashboards.render(replace(SCOPE, synthetic=False)))
    speaking = [one.where for one in without if "synthetic_" in one.expr or "grocery:sync" in one.expr]
    assert not speaking
    with_one = dashboards.expressions(dashboards.render(SCOPE))
    assert [one for one in with_one if "synthetic_" in one.expr]


@pytest.mark.parametrize(
    ("board", "title", "warning", "critical"),
    [
        (OVERVIEW, "Latency", 0.5, 1),
        (OVERVIEW, "Errors", 0.01, 0.05),
        (OVERVIEW, "CPU", 0.7, 0.9),
        (OVERVIEW, "Memory", 0.8, 0.95),
        (OVERVIEW, "Memory against limits", 0.8, 0.95),
        (OVERVIEW, "Disk free", 0.2, 0.1),
        (OVERVIEW, "Waiting for a connection", 5, 10),
        (DATABASE, "Waiting for a connection", 5, 10),
    ],
)
def test_limits_are_drawn_where_the_alerts_begin(
    documents: dict[str, Any], board: str, title: str, warning: float, critical: float
) -> None:
    steps = named(documents, board, title)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    drawn = [(step["value"], step["color"]) for step in steps]
    if critical < warning:
        assert drawn == [(None, "red"), (critical, "yellow"), (warning, "green")]
    else:
        assert drawn == [(None, "green"), (warning, "yellow"), (critical, "red")]


@pytest.mark.parametrize(
    ("board", "title"),
    [
        (OVERVIEW, "Time of each step"),
        (OVERVIEW, "Connections"),
        (OVERVIEW, "Disk of the database"),
        (OVERVIEW, "Sync lag"),
        (DATABASE, "Connections in use"),
        (DATABASE, "Longest transaction"),
        (DATABASE, "Age of transaction numbers"),
        (DATABASE, "Log kept for slots"),
        (DATABASE, "Sync lag"),
    ],
)
def test_a_panel_names_the_page_of_the_alert_on_it(documents: dict[str, Any], board: str, title: str) -> None:
    panel = named(documents, board, title)
    assert re.search(r"Alert: \w+, docs/runbooks/[a-z-]+\.md", panel["description"])
    assert len(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]) > 1


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.title)
def test_main_figures_are_bad_from_where_the_alerts_begin(figure: Figure) -> None:
    assert SCOPE.backups
    rarely = replace(SCOPE, backups=replace(SCOPE.backups, archive_timeout=600))
    found = [limits(alerts(scope), figure.expr) for scope in (SCOPE, rarely)]
    # Those that follow from what a stack promises are drawn on its dashboards alone.
    assert figure.limits == (found[0] if found[0] == found[1] else Limits())


def test_a_critical_value_is_worse_than_a_warning() -> None:
    with pytest.raises(ValueError, match="worse"):
        Limits(warning=10, critical=5)
    with pytest.raises(ValueError, match="worse"):
        Limits(warning=5, critical=10, below=True)


# Where it is drawn


def test_panels_stand_beside_and_below_but_never_on_each_other(documents: dict[str, Any]) -> None:
    for document in documents.values():
        groups = [document["panels"], *(panel["panels"] for panel in document["panels"] if panel["type"] == "row")]
        for group in groups:
            taken = [cell for panel in group for cell in _cells(panel["gridPos"])]
            assert len(taken) == len(set(taken))
            assert all(x < boards.COLUMNS for x, _ in taken)


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    across = range(place["x"], place["x"] + place["w"])
    return list(itertools.product(across, range(place["y"], place["y"] + place["h"])))


def test_a_panel_keeps_its_number_whatever_comes_before_it(documents: dict[str, Any]) -> None:
    parts = {"Synthetic user", "Backups", "Backups and archive"} | {one.title for one in FIGURES if one.part}
    more = replace(SCOPE, watched=(watched("acme"), *reversed(SCOPE.watched)), synthetic=False, backups=None)
    later = {name: json.loads(text) for name, text in dashboards.render(more).items()}
    for name, document in documents.items():
        before, after = _numbers(document), _numbers(later[name])
        gone = before.keys() - after.keys()
        assert {row if row in parts else title for row, title in gone} <= parts
        assert [place for place in before.keys() - gone if before[place] != after[place]] == []


def _numbers(document: dict[str, Any]) -> dict[tuple[str, str], int]:
    """(row, title) of everything -> its number."""
    found: dict[tuple[str, str], int] = {}
    row = ""
    for panel in document["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            found[row, ""] = panel["id"]
            found |= {(row, inside["title"]): inside["id"] for inside in panel["panels"]}
        else:
            found[row, panel["title"]] = panel["id"]
    assert len(set(found.values())) == len(found), "two have the same number"
    return found


def test_numbers_and_addresses_stay_over_releases(documents: dict[str, Any]) -> None:
    """Links that people saved lead to them."""
    assert [document["uid"] for document in documents.values()] == ["grocery-overview", "grocery-database"]
    assert named(documents, OVERVIEW, "Latency")["id"] == boards.number("grocery-overview", "latency") == 719166726
    assert named(documents, DATABASE, "Transactions")["id"] == 1764690669


def test_the_same_key_twice_is_refused() -> None:
    panel = Panel(key="a", title="A", description="All.", unit="short", queries=(Query(expr="a", legend="a"),))
    with pytest.raises(ValueError, match="twice: a"):
        Board(uid="u", title="U", description="All.", rows=(Row(key="r", title="R", panels=(panel, panel)),))


# Grafana's own settings


@pytest.fixture
def files() -> dict[str, str]:
    return grafana.files(SCOPE)


def test_nobody_gets_into_grafana_without_the_password_that_is_in_the_secret(files: dict[str, str]) -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(files["/etc/grafana/grafana.ini"])
    assert settings["security"]["admin_password"] == "$__file{/run/secrets/GRAFANA_ADMIN_PASSWORD}"
    assert settings["auth.anonymous"]["enabled"] == "false"
    assert settings["users"]["allow_sign_up"] == "false"


def test_grafana_asks_nobody_outside_for_anything(files: dict[str, str]) -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(files["/etc/grafana/grafana.ini"])
    assert set(settings["analytics"].values()) == {"false"}
    assert settings["plugins"]["preinstall_disabled"] == "true"
    assert settings["news"]["news_feed_enabled"] == "false"
    assert settings["snapshots"]["external_enabled"] == "false"
    assert settings["security"]["disable_gravatar"] == "true"


def test_what_is_provisioned_fits_together(files: dict[str, str], panels: list[dict[str, Any]]) -> None:
    yaml = YAML(typ="safe")
    sources = yaml.load(files["/etc/grafana/provisioning/datasources/sources.yaml"])["datasources"]
    provider = yaml.load(files["/etc/grafana/provisioning/dashboards/dashboards.yaml"])["providers"][0]
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(files["/etc/grafana/grafana.ini"])

    assert {source["uid"]: source["url"] for source in sources} == {
        "prometheus": "http://prometheus:9090",
        "alertmanager": "http://alertmanager:9093",
    }
    assert {panel["datasource"]["uid"] for panel in panels} == {"prometheus"}
    assert settings["dashboards"]["default_home_dashboard_path"] in files
    folder = provider["options"]["path"]
    assert {path for path in files if path.startswith(f"{folder}/")} == {
        f"{folder}/{name}" for name in dashboards.render(SCOPE)
    }
    names = [path.rpartition("/")[2] for path in files]
    assert len(set(names)) == len(names), "a config of Docker is called after its file"
    # Grafana fills in variables in these files, not in dashboards.
    assert not [path for path, text in files.items() if "/provisioning/" in path and "$" in text]


# Values as people read them


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.0042, "s", "4.2 ms"),
        (0.95, "s", "950 ms"),
        (1.234, "s", "1.23 s"),
        (130, "s", "2.17 min"),
        (90_000, "s", "25 h"),
        (1e6, "s", "11.6 d"),
        (1500, "ms", "1.5 s"),
        (12.5, "d", "12.5 d"),
        (0.0123, "percentunit", "1.23 %"),
        (1, "percentunit", "100 %"),
        (123_456_789, "bytes", "118 MiB"),
        (2048, "Bps", "2 KiB/s"),
        (12, "reqps", "12 req/s"),
        (12_345, "reqps", "12.3k req/s"),
        (0.25, "cps", "0.25 /s"),
        (3, "short", "3"),
        (1e15, "short", "1000T"),
        (1e-9, "short", "0"),
        (1, "bool", "yes"),
        (0, "bool", "no"),
        (math.nan, "short", "-"),
        (math.inf, "s", "-"),
    ],
)
def test_a_value_is_written_as_people_read_it(value: float, unit: Unit, text: str) -> None:
    assert format_value(value, unit) == text
