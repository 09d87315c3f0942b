"""Somebody who uses the application once a minute, to know before others do whether that works."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from components import names
from components.capacity import Size
from components.network import Network
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    SecretFile,
    StopFirst,
    Workload,
    realise,
)
from rendering import nginx
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:SyntheticUser"  # noqa: S105 - a type token

_INTERVAL_SECONDS = 60


class SyntheticUser(pulumi.ComponentResource):
    """Produces one Service with its Secret and ServiceConfig.

    It comes in through the edge by the stack's public name, as everybody does, and has an account that the API keeps
    for it.
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
        origin: str,
        authorities: pulumi.Input[str],
        password: pulumi.Input[str],
        network: Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """authorities: certificates that may vouch for the edge beside the public ones."""
        super().__init__(TOKEN, name, None, opts)
        self.workload = Workload(
            name=names.SYNTHETIC_USER,
            image=image,
            size=size,
            health=Health(start_period=30, interval=10),
            networks=network.attach(NetworkName.APP),
            update=StopFirst(because="two would edit the same item"),
            metrics=Metrics(
                port=names.SYNTHETIC_USER_PORT,
                indicators=(
                    Indicator(title="The last turn went well", expr="max(synthetic_up)", unit="bool"),
                    Indicator(title="Login", expr="max(synthetic_login_seconds)", unit="s"),
                    Indicator(title="A change arrives after", expr="max(synthetic_sync_seconds)", unit="s"),
                ),
            ),
            stop_grace=20,
            env={
                "ORIGIN": origin,
                "EDGE_ADDRESS": f"{names.EDGE}:{nginx.HTTPS_PORT}",
                "NODE_EXTRA_CA_CERTS": names.CA_FILE,
                "INTERVAL_SECONDS": str(_INTERVAL_SECONDS),
            },
            secrets=(SecretFile(name=names.SYNTHETIC_PASSWORD_FILE, value=password),),
            configs=(ConfigFile(path=names.CA_FILE, content=authorities),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})
