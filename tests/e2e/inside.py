"""A stack looked at from the engine it runs on: its services, its containers, what is said and stored in them."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from docker.errors import APIError, NotFound

from cli.engine_host import STACK_LABEL, WORKLOAD_LABEL
from tests.support.checkout import Checkout
from tests.support.looking import run_in, sql, until

Found = dict[str, Any]
"""What the engine's API tells about one object."""


def containers(checkout: Checkout, workload: str | None = None, *, stopped: bool = False) -> list[Found]:
    """The containers of a workload, or of the whole stack; newest first."""
    labels = [f"{STACK_LABEL}={checkout.stack}"] + ([f"{WORKLOAD_LABEL}={workload}"] if workload else [])
    with checkout.api() as api:
        found = []
        for entry in api.containers(filters={"label": labels}, all=stopped):
            # One that was about to end may be gone by now.
            with contextlib.suppress(NotFound):
                found.append(api.inspect_container(entry["Id"]))
        return found


def workload_of(found: Found) -> str:
    return str(found["Config"]["Labels"][WORKLOAD_LABEL])


def execute(checkout: Checkout, workload: str, *command: str) -> tuple[int, str]:
    """Runs a program in the workload's container: its exit code, and all it printed."""
    with checkout.api() as api:
        code, printed = run_in(api, checkout.stack, workload, *command)
    return code, printed.strip()


def succeed(checkout: Checkout, workload: str, *command: str) -> str:
    code, printed = execute(checkout, workload, *command)
    assert code == 0, f"in {workload}: {' '.join(command)} ended with {code}: {printed}"
    return printed


def ask_database(checkout: Checkout, statement: str) -> str:
    """The rows of a statement, as the administrator over the database's own socket; columns apart by |."""
    with checkout.api() as api:
        return sql(api, checkout.stack, statement)


def until_saved(checkout: Checkout, list_id: str, name: str) -> None:
    """Waits until the database has the item: what a page has not sent yet goes away with the page."""
    asked = f"SELECT count(*) FROM item WHERE list_id = '{list_id}' AND name = '{name}'"  # noqa: S608
    until(lambda: ask_database(checkout, asked) == "1", f"{name} is saved")


def logs(checkout: Checkout, container_id: str) -> str:
    with checkout.api() as api:
        said: bytes = api.logs(container_id, stdout=True, stderr=True)
    return said.decode(errors="replace")


def text_files(checkout: Checkout, image: str, folder: str) -> dict[str, str]:
    """Path -> content of the files in a folder of an image, of those that are text."""
    with checkout.api() as api:
        draft = api.create_container(image)["Id"]
        try:
            stream, _ = api.get_archive(draft, folder)
            archive = io.BytesIO(b"".join(stream))
        finally:
            api.remove_container(draft, force=True)
    found = {}
    with tarfile.open(fileobj=archive) as opened:
        for entry in opened:
            content = opened.extractfile(entry)
            with contextlib.suppress(UnicodeDecodeError):
                if content:
                    found[f"{folder.rpartition('/')[0]}/{entry.name}"] = content.read().decode()
    return found


@contextmanager
def derived(
    checkout: Checkout,
    image: str,
    *,
    files: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    command: Sequence[str] | None = None,
) -> Iterator[str]:
    """An image like `image` with more files, without others, or with another command; a release of its own. Its id."""
    with checkout.api() as api:
        config = api.inspect_image(image)["Config"]
        draft = api.create_container(image, ["rm", "-rf", *without], user="0", entrypoint="")["Id"]
        try:
            if without:
                api.start(draft)
                api.wait(draft)
            if files:
                api.put_archive(draft, "/", archive(files))
            changes = [
                f"CMD {_exec_form(command or config['Cmd'] or [])}",
                f"ENTRYPOINT {_exec_form(config['Entrypoint'] or [])}",
                f"USER {config['User']}",
            ]
            made = str(api.commit(draft, changes=changes)["Id"])
        finally:
            api.remove_container(draft, force=True)
    try:
        yield made
    finally:
        # Containers of tasks that ended stay until Swarm forgets them: it waits for ever for the log of one it misses.
        with checkout.api() as api, contextlib.suppress(APIError):
            api.remove_image(made, force=True)


def _exec_form(command: Sequence[str]) -> str:
    return json.dumps(list(command))


def archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size = len(text.encode())
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
