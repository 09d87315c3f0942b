"""What can be reached from where, and who is believed."""

from __future__ import annotations

import copy
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from cli.engine_host import Api, execute
from tests.e2e import inside
from tests.e2e.browsing import register, session
from tests.e2e.lab import make_certificates
from tests.support.checkout import Checkout
from tests.support.looking import services, until

# Where the parts behind the edge listen: database, API, zero-cache for browsers, zero-cache's replication.
INNER_PORTS = (5432, 3001, 4848, 4849)
CA_FILE = "/etc/grocery/ca.crt"
# OpenSSL's words, as Node, psql and libpq pass them on.
DISTRUST = re.compile(r"(?i)unable to (get|verify)[a-z ]+certificate|self.signed certificate|certificate verify failed")
LOOPBACK = ("127.", "[::1]", "::1")


# --- from outside ---


def test_nothing_but_the_two_ports_of_the_edge_is_open_to_other_machines(running: Checkout) -> None:
    edge = running.settings["edge"]
    open_to_others = _listeners()
    assert {edge["https_port"], edge["http_port"]} <= open_to_others, "the edge itself is"
    assert open_to_others.isdisjoint(INNER_PORTS)
    assert 2377 not in open_to_others, "nor is the Swarm's management"
    assert _published_by(running) == {"edge": {edge["https_port"], edge["http_port"]}}


def test_the_parts_behind_the_edge_do_not_answer_at_the_machine_s_address(running: Checkout) -> None:
    address = _own_address()
    assert _connects(address, running.settings["edge"]["https_port"]), "the edge does, so the address is right"
    assert [port for port in INNER_PORTS if _connects(address, port)] == []


def test_the_database_and_zero_cache_have_no_address_outside_their_own_networks(running: Checkout, api: Api) -> None:
    for network in ("data", "app"):
        assert api.inspect_network(f"{running.stack}-{network}")["Internal"], f"{network} has no way out, nor in"
    for workload in ("postgres", "migrations", "zero-cache"):
        found = inside.containers(running, workload)
        networks = {name for entry in found for name in entry["NetworkSettings"]["Networks"]}
        assert networks, f"{workload} runs"
        assert networks <= {f"{running.stack}-data", f"{running.stack}-app"}, f"{workload} is on internal networks only"


def test_the_edge_passes_on_none_of_the_inner_pages(running: Checkout) -> None:
    with session(running) as client:
        for path in (
            "/keepalive",
            "/statz",
            "/heapz",
            "/metrics",
            "/zero/keepalive",
            "/zero/statz",
            "/zero/heapz",
            "/zero/%2e%2e/statz",
            "/zero/replication/v6/changes",
            "/stub_status",
            "/version",
            "/.env",
            "/../etc/passwd",
        ):
            answer = client.get(client.base_url.copy_with(raw_path=path.encode()))
            page = answer.headers.get("content-type", "").startswith("text/html") and "Grocery List" in answer.text
            assert answer.status_code in (400, 401, 403, 404) or page, f"{path} answered {answer.status_code}"
            assert "root:" not in answer.text


# --- from the edge's network, and from the edge ---


def test_whoever_sits_on_the_edge_s_network_reaches_nothing_behind_it(running: Checkout, api: Api) -> None:
    addresses = _addresses(running, ("postgres", "auth-server", "zero-cache"))
    with _one_off(running, api, "edge", networks=["edge"], command=["sleep", "600"]) as container:
        assert _answering(api, container, _addresses(running, ("edge",))["edge"], [8443]) == {8443}, (
            "the edge itself answers there, so the network works"
        )
        for workload, reached in addresses.items():
            assert _answering(api, container, reached, INNER_PORTS) == set(), f"{workload} must not be reachable"


def test_who_belongs_to_the_database_s_network_reaches_it(running: Checkout, api: Api) -> None:
    """What the two tests around this one find missing is there to be found."""
    container = str(inside.containers(running, "migrations")[0]["Id"])
    addresses = _addresses(running, ("postgres", "zero-cache"))
    assert _answering(api, container, addresses["postgres"], INNER_PORTS) == {5432}
    assert {4848, 4849} <= _answering(api, container, addresses["zero-cache"], INNER_PORTS)


def test_the_edge_itself_does_not_reach_the_database(running: Checkout, api: Api) -> None:
    container = str(inside.containers(running, "edge")[0]["Id"])
    addresses = _addresses(running, ("postgres", "backups", "zero-cache"))
    assert _answering(api, container, addresses["zero-cache"], [4848]) == {4848}, "it reaches what it serves"
    assert _answering(api, container, addresses["postgres"], [5432, 8432]) == set()
    assert _answering(api, container, addresses["backups"], [8432, 8080]) == set()
    assert _answering(api, container, ["zero-cache"], [4848]) == {4848}, "names work too"
    assert _answering(api, container, ["postgres"], [5432]) == set()


def test_pgbackrest_answers_on_the_database_s_network_alone(running: Checkout, api: Api) -> None:
    """Whom it answers more than this there is a question of certificates."""
    member = _container(running, "migrations")
    with _one_off(running, api, "migrations", networks=["edge"], command=["sleep", "600"]) as stranger:
        for workload, reached in _addresses(running, ("postgres", "backups")).items():
            assert [address for address in reached if _pgbackrest_answers(api, member, address)], workload
            assert [address for address in reached if _pgbackrest_answers(api, stranger, address)] == [], workload


def _pgbackrest_answers(api: Api, container: str, address: str) -> bool:
    ping = ["pgbackrest", "server-ping", "--io-timeout=3", "--log-level-file=off", address]
    return execute(api, container, ping)[0] == 0


def test_the_edge_tells_its_figures_to_the_network_of_their_exporter_only(running: Checkout, api: Api) -> None:
    asked = "for address in {}; do wget -q -T 3 -O - http://$address:8081/stub_status; done"
    told = execute(api, _container(running, "nginx-exporter"), ["sh", "-c", asked.format("edge")])[1]
    assert "Active connections" in told
    addresses = _addresses(running, ("edge",))["edge"]
    with _one_off(running, api, "edge", networks=["edge"], command=["sleep", "600"]) as container:
        assert _answering(api, container, addresses, [8081]) == {8081}, "it is reached there"
        assert execute(api, container, ["sh", "-c", asked.format(" ".join(addresses))])[1] == ""


# --- what a container may do, and who may ask the engine ---


def test_containers_may_do_nothing_and_one_alone_has_the_engine_s_socket(running: Checkout) -> None:
    bound = {}
    for entry in inside.containers(running):
        workload = inside.workload_of(entry)
        host = entry["HostConfig"]
        assert host["CapDrop"] == ["ALL"], workload
        assert not host["CapAdd"], workload
        assert not host["Privileged"], workload
        assert host["ReadonlyRootfs"], workload
        assert host["Memory"], f"{workload} has a limit"
        assert host["NetworkMode"] != "host", workload
        assert entry["Config"]["User"] == ("0:0" if workload == "docker-filter" else "10001:10001"), workload
        binds = [(mount["Source"], mount["RW"]) for mount in entry["Mounts"] if mount["Type"] == "bind"]
        if binds:
            bound[workload] = binds
    assert bound == {"docker-filter": [(_socket(running), False)]}


def test_the_application_cannot_ask_the_filter_of_the_engine(running: Checkout, api: Api) -> None:
    (address,) = _addresses(running, ("docker-filter",))["docker-filter"]
    asked = f"wget -q -T 3 -O - http://{address}:2375/containers/json"
    _, told, _ = execute(api, _container(running, "prometheus"), ["sh", "-c", asked])
    assert '"Image"' in told, "who belongs to it does, so the address is right"
    for workload in ("edge", "auth-server", "zero-cache", "frontend", "postgres", "synthetic-user"):
        code, told, _ = execute(api, _container(running, workload), ["sh", "-c", asked])
        assert (code != 0, told) == (True, ""), workload


def test_the_login_for_figures_reads_no_row_of_anybody(running: Checkout) -> None:
    found = inside.ask_database(
        running,
        "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'v') "
        "AND nspname NOT IN ('pg_catalog', 'information_schema') AND has_schema_privilege('monitor', n.oid, 'USAGE') "
        "AND has_table_privilege('monitor', pg_class.oid, 'SELECT')",
    )
    assert found.strip() == "0"
    rights = inside.ask_database(
        running, "SELECT rolsuper, rolreplication, rolcreaterole FROM pg_roles WHERE rolname = 'monitor'"
    )
    assert rights.strip() == "f|f|f"


# --- TLS at the edge ---


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused_and_new_tls_spoken(running: Checkout) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert _handshake(running, version) == version.name.replace("_", ".")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
            _handshake(running, version)


def test_the_certificate_is_the_stack_s_own_and_for_its_name_only(running: Checkout) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)unable to get local issuer|self.signed"):
        _handshake(running, trust=ssl.create_default_context())
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        _handshake(running, name="elsewhere.example")


def test_http_is_sent_to_https_and_carries_nothing_else(running: Checkout) -> None:
    edge = running.settings["edge"]
    with socket.create_connection(("localhost", edge["http_port"]), timeout=10) as plain:
        head = ("GET /api/auth/session HTTP/1.1", f"Host: localhost:{edge['http_port']}", "Connection: close", "", "")
        plain.sendall("\r\n".join(head).encode())
        answer = b"".join(iter(lambda: plain.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 301"), answer[:200]
    assert f"Location: {running.url}/api/auth/session" in answer
    assert "Set-Cookie" not in answer


# --- TLS to the database ---


def test_a_client_of_the_database_verifies_its_certificate_and_name(running: Checkout) -> None:
    address = _addresses(running, ("postgres",))["postgres"][0]

    def connect(**changes: str) -> str:
        """psql's complaint, with the right password always, so that nothing but the connection can be wrong."""
        wanted = {
            "host": "postgres",
            "dbname": "grocery",
            "user": "zero",
            "sslmode": "verify-full",
            "sslrootcert": CA_FILE,
        } | changes
        line = " ".join(f"{key}={value}" for key, value in wanted.items())
        script = 'export PGPASSWORD="$(cat /run/secrets/zero_password)"; exec psql -XAtq -c "SELECT 1" "$0"'
        code, printed = inside.execute(running, "migrations", "sh", "-c", script, line)
        return printed if code else ""

    assert connect() == "", "as a client of the stack does it"
    assert connect(host=address, sslmode="verify-ca") == "", "the address itself leads to the database"
    assert "does not match host name" in connect(host=address), "another name is not believed"
    foreign = inside.succeed(running, "migrations", "sh", "-c", f"cat > /tmp/foreign.crt <<'EOF'\n{_foreign_ca()}EOF")
    assert foreign == ""
    try:
        assert "certificate verify failed" in connect(sslrootcert="/tmp/foreign.crt"), "nor another authority"
    finally:
        inside.succeed(running, "migrations", "rm", "/tmp/foreign.crt")
    assert "no encryption" in connect(sslmode="disable"), "the server lets nobody in without TLS"
    assert "rejects connection" in connect(user="nobody") + connect(dbname="postgres"), "nor anyone but who belongs"


@pytest.mark.parametrize("workload", ["auth-server", "zero-cache", "migrations"])
def test_a_client_that_trusts_another_authority_does_not_talk_to_the_database(
    running: Checkout, api: Api, workload: str
) -> None:
    """Each as the stack runs it, with one thing changed: the authority it was given."""
    foreign = api.create_config(f"{running.stack}-foreign-{workload}", _foreign_ca().encode())
    try:
        with _one_off(running, api, workload, authority=foreign["ID"]) as container:
            until(
                lambda: re.search(
                    r"(?i)unable to (get|verify)[a-z ]+certificate|self.signed certificate|certificate verify failed",
                    inside.logs(running, container),
                ),
                "its log names the certificate",
            )
            health = (api.inspect_container(container)["State"].get("Health") or {}).get("Status")
            assert health != "healthy", "it must not have got through"
    finally:
        api.remove_config(foreign["ID"])


def test_every_session_in_the_database_is_encrypted(running: Checkout) -> None:
    register(running, "Ada")  # the API lets go of connections it does not use
    found = inside.ask_database(
        running,
        "SELECT DISTINCT a.usename, s.version FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) "
        "WHERE a.client_addr IS NOT NULL ORDER BY 1",
    )
    sessions = dict(line.split("|") for line in found.splitlines())
    assert {"zero", "api_a"} <= set(sessions), "the clients of the stack are connected"
    assert set(sessions.values()) == {"TLSv1.3"}


# --- how it is found out ---


def _listeners() -> set[int]:
    """TCP ports of this network on which other machines could reach something."""
    listed = subprocess.run(["ss", "-Htln"], capture_output=True, text=True, check=True).stdout
    local = [line.split()[3] for line in listed.splitlines()]
    return {int(found.rpartition(":")[2]) for found in local if not found.startswith(LOOPBACK)}


def _published_by(checkout: Checkout) -> dict[str, set[int]]:
    """Workload -> the host's ports that lead to one of its containers."""
    found: dict[str, set[int]] = {}
    for entry in inside.containers(checkout):
        for bound in (entry["NetworkSettings"]["Ports"] or {}).values():
            for port in bound or ():
                found.setdefault(inside.workload_of(entry), set()).add(int(port["HostPort"]))
    return found


def _own_address() -> str:
    """This network's address on its way out, the one that other machines know."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def _connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=3).close()
    except OSError:
        return False
    return True


# That a connection is made, or answered, proves little: what stands between may do both. So each is asked what only it
# answers: PostgreSQL says S when it is asked for TLS, the others are asked for a page of theirs.
ASK = r"""
ask() { printf "$3" | timeout 4 nc -w 2 $1 $2 2> /dev/null | tr -d '\0'; }
get() { ask $1 $2 "GET $3 HTTP/1.0\r\n\r\n"; }
for host in $1; do for port in $2; do
  case $port in
    5432) ask $host $port '\0\0\0\010\004\322\026\057' | grep -qx S ;;
    3001) get $host $port /health/live | grep -q '"status"' ;;
    8081) get $host $port / | grep -q '^HTTP/1.1 404' ;;
    8443) ask $host $port "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n" | grep -q '^HTTP/1.1 301' ;;
    *) get $host $port /keepalive | grep -q '^HTTP/1.1 200' ;;
  esac && echo $port &
done; done; wait
"""


def _answering(api: Api, container: str, hosts: Sequence[str], ports: Sequence[int]) -> set[int]:
    """The ports that answer on any of the hosts, asked from inside a container."""
    _, said, _ = execute(api, container, ["sh", "-c", ASK, "sh", " ".join(hosts), " ".join(map(str, ports))])
    return {int(port) for port in said.split()}


def _addresses(checkout: Checkout, workloads: Sequence[str]) -> dict[str, list[str]]:
    found = {}
    for workload in workloads:
        networks = inside.containers(checkout, workload)[0]["NetworkSettings"]["Networks"]
        found[workload] = [entry["IPAddress"] for entry in networks.values() if entry["IPAddress"]]
        assert found[workload], f"{workload} has an address"
    return found


def _handshake(
    checkout: Checkout,
    version: ssl.TLSVersion | None = None,
    *,
    trust: ssl.SSLContext | None = None,
    name: str = "localhost",
) -> str | None:
    """The version spoken. Raises what the handshake failed with."""
    context = trust or ssl.create_default_context(cafile=str(checkout.ca_file))
    if version:
        # What this side would not even offer says nothing about the other one.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    address = ("localhost", checkout.settings["edge"]["https_port"])
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.version()


def _container(checkout: Checkout, workload: str) -> str:
    return str(inside.containers(checkout, workload)[0]["Id"])


def _socket(checkout: Checkout) -> str:
    return checkout.host.removeprefix("unix://")


def _foreign_ca() -> str:
    return make_certificates("postgres").ca


@contextmanager
def _one_off(
    checkout: Checkout,
    api: Api,
    workload: str,
    *,
    networks: Sequence[str] | None = None,
    command: Sequence[str] | None = None,
    authority: str | None = None,
) -> Iterator[str]:
    """A task like one of `workload`, that nobody else's name leads to; its container.

    networks: other networks than its own; command: instead of its own; authority: id of the config that replaces its
    CA certificate.
    """
    name = f"{checkout.stack}-one-off"
    spec: dict[str, Any] = copy.deepcopy(services(api, checkout.stack)[workload]["Spec"])
    task = spec["TaskTemplate"]
    labels = {"one-off": checkout.stack}
    task["ContainerSpec"]["Labels"] = labels
    # Its data is its own: a volume of the stack must not get a second user.
    for mount in task["ContainerSpec"].get("Mounts") or ():
        if mount["Type"] == "volume":
            mount |= {"Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 64 << 20}}
            mount.pop("Source", None)
            mount.pop("VolumeOptions", None)
    if networks:
        task["Networks"] = [{"Target": f"{checkout.stack}-{network}"} for network in networks]
    for network in task["Networks"]:
        network.pop("Aliases", None)
    if command:
        task["ContainerSpec"]["Command"] = list(command)
        # Left out, it would be the image's.
        task["ContainerSpec"]["Healthcheck"] = {"Test": ["NONE"]}
    if authority:
        for reference in task["ContainerSpec"]["Configs"]:
            if reference["File"]["Name"] == CA_FILE:
                reference |= {"ConfigID": authority, "ConfigName": f"{checkout.stack}-foreign-{workload}"}
    task.pop("Resources", None)
    made = api.create_service(task, name=name, labels=labels, endpoint_spec={"Mode": "dnsrr"})
    try:
        found: list[str] = []

        def started() -> bool:
            found[:] = [entry["Id"] for entry in api.containers(filters={"label": f"one-off={checkout.stack}"})]
            return bool(found)

        until(started, f"a one-off task of {workload} runs: {json.dumps(api.tasks(filters={'service': name}))[:500]}")
        yield found[0]
    finally:
        api.remove_service(made["ID"])
        until(
            lambda: not api.containers(all=True, filters={"label": f"one-off={checkout.stack}"}),
            "the one-off task is gone",
        )
