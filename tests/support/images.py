"""Images of the tests' own, part of no stack: made on the ground that all images stand on, named by their content."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

from cli import building, images


def build(folder: Path, name: str, *, root: Path, host: str) -> str:
    """The tag of the image that `folder` describes (a Dockerfile FROM its argument BASE), built when it is not there.

    The base must be on the engine, as after a build of the images of the checkout `root`.
    """
    base = images.tag("base", images.inputs(root)["base"].digest)
    context = _archive(folder)
    tag = images.tag(name, hashlib.sha256(context + base.encode()).hexdigest())
    docker = building.docker_on(host)
    if tag in docker.inspect([tag]):
        return tag
    command = [docker.path, "build", "--tag", tag, "--build-arg", f"BASE={base}"]
    for variable in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        command += ["--build-arg", variable] if variable in os.environ else []
    authority = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
    command += ["--secret", f"id=ca,src={authority}"] if authority else []
    built = subprocess.run(
        [*command, "-"], input=context, env=dict(docker.environment), capture_output=True, check=False
    )
    said = (built.stdout + built.stderr).decode(errors="replace")
    assert built.returncode == 0, f"image {name} could not be built:\n{said[-4000:]}"
    return tag


def _archive(folder: Path) -> bytes:
    """The folder as the same bytes whoever checked it out and when."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(path.name)
            entry.size = path.stat().st_size
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()
