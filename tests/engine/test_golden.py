"""The stand-ins for the providers give what was recorded from the real ones (golden/README.md)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from docker import APIClient

from cli import local_engine
from cli.local_engine import Op, Project
from cli.local_engine.model import Resource
from cli.local_engine.providers.tls import public_forms
from cli.local_engine.wire import Secret, Value, reveal

from . import probe
from .conftest import World

GOLDEN = Path(__file__).parent / "golden"


def recorded(name: str) -> Value:
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def golden(
    docker_host: str, docker_client: APIClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, World]]:
    """The recorded program, applied."""
    folder = tmp_path_factory.mktemp("golden")
    probe.build(docker_client, "probe:1", folder)
    root = folder / "program"
    root.mkdir()
    (root / "__main__.py").write_text((GOLDEN / "program" / "__main__.py").read_text())
    project = Project(
        root=root,
        name="golden",
        stack="dev",
        state_dir=folder / "state",
        config={"golden:host": docker_host},
        secret_keys=frozenset(),
        passphrase=secrets.token_hex(8),
    )
    try:
        local_engine.up(project)
        yield project, World(client=docker_client, prefix="golden-")
    finally:
        if project.store().path.exists():
            local_engine.destroy(project)


# Values that differ from run to run, or that the real engine writes and nobody reads.
VXLAN = "com.docker.network.driver.overlay.vxlanid_list"
ASSIGNED = {"gateway", "subnet", VXLAN, "validityStartTime", "validityEndTime"}
BRIDGE_NOTES = {"__defaults", "__internal", "id"}
BRIDGE_DEFAULTS = {"ipamDriver", "isolation"}
PROGRAMS_OWN = ("10.190.213.0/24", "10.190.213.1")


def normal(value: Value, key: str = "") -> Value:
    """A recorded or a saved value, reduced to what must be equal: no order of sets, ids, times, random values."""
    if isinstance(value, Secret):
        return {"<secret>": normal(value.value, key)}
    if isinstance(value, dict):
        kept = {k: normal(v, k) for k, v in value.items() if k not in BRIDGE_NOTES}
        return {k: v for k, v in kept.items() if v not in (None, [], {}, "")}
    if isinstance(value, list):
        return sorted((normal(item, key) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if not isinstance(value, str) or value in PROGRAMS_OWN:
        return value
    if key in ASSIGNED or value.startswith("unix://") or re.fullmatch(r"[0-9a-z]{25}|[0-9a-f-]{36}", value):
        return "<assigned>"
    if re.match(r"<(data|result|bcryptHash): (\d+) characters>", value):
        return f"<{re.findall(r'[0-9]+', value)[0]} characters>"
    if key in ("data", "result", "bcryptHash", "secret"):
        return f"<{len(value)} characters>"
    if key.startswith("publicKey") and not value.startswith("-----"):
        return re.sub(r"[0-9A-Za-z+/=]{2,}$", "<random>", re.sub(r"([0-9a-f]{2}:){15}", "", value.strip()))
    value = re.sub(r"^/.*(?=/volumes/)", "<data-root>", value)
    value = re.sub(r"\n[A-Za-z0-9+/=\n]+\n", "\n<base64>\n", value)
    return re.sub(r"-[0-9a-f]{7}(?=$|/)", "-<random>", value)


def saved(project: Project) -> dict[str, Resource]:
    state = project.store().require()
    assert state.pending == []
    return {resource.urn: resource for resource in state.resources}


def test_the_saved_state_is_the_recorded_one(golden: tuple[Project, World]) -> None:
    resources, expected = saved(golden[0]), {item["urn"]: item for item in recorded("resources")}
    assert sorted(resources) == sorted(expected)
    for urn, item in expected.items():
        resource = resources[urn]
        assert resource.type == item["type"]
        assert resource.parent == item.get("parent", "")
        assert resource.provider.rpartition("::")[0] == item.get("provider", "").rpartition("::")[0]
        assert sorted(resource.dependencies) == sorted(item.get("dependencies", [])), urn
        assert {k: sorted(v) for k, v in resource.property_dependencies.items()} == {
            k: sorted(v) for k, v in item.get("propertyDependencies", {}).items()
        }, urn
        assert sorted(resource.additional_secret_outputs) == sorted(item.get("additionalSecretOutputs", [])), urn
        assert sorted(resource.ignore_changes) == sorted(item.get("ignoreChanges", [])), urn
        assert without_defaults(normal(resource.inputs)) == without_defaults(normal(item["inputs"])), urn
        outputs = normal({k: v for k, v in resource.outputs.items() if k != "__internal"})
        assert outputs == normal(item["outputs"]), urn


def without_defaults(value: Value) -> Value:
    """The real providers' bridge writes two defaults into the inputs."""
    if isinstance(value, dict):
        return {key: without_defaults(item) for key, item in value.items() if key not in BRIDGE_DEFAULTS}
    return [without_defaults(item) for item in value] if isinstance(value, list) else value


def inspected(value: Value, key: str = "") -> Value:
    """What `docker ... inspect` says, without counters and what is only true of the machine it ran on."""
    volatile = ("ID", "Id", "Version", "CreatedAt", "UpdatedAt", "Created", "Containers", "Peers", "UpdateStatus")
    if isinstance(value, dict):
        kept = {k: inspected(v, k) for k, v in value.items() if k not in (*volatile, "PreviousSpec")}
        return {k: v for k, v in kept.items() if v not in (None, {}, [])}
    if isinstance(value, list):
        ordered = key in ("Command", "Args", "Test", "Ports")
        items = [inspected(item, key) for item in value]
        return items if ordered else sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    if key in ("Subnet", "Gateway") and value not in PROGRAMS_OWN:
        return "<assigned>"
    if key == VXLAN:
        return "<assigned>"
    return normal(value, key)


@pytest.mark.parametrize("kind", ["services", "networks", "volumes", "secrets", "configs"])
def test_docker_was_asked_for_the_recorded_objects(golden: tuple[Project, World], kind: str) -> None:
    project, world = golden
    inspect = getattr(world.client, f"inspect_{kind.removesuffix('s')}")
    resources = [r for r in saved(project).values() if r.type.lower().endswith(f":{kind.removesuffix('s')}")]
    if kind == "configs":
        resources = [r for r in saved(project).values() if r.type.endswith(":ServiceConfig")]
    found = [inspected(inspect(resource.id)) for resource in resources]
    by_name = {json.dumps(item, sort_keys=True) for item in found}
    for item in recorded(kind):
        expected = inspected(item)
        assert json.dumps(expected, sort_keys=True) in by_name, f"{expected}\nis not among\n{found}"
    assert len(found) == len(recorded(kind))


def test_nothing_changes_in_a_second_preview_and_nothing_has_drifted(golden: tuple[Project, World]) -> None:
    project, _ = golden
    assert not local_engine.preview(project, expect_no_changes=True).changes
    assert not local_engine.refresh(project, preview_only=True, expect_no_changes=True).changes


# One-line edits of the program, and what the real engine's preview said: resource -> what happens.
SERVICES = ("plain", "edge", "wrapped")
EDITS: dict[str, tuple[str, str, dict[str, Op]]] = {
    "environment": ('"VERSION": "1"', '"VERSION": "2"', dict.fromkeys(SERVICES, Op.UPDATE)),
    "image": ('image="probe:1"', 'image="probe:2"', dict.fromkeys(SERVICES, Op.UPDATE)),
    "service label": ("value=logical", 'value="x"', dict.fromkeys(SERVICES, Op.UPDATE)),
    "replicas": ("replicas=2,", "replicas=3,", {"plain": Op.UPDATE}),
    "converge settings": ('timeout="2m"', 'timeout="3m"', dict.fromkeys(SERVICES, Op.UPDATE)),
    "order of ports": ("[18080, 18443]", "[18443, 18080]", {"edge": Op.UPDATE}),
    "a port less": ("[18080, 18443]", "[18080]", {"edge": Op.UPDATE}),
    "spelling of a capability": ("CAP_NET_BIND_SERVICE", "NET_BIND_SERVICE", {"edge": Op.UPDATE}),
    "another spelling of a duration": ('"1m"', '"60s"', dict.fromkeys(SERVICES, Op.UPDATE)),
    "another alias": ("aliases=[logical]", 'aliases=[logical, "x"]', dict.fromkeys(SERVICES, Op.REPLACE)),
    "order of networks": ("networks=[app, data]", "networks=[data, app]", {}),
    "sysctl removed": ('sysctl={"net.core.somaxconn": "1024"},', "", {"wrapped": Op.REPLACE}),
    "validity of a certificate": (
        "validity_period_hours=8760,",
        "validity_period_hours=8761,",
        {"crt": Op.REPLACE},
    ),
    "names in a request": ('"postgres", "localhost"', '"postgres"', {"csr": Op.REPLACE, "crt": Op.REPLACE}),
    "early renewal": ("early_renewal_hours=720", "early_renewal_hours=721", {"ca": Op.UPDATE, "crt": Op.UPDATE}),
    "length of a password": (
        "length=32",
        "length=33",
        {"RandomPassword pw": Op.REPLACE, "Secret pw": Op.REPLACE, **dict.fromkeys(SERVICES, Op.UPDATE)},
    ),
    "defaults of a password spelled out": ("special=False", "special=False, lower=True, min_lower=0", {}),
    "label of a secret": ('value="db"', 'value="x"', {"Secret pw": Op.REPLACE, **dict.fromkeys(SERVICES, Op.UPDATE)}),
    "label of a network": (
        'NetworkLabelArgs(label="role", value="data")',
        'NetworkLabelArgs(label="role", value="x")',
        {"data": Op.REPLACE, "plain": Op.REPLACE},
    ),
    "label of a volume": (
        'VolumeLabelArgs(label="role", value="data")',
        'VolumeLabelArgs(label="role", value="x")',
        {"pgdata": Op.REPLACE},
    ),
    "a volume's default driver spelled out": ('name="golden-pgdata"', 'name="golden-pgdata", driver="local"', {}),
    "a network's defaults spelled out": (
        '"app", driver="overlay"',
        '"app", driver="overlay", internal=False, attachable=False',
        {},
    ),
    "default isolation spelled out": ("init=True", 'init=True, isolation="default"', {}),
    # What the providers compute themselves stays as it is when the program no longer says it.
    "service labels removed": (
        'labels=[docker.ServiceLabelArgs(label="com.example.role", value=logical)],',
        "",
        {},
    ),
    "force_update removed": ("force_update=1,", "", {}),
    "init removed": ("init=True,", "", {}),
    "grace period removed": ('stop_grace_period="1m",', "", {}),
    "file mode removed": ("file_mode=0o400,", "", {}),
    "a volume's driver removed": ('driver="local",', "", {}),
    "subnet removed": (
        'ipam_configs=[docker.NetworkIpamConfigArgs(subnet="10.190.213.0/24", gateway="10.190.213.1")],',
        "",
        {},
    ),
    "mode removed": (
        "mode=docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=replicas)),",
        "",
        {},
    ),
    # What they do not compute is acted on.
    "user removed": ('user="10001:10001",', "", dict.fromkeys(SERVICES, Op.UPDATE)),
    "hostname removed": ('hostname="edge",', "", {"edge": Op.UPDATE}),
    "stop signal removed": ('stop_signal="SIGTERM",', "", {"edge": Op.UPDATE}),
    "max_replicas removed": ("max_replicas=1,", "", {"edge": Op.UPDATE}),
    "read_only removed": ("read_only=True,", "", dict.fromkeys(SERVICES, Op.UPDATE)),
    "capabilities removed": ('cap_drops=["ALL"],', "", dict.fromkeys(SERVICES, Op.UPDATE)),
    "arguments removed": ('args=["serve", "--flag=1"],', "", {"wrapped": Op.UPDATE}),
    "secret_name removed": ("secret_name=sec.name,", "", dict.fromkeys(SERVICES, Op.UPDATE)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_program_previews_as_on_the_real_engine(golden: tuple[Project, World], edit: str) -> None:
    project, _ = golden
    before, after, expected = EDITS[edit]
    program = project.root / "__main__.py"
    original = program.read_text()
    assert before in original, "the edit does not apply to the program"
    program.write_text(original.replace(before, after))
    try:
        plan = local_engine.preview(project)
    finally:
        program.write_text(original)
    found = {}
    for step in plan.steps:
        if step.op is not Op.SAME:
            noun = step.type.rpartition(":")[2]
            found[f"{noun} {step.name}" if step.name == "pw" else step.name] = step.op
    assert found == expected


def test_keys_and_certificates_verify(golden: tuple[Project, World]) -> None:
    outputs = {resource.name: reveal(resource.outputs) for resource in saved(golden[0]).values()}
    authority = x509.load_pem_x509_certificate(outputs["ca"]["certPem"].encode())
    leaf = x509.load_pem_x509_certificate(outputs["crt"]["certPem"].encode())
    leaf.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)
    kinds = [(type(item.value).__name__, item.critical) for item in leaf.extensions]
    assert kinds == [
        ("KeyUsage", True),
        ("ExtendedKeyUsage", False),
        ("BasicConstraints", True),
        ("SubjectKeyIdentifier", False),
        ("AuthorityKeyIdentifier", False),
        ("SubjectAlternativeName", False),
    ]
    assert outputs["crt"]["id"] == str(leaf.serial_number)
    private = serialization.load_pem_private_key(outputs["key"]["privateKeyPem"].encode(), None)
    spki = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert private.public_key().public_bytes(*spki).decode() == outputs["key"]["publicKeyPem"]


@pytest.mark.parametrize("name", ["key", "cakey", "rsa"])
def test_the_ids_and_fingerprints_of_recorded_keys_come_out_the_same(name: str) -> None:
    (item,) = [r for r in recorded("resources") if r["type"].endswith(":PrivateKey") and r["urn"].endswith(f"::{name}")]
    public = serialization.load_ssh_public_key(item["outputs"]["publicKeyOpenssh"].encode())
    forms = public_forms(public)  # type: ignore[arg-type]
    for key in ("id", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256"):
        assert forms[key] == item["outputs"][key], key
