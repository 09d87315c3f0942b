"""Settings of what watches the stack, and of who hears of what it sees."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.values import (
    Bytes,
    Channel,
    CollectorUrl,
    HttpsUrl,
    ImageReference,
    MailAddress,
    Model,
    Seconds,
    at_least,
    at_least_seconds,
)


class Slack(Model):
    """A channel that hears warnings and critical alerts, through the webhook in the secret slack-url."""

    channel: Channel


class AlertEmail(Model):
    """Addresses that hear warnings and critical alerts, through the server the stack's own mail goes to."""

    to: Annotated[tuple[MailAddress, ...], Field(min_length=1)]


class PagerDuty(Model):
    """Who is woken by critical alerts; the integration's key is the secret pagerduty-key."""

    url: HttpsUrl = "https://events.pagerduty.com/v2/enqueue"


class Receivers(Model):
    """Who hears of alerts. With none, alerts are shown by `grocery status` and `grocery alerts` only."""

    slack: Slack | None = None
    email: AlertEmail | None = None
    pagerduty: PagerDuty | None = None


class Grafana(Model):
    """Dashboards in the browser, through `grocery open grafana`. The official image, which this repository does not
    build."""

    image: ImageReference
    memory: Annotated[Bytes, at_least("128MiB")] = 256 << 20


class LogShipping(Model):
    """Sends every log line of the stack on, as OTLP over HTTP."""

    endpoint: CollectorUrl
    """Base address; /v1/logs is added."""
    authenticated: bool = False
    """Send the headers in the secret otlp-headers ("name=value", separated by commas) along."""


class MonitoringImages(Model):
    """Registry references in the place of the images this repository builds."""

    prometheus: ImageReference | None = None
    alertmanager: ImageReference | None = None
    node_exporter: ImageReference | None = None
    postgres_exporter: ImageReference | None = None
    nginx_exporter: ImageReference | None = None
    blackbox_exporter: ImageReference | None = None
    docker_filter: ImageReference | None = None
    collector: ImageReference | None = None
    synthetic_user: ImageReference | None = None


class Monitoring(Model):
    """Figures of every part, the alerts derived from them, and who hears of those."""

    enabled: bool = True
    disk: Annotated[Bytes, at_least("256MiB")] = 2 << 30
    """Disk for the history of all figures; the oldest go when it is used up."""
    retention: Annotated[Seconds, at_least_seconds("1h")] = 15 * 86400
    """How long figures are kept, as far as the disk allows."""
    prometheus_memory: Annotated[Bytes, at_least("128MiB")] = 256 << 20
    synthetic_user: bool = True
    """Once a minute an account of its own logs in through the edge, changes an item and waits to see it arrive."""
    receivers: Receivers = Receivers()
    dead_man: bool = False
    """Keep calling the webhook in the secret dead-man-url: it is to raise the alarm when the calls end."""
    runbooks_url: HttpsUrl | None = None
    """Where docs/runbooks is published; alerts link to its pages. Without it they name the file in the checkout."""
    grafana: Grafana | None = None
    log_shipping: LogShipping | None = None
    images: MonitoringImages = MonitoringImages()
