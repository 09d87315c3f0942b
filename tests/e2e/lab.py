"""Single containers under the conditions of a stack: read-only, without capabilities, nearly always as uid 10001."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container
from docker.types import Mount

from tests.support.looking import until

UID = 10001


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """A CA and a certificate of its for one name; PEM."""

    ca: str
    certificate: str
    key: str


class Authority:
    """A fresh CA of a lab."""

    def __init__(self, *, days: int = 1) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._days = days
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"a lab's CA {secrets.token_hex(4)}")])
        self.certificate = self._sign(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0))

    def issue(self, name: str, *, host: str | None = None) -> Certificates:
        """A certificate for somebody called `name`, whose host's name or address is `host` if that is another."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternative = x509.SubjectAlternativeName([_alternative(host or name)])
        return Certificates(
            ca=self.certificate,
            certificate=self._sign(subject, key.public_key(), alternative),
            key=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )

    def _sign(self, subject: x509.Name, public: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> str:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        builder = builder.not_valid_before(now - dt.timedelta(hours=1))
        builder = builder.not_valid_after(now + dt.timedelta(days=self._days))
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def make_certificates(name: str, *, days: int = 1) -> Certificates:
    """A fresh CA that vouches for `name`, a host's name or its address."""
    return Authority(days=days).issue(name)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Lab:
    """A network, volumes and containers of one test; `close` removes them all."""

    def __init__(self, client: DockerClient, images: Mapping[str, str], folder: Path) -> None:
        self.client = client
        self.images = images
        self._folder = folder
        self._prefix = f"lab-{secrets.token_hex(4)}"
        self._volumes: set[str] = set()
        self._containers: list[Container] = []
        self._network = client.networks.create(self._prefix, internal=True)
        self._network.reload()

    @property
    def subnet(self) -> str:
        """The network's addresses ("172.20.0.0/16"), whoever runs the test among them."""
        return str(self._network.attrs["IPAM"]["Config"][0]["Subnet"])

    def close(self) -> None:
        for container in self._containers:
            try:
                container.remove(force=True)
            except NotFound:
                continue
        for volume in self._volumes:
            self.client.volumes.get(f"{self._prefix}-{volume}").remove(force=True)
        self._network.remove()

    def run(
        self,
        image: str,
        *,
        alias: str,
        command: Sequence[str] = (),
        entrypoint: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str | bytes] | None = None,
        volumes: Mapping[str, str] | None = None,
        tmpfs: Sequence[str] = (),
        socket: Path | None = None,
        memory: int | None = None,
    ) -> Container:
        """Starts an image by its short name.

        files: path in the container -> content, readable by its user alone; volumes: short name -> path; socket: an
        engine's, put where engines have theirs. Only root may use one, so root it is then, with no more rights than
        anybody else here; memory: a limit in bytes.
        """
        place = self._folder / f"{alias}-{secrets.token_hex(4)}"
        place.mkdir()
        binds: list[str] = []
        for number, (path, content) in enumerate((files or {}).items()):
            source = place / str(number)
            source.write_bytes(content if isinstance(content, bytes) else content.encode())
            source.chmod(0o500 if path.startswith("/usr/local/bin/") else 0o400)
            os.chown(source, UID, UID)
            binds.append(f"{source}:{path}:ro")
        for volume, path in (volumes or {}).items():
            self._volumes.add(volume)
            binds.append(f"{self._prefix}-{volume}:{path}")
        if socket is not None:
            binds.append(f"{socket}:/var/run/docker.sock:ro")
        container: Container = self.client.containers.create(
            self.images[image],
            list(command) or None,
            entrypoint=None if entrypoint is None else list(entrypoint),
            environment=dict(env or {}),
            volumes=binds,
            # As Swarm mounts them: owned by root, with the mode of the image's folder.
            mounts=[Mount(path, None, type="tmpfs") for path in ("/tmp", *tmpfs)],
            user=f"{UID}:{UID}" if socket is None else "0:0",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            init=True,
            shm_size="64m",
            mem_limit=memory,
        )
        self._containers.append(container)
        self._network.connect(container, aliases=[alias])
        self.client.networks.get("bridge").disconnect(container)
        container.start()
        return container


def logs(container: Container) -> str:
    """Everything it has said so far."""
    return bytes(container.logs()).decode(errors="replace")


def execute(container: Container, *command: str) -> tuple[int, str]:
    """Runs a command inside; its exit code, and its output with errors."""
    code, output = container.exec_run(list(command))
    assert isinstance(code, int) and isinstance(output, bytes), "neither detached nor streamed"
    return code, output.decode(errors="replace").strip()


def succeed(container: Container, *command: str) -> str:
    """Runs a command inside that must succeed; its output."""
    code, output = execute(container, *command)
    assert code == 0, f"{' '.join(command)} ended with {code}: {output}"
    return output


def healthy(container: Container) -> bool:
    """What the health check says at this moment; False as well when the container has stopped."""
    container.reload()
    return container.status == "running" and execute(container, "/usr/local/bin/healthcheck")[0] == 0


def until_healthy(container: Container, seconds: float = 60) -> None:
    """Waits for the health check; on failure shows the container's log."""
    try:
        until(lambda: healthy(container), "healthy", seconds=seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}; its log:\n{logs(container)}") from None


def until_exit(container: Container, seconds: float = 60) -> int:
    """Waits for the container to stop by itself; its exit code. On failure shows the container's log."""

    def stopped() -> bool:
        container.reload()
        return container.status == "exited"

    try:
        until(stopped, "stopped by itself", seconds=seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}; its log:\n{logs(container)}") from None
    return int(container.attrs["State"]["ExitCode"])
