"""The edge, as strangers see it and as it sees itself."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import MINUTE, Alert, Level, levels
from rendering.monitoring.watched import Scope
from rendering.nginx import WORKERS, worker_connections


def _failing(job: str) -> str:
    """The HTTP status a failing probe was answered with; 0 without an answer."""
    return f'max(probe_http_status_code{{job="{job}"}}) and max(probe_success{{job="{job}"}}) == 0'


def alerts(scope: Scope) -> tuple[Alert, ...]:
    return (
        Alert(
            name="SiteDown",
            expr=_failing("edge-https"),
            for_seconds=MINUTE,
            severity="critical",
            summary=f"{scope.origin} is answered with status {{{{ $value | humanize }}}} (0: no answer)",
            description="Nobody can open the application: no answer, a wrong one, or a certificate that is not valid.",
        ),
        Alert(
            name="SiteNotReady",
            expr=_failing("edge-ready"),
            for_seconds=2 * MINUTE,
            severity="critical",
            summary=f"{scope.origin}/health/ready is answered with status {{{{ $value | humanize }}}} (0: no answer)",
            description="The page may open, but what is behind it does not work: the API, or its way to the database.",
        ),
        Alert(
            name="RedirectBroken",
            expr=_failing("edge-redirect"),
            for_seconds=5 * MINUTE,
            severity="warning",
            summary=f"http://{scope.domain} is answered with status {{{{ $value | humanize }}}}, expected 301 or 308",
            description="Who types the address without https:// does not arrive at the application.",
        ),
        Alert(
            name="EdgeUnmeasured",
            expr="max(nginx_up) == 0",
            for_seconds=5 * MINUTE,
            severity="warning",
            summary="nginx does not tell its own figures (nginx_up is {{ $value | humanize }})",
            description="Connections of the edge are not counted, so running out of them would go unnoticed.",
        ),
        *(alert for edge in scope.watched if edge.name == "edge" for alert in _connections(edge.memory)),
    )


def _connections(memory: int) -> tuple[Alert, ...]:
    # A WebSocket is two connections of a worker: one to the browser, one to zero-cache.
    most = WORKERS * worker_connections(memory)
    return levels(
        "EdgeConnectionsHigh",
        expr=f"2 * sum(nginx_connections_active) / {most}",
        warning=Level(limit="0.8", for_seconds=5 * MINUTE),
        critical=Level(limit="0.95", for_seconds=2 * MINUTE),
        summary=f"{{{{ $value | humanizePercentage }}}} of the edge's {most} connections are in use",
        description="Beyond them new visitors wait until somebody leaves.",
    )
