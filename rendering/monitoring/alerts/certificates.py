"""The certificate as it is served, and those who renew it."""

from __future__ import annotations

from rendering.monitoring.alerts.alert import DAY, HOUR, MINUTE, Alert, Level, levels
from rendering.monitoring.watched import Scope

_LEFT = 'min(probe_ssl_earliest_cert_expiry{job="edge-https"} - time())'
# From the moment a renewal is due to the end: a month of three, or half of a few days. A month where the client does
# not say.
_TO_RENEW = f"(max(certificate_not_after_seconds - (certificate_renewal_due_seconds > 0)) or vector({30 * DAY}))"


def alerts(scope: Scope) -> tuple[Alert, ...]:
    expires = levels(
        "CertificateExpires",
        expr=_LEFT,
        compare="<",
        # An authority is asked from two thirds of a life on, which half of the rest is behind: something fails.
        # Others are renewed by people, who want to know a month before.
        warning=Level(limit=f"0.5 * {_TO_RENEW}" if scope.acme else str(30 * DAY), for_seconds=10 * MINUTE),
        critical=Level(limit=f"0.2 * {_TO_RENEW}" if scope.acme else str(7 * DAY), for_seconds=10 * MINUTE),
        summary=f"The certificate served for {scope.domain} ends in {{{{ $value | humanizeDuration }}}}",
        description="From then on browsers refuse to open the application, and there is no way around it.",
    )
    return (*expires, *(_ACME if scope.acme else ()))


_ACME = (
    Alert(
        name="CertificateNotIssued",
        expr="max(certificate_live) == 0",
        for_seconds=30 * MINUTE,
        severity="critical",
        summary="The edge serves no issued certificate (certificate_live is {{ $value | humanize }})",
        description="No authority has issued one yet, or the edge refuses it: browsers warn of the application.",
    ),
    Alert(
        name="CertificateNotServed",
        expr='(max(certificate_not_after_seconds) - min(probe_ssl_earliest_cert_expiry{job="edge-https"})) > 86400',
        for_seconds=HOUR,
        severity="warning",
        summary="The certificate served ends {{ $value | humanizeDuration }} before the one that was issued last",
        description="A renewed certificate has not reached the edge, which goes on with the old one until that ends.",
    ),
    Alert(
        name="RenewalFailing",
        expr="max(acme_failures_in_a_row) >= 3",
        for_seconds=0,
        severity="warning",
        summary="The authority has refused {{ $value | humanize }} attempts in a row",
        description="The certificate is still valid, and will not be renewed until this is mended.",
    ),
)
