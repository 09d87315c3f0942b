"""An authority that issues certificates over ACME: pebble, which is made for tests, in a lab's network."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from docker.models.containers import Container

from tests.e2e.lab import Certificates, Lab, make_certificates, until
from tests.support import images

NAME = "pebble"
PORT = 14000
MANAGEMENT_PORT = 15000
FOLDER = Path(__file__).parents[1] / "pebble"


def image(root: Path, host: str) -> str:
    return images.build(FOLDER, NAME, root=root, host=host)


def configuration(*, lifetime: int, challenge_port: int, refused: Sequence[str] = ()) -> str:
    """pebble.json: certificates live `lifetime` seconds; names in `refused` get none."""
    return json.dumps(
        {
            "pebble": {
                "listenAddress": f"0.0.0.0:{PORT}",
                "managementListenAddress": f"0.0.0.0:{MANAGEMENT_PORT}",
                "certificate": "/etc/pebble.crt",
                "privateKey": "/etc/pebble.key",
                "httpPort": challenge_port,
                "tlsPort": 5001,
                "keyAlgorithm": "ecdsa",
                "domainBlocklist": list(refused),
                "retryAfter": {"authz": 1, "order": 1},
                "profiles": {"default": {"description": "short", "validityPeriod": lifetime}},
            }
        }
    )


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A running pebble. `certificates` is what its own server shows, and the CA of that."""

    container: Container
    certificates: Certificates

    @property
    def directory(self) -> str:
        return f"https://{NAME}:{PORT}/dir"

    @property
    def root(self) -> str:
        """The certificate that those it issues lead to; another one after each start."""
        return self._manage("GET", "/roots/0").text

    def want_renewal_of(self, certificate: x509.Certificate) -> None:
        """From now on asks for a renewal of this one, as authorities do before they revoke."""
        window = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
        asked = {
            "certificate": certificate.public_bytes(Encoding.PEM).decode(),
            "ariResponse": json.dumps({"suggestedWindow": window}),
        }
        self._manage("POST", "/set-renewal-info/", json=asked)

    def _manage(self, method: str, path: str, json: object = None) -> httpx.Response:
        self.container.reload()
        (network,) = self.container.attrs["NetworkSettings"]["Networks"].values()
        context = ssl.create_default_context(cadata=self.certificates.ca)
        with httpx.Client(verify=context, headers={"Host": NAME}, trust_env=False) as client:
            url = f"https://{network['IPAddress']}:{MANAGEMENT_PORT}{path}"
            answer = client.request(method, url, json=json, extensions={"sni_hostname": NAME})
        assert answer.is_success, f"the authority answers {answer.status_code}: {answer.text}"
        return answer

    def is_ready(self) -> bool:
        try:
            return bool(self.root)
        except httpx.HTTPError:
            return False


def start(lab: Lab, *, lifetime: int, challenge_port: int, refused: Sequence[str] = ()) -> Authority:
    """An authority that reaches the names it is asked for at `challenge_port`, by the lab's own names."""
    certificates = make_certificates(NAME)
    container = lab.run(
        NAME,
        alias=NAME,
        files={
            "/etc/pebble.json": configuration(lifetime=lifetime, challenge_port=challenge_port, refused=refused),
            "/etc/pebble.crt": certificates.certificate,
            "/etc/pebble.key": certificates.key,
        },
    )
    authority = Authority(container=container, certificates=certificates)
    until(authority.is_ready, "the authority answers")
    return authority
