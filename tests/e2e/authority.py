"""An authority that issues certificates over ACME: pebble, which is made for tests. It stands in a lab's network, or on
the engine's host network for the stacks of that engine."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from docker import DockerClient
from docker.models.containers import Container

from tests.e2e.lab import UID, Certificates, Lab, make_certificates
from tests.support import images
from tests.support.checkout import free_port
from tests.support.looking import until

NAME = "pebble"
PORT = 14000
MANAGEMENT_PORT = 15000
BRIEF = "brief"
BRIEF_SECONDS = 600
NOBODY = "255.255.255.255"
"""No connection to it is even tried."""
REMEMBERED_SECONDS = 6
"""For five, a Go program does not look again whether its /etc/hosts has changed."""
FOLDER = Path(__file__).parents[1] / "pebble"


def image(root: Path, host: str) -> str:
    return images.build(FOLDER, NAME, root=root, host=host)


def configuration(
    *,
    lifetime: int,
    challenge_port: int,
    refused: Sequence[str] = (),
    brief: bool = False,
    port: int = PORT,
    management_port: int = MANAGEMENT_PORT,
) -> str:
    """pebble.json: certificates live `lifetime` seconds; names in `refused` get none.

    brief: there are certificates of ten minutes too; who asks for no kind then gets one of the two by chance.
    """
    profiles = {"default": {"description": "as long as the test wants", "validityPeriod": lifetime}}
    if brief:
        profiles[BRIEF] = {"description": "ten minutes", "validityPeriod": BRIEF_SECONDS}
    return json.dumps(
        {
            "pebble": {
                "listenAddress": f"0.0.0.0:{port}",
                "managementListenAddress": f"0.0.0.0:{management_port}",
                "certificate": "/etc/pebble.crt",
                "privateKey": "/etc/pebble.key",
                "httpPort": challenge_port,
                "tlsPort": 5001,
                "keyAlgorithm": "ecdsa",
                "domainBlocklist": list(refused),
                "retryAfter": {"authz": 1, "order": 1},
                "profiles": profiles,
            }
        }
    )


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A running pebble. `certificates` is what its own server shows for `name`, and the CA of that."""

    container: Container
    certificates: Certificates
    name: str = NAME
    port: int = PORT
    management_port: int = MANAGEMENT_PORT

    @property
    def directory(self) -> str:
        return f"https://{self.name}:{self.port}/dir"

    @property
    def root(self) -> str:
        """The certificate that those it issues lead to; another one after each start."""
        return self._manage("GET", "/roots/0").text

    def is_ready(self) -> bool:
        try:
            return bool(self.root)
        except httpx.HTTPError:
            return False

    def want_renewal_of(self, certificate: x509.Certificate) -> None:
        """From now on asks for a renewal of this one, as authorities do before they revoke."""
        window = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
        asked = {
            "certificate": certificate.public_bytes(Encoding.PEM).decode(),
            "ariResponse": json.dumps({"suggestedWindow": window}),
        }
        self._manage("POST", "/set-renewal-info/", json=asked)

    @contextlib.contextmanager
    def misled(self, domain: str) -> Iterator[None]:
        """Meanwhile the name leads it to where nobody is, as when a DNS record was changed."""
        hosts = Path(self.container.attrs["HostsPath"])
        before = hosts.read_text()
        others = [line for line in before.splitlines() if domain not in line.split()]
        # In place, as the file is mounted.
        hosts.write_text("\n".join([*others, f"{NOBODY}\t{domain}", ""]))
        time.sleep(REMEMBERED_SECONDS)
        try:
            yield
        finally:
            hosts.write_text(before)
            time.sleep(REMEMBERED_SECONDS)

    def _manage(self, method: str, path: str, json: object = None) -> httpx.Response:
        self.container.reload()
        networks = self.container.attrs["NetworkSettings"]["Networks"]
        address = "127.0.0.1" if "host" in networks else next(iter(networks.values()))["IPAddress"]
        context = ssl.create_default_context(cadata=self.certificates.ca)
        with httpx.Client(verify=context, headers={"Host": self.name}, trust_env=False) as client:
            url = f"https://{address}:{self.management_port}{path}"
            answer = client.request(method, url, json=json, extensions={"sni_hostname": self.name})
        assert answer.is_success, f"the authority answers {answer.status_code}: {answer.text}"
        return answer


def start(
    lab: Lab, *, lifetime: int, challenge_port: int, refused: Sequence[str] = (), brief: bool = False
) -> Authority:
    """An authority that reaches the names it is asked for at `challenge_port`, by the lab's own names."""
    certificates = make_certificates(NAME)
    config = configuration(lifetime=lifetime, challenge_port=challenge_port, refused=refused, brief=brief)
    files = _files(certificates, config)
    authority = Authority(container=lab.run(NAME, alias=NAME, files=files), certificates=certificates)
    until(authority.is_ready, "the authority answers")
    return authority


@contextlib.contextmanager
def beside_stacks(
    client: DockerClient,
    reference: str,
    folder: Path,
    *,
    gateway: str,
    domain: str,
    challenge_port: int,
    refused: bool = False,
) -> Iterator[Authority]:
    """An authority that a stack of this engine reaches by its way out, at `gateway`, and that finds `domain` at the
    engine's host.

    Its certificates live 90 days. refused: it issues none for `domain`.
    """
    certificates = make_certificates(gateway)
    port, management_port = free_port(), free_port()
    config = configuration(
        lifetime=90 * 86400,
        challenge_port=challenge_port,
        refused=[domain] if refused else [],
        port=port,
        management_port=management_port,
    )
    binds = []
    for number, (path, content) in enumerate(_files(certificates, config).items()):
        source = folder / f"{port}-{number}"
        source.write_text(content)
        source.chmod(0o400)
        os.chown(source, UID, UID)
        binds.append(f"{source}:{path}:ro")
    container: Container = client.containers.create(
        reference, volumes=binds, network_mode="host", extra_hosts={domain: "127.0.0.1"}
    )
    try:
        container.start()
        authority = Authority(
            container=container,
            certificates=certificates,
            name=gateway,
            port=port,
            management_port=management_port,
        )
        until(authority.is_ready, "the authority answers")
        yield authority
    finally:
        container.remove(force=True)


def _files(certificates: Certificates, config: str) -> dict[str, str]:
    return {
        "/etc/pebble.json": config,
        "/etc/pebble.crt": certificates.certificate,
        "/etc/pebble.key": certificates.key,
    }
