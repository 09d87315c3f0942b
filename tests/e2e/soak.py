"""Many people writing to one list for a while, and what must have come of it.

Most of them are Zero clients without a browser (shoppers.mts). Every field of an item has one writer, or keeps all its
possible outcomes, so that what each row must be in the end follows from what was written.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from tests.e2e import inside
from tests.e2e.browsing import log_in, session
from tests.support import node
from tests.support.checkout import Checkout
from tests.support.people import Person as Account

PROGRAM = Path(__file__).with_name("shoppers.mts")
FIELDS = ("id", "name", "quantity", "unit", "category", "note", "position", "checked")
PATIENCE_SECONDS = 240

Row = tuple[Any, ...]
"""One item, its values in the order of FIELDS."""


@dataclass(frozen=True, kw_only=True)
class Shopper:
    """Somebody who writes without a browser. cookie: the header that their browser would send."""

    name: str
    userId: str
    email: str
    cookie: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the program is told, in its own spelling.

    contested: the id of an item that is everybody's to edit; seconds: how long they go on; pause: milliseconds between
    two acts of one person, on average.
    """

    url: str
    listId: str
    contested: str
    seconds: int
    pause: int
    shoppers: Sequence[Shopper]


@dataclass(frozen=True, kw_only=True)
class Write:
    """One change. outcome: open when the server's answer was lost, and the change is sent until there is one."""

    who: str
    act: str
    items: Sequence[str]
    values: Mapping[str, Any]
    outcome: Literal["made", "refused", "open"]
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything that was written, and what everybody saw at the end."""

    writes: list[Write]
    views: dict[str, list[Row]]


class Shoppers:
    """Starts with the people coming together; `finish` once everybody else is done as well."""

    def __init__(self, app: Path, ca_file: Path, job: Job) -> None:
        program = app / PROGRAM.name
        shutil.copy2(PROGRAM, program)
        self._process = subprocess.Popen(
            ["node", "--disable-warning=ExperimentalWarning", str(program)],
            cwd=app,
            env={**node.environment(), "NODE_EXTRA_CA_CERTS": str(ca_file)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._say(json.dumps(asdict(job)))

    def wait_until(self, word: str) -> None:
        """Reads what the program says until it says so."""
        assert self._process.stderr
        said = []
        for line in self._process.stderr:
            said.append(line)
            if word in line:
                return
        raise AssertionError(f"it never said {word!r}:\n{''.join(said)}")

    def finish(self) -> Outcome:
        assert self._process.stdin
        self._process.stdin.write("everybody else is done\n")
        out, err = self._process.communicate(timeout=PATIENCE_SECONDS)
        assert self._process.returncode == 0, err
        found = json.loads(out)
        return Outcome(
            writes=[Write(**write) for write in found["writes"]],
            views={who: [tuple(json.loads(row)) for row in rows] for who, rows in found["views"].items()},
        )

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def shopper(checkout: Checkout, account: Account) -> Shopper:
    with session(checkout) as client:
        log_in(client, account)
        cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
        user = client.get("/api/auth/session").json()["user"]
    return Shopper(name=account.name, userId=user["id"], email=account.email, cookie=cookie)


def bring_in(checkout: Checkout, list_id: str, accounts: Iterable[Account]) -> None:
    """Makes people members at once: inviting is proven elsewhere."""
    addresses = ", ".join(f"'{account.email}'" for account in accounts)
    inside.ask_database(
        checkout,
        "INSERT INTO list_member (list_id, user_id, joined_at) "  # noqa: S608
        f"SELECT '{list_id}', id, now() FROM auth.account WHERE email IN ({addresses})",
    )


def shop(checkout: Checkout, app: Path, accounts: Sequence[Account], *, seconds: int, pause: int = 2000) -> Outcome:
    """People with accounts write to a list of theirs for a while, without browsers; what they made of it.

    pause: milliseconds between two acts of one person, on average.
    """
    list_id, contested = str(uuid4()), str(uuid4())
    owner = f"(SELECT id FROM auth.account WHERE email = '{accounts[0].email}')"  # noqa: S608 - names of the tests' own
    inside.ask_database(
        checkout,
        f"INSERT INTO list (id, name, owner_id) VALUES ('{list_id}', 'Saturday', {owner}); "  # noqa: S608
        f"INSERT INTO item (id, list_id, name) VALUES ('{contested}', '{list_id}', 'Everybody')",
    )
    bring_in(checkout, list_id, accounts)
    job = Job(
        url=checkout.url,
        listId=list_id,
        contested=contested,
        seconds=seconds,
        pause=pause,
        shoppers=[shopper(checkout, account) for account in accounts],
    )
    crowd = Shoppers(app, checkout.ca_file, job)
    try:
        crowd.wait_until("everybody is done")
        return crowd.finish()
    finally:
        crowd.stop()


@dataclass
class Item:
    """What must have become of one item: there or not, and for each field what may be in it."""

    initial: dict[str, Any]
    there: bool = True
    last: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    """Field -> who wrote it -> what their last write may have left."""

    def write(self, who: str, values: Mapping[str, Any], *, certain: bool) -> None:
        for name, value in values.items():
            before = self.last.setdefault(name, {})
            before[who] = [value] if certain else [*before.get(who, [self.initial[name]]), value]

    def may_be(self, row: Row) -> bool:
        return all(value in self.possible(name) for name, value in zip(FIELDS[1:], row[1:], strict=True))

    def possible(self, name: str) -> list[Any]:
        writers = self.last.get(name)
        return [value for values in writers.values() for value in values] if writers else [self.initial[name]]


def expected(there_before: Iterable[Row], writes: Iterable[Write]) -> dict[str, Item]:
    """Item id -> what must have become of it. Writes of one person are in the order in which they were made.

    Raises KeyError for a write to an item that nobody has added.
    """
    items = {row[0]: Item(dict(zip(FIELDS, row, strict=True))) for row in there_before}
    for write in writes:
        if write.outcome == "refused":
            continue
        # What was made here before an answer was lost is sent again, in order: its own writer's item is still there.
        certain = write.outcome == "made"
        for identity in write.items:
            if write.act in ("add", "again"):
                items[identity] = Item({"checked": False, **write.values})
            elif write.act in ("remove", "clear"):
                items[identity].there = False
            elif write.act == "restore":
                items[identity].there = True
            else:
                items[identity].write(write.who, write.values, certain=certain)
    return items


def differences(items: Mapping[str, Item], rows: Iterable[Row]) -> list[str]:
    """What is wrong with the rows of a list, in words; nothing when no write was lost or made twice."""
    found = {row[0]: row for row in rows}
    wrong = [f"lost: {item.initial['name']}" for key, item in items.items() if item.there and key not in found]
    for key, row in found.items():
        item = items.get(key)
        if item is None:
            wrong.append(f"nobody added {row}")
        elif not item.there:
            wrong.append(f"came back: {row}")
        elif not item.may_be(row):
            possible = {name: item.possible(name) for name in FIELDS[1:]}
            wrong.append(f"a write was lost: {row} of {possible}")
    return wrong


def times_added(writes: Iterable[Write]) -> Counter[str]:
    """How often each name was added, by the name's spelling in the memory of a list."""
    added = (write for write in writes if write.act in ("add", "again") and write.outcome != "refused")
    return Counter(str(write.values["name"]).lower() for write in added)
