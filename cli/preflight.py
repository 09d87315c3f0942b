"""What must be true before an `up` changes anything. Each check raises one error with the way out."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from cli import engine_host
from cli.engine_host import Api
from cli.errors import ConfigError, MachineError

if TYPE_CHECKING:
    from cli.stack import Stack
    from settings import Settings
    from settings.monitoring import Monitoring

GIB = 1 << 30
FREE_SPACE_TO_RUN = 1 * GIB
"""Below this a database may stop in the middle of anything."""
FREE_SPACE_TO_BUILD = 3 * GIB
"""What building every image takes, packages included."""


def check_space(folder: Path, needed: int, *, purpose: str) -> None:
    """Raises MachineError when the disk that holds `folder` has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise MachineError(
            f"the disk is nearly full: too little space to {purpose}",
            value=f"{free / GIB:.1f} GiB free on the disk of {folder}",
            expected=f"at least {needed / GIB:.0f} GiB",
            next="free some space; docker system df   shows what Docker holds",
        )


def check_machine(stack: Stack) -> None:
    """What can be known before there is an engine on this machine."""
    settings = stack.settings
    check_memory(settings, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    check_space(stack.root, FREE_SPACE_TO_BUILD, purpose="install an engine and build the images")
    for key, port in _edge_ports(settings):
        if not _can_listen(port):
            raise _port_taken(key, port, _process_at(port))


def check_engine(stack: Stack, api: Api) -> None:
    """Everything the running engine decides: memory, disk, ports, images named by the configuration."""
    settings = stack.settings
    information = api.info()
    check_memory(settings, int(information["MemTotal"]))
    data = Path(str(information["DockerRootDir"]))
    if engine_host.is_this_machine(settings.target.host) and data.is_dir():
        check_space(data, FREE_SPACE_TO_RUN, purpose="run a stack")
    check_images(settings, api)
    check_ports(stack, api)


def check_memory(settings: Settings, node_bytes: int) -> None:
    """`node_bytes`: the memory of the node this stack's manager runs on."""
    if settings.target.memory > node_bytes:
        raise ConfigError(
            "target.memory is more than the machine has",
            value=f"target.memory = {settings.target.memory / GIB:.1f} GiB",
            expected=f"at most the {node_bytes / GIB:.1f} GiB of {settings.target.host}",
            next=f"./grocery config set target.memory {max(1, node_bytes // GIB)}GiB",
        )


def check_images(settings: Settings, api: Api) -> None:
    """Images the configuration names itself; those built here are looked after by the build."""
    named = {
        "postgres.image": settings.postgres.image,
        "migrations.image": settings.migrations.image,
        "auth_server.image": settings.auth_server.image,
        "zero_cache.image": settings.zero_cache.image,
        "edge.image": settings.edge.image,
        "frontend.image": settings.frontend.image,
        **({"backups.image": settings.backups.image} if settings.backups.enabled else {}),
        **_monitoring_images(settings.monitoring),
    }
    for key, reference in named.items():
        if reference and not engine_host.image_exists(api, reference):
            raise ConfigError(
                f"the image of {key} does not exist",
                value=reference,
                expected="an image the engine has, or can get from the registry its name says",
                next=f"docker pull {reference}   shows the registry's answer; without {key} the project's own is used",
            )


def _monitoring_images(monitoring: Monitoring) -> dict[str, str | None]:
    if not monitoring.enabled:
        return {}
    named = {f"monitoring.images.{name}": reference for name, reference in monitoring.images}
    return named | ({"monitoring.grafana.image": monitoring.grafana.image} if monitoring.grafana else {})


def check_ports(stack: Stack, api: Api) -> None:
    """The edge's ports must be free, or be held by this stack's own edge."""
    settings = stack.settings
    published = {
        int(port["PublishedPort"]): (service["Spec"]["Name"], (service["Spec"].get("Labels") or {}))
        for service in api.services()
        for port in (service["Spec"].get("EndpointSpec") or {}).get("Ports") or ()
        if "PublishedPort" in port
    }
    for key, port in _edge_ports(settings):
        service, labels = published.get(port, ("", {}))
        if labels.get(engine_host.STACK_LABEL) == stack.name:
            continue
        if service:
            raise _port_taken(key, port, f"Docker service {service}")
        if engine_host.is_this_machine(settings.target.host) and not _can_listen(port):
            raise _port_taken(key, port, _container_at(api, port) or _process_at(port))


def _edge_ports(settings: Settings) -> list[tuple[str, int]]:
    return [("edge.https_port", settings.edge.https_port), ("edge.http_port", settings.edge.http_port)]


def _port_taken(key: str, port: int, holder: str) -> ConfigError:
    return ConfigError(
        f"port {port} is in use",
        value=f"{key} = {port}, held by {holder}",
        expected="a free port",
        next=f"stop what holds it, or choose another: ./grocery config set {key} {port + 1 if port < 65535 else 8444}",
    )


def _can_listen(port: int) -> bool:
    """Tries the addresses Docker publishes on. A port that only root may open is not taken."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 - what Docker does
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 on this machine
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address, port))
                probe.listen()
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
    return True


def _container_at(api: Api, port: int) -> str | None:
    containers = api.containers(filters={"publish": str(port)})
    return f"container {containers[0]['Names'][0].lstrip('/')}" if containers else None


def _process_at(port: int) -> str:
    """Who listens there, as far as this user may see."""
    sockets = {
        fields[9]
        for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
        if table.exists()
        for fields in (line.split() for line in table.read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                target = str(descriptor.readlink())
                if target.startswith("socket:[") and target[8:-1] in sockets:
                    return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return "a process of another user"
