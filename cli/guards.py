"""What would lose data is refused before anything changes. (What is protected is refused by the engine itself.)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from docker.errors import APIError, NotFound

from cli import engine_host
from cli.engine_host import Api
from cli.errors import ConfigError

if TYPE_CHECKING:
    from cli.stack import Stack

VERSION_FILE = "/var/lib/postgresql/data/PG_VERSION"
MAJOR = "PG_MAJOR"
"""Names an image's PostgreSQL in its environment, in ours as in the official ones."""


def check_data(stack: Stack, api: Api, outputs: Mapping[str, object]) -> None:
    """Raises ConfigError when the data that the stack had is not there, or its next PostgreSQL could not read it."""
    if not outputs:
        return  # never up: there is no data yet
    _check_volume(stack, api)
    _check_major(stack, api)


def _check_volume(stack: Stack, api: Api) -> None:
    settings = stack.settings
    # Of several nodes the data may be on another one than the manager that is asked.
    if settings.target.nodes > 1 or settings.postgres.initialise_until:
        return
    name = f"{stack.name}-postgres-data"
    try:
        api.inspect_volume(name)
    except NotFound as absent:
        raise ConfigError(
            "the database's volume is gone",
            value=f"there is no volume {name} on {settings.target.host}, where the stack was up before",
            expected="the engine with the data; starting empty would hide that it is lost",
            next="put target.host back if it was changed; docs/runbooks/lost-machine.md brings a backup back; to start "
            f"empty on purpose: ./grocery refresh --stack {stack.name}, and set postgres.initialise_until",
        ) from absent


def _check_major(stack: Stack, api: Api) -> None:
    """Asks the running server; one that does not run says the same itself when it is started."""
    from settings import SettingsError, resolve_images

    try:
        image = resolve_images(stack.settings, stack.root)["postgres"]
        wanted = major_of(api.inspect_image(image)["Config"].get("Env") or ())
        found = engine_host.run_inside(api, stack.name, "postgres", ["cat", VERSION_FILE]).strip()
    except (SettingsError, APIError, engine_host.Silent):
        return
    if wanted and found and wanted != found:
        raise ConfigError(
            f"the image of PostgreSQL {wanted} does not read the data of {found}",
            value=image,
            expected=f"an image of PostgreSQL {found}",
            next="docs/runbooks/postgresql-major-upgrade.md   says how the data is moved; nothing was changed",
        )


def major_of(environment: Iterable[str]) -> str:
    """ "17" of an image that says so in its environment; "" otherwise."""
    named = dict(entry.partition("=")[::2] for entry in environment)
    return named.get(MAJOR, "")
