"""`./grocery prepare`: what `up` does to the machine, and nothing else."""

from __future__ import annotations

from rich.markup import escape

from cli import machine, terminal
from cli.options import StackName, Yes
from cli.stack import LOCAL_STACK, open_stack


def prepare(stack: StackName = LOCAL_STACK, yes: Yes = False) -> None:
    """Prepare this machine: a Docker engine, and a Swarm of one that only this machine can reach.

    Installs the engine with apt-get where there is none (root), starts it, makes the Swarm and marks its node. An
    engine that is already there is changed only after asking, and not at all when its Swarm serves somebody else.
    """
    host = open_stack(stack).settings.target.host
    steps = machine.plan(host)
    if not steps:
        terminal.done(f"{escape(host)} is ready")
        return
    terminal.say(f"To prepare {escape(host)}:")
    for step in steps:
        terminal.bullets([f"{escape(step.what)}"])
        for command in step.commands:
            terminal.say(f"      [dim]{escape(command)}[/]")
    terminal.confirm("Go on?", yes=yes, refusal="not confirmed")
    machine.carry_out(steps)
    terminal.done(f"{escape(host)} is ready")
