"""A Docker engine for one test session: its own processes, files, mounts and network, gone without a trace afterwards.

Two engines in one network namespace undo each other's firewall rules and share Swarm's bridge, so this one lives in a
namespace of its own, joined to the machine by a pair of virtual cables and address translation (image builds fetch
packages). Ports published there are free by construction, whatever runs on the machine.

The process that uses it enters that namespace (`PrivateEngine.enter`), so that `localhost` in a test, in `./grocery`,
and in a browser it starts, is the private engine's.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from docker import APIClient
from docker.errors import DockerException

from cli import machine
from cli.engine_host import Api

CLONE_NEWNET = 0x40000000
# Set aside for measuring between networks (RFC 2544), so no machine has a route into it.
ADDRESSES = ipaddress.IPv4Network("198.18.0.0/15")
# The last of them are for tests that need clients of many addresses.
CLIENTS = ipaddress.IPv4Network("198.19.255.0/24")
# Another session may be at it as well.
IPTABLES = ("iptables", "--wait")
START_SECONDS = 60
STOP_SECONDS = 60

# In its own mount namespace: the kernel's view of *this* network under /sys, with the control groups put back.
# $1 cgroup copy, then the command.
IN_OWN_MOUNTS = """
set -eu
mount --rbind /sys/fs/cgroup "$1"
mount -t sysfs sysfs /sys
mount --rbind "$1" /sys/fs/cgroup
if [ -n "$2" ]; then mount --bind "$2" /etc/resolv.conf; fi
shift 2
exec "$@"
"""


class PrivateEngine:
    """Starts with `start`, ends with `close`; `host` is its address.

    folder: where its data lives; must not be on an overlay file system.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"grocery-{os.getpid()}"
        # Linux allows 15 characters.
        self.cable = f"gro{os.getpid()}"
        blocks = [block for block in ADDRESSES.subnets(new_prefix=30) if not block.overlaps(CLIENTS)]
        block = blocks[os.getpid() % len(blocks)]
        self.gateway, self.address = (str(address) for address in block.hosts())
        self.network = str(block)
        # Found out now, and not at a restart: by then this process may see the private network instead.
        self.mtu = _uplink_mtu()
        self.socket = folder / "docker.sock"
        self.log = folder / "dockerd.log"
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def open(self) -> None:
        """Makes the network, starts the engine and makes it a Swarm of one, as `./grocery prepare` does."""
        self._make_network()
        self.start()
        machine.make_swarm(self.host)

    def start(self) -> None:
        cgroup = self.folder / "cgroup"
        cgroup.mkdir(exist_ok=True)
        (self.folder / "daemon.json").write_text(json.dumps(machine.DAEMON_SETTINGS))
        daemon = [
            *("dockerd", "--config-file", str(self.folder / "daemon.json"), "--host", self.host),
            *("--data-root", str(self.data), "--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self.folder / "dockerd.pid"), "--mtu", str(self.mtu)),
            *(("--storage-driver", "vfs") if _filesystem(self.folder) == "overlay" else ()),
        ]
        own_mounts = ["unshare", "--mount", "--propagation", "private", "sh", "-c", IN_OWN_MOUNTS, "sh"]
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(
                [*self._inside(), *own_mounts, str(cgroup), _resolver(), *daemon],
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._daemon.poll() is not None:
                break
            with contextlib.suppress(DockerException):
                APIClient(base_url=self.host, version="auto").close()
                return
            time.sleep(0.1)
        raise RuntimeError(f"the private engine does not answer; its log ends:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """The engine ends as on a machine that is switched off in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """The engine ends as on a machine that loses its power (its containers' processes with it)."""
        self._end(signal.SIGKILL)
        self._kill_leftovers()
        # On a machine this lies in /run, which does not outlive the power either.
        shutil.rmtree(self.folder / "exec", ignore_errors=True)
        (self.folder / "dockerd.pid").unlink(missing_ok=True)

    def restart(self) -> None:
        self.stop()
        self.start()

    @contextlib.contextmanager
    def api(self) -> Iterator[Api]:
        with APIClient(base_url=self.host, version="auto") as api:
            yield api

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """The calling thread, and whatever it starts, sees the private engine's network until the end of the block."""
        with Path("/proc/thread-self/ns/net").open() as before:
            with Path(f"/run/netns/{self.name}").open() as inside:
                _set_network(inside.fileno())
            try:
                yield
            finally:
                _set_network(before.fileno())

    def close(self) -> None:
        """Ends every process, removes every mount, rule and file. Never raises halfway: each part is tried."""
        with contextlib.suppress(DockerException, OSError), self.api() as api:
            api.leave_swarm(force=True)
        self._end(signal.SIGTERM)
        self._kill_leftovers()
        for rule in self._rules():
            subprocess.run([*IPTABLES, *_with(rule, "-D")], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", self.cable], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def _make_network(self) -> None:
        inside = ["ip", "-n", self.name]
        for command in (
            ["ip", "netns", "add", self.name],
            [*inside, "link", "set", "lo", "up"],
            ["ip", "link", "add", self.cable, "type", "veth", "peer", "name", "uplink", "netns", self.name],
            ["ip", "addr", "add", f"{self.gateway}/30", "dev", self.cable],
            ["ip", "link", "set", self.cable, "up"],
            [*inside, "addr", "add", f"{self.address}/30", "dev", "uplink"],
            [*inside, "link", "set", "uplink", "up"],
            [*inside, "route", "add", "default", "via", self.gateway],
            *([*IPTABLES, *_with(rule, "-I")] for rule in self._rules()),
        ):
            _run(command)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def _rules(self) -> list[list[str]]:
        """Outward only: address translation, and leave to pass where an engine's rules forbid forwarding."""
        return [
            ["-t", "nat", "", "POSTROUTING", "-s", self.network, "!", "-o", self.cable, "-j", "MASQUERADE"],
            ["", "FORWARD", "-i", self.cable, "-j", "ACCEPT"],
            ["", "FORWARD", "-o", self.cable, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
        ]

    def _end(self, with_signal: signal.Signals) -> None:
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        if daemon.poll() is None:
            # nsenter, unshare and sh have replaced themselves: this is dockerd's own process.
            daemon.send_signal(with_signal)
        try:
            daemon.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _kill_leftovers(self) -> None:
        """Processes that outlive their engine: containerd, its shims and their containers, known by their mounts."""
        mine = str(self.folder)
        for _ in range(100):
            found = [process for process in Path("/proc").glob("[0-9]*") if _mentions(process, mine)]
            if not found:
                return
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process.name), signal.SIGKILL)
            time.sleep(0.1)


def make_folder() -> Path:
    """A folder for an engine's data, on a real file system where there is one."""
    candidates = [Path("/var/tmp"), Path("/var/lib"), Path("/tmp")]
    parent = next((path for path in candidates if _filesystem(path) != "overlay"), candidates[0])
    return Path(tempfile.mkdtemp(prefix="grocery-engine-", dir=parent))


def _mentions(process: Path, folder: str) -> bool:
    """Does the process belong to the engine in `folder`? By its command line or by the mounts it lives in."""
    if process.name == str(os.getpid()):
        return False
    try:
        # Field 4 and 5 of a mountinfo line: where in its file system the mount comes from, and where it is put.
        mounts = (process / "mountinfo").read_text()
        command = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    of_engine = command[0].rpartition("/")[2] in ("dockerd", "containerd", "containerd-shim-runc-v2", "docker-proxy")
    return f"{folder}/data/" in mounts or (of_engine and any(folder in word for word in command))


def _set_network(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def _with(rule: list[str], action: str) -> list[str]:
    return [word or action for word in rule]


def _run(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed: {result.stderr.strip()}")
    return result.stdout


def _uplink_mtu() -> int:
    """The size of packet this machine's way out takes: a bigger one inside would be lost where ICMP is."""
    for route in json.loads(_run(["ip", "-json", "route", "show", "default"]) or "[]"):
        return int(Path(f"/sys/class/net/{route['dev']}/mtu").read_text())
    return 1500


def _filesystem(path: Path) -> str:
    return _run(["stat", "--file-system", "--format", "%T", str(path)]).strip().replace("overlayfs", "overlay")


def _resolver() -> str:
    """A resolv.conf that works from another network namespace, or "" when the machine's own does.

    A resolver on the loopback address answers in the machine's namespace only; systemd keeps the real ones beside it.
    """
    real = Path("/run/systemd/resolve/resolv.conf")
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    return str(real) if any(line.startswith("nameserver 127.") for line in lines) and real.exists() else ""
