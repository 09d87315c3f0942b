"""docs/monitoring.md says of figures, alerts and secrets what is so."""

from __future__ import annotations

import re

import pytest

from settings import SECRET_NAMES
from settings.monitoring import MonitoringImages
from tests.unit import monitoring_page


@pytest.mark.parametrize(("name", "table"), monitoring_page.tables().items())
def test_the_tables_are_those_of_the_figures_and_alerts(name: str, table: str) -> None:
    assert monitoring_page.in_page(name) == table, "python -m tests.unit.monitoring_page writes them anew"


def test_every_part_is_listed() -> None:
    parts = {field.replace("_", "-") for field in MonitoringImages.model_fields} | {"grafana"}
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \|", monitoring_page.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)} == parts


def test_secrets_are_called_what_they_are_called() -> None:
    page = monitoring_page.PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", page)) & set(SECRET_NAMES)
    assert named >= {"slack-url", "pagerduty-key", "dead-man-url", "otlp-headers", "smtp-password"}
