"""The overlay networks of a stack and their address plan."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.workload import Attachment, NetworkName, stack_labels

TOKEN = "grocery:components:Network"  # noqa: S105 - a type token

# The third octet of a network in the pool is API: moving one replaces the network and every service on it.
_OCTETS = {
    NetworkName.EDGE: 0,
    NetworkName.APP: 1,
    NetworkName.DATA: 2,
    NetworkName.EGRESS: 3,
    NetworkName.MONITORING: 4,
}
_ENCRYPTED_OCTET = 128
_INTERNAL = frozenset({NetworkName.APP, NetworkName.DATA, NetworkName.MONITORING})


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """Addresses of one network. Both are always given: without the gateway every refresh would replace the
    network."""

    subnet: str
    gateway: str


def subnet(pool: str, network: NetworkName, *, encrypted: bool = False) -> Subnet:
    """The /24 of `network` in `pool` (a /16), its encrypted form apart so that both can exist while one replaces the
    other."""
    octet = _OCTETS[network] + (_ENCRYPTED_OCTET if encrypted else 0)
    addresses = list(ipaddress.IPv4Network(pool).subnets(new_prefix=24))[octet]
    return Subnet(subnet=str(addresses), gateway=str(addresses[1]))


class Network(pulumi.ComponentResource):
    """Produces one overlay Network for each of `names`; app, data and monitoring have no way out.

    With more than one node the data network is encrypted. The provider cannot change a network's options and reads
    more of them back than were given, so the encrypted one is a resource of its own with other addresses, not a
    change of the plain one.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        pool: str,
        nodes: int,
        names: Sequence[NetworkName] = tuple(NetworkName),
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(TOKEN, name, None, opts)
        self._ids = {
            network: self._network(name, stack, pool, network, encrypted=network is NetworkName.DATA and nodes > 1)
            for network in names
        }
        self.register_outputs({})

    def attach(self, *networks: NetworkName) -> tuple[Attachment, ...]:
        """Membership of `networks`, in the order given."""
        return tuple(Attachment(network=network, id=self._ids[network]) for network in networks)

    def _network(
        self, name: str, stack: str, pool: str, network: NetworkName, *, encrypted: bool
    ) -> pulumi.Output[str]:
        noun = f"{network}-encrypted" if encrypted else str(network)
        addresses = subnet(pool, network, encrypted=encrypted)
        return docker.Network(
            f"{name}-{noun}",
            name=f"{stack}-{noun}",
            driver="overlay",
            internal=network in _INTERNAL,
            attachable=False,
            options={"encrypted": "true"} if encrypted else None,
            ipam_configs=[docker.NetworkIpamConfigArgs(subnet=addresses.subnet, gateway=addresses.gateway)],
            labels=[docker.NetworkLabelArgs(label=label, value=value) for label, value in stack_labels(stack).items()],
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["options"] if encrypted else None),
        ).id
