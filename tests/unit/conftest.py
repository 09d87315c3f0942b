"""What the unit tests share: one recording of each stack in each mode."""

from __future__ import annotations

import pytest

from tests.unit.recording import Recording, Registration, record, stack_settings

STACKS = ("local", "staging", "prod")
MODES = ("preview", "update")


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def recording(stack: str, mode: str) -> Recording:
    """One stack in one mode."""
    return record(stack, stack_settings(stack), preview=mode == "preview")


@pytest.fixture
def updated(stack: str) -> Recording:
    """One stack as an update sees it: everything known."""
    return record(stack, stack_settings(stack), preview=False)


@pytest.fixture
def local() -> Recording:
    """The local stack as an update sees it."""
    return record("local", None, preview=False)


@pytest.fixture
def tree(recording: Recording) -> list[Registration]:
    """Everything but the providers."""
    return [found for found in recording.registrations if not found.type.startswith("pulumi:providers:")]
