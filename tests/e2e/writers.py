"""Transactions without end, and those among them that the database has confirmed."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from docker.errors import APIError

from cli.engine_host import Silent, execute
from tests.e2e import inside
from tests.support.checkout import Checkout
from tests.support.looking import container_of, until

WRITERS = 3
AGAIN = 20
PATIENCE_SECONDS = 180
# Where there is a client and the administrator's password. What a session had not been told when the server died is
# nobody's: psql prints an id once the server has confirmed the transaction.
WRITE = r"""
export PGHOST="$DB_HOST" PGUSER=postgres PGSSLMODE=verify-full PGSSLROOTCERT=/etc/grocery/ca.crt PGCONNECT_TIMEOUT=5
umask 077
export PGPASSFILE="$1.pgpass.$2"
printf '*:*:*:postgres:%s\n' "$(cat /run/secrets/postgres_admin_password)" > "$PGPASSFILE"
while [ ! -e "$1" ]; do
    while [ ! -e "$1" ]; do
        echo 'INSERT INTO proof.writes DEFAULT VALUES RETURNING id;'
        sleep 0.01
    done | psql -XAtq -d "$DB_NAME" 2> /dev/null
    sleep 0.2
done
rm -f "$PGPASSFILE"
"""


@dataclass
class Load:
    """`confirmed` is complete once the writing has ended."""

    checkout: Checkout
    confirmed: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def wait_for_more(self) -> None:
        """Returns once somebody has written again."""
        before: int | None = None

        def more() -> bool:
            nonlocal before
            # The server may be gone for now.
            with contextlib.suppress(Silent, APIError):
                now = len(written_ids(self.checkout))
                before = now if before is None else before
                return now > before + AGAIN
            return False

        until(more, "somebody writes", seconds=PATIENCE_SECONDS)

    def lost(self, there: Sequence[str]) -> set[str]:
        """What was confirmed and is not among the ids found."""
        return self.confirmed - set(there)


@contextmanager
def writing(checkout: Checkout) -> Iterator[Load]:
    """Several sessions write and write, through every end of the server, until the block ends."""
    load = Load(checkout)
    stop = f"/tmp/stop-{secrets.token_hex(4)}"
    with checkout.api() as api:
        container = container_of(api, checkout.stack, "migrations")

    def write(number: int) -> None:
        with checkout.api() as api:
            code, told, said = execute(api, container, ["sh", "-c", WRITE, "sh", stop, str(number)])
        load.confirmed.update(told.split())
        if code != 0:
            load.broken.append(f"{code}: {said}")

    # Threads see the network of the one that starts them.
    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        inside.succeed(checkout, "migrations", "touch", stop)
        for thread in threads:
            thread.join(60)
    assert load.broken == [], "a writer did not last"
    assert load.confirmed, "nothing was written at all"


def written_ids(checkout: Checkout) -> list[str]:
    return inside.ask_database(checkout, "SELECT id FROM proof.writes").split()
