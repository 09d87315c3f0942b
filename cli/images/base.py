"""The ground of all builds: a minimal Debian 13, from a registry or from Debian's own archive."""

from __future__ import annotations

import queue
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from cli.images.docker import Docker, Running
from cli.images.recipes import ImageError, build_failed

BASE_FROM_REGISTRY = "debian:trixie-slim"
REGISTRY_PATIENCE = 6.0
"""Seconds a registry has to answer before the base image is made on this machine instead."""


def pull_base(docker: Docker, name: str, running: Running, note: Callable[[str], None]) -> str | None:
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


def make_base(root: Path, docker: Docker, name: str, why: str, running: Running, note: Callable[[str], None]) -> None:
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
            raise build_failed("base", errors.read().decode(errors="replace").splitlines()[-20:], codes[0] or codes[1])
