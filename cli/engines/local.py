"""The local engine, as `./grocery` uses it: for machines without Pulumi, and for this machine's own stack only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from cli import local_engine, terminal
from cli.engines import Engine
from cli.errors import Cancelled, ConfigError, ExitCode, GroceryError, UpdateFailed
from cli.external_secrets import SecretStore
from cli.local_engine import display
from cli.local_engine.errors import StackMissingError
from cli.stack import PROJECT

SERVICE = "docker:index/service:Service"


class LocalEngine(Engine):
    name: ClassVar[str] = "local-engine"
    title: ClassVar[str] = "the local engine, since pulumi is not installed"

    def preview(self, *, diff: bool, refresh: bool, as_json: bool) -> int:
        with _translated():
            drift = local_engine.refresh(self._project, preview_only=True) if refresh and self._exists() else None
            plan = local_engine.preview(self._project)
        plans = [*([drift] if drift else []), plan]
        changes = sum(_changes(found) for found in plans)
        if as_json:
            terminal.show_json(
                {
                    "engine": self.name,
                    "changeSummary": {str(op): number for op, number in plan.counts.items()},
                    "steps": [_document(step) for found in plans for step in found.steps],
                }
            )
            return changes
        self._announce()
        if drift is not None and drift.changes:
            terminal.out.print("[bold]what was changed behind the program's back[/]")
            display.print_plan(terminal.out, drift)
        display.print_plan(terminal.out, plan if diff else _brief(plan))
        return changes

    def up(self, *, yes: bool) -> None:
        self._announce()

        def agreed(plan: local_engine.Plan) -> bool:
            if not yes and plan.changes:
                display.print_plan(terminal.err, _brief(plan))
                terminal.confirm("Apply this?", yes=False, refusal="not confirmed")
            return True

        with _translated():
            result = local_engine.up(self._project, on_event=_progress(), confirm=agreed)
        terminal.say(f"{display.summary(result)} [dim]in {result.seconds:.1f} s[/]")

    def refresh(self) -> int:
        self._announce()
        with _translated():
            plan = local_engine.refresh(self._project)
        if plan.changes:
            display.print_plan(terminal.out, plan)
        return _changes(plan)

    def destroy(self, *, with_data: bool) -> None:
        # Protected resources stay in the state; with_data ends with the removal of the volumes and of the state itself.
        self._announce()
        if not self._exists():
            terminal.say("nothing was ever applied")
            return
        with _translated():
            local_engine.destroy(self._project, exclude_protected=True, on_event=_progress())

    def outputs(self) -> Mapping[str, object]:
        with _translated():
            try:
                return local_engine.outputs(self._project)
            except StackMissingError:
                return {}

    def external_secrets(self) -> frozenset[str]:
        return frozenset(self._secrets.load())

    def set_external_secret(self, name: str, value: str) -> None:
        self._secrets.put(name, value)

    @property
    def _secrets(self) -> SecretStore:
        return SecretStore(self.stack.state_dir, self.stack.passphrase())

    @property
    def _project(self) -> local_engine.Project:
        if self.stack.encrypted:
            raise ConfigError(
                f"{self.stack.file.name} holds values that only pulumi can read",
                value=", ".join(sorted(self.stack.encrypted)),
                expected="no `secure:` value in a stack of the local engine",
                next=f"take them out of {self.stack.file.name} and set each again: "
                f"./grocery config secret set NAME --stack {self.stack.name}; or install pulumi",
            )
        secrets = {f"{PROJECT}:{name}": value for name, value in self._secrets.load().items()}
        return local_engine.Project(
            root=self.stack.root,
            name=PROJECT,
            stack=self.stack.name,
            state_dir=self.stack.state_dir,
            config={**self.stack.config, **secrets},
            secret_keys=frozenset(secrets),
            passphrase=self.stack.passphrase(),
        )

    def _exists(self) -> bool:
        return bool(self.outputs()) or self._project.store().load() is not None

    def _announce(self) -> None:
        terminal.say("[dim]applied by the local engine: pulumi is not installed[/]")


@contextmanager
def _translated() -> Iterator[None]:
    """The engine's errors as this command's: its words, and its exit code."""
    try:
        yield
    except local_engine.LocalEngineError as error:
        what, _, details = str(error).partition("\n")
        if error.exit_code == ExitCode.FAILED:
            raise UpdateFailed(what, details=details or None) from error
        if error.exit_code == ExitCode.CANCELLED:
            what = "stopped; what was under way has come to its end and is saved"
            raise Cancelled(what, next="run the same command again to go on") from error
        translated = GroceryError(what, details=details or None)
        translated.exit_code = ExitCode(error.exit_code)
        raise translated from error


def _progress() -> Callable[[local_engine.Event], None]:
    """A line for each thing that ends or fails, and for a service when it begins: only those take their time.

    Of a failure only the first line is shown here; all of it is the command's last word.
    """
    show = display.Progress(terminal.err)

    def listen(event: local_engine.Event) -> None:
        if isinstance(event, local_engine.Failed):
            event = replace(event, message=event.message.partition("\n")[0])
        if not isinstance(event, local_engine.Started) or event.step.type == SERVICE:
            show(event)

    return listen


def _changes(plan: local_engine.Plan) -> int:
    return sum(step.op is not local_engine.Op.SAME for step in plan.steps)


def _brief(plan: local_engine.Plan) -> local_engine.Plan:
    """Without the inputs of what is new: what changes is told property by property, what is created by its name."""
    return replace(plan, steps=tuple(replace(step, inputs={}) for step in plan.steps))


def _document(step: local_engine.Step) -> dict[str, object]:
    return {
        "op": str(step.op),
        "urn": step.urn,
        "type": step.type,
        "changes": [{"path": change.path, "replaces": change.replaces} for change in step.changes],
    }
