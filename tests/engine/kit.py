"""Imported by the tests' small programs: explicit providers and a service in few words. Copied beside each program."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker
import pulumi_random as random
import pulumi_tls as tls
from pulumi import ResourceOptions

S = pulumi.get_stack()
CONFIG = pulumi.Config()

docker_provider = docker.Provider("docker", host=CONFIG.get("host") or "unix:///nowhere")
random_provider = random.Provider("random")
tls_provider = tls.Provider("tls")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def on(provider: pulumi.ProviderResource, opts: ResourceOptions | None = None) -> ResourceOptions:
    return ResourceOptions.merge(ResourceOptions(provider=provider), opts)


def network(
    name: str = "net", explicit: bool = False, internal: bool = False, opts: ResourceOptions | None = None
) -> docker.Network:
    return docker.Network(
        f"{S}-{name}",
        name=f"{S}-{name}" if explicit else None,
        driver="overlay",
        internal=internal,
        opts=on(docker_provider, opts),
    )


def secret(
    name: str = "secret", value: pulumi.Input[str] = "s3cret", opts: ResourceOptions | None = None
) -> docker.Secret:
    data = pulumi.Output.secret(value).apply(b64)
    return docker.Secret(f"{S}-{name}", data=data, opts=on(docker_provider, opts))


def config(name: str = "config", text: str = "text", opts: ResourceOptions | None = None) -> docker.ServiceConfig:
    return docker.ServiceConfig(f"{S}-{name}", data=b64(text), opts=on(docker_provider, opts))


def volume(
    name: str = "volume",
    explicit: bool = False,
    labels: Mapping[str, str] | None = None,
    opts: ResourceOptions | None = None,
) -> docker.Volume:
    return docker.Volume(
        f"{S}-{name}",
        name=f"{S}-{name}" if explicit else None,
        driver="local",
        labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in (labels or {}).items()],
        opts=on(docker_provider, opts),
    )


def service(
    name: str = "web",
    *,
    explicit: bool = False,
    env: Mapping[str, pulumi.Input[str]] | None = None,
    networks: Sequence[docker.Network] = (),
    secrets: Sequence[docker.Secret] = (),
    volumes: Sequence[docker.Volume] = (),
    label: str = "x",
    replicas: int = 1,
    order: str = "start-first",
    timeout: str = "30s",
    start_period: str = "1s",
    opts: ResourceOptions | None = None,
) -> docker.Service:
    mounts = [
        docker.ServiceTaskSpecContainerSpecMountArgs(type="volume", source=item.name, target=f"/data/{index}")
        for index, item in enumerate(volumes)
    ]
    return docker.Service(
        f"{S}-{name}",
        name=f"{S}-{name}" if explicit else None,
        labels=[docker.ServiceLabelArgs(label="label", value=label)],
        task_spec=docker.ServiceTaskSpecArgs(
            container_spec=docker.ServiceTaskSpecContainerSpecArgs(
                image=CONFIG.get("image") or "probe",
                env={"DELAY": "0s", **(env or {})},
                init=True,
                healthcheck=docker.ServiceTaskSpecContainerSpecHealthcheckArgs(
                    tests=["CMD", "/app", "check"],
                    interval="300ms",
                    timeout="10s",
                    retries=2,
                    start_period=start_period,
                ),
                mounts=mounts,
                secrets=[
                    docker.ServiceTaskSpecContainerSpecSecretArgs(
                        secret_id=item.id, secret_name=item.name, file_name=f"/run/secrets/{index}"
                    )
                    for index, item in enumerate(secrets)
                ],
                stop_grace_period="5s",
            ),
            networks_advanceds=[
                docker.ServiceTaskSpecNetworksAdvancedArgs(id=item.id, aliases=[name]) for item in networks
            ],
            restart_policy=docker.ServiceTaskSpecRestartPolicyArgs(
                condition="any", delay="500ms", max_attempts=0, window="0s"
            ),
        ),
        mode=docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=replicas)),
        endpoint_spec=docker.ServiceEndpointSpecArgs(mode="dnsrr"),
        update_config=docker.ServiceUpdateConfigArgs(
            order=order,
            failure_action="rollback",
            monitor="1s",
            parallelism=1,
            delay="0s",
            max_failure_ratio="0.0",
        ),
        rollback_config=docker.ServiceRollbackConfigArgs(
            order=order,
            monitor="500ms",
            parallelism=1,
            delay="0s",
            failure_action="pause",
            max_failure_ratio="0.0",
        ),
        converge_config=docker.ServiceConvergeConfigArgs(delay="500ms", timeout=timeout),
        opts=on(docker_provider, opts),
    )


def password(name: str = "password", generation: int = 1, opts: ResourceOptions | None = None) -> random.RandomPassword:
    keepers = {"generation": str(generation)}
    return random.RandomPassword(
        f"{S}-{name}", length=24, special=False, keepers=keepers, opts=on(random_provider, opts)
    )
