"""The edge, probed and by its own figures."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, then


def probe(job: str, url: str, *, status: float, success: str) -> Series:
    labels = f'{{job="{job}",instance="{url}"}}'
    return {f"probe_http_status_code{labels}": flat(status), f"probe_success{labels}": success}


def https(status: float, success: str) -> Series:
    return probe("edge-https", "https://edge:8443/", status=status, success=success)


def ready(status: float, success: str) -> Series:
    return probe("edge-ready", "https://edge:8443/health/ready", status=status, success=success)


def redirect(status: float, success: str) -> Series:
    return probe("edge-redirect", "http://edge:8080/", status=status, success=success)


def connections(active: float) -> Series:
    return {'nginx_connections_active{job="nginx-exporter"}': flat(active)}


CASES = (
    Case(
        alert="SiteDown",
        when="nothing answers at the edge",
        series=https(0, flat(0)),
        fires=(Fired(severity="critical", summary="https://grocery.example is answered with status 0 (0: no answer)"),),
    ),
    Case(
        alert="SiteDown",
        when="a maintenance page is served",
        series=https(503, flat(0)),
        fires=(
            Fired(severity="critical", summary="https://grocery.example is answered with status 503 (0: no answer)"),
        ),
    ),
    Case(alert="SiteDown", when="the page is there", series=https(200, flat(1))),
    Case(alert="SiteDown", when="one probe in four is lost", series=https(200, then(*["1 1 1 0"] * 40))),
    Case(
        alert="SiteNotReady",
        when="the API has lost its database",
        series=ready(503, flat(0)),
        fires=(
            Fired(
                severity="critical",
                summary="https://grocery.example/health/ready is answered with status 503 (0: no answer)",
            ),
        ),
    ),
    Case(alert="SiteNotReady", when="everything behind the edge works", series=ready(200, flat(1))),
    Case(
        alert="RedirectBroken",
        when="plain HTTP is answered instead of redirected",
        series=redirect(200, flat(0)),
        fires=(
            Fired(
                severity="warning",
                summary="http://grocery.example is answered with status 200, expected 301 or 308",
            ),
        ),
    ),
    Case(alert="RedirectBroken", when="plain HTTP is redirected", series=redirect(308, flat(1))),
    Case(
        alert="EdgeUnmeasured",
        when="nginx does not answer its exporter",
        series={'nginx_up{job="nginx-exporter"}': flat(0)},
        fires=(Fired(severity="warning", summary="nginx does not tell its own figures (nginx_up is 0)"),),
    ),
    Case(alert="EdgeUnmeasured", when="nginx answers", series={'nginx_up{job="nginx-exporter"}': flat(1)}),
    Case(
        alert="EdgeConnectionsHigh",
        when="2,400 browsers hold a WebSocket",
        series=connections(2400),
        fires=(Fired(severity="warning", summary="86.83% of the edge's 5528 connections are in use"),),
    ),
    Case(
        alert="EdgeConnectionsHigh",
        when="2,700 browsers hold a WebSocket",
        series=connections(2700),
        fires=(
            Fired(severity="warning", summary="97.68% of the edge's 5528 connections are in use"),
            Fired(severity="critical", summary="97.68% of the edge's 5528 connections are in use"),
        ),
    ),
    Case(alert="EdgeConnectionsHigh", when="a few hundred browsers hold one", series=connections(300)),
)
