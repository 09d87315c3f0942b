"""How an engine on another machine is reached."""

from __future__ import annotations

import pytest

from cli.over_ssh import command


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("ssh://deploy@staging.example.com", ["-l", "deploy", "--", "staging.example.com"]),
        ("ssh://deploy@staging.example.com:2222", ["-p", "2222", "-l", "deploy", "--", "staging.example.com"]),
        ("ssh://deploy@-oProxyCommand=x", ["-l", "deploy", "--", "-oproxycommand=x"]),
    ],
    ids=["plain", "with a port", "what looks like an option is a host"],
)
def test_ssh_is_asked_for_the_engine_of_that_host(host: str, expected: list[str]) -> None:
    asked = command(host)
    assert asked[0] == "ssh"
    assert asked[-1] == "docker system dial-stdio"
    assert asked[4:-1] == expected
