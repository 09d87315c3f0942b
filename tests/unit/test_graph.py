"""What holds for every resource of every stack, in a preview and in an update."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Mapping

import pytest

from tests.unit.names import golden
from tests.unit.recording import (
    DOCKER_CONFIG,
    DOCKER_SECRET,
    EXTERNAL,
    LOCALLY_SIGNED,
    NETWORK,
    PASSWORD,
    PRIVATE_KEY,
    ROOT,
    SELF_SIGNED,
    SERVICE,
    UNKNOWN,
    VOLUME,
    Json,
    Recording,
    Registration,
    Secret,
    decoded,
    plain_texts,
    record,
    secrets_in,
    stack_settings,
)

COMPONENTS = {
    "Acme",
    "Alertmanager",
    "AuthServer",
    "Backups",
    "BlackboxExporter",
    "Collector",
    "DockerFilter",
    "Edge",
    "Frontend",
    "Grafana",
    "GroceryList",
    "Migrations",
    "Monitoring",
    "Network",
    "NginxExporter",
    "NodeExporter",
    "Postgres",
    "PostgresExporter",
    "Prometheus",
    "Secrets",
    "SyntheticUser",
    "ZeroCache",
}

WATCHING = {
    "prometheus", "alertmanager", "node-exporter", "postgres-exporter", "nginx-exporter", "blackbox-exporter",
    "docker-filter", "collector", "synthetic-user",
}  # fmt: skip

# Fields of a service that came back unchanged from a refresh on the real provider.
PROVEN_FIELDS = {
    "name",
    "labels[].label",
    "labels[].value",
    "mode.replicated.replicas",
    "taskSpec.containerSpec.image",
    "taskSpec.containerSpec.commands[]",
    "taskSpec.containerSpec.env{}",
    "taskSpec.containerSpec.labels[].label",
    "taskSpec.containerSpec.labels[].value",
    "taskSpec.containerSpec.user",
    "taskSpec.containerSpec.init",
    "taskSpec.containerSpec.readOnly",
    "taskSpec.containerSpec.capDrops[]",
    "taskSpec.containerSpec.stopSignal",
    "taskSpec.containerSpec.stopGracePeriod",
    "taskSpec.containerSpec.healthcheck.tests[]",
    "taskSpec.containerSpec.healthcheck.interval",
    "taskSpec.containerSpec.healthcheck.timeout",
    "taskSpec.containerSpec.healthcheck.retries",
    "taskSpec.containerSpec.healthcheck.startPeriod",
    "taskSpec.containerSpec.mounts[].type",
    "taskSpec.containerSpec.mounts[].source",
    "taskSpec.containerSpec.mounts[].target",
    "taskSpec.containerSpec.mounts[].readOnly",
    "taskSpec.containerSpec.mounts[].tmpfsOptions.sizeBytes",
    "taskSpec.containerSpec.secrets[].secretId",
    "taskSpec.containerSpec.secrets[].secretName",
    "taskSpec.containerSpec.secrets[].fileName",
    "taskSpec.containerSpec.secrets[].fileMode",
    "taskSpec.containerSpec.secrets[].fileUid",
    "taskSpec.containerSpec.secrets[].fileGid",
    "taskSpec.containerSpec.configs[].configId",
    "taskSpec.containerSpec.configs[].configName",
    "taskSpec.containerSpec.configs[].fileName",
    "taskSpec.containerSpec.configs[].fileMode",
    "taskSpec.containerSpec.configs[].fileUid",
    "taskSpec.containerSpec.configs[].fileGid",
    "taskSpec.networksAdvanceds[].id",
    "taskSpec.networksAdvanceds[].aliases[]",
    "taskSpec.restartPolicy.condition",
    "taskSpec.restartPolicy.delay",
    "taskSpec.restartPolicy.maxAttempts",
    "taskSpec.restartPolicy.window",
    "taskSpec.logDriver.name",
    "taskSpec.logDriver.options{}",
    "taskSpec.placement.constraints[]",
    "taskSpec.resources.limits.memoryBytes",
    "taskSpec.resources.limits.nanoCpus",
    "taskSpec.resources.reservation.memoryBytes",
    "taskSpec.resources.reservation.nanoCpus",
    "endpointSpec.mode",
    "endpointSpec.ports[].name",
    "endpointSpec.ports[].targetPort",
    "endpointSpec.ports[].publishedPort",
    "endpointSpec.ports[].protocol",
    "endpointSpec.ports[].publishMode",
    "updateConfig.order",
    "updateConfig.parallelism",
    "updateConfig.delay",
    "updateConfig.monitor",
    "updateConfig.failureAction",
    "updateConfig.maxFailureRatio",
    "rollbackConfig.order",
    "rollbackConfig.parallelism",
    "rollbackConfig.delay",
    "rollbackConfig.monitor",
    "rollbackConfig.failureAction",
    "rollbackConfig.maxFailureRatio",
    "convergeConfig.delay",
    "convergeConfig.timeout",
}
# Of those, the ones a service cannot do without: the provider would keep an old value, or a default would be unsafe.
OPTIONAL_FIELDS = {
    field
    for field in PROVEN_FIELDS
    if re.search(
        r"^name$|commands|env\{\}|mounts\[\]\.(source|readOnly)|\.(secrets|configs)\[\]|endpointSpec\.ports", field
    )
}


def fields(value: Json, path: str = "") -> set[str]:
    """Dotted paths of the leaves; [] for an element of a list, {} for a value of a free mapping."""
    if isinstance(value, Mapping):
        if path.endswith(("env", "logDriver.options")):
            return {f"{path}{{}}"}
        return {found for key, item in value.items() for found in fields(item, f"{path}.{key}" if path else key)}
    if isinstance(value, list):
        return {found for item in value for found in fields(item, f"{path}[]")}
    return {path}


def seconds(duration: str) -> int:
    """Of Go's short form."""
    assert re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?", duration), f"{duration} is not a duration in whole units"
    found = {unit: int(number) for number, unit in re.findall(r"(\d+)([hms])", duration)}
    assert found == {"s": 0} or all(found.values()), f"{duration} is not the short form: a zero part is left out"
    assert found.get("m", 0) < 60 and found.get("s", 0) < 60, f"{duration} is not the short form"
    return found.get("h", 0) * 3600 + found.get("m", 0) * 60 + found.get("s", 0)


# --- names
# -----------------------------------------------------------------------------------------------------------


def test_names_and_types_are_those_of_the_golden_list(recording: Recording) -> None:
    expected = {tuple(pair) for pair in golden()[recording.stack]}
    found = set(recording.names)
    assert found == expected, (
        f"gone: {sorted(expected - found)}; new: {sorted(found - expected)}. A resource that moved needs an alias; "
        "when the change was meant: python -m tests.unit.names"
    )


def test_no_two_resources_share_an_identity(recording: Recording) -> None:
    urns = [registration.urn for registration in recording.registrations]
    assert len(urns) == len(set(urns)), "the SDK lets two resources with one URN through; the engine does not"


def test_every_component_has_a_known_token(recording: Recording) -> None:
    found = {registration.type for registration in recording.registrations if not registration.custom}
    # Nobody can pull Grafana everywhere, and browsers know no authority that would vouch for localhost.
    absent = {"Grafana", "Acme"} if recording.stack == "local" else {"Grafana"}
    assert found == {f"grocery:components:{noun}" for noun in COMPONENTS - absent}


def test_every_component_class_declares_its_token_as_a_constant() -> None:
    tokens = {}
    for path in (ROOT / "components").rglob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        classes = [
            node.name
            for node in module.body
            if isinstance(node, ast.ClassDef)
            and any(ast.unparse(base) == "pulumi.ComponentResource" for base in node.bases)
        ]
        constants = {
            ast.unparse(node.targets[0]): ast.literal_eval(node.value)
            for node in module.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TOKEN"
        }
        for name in classes:
            tokens[name] = constants.get("TOKEN")
    assert tokens == {noun: f"grocery:components:{noun}" for noun in COMPONENTS}


def test_every_resource_hangs_in_the_tree_of_the_stack(recording: Recording, tree: list[Registration]) -> None:
    known = {registration.urn for registration in tree}
    top = recording.named("grocery:components:GroceryList", recording.stack)
    for registration in tree:
        if registration is not top:
            assert registration.parent in known, f"{registration.name} has no parent of ours"


def test_names_of_children_start_with_the_name_of_their_parent(tree: list[Registration]) -> None:
    by_urn = {registration.urn: registration for registration in tree}
    for registration in tree:
        parent = by_urn.get(registration.parent)
        # What only holds other parts together gives them no name.
        while parent and parent.type == "grocery:components:Monitoring":
            parent = by_urn.get(parent.parent)
        if parent:
            assert registration.name.startswith(parent.name), f"{registration.name} is a child of {parent.name}"


def test_explicit_physical_names_start_with_the_stack(recording: Recording) -> None:
    named = [found for found in recording.registrations if "name" in found.inputs]
    assert named, "networks, the data volume and stop-first services are named"
    for registration in named:
        assert registration.inputs["name"].startswith(f"{recording.stack}-"), registration.name


def test_every_resource_names_its_provider(tree: list[Registration]) -> None:
    for registration in tree:
        if registration.custom:
            package = registration.type.partition(":")[0]
            assert f"pulumi:providers:{package}::{package}::" in registration.provider, (
                f"{registration.name} would use a default provider, and those are disabled"
            )


def test_a_preview_registers_what_an_update_does(stack: str) -> None:
    preview = record(stack, stack_settings(stack), preview=True)
    update = record(stack, stack_settings(stack), preview=False)
    assert preview.names == update.names


def test_a_preview_of_a_new_stack_knows_no_generated_value(stack: str) -> None:
    preview = record(stack, stack_settings(stack), preview=True)
    for registration in preview.of_type(DOCKER_SECRET):
        data = registration.inputs["data"]
        if registration.name.endswith("-smtp-password"):
            assert decoded(data.value) == EXTERNAL["smtp-password"], "others generated it, so it is known"
        else:
            assert data == Secret(UNKNOWN), "unknown, and secret all the same"


# --- secrets
# ---------------------------------------------------------------------------------------------------------


def test_docker_secrets_are_enveloped_and_autonamed(recording: Recording) -> None:
    assert recording.of_type(DOCKER_SECRET)
    for registration in recording.of_type(DOCKER_SECRET):
        assert isinstance(registration.inputs["data"], Secret), f"{registration.name} would be stored in plain"
        assert "name" not in registration.inputs, "an explicit name cannot be rotated: the old one is still in use"


def test_configs_are_autonamed_and_hold_nothing_secret(recording: Recording) -> None:
    for registration in recording.of_type(DOCKER_CONFIG):
        assert "name" not in registration.inputs, "an explicit name cannot be changed: the old one is still in use"
        assert not list(secrets_in(registration.inputs)), f"{registration.name} can be read by anyone with the engine"


def generated_values(recording: Recording) -> set[str]:
    values = {found.outputs["result"].value for found in recording.of_type(PASSWORD)}
    values |= {found.outputs["privateKeyPem"].value for found in recording.of_type(PRIVATE_KEY)}
    return values


def test_no_secret_value_appears_outside_of_an_envelope(updated: Recording) -> None:
    values = generated_values(updated)
    files = {decoded(found.inputs["data"].value) for found in updated.of_type(DOCKER_SECRET)}
    forbidden = values | files | {base64.b64encode(value.encode()).decode() for value in values | files}
    assert len(forbidden) > 30
    for registration in updated.registrations:
        for path, text in plain_texts(registration.inputs):
            for value in forbidden:
                assert value not in text, f"{registration.name}{path} shows a secret in plain"
    for path, text in plain_texts(updated.exports):
        for value in forbidden:
            assert value not in text, f"the export {path} shows a secret"


def test_exports_hold_no_envelope_either(recording: Recording) -> None:
    assert recording.exports
    assert not list(secrets_in(recording.exports))


def test_every_generated_secret_reaches_a_file_of_a_service(updated: Recording) -> None:
    files = "\n".join(decoded(found.inputs["data"].value) for found in updated.of_type(DOCKER_SECRET))
    for registration in updated.of_type(PASSWORD):
        assert registration.outputs["result"].value in files, f"{registration.name} is used by nobody"


def test_passwords_need_no_quoting_anywhere(recording: Recording) -> None:
    for registration in recording.of_type(PASSWORD):
        assert registration.inputs["special"] is False, f"{registration.name} stands in URLs and SQL"
        assert registration.inputs["length"] >= 32


def test_keys_are_on_the_curve_everyone_speaks(recording: Recording) -> None:
    for registration in recording.of_type(PRIVATE_KEY):
        assert (registration.inputs["algorithm"], registration.inputs["ecdsaCurve"]) == ("ECDSA", "P256"), (
            "the provider's own default is P224, which browsers refuse"
        )


def test_certificates_live_as_long_as_their_users_allow(recording: Recording) -> None:
    stack = recording.stack
    days = {
        "ca": recording.named(SELF_SIGNED, f"{stack}-secrets-ca").inputs,
        "postgres": recording.named(LOCALLY_SIGNED, f"{stack}-secrets-postgres").inputs,
        "edge": recording.named(LOCALLY_SIGNED, f"{stack}-secrets-edge").inputs,
    }
    assert days["ca"]["validityPeriodHours"] == 3650 * 24
    assert days["postgres"]["validityPeriodHours"] == 5 * 365 * 24
    assert days["edge"]["validityPeriodHours"] <= 397 * 24, "browsers refuse leaves that live longer"
    assert days["edge"]["earlyRenewalHours"] >= 30 * 24
    assert days["postgres"]["earlyRenewalHours"] > 0


# --- data
# ------------------------------------------------------------------------------------------------------------


def test_exactly_what_cannot_be_made_again_is_protected(recording: Recording) -> None:
    stack = recording.stack
    protected = {(found.type, found.name) for found in recording.registrations if found.protect}
    assert protected == {
        (VOLUME, f"{stack}-postgres-data"),
        (VOLUME, f"{stack}-backups-repository"),
        (PASSWORD, f"{stack}-secrets-backup-key"),
        (VOLUME, f"{stack}-edge-certificates"),
        (PRIVATE_KEY, f"{stack}-secrets-vapid"),
        (PRIVATE_KEY, f"{stack}-secrets-ca"),
        (SELF_SIGNED, f"{stack}-secrets-ca"),
    }


@pytest.mark.parametrize(
    ("noun", "name"),
    [
        ("postgres-data", "postgres-data"),
        ("backups-repository", "backups-repository"),
        ("edge-certificates", "acme"),
    ],
)
def test_a_volume_that_is_kept_survives_even_its_removal_from_the_program(
    recording: Recording, noun: str, name: str
) -> None:
    volume = recording.named(VOLUME, f"{recording.stack}-{noun}")
    assert volume.retain_on_delete
    assert volume.inputs["name"] == f"{recording.stack}-{name}", "found again by its name after `down`"


# --- networks
# --------------------------------------------------------------------------------------------------------


def test_networks_have_a_subnet_and_its_gateway(recording: Recording) -> None:
    for registration in recording.of_type(NETWORK):
        (addresses,) = registration.inputs["ipamConfigs"]
        assert addresses["gateway"] == addresses["subnet"].replace(".0/24", ".1"), "without it every refresh replaces"


def test_only_edge_and_egress_lead_out(recording: Recording) -> None:
    internal = {
        found.name.removeprefix(f"{recording.stack}-network-"): found.inputs["internal"]
        for found in recording.of_type(NETWORK)
    }
    assert internal == {"edge": False, "app": True, "data": True, "egress": False, "monitoring": True}


def test_membership_of_networks_is_what_the_design_fixed(updated: Recording) -> None:
    ids = {
        found.outputs["id"]: found.name.removeprefix(f"{updated.stack}-network-") for found in updated.of_type(NETWORK)
    }
    found = {}
    for service in updated.of_type(SERVICE):
        attached = service.inputs["taskSpec"]["networksAdvanceds"]
        aliases = {alias for attachment in attached for alias in attachment["aliases"]}
        assert len(aliases) == 1, f"{service.name} has one alias on all of its networks"
        found[aliases.pop()] = sorted(ids[attachment["id"]] for attachment in attached)
    assert found == {
        "postgres": ["data"],
        "backups": ["data", "egress"],
        "migrations": ["data"],
        "auth-server": ["app", "data", "egress"],
        "zero-cache": ["app", "data"],
        "edge": ["app", "edge"],
        "edge-config": ["app"],
        "frontend": ["app"],
        # Who asks for figures joins the networks of those that have them, and not the other way round.
        "prometheus": ["app", "data", "monitoring"],
        "alertmanager": ["egress", "monitoring"],
        "node-exporter": ["monitoring"],
        "postgres-exporter": ["data"],
        "nginx-exporter": ["app"],
        "blackbox-exporter": ["app"],
        "docker-filter": ["monitoring"],
        "collector": ["app", "monitoring"],
        "synthetic-user": ["app"],
    } | ({} if updated.stack == "local" else {"acme": ["app", "egress"]})


def test_more_nodes_encrypt_the_data_network_beside_the_plain_one() -> None:
    one = record("local", None, preview=False)
    two = record("local", {"target": {"nodes": 2}}, preview=False)
    plain = one.named(NETWORK, "local-network-data")
    encrypted = two.named(NETWORK, "local-network-data-encrypted")
    assert encrypted.inputs["options"] == {"encrypted": "true"}
    assert encrypted.ignore_changes == ("options",), "the engine adds to them"
    assert encrypted.inputs["name"] != plain.inputs["name"], "both exist while services move over"
    assert encrypted.inputs["ipamConfigs"] != plain.inputs["ipamConfigs"], "and their addresses may not overlap"


# --- services
# --------------------------------------------------------------------------------------------------------


def test_services_write_every_field_they_rely_on_and_no_unproven_one(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        found = fields(service.inputs)
        assert found <= PROVEN_FIELDS, f"{service.name} uses unproven fields: {sorted(found - PROVEN_FIELDS)}"
        missing = PROVEN_FIELDS - OPTIONAL_FIELDS - found
        assert not missing, f"{service.name} leaves out {sorted(missing)}: an old value would stay"


def test_services_are_unprivileged(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        container = service.inputs["taskSpec"]["containerSpec"]
        if service.name == f"{recording.stack}-docker-filter":
            assert container["user"] == "0:0", "the socket is its owner's, who has no capability beside that"
        else:
            assert container["user"] == "10001:10001"
        assert container["capDrops"] == ["ALL"]
        assert container["readOnly"] is True, f"{service.name} is writable"
        assert container["init"] is True, "the process is not pid 1, so that it obeys signals"
        assert {"type": "tmpfs", "target": "/tmp", "tmpfsOptions": {"sizeBytes": 64 << 20}} in container["mounts"]
        for mount in container["mounts"]:
            assert "mode" not in mount.get("tmpfsOptions", {}), "read back differently: replaced at every refresh"


def test_the_socket_of_the_engine_is_with_one_service_that_has_nothing_else(recording: Recording) -> None:
    bound = {
        service.name: mount
        for service in recording.of_type(SERVICE)
        for mount in service.inputs["taskSpec"]["containerSpec"]["mounts"]
        if mount["type"] not in ("volume", "tmpfs")
    }
    name = f"{recording.stack}-docker-filter"
    assert bound == {
        name: {
            "type": "bind",
            "source": "/var/run/docker.sock",
            "target": "/var/run/docker.sock",
            "readOnly": True,
        }
    }
    inputs = recording.named(SERVICE, name).inputs
    assert "secrets" not in inputs["taskSpec"]["containerSpec"]
    assert inputs["taskSpec"]["placement"]["constraints"] == ["node.role==manager"], "nobody else knows services"


def test_an_engine_somewhere_else_on_this_machine_is_asked_where_it_is() -> None:
    elsewhere = record("local", {"target": {"host": "unix:///run/other/docker.sock"}}, preview=False)
    (bound, *_) = elsewhere.service("docker-filter").inputs["taskSpec"]["containerSpec"]["mounts"]
    assert bound["source"] == "/run/other/docker.sock"


def test_secret_files_are_readable_by_the_service_alone(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        for secret in service.inputs["taskSpec"]["containerSpec"].get("secrets", []):
            assert secret["fileName"].startswith("/run/secrets/")
            assert (secret["fileMode"], secret["fileUid"], secret["fileGid"]) == (0o400, "10001", "10001")


def test_updates_are_judged_by_health_and_rolled_back(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        update, rollback = service.inputs["updateConfig"], service.inputs["rollbackConfig"]
        assert update["failureAction"] == "rollback"
        assert update["order"] == rollback["order"]
        health = service.inputs["taskSpec"]["containerSpec"]["healthcheck"]
        assert health["tests"][0] == "CMD", "no shell"
        # What only watches may be noticed late: checks cost more than what they check.
        watching = service.name.removeprefix(f"{recording.stack}-") in WATCHING
        assert seconds(health["interval"]) in ((10,) if watching else (2, 3)), "it bounds how soon a task is healthy"


def test_an_update_may_take_as_long_as_its_slowest_legitimate_end(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        container = service.inputs["taskSpec"]["containerSpec"]
        health = container["healthcheck"]
        task = (
            seconds(health["startPeriod"])
            + health["retries"] * (seconds(health["interval"]) + seconds(health["timeout"]))
            + seconds(service.inputs["updateConfig"]["monitor"])
        )
        replicas = service.inputs["mode"]["replicated"]["replicas"]
        rollback = task + seconds(container["stopGracePeriod"])
        timeout = seconds(service.inputs["convergeConfig"]["timeout"])
        assert timeout > replicas * task + rollback, f"{service.name}: a bad update would end without a rollback"


def test_stop_first_services_are_named_and_deleted_before_they_are_replaced(recording: Recording) -> None:
    orders = {}
    for service in recording.of_type(SERVICE):
        order = service.inputs["updateConfig"]["order"]
        orders[service.name.removeprefix(f"{recording.stack}-")] = order
        assert service.delete_before_replace is (order == "stop-first")
        assert ("name" in service.inputs) is (order == "stop-first")
    assert {name for name, order in orders.items() if order == "start-first"} == {"auth-server"}


def test_ports_are_published_by_the_edge_alone_and_in_host_mode(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        ports = service.inputs["endpointSpec"]["ports"]
        assert service.inputs["endpointSpec"]["mode"] == "dnsrr", "a virtual IP needs IPVS and hides client addresses"
        if service.name == f"{recording.stack}-edge":
            assert sorted(port["targetPort"] for port in ports) == [8080, 8443]
            assert {port["publishMode"] for port in ports} == {"host"}
        else:
            assert ports == [], f"{service.name} can be reached from outside"


def test_what_mounts_a_volume_stays_with_it(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        mounts = service.inputs["taskSpec"]["containerSpec"]["mounts"]
        pinned = service.inputs["taskSpec"]["placement"]["constraints"] == ["node.labels.grocery.data==true"]
        assert pinned is any(mount["type"] == "volume" for mount in mounts), service.name


def test_reservations_leave_room_on_a_machine_of_one_core(recording: Recording) -> None:
    reserved = sum(
        service.inputs["taskSpec"]["resources"]["reservation"]["nanoCpus"]
        * (service.inputs["mode"]["replicated"]["replicas"] + 1)
        for service in recording.of_type(SERVICE)
    )
    assert reserved <= 1_000_000_000, "an update would wait for CPU that is never free"


def test_services_and_their_containers_carry_the_labels_people_search_by(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        workload = service.name.removeprefix(f"{recording.stack}-")
        expected = {"grocery.stack": recording.stack, "grocery.workload": workload}
        for labels in (service.inputs["labels"], service.inputs["taskSpec"]["containerSpec"]["labels"]):
            assert {label["label"]: label["value"] for label in labels} == expected


def test_environments_hold_no_secret(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        environment = service.inputs["taskSpec"]["containerSpec"].get("env", {})
        assert not list(secrets_in(environment)), f"{service.name}: anyone can inspect it"


def test_images_are_pinned_by_content(recording: Recording) -> None:
    for service in recording.of_type(SERVICE):
        assert "sha256:" in service.inputs["taskSpec"]["containerSpec"]["image"]


# --- order
# -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("migrations", "postgres"),
        ("auth-server", "migrations"),
        ("zero-cache", "migrations"),
        ("frontend", "auth-server"),
        ("frontend", "zero-cache"),
    ],
)
def test_a_failure_stops_what_relies_on_it(recording: Recording, later: str, earlier: str) -> None:
    assert recording.service(earlier).urn in recording.service(later).dependencies


@pytest.mark.parametrize("workload", ["edge", "edge-config", "postgres", "backups"])
def test_what_relies_on_nothing_starts_at_once(recording: Recording, workload: str) -> None:
    service = recording.service(workload)
    services = {found.urn for found in recording.of_type(SERVICE)}
    assert not service.dependencies & services
