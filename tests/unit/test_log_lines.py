"""Lines of logs: their order, what is found in them, and how a person reads them."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from cli.commands.logs import shown
from cli.log_lines import Line, matching, merged, newest, parse, readable
from cli.said import lines_of


def line(text: str, *, second: int = 0, service: str = "auth-server") -> Line:
    return parse(f"2026-11-25T22:00:{second:02}.000000001Z {text}", service=service, container="0123456789abcdef")


def printed(one: Line, width: int = 11) -> str:
    stream = io.StringIO()
    Console(file=stream, width=300, highlight=False).print(shown(one, width), soft_wrap=True)
    return stream.getvalue().rstrip("\n")


def test_the_engines_moment_is_parted_from_what_was_written() -> None:
    found = line("hello  world")
    assert found.as_json() == {
        "time": "2026-11-25T22:00:00.000000001Z",
        "service": "auth-server",
        "container": "0123456789ab",
        "line": "hello  world",
    }


def test_an_empty_line_stays_one() -> None:
    assert parse("2026-11-25T22:00:00.000000001Z ", service="edge").text == ""


def test_services_are_merged_in_the_order_of_time() -> None:
    edge = [line("asked", second=1, service="edge"), line("answered", second=4, service="edge")]
    api = [line("heard", second=2), line("said", second=3)]
    assert [found.text for found in merged([edge, api])] == ["asked", "heard", "said", "answered"]


def test_lines_of_one_moment_stay_in_their_order() -> None:
    assert [found.text for found in merged([[line("b"), line("a")], [line("c")]])] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("count", "left"), [(2, ["3", "4"]), (0, []), (9, ["1", "2", "3", "4"]), (None, ["1", "2", "3", "4"])]
)
def test_the_newest_lines_are_those_that_are_left(count: int | None, left: list[str]) -> None:
    lines = [line(str(second), second=second) for second in (3, 1, 4, 2)]
    assert [found.text for found in newest(lines, count)] == left


def test_a_pattern_is_looked_for_in_the_line_as_it_was_written() -> None:
    lines = [line('{"id":"abc","msg":"one"}'), line("the request abc failed"), line("another")]
    assert len(list(matching(lines, re.compile("abc")))) == 2
    assert [found.text for found in matching(lines, re.compile('"id":"a.c"'))] == ['{"id":"abc","msg":"one"}']
    assert list(matching(lines, None)) == lines


def test_plain_text_is_read_as_it_is() -> None:
    text = "2026-11-25 22:00:00.000 UTC [7] auth-server grocery@grocery ERROR: [brackets] are no markup"
    assert printed(line(text, service="postgres")) == f"2026-11-25T22:00:00.000 postgres    {text}"


def test_a_request_at_the_edge_reads_as_question_and_answer() -> None:
    text = json.dumps(
        {
            "time": "2026-11-25T22:00:00+00:00", "id": "5f3a", "client": "10.0.0.9", "method": "POST",
            "host": "localhost", "path": "/api/auth/login", "status": 200, "bytes": 31, "seconds": 0.25,
            "upstream": "10.203.1.7:3001", "upstream_status": "200", "protocol": "HTTP/2.0", "tls": "TLSv1.3",
            "rate": "PASSED", "connections": "",
        }
    )  # fmt: skip
    assert printed(line(text, service="edge")) == (
        "2026-11-25T22:00:00.000 edge        POST /api/auth/login 200 id=5f3a"
        " client=10.0.0.9 seconds=0.25 upstream=10.203.1.7:3001 upstream_status=200"
    )


def test_a_request_that_the_server_failed_is_an_error() -> None:
    assert readable('{"id":"5f3a","method":"GET","path":"/","status":502}').grave
    assert not readable('{"id":"5f3a","method":"GET","path":"/","status":404}').grave


@pytest.mark.parametrize(
    ("text", "level", "message", "request_id"),
    [
        ('{"level":50,"time":1795644000000,"pid":7,"hostname":"x","requestId":"5f3a","msg":"it failed"}', "error",
         "it failed", "5f3a"),
        ('{"level":"INFO","worker":"syncer","message":"ready"}', "info", "ready", ""),
        ('{"caller":"main.go:1","level":"warn","msg":"slow","ts":"2026-11-25T22:00:00Z"}', "warn", "slow", ""),
        ('time=2026-11-25T22:00:00Z level=INFO source=x.go:1 msg="it \\"runs\\"" port=9100', "info", 'it "runs"', ""),
        ('{"msg":"no level"}', "", "no level", ""),
        ('{"level":"info","msg":{"nested":true}}', "info", '{"nested":true}', ""),
    ],
    ids=["auth-server", "zero-cache", "prometheus", "exporter", "no level", "no words"],
)  # fmt: skip
def test_json_reads_as_level_message_and_request(text: str, level: str, message: str, request_id: str) -> None:
    found = readable(text)
    assert (found.level, found.message, found.request) == (level, message, request_id)


def test_a_request_in_the_api_reads_like_one_at_the_edge() -> None:
    text = (
        '{"level":"info","time":"x","service":"auth-server","requestId":"5f3a","method":"POST",'
        '"route":"/api/auth/login","status":401,"milliseconds":522,"msg":"request"}'
    )
    assert printed(line(text)).endswith(" auth-server POST /api/auth/login 401 id=5f3a milliseconds=522")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("one\ttwo\x1b[2J", "one two\\x1b[2J"),
        (json.dumps({"msg": "first\nsecond\r\x1b]0;title\x07"}), "first ⏎ second\\x0d\\x1b]0;title\\x07"),
        (json.dumps({"msg": "x\u009b2J"}), "x\\x9b2J"),
    ],
    ids=["text", "json", "one byte"],
)
def test_nothing_in_a_line_speaks_to_the_terminal(text: str, read: str) -> None:
    assert readable(text).message == read


def test_what_else_json_says_is_kept_and_its_time_is_not_said_twice() -> None:
    text = '{"level":50,"time":1,"pid":7,"err":{"type":"Error","message":"gone","stack":"..."},"count":3,"list":[1,2]}'
    assert readable(text).rest == (("err", "gone"), ("count", "3"), ("list", "[1,2]"))


@pytest.mark.parametrize("text", ["{not json", "[1]", '"words"', "{}x", "12"])
def test_what_only_looks_like_json_is_read_as_text(text: str) -> None:
    assert readable(text).message == text


def test_lines_are_put_together_from_the_pieces_they_come_in() -> None:
    assert list(lines_of([b"on", b"e\ntwo\nth", b"ree"])) == ["one", "two", "three"]


def test_bytes_that_are_no_text_do_not_end_it() -> None:
    assert list(lines_of([b"\xff\xfe\n", b"next\n"])) == ["��", "next"]
