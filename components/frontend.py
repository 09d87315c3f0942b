"""The web application, as files published to the edge or as a server the edge passes on to."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import MIB, Size
from components.network import Network
from components.workload import (
    Health,
    NetworkName,
    NoMetrics,
    StartFirst,
    StopFirst,
    Tmpfs,
    VolumeMount,
    Workload,
    realise,
)

TOKEN = "grocery:components:Frontend"  # noqa: S105 - a type token


class Frontend(pulumi.ComponentResource):
    """Produces one Service: the publisher of the static application, or a foreign image that serves HTTP itself."""

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        config: settings.Frontend,
        network: Network,
        web: pulumi.Input[str],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        proxied = config.proxy_port is not None
        self.workload = Workload(
            name=names.FRONTEND,
            image=image,
            size=size,
            health=Health(command=config.health_check, start_period=30),
            networks=network.attach(NetworkName.APP),
            update=StartFirst() if proxied else StopFirst(because="two publishers would ask the edge for two releases"),
            metrics=NoMetrics(
                because="a foreign server whose figures nobody knows"
                if proxied
                else "it idles once its release is live"
            ),
            stop_grace=30,
            command=config.command,
            env={"PORT": str(config.proxy_port)} if proxied else {"KEEP_RELEASES": str(config.keep_releases)},
            volumes=() if proxied else (VolumeMount(volume=web, path="/srv/web"),),
            scratch=tuple(Tmpfs(path=path, size=16 * MIB) for path in config.writable_paths),
        )
        # A page that asks for columns the servers do not know yet reloads itself for ever.
        self.service = realise(name, self.workload, stack=stack, parent=self, after=after)
        self.register_outputs({})
