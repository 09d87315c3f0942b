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
PATH_KEYS = ("path", "route", "url")
SAYS_NOTHING = frozenset(
    {"pid", "hostname", "service", "version", "v", "source", "caller"}
    | {*TIME_KEYS, *LEVEL_KEYS, *MESSAGE_KEYS, *REQUEST_KEYS}
)
"""Who wrote a line and where in its code, and what is shown in a place of its own."""
OF_ANY_REQUEST = frozenset({"method", "status", "host", "bytes", "protocol", "tls", "rate", "connections", *PATH_KEYS})
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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
    """Of JSON and of `key=value` what a person looks for, in its order; anything else as it is. Always one line."""
    fields = fields_of(text)
    if fields is None:
        return Readable(message=_one_line(text))
    if "method" in fields and "status" in fields:
        return _request(fields)
    return Readable(
        message=_words(_first(fields, MESSAGE_KEYS)),
        level=_level(_first(fields, LEVEL_KEYS)),
        request=_words(_first(fields, REQUEST_KEYS)),
        rest=_rest(fields, SAYS_NOTHING),
    )


def fields_of(text: str) -> Mapping[str, Any] | None:
    """What a line says by name, when it is a JSON object or begins as `time=... level=...`; None otherwise."""
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None
    if text.startswith(("time=", "ts=", "level=")):
        return {name: _unquoted(value) for name, value in PAIR.findall(text)}
    return None


def _request(fields: Mapping[str, Any]) -> Readable:
    """A line about one answered request: what was asked, what was answered, how long it took, by whom."""
    status = fields["status"]
    failed = isinstance(status, int) and status >= SERVER_ERROR
    return Readable(
        message=" ".join(_words(part) for part in (fields["method"], _first(fields, PATH_KEYS), status)),
        level="error" if failed else "",
        request=_words(_first(fields, REQUEST_KEYS)),
        rest=_rest(fields, SAYS_NOTHING | OF_ANY_REQUEST),
    )


def _rest(fields: Mapping[str, Any], left_out: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _words(value)) for name, value in fields.items() if name not in left_out and value != "")


def _unquoted(text: str) -> str:
    """Quoted as Go does, which is JSON but for a few escapes."""
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text[1:-1]
    return text


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:  # noqa: ANN401 - whatever JSON holds
    return next((fields[name] for name in names if name in fields), "")


def _level(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return LEVELS.get(value, str(value)) if isinstance(value, int) else _words(value).lower()


def _words(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """An error by what it says; a list or group as JSON."""
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return _one_line(text)


def _one_line(text: str) -> str:
    """Without what would end the line or speak to the terminal: who writes into a log may be anybody."""
    return CONTROL.sub(
        lambda found: " ⏎ " if found[0] == "\n" else f"\\x{ord(found[0]):02x}", text.replace("\t", " ").strip()
    )
