"""Builds the project's container images: `./grocery images build`.

`build(root, ...)` looks at what each image is made of, builds those that are missing on the engine, writes
`.local/images.json` (which the program reads to know what to run) and returns a `BuildReport`. A second call with
nothing changed builds nothing and takes about a second. `render(report, console)` prints the report's table,
`report.as_json()` is what `--json` prints. Every failure is an `ImageError` whose text is meant for people.

What an image is made of is a tar archive with fixed order, times and owners: its SHA-256, together with that of the
images it stands on, names the result (`grocery/<name>:<12 hex digits>`), and the very same archive is the build
context. So whatever a build can see is in the hash, and nothing else is. Services refer to images by their ID: for
Swarm an ID is the one form of reference that never asks a registry.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import queue
import re
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

BASE_FROM_REGISTRY = "debian:trixie-slim"
REGISTRY_PATIENCE = 6.0
"""Seconds a registry has to answer before the base image is made on this machine instead."""
PARALLEL_BUILDS = 3
"""More than cores, since a build waits for downloads half of its time."""

_EPOCH = 1_750_000_000
# What tools leave in the source tree; a build never sees it and makes its own.
_GENERATED = frozenset({"node_modules", "dist", "coverage", "__pycache__", ".vite", ".vite-temp"})
_GENERATED_SUFFIXES = (".md", ".tsbuildinfo", ".log", ".tmp")


class ImageError(Exception):
    """An image could not be built. The message says which, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one image is made.

    `parents` maps a build argument of `images/<name>/Dockerfile` to the image it stands for; `stands_on` is the one
    whose layers the result shares. `paths` are what the build sees besides its own folder, relative to the repository.
    """

    name: str
    parents: Mapping[str, str] = field(default_factory=dict)
    stands_on: str | None = None
    paths: tuple[str, ...] = ()
    shipped: bool = False

    @property
    def context(self) -> tuple[str, ...]:
        return (f"images/{self.name}", *self.paths)


# In the order in which layers are counted: the first to need a shared layer carries it.
RECIPES: tuple[Recipe, ...] = (
    Recipe(name="base"),
    Recipe(name="runtime", parents={"BASE": "base"}, paths=("images/shared/closure",)),
    Recipe(name="toolchain", parents={"BASE": "base"}, paths=("images/shared/closure",)),
    Recipe(name="node", parents={"RUNTIME": "runtime", "TOOLCHAIN": "toolchain"}, stands_on="runtime"),
    Recipe(
        name="app",
        parents={"TOOLCHAIN": "toolchain"},
        paths=(
            "app/package.json",
            "app/package-lock.json",
            "app/tsconfig.base.json",
            "app/schema",
            "app/auth-server",
            "app/web",
        ),
    ),
    Recipe(
        name="postgres",
        parents={"BASE": "base", "RUNTIME": "runtime"},
        stands_on="runtime",
        paths=("images/shared/closure",),
        shipped=True,
    ),
    Recipe(
        name="migrations",
        parents={"POSTGRES": "postgres"},
        stands_on="postgres",
        paths=("app/schema/migrations",),
        shipped=True,
    ),
    Recipe(name="auth-server", parents={"NODE": "node", "APP": "app"}, stands_on="node", shipped=True),
    Recipe(name="zero-cache", parents={"NODE": "node", "TOOLCHAIN": "toolchain"}, stands_on="node", shipped=True),
    Recipe(
        name="edge",
        parents={"BASE": "base", "RUNTIME": "runtime"},
        stands_on="runtime",
        paths=("images/shared/closure", "images/shared/publishing"),
        shipped=True,
    ),
    Recipe(
        name="frontend",
        parents={"RUNTIME": "runtime", "APP": "app"},
        stands_on="runtime",
        paths=("images/shared/publishing",),
        shipped=True,
    ),
)
SHIPPED: tuple[str, ...] = tuple(recipe.name for recipe in RECIPES if recipe.shipped)
_BY_NAME: Mapping[str, Recipe] = {recipe.name: recipe for recipe in RECIPES}


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """One image as it is on the engine.

    `ref` goes into a service's image field; `unique_bytes` are the layer bytes that the images before it in `SHIPPED` do
    not hold already, so their sum is what all of them take on disk.
    """

    name: str
    ref: str
    id: str
    inputs: str
    built: str
    unique_bytes: int
    seconds: float = 0.0
    """What building it took this time; 0 when it was there."""

    def as_json(self) -> dict[str, str | int]:
        return {
            "ref": self.ref,
            "id": self.id,
            "inputs": self.inputs,
            "built": self.built,
            "unique_bytes": self.unique_bytes,
        }


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a call of `build` did; `steps` has the seconds of all that was built, intermediate images included."""

    images: Mapping[str, BuiltImage]
    steps: Mapping[str, float]
    seconds: float
    base: str
    """Where the base came from, in words; empty when it was not needed."""

    @property
    def total_bytes(self) -> int:
        return sum(image.unique_bytes for image in self.images.values())

    def as_json(self) -> dict[str, object]:
        return {
            "images": {name: image.as_json() for name, image in self.images.items()},
            "steps": {name: round(seconds, 1) for name, seconds in self.steps.items()},
            "seconds": round(self.seconds, 1),
            "total_bytes": self.total_bytes,
            "base": self.base,
        }


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The build context of one image as a tar archive, and the hash that names the result."""

    archive: bytes
    digest: str


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """What the engine says about an image."""

    id: str
    created: str
    size: int


# --- What an image is made of -------------------------------------------------------------------------------


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.name in _GENERATED or entry.name.endswith(_GENERATED_SUFFIXES):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry)
        else:
            yield entry


def _archive(root: Path, paths: Sequence[str]) -> bytes:
    missing = [path for path in paths if not (root / path).exists()]
    if missing:
        raise ImageError(
            f"{', '.join(missing)} is missing in {root}; expected a complete checkout: git status, git restore"
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted({file for name in paths for file in _files(root / name)}):
            entry = tarfile.TarInfo(path.relative_to(root).as_posix())
            entry.mtime = _EPOCH
            entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            content = path.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def inputs(root: Path) -> dict[str, Inputs]:
    """The inputs of every image of the checkout `root`. Raises ImageError when a file they need is missing."""
    found: dict[str, Inputs] = {}
    for recipe in RECIPES:
        archive = _archive(root, recipe.context)
        digest = hashlib.sha256(archive)
        for argument, parent in sorted(recipe.parents.items()):
            digest.update(f"\n{argument}={found[parent].digest}".encode())
        found[recipe.name] = Inputs(archive=archive, digest=digest.hexdigest())
    return found


def tag(name: str, digest: str) -> str:
    """The local name of an image with these inputs."""
    return f"grocery/{name}:{digest[:12]}"


# --- The docker command -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Docker:
    """A docker client that can build with BuildKit. DOCKER_HOST and DOCKER_CONTEXT reach it as they are set."""

    path: str
    environment: Mapping[str, str]

    @staticmethod
    def find() -> Docker:
        """The first client on PATH that reaches the engine and has BuildKit (in itself up to 22, as buildx after that).

        Raises ImageError naming each client that was looked at and why it does not do.
        """
        # Attestations would turn each image into an index that an engine without the containerd store cannot hold.
        environment = {
            **os.environ,
            "DOCKER_BUILDKIT": "1",
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "DOCKER_CLI_HINTS": "false",
        }
        objections: list[str] = []
        seen: set[Path] = set()
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            candidate = Path(folder or ".") / "docker"
            if not os.access(candidate, os.X_OK) or candidate.resolve() in seen:
                continue
            seen.add(candidate.resolve())
            docker = Docker(path=str(candidate), environment=environment)
            objection = docker._objection()
            if objection is None:
                return docker
            objections.append(f"  {candidate}: {objection}")
        if not objections:
            raise ImageError("no docker client on PATH; run ./grocery doctor to see what this machine lacks")
        raise ImageError(
            "no docker client on PATH can build images:\n" + "\n".join(objections) + "\n"
            "Install one that can: apt-get install docker-buildx (or docker-buildx-plugin from Docker's own packages)"
        )

    def _objection(self) -> str | None:
        version = self._run("version", "--format", "{{.Client.Version}}")
        if version.returncode != 0:
            return (version.stderr.strip().splitlines() or ["it cannot reach the engine"])[-1]
        major = re.match(r"\d+", version.stdout)
        if major is not None and int(major[0]) < 23:
            return None
        if self._run("buildx", "version").returncode == 0:
            return None
        return f"version {version.stdout.strip()} has no BuildKit of its own and its buildx plugin is not installed"

    def _run(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.path, *arguments],
                env=dict(self.environment),
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ImageError(
                f"docker {arguments[0]} did not answer within {timeout:.0f} s; is the engine well? docker info"
            ) from error

    def inspect(self, ref: str) -> EngineImage | None:
        """The image `ref` on the engine, or None when it is not there."""
        answer = self._run("image", "inspect", ref)
        if answer.returncode != 0:
            if "no such image" in answer.stderr.lower():
                return None
            raise ImageError(f"docker image inspect {ref}: {answer.stderr.strip()}")
        (image,) = json.loads(answer.stdout)
        return EngineImage(id=image["Id"], created=image["Created"], size=image["Size"])

    def name(self, ref: str, name: str) -> None:
        """Gives the image `ref` the further name `name`."""
        answer = self._run("tag", ref, name)
        if answer.returncode != 0:
            raise ImageError(f"docker tag {ref} {name}: {answer.stderr.strip()}")


class _Stopped(Exception):
    """Another build has failed; this one is not wanted any more."""


class _Running:
    """The processes that belong to a build, so that they end with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def start(self, command: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise _Stopped
            process: subprocess.Popen[bytes] = subprocess.Popen(command, **options)  # type: ignore[call-overload]
            self._processes.add(process)
            return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.discard(process)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.terminate()


# --- The base image -----------------------------------------------------------------------------------------


def pull_base(docker: Docker, name: str, running: _Running, note: Callable[[str], None]) -> str | None:
    """Gets the base from a registry. None when it was got, otherwise why not.

    A registry that cannot be reached is found out within `REGISTRY_PATIENCE` seconds; one that answers has all the time
    it needs, since its first line comes before the layers.
    """
    process = running.start(
        [docker.path, "pull", BASE_FROM_REGISTRY],
        env=dict(docker.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None  # noqa: S101 - opened as a pipe above
        for line in process.stdout:
            lines.put(line.decode(errors="replace").strip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    said = ""
    try:
        line = lines.get(timeout=REGISTRY_PATIENCE)
        while line is not None:
            said = line
            note(line)
            line = lines.get()
    except queue.Empty:
        process.kill()
        return f"no registry answered within {REGISTRY_PATIENCE:.0f} s"
    finally:
        code = process.wait()
        running.ended(process)
    if code != 0:
        return said or f"docker pull ended with {code}"
    docker.name(BASE_FROM_REGISTRY, name)
    return None


def debian_archives(sources: str) -> tuple[str, str] | None:
    """The Debian archive and its security archive in the text of apt's source files, or None when there is no archive.

    >>> debian_archives("deb http://mirror.example/debian bookworm main")
    ('http://mirror.example/debian', 'http://mirror.example/debian-security')
    """
    active = "\n".join(line for line in sources.splitlines() if not line.lstrip().startswith("#"))
    archive = re.search(r"\bhttps?://[^\s\]]+/debian(?=/?(?:\s|$))", active)
    if archive is None:
        return None
    security = re.search(r"\bhttps?://[^\s\]]+/debian-security(?=/?(?:\s|$))", active)
    return archive[0], security[0] if security else f"{archive[0]}-security"


def _apt_sources() -> str:
    folder = Path("/etc/apt/sources.list.d")
    files = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]
    return "\n".join(file.read_text(errors="replace") for file in files if file.is_file())


def _make_base(root: Path, docker: Docker, name: str, why: str, running: _Running, note: Callable[[str], None]) -> None:
    archives = debian_archives(_apt_sources())
    if archives is None:
        raise ImageError(
            f"base: {BASE_FROM_REGISTRY} could not be pulled ({why}), and this machine's apt sources name no Debian "
            "archive to make it from. Let the engine reach a registry, or add a Debian archive to "
            "/etc/apt/sources.list.d"
        )
    if shutil.which("mmdebstrap") is None or not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        raise ImageError(
            f"base: {BASE_FROM_REGISTRY} could not be pulled ({why}), and mmdebstrap, which would make it from "
            "Debian's archive, is not installed: apt-get install mmdebstrap debian-archive-keyring"
        )
    note("mmdebstrap: unpacking Debian 13")
    with tempfile.TemporaryFile() as errors:
        maker = running.start([str(root / "images/base/mmdebstrap"), *archives], stdout=subprocess.PIPE, stderr=errors)
        importer = running.start(
            [
                docker.path,
                "import",
                "-c",
                "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "-",
                name,
            ],
            env=dict(docker.environment),
            stdin=maker.stdout,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        assert maker.stdout is not None  # noqa: S101 - opened as a pipe above
        maker.stdout.close()
        codes = [maker.wait(), importer.wait()]
        running.ended(maker)
        running.ended(importer)
        if codes != [0, 0]:
            # A half-made base must not be found by the next build.
            docker._run("image", "rm", "--force", name)
            errors.seek(0)
            raise _failed("base", errors.read().decode(errors="replace").splitlines()[-20:], codes[0] or codes[1])


# --- Building -----------------------------------------------------------------------------------------------


def _failed(name: str, lines: Sequence[str], code: int) -> ImageError:
    log = "\n".join(f"    {line}" for line in lines)
    return ImageError(f"image {name} could not be built (exit code {code}); its last lines:\n{log}")


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
    running: _Running,
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
            if line:
                last.append(line)
    finally:
        code = process.wait()
        running.ended(process)
    if code != 0:
        raise _failed(recipe.name, list(last), code)


class _Board:
    """Tells what each image is at: a live table on a terminal, a line at each end elsewhere."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.fields[name]:<12}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.description}", table_column=None),
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


def _missing(docker: Docker, made: Mapping[str, Inputs], *, fresh: bool) -> list[str]:
    """The images to build, those they stand on included, parents first."""
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name in wanted or (not fresh and docker.inspect(tag(name, made[name].digest)) is not None):
            return
        wanted.add(name)
        for parent in _BY_NAME[name].parents.values():
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
    names = _missing(docker, made, fresh=fresh)
    steps: dict[str, float] = {}
    base = ""
    running = _Running()

    def make(name: str, board: _Board) -> float:
        nonlocal base
        start = time.monotonic()
        board.started(name)
        ours = tag(name, made[name].digest)
        if name == "base":
            why = pull_base(docker, ours, running, lambda text: board.note(name, text))
            if why is None:
                base = f"{BASE_FROM_REGISTRY} from a registry"
            else:
                base = f"made from Debian's archive on this machine ({why})"
                board.note(name, base)
                _make_base(root, docker, ours, why, running, lambda text: board.note(name, text))
        else:
            _docker_build(
                docker, _BY_NAME[name], made, fresh=fresh, running=running, note=lambda text: board.note(name, text)
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
                        n for n in todo if not set(_BY_NAME[n].parents.values()) & ({*todo, *pending.values()})
                    ]:
                        todo.remove(name)
                        pending[pool.submit(make, name, board)] = name
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        steps[pending.pop(future)] = future.result()
            except BaseException:
                running.stop()
                raise

    images = _read_back(docker, made, steps, root)
    report = BuildReport(images=images, steps=steps, seconds=time.monotonic() - begun, base=base)
    _write(root / ".local" / "images.json", {"images": {name: image.as_json() for name, image in images.items()}})
    return report


def _read_back(
    docker: Docker, made: Mapping[str, Inputs], steps: Mapping[str, float], root: Path
) -> dict[str, BuiltImage]:
    before = load(root)
    counted: set[str] = set()
    images: dict[str, BuiltImage] = {}
    for name in SHIPPED:
        image = docker.inspect(tag(name, made[name].digest))
        if image is None:
            raise ImageError(
                f"image {name} is gone again right after it was built; is something pruning images on the engine?"
            )
        unique = 0
        size: int | None = image.size
        link: str | None = name
        while link is not None and link not in counted and size is not None:
            counted.add(link)
            below = _BY_NAME[link].stands_on
            ground = docker.inspect(tag(below, made[below].digest)) if below is not None else None
            unique += size - (ground.size if ground is not None else 0)
            size = ground.size if ground is not None else None
            link = below
        known = before.get(name)
        if known is not None and known.id == image.id and not steps:
            unique = known.unique_bytes
        images[name] = BuiltImage(
            name=name,
            ref=image.id,
            id=image.id,
            inputs=made[name].digest,
            built=image.created,
            unique_bytes=unique,
            seconds=steps.get(name, 0.0),
        )
    return images


def load(root: Path) -> dict[str, BuiltImage]:
    """The images that `.local/images.json` knows of; empty when there is none or it cannot be understood (a build makes
    it anew)."""
    try:
        entries = json.loads((root / ".local" / "images.json").read_text())["images"]
        return {name: BuiltImage(name=name, **entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".images-", delete=False) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def render(report: BuildReport, console: Console) -> None:
    """Prints what there is, how large it is, and how long it took."""
    table = Table(box=None, pad_edge=False)
    table.add_column("image")
    table.add_column("id")
    table.add_column("adds", justify="right")
    table.add_column("built in", justify="right")
    for name, image in report.images.items():
        took = f"{image.seconds:.1f} s" if name in report.steps else "[dim]was there"
        table.add_row(name, image.id.removeprefix("sha256:")[:12], f"{image.unique_bytes / 1e6:.1f} MB", took)
    console.print(table)
    others = {name: seconds for name, seconds in report.steps.items() if name not in report.images}
    if others:
        console.print("[dim]on the way: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in others.items()))
    console.print(f"{report.total_bytes / 1e6:.1f} MB in unique layers, {report.seconds:.1f} s")
