"""The application's own judgements: its types, and its server against a PostgreSQL of its own."""

from __future__ import annotations

from pathlib import Path

from tests.support.node import npm


def test_the_application_s_types_hold(app: Path) -> None:
    npm(app, "run", "typecheck")


def test_the_server_keeps_its_promises(app: Path) -> None:
    npm(app, "test")
