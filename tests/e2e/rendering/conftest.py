"""Edges by themselves, running, and somebody to ask them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import count

import pytest
from docker import DockerClient
from docker.models.containers import Container

from tests.e2e.edges import CLOSED, EDGE, FILES, ISSUED, LIMITED, PUBLIC
from tests.e2e.lab import Certificates, Lab, make_certificates
from tests.e2e.lone_edge import Door, door_of, start_behind, start_edge, start_sockets
from tests.support.looking import until


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return make_certificates("localhost")


@pytest.fixture(scope="module")
def lab(client: DockerClient, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    a_lab = Lab(client, images, tmp_path_factory.mktemp("rendering"))
    yield a_lab
    a_lab.close()


@pytest.fixture(scope="module")
def behind(lab: Lab) -> None:
    start_behind(lab, "auth-server")
    start_behind(lab, "zero-cache")
    start_sockets(lab, "sockets")


@pytest.fixture(scope="module")
def edge(lab: Lab, behind: None, certificates: Certificates) -> Container:
    """The edge of EDGE with a page, an asset, and something that answers behind it."""
    return start_edge(lab, EDGE, certificates, alias="edge", files=FILES)


@pytest.fixture(scope="module")
def door(edge: Container, certificates: Certificates) -> Door:
    a_door = door_of(edge, EDGE, certificates)
    until(lambda: a_door.ask("/health").status == 200, "the server behind is found by its name")
    return a_door


@pytest.fixture(scope="module")
def lonely(lab: Lab) -> Door:
    """The edge of PUBLIC, of a real name: nothing is behind it and no page was published yet."""
    certificates = make_certificates(PUBLIC.domain)
    container = start_edge(lab, PUBLIC, certificates, alias="lonely", files=ISSUED)
    return door_of(container, PUBLIC, certificates)


@pytest.fixture(scope="module")
def strict(lab: Lab, behind: None, certificates: Certificates) -> Door:
    """The edge of LIMITED, behind a balancer: whoever runs this test."""
    edge = dataclasses.replace(LIMITED, trusted_proxies=(lab.subnet,))
    return door_of(start_edge(lab, edge, certificates, alias="strict", files=FILES), edge, certificates)


_clients = count(1)


@pytest.fixture
def somebody() -> dict[str, str]:
    """The header by which a test is a client that nobody else is."""
    return {"X-Forwarded-For": f"198.51.100.{next(_clients)}"}


@pytest.fixture(scope="module")
def closed(lab: Lab, behind: None, certificates: Certificates) -> Door:
    """The edge of CLOSED, behind a balancer: whoever runs this test."""
    edge = dataclasses.replace(CLOSED, trusted_proxies=(lab.subnet,))
    return door_of(start_edge(lab, edge, certificates, alias="closed", files=FILES | ISSUED), edge, certificates)
