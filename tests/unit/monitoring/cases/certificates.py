"""Certificates, of an authority and of the stack. The clock of a case begins in 1970."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat
from tests.unit.monitoring.scopes import PLAIN

_DAY = 86_400
_AT = 20 * 60


def served(days: float) -> Series:
    """A certificate that ends so many days after the moment of the case."""
    return {
        'probe_ssl_earliest_cert_expiry{job="edge-https",instance="https://edge:8443/"}': (
            f"{days * _DAY + _AT:.0f}+0x400"
        )
    }


def issued(days: float, *, to_renew: float) -> Series:
    """The last one an authority issued, and its renewal so many days before its end."""
    end = days * _DAY + _AT
    return {
        'certificate_not_after_seconds{job="acme",domain="grocery.example"}': f"{end:.0f}+0x400",
        'certificate_renewal_due_seconds{job="acme",domain="grocery.example"}': f"{end - to_renew * _DAY:.0f}+0x400",
    }


_SUMMARY = "The certificate served for grocery.example ends in {}"

CASES = (
    Case(
        alert="CertificateExpires",
        when="half of the month in which it should have been renewed is over",
        series={**served(14), **issued(14, to_renew=29)},
        fires=(Fired(severity="warning", summary=_SUMMARY.format("14d 0h 0m 0s")),),
    ),
    Case(
        alert="CertificateExpires",
        when="the month in which it should have been renewed is nearly over",
        series={**served(5), **issued(5, to_renew=28)},
        fires=(
            Fired(severity="warning", summary=_SUMMARY.format("5d 0h 0m 0s")),
            Fired(severity="critical", summary=_SUMMARY.format("5d 0h 0m 0s")),
        ),
    ),
    Case(
        alert="CertificateExpires",
        when="a certificate of six days is in its last three, as it should be",
        series={**served(3), **issued(3, to_renew=3)},
    ),
    Case(
        alert="CertificateExpires",
        when="the client does not tell anything, and a week is left",
        series=served(7),
        fires=(Fired(severity="warning", summary=_SUMMARY.format("7d 0h 0m 0s")),),
    ),
    Case(
        alert="CertificateExpires",
        when="the stack's own ends in three weeks, and no `up` has renewed it",
        series=served(21),
        scope=PLAIN,
        fires=(Fired(severity="warning", summary="The certificate served for localhost ends in 21d 0h 0m 0s"),),
    ),
    Case(
        alert="CertificateExpires",
        when="the stack's own ends in two days",
        series=served(2),
        scope=PLAIN,
        fires=(
            Fired(severity="warning", summary="The certificate served for localhost ends in 2d 0h 0m 0s"),
            Fired(severity="critical", summary="The certificate served for localhost ends in 2d 0h 0m 0s"),
        ),
    ),
    Case(alert="CertificateExpires", when="the stack's own is new", series=served(365), scope=PLAIN),
    Case(
        alert="CertificateNotIssued",
        when="no authority has issued one for an hour",
        series={'certificate_live{job="acme",domain="grocery.example"}': flat(0, minutes=90)},
        at=60,
        fires=(Fired(severity="critical", summary="The edge serves no issued certificate (certificate_live is 0)"),),
    ),
    Case(
        alert="CertificateNotIssued",
        when="the first one is being asked for",
        series={'certificate_live{job="acme",domain="grocery.example"}': flat(0)},
        at=10,
    ),
    Case(
        alert="CertificateNotServed",
        when="the edge goes on with the old one",
        series={**served(20), **issued(80, to_renew=30)},
        at=90,
        fires=(
            Fired(
                severity="warning",
                summary="The certificate served ends 60d 0h 0m 0s before the one that was issued last",
            ),
        ),
    ),
    Case(
        alert="CertificateNotServed",
        when="the edge serves the new one",
        series={**served(80), **issued(80, to_renew=30)},
        at=90,
    ),
    Case(
        alert="RenewalFailing",
        when="an authority has refused four times",
        series={'acme_failures_in_a_row{job="acme"}': flat(4)},
        fires=(Fired(severity="warning", summary="The authority has refused 4 attempts in a row"),),
    ),
    Case(
        alert="RenewalFailing",
        when="an authority was away for a moment",
        series={'acme_failures_in_a_row{job="acme"}': flat(1)},
    ),
)
