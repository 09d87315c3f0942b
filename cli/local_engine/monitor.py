"""The two gRPC services a Pulumi program talks to, reduced to what a program of known resources needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn, Protocol

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message as ProtobufMessage
from pulumi.runtime.proto import alias_pb2, engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from . import wire
from .errors import CancelledError, LocalEngineError, UnsupportedError
from .model import Alias, Registration
from .wire import Properties

# The SDK turns exactly this code into one quiet line and starts nothing more; operations under way end normally.
_STOP = grpc.StatusCode.UNAVAILABLE
STOP_NOTICE = "Resource monitor has terminated, shutting down"

_FEATURES = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
)
_OPTIONS = """
    type name parent custom object protect dependencies provider propertyDependencies version ignoreChanges
    deleteBeforeReplace deleteBeforeReplaceDefined replaceOnChanges retainOnDelete aliasURNs aliases aliasSpecs
    additionalSecretOutputs acceptSecrets acceptResources accepts_byte_string supportsPartialValues
    supportsResultReporting providers sourcePosition stackTrace parentStackTraceHandle snippetId
"""
_KNOWN_FIELDS = frozenset(_OPTIONS.split())


class Handler(Protocol):
    """What the services need from a deployment. Every method raises LocalEngineError to stop the program."""

    def register(self, registration: Registration) -> tuple[str, str, Properties]: ...
    def register_outputs(self, urn: str, outputs: Properties) -> None: ...


class Session:
    """What happened between one program and the engine. Thread-safe; `wait_idle` joins operations under way."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, LocalEngineError]] = []
        self.error_logs: list[str] = []
        self.completed = threading.Event()
        self.stopping = threading.Event()
        self._idle = threading.Condition()
        self._running = 0

    def fail(self, subject: str, error: LocalEngineError) -> None:
        self.failures.append((subject, error))
        self.stopping.set()

    def __enter__(self) -> Session:
        with self._idle:
            self._running += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._idle:
            self._running -= 1
            self._idle.notify_all()

    def wait_idle(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0)


class ResourceMonitor(resource_pb2_grpc.ResourceMonitorServicer):
    def __init__(self, handler: Handler, session: Session, cancelled: threading.Event) -> None:
        self._handler = handler
        self._session = session
        self._cancelled = cancelled

    def GetDeploymentInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES)

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterResourceResponse:
        with self._session as session:
            subject = f"{request.type} {request.name!r}"
            if self._cancelled.is_set() or session.stopping.is_set():
                _stop(context)
            try:
                urn, resource_id, outputs = self._handler.register(read_registration(request))
            except CancelledError:
                _stop(context)
            except LocalEngineError as error:
                session.fail(subject, error)
                _stop(context)
            except Exception as error:
                session.fail(subject, LocalEngineError(f"unexpected {type(error).__name__}: {error}"))
                _stop(context)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=resource_id, object=wire.encode(outputs))

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        with self._session:
            try:
                self._handler.register_outputs(request.urn, wire.decode(request.outputs))
            except LocalEngineError as error:
                self._session.fail(request.urn, error)
                _stop(context)
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._session.completed.set()
        return empty_pb2.Empty()

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest, context: grpc.ServicerContext) -> NoReturn:
        self._refuse(context, f"function {request.tok}")

    def Call(self, request: resource_pb2.ResourceCallRequest, context: grpc.ServicerContext) -> NoReturn:
        self._refuse(context, f"method {request.tok}")

    def ReadResource(self, request: resource_pb2.ReadResourceRequest, context: grpc.ServicerContext) -> NoReturn:
        self._refuse(context, f"reading {request.type} {request.name!r} with get()")

    def RegisterPackage(self, request: resource_pb2.RegisterPackageRequest, context: grpc.ServicerContext) -> NoReturn:
        self._refuse(context, f"package {request.name!r}")

    def _refuse(self, context: grpc.ServicerContext, what: str) -> NoReturn:
        self._session.fail("program", UnsupportedError(f"{what} is not known to the local engine"))
        _stop(context)


class EngineLog(engine_pb2_grpc.EngineServicer):
    """Receives the program's log; debug lines (the SDK sends hundreds) are dropped."""

    def __init__(self, session: Session, show: Callable[[str, str], None]) -> None:
        self._session = session
        self._show = show

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        if request.severity == engine_pb2.ERROR:
            if STOP_NOTICE not in request.message:
                self._session.error_logs.append(request.message)
        elif request.severity != engine_pb2.DEBUG:
            self._show("warning" if request.severity == engine_pb2.WARNING else "info", request.message)
        return empty_pb2.Empty()


def _stop(context: grpc.ServicerContext) -> NoReturn:
    context.abort(_STOP, "stopping")
    raise AssertionError("abort raises")


def read_registration(request: resource_pb2.RegisterResourceRequest) -> Registration:
    """Translate a request. Raises UnsupportedError, by name, for an option this engine does not know."""
    for option, value in request.ListFields():
        empty = isinstance(value, ProtobufMessage) and not value.ListFields()
        if option.name not in _KNOWN_FIELDS and not empty:
            raise UnsupportedError(f"resource option {option.name} is not known to the local engine")
    return Registration(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        provider=request.provider,
        version=request.version,
        inputs={key: value for key, value in wire.decode(request.object).items() if value is not None},
        dependencies=tuple(request.dependencies),
        property_dependencies={key: tuple(value.urns) for key, value in request.propertyDependencies.items()},
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        aliases=(*(Alias(urn=urn) for urn in request.aliasURNs), *map(_read_alias, request.aliases)),
    )


def _read_alias(alias: alias_pb2.Alias) -> Alias:
    if alias.WhichOneof("alias") == "urn":
        return Alias(urn=alias.urn)
    spec = alias.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent="" if spec.noParent else spec.parentUrn or None,
    )
