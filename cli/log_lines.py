"""Lines of logs: as the engine hands them out, in the order of time, and as a person reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEVELS = {10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
"""Numbers for levels, as Node's loggers write them."""
GRAVE = frozenset({"error", "err", "fatal", "panic", "critical", "crit", "alert", "emerg"})
SERVER_ERROR = 500

TIME_KEYS = ("time", "ts", "t", "timestamp")
LEVEL_KEYS = ("level", "lvl", "severity")
MESSAGE_KEYS = ("msg", "message")
REQUEST_KEYS = ("requestId", "request_id", "reqId", "id")
SAYS_NOTHING = frozenset({"pid", "hostname", "v", *TIME_KEYS, *LEVEL_KEYS, *MESSAGE_KEYS, *REQUEST_KEYS})


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line that a service wrote.

    moment:    when, by the engine: RFC 3339 in UTC with nanoseconds, so that text order is time order.
    container: the first letters of its ID; "" when the engine that was asked does not know it.
    text:      as it was written.
    """

    moment: str
    service: str
    container: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"time": self.moment, "service": self.service, "container": self.container, "line": self.text}


@dataclass(frozen=True, kw_only=True)
class Readable:
    """A line taken apart. level: lower case, "" when none is given. request: the ID of the request it is about, ""
    likewise. rest: what else is said, by name."""

    message: str
    level: str = ""
    request: str = ""
    rest: tuple[tuple[str, str], ...] = ()

    @property
    def grave(self) -> bool:
        return self.level in GRAVE


def parse(raw: str, *, service: str, container: str = "") -> Line:
    """The engine writes `<moment> <text>`."""
    moment, _, text = raw.partition(" ")
    return Line(moment=moment, service=service, container=container[:12], text=text)


def newest(lines: Iterable[Line], count: int | None) -> list[Line]:
    """The last `count` lines (all for None) in the order of time."""
    ordered = sorted(lines, key=lambda line: line.moment)
    return ordered if count is None else ordered[max(0, len(ordered) - count) :]


def merged(services: Iterable[Iterable[Line]]) -> list[Line]:
    """What several services wrote, in the order of time; what was written at the same moment stays in its order."""
    return newest((line for lines in services for line in lines), None)


def matching(lines: Iterable[Line], pattern: re.Pattern[str] | None) -> Iterator[Line]:
    return (line for line in lines if pattern is None or pattern.search(line.text))


def readable(text: str) -> Readable:
    """Of JSON what a person looks for, in its order; anything else as it is."""
    fields = _fields(text)
    if fields is None:
        return Readable(message=text)
    if "method" in fields and "status" in fields:
        return _request(fields)
    rest = tuple((name, _words(value)) for name, value in fields.items() if name not in SAYS_NOTHING and value != "")
    return Readable(
        message=_words(_first(fields, MESSAGE_KEYS)),
        level=_level(_first(fields, LEVEL_KEYS)),
        request=_words(_first(fields, REQUEST_KEYS)),
        rest=rest,
    )


def _request(fields: Mapping[str, Any]) -> Readable:
    """A line about one answered request: what was asked, what was answered, how long it took, by whom."""
    status = fields["status"]
    path = _words(fields.get("path", fields.get("url", "")))
    wanted = ("seconds", "client", "upstream", "upstream_status", "rate", "connections")
    return Readable(
        message=f"{_words(fields['method'])} {path} {_words(status)}",
        level="error" if isinstance(status, int) and status >= SERVER_ERROR else "",
        request=_words(_first(fields, REQUEST_KEYS)),
        rest=tuple((name, _words(fields[name])) for name in wanted if fields.get(name) not in (None, "", "PASSED")),
    )


def _fields(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:  # noqa: ANN401 - whatever JSON holds
    return next((fields[name] for name in names if name in fields), "")


def _level(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return LEVELS.get(value, str(value)) if isinstance(value, int) else _words(value).lower()


def _words(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """An error by what it says; a list or group as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return str(value["message"])
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
