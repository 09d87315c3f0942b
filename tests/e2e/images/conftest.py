"""Images by themselves, one container at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e.lab import Lab


@pytest.fixture
def lab(client: DockerClient, images: dict[str, str], tmp_path: Path) -> Iterator[Lab]:
    a_lab = Lab(client, images, tmp_path)
    yield a_lab
    a_lab.close()
