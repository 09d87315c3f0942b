"""The program without an engine: every registration recorded, with the outputs the real providers would give.

`record` runs the unmodified __main__.py against a monitor that answers as the engine does in the chosen mode: in a
preview computed outputs are unknown, in an update they are known. Secret inputs are seen in their envelope, so that
tests can tell where a secret goes.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import json
import runpy
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.mocks import MockMonitor, Mocks, set_mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import reset_options, set_root_resource
from pulumi.runtime.stack import run_in_stack
from ruamel.yaml import YAML

from settings import SECRET_NAMES

Json = Any  # a value of the wire: mappings, lists, texts, numbers and secrets

ROOT = Path(__file__).parent.parent.parent
IMAGE = "sha256:" + "0123456789abcdef" * 4

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

# Part of the configuration -> the image it names.
PARTS = ("postgres", "migrations", "backups", "auth_server", "zero_cache", "edge", "frontend")
MONITORING = (
    "prometheus", "alertmanager", "node_exporter", "postgres_exporter", "nginx_exporter", "blackbox_exporter",
    "docker_filter", "collector", "synthetic_user",
)  # fmt: skip
IMAGES = {part: {"image": IMAGE} for part in PARTS} | {"monitoring": {"images": dict.fromkeys(MONITORING, IMAGE)}}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One RegisterResource request. `inputs` holds secrets as Secret objects; `outputs` is what the program was
    answered."""

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    provider: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    dependencies: frozenset[str]
    input_dependencies: frozenset[str]
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    ignore_changes: tuple[str, ...]


@dataclass(frozen=True)
class Secret:
    """A value that arrived in a secret's envelope."""

    value: Any


@dataclass
class Recording:
    """All registrations of one run of the program, and what it exported."""

    stack: str
    registrations: list[Registration] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)

    def of_type(self, token: str) -> list[Registration]:
        return [registration for registration in self.registrations if registration.type == token]

    def named(self, token: str, name: str) -> Registration:
        found = [registration for registration in self.of_type(token) if registration.name == name]
        assert len(found) == 1, f"expected one {token} named {name}, found {len(found)}"
        return found[0]

    def service(self, workload: str) -> Registration:
        """The service of a workload, by its alias."""
        return self.named(SERVICE, f"{self.stack}-{workload}")

    @property
    def names(self) -> list[tuple[str, str]]:
        """(type, name) of everything registered, sorted."""
        return sorted((registration.type, registration.name) for registration in self.registrations)


SERVICE = "docker:index/service:Service"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
DOCKER_SECRET = "docker:index/secret:Secret"
DOCKER_CONFIG = "docker:index/serviceConfig:ServiceConfig"
PASSWORD = "random:index/randomPassword:RandomPassword"
PRIVATE_KEY = "tls:index/privateKey:PrivateKey"
SELF_SIGNED = "tls:index/selfSignedCert:SelfSignedCert"
CERT_REQUEST = "tls:index/certRequest:CertRequest"
LOCALLY_SIGNED = "tls:index/locallySignedCert:LocallySignedCert"


EXTERNAL: Mapping[str, str] = {name: f"what-others-issued-as-{name}" for name in SECRET_NAMES}


def record(
    stack: str, settings: Mapping[str, Any] | None, *, preview: bool, external: Mapping[str, str] = EXTERNAL
) -> Recording:
    """Run the program as `stack` with these settings, once each; parts that name no image get one, external secrets
    are there unless told otherwise."""
    secrets = tuple(sorted(external.items()))
    chosen = merge(IMAGES, settings or {})
    if chosen["edge"].get("certificate", {}).get("kind") == "acme":
        chosen = merge({"edge": {"certificate": {"image": IMAGE}}}, chosen)
    return _record(stack, json.dumps(chosen, sort_keys=True), preview, secrets)


@functools.cache
def _record(stack: str, settings: str, preview: bool, external: tuple[tuple[str, str], ...]) -> Recording:
    recording = Recording(stack)
    monitor = _Monitor(recording, preview)

    async def run() -> None:
        # Inside the loop's own context, where the SDK keeps its state.
        reset_options()
        try:
            set_mocks(NoMocks(), project="grocery", stack=stack, preview=preview, monitor=monitor)
            # The program makes its own root; the one made for tests would swallow the exports.
            set_root_resource(None)  # type: ignore[arg-type]
            secrets = {f"grocery:{name}": value for name, value in external}
            pulumi.runtime.set_all_config({"grocery:settings": settings, **secrets}, list(secrets))
            await run_in_stack(_program)
        finally:
            reset_options()

    # In a thread of its own: a browser's driver may have a loop in this one.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, run()).result()
    return recording


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the leaves of `over` laid upon it."""
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = merge(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged


def stack_settings(stack: str) -> Mapping[str, Any] | None:
    """grocery:settings of Pulumi.<stack>.yaml; None for `local`, which is made of defaults."""
    path = ROOT / f"Pulumi.{stack}.yaml"
    if stack == "local":
        return None
    settings: Mapping[str, Any] = json.loads(json.dumps(YAML(typ="safe").load(path)["config"]["grocery:settings"]))
    return settings


def secrets_in(value: Json) -> Iterator[Json]:
    """Every secret anywhere in `value`."""
    if isinstance(value, Secret):
        yield value.value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item)


def plain_texts(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every string outside of a secret, keys of mappings included."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{path}.{key}", str(key)
            yield from plain_texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from plain_texts(item, f"{path}[{index}]")


def _program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


class NoMocks(Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError("the recording monitor answers by itself")

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program looks something up while it is previewed: {args.token}")


class _Monitor(MockMonitor):
    def __init__(self, recording: Recording, preview: bool) -> None:
        super().__init__(NoMocks())
        self._recording = recording
        self._preview = preview

    def RegisterResource(self, request: Json) -> Json:
        urn = self.make_urn(request.parent if "Stack::" not in request.parent else "", request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = _open(json_format.MessageToDict(request.object))
        known, secret = _computed(request.type, request.name, urn, inputs)
        if self._preview:
            known = dict.fromkeys(known, UNKNOWN)
        outputs = {**inputs, **{key: Secret(value) if key in secret else value for key, value in known.items()}}
        identity = "" if self._preview else f"id-{hashlib.sha256(urn.encode()).hexdigest()[:12]}"
        by_property = {name: list(found.urns) for name, found in request.propertyDependencies.items()}
        self._recording.registrations.append(
            Registration(
                type=request.type,
                name=request.name,
                urn=urn,
                parent=request.parent,
                custom=request.custom,
                provider=request.provider,
                inputs=inputs,
                outputs={**outputs, "id": identity},
                dependencies=frozenset(request.dependencies),
                input_dependencies=frozenset(found for urns in by_property.values() for found in urns),
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                delete_before_replace=request.deleteBeforeReplace,
                ignore_changes=tuple(request.ignoreChanges),
            )
        )
        answered = struct_pb2.Struct()
        json_format.ParseDict(_seal(outputs), answered)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=answered)

    def RegisterResourceOutputs(self, request: Json) -> Json:
        if "pulumi:pulumi:Stack" in request.urn:
            self._recording.exports = _open(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()


def _computed(token: str, name: str, urn: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """What the provider adds to the inputs, and which of it is secret."""
    digest = hashlib.sha256(urn.encode()).hexdigest()
    if token == PASSWORD:
        generation = inputs["keepers"]["generation"]
        return {"result": f"Pw{generation}{digest[:37]}", "bcryptHash": f"bcrypt{digest}"}, frozenset(
            {"result", "bcryptHash"}
        )
    if token == PRIVATE_KEY:
        private, public = _key_pair(urn)
        return {"privateKeyPem": private, "publicKeyPem": public}, frozenset({"privateKeyPem"})
    if token in (SELF_SIGNED, LOCALLY_SIGNED):
        certificate = f"-----BEGIN CERTIFICATE-----\n{digest}\n-----END CERTIFICATE-----\n"
        times = {"validityStartTime": "2026-11-23T10:00:00.5+02:00", "validityEndTime": "2031-11-23T10:00:00Z"}
        return {"certPem": certificate, **times}, frozenset()
    if token == CERT_REQUEST:
        return {"certRequestPem": f"-----BEGIN CERTIFICATE REQUEST-----\n{digest}\n"}, frozenset()
    if token.startswith("docker:") and "name" not in inputs:
        return {"name": f"{name}-{digest[:7]}"}, frozenset()
    return {}, frozenset()


@functools.cache
def _key_pair(_: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def _open(value: Json) -> Json:
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return Secret(_open(value["value"]))
        return {key: _open(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_open(item) for item in value]
    # The wire knows only floating point numbers.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _seal(value: Json) -> Json:
    if isinstance(value, Secret):
        return {_SIGNATURE: _SECRET, "value": _seal(value.value)}
    if isinstance(value, Mapping):
        return {key: _seal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_seal(item) for item in value]
    return value


def decoded(data: str) -> str:
    """Text of a Docker secret's or config's data."""
    return base64.b64decode(data, validate=True).decode()
