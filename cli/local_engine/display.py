"""Plans as a coloured tree, and the progress of an operation line by line."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from .model import STACK_TYPE, Event, Failed, Finished, Message, Op, Plan, Result, Started, Step
from .wire import UNKNOWN, Unknown, Value

_STYLES: Mapping[Op, tuple[str, str, str]] = {  # sign, colour, past tense
    Op.SAME: (" ", "dim", "unchanged"),
    Op.CREATE: ("+", "green", "created"),
    Op.UPDATE: ("~", "yellow", "updated"),
    Op.REPLACE: ("±", "magenta", "replaced"),
    Op.DELETE: ("-", "red", "deleted"),
    Op.FORGET: ("-", "yellow", "left in place, no longer managed"),
    Op.DRIFTED: ("~", "yellow", "drifted"),
    Op.GONE: ("-", "red", "gone"),
}


def plan_tree(plan: Plan, show_same: bool = False) -> Tree:
    """The plan as a tree of components and resources, property by property. Unchanged resources only on request."""
    by_urn = {step.urn: step for step in plan.steps}
    shown = {step.urn for step in plan.steps if show_same or step.op is not Op.SAME}
    for urn in list(shown):  # with the components they belong to
        parent = by_urn[urn].parent
        while parent in by_urn and parent not in shown:
            shown.add(parent)
            parent = by_urn[parent].parent
    root = Tree(f"[bold]{escape(plan.stack)}[/]", guide_style="dim")
    branches: dict[str, Tree] = {}

    def branch(urn: str) -> Tree:
        if urn not in by_urn or by_urn[urn].type == STACK_TYPE:
            return root
        if urn not in branches:
            step = by_urn[urn]
            branches[urn] = branch(step.parent).add(_headline(step))
            for line in _details(step):
                branches[urn].add(line)
        return branches[urn]

    for step in plan.steps:
        if step.urn in shown:
            branch(step.urn)
    return root


def summary(plan: Plan | Result) -> str:
    """One line of counts, with markup."""
    counts = [
        f"[{_STYLES[op][1]}]{_STYLES[op][0].strip()}{' ' if _STYLES[op][0].strip() else ''}{number} {op}[/]"
        for op, number in plan.counts.items()
    ]
    return ", ".join(counts) or "nothing to do"


def print_plan(console: Console, plan: Plan, show_same: bool = False) -> None:
    console.print(plan_tree(plan, show_same))
    console.print(summary(plan))


class Progress:
    """A listener for `up` and `destroy` that prints one line for each thing that begins, ends or fails."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: Event) -> None:
        match event:
            case Started(step=step):
                self._console.print(f"  [dim]{_STYLES[step.op][0]} {escape(_label(step))} …[/]", highlight=False)
            case Finished(step=step, seconds=seconds):
                sign, style, done = _STYLES[step.op]
                text = f"  [{style}]{sign} {escape(_label(step))}[/] {done} [dim]({seconds:.1f} s)[/]"
                self._console.print(text, highlight=False)
            case Failed(step=step, message=message):
                first = message.splitlines()[0]  # the whole of it is in the error at the end
                self._console.print(f"  [bold red]x {escape(_label(step))}[/] {escape(first)}", highlight=False)
            case Message(severity=severity, text=text):
                style = "yellow" if severity == "warning" else "dim"
                self._console.print(f"  [{style}]{escape(text)}[/]", highlight=False)


def _label(step: Step) -> str:
    return f"{_short_type(step.type)} {step.name}"


def _short_type(type_: str) -> str:
    """`docker:index/service:Service` -> `docker:Service`, `grocery:components:Edge` -> `Edge`."""
    package, _, noun = type_.partition(":")[0], "", type_.rpartition(":")[2]
    return f"{package}:{noun}" if "/" in type_ or type_.startswith("pulumi:") else noun


def _headline(step: Step) -> str:
    sign, style, _ = _STYLES[step.op]
    text = f"[{style}]{sign} {escape(_label(step))}[/]"
    if step.op is not Op.SAME:
        text += f" [dim]{step.op}{', the old one first' if step.delete_first else ''}[/]"
    if step.reasons:
        text += f" [italic]because of {escape(', '.join(step.reasons))}[/]"
    return text


def _details(step: Step) -> list[str]:
    if step.op is Op.CREATE:
        return [f"[green]{escape(key)}[/]: {_value(value)}" for key, value in _flat("", step.inputs)]
    lines = []
    for change in step.changes:
        colour = "green" if change.old is None else "red" if change.new is None else "yellow"
        mark = " [magenta](replaces)[/]" if change.replaces else ""
        arrow = " => ".join(_value(v) for v in (change.old, change.new) if v is not None)
        lines.append(f"[{colour}]{escape(change.path)}[/]: {arrow}{mark}")
    return lines


def _flat(path: str, value: Value) -> list[tuple[str, Value]]:
    if isinstance(value, Mapping) and (value or not path):
        return [pair for key, item in value.items() for pair in _flat(f"{path}.{key}" if path else key, item)]
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return [pair for index, item in enumerate(value) for pair in _flat(f"{path}[{index}]", item)]
    return [(path, value)]


def _value(value: Value) -> str:
    if value is UNKNOWN:
        return "[dim]<known after up>[/]"
    text = json.dumps(value, default=lambda x: "<known after up>" if isinstance(x, Unknown) else str(x))
    return escape(text if len(text) <= 120 else f"{text[:117]}…")
