"""Programs that judge a site from outside, in the versions this project pins whatever the machine's own Debian has.

Those of Debian and PyPI are in an image of the tests' own (tests/graders/image), named by its content like every other
image and made on the ground that all images stand on; it runs on the engine's host network, where the edge's ports are.
Those of npm (tests/graders/npm) run on this machine, in a mount namespace in which the site's name has an address.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import images
from tests.support import node
from tests.support.checkout import ROOT, Run
from tests.support.images import build

FOLDER = ROOT / "tests" / "graders"
LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 300

# $0 the content of /etc/hosts, then the command. The file stays for as long as it is mounted.
WITH_NAMES = 'f=$(mktemp) && printf "%s" "$0" > "$f" && mount --bind "$f" /etc/hosts && rm "$f" && exec "$@"'


@dataclass(frozen=True, kw_only=True)
class Graders:
    """The image of graders on one engine, and the site they look at: `domain` is at 127.0.0.1 for them."""

    docker: images.Docker
    image: str
    domain: str

    def start(
        self, *command: str, files: Mapping[str, Path] | None = None, folder: Path | None = None
    ) -> subprocess.Popen[str]:
        """Starts a grader. files: path it sees -> a file of this machine, read-only; folder: seen as /out."""
        options = ["--rm", "--init", "--network", "host", "--add-host", f"{self.domain}:{LOOPBACK}"]
        for place, file in (files or {}).items():
            options += ["--volume", f"{file}:{place}:ro"]
        if folder:
            options += ["--volume", f"{folder}:/out", "--workdir", "/out"]
        return _start([self.docker.path, "run", *options, self.image, *command], self.docker.environment)

    def run(
        self, *command: str, files: Mapping[str, Path] | None = None, folder: Path | None = None, expect: int | None = 0
    ) -> Run:
        """Runs a grader to its end. expect: the exit code it must end with; None for any."""
        return finish(self.start(*command, files=files, folder=folder), expect=expect)


def named(domain: str) -> list[str]:
    """The command that starts another one where `domain` is at 127.0.0.1. Needs root for that."""
    hosts = f"127.0.0.1 localhost\n::1 localhost\n{LOOPBACK} {domain}\n"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", WITH_NAMES, hosts]


def run_named(domain: str, *command: str, env: Mapping[str, str] | None = None, expect: int | None = 0) -> Run:
    """Runs a program of this machine, with the pinned Node, for which `domain` is at 127.0.0.1."""
    return run_here(*named(domain), *command, env=env, expect=expect)


def run_here(*command: str, env: Mapping[str, str] | None = None, expect: int | None = 0) -> Run:
    """Runs a program of this machine, with the pinned Node."""
    return finish(_start(command, {**node.environment(), **(env or {})}), expect=expect)


def finish(process: subprocess.Popen[str], *, expect: int | None = 0) -> Run:
    """Waits for what was started; fails with all it said when it does not end as expected."""
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    command = " ".join(map(str, process.args)) if isinstance(process.args, list) else str(process.args)
    run = Run(command=command, code=process.returncode, out=out, err=err, seconds=time.monotonic() - began)
    assert expect is None or run.code == expect, f"expected exit {expect}:\n{run.text[-6000:]}"
    return run


def make_image(root: Path, host: str) -> str:
    """The name of the graders' image on the engine, built when it is not there. The base must be, as after a build."""
    return build(FOLDER / "image", "graders", root=root, host=host)


def npm_packages() -> Path:
    """The folder node_modules of the graders that come from npm."""
    return node.packages(FOLDER / "npm")


def _start(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        list(command),
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
