"""Which types this engine knows, and the providers that carry them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from .errors import UnsupportedError
from .model import PROVIDER_PREFIX, Resource
from .providers import docker
from .providers.base import ResourceType
from .providers.random import RandomPassword
from .providers.tls import CertRequest, LocallySignedCert, PrivateKey, SelfSignedCert
from .schema import Record
from .wire import UNKNOWN, reveal

_COMPUTED: Final[Mapping[str, type[ResourceType]]] = {
    "random:index/randomPassword:RandomPassword": RandomPassword,
    "tls:index/privateKey:PrivateKey": PrivateKey,
    "tls:index/selfSignedCert:SelfSignedCert": SelfSignedCert,
    "tls:index/certRequest:CertRequest": CertRequest,
    "tls:index/locallySignedCert:LocallySignedCert": LocallySignedCert,
}
_PROVIDERS: Final[Mapping[str, Record]] = {
    f"{PROVIDER_PREFIX}docker": docker.PROVIDER,
    f"{PROVIDER_PREFIX}random": Record(),
    f"{PROVIDER_PREFIX}tls": Record(),
}

_engine = functools.cache(docker.DockerEngine)


def provider_schema(type_: str) -> Record:
    """What a provider accepts. Raises UnsupportedError for one that is not known."""
    if type_ not in _PROVIDERS:
        raise UnsupportedError(f"provider {type_} is not known to the local engine; known: {', '.join(_PROVIDERS)}")
    return _PROVIDERS[type_]


def resource_type(type_: str, provider: Resource) -> ResourceType:
    """The type's implementation at this provider. Raises UnsupportedError for one that is not known."""
    if type_ in _COMPUTED:
        return _COMPUTED[type_]()
    if type_ in docker.TYPES:
        host = reveal(provider.inputs)["host"]
        if host is UNKNOWN:
            raise UnsupportedError("a docker host that is only known after an `up` is not known to the local engine")
        return docker.TYPES[type_](_engine(host))
    known = ", ".join(sorted([*_COMPUTED, *docker.TYPES]))
    raise UnsupportedError(f"resource type {type_} is not known to the local engine; known: {known}")
