"""Two running stacks that are watched and tell everybody: one that is left in peace, one that things happen to."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import MakeCheckout
from tests.e2e import alarms, inside, kept_stack, watching
from tests.e2e.alarms import Alarms
from tests.e2e.browsing import log_in, register
from tests.e2e.faults import Repeatedly
from tests.e2e.lab import Certificates, make_certificates
from tests.support.checkout import UNLIMITED, Checkout
from tests.support.looking import until

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
OF_THE_MACHINE = "HighCpu"
"""A machine that the tests, or others, keep busy is busy: that is true, and told."""
FIRING = f'ALERTS{{alertstate="firing",alertname!~"Watchdog|{OF_THE_MACHINE}"}}'
DAYS_LEFT = 5
"""Of the certificate that the troubled stack serves."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A stack, and where its alarms arrive.

    trust:   what a visitor believes its certificate by.
    since:   the moment (time.monotonic()) from which on it was up.
    renewed: what may be served in the place of a certificate that is about to end.
    """

    checkout: Checkout
    alarms: Alarms
    trust: ssl.SSLContext
    since: float
    renewed: Certificates | None = None

    def visitor(self) -> httpx.Client:
        headers = {"Origin": self.checkout.url}
        return httpx.Client(base_url=self.checkout.url, verify=self.trust, headers=headers, timeout=30, trust_env=False)


@pytest.fixture(scope="session")
def calm(
    make_checkout: MakeCheckout, images: dict[str, str], way_out: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A stack that is up with two tasks of the API, and backed up; whoever uses it leaves it in peace, as what it tells
    is compared with silence."""
    with _listening(make_checkout, images, way_out, tmp_path_factory.mktemp("calm")) as (checkout, heard, _):
        schedule = {"at": kept_stack.quiet_hour()}
        checkout.configure(auth_server={"replicas": 2}, backups={"enabled": True, "schedule": schedule})
        checkout.up()
        # Where that takes long, parts that are not there yet are missed meanwhile.
        with watching.prometheus(checkout) as asked:
            until(lambda: not asked.query(FIRING), "nothing fires", seconds=180)
        yield Watched(
            checkout=checkout,
            alarms=heard,
            trust=ssl.create_default_context(cafile=str(checkout.ca_file)),
            since=time.monotonic(),
        )


@pytest.fixture(scope="module")
def troubled(
    make_checkout: MakeCheckout, images: dict[str, str], way_out: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A stack that is up and things happen to. Its certificate is somebody's own and ends in a few days."""
    folder = tmp_path_factory.mktemp("troubled")
    ending, renewed = (make_certificates("localhost", days=days) for days in (DAYS_LEFT, 90))
    known = ending.ca + renewed.ca
    with _listening(make_checkout, images, way_out, folder, known) as (checkout, heard, believing):
        # A small log for who stands still; and nobody who would need to be told of the certificate's authority.
        checkout.configure(
            edge={"certificate": {"kind": "provided"}},
            postgres={"disk": "1GiB"},
            monitoring={"synthetic_user": False, "images": believing},
        )
        serve(checkout, ending)
        yield Watched(
            checkout=checkout,
            alarms=heard,
            trust=ssl.create_default_context(cadata=known),
            since=time.monotonic(),
            renewed=renewed,
        )


def serve(checkout: Checkout, vouched: Certificates) -> None:
    """The stack serves this certificate after it."""
    checkout.set_secret("edge-certificate", vouched.certificate)
    checkout.set_secret("edge-key", vouched.key)
    checkout.up()


@contextlib.contextmanager
def use(watched: Watched) -> Iterator[Repeatedly]:
    """Somebody uses the stack as people do: opens the page now and then, logs in, and once with a wrong password."""
    person = register(watched.checkout, "Ada")
    with watched.visitor() as client:
        wrong = {"email": person.email, "password": "not hers"}
        assert client.post("/api/auth/login", json=wrong).status_code == httpx.codes.UNAUTHORIZED
        log_in(client, person)

        def come_by() -> None:
            for path in ("/", "/api/auth/session", "/api/config"):
                answer = client.get(path)
                assert answer.is_success, f"{path} is answered with {answer.status_code}"

        with Repeatedly(come_by, pause=1) as visits:
            yield visits


@contextlib.contextmanager
def _listening(
    make_checkout: MakeCheckout, images: Mapping[str, str], way_out: str, folder: Path, authorities: str = ""
) -> Iterator[tuple[Checkout, Alarms, dict[str, str]]]:
    """A stack that is not up yet; its images that believe the hook and `authorities` as they do public ones."""
    with alarms.listening(way_out, folder) as heard, contextlib.ExitStack() as cleanup:
        checkout = make_checkout(
            auth_server={"rate_limit_requests": 1_000_000},
            **heard.settings,
        )
        checkout.configure(edge={"rate_limits": UNLIMITED})
        known = heard.trusted + authorities
        believing = {
            key: cleanup.enter_context(inside.derived(checkout, images[name], files={AUTHORITIES: known}))
            for key, name in (("alertmanager", "alertmanager"), ("blackbox_exporter", "blackbox-exporter"))
        }
        checkout.configure(monitoring={"images": {"alertmanager": believing["alertmanager"]}})
        heard.set_secrets(checkout)
        cleanup.callback(checkout.remove)
        yield checkout, heard, believing
