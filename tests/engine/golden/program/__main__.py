"""A tour of the resource types and fields the deployment uses, as the real engine was recorded applying it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_docker as docker
import pulumi_random as random
import pulumi_tls as tls
from pulumi import ResourceOptions


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


dp = docker.Provider("docker", host=pulumi.Config().require("host"))
rp = random.Provider("random")
tp = tls.Provider("tls")
D, R, T = ResourceOptions(provider=dp), ResourceOptions(provider=rp), ResourceOptions(provider=tp)

data = docker.Network(
    "data",
    name="golden-data",
    driver="overlay",
    internal=True,
    attachable=False,
    labels=[docker.NetworkLabelArgs(label="role", value="data")],
    ipam_configs=[docker.NetworkIpamConfigArgs(subnet="10.190.213.0/24", gateway="10.190.213.1")],
    opts=D,
)
app = docker.Network("app", driver="overlay", opts=D)
enc = docker.Network(
    "enc",
    driver="overlay",
    options={"encrypted": "true"},
    opts=ResourceOptions(provider=dp, ignore_changes=["options"]),
)
pg = docker.Volume("pgdata", name="golden-pgdata", labels=[docker.VolumeLabelArgs(label="role", value="data")], opts=D)
live = docker.Volume(
    "live",
    driver="local",
    driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "size=8m,uid=10001,gid=10001,mode=0750"},
    opts=D,
)

pw = random.RandomPassword("pw", length=32, special=False, keepers={"generation": "1"}, opts=R)

cakey = tls.PrivateKey("cakey", algorithm="ECDSA", ecdsa_curve="P256", opts=T)
ca = tls.SelfSignedCert(
    "ca",
    private_key_pem=cakey.private_key_pem,
    is_ca_certificate=True,
    validity_period_hours=87600,
    early_renewal_hours=720,
    allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
    subject=tls.SelfSignedCertSubjectArgs(common_name="Golden CA", organization="Golden"),
    set_subject_key_id=True,
    opts=T,
)
key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256", opts=T)
rsa = tls.PrivateKey("rsa", algorithm="RSA", rsa_bits=2048, opts=T)
csr = tls.CertRequest(
    "csr",
    private_key_pem=key.private_key_pem,
    dns_names=["postgres", "localhost"],
    ip_addresses=["127.0.0.1"],
    subject=tls.CertRequestSubjectArgs(common_name="postgres"),
    opts=T,
)
crt = tls.LocallySignedCert(
    "crt",
    cert_request_pem=csr.cert_request_pem,
    ca_private_key_pem=cakey.private_key_pem,
    ca_cert_pem=ca.cert_pem,
    validity_period_hours=8760,
    early_renewal_hours=720,
    allowed_uses=["server_auth", "digital_signature", "key_encipherment"],
    set_subject_key_id=True,
    opts=T,
)

sec = docker.Secret("pw", data=pw.result.apply(b64), labels=[docker.SecretLabelArgs(label="role", value="db")], opts=D)
conf = docker.ServiceConfig("conf", data=b64("hello\n"), opts=D)


def service(
    logical: str,
    *,
    name: str | None = None,
    networks: Sequence[docker.Network] = (app,),
    replicas: int = 1,
    ports: Sequence[int] = (),
    stop_first: bool = False,
    max_replicas: int | None = None,
    force_update: int | None = None,
    **container: Any,  # noqa: ANN401 - any further field of the container
) -> docker.Service:
    order = "stop-first" if stop_first else "start-first"
    return docker.Service(
        logical,
        name=name,
        labels=[docker.ServiceLabelArgs(label="com.example.role", value=logical)],
        task_spec=docker.ServiceTaskSpecArgs(
            container_spec=docker.ServiceTaskSpecContainerSpecArgs(
                image="probe:1",
                env={"VERSION": "1", "DELAY": "1s", "B": "two words"},
                labels=[docker.ServiceTaskSpecContainerSpecLabelArgs(label="c", value="d")],
                read_only=True,
                init=True,
                user="10001:10001",
                cap_drops=["ALL"],
                healthcheck=docker.ServiceTaskSpecContainerSpecHealthcheckArgs(
                    tests=["CMD", "/app", "check"],
                    interval="2s",
                    timeout="1s",
                    retries=3,
                    start_period="1m30s",
                ),
                secrets=[
                    docker.ServiceTaskSpecContainerSpecSecretArgs(
                        secret_id=sec.id,
                        secret_name=sec.name,
                        file_name="/run/secrets/pw",
                        file_mode=0o400,
                        file_uid="10001",
                        file_gid="10001",
                    )
                ],
                configs=[
                    docker.ServiceTaskSpecContainerSpecConfigArgs(
                        config_id=conf.id,
                        config_name=conf.name,
                        file_name="/etc/conf",
                        file_mode=0o444,
                        file_uid="0",
                        file_gid="0",
                    )
                ],
                mounts=[
                    docker.ServiceTaskSpecContainerSpecMountArgs(type="volume", source=pg.name, target="/data"),
                    docker.ServiceTaskSpecContainerSpecMountArgs(
                        type="volume", source=live.name, target="/live", read_only=True
                    ),
                    docker.ServiceTaskSpecContainerSpecMountArgs(
                        type="tmpfs",
                        target="/tmp",
                        tmpfs_options=docker.ServiceTaskSpecContainerSpecMountTmpfsOptionsArgs(size_bytes=1 << 20),
                    ),
                ],
                stop_grace_period="1m",
                **container,
            ),
            networks_advanceds=[
                docker.ServiceTaskSpecNetworksAdvancedArgs(id=n.id, aliases=[logical]) for n in networks
            ],
            restart_policy=docker.ServiceTaskSpecRestartPolicyArgs(
                condition="any", delay="2s", max_attempts=0, window="0s"
            ),
            log_driver=docker.ServiceTaskSpecLogDriverArgs(
                name="json-file", options={"max-size": "10m", "max-file": "3"}
            ),
            placement=docker.ServiceTaskSpecPlacementArgs(
                constraints=["node.role==manager"], max_replicas=max_replicas
            ),
            force_update=force_update,
            resources=docker.ServiceTaskSpecResourcesArgs(
                limits=docker.ServiceTaskSpecResourcesLimitsArgs(memory_bytes=64 << 20, nano_cpus=500_000_000),
                reservation=docker.ServiceTaskSpecResourcesReservationArgs(
                    memory_bytes=16 << 20, nano_cpus=100_000_000
                ),
            ),
        ),
        mode=docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=replicas)),
        endpoint_spec=docker.ServiceEndpointSpecArgs(
            mode="dnsrr",
            ports=[
                docker.ServiceEndpointSpecPortArgs(
                    name=f"p{p}", target_port=8080, published_port=p, publish_mode="host", protocol="tcp"
                )
                for p in ports
            ],
        ),
        update_config=docker.ServiceUpdateConfigArgs(
            order=order,
            failure_action="rollback",
            monitor="5s",
            parallelism=1,
            delay="0s",
            max_failure_ratio="0.0",
        ),
        rollback_config=docker.ServiceRollbackConfigArgs(
            order=order, monitor="2s", parallelism=1, delay="0s", failure_action="pause", max_failure_ratio="0.0"
        ),
        converge_config=docker.ServiceConvergeConfigArgs(delay="1s", timeout="2m"),
        opts=ResourceOptions(provider=dp, delete_before_replace=stop_first),
    )


service("plain", replicas=2, networks=[app, data])
service(
    "edge",
    name="golden-edge",
    stop_first=True,
    ports=[18080, 18443],
    hostname="edge",
    max_replicas=1,
    stop_signal="SIGTERM",
    cap_adds=["CAP_NET_BIND_SERVICE"],
    dir="/",
    force_update=1,
)
service(
    "wrapped",
    commands=["/app"],
    args=["serve", "--flag=1"],
    groups=["10001"],
    sysctl={"net.core.somaxconn": "1024"},
)
pulumi.export("network", data.name)
pulumi.export("secret", pw.result)
