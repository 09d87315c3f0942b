"""The client of an authority that issues the edge's certificate and renews it in time."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import Size
from components.network import Network
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    StopFirst,
    VolumeMount,
    Workload,
    realise,
)
from rendering.monitoring.watched import Indicator

TOKEN = "grocery:components:Acme"  # noqa: S105 - a type token

_INDICATORS = (
    Indicator(title="Certificate ends in", expr="max(certificate_not_after_seconds - time()) / 86400", unit="d"),
    Indicator(title="Renewals failed in a row", expr="max(acme_failures_in_a_row)", unit="short"),
)


class Acme(pulumi.ComponentResource):
    """Produces one Service.

    It is healthy once the edge has served what it got, and stays so through renewals that fail: what is live stays.
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
        config: settings.AcmeCertificate,
        domain: str,
        certificates: pulumi.Input[str],
        network: Network,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """certificates: name of the volume shared with the edge; after: what lets the edge answer challenges."""
        super().__init__(TOKEN, name, None, opts)
        authority = (
            (ConfigFile(path="/etc/acme/ca.crt", content=config.ca_certificate),) if config.ca_certificate else ()
        )
        self.workload = Workload(
            name=names.ACME,
            image=image,
            size=size,
            health=Health(start_period=config.start_period),
            networks=network.attach(NetworkName.APP, NetworkName.EGRESS),
            update=StopFirst(because="two clients would ask the edge for two certificates"),
            metrics=Metrics(port=names.ACME_PORT, path="/metrics.txt", indicators=_INDICATORS),
            stop_grace=20,
            env={
                "DOMAIN": domain,
                "ACME_DIRECTORY": config.directory,
                "ACME_EMAIL": config.email,
                **({"ACME_PROFILE": config.profile} if config.profile else {}),
            },
            configs=authority,
            volumes=(VolumeMount(volume=certificates, path="/srv/certificates"),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self, after=after)
        self.register_outputs({})
