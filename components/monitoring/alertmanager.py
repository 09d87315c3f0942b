"""Who hears of alerts, how often, and of which not."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

import settings
from components import names
from components.capacity import Size
from components.monitoring.exporter import memory_limit
from components.network import Network
from components.secrets import External
from components.workload import (
    ConfigFile,
    Health,
    Metrics,
    NetworkName,
    SecretFile,
    StopFirst,
    VolumeMount,
    Workload,
    realise,
    volume_labels,
)
from rendering.monitoring import alertmanager as rendering
from rendering.monitoring.watched import Indicator
from settings import SecretName
from settings.monitoring import Monitoring

TOKEN = "grocery:components:Alertmanager"  # noqa: S105 - a type token

_CONFIG = "/etc/alertmanager/alertmanager.yml"


class Alertmanager(pulumi.ComponentResource):
    """Produces the Volume of its silences and of what it has told whom, and the Service with its Secrets and
    ServiceConfig."""

    workload: Workload
    service: docker.Service

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        image: str,
        size: Size,
        config: Monitoring,
        email: settings.Email | None,
        sender: str,
        network: Network,
        external: External,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """email, sender: the server for mails, and in whose name they are sent."""
        super().__init__(TOKEN, name, None, opts)
        data = docker.Volume(
            f"{name}-data",
            labels=volume_labels(stack),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.workload = Workload(
            name=names.ALERTMANAGER,
            image=image,
            size=size,
            health=Health(start_period=30, interval=10),
            networks=network.attach(NetworkName.MONITORING, NetworkName.EGRESS),
            update=StopFirst(because="two that do not know each other would tell everybody twice"),
            metrics=Metrics(
                port=names.ALERTMANAGER_PORT,
                indicators=(
                    Indicator(
                        title="Alerts", expr="sum by (state) (alertmanager_alerts)", unit="short", legend="{{state}}"
                    ),
                    Indicator(
                        title="Notifications that failed",
                        expr="sum(rate(alertmanager_notifications_failed_total[5m]))",
                        unit="cps",
                    ),
                ),
            ),
            stop_grace=20,
            command=(
                "/usr/bin/prometheus-alertmanager",
                f"--web.listen-address=:{names.ALERTMANAGER_PORT}",
                f"--config.file={_CONFIG}",
                "--storage.path=/alertmanager",
                # Silences and what it has told whom are written that often, and at its end: a hard one loses the rest.
                "--data.maintenance-interval=1m",
                # There is one of it.
                "--cluster.listen-address=",
                "--log.format=json",
            ),
            env=memory_limit(size),
            secrets=tuple(
                SecretFile(name=file, value=external[secret]) for file, secret in _credentials(config, email).items()
            ),
            configs=(ConfigFile(path=_CONFIG, content=rendering.render(_receivers(stack, config, email, sender))),),
            volumes=(VolumeMount(volume=data.name, path="/alertmanager"),),
        )
        self.service = realise(name, self.workload, stack=stack, parent=self)
        self.register_outputs({})


def _credentials(config: Monitoring, email: settings.Email | None) -> dict[str, SecretName]:
    """File of a secret -> the external secret it holds."""
    receivers = config.receivers
    mailed = receivers.email is not None and email is not None and email.username is not None
    wanted: dict[str, tuple[SecretName, bool]] = {
        rendering.SLACK_URL: ("slack-url", receivers.slack is not None),
        rendering.PAGERDUTY_KEY: ("pagerduty-key", receivers.pagerduty is not None),
        rendering.SMTP_PASSWORD: ("smtp-password", mailed),
        rendering.DEAD_MAN_URL: ("dead-man-url", config.dead_man),
    }
    return {file: secret for file, (secret, needed) in wanted.items() if needed}


def _receivers(stack: str, config: Monitoring, email: settings.Email | None, sender: str) -> rendering.Receivers:
    receivers = config.receivers
    return rendering.Receivers(
        stack=stack,
        slack=rendering.Slack(channel=receivers.slack.channel) if receivers.slack else None,
        email=rendering.Mail(
            to=receivers.email.to,
            sender=sender,
            host=email.host,
            port=email.port,
            security=email.security,
            username=email.username,
        )
        if receivers.email and email
        else None,
        pagerduty=rendering.PagerDuty(url=receivers.pagerduty.url) if receivers.pagerduty else None,
        dead_man=config.dead_man,
    )
