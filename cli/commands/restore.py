"""`./grocery restore`: back to a moment, a backup or the newest there is, in place of the database or beside it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cli import engine_host, one_off, repository, restoring, terminal
from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL, Api
from cli.engines import Engine, engine_of
from cli.errors import Cancelled, ConfigError, GroceryError, UpdateFailed
from cli.options import AsJson, StackName, Yes
from cli.restoring import AFTER_THE_SWAP, Hear, Record, option
from cli.stack import LOCAL_STACK, Stack, open_stack
from cli.verification import wait_until_well

if TYPE_CHECKING:
    from cli.backups import Choice, State, Target

NAME = re.compile(r"^[a-z][a-z0-9-]{0,19}$")
ENDED_EARLY = "recovery ended before configured recovery target was reached"


def restore(
    to: Annotated[
        str | None,
        typer.Option("--to", help='A moment ("2026-11-26 03:10:20", UTC, or RFC 3339), "latest", or a backup.'),
    ] = None,
    stack: StackName = LOCAL_STACK,
    from_: Annotated[
        int | None, typer.Option("--repository", min=1, help="From this one; otherwise the first that has it.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and lost, and do nothing.")
    ] = False,
    into: Annotated[
        str | None, typer.Option("--into", help="Beside the live database, under this name; nothing is stopped.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what --into made.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Bring the database back as it was at a moment, or as a backup has it.

    Says first what would be lost and how long it takes. Then makes a backup of what is there, stops everything that
    writes, restores, and starts it all again. Until the restored database is checked the live one is not touched;
    interrupted anywhere, the same command run again goes on.
    """
    opened = open_stack(stack)
    _check_name(into)
    if remove:
        _remove(opened, into)
        return
    if json and not dry_run:
        raise ConfigError(
            "--json shows a plan",
            value="--json without --dry-run",
            next="./grocery restore --to latest --dry-run --json",
        )
    repository.require_backups(opened)
    target = asked(opened, to)
    engine = engine_of(opened)
    with engine_host.connect(opened.settings.target.host) as api:
        if dry_run:
            _show(opened, plan(opened, api, engine.outputs(), target, from_), json=json)
            return
        with opened.exclusively(), _stoppable():
            planned = plan(opened, api, engine.outputs(), target, from_)
            if into:
                _restore_beside(opened, api, planned, into)
            else:
                _show(opened, planned, json=False)
                question = f"Restore stack [bold]{escape(opened.name)}[/] to {escape(planned.target.words)}?"
                terminal.confirm(question, yes=yes, refusal="the database was not restored")
                _restore_in_place(opened, api, engine, planned)


# --- the plan ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a restore would do.

    unsaved:  why no backup of what is there can be made first; "" when one can.
    changed:  rows made or changed since, by what they are; None when nobody can tell.
    seconds:  how long it may take.
    goes_on:  the restore of that target that was begun and interrupted.
    """

    state: State
    target: Target
    choice: Choice
    unsaved: str
    changed: Mapping[str, int] | None
    seconds: float
    goes_on: Record | None = None

    @property
    def lost_from(self) -> float:
        """Unix seconds from which on nothing is kept."""
        return self.choice.until or self.state.archived_until or self.choice.backup.stopped

    def as_json(self) -> dict[str, Any]:
        return {
            "target": self.target.text,
            **self.choice.as_json(),
            "backup_first": not self.unsaved,
            "no_backup_because": self.unsaved or None,
            "lost_seconds": max(0.0, self.state.moment - self.lost_from),
            "lost_rows": self.changed,
            "seconds": self.seconds,
            "goes_on": self.goes_on is not None,
        }


def asked(stack: Stack, to: str | None) -> Target:
    """Raises ConfigError when no target was given, or what was given is none."""
    from cli.backups import parse_target

    if to is not None:
        return parse_target(to)
    record = restoring.record_of(stack)
    goes_on = f"./grocery restore --to {quote(record.to)}{option(stack)}   goes on with the one begun" if record else ""
    raise ConfigError(
        "restore needs a target",
        expected="--to with a moment, latest, or a backup",
        next=goes_on or f"./grocery backup list{option(stack)}   shows what can be reached",
    )


def plan(stack: Stack, api: Api, outputs: Mapping[str, object], target: Target, number: int | None) -> Plan:
    """Raises ConfigError when the target cannot be reached, GroceryError when the repository host does not answer."""
    from cli.backups import predicted_seconds, resolve

    record = restoring.record_of(stack)
    begun = record if record and restoring.standing_still(api, stack.name, outputs) else None
    state = repository.state(stack, api)
    choice = resolve(state, target, repository=number)
    return Plan(
        state=state,
        target=target,
        choice=choice,
        unsaved=unsaved(state),
        changed=restoring.changed_since(api, stack.name, choice.until) if choice.until else None,
        seconds=predicted_seconds(state, choice),
        goes_on=begun if begun and begun.to == target.text and number is None else None,
    )


def unsaved(state: State) -> str:
    """Why what is there now cannot be backed up first; "" when it can."""
    if not state.database.reachable:
        return "the database does not answer"
    if others := [found.name for found in state.repositories if found.status == "other-database"]:
        return f"{', '.join(others)} is of another database, over which nothing is written"
    broken = [f"{found.name}: {found.message}" for found in state.repositories if found.status == "unusable"]
    return f"not every repository can be used ({'; '.join(broken)})" if broken else ""


def _show(stack: Stack, planned: Plan, *, json: bool) -> None:
    if json:
        terminal.show_json(planned.as_json())
        return
    for line in lines_of(stack.name, planned):
        terminal.out.print(line, soft_wrap=True)


def lines_of(stack: str, planned: Plan) -> Iterator[str]:
    """The plan as rich markup."""
    from cli.backups import said, size

    choice, backup = planned.choice, planned.choice.backup
    yield f"[bold]Restore of stack {escape(stack)} to {escape(planned.target.words)}[/]"
    if planned.goes_on:
        yield "  goes on    where an interrupted one stopped"
    log = {
        "immediate": "",
        "time": f", then the log up to {said(choice.until)}" if choice.until else "",
        "default": ", then all of the log that is archived",
    }[choice.recovery]
    aside = choice.timeline == "current" and choice.recovery == "time"
    given_up = " of what an earlier restore gave up" if aside else ""
    of = f"{backup.kind} backup {escape(backup.label)} of {said(backup.stopped)}, {size(backup.database_bytes)}"
    yield f"  from       {choice.repository.name}: {of}{log}{given_up}"
    yield f"  lost       {escape(lost(planned))}"
    yield f"  takes      about {terminal.span(planned.seconds)}, during which nothing can be saved"
    if planned.goes_on:
        return
    if planned.unsaved:
        yield f"  first      [yellow]no backup of what is there: {escape(planned.unsaved)}; it stays on its volume[/]"
    else:
        yield "  first      a backup of what is there now, so that this can be undone"


def lost(planned: Plan) -> str:
    """What will not be there afterwards."""
    from cli.backups import said

    if planned.choice.recovery == "default":
        if planned.state.database.reachable and not planned.unsaved:
            return "nothing: the newest there is is as new as the database"
        until = planned.state.archived_until
        return f"what was written since {said(until)}" if until else "what was written after the end of the log"
    span = terminal.span(planned.state.moment - planned.lost_from)
    counted = (planned.changed or {}).items()
    counts = [f"{count} {name if count != 1 else name.removesuffix('s')}" for name, count in counted if count]
    if planned.changed is None:
        rows = ""
    else:
        rows = f": {', '.join(counts)}" if counts else ": no item, list or account was made or changed since"
    return f"what was written in the {span} since {said(planned.lost_from)}{rows}"


# --- in place ------------------------------------------------------------------------------------------------------


def _restore_in_place(stack: Stack, api: Api, engine: Engine, planned: Plan) -> None:
    outputs = engine.outputs()
    if not restoring.replicas(outputs):
        raise ConfigError(
            f"nothing is known here of what stack {stack.name} runs",
            value="the program's exports are empty",
            expected="a stack that was brought up from this clone; an empty one will do",
            next=f"./grocery up{option(stack)}; docs/runbooks/lost-machine.md",
        )
    record = planned.goes_on or _prepared(stack, api, planned)
    restoring.keep(stack, record)
    if not record.in_place:
        _replace(stack, api, outputs, record)
        restoring.keep(stack, replace(record, in_place=True))
    with terminal.working("starting everything again") as hear:
        restoring.bring_back(api, stack, outputs, hear)
    restoring.forget(stack)
    if wrong := wait_until_well(stack, api, engine=engine.name, outputs=outputs):
        raise UpdateFailed(
            "the data was restored, but the stack is not well",
            value="\n".join(wrong),
            expected="every service healthy, and the edge answering over HTTPS",
            next=f"./grocery status{option(stack)}; ./grocery logs{option(stack)}",
        )
    _back_up_afterwards(stack)
    terminal.done(f"stack {escape(stack.name)} is back at {escape(planned.target.words)}")
    _say_how_to_undo(stack, record)


def _replace(stack: Stack, api: Api, outputs: Mapping[str, object], record: Record) -> None:
    """Returns once the restored data is in place; otherwise everything runs as before, and it raises."""
    reached = ""
    try:
        with terminal.working("stopping who writes") as hear:
            restoring.stop_writers(api, stack, hear)
        with terminal.working("restoring") as hear:
            for step in restoring.replace_data(api, stack, record):
                reached = step.step
                hear(_words(step))
    except (restoring.Failed, KeyboardInterrupt, GroceryError) as fault:
        _give_up(stack, api, outputs, record, fault, reached)


def _prepared(stack: Stack, api: Api, planned: Plan) -> Record:
    """Makes the backup of what is there, where that is possible. Nothing is stopped yet."""
    safety = ""
    if planned.unsaved:
        terminal.warn(f"no backup of what is there: {escape(planned.unsaved)}")
    else:
        until = planned.choice.until or planned.state.moment
        with terminal.working("backing up what is there") as hear:
            safety = _safety_backup(stack, datetime.fromtimestamp(until, UTC).isoformat(), hear)
    return Record(
        to=planned.target.text,
        choice=tuple(planned.choice.arguments),
        safety=safety,
        life=restoring.life_of(api, stack.name),
    )


def _safety_backup(stack: Stack, moment: str, hear: Hear) -> str:
    """Its label; "" when it could not be made."""
    try:
        return repository.back_up_in_turn(stack, "incremental", note=f"before restore to {moment}", hear=hear).label
    except GroceryError as fault:
        terminal.warn(f"no backup of what is there: {escape(fault.value or fault.what)}; it stays on its volume")
        return ""


def _give_up(
    stack: Stack,
    api: Api,
    outputs: Mapping[str, object],
    record: Record,
    fault: restoring.Failed | KeyboardInterrupt | GroceryError,
    reached: str,
) -> None:
    """Starts everything as it was and raises. Returns when it turns out that the restored data is in place."""
    stopped = isinstance(fault, KeyboardInterrupt)
    words = "Ctrl-C" if stopped else str(fault)
    # Said at once: starting may fail as well.
    terminal.warn("stopped" if stopped else f"the restore did not succeed: {escape(words)}")
    with terminal.working("starting everything as it was") as hear:
        one_off.remove(api, restoring.one_off_name(stack))
        restoring.bring_back(api, stack, outputs, hear)
    now = restoring.life_of(api, stack.name)
    if reached in AFTER_THE_SWAP and now and now != record.life:
        terminal.warn("the restored database had taken its place already")
        return
    restoring.forget(stack)
    if stopped:
        raise Cancelled(
            "the restore was stopped before anything was replaced",
            expected="the live database runs on as it was",
            next=f"./grocery restore --to {quote(record.to)}{option(stack)}   begins again",
        )
    raise failure(words, option(stack)) from fault


def failure(words: str, stack_option: str) -> GroceryError:
    """The error for a one-off that failed; the live data is as it was."""
    early = ENDED_EARLY in words
    return GroceryError(
        "the restore failed; the live data is untouched and everything runs as before",
        value=words,
        expected="a moment after which something was committed" if early else None,
        next=(f"--to latest{stack_option} is the same if nothing was written after that moment; " if early else "")
        + f"./grocery backup verify{stack_option}   says whether something is missing; docs/runbooks/restore.md",
    )


def _back_up_afterwards(stack: Stack) -> None:
    """From here on another timeline is lived: a backup on it makes what comes restorable from the first moment on."""
    with terminal.working("backing up what was restored") as hear:
        try:
            repository.back_up_in_turn(stack, "incremental", note="after restore", hear=hear)
        except GroceryError as fault:
            terminal.warn(
                f"no backup of what was restored: {escape(fault.value or fault.what)}; the schedule makes one"
            )


def _say_how_to_undo(stack: Stack, record: Record) -> None:
    if record.safety:
        terminal.say(f"  undo it    ./grocery restore --to {record.safety}{option(stack)}")
        return
    inside = _docker_exec(stack, "postgres")
    terminal.say(
        "  What was there before is kept in a folder before-restore beside the data. Once it is not needed any more:\n"
        f"    {escape(inside)} sh -c 'rm -r /var/lib/postgresql/before-restore*'"
    )


# --- beside --------------------------------------------------------------------------------------------------------


def _restore_beside(stack: Stack, api: Api, planned: Plan, name: str) -> None:
    try:
        with terminal.working(f"restoring {planned.target.words} into {name}") as hear:
            for step in restoring.restore_beside(api, stack, name, planned.choice):
                hear(_words(step))
    except (restoring.Failed, KeyboardInterrupt) as fault:
        restoring.remove_beside(api, stack, name)
        if isinstance(fault, KeyboardInterrupt):
            raise
        raise GroceryError(
            f"nothing was restored into {name}",
            value=str(fault),
            next=f"./grocery backup verify{option(stack)}; docs/runbooks/restore.md",
        ) from fault
    for line in ways_in(stack, name):
        terminal.out.print(line, soft_wrap=True)


def ways_in(stack: Stack, name: str) -> list[str]:
    inside = _docker_exec(stack, name, "-it ")
    return [
        f"[bold green]✓[/] {escape(name)} serves beside the live database",
        f"  look       {escape(inside)} psql -h /run/postgresql -U postgres grocery",
        f"  remove     ./grocery restore --into {escape(name)} --remove{option(stack)}",
    ]


def _docker_exec(stack: Stack, workload: str, options: str = "") -> str:
    """How a person gets into the container of a workload."""
    host = stack.settings.target.host
    labels = f"--filter label={STACK_LABEL}={stack.name} --filter label={WORKLOAD_LABEL}={workload}"
    return f"docker -H {host} exec {options}$(docker -H {host} ps -q {labels})"


def _remove(stack: Stack, name: str | None) -> None:
    if name is None:
        raise ConfigError("--remove needs a name", expected="--into with the name it was made under")
    with stack.exclusively(), engine_host.connect(stack.settings.target.host) as api:
        restoring.remove_beside(api, stack, name)
    terminal.done(f"{escape(name)} and its data are removed")


def _check_name(name: str | None) -> None:
    if name is not None and not NAME.match(name):
        raise ConfigError(
            "--into is no name", value=repr(name), expected="lower-case letters, digits and dashes, at most 20"
        )


def _words(step: one_off.Step) -> str:
    share = f" ({step.percent:.0f} %)" if step.percent is not None else ""
    return f"{step.step}{share}: {step.text}" if step.text else f"{step.step}{share}"


@contextmanager
def _stoppable() -> Iterator[None]:
    """To be ended from outside is as Ctrl-C: what was stopped is started again."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
