"""A tiny container image for the engine's tests, put together from Debian's busybox-static without a builder.

`/app serve` runs until it is told to end, `/app check` is its health check. Behaviour is chosen by environment:
`BROKEN=1` never gets healthy and says so in log and health output; `DELAY=<n>s` comes up after that time.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import docker

APP = """#!/bin/sh
case "$1" in
check)
    if [ -n "$BROKEN" ]; then echo "probe: broken on purpose"; exit 1; fi
    [ -e /tmp/up ] ;;
*)
    echo "probe: version ${VERSION:-none} starts"
    if [ -n "$BROKEN" ]; then echo "probe: cannot find its marbles"; fi
    sleep "${DELAY:-0s}"
    : > /tmp/up
    exec sleep 1000000 ;;
esac
"""
_APPLETS = ("sh", "sleep", "cat", "ls")


def find_busybox(scratch: Path) -> Path:
    """The host's static busybox, or the one of its Debian archive. Raises FileNotFoundError without either."""
    installed = shutil.which("busybox")
    if installed and b"statically linked" in subprocess.run(["file", "-L", installed], capture_output=True).stdout:
        return Path(installed)
    subprocess.run(["apt-get", "-q", "download", "busybox-static"], cwd=scratch, check=True, capture_output=True)
    package = next(scratch.glob("busybox-static_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(package), str(scratch / "root")], check=True)
    return next(path for path in scratch.glob("root/**/bin/busybox") if path.is_file())


def build(client: docker.APIClient, tag: str, scratch: Path) -> str:
    """Load the image under `tag`; returns its id, which depends on its content alone."""
    layer = _tar(
        [
            _directory("tmp", 0o1777),
            *(_directory(name, 0o755) for name in ("bin", "etc", "data", "live", "run", "run/secrets")),
            _file("bin/busybox", find_busybox(scratch).read_bytes(), 0o755),
            *(_link(f"bin/{name}", "busybox") for name in _APPLETS),
            _file("app", APP.encode(), 0o755),
            _file("etc/conf", b"", 0o644),
        ]
    )
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2025-01-01T00:00:00Z",
            "config": {"Entrypoint": ["/app"], "Cmd": ["serve"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        },
        sort_keys=True,
    ).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{name}.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    archive = _tar(
        [
            _file(f"{name}.json", config, 0o644),
            _file("layer.tar", layer, 0o644),
            _file("manifest.json", manifest, 0o644),
        ]
    )
    for _ in client.load_image(archive):  # type: ignore[no-untyped-call]
        pass
    return f"sha256:{name}"


_Entry = tuple[tarfile.TarInfo, bytes]


def _directory(name: str, mode: int) -> _Entry:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info, b""


def _file(name: str, content: bytes, mode: int) -> _Entry:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    return info, content


def _link(name: str, target: str) -> _Entry:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info, b""


def _tar(entries: list[_Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
