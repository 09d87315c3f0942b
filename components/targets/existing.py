"""Hosts that exist already: a Docker engine that manages a Swarm, here or behind ssh."""

from __future__ import annotations

import pulumi_docker as docker

from settings import Target


def existing_hosts(target: Target) -> docker.Provider:
    """The provider that speaks to the engine of `target`. An ssh:// host is dialled only when something is applied."""
    return docker.Provider("docker", host=target.host)
