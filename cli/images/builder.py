"""Building: what is missing, in order, side by side."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from cli.images.base import BASE_FROM_REGISTRY, make_base, pull_base
from cli.images.docker import Docker, Running
from cli.images.recipes import BY_NAME, RECIPES, SHIPPED, Inputs, Recipe, build_failed, inputs, tag
from cli.images.report import BuildReport, read_back, write

PARALLEL_BUILDS = 3
"""More than cores, since a build waits for downloads half of its time."""


# BuildKit's own bookkeeping between the lines of the commands it runs.
_NOISE = re.compile(r"^$|^-+$|^ > \[|^#\d+ (sha256:|DONE|CACHED|transferring|resolve |extracting |\d+\.\d+$)")


def _ca_bundle() -> str | None:
    for variable in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"):
        path = os.environ.get(variable)
        if path and Path(path).is_file():
            return path
    return None


def _docker_build(
    docker: Docker,
    recipe: Recipe,
    made: Mapping[str, Inputs],
    *,
    fresh: bool,
    running: Running,
    note: Callable[[str], None],
) -> None:
    command = [docker.path, "build", "--progress=plain", "-f", f"images/{recipe.name}/Dockerfile"]
    command += ["-t", tag(recipe.name, made[recipe.name].digest)]
    for argument, parent in recipe.parents.items():
        command += ["--build-arg", f"{argument}={tag(parent, made[parent].digest)}"]
    # Predefined build arguments: they reach the commands of the build and stay out of the image.
    for variable in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        if variable in os.environ:
            command += ["--build-arg", variable]
    ca = _ca_bundle()
    if ca is not None:
        command += ["--secret", f"id=ca,src={ca}"]
    if fresh:
        command.append("--no-cache")
    command.append("-")
    process = running.start(
        command, env=dict(docker.environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - opened as pipes above
    last: deque[str] = deque(maxlen=30)
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(made[recipe.name].archive)
            process.stdin.close()
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            step = re.match(r"#\d+ \[[^\]]*\d+/\d+\] (.*)", line)
            if step is not None:
                note(step[1])
            if not _NOISE.match(line):
                last.append(re.sub(r"^#\d+ (\d+\.\d+ ?)?", "", line))
    finally:
        code = process.wait()
        running.ended(process)
    if code != 0:
        raise build_failed(recipe.name, list(last), code)


class _Board:
    """Tells what each image is at: a live table on a terminal, a line at each end elsewhere."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.fields[name]:<12}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.description}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {
            name: self._progress.add_task("waiting", total=1, start=False, name=name) for name in names
        }

    def __enter__(self) -> _Board:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, name: str) -> None:
        self._progress.start_task(self._tasks[name])
        self.note(name, "starting")

    def note(self, name: str, text: str) -> None:
        room = max(self._console.width - 30, 20)
        self._progress.update(self._tasks[name], description=" ".join(text.split())[:room].replace("[", r"\["))

    def ended(self, name: str, text: str, seconds: float) -> None:
        self._progress.update(self._tasks[name], completed=1, description=text)
        if not self._console.is_terminal:
            self._console.print(f"  {name}: {text} ({seconds:.1f} s)")


def missing(docker: Docker, made: Mapping[str, Inputs], *, fresh: bool = False) -> list[str]:
    """The images to build, those they stand on included, parents first; with `fresh` all of them."""
    there = docker.inspect([tag(name, its.digest) for name, its in made.items()])
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name in wanted or (not fresh and tag(name, made[name].digest) in there):
            return
        wanted.add(name)
        for parent in BY_NAME[name].parents.values():
            want(parent)

    for name in SHIPPED:
        want(name)
    return [recipe.name for recipe in RECIPES if recipe.name in wanted]


def build(root: Path, *, console: Console, fresh: bool = False, docker: Docker | None = None) -> BuildReport:
    """Builds what is missing of the images of the checkout `root` and writes `.local/images.json`.

    `fresh` builds everything anew, from today's packages. `console` gets the progress. Raises ImageError; then nothing
    that was there before has changed, and what was finished meanwhile is kept for the next attempt.
    """
    begun = time.monotonic()
    made = inputs(root)
    docker = docker or Docker.find()
    names = missing(docker, made, fresh=fresh)
    steps: dict[str, float] = {}
    base = ""
    running = Running()

    def make(name: str, board: _Board) -> float:
        nonlocal base
        start = time.monotonic()
        board.started(name)
        ours = tag(name, made[name].digest)
        if name == "base":
            why = pull_base(docker, ours, running, lambda text: board.note(name, text))
            if why is None:
                base = f"{BASE_FROM_REGISTRY}, pulled"
            else:
                base = "made from Debian's archive on this machine, as no registry could be reached"
                board.note(name, base)
                make_base(root, docker, ours, why, running, lambda text: board.note(name, text))
        else:
            _docker_build(
                docker, BY_NAME[name], made, fresh=fresh, running=running, note=lambda text: board.note(name, text)
            )
        seconds = time.monotonic() - start
        board.ended(name, base if name == "base" else "built", seconds)
        return seconds

    if names:
        console.print(f"Building {len(names)} images with {docker.path}: {', '.join(names)}")
        with _Board(console, names) as board, ThreadPoolExecutor(PARALLEL_BUILDS) as pool:
            pending: dict[Future[float], str] = {}
            todo = list(names)
            try:
                while todo or pending:
                    for name in [
                        n for n in todo if not set(BY_NAME[n].parents.values()) & ({*todo, *pending.values()})
                    ]:
                        todo.remove(name)
                        pending[pool.submit(make, name, board)] = name
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        steps[pending.pop(future)] = future.result()
            except BaseException:
                running.stop()
                raise

    images = read_back(docker, made, steps, root)
    report = BuildReport(images=images, steps=steps, seconds=time.monotonic() - begun, base=base)
    write(root / ".local" / "images.json", {"images": {name: image.as_json() for name, image in images.items()}})
    return report
