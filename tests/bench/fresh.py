"""From nothing to the running application, item by item."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from cli import machine
from tests.bench.report import Section, aimed
from tests.bench.stand import Stand
from tests.support.checkout import ROOT

# What a bare Debian lacks: for the launcher, for `up`, and to have a clone at all.
PACKAGES = ("git", "python3", "python3-venv", *machine.ENGINE_PACKAGES, *machine.OPTIONAL_ENGINE_PACKAGES)


def measure(stand: Stand) -> Section:
    """Takes the stand from an empty engine to a running stack. Leaves the stack up."""
    items: dict[str, float | None] = {"clone": _clone()}
    items |= _environment(stand.checkout.root)
    items["Docker engine and Swarm"] = stand.engine_seconds
    report = stand.checkout.run("images", "build", "--json").document()
    built = report["steps"]
    items["base image"] = built.get("base")
    items["all other images"] = report["seconds"] - built.get("base", 0.0) if built else None
    items["Debian packages"] = _packages(stand) if built else None
    items["up"] = stand.checkout.up().seconds
    total = sum(value for value in items.values() if value is not None)
    absent = [name for name, value in items.items() if value is None]
    note = ""
    if absent:
        note = f"not in it, since {stand.checkout.host} was there already: {', '.join(absent)}"
    details = [f"{name:<26}{value:7.1f} s" for name, value in items.items() if value is not None]
    if built:
        slowest = sorted(built.items(), key=lambda item: -item[1])
        details.append(f"base: {report['base']}")
        details.append("builds overlap: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slowest))
    return Section(
        title="Fresh clone to running application",
        rows=(aimed("all of it", total / 60, "min", at_most=6, note=note),),
        details=tuple(details),
    )


def _clone() -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", "--no-local", str(ROOT), folder], check=True)
        return time.monotonic() - began


def _environment(root: Path) -> dict[str, float | None]:
    """The launcher's own work, without pip's cache of earlier downloads."""
    (root / ".venv").unlink()
    began = time.monotonic()
    process = subprocess.Popen(
        ["./grocery", "--help"],
        cwd=root,
        env={**os.environ, "PIP_NO_CACHE_DIR": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None, "opened as a pipe above"
    made, said = began, ""
    for line in process.stderr:
        said += line
        if line.startswith("Installing the Python packages"):
            made = time.monotonic()
    if process.wait() != 0:
        raise RuntimeError(f"./grocery --help failed in a fresh clone:\n{said}")
    return {"Python environment": made - began, "Python packages": time.monotonic() - made}


def _packages(stand: Stand) -> float:
    """Downloading and installing the Debian packages, in a container of the bare base image."""
    with stand.api as api:
        (base,) = [tag for image in api.images("grocery/base") for tag in image["RepoTags"]][:1]
        script = (
            "set -e; apt-get update -qq; wanted=; "
            f'for name in {" ".join(PACKAGES)}; do if apt-cache show "$name" >/dev/null 2>&1; '
            'then wanted="$wanted $name"; fi; done; '
            "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted"
        )
        created = api.create_container(base, ["sh", "-c", script], entrypoint=[])
        try:
            began = time.monotonic()
            api.start(created["Id"])
            code = api.wait(created["Id"], timeout=600)["StatusCode"]
            seconds = time.monotonic() - began
            if code != 0:
                raise RuntimeError(f"apt-get failed:\n{api.logs(created['Id'], tail=20).decode(errors='replace')}")
            return seconds
        finally:
            api.remove_container(created["Id"], force=True)
