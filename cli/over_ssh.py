"""A client of an engine on another machine, over `ssh` as this machine has it configured.

Each connection is an `ssh` that runs `docker system dial-stdio` there, Docker's own way. Its stdin and stdout are one
end of a pair of sockets and the HTTP client has the other: time limits, and streams in both directions, work as they do
with the engine of this machine.
"""

from __future__ import annotations

import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

from docker import APIClient
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool

CONNECT_SECONDS = 15


def client(host: str, *, timeout: int) -> Any:  # noqa: ANN401 - as `engine_host.Api`
    """host: ssh://user@name or ssh://user@name:port. Raises DockerException when nothing answers."""
    api: Any = APIClient(base_url="unix:///unused", version=DEFAULT_DOCKER_API_VERSION, timeout=timeout)
    api.mount("http+docker://", _Adapter(host, timeout))
    api._version = api._retrieve_server_version()
    return api


def command(host: str) -> list[str]:
    """What is started for each connection."""
    asked = urlsplit(host)
    port = ["-p", str(asked.port)] if asked.port else []
    # The host is no option whatever it begins with.
    return [
        *("ssh", "-T", "-o", f"ConnectTimeout={CONNECT_SECONDS}", *port, "-l", str(asked.username)),
        *("--", str(asked.hostname), "docker system dial-stdio"),
    ]


class _Connection(UnixHTTPConnection):
    def __init__(self, host: str, timeout: int) -> None:
        super().__init__("localhost", "", timeout)
        self._host = host

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Ends when the other end of the pair is closed.
            self._ssh = subprocess.Popen(command(self._host), stdin=theirs.fileno(), stdout=theirs.fileno())
        ours.settimeout(self.timeout)
        self.sock = ours


class _Pool(UnixHTTPConnectionPool):
    def __init__(self, host: str, timeout: int, maxsize: int) -> None:
        super().__init__("localhost", "", timeout, maxsize)
        self._host = host
        self._seconds = timeout

    def _new_conn(self) -> Any:  # noqa: ANN401 - the SDK has no types
        return _Connection(self._host, self._seconds)


class _Adapter(UnixHTTPAdapter):
    def __init__(self, host: str, timeout: int) -> None:
        super().__init__("http+unix:///unused", timeout)
        self._host = host

    def get_connection(self, url: str | bytes, proxies: object = None) -> Any:  # noqa: ANN401 - the SDK has no types
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = self.pools[url] = _Pool(self._host, self.timeout, self.max_pool_size)
        return pool
