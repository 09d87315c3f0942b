"""Between the program's properties and Docker's own documents: pure functions, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..errors import ProviderError
from ..wire import Properties, Value

_UNITS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def nanoseconds(text: str) -> int:
    """Go's duration: `1m30s` -> 90000000000."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ProviderError(f"{text!r} is not a duration; expected Go's form, such as 500ms, 10s or 1m30s")
    return int(sum(float(number) * _UNITS[unit] for number, unit in parts))


def duration(amount: int) -> str:
    """Go's short form: 90000000000 -> `1m30s`."""
    if amount % 10**9:
        return f"{amount / 10**6:g}ms"
    seconds = amount // 10**9
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    text = "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds % 60, "s")) if n)
    return text or "0s"


def label_map(labels: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {item["label"]: item["value"] for item in labels or []}


def label_list(labels: Mapping[str, str] | None) -> list[Properties]:
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]


def network_spec(inputs: Properties) -> Properties:
    return {
        "Name": inputs["name"],
        "Driver": inputs["driver"],
        "CheckDuplicate": True,
        "Internal": inputs["internal"],
        "Attachable": inputs["attachable"],
        "Options": inputs["options"] or {},
        "Labels": label_map(inputs["labels"]),
        "IPAM": {
            "Driver": inputs["ipamDriver"],
            "Config": [{"Subnet": item["subnet"], "Gateway": item["gateway"]} for item in inputs["ipamConfigs"]],
        },
    }


def network_outputs(found: Mapping[str, Value]) -> Properties:
    pools = found["IPAM"]["Config"] or []
    return {
        "id": found["Id"],
        "name": found["Name"],
        "driver": found["Driver"],
        "scope": found["Scope"],
        "attachable": found["Attachable"],
        "ingress": found["Ingress"],
        "internal": found["Internal"],
        "ipv6": found["EnableIPv6"],
        "labels": label_list(found["Labels"]),
        "options": found["Options"] or {},
        "ipamDriver": found["IPAM"]["Driver"],
        "ipamOptions": found["IPAM"]["Options"],
        "ipamConfigs": [
            {
                "auxAddress": None,
                "gateway": pool.get("Gateway", ""),
                "ipRange": pool.get("IPRange", ""),
                "subnet": pool.get("Subnet", ""),
            }
            for pool in pools
        ],
    }


def volume_spec(inputs: Properties) -> Properties:
    return {
        "Name": inputs["name"],
        "Driver": inputs["driver"],
        "DriverOpts": inputs["driverOpts"],
        "Labels": label_map(inputs["labels"]) or None,
    }


def volume_outputs(found: Mapping[str, Value]) -> Properties:
    return {
        "id": found["Name"],
        "name": found["Name"],
        "driver": found["Driver"],
        "driverOpts": found["Options"] or None,
        "labels": label_list(found["Labels"]),
        "mountpoint": found["Mountpoint"],
        "cluster": None,
    }


def service_spec(inputs: Properties) -> Properties:
    """Docker's ServiceSpec. Lists the engine does not order are sorted, so that equal inputs give equal specs."""
    task = inputs["taskSpec"]
    placement, resources, restart = task["placement"] or {}, task["resources"] or {}, task["restartPolicy"]
    template: Properties = {
        "ContainerSpec": _container_spec(task["containerSpec"]),
        "Resources": {
            name: _filled(NanoCPUs=amounts["nanoCpus"], MemoryBytes=amounts["memoryBytes"])
            for key, name in (("limits", "Limits"), ("reservation", "Reservations"))
            if (amounts := resources.get(key))
        },
        "Placement": _filled(Constraints=placement.get("constraints"), MaxReplicas=placement.get("maxReplicas")),
        "Networks": [_filled(Target=item["id"], Aliases=item["aliases"]) for item in task["networksAdvanceds"]],
        "ForceUpdate": task["forceUpdate"],
        "Runtime": "container",
    }
    if restart:
        template["RestartPolicy"] = {
            "Condition": restart["condition"],
            "Delay": nanoseconds(restart["delay"]),
            "MaxAttempts": restart["maxAttempts"],
            "Window": nanoseconds(restart["window"]),
        }
    if task["logDriver"]:
        template["LogDriver"] = _filled(Name=task["logDriver"]["name"], Options=task["logDriver"]["options"])
    spec: Properties = {
        "Name": inputs["name"],
        "Labels": label_map(inputs["labels"]),
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": inputs["mode"]["replicated"]["replicas"]}},
    }
    for key, name in (("updateConfig", "UpdateConfig"), ("rollbackConfig", "RollbackConfig")):
        if inputs[key]:
            spec[name] = _rollout(inputs[key])
    if inputs["endpointSpec"]:
        spec["EndpointSpec"] = _filled(
            Mode=inputs["endpointSpec"]["mode"],
            Ports=[
                _filled(
                    Name=port["name"],
                    Protocol=port["protocol"],
                    TargetPort=port["targetPort"],
                    PublishedPort=port["publishedPort"],
                    PublishMode=port["publishMode"],
                )
                for port in inputs["endpointSpec"]["ports"]
            ],
        )
    return spec


def _container_spec(inputs: Properties) -> Properties:
    check = inputs["healthcheck"]
    return {
        "Image": inputs["image"],
        "Init": inputs["init"],
        "ReadOnly": inputs["readOnly"],
        "Isolation": inputs["isolation"],
        "DNSConfig": {},
        "StopGracePeriod": nanoseconds(inputs["stopGracePeriod"]),
        **_filled(
            Command=inputs["commands"],
            Args=inputs["args"],
            # sorted: in any other order Swarm would see a changed task and restart it
            Env=[f"{key}={value}" for key, value in sorted((inputs["env"] or {}).items())],
            Labels=label_map(inputs["labels"]),
            Dir=inputs["dir"],
            User=inputs["user"],
            Groups=inputs["groups"],
            Hostname=inputs["hostname"],
            CapabilityAdd=inputs["capAdds"],
            CapabilityDrop=inputs["capDrops"],
            Sysctls=inputs["sysctl"],
            StopSignal=inputs["stopSignal"],
            Mounts=[
                _filled(
                    Type=mount["type"],
                    Source=mount["source"],
                    Target=mount["target"],
                    ReadOnly=mount["readOnly"],
                    TmpfsOptions=mount["tmpfsOptions"] and _filled(SizeBytes=mount["tmpfsOptions"]["sizeBytes"]),
                )
                for mount in inputs["mounts"]
            ],
            Secrets=[_file_spec(item, "secret", "Secret") for item in inputs["secrets"]],
            Configs=[_file_spec(item, "config", "Config") for item in inputs["configs"]],
            Healthcheck=check
            and _filled(
                Test=check["tests"],
                Interval=nanoseconds(check["interval"]),
                Timeout=nanoseconds(check["timeout"]),
                StartPeriod=nanoseconds(check["startPeriod"]),
                Retries=check["retries"],
            ),
        ),
    }


def _file_spec(item: Properties, noun: str, name: str) -> Properties:
    return {
        f"{name}ID": item[f"{noun}Id"],
        f"{name}Name": item[f"{noun}Name"],
        "File": {
            "Name": item["fileName"],
            "UID": item["fileUid"],
            "GID": item["fileGid"],
            "Mode": item["fileMode"],
        },
    }


def _rollout(inputs: Properties) -> Properties:
    return {
        "Parallelism": inputs["parallelism"],
        "Delay": nanoseconds(inputs["delay"]),
        "FailureAction": inputs["failureAction"],
        "Monitor": nanoseconds(inputs["monitor"]),
        "MaxFailureRatio": float(inputs["maxFailureRatio"]),
        "Order": inputs["order"],
    }


def _filled(**items: Value) -> Properties:
    return {key: value for key, value in items.items() if value}


def service_outputs(found: Mapping[str, Value], known: Mapping[str, Value]) -> Properties:
    """The program's view of an inspected service. Docker does not keep its converge settings: `known` has them."""
    spec = found["Spec"]
    template = spec["TaskTemplate"]
    placement, log = template.get("Placement") or {}, template.get("LogDriver")
    restart, resources = template.get("RestartPolicy"), template.get("Resources") or {}
    endpoint = spec.get("EndpointSpec") or {}
    return {
        "id": found["ID"],
        "name": spec["Name"],
        "auth": None,
        "labels": label_list(spec.get("Labels")),
        "mode": {"global": False, "replicated": {"replicas": spec["Mode"].get("Replicated", {}).get("Replicas", 0)}},
        "endpointSpec": {
            "mode": endpoint.get("Mode", ""),
            "ports": [
                {
                    "name": port.get("Name", ""),
                    "protocol": port.get("Protocol", ""),
                    "publishMode": port.get("PublishMode", ""),
                    "publishedPort": port.get("PublishedPort", 0),
                    "targetPort": port.get("TargetPort", 0),
                }
                for port in endpoint.get("Ports") or []
            ],
        },
        "updateConfig": _rollout_outputs(spec.get("UpdateConfig")),
        "rollbackConfig": _rollout_outputs(spec.get("RollbackConfig")),
        "convergeConfig": known.get("convergeConfig"),
        "taskSpec": {
            "containerSpec": _container_outputs(template["ContainerSpec"]),
            "forceUpdate": template.get("ForceUpdate", 0),
            "logDriver": log and {"name": log["Name"], "options": log.get("Options")},
            "networksAdvanceds": [
                {"aliases": item.get("Aliases"), "driverOpts": [], "id": item["Target"], "name": ""}
                for item in template.get("Networks") or []
            ],
            "placement": {
                "constraints": placement.get("Constraints") or [],
                "maxReplicas": placement.get("MaxReplicas", 0),
                "platforms": [],
                "prefs": None,
            },
            "resources": {
                "limits": _amounts(resources.get("Limits")),
                "reservation": _amounts(resources.get("Reservations"), genericResources=None),
            },
            "restartPolicy": restart
            and {
                "condition": restart.get("Condition", ""),
                "delay": duration(restart.get("Delay", 0)),
                "maxAttempts": restart.get("MaxAttempts", 0),
                "window": duration(restart.get("Window", 0)),
            },
            "runtime": template.get("Runtime", ""),
        },
    }


def _container_outputs(spec: Mapping[str, Value]) -> Properties:
    check = spec.get("Healthcheck")
    return {
        "image": spec["Image"],
        "args": spec.get("Args"),
        "commands": spec.get("Command"),
        "capAdds": spec.get("CapabilityAdd"),
        "capDrops": spec.get("CapabilityDrop"),
        "dir": spec.get("Dir", ""),
        "dnsConfig": {"nameservers": None, "options": None, "searches": None},
        "env": dict(item.partition("=")[::2] for item in spec.get("Env") or []),
        "groups": spec.get("Groups"),
        "healthcheck": check
        and {
            "interval": duration(check.get("Interval", 0)),
            "retries": check.get("Retries", 0),
            "startPeriod": duration(check.get("StartPeriod", 0)),
            "tests": check.get("Test"),
            "timeout": duration(check.get("Timeout", 0)),
        },
        "hostname": spec.get("Hostname", ""),
        "hosts": [],
        "init": spec.get("Init", False),
        "isolation": spec.get("Isolation", ""),
        "labels": label_list(spec.get("Labels")),
        "mounts": [
            {
                "bindOptions": None,
                "readOnly": mount.get("ReadOnly"),
                "source": mount.get("Source", ""),
                "target": mount["Target"],
                "tmpfsOptions": (options := mount.get("TmpfsOptions"))
                and {"mode": None, "sizeBytes": options.get("SizeBytes", 0)},
                "type": mount["Type"],
                "volumeOptions": None,
            }
            for mount in spec.get("Mounts") or []
        ],
        "privileges": None,
        "readOnly": spec.get("ReadOnly", False),
        "secrets": [_file_outputs(item, "secret", "Secret") for item in spec.get("Secrets") or []],
        "configs": [_file_outputs(item, "config", "Config") for item in spec.get("Configs") or []],
        "stopGracePeriod": duration(spec.get("StopGracePeriod", 0)),
        "stopSignal": spec.get("StopSignal", ""),
        "sysctl": spec.get("Sysctls"),
        "user": spec.get("User", ""),
    }


def _file_outputs(item: Mapping[str, Value], noun: str, name: str) -> Properties:
    return {
        f"{noun}Id": item[f"{name}ID"],
        f"{noun}Name": item[f"{name}Name"],
        "fileName": item["File"]["Name"],
        "fileMode": item["File"]["Mode"],
        "fileUid": item["File"]["UID"],
        "fileGid": item["File"]["GID"],
    }


def _rollout_outputs(found: Mapping[str, Value] | None) -> Properties | None:
    if not found:
        return None
    return {
        "delay": duration(found.get("Delay", 0)),
        "failureAction": found.get("FailureAction", ""),
        "maxFailureRatio": str(float(found.get("MaxFailureRatio", 0))),
        "monitor": duration(found.get("Monitor", 0)),
        "order": found.get("Order", ""),
        "parallelism": found.get("Parallelism", 0),
    }


def _amounts(found: Mapping[str, Value] | None, **more: None) -> Properties | None:
    if not found:
        return None
    return {"memoryBytes": found.get("MemoryBytes", 0), "nanoCpus": found.get("NanoCPUs", 0), **more}
