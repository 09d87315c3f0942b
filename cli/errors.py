"""Errors as part of the interface: what failed, which value, what was expected, and the next command.

Every fault a person can meet is a `GroceryError`; its class decides the exit code, its four fields decide what is
shown. Anything else that escapes is a bug of this program and is shown with its traceback.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `pulumi`, which scripts may already know."""

    OK = 0
    FAILED = 1
    """Something was tried and failed, or `status` found something wrong."""
    USAGE = 2
    """Usage, configuration, or a machine that is not ready: nothing was changed."""
    NO_STACK = 6
    CHANGES = 7
    """`preview --expect-no-changes` found changes."""
    CANCELLED = 8


class GroceryError(Exception):
    """A fault with its way out.

    what:     one sentence, what failed.
    value:    the value or thing that was found.
    expected: what would have been right.
    next:     the command to run, or the thing to do, to get on.
    details:  lines of somebody else's output that explain the fault (an engine's, a service's log).
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(
        self,
        what: str,
        *,
        value: str | None = None,
        expected: str | None = None,
        next: str | None = None,
        details: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.value = value
        self.expected = expected
        self.next = next
        self.details = details


class UpdateFailed(GroceryError):
    """An engine ran and did not succeed."""


class ConfigError(GroceryError):
    """A stack's configuration is wrong, or a command was used wrongly."""

    exit_code = ExitCode.USAGE


class MachineError(GroceryError):
    """The machine, its Docker engine or its Swarm is not what the stack needs."""

    exit_code = ExitCode.USAGE


class OwnershipError(GroceryError):
    """The stack belongs to the other engine."""

    exit_code = ExitCode.USAGE


class BusyError(GroceryError):
    """Another command is changing the same stack."""

    exit_code = ExitCode.USAGE


class NoSuchStack(GroceryError):
    exit_code = ExitCode.NO_STACK


class UnexpectedChanges(GroceryError):
    exit_code = ExitCode.CHANGES


class Cancelled(GroceryError):
    exit_code = ExitCode.CANCELLED
