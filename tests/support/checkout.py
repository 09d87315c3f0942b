"""A copy of this checkout that a test may change, and the stack it drives through `./grocery` as a person would."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError
from ruamel.yaml import YAML

from cli.engine_host import Api

ROOT = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 600
REMOVAL_SECONDS = 180
# Tests ask more often than people; the limits are raised by configuration, nothing is exempt from them.
UNLIMITED = {zone: {"rate": "10000r/s", "burst": 10000} for zone in ("general", "api", "auth")}
"""The setting edge.rate_limits of a stack that tests ask much of."""


def copy_of_the_tree(target: Path) -> Path:
    """What git tracks or would track, with this checkout's Python environment; nothing of `.local`."""
    for name in tracked_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    (target / ".venv").symlink_to(ROOT / ".venv")
    return target


def tracked_files(under: str = ".") -> list[Path]:
    """What git tracks or would track in this checkout, as paths relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", under],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def free_port() -> int:
    """A port nobody listens on now. Inside the private engine's network nobody else comes to take it."""
    with socket.socket() as probe:
        # On every address, as it will be published: one may still hold it for a minute after a connection's end.
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, kw_only=True)
class Run:
    """How one `./grocery` command ended."""

    command: str
    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        return f"$ {self.command}\n{self.out}{self.err}[exit {self.code} after {self.seconds:.1f} s]"

    def document(self) -> Any:  # noqa: ANN401 - whatever JSON the command printed
        return json.loads(self.out)


class Checkout:
    """A stack in a copied tree. `settings` are written to its stack file; `host` is the engine it runs on."""

    place: Sequence[str] = ()
    """The command that puts `./grocery` where the stack's name has an address; none for localhost."""

    def __init__(self, root: Path, *, stack: str, host: str, settings: Mapping[str, object]) -> None:
        self.root = root
        self.stack = stack
        self.host = host
        self.write_settings({**settings, "target": {"host": host, **_group(settings, "target")}})

    def called(self, stack: str) -> Checkout:
        """Another stack of the same tree, its file left as it is (or absent)."""
        other = copy.copy(self)
        other.stack = stack
        return other

    @property
    def file(self) -> Path:
        return self.root / f"Pulumi.{self.stack}.yaml"

    @property
    def state_dir(self) -> Path:
        return self.root / ".local" / self.stack

    @property
    def ca_file(self) -> Path:
        return self.state_dir / "ca.crt"

    @property
    def settings(self) -> dict[str, Any]:
        # JSON as it was written here, YAML once `config set` has changed something.
        found: dict[str, Any] = YAML(typ="safe").load(self.file)["config"]["grocery:settings"]
        return found

    @property
    def url(self) -> str:
        edge = _group(self.settings, "edge")
        port = edge.get("https_port", 8443)
        return f"https://{edge.get('domain', 'localhost')}" + ("" if port == 443 else f":{port}")

    def write_settings(self, settings: Mapping[str, object]) -> None:
        """Replaces the whole stack file (JSON is YAML)."""
        self.file.write_text(json.dumps({"config": {"grocery:settings": settings}}, indent=2) + "\n")

    def configure(self, **groups: Mapping[str, object]) -> None:
        """Changes settings: configure(edge={"https_port": 9443})."""
        settings = self.settings
        for name, values in groups.items():
            settings[name] = {**_group(settings, name), **values}
        self.write_settings(settings)

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Starts a command on this stack and does not wait."""
        command = ["./grocery", *arguments]
        if arguments and arguments[0] not in ("test", "bench", "--help"):
            command += ["--stack", self.stack]
        return subprocess.Popen(
            # Ctrl-C is heard, also where whoever runs the tests does not hear it.
            ["env", "--default-signal=INT", *self.place, *command],
            cwd=self.root,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, expect: int | None = 0) -> Run:
        """Runs a command on this stack to its end. expect: the exit code it must end with; None for any."""
        began = time.monotonic()
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        run = Run(
            command=" ".join(["./grocery", *arguments]),
            code=process.returncode,
            out=out,
            err=err,
            seconds=time.monotonic() - began,
        )
        print(run.text)
        if expect is not None:
            assert run.code == expect, f"expected exit {expect}:\n{run.text}\n{self.said_by_services()}"
        return run

    def set_secret(self, name: str, value: str) -> None:
        """Sets a secret that others issued; the next `up` uses it."""
        process = self.start("config", "secret", "set", name, stdin=subprocess.PIPE)
        out, err = process.communicate(value, timeout=COMMAND_SECONDS)
        assert process.returncode == 0, f"{name} could not be set: {out}{err}"
        assert value not in f"{out}{err}", f"the value of {name} is shown"

    def up(self, *, expect: int | None = 0) -> Run:
        return self.run("up", "--yes", expect=expect)

    def preview(self, *options: str, expect: int | None = 0) -> Run:
        return self.run("preview", *options, expect=expect)

    def status(self) -> dict[str, Any]:
        """The facts, whatever the exit code says about them."""
        found: dict[str, Any] = self.run("status", "--json", expect=None).document()
        return found

    def problems(self) -> list[str]:
        """What is wrong with the stack now. Alerts are left out: they tell of the machine and of before as well."""
        return [problem for problem in self.status()["problems"] if not problem.startswith("alert ")]

    def api(self) -> Api:
        return APIClient(base_url=self.host, version="auto")

    def said_by_services(self) -> str:
        """The last lines of every service of the stack, for the message of a failed test."""
        told = []
        with self.api() as api:
            # Container by container: the log of a whole service never ends when one of its containers was removed.
            for container in api.containers(all=True, filters={"label": f"grocery.stack={self.stack}"}):
                try:
                    said = api.logs(container["Id"], stdout=True, stderr=True, tail=15)
                except APIError as error:
                    said = str(error).encode()
                told.append(f"--- {container['Names'][0]}: {container['Status']}\n{said.decode(errors='replace')}")
        return "\n".join(told)

    def remove(self) -> None:
        """Leaves nothing of the stack on the engine, in whatever state a test left it. Nothing ends in order: what
        `down` does takes its time, and is not what is proven here."""
        end = time.monotonic() + REMOVAL_SECONDS
        with self.api() as api:
            while left := list(_removals(api, self.stack)):
                assert time.monotonic() < end, f"not removed after {REMOVAL_SECONDS} s: {[name for name, _ in left]}"
                for _, remove in left:
                    # What is in use, or has gone meanwhile, is looked at again.
                    with contextlib.suppress(APIError):
                        remove()
                time.sleep(0.3)


def _removals(api: Api, stack: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """What there is of a stack, and how each is removed. By name: not everything can have a label."""
    kinds: tuple[tuple[Callable[[str], object], list[dict[str, Any]]], ...] = (
        (api.remove_service, api.services()),
        (api.remove_secret, api.secrets()),
        (api.remove_config, api.configs()),
        (api.remove_network, api.networks()),
        (api.remove_volume, api.volumes().get("Volumes") or []),
    )
    for remove, found in kinds:
        for entry in found:
            name = str(entry.get("Name") or entry["Spec"]["Name"])
            if name.startswith(f"{stack}-"):
                yield name, partial(remove, name)
    # Swarm removes the containers of a service that is gone; it only need not wait for them to end.
    for container in api.containers(all=True, filters={"label": f"grocery.stack={stack}"}):
        kill = partial(api.kill, container["Id"]) if container["State"] == "running" else lambda: None
        yield container["Names"][0], kill


def _group(settings: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = settings.get(name, {})
    assert isinstance(found, Mapping), f"settings.{name} must be a mapping"
    return found
