"""The one part with the engine's socket: it passes a few readings on and refuses all else."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import Size
from components.network import Network
from components.workload import EngineSocket, Health, NetworkName, NoMetrics, StopFirst, Workload, realise

TOKEN = "grocery:components:DockerFilter"  # noqa: S105 - a type token

_UNIX = "unix://"
_USUAL_SOCKET = "/var/run/docker.sock"


class DockerFilter(pulumi.ComponentResource):
    """Produces one Service.

    Whoever may write to the socket owns the host, and a file's rights cannot tell reading from writing. So the socket
    is with a program that is nothing but a list of allowed requests, without secrets, capabilities or a way out.
    """

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        host: str,
        network: Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """host: address of the engine as the settings name it."""
        super().__init__(TOKEN, name, None, opts)
        self.workload = Workload(
            name=names.DOCKER_FILTER,
            image=image,
            size=size,
            health=Health(start_period=30, interval=10),
            networks=network.attach(NetworkName.MONITORING),
            update=StopFirst(because="a gap in the figures is better than two with the socket"),
            metrics=NoMetrics(because="it answers for the engine; whether it does is told by the collector"),
            stop_grace=10,
            env={},
            engine=EngineSocket(
                path=socket_path(host), because="figures of containers come from the engine and from nowhere else"
            ),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})


def socket_path(host: str) -> str:
    """Where the engine at `host` has its socket on its own machine."""
    return host.removeprefix(_UNIX) if host.startswith(_UNIX) else _USUAL_SOCKET
