"""What the docker types accept: the proven fields only, with the real provider's defaults and rules."""

from __future__ import annotations

from ..schema import Many, Plain, Record

_LABEL = Record(fields={"label": Plain(required=True), "value": Plain(required=True)})

NETWORK = Record(
    fields={
        "name": Plain(replaces=True),
        "driver": Plain(default="bridge", computed=True, replaces=True),
        "internal": Plain(default=False, replaces=True),
        "attachable": Plain(default=False, replaces=True),
        "options": Plain(computed=True, replaces=True),
        "labels": Many(item=_LABEL, replaces=True),
        "ipamDriver": Plain(default="default", replaces=True),
        "ipamConfigs": Many(
            computed=True,
            replaces=True,
            # without a gateway the real provider replaces the network at every refresh
            item=Record(fields={"subnet": Plain(required=True), "gateway": Plain(required=True)}),
        ),
    }
)

VOLUME = Record(
    fields={
        "name": Plain(replaces=True),
        "driver": Plain(default="local", computed=True, replaces=True),
        "driverOpts": Plain(replaces=True),
        "labels": Many(item=_LABEL, replaces=True),
    }
)

SECRET = Record(
    fields={
        "name": Plain(replaces=True),
        "data": Plain(required=True, replaces=True),
        "labels": Many(item=_LABEL, replaces=True),
    }
)

CONFIG = Record(fields={"name": Plain(replaces=True), "data": Plain(required=True, replaces=True)})


def _file(noun: str) -> Many:
    return Many(
        item=Record(
            fields={
                f"{noun}Id": Plain(required=True),
                f"{noun}Name": Plain(),
                "fileName": Plain(required=True),
                "fileMode": Plain(default=0o444, computed=True),
                "fileUid": Plain(default="0", computed=True),
                "fileGid": Plain(default="0", computed=True),
            }
        )
    )


_ROLLOUT = {
    "parallelism": Plain(default=1),
    "delay": Plain(default="0s"),
    "failureAction": Plain(default="pause"),
    "monitor": Plain(default="5s"),
    "maxFailureRatio": Plain(default="0.0"),
    "order": Plain(default="stop-first"),
}
_AMOUNTS = {"memoryBytes": Plain(default=0), "nanoCpus": Plain(default=0)}

_CONTAINER = Record(
    required=True,
    fields={
        "image": Plain(required=True),
        "commands": Plain(),
        "args": Plain(),
        "env": Plain(),
        "labels": Many(item=_LABEL),
        "dir": Plain(),
        "user": Plain(),
        "groups": Plain(),
        "hostname": Plain(),
        "init": Plain(default=False, computed=True),
        "readOnly": Plain(default=False),
        "capAdds": Plain(),
        "capDrops": Plain(),
        "sysctl": Plain(replaces=True),
        "stopSignal": Plain(),
        "stopGracePeriod": Plain(default="10s", computed=True),
        "isolation": Plain(default="default"),
        "healthcheck": Record(
            computed=True,
            fields={
                "tests": Plain(required=True),
                "interval": Plain(default="0s"),
                "timeout": Plain(default="0s"),
                "startPeriod": Plain(default="0s"),
                "retries": Plain(default=0),
            },
        ),
        "secrets": _file("secret"),
        "configs": _file("config"),
        "mounts": Many(
            item=Record(
                fields={
                    "type": Plain(required=True),
                    "source": Plain(),
                    "target": Plain(required=True),
                    "readOnly": Plain(default=False),
                    "tmpfsOptions": Record(fields={"sizeBytes": Plain(default=0)}),
                }
            )
        ),
    },
)

SERVICE = Record(
    fields={
        "name": Plain(replaces=True),
        "labels": Many(item=_LABEL, computed=True),
        "taskSpec": Record(
            required=True,
            fields={
                "containerSpec": _CONTAINER,
                "networksAdvanceds": Many(
                    replaces=True,
                    # by id only: by name the real provider replaces the service at every refresh
                    item=Record(fields={"id": Plain(required=True), "aliases": Many(item=Plain())}),
                ),
                "restartPolicy": Record(
                    computed=True,
                    fields={
                        "condition": Plain(default="any"),
                        "delay": Plain(default="5s"),
                        "maxAttempts": Plain(default=0),
                        "window": Plain(default="0s"),
                    },
                ),
                "logDriver": Record(fields={"name": Plain(required=True), "options": Plain()}),
                "placement": Record(
                    computed=True, fields={"constraints": Many(item=Plain()), "maxReplicas": Plain(default=0)}
                ),
                "forceUpdate": Plain(default=0, computed=True),
                "resources": Record(
                    computed=True, fields={"limits": Record(fields=_AMOUNTS), "reservation": Record(fields=_AMOUNTS)}
                ),
            },
        ),
        "mode": Record(
            computed=True,
            default={},
            fields={"replicated": Record(default={}, fields={"replicas": Plain(default=1)})},
        ),
        "endpointSpec": Record(
            computed=True,
            fields={
                "mode": Plain(default="vip"),
                "ports": Many(
                    ordered=True,
                    item=Record(
                        fields={
                            "name": Plain(),
                            "protocol": Plain(default="tcp"),
                            "targetPort": Plain(required=True),
                            "publishedPort": Plain(default=0),
                            "publishMode": Plain(default="ingress"),
                        }
                    ),
                ),
            },
        ),
        "updateConfig": Record(fields=_ROLLOUT),
        "rollbackConfig": Record(fields=_ROLLOUT),
        "convergeConfig": Record(fields={"delay": Plain(default="7s"), "timeout": Plain(default="3m")}),
    }
)
