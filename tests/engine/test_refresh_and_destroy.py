"""Drift, renewal, and taking everything down."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from cli import local_engine
from cli.local_engine import Op
from cli.local_engine.errors import ChangesFoundError, UsageError

from .conftest import Stack


def test_drift_is_found_shown_and_put_right_by_the_next_up(stack: Stack) -> None:
    stack.up("service(explicit=True, replicas=1)\nsecret()")
    client = stack.world.client
    assert not local_engine.refresh(stack.project, preview_only=True, expect_no_changes=True).changes
    found = stack.world.service("web")
    spec = {**found["Spec"], "Labels": {"label": "by hand"}, "Mode": {"Replicated": {"Replicas": 0}}}
    url = f"{client.base_url}/v{client.api_version}/services/{found['ID']}/update"
    client.post(url, params={"version": found["Version"]["Index"]}, json=spec).raise_for_status()
    (secret,) = stack.world.names("secrets")
    before = stack.saved()

    with pytest.raises(ChangesFoundError) as caught:
        local_engine.refresh(stack.project, preview_only=True, expect_no_changes=True)
    assert caught.value.exit_code == 7
    assert stack.saved() == before, "a preview of the refresh wrote the state"

    client.remove_secret(secret)
    plan = local_engine.refresh(stack.project)
    assert stack.ops(plan) == {"web": Op.DRIFTED, "secret": Op.GONE}
    (drift,) = [step for step in plan.steps if step.op is Op.DRIFTED]
    assert {change.path: (change.old, change.new) for change in drift.changes} == {
        "labels[0].value": ("x", "by hand"),
        "mode.replicated.replicas": (1, 0),
    }
    assert stack.ops(stack.preview()) == {"web": Op.UPDATE, "secret": Op.CREATE}
    stack.up()
    assert stack.world.service("web")["Spec"]["Labels"] == {"label": "x"}
    assert len(stack.world.names("secrets")) == 1


def test_a_preview_with_nothing_expected_is_an_error_of_its_own(offline: Stack) -> None:
    offline.write("password()")  # which brings the stack and three providers with it
    with pytest.raises(ChangesFoundError, match="5 create") as caught:
        local_engine.preview(offline.project, expect_no_changes=True)
    assert caught.value.exit_code == 7
    offline.up()
    assert not local_engine.preview(offline.project, expect_no_changes=True).changes


CERTIFICATES = """
    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256", opts=on(tls_provider))
    ca = tls.SelfSignedCert("ca", private_key_pem=key.private_key_pem, is_ca_certificate=True,
        validity_period_hours=48, early_renewal_hours=24, allowed_uses=["cert_signing"],
        subject=tls.SelfSignedCertSubjectArgs(common_name="ca"), opts=on(tls_provider))
    request = tls.CertRequest("request", private_key_pem=key.private_key_pem, dns_names=["a"],
        subject=tls.CertRequestSubjectArgs(common_name="a"), opts=on(tls_provider))
    tls.LocallySignedCert("leaf", cert_request_pem=request.cert_request_pem, ca_private_key_pem=key.private_key_pem,
        ca_cert_pem=ca.cert_pem, validity_period_hours=12, early_renewal_hours=1, allowed_uses=["server_auth"],
        opts=on(tls_provider))
    """


@pytest.mark.parametrize(
    ("aged", "expected"), [("leaf", {"leaf": Op.REPLACE}), ("ca", {"ca": Op.REPLACE, "leaf": Op.REPLACE})]
)
def test_a_certificate_is_renewed_before_it_ends_although_no_input_changed(
    offline: Stack, aged: str, expected: dict[str, Op]
) -> None:
    offline.up(CERTIFICATES)
    state = offline.store.require()
    old = offline.resources()[aged]
    ends_soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))
    state.put(replace(old, outputs={**old.outputs, "validityEndTime": ends_soon}))
    offline.store.save(state)
    plan = offline.preview()
    assert offline.ops(plan) == expected
    (step,) = [step for step in plan.steps if step.name == aged]
    assert step.reasons[0].startswith("ready for renewal"), step.reasons
    offline.up()
    assert offline.resources()[aged].outputs["certPem"] != old.outputs["certPem"]
    assert offline.ops(offline.preview()) == {}


def test_destroy_leaves_nothing_and_an_up_starts_anew(stack: Stack) -> None:
    program = "v = volume()\nservice(networks=[network()], secrets=[secret(value=password().result)], volumes=[v])"
    stack.up(program)
    result = local_engine.destroy(stack.project, on_event=stack.events.append)
    assert set(stack.ops(result).values()) == {Op.DELETE}
    assert stack.world.everything() == []
    assert stack.resources() == {}
    order = [name for op, name in stack.started() if op is Op.DELETE]
    assert order.index("web") < min(order.index(name) for name in ("net", "secret", "volume"))
    assert order.index("secret") < order.index("password")


def test_destroy_keeps_protected_resources_and_what_they_need_when_asked_to(stack: Stack) -> None:
    stack.up("v = volume('data', explicit=True, opts=ResourceOptions(protect=True))\nservice(volumes=[v])\nconfig()")
    with pytest.raises(UsageError, match=r"protected resources are not deleted: \S+-data"):
        local_engine.destroy(stack.project)
    assert len(stack.world.everything()) == 3, "something was deleted before the refusal"
    local_engine.destroy(stack.project, exclude_protected=True)
    assert stack.world.everything() == [f"volumes/{stack.name}-data"]
    kept = {name for name, resource in stack.resources().items() if resource.custom}
    assert kept == {"data", "docker"}, "the volume's provider must stay with it"
    assert stack.ops(stack.up()) == {"web": Op.CREATE, "config": Op.CREATE}
