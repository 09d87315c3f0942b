"""A bucket like those of any cloud: S3 over TLS, with a key that is checked, and nobody sees what is in it but by that.

moto plays the part of the cloud, nginx its public name: moto by itself does not end a TLS connection as it should.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config
from docker import DockerClient
from docker.models.containers import Container

from tests.e2e.lab import UID, make_certificates
from tests.support.checkout import Checkout, free_port
from tests.support.looking import until

REGION = "us-east-1"
USER = "backups"

# What docs/backups.md says has to be allowed, and no more.
ALLOWED = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::BUCKET"},
  {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
   "Resource": "arn:aws:s3:::BUCKET/*"}
]}"""

FRONT = """
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr error;
events {}
http {
  client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
  uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  access_log off;
  client_max_body_size 0;
  server {
    listen ADDRESS:PORT ssl;
    ssl_certificate /etc/bucket.crt;
    ssl_certificate_key /etc/bucket.key;
    location / {
      proxy_pass http://127.0.0.1:BEHIND;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
    }
  }
}
"""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """An S3 bucket that services with a way out reach at `endpoint`, by `key` and `secret`."""

    endpoint: str
    name: str
    key: str
    secret: str
    ca: str
    """PEM; vouches for the endpoint."""
    front: Container
    behind: str
    """The same without TLS, for this process alone."""

    @property
    def settings(self) -> dict[str, Any]:
        """The setting backups.bucket of a stack that keeps its backups here."""
        return {"endpoint": self.endpoint, "bucket": self.name, "region": REGION, "ca_certificate": self.ca}

    def let_in(self, checkout: Checkout) -> None:
        """Gives the stack what opens it."""
        checkout.set_secret("backup-bucket-key", self.key)
        checkout.set_secret("backup-bucket-secret", self.secret)

    def objects(self, prefix: str = "") -> dict[str, int]:
        """Name -> bytes of the objects whose name begins so, such as "test-1/archive/"."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {str(found["Key"]): int(found["Size"]) for page in pages for found in page.get("Contents", ())}

    def read(self, name: str) -> bytes:
        content: bytes = self._client().get_object(Bucket=self.name, Key=name)["Body"].read()
        return content

    def remove(self, name: str) -> None:
        self._client().delete_object(Bucket=self.name, Key=name)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Meanwhile nobody answers at the endpoint."""
        self.front.stop(timeout=1)
        try:
            yield
        finally:
            self.front.start()
            until(self.answers, "the bucket answers again")

    def answers(self) -> bool:
        return _reached(self.endpoint, ssl.create_default_context(cadata=self.ca))

    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes as it goes
        return boto3.client(
            "s3",
            endpoint_url=self.behind,
            region_name=REGION,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )


@contextlib.contextmanager
def opened(client: DockerClient, image: str, folder: Path, *, address: str) -> Iterator[Bucket]:
    """A new bucket with nothing in it, at `address` of the engine's host; image: one with nginx, of the same engine."""
    port, behind = free_port(), free_port()
    certificates = make_certificates(address)
    text = FRONT.replace("ADDRESS", address).replace("PORT", str(port)).replace("BEHIND", str(behind))
    with contextlib.ExitStack() as cleanup:
        log = cleanup.enter_context((folder / "moto.log").open("w"))
        cloud = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(behind)],
            stdout=log,
            stderr=log,
        )
        cleanup.callback(cloud.wait)
        cleanup.callback(cloud.terminate)
        at = f"http://127.0.0.1:{behind}"
        until(lambda: _reached(at), "the cloud's stand-in answers")
        name = f"grocery-{secrets.token_hex(4)}"
        key, secret = _prepare(at, name)
        front = client.containers.create(
            image,
            ["-c", "/etc/bucket.conf", "-e", "stderr", "-g", "daemon off;"],
            entrypoint=["/usr/sbin/nginx"],
            network_mode="host",
            volumes=_files(folder, {"conf": text, "crt": certificates.certificate, "key": certificates.key}),
            healthcheck={"test": ["NONE"]},
        )
        cleanup.callback(front.remove, force=True)
        front.start()
        bucket = Bucket(
            endpoint=f"https://{address}:{port}",
            name=name,
            key=key,
            secret=secret,
            ca=certificates.ca,
            front=front,
            behind=at,
        )
        until(bucket.answers, "the bucket answers")
        yield bucket


def _reached(url: str, trust: ssl.SSLContext | bool = True) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/", verify=trust, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _prepare(at: str, name: str) -> tuple[str, str]:
    """Makes the bucket, and a user who may use it and nothing else; that user's key and secret."""
    with httpx.Client(base_url=at, trust_env=False) as cloud:

        def ask(**fields: str) -> str:
            authority = f"AWS4-HMAC-SHA256 Credential=owner/20260101/{REGION}/iam/aws4_request"
            answer = cloud.post("/", data=fields, headers={"Authorization": authority, "Host": "iam.amazonaws.com"})
            assert answer.is_success, f"{fields['Action']} answers {answer.status_code}: {answer.text}"
            return answer.text

        made = cloud.put(f"/{name}", headers={"Host": "localhost"})
        assert made.is_success, f"the bucket is not made: {made.text}"
        ask(Action="CreateUser", UserName=USER)
        ask(
            Action="PutUserPolicy",
            UserName=USER,
            PolicyName="repository",
            PolicyDocument=ALLOWED.replace("BUCKET", name),
        )
        told = ask(Action="CreateAccessKey", UserName=USER)
        found = [re.search(rf"<{field}>([^<]+)</{field}>", told) for field in ("AccessKeyId", "SecretAccessKey")]
        key, secret = (one[1] for one in found if one)
        # From here on each request's signature is checked, and what its user may do.
        assert cloud.post("/moto-api/reset-auth", content="0").is_success
    return key, secret


def _files(folder: Path, contents: dict[str, str]) -> list[str]:
    binds = []
    for ending, content in contents.items():
        source = folder / f"bucket.{ending}"
        source.write_text(content)
        source.chmod(0o400)
        os.chown(source, UID, UID)
        binds.append(f"{source}:/etc/bucket.{ending}:ro")
    return binds
