"""What independent graders think of the running edge, under a real name at the real ports."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli import building
from rendering import nginx
from tests.e2e import inside
from tests.e2e.edges import PUBLIC
from tests.support import graders, lighthouse
from tests.support.checkout import Checkout
from tests.support.graders import Graders

# Of testssl.sh: what it finds on every site like this one, and why.
NOT_A_FAULT: Mapping[str, str] = {
    "engine_problem": "testssl.sh speaks of the OpenSSL it runs with, not of the site",
    "cert_revocation": "the stack's own authority has nobody to whom a list would be of use: it replaces a certificate",
}
WORST_FIRST = ("FATAL", "CRITICAL", "HIGH", "MEDIUM", "LOW", "WARN")
# Its table adds up to 145: five of them are for names that browsers have built in, five for cookies of strangers.
OBSERVATORY_POINTS = 135
# How testssl.sh says that it could not look, which on a busy machine happens to it. It looks again then.
UNMADE = "check failed because of connect problem"
TESTSSL_ATTEMPTS = 3
LIGHTHOUSE_AIM = 95
# An attempt that other work on the machine has slowed down says nothing about the page.
LIGHTHOUSE_ATTEMPTS = 3

# Faults that a grader which works must find.
BAD_NGINX = """
events {}
http {
  server {
    listen 80;
    location /files { alias /srv/files/; }
    location ~ ^/go/(.*)$ { return 302 http://$1; }
    location / { add_header X-Asked $uri; return 302 https://example.com$uri; }
  }
}
"""


@pytest.fixture(scope="module")
def judges(public: Checkout) -> Graders:
    image = graders.make_image(public.root, public.host)
    return Graders(docker=building.docker_on(public.host), image=image, domain=public.settings["edge"]["domain"])


def test_testssl_gives_its_best_grade_without_a_cap_or_a_warning(
    public: Checkout, judges: Graders, tmp_path: Path
) -> None:
    def judged(attempt: int) -> list[dict[str, str]]:
        file = f"found-{attempt}.json"
        judges.run(
            *("testssl", "--ip", graders.LOOPBACK, "--nodns", "min", "--warnings", "batch", "--quiet", "--color", "0"),
            *("--add-ca", "/ca.crt", "--jsonfile", f"/out/{file}", judges.domain),
            files={"/ca.crt": public.ca_file},
            folder=tmp_path,
            expect=None,
        )
        found: list[dict[str, str]] = json.loads((tmp_path / file).read_text())
        return found

    for attempt in range(TESTSSL_ATTEMPTS):
        found = judged(attempt)
        if not any(UNMADE in entry["finding"] for entry in found):
            break
    told = {entry["id"]: entry["finding"] for entry in found}
    assert told.get("overall_grade") == "A+", told.get("overall_grade", found[-3:])
    caps = [entry["finding"] for entry in found if entry["id"].startswith("grade_cap_reason")]
    assert caps == []
    faults = [
        f"{entry['severity']} {entry['id']}: {entry['finding']}"
        for entry in sorted(found, key=lambda entry: (*WORST_FIRST, entry["severity"]).index(entry["severity"]))
        if entry["severity"] in WORST_FIRST and entry["id"] not in NOT_A_FAULT
    ]
    assert faults == []
    print(f"testssl.sh: grade {told['overall_grade']}, score {told['final_score']} of 100")


def test_its_tls_is_mozilla_s_intermediate_configuration(public: Checkout, judges: Graders) -> None:
    ended = judges.run(
        *("sslyze", "--mozilla_config=intermediate", "--certinfo_ca_file=/ca.crt", f"{judges.domain}:443"),
        files={"/ca.crt": public.ca_file},
        expect=None,
    )
    verdict = ended.out.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    assert "OK - Compliant" in verdict, verdict or ended.text[-3000:]
    assert ended.code == 0


def test_the_http_observatory_finds_nothing_to_take_points_off_and_gives_all_it_has_to_give(public: Checkout) -> None:
    observatory = graders.npm_packages() / "@mdn" / "mdn-http-observatory"
    # The list of names that are built into browsers, which its own installation would fetch.
    (observatory / "conf" / "hsts-preload.json").write_text("{}")
    domain = public.settings["edge"]["domain"]
    ended = graders.run_named(
        *(domain, "node", str(observatory / "src" / "scan.js"), domain),
        env={"NODE_EXTRA_CA_CERTS": str(public.ca_file)},
    )
    found = json.loads(ended.out)
    told = {name: (test["result"], test["scoreModifier"]) for name, test in found["tests"].items()}
    assert found["scan"]["testsFailed"] == 0, told
    assert found["scan"]["grade"] == "A+", told
    assert found["scan"]["score"] >= OBSERVATORY_POINTS, told
    print(f"HTTP Observatory: {found['scan']['grade']}, {found['scan']['score']} points")


def test_gixy_finds_nothing_in_the_configuration_that_is_live(
    public: Checkout, judges: Graders, tmp_path: Path
) -> None:
    (tmp_path / "bad.conf").write_text(BAD_NGINX)
    assert len(_gixy(judges, tmp_path, "bad.conf")) >= 2, "it finds what there is to find"
    (tmp_path / "nginx.conf").write_text(inside.succeed(public, "edge", "cat", "/srv/config/live/nginx.conf"))
    assert _gixy(judges, tmp_path, "nginx.conf") == []
    watched = dataclasses.replace(PUBLIC, figures_for="10.203.1.0/24")
    (tmp_path / "watched.conf").write_text(nginx.render(watched))
    assert _gixy(judges, tmp_path, "watched.conf") == [], "nor where monitoring asks"


@pytest.mark.alone
@pytest.mark.parametrize("form", ["mobile", "desktop"])
def test_lighthouse_gives_the_page_a_stranger_sees_nearly_all_points(
    public: Checkout, form: lighthouse.Form, tmp_path: Path
) -> None:
    domain, home = public.settings["edge"]["domain"], lighthouse.make_home(tmp_path, public.ca_file)
    reports: list[lighthouse.Report] = []
    while not any(map(_good, reports)):
        assert len(reports) < LIGHTHOUSE_ATTEMPTS, "\n".join(map(str, reports))
        reports.append(lighthouse.judge(public.url, home=home, form=form, addresses={domain: graders.LOOPBACK}))
    print(reports[-1])


def _good(report: lighthouse.Report) -> bool:
    return min(report.scores.values()) >= LIGHTHOUSE_AIM and report.first_paint < 1.5 and report.interactive < 3


def _gixy(judges: Graders, folder: Path, name: str) -> list[str]:
    """What it finds in a file, in a line each."""
    ended = judges.run("gixy", "--format", "json", name, folder=folder, expect=None)
    assert ended.code in (0, 1), ended.text
    return [f"{found['severity']} {found['plugin']}: {found['summary']}" for found in json.loads(ended.out)]
