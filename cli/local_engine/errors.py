"""What can go wrong, each with the exit code Pulumi's own command line uses for it."""

from __future__ import annotations

from collections.abc import Sequence


class LocalEngineError(Exception):
    """A failure to show as it is: what failed, which value, what was expected, the next command."""

    exit_code = 1


class UsageError(LocalEngineError):
    """The request, the configuration or the program asks for something that cannot be done as asked."""

    exit_code = 2


class UnsupportedError(UsageError):
    """The program uses a type, property, option or call that this engine does not know."""


class StateError(UsageError):
    """The saved state cannot be used: locked, damaged, newer, or sealed with another passphrase."""


class StackMissingError(LocalEngineError):
    """Nothing was ever deployed under this name."""

    exit_code = 6


class ChangesFoundError(LocalEngineError):
    """There are changes where none were expected; `plan` (a model.Plan) says which."""

    exit_code = 7

    def __init__(self, message: str, plan: object) -> None:
        super().__init__(message)
        self.plan = plan


class CancelledError(LocalEngineError):
    """The user stopped the operation; everything finished so far is saved."""

    exit_code = 8


class ProgramError(LocalEngineError):
    """The program itself failed: an exception, sys.exit, log.error or RunError."""


class ProviderError(LocalEngineError):
    """An operation on one resource failed."""


class RolledBackError(ProviderError):
    """An update failed and the service runs its previous definition again."""


class OperationError(LocalEngineError):
    """One or more resources failed; what succeeded is saved, nothing was deleted."""

    def __init__(self, failures: Sequence[tuple[str, LocalEngineError]], hint: str) -> None:
        self.failures = tuple(failures)
        super().__init__("\n".join([*(f"{subject}: {error}" for subject, error in self.failures), hint]))
        self.exit_code = max((error.exit_code for _, error in self.failures), default=1)
