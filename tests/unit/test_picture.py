"""The picture in the documentation shows the graph that is."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.unit.picture import FILE, draw
from tests.unit.recording import SERVICE, VOLUME, record


def test_the_committed_picture_is_the_graph() -> None:
    assert FILE.read_text(encoding="utf-8") == draw(), "the graph has changed: python -m tests.unit.picture"


def test_every_service_and_volume_is_in_the_picture() -> None:
    # Made by this very program from its own data.
    texts = {element.text for element in ElementTree.fromstring(draw()).iter() if element.tag.endswith("text")}  # noqa: S314
    recording = record("local", None, preview=False)
    for found in [*recording.of_type(SERVICE), *recording.of_type(VOLUME)]:
        assert found.name.removeprefix("local-") in texts, f"{found.name} is missing"
