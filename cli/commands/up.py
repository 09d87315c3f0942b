"""`./grocery up`: from whatever the machine is now to the running, verified stack."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape

from cli import building, engine_host, guards, images, machine, preflight, repository, restoring, terminal
from cli.engines import Engine, engine_of, take_ownership
from cli.errors import UpdateFailed
from cli.files import write_atomically
from cli.options import StackName, Yes
from cli.stack import LOCAL_STACK, Stack, open_stack
from cli.verification import VERIFICATION_SECONDS, wait_until_well


def up(stack: StackName = LOCAL_STACK, yes: Yes = False) -> None:
    """Bring the stack up, or bring it up to date.

    Checks the machine and says what it is about to do to it: install and start a Docker engine where there is none,
    make it a Swarm of one, build missing images. Then applies the program, waits until everything answers, and
    prints where the app is. Run again at any time: what is as it should be is left alone.
    """
    opened = open_stack(stack)
    opened.settings  # noqa: B018 - a fault in the configuration is refused before anything else is looked at
    engine = engine_of(opened)
    with opened.exclusively():
        agreed = get_ready(opened, engine, yes=yes)
        take_ownership(opened, engine)
        with engine_host.connect(opened.settings.target.host) as api:
            known = engine.outputs()
            guards.check_data(opened, api, known)
            end_interrupted_restore(opened, api, known)
            engine.up(yes=agreed)
            opened.note_applied(str(api.info()["SystemTime"]))
            outputs = engine.outputs()
            save_ca(opened, outputs)
            verify(opened, api, engine, outputs)
    say_goodbye(opened, outputs)


def get_ready(stack: Stack, engine: Engine, *, yes: bool) -> bool:
    """Refuses what cannot work, then prepares the machine and the images after asking. Has a person agreed to all?"""
    host = stack.settings.target.host
    api = engine_host.try_connect(host)
    if api is None:
        preflight.check_machine(stack)
    else:
        with api:
            preflight.check_engine(stack, api)
    stack.passphrase()
    steps = machine.plan(host)
    # A new engine has none; which they are is found out again when they are built.
    missing = building.missing(stack.root, host) if api else [recipe.name for recipe in images.RECIPES]
    steps += building.steps_before(missing)
    if not steps and not missing:
        building.build(stack.root, host)
        return yes
    plan = [f"{escape(step.what)}\n      [dim]{escape('; '.join(step.commands))}[/]" for step in steps]
    if missing:
        plan.append(f"build {len(missing)} images: {', '.join(missing)}")
    plan.append(f"apply the program to stack {stack.name} with {engine.title}")
    terminal.say(f"[bold]./grocery up[/] will do this on {escape(host)}:")
    terminal.bullets(plan)
    terminal.confirm("Go on?", yes=yes, refusal="not confirmed")
    machine.carry_out(steps)
    if api is None:
        with engine_host.connect(host) as api:
            preflight.check_engine(stack, api)
    building.build(stack.root, host)
    return True


def save_ca(stack: Stack, outputs: Mapping[str, object]) -> None:
    """Keeps the stack CA's public certificate where browsers and curl can be pointed at it."""
    certificate = outputs.get("ca_certificate")
    if isinstance(certificate, str):
        write_atomically(stack.ca_file, certificate)


def verify(stack: Stack, api: engine_host.Api, engine: Engine, outputs: Mapping[str, object]) -> None:
    """Waits until nothing is wrong any more that an update can make wrong, and warns of the rest. Raises UpdateFailed
    with what still is."""
    if wrong := wait_until_well(stack, api, engine=engine.name, outputs=outputs):
        raise UpdateFailed(
            f"the program was applied, but the stack is not well after {VERIFICATION_SECONDS} s",
            value="\n".join(wrong),
            expected="every service healthy, and the edge answering over HTTPS",
            next=f"./grocery status --stack {stack.name}; ./grocery logs --stack {stack.name}",
        )


def end_interrupted_restore(stack: Stack, api: engine_host.Api, outputs: Mapping[str, object]) -> None:
    """Starts what a restore stopped and did not start again; whether it came to its end is PostgreSQL's to know."""
    if standing := restoring.standing_still(api, stack.name, outputs):
        terminal.warn(f"a restore was interrupted: starting {', '.join(standing)} with the data that is there")
        restoring.start_again(api, stack, outputs)


def say_goodbye(stack: Stack, outputs: Mapping[str, object]) -> None:
    url = str(outputs.get("url", ""))
    option = "" if stack.name == LOCAL_STACK else f" -s {stack.name}"
    terminal.done(f"[bold]{escape(url)}[/] is up")
    if stack.settings.edge.certificate.kind == "stack" and stack.ca_file.exists():
        certificate = stack.ca_file.relative_to(stack.root)
        name = f"grocery-{stack.name}"
        terminal.say(
            f"""
  The certificate is signed by this stack's own authority, [bold]{certificate}[/]. To trust it:
    curl       curl --cacert {certificate} {escape(url)}
    system     sudo cp {certificate} /usr/local/share/ca-certificates/{name}.crt && sudo update-ca-certificates
    Chromium   certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n {name} -i {certificate}
    Firefox    Settings, Certificates, Authorities, Import"""
        )
    say_where_the_key_belongs(stack, option)
    terminal.say(
        f"""
  Next
    ./grocery status{option}     how it is
    ./grocery logs{option}       what it says
    ./grocery down{option}       stop it; the data stays"""
    )


def say_where_the_key_belongs(stack: Stack, option: str) -> None:
    """Until it was shown once: the one thing without which backups elsewhere are of no use."""
    backups = stack.settings.backups
    if backups.enabled and backups.key == "generated" and not repository.key_was_shown(stack):
        terminal.say(
            f"""
  The backups are encrypted. Keep their key somewhere else; if this machine is lost, nothing is restored without it:
    ./grocery backup key{option}"""
        )
