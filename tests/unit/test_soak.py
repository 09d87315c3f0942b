"""How the many writes of a soak are reckoned."""

from __future__ import annotations

import dataclasses

from tests.e2e import soak


def test_the_reckoning_of_a_soak_finds_what_is_lost_doubled_or_mixed_up() -> None:
    row = ("id", "Milk", "1", "", "", "", "", False)
    edit = soak.Write(who="s1", act="edit", items=["id"], values={"quantity": "2"}, outcome="made")
    open_edit = dataclasses.replace(edit, values={"quantity": "3"}, outcome="open")
    refused = dataclasses.replace(edit, values={"quantity": "4"}, outcome="refused")
    removed = soak.Write(who="s1", act="remove", items=["id"], values={}, outcome="made")

    def wrong(writes: list[soak.Write], *rows: soak.Row) -> list[str]:
        return soak.differences(soak.expected([row], writes), rows)

    def quantity(value: str) -> soak.Row:
        return ("id", "Milk", value, "", "", "", "", False)

    assert wrong([edit, refused], quantity("2")) == []
    assert wrong([edit, open_edit], quantity("2")) == wrong([edit, open_edit], quantity("3")) == []
    assert len(wrong([edit], quantity("1"))) == 1, "the edit is lost"
    assert len(wrong([edit, refused], quantity("4"))) == 1, "what was refused is there"
    assert len(wrong([], quantity("1"), ("other", *row[1:]))) == 1, "nobody added that one"
    assert wrong([removed]) == [] and len(wrong([removed], row)) == 1, "what was removed is there"
    assert len(wrong([])) == 1, "the item is lost"
