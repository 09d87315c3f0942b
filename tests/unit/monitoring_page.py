"""The tables of docs/monitoring.md, derived from the figures and alerts themselves.

python -m tests.unit.monitoring_page        writes them anew, after a change that was meant
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import promql_parser
from promql_parser import BinaryExpr, NumberLiteral

from rendering.monitoring.alerts import by_concern
from rendering.monitoring.alerts.alert import Alert
from rendering.monitoring.figures import FIGURES, format_value
from rendering.monitoring.watched import Unit
from tests.unit.recording import ROOT
from tests.unit.scope import SCOPE

PAGE = ROOT / "docs" / "monitoring.md"

_WORDS = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}
_UNITS: dict[str, Unit] = {"humanizePercentage": "percentunit", "humanizeDuration": "s", "humanize1024": "bytes"}
_SEVERITIES = ("warning", "critical")


def tables() -> dict[str, str]:
    """Name of a table, as it is marked in the page -> its text."""
    return {"figures": _figures(), "alerts": _alerts()}


def in_page(name: str) -> str:
    """The table as the page has it."""
    return _around(PAGE.read_text(encoding="utf-8"), name)[1].strip()


def _figures() -> str:
    lines = ["| figure | what it means | warning | critical |", "|---|---|---|---|"]
    for figure in FIGURES:
        word = "below" if figure.limits.below else "above"
        limits = (figure.limits.warning, figure.limits.critical)
        cells = ("" if limit is None else f"{word} {format_value(limit, figure.unit)}" for limit in limits)
        lines.append(f"| {figure.title} | {figure.meaning} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _alerts() -> str:
    """One line for each name of an alert, in the order of the concerns; of those that every workload has, the ones of a
    workload with several replicas."""
    busiest = max(SCOPE.watched, key=lambda watched: watched.replicas).name
    lines = ["| alert | warning | critical | what it means |", "|---|---|---|---|"]
    for found in by_concern(SCOPE).values():
        shown = [alert for alert in found if not _is_derived(alert) or alert.workload == busiest]
        lines += [
            _line([one for one in shown if one.name == name]) for name in dict.fromkeys(one.name for one in shown)
        ]
    return "\n".join(lines)


def _is_derived(alert: Alert) -> bool:
    """Every workload has one, and its page has a section on it."""
    return "#" in alert.page


def _line(alerts: list[Alert]) -> str:
    first = alerts[0]
    name = first.name if _is_derived(first) else f"[{first.name}](runbooks/{first.page})"
    cells = [name, *(_cell(alerts, severity) for severity in _SEVERITIES), first.description]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _cell(alerts: Iterable[Alert], severity: str) -> str:
    """When it fires: the limit, where it is one number, and for how long."""
    found = [alert for alert in alerts if alert.severity == severity]
    return "; ".join(" ".join(filter(None, (_limit(alert), _duration(alert)))) or "at once" for alert in found)


def _limit(alert: Alert) -> str:
    compared = promql_parser.parse(alert.expr)
    if not isinstance(compared, BinaryExpr) or not isinstance(compared.rhs, NumberLiteral):
        return ""
    word = _WORDS.get(str(compared.op).strip())
    if word is None:
        return ""
    shown = re.search(r"\$value \| (\w+)", alert.summary)
    unit = _UNITS.get(shown[1], "none") if shown else "none"
    return f"{word} {format_value(compared.rhs.val, unit)}"


def _duration(alert: Alert) -> str:
    return f"for {alert.for_seconds / 60:g} min" if alert.for_seconds else ""


def _around(text: str, name: str) -> tuple[str, str, str]:
    """What stands before, between and after the marks of a table."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    inside, ended, after = rest.partition(end)
    assert found and ended, f"{PAGE} has no place for the table of {name}"
    return before + begin, inside, end + after


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        before, _, after = _around(text, name)
        text = f"{before}\n\n{table}\n\n{after}"
    PAGE.write_text(text, encoding="utf-8")
