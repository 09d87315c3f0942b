"""The picture of the architecture, drawn from the graph itself, so that it cannot tell an old story.

python -m tests.unit.picture        draws docs/images/architecture.svg anew, after a change of the graph
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from settings.values import format_size
from tests.unit.recording import NETWORK, ROOT, SERVICE, VOLUME, Recording, Registration, record

FILE = ROOT / "docs" / "images" / "architecture.svg"

_MARGIN = 24
_LABELS = 150
_COLUMN = 132
_GAP = 14
_ARCS = 112
_BOX = 92
_BAR = 34
# Longer ones leave their box at the usual size.
_LONG_NAME = 14

_INK = "#1f2933"
_QUIET = "#66727f"
_PAPER = "#ffffff"
_COLOURS = ("#c2410c", "#15803d", "#1d4ed8", "#7e22ce", "#0f766e", "#a16207")
_VOLUME = "#475569"


@dataclass(frozen=True, kw_only=True)
class _Bar:
    """Something several workloads share: a network, or a volume."""

    label: str
    remark: str
    colour: str
    members: tuple[int, ...]
    is_volume: bool


def draw(stack: str = "local") -> str:
    """The stack as SVG: a box for each workload, arcs for who waits for whom, bars for networks and volumes."""
    recording = record(stack, None, preview=False)
    networks = {found.outputs["id"]: found for found in recording.of_type(NETWORK)}
    order = list(networks)
    services = sorted(
        recording.of_type(SERVICE),
        key=lambda service: (sorted(order.index(joined) for joined in _joined(service)), service.name),
    )
    bars = [*_networks(networks, services, stack), *_volumes(recording, services, stack)]
    width = 2 * _MARGIN + _LABELS + len(services) * (_COLUMN + _GAP)
    height = 2 * _MARGIN + _ARCS + _BOX + len(bars) * _BAR + 62
    top = _MARGIN + _ARCS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif" font-size="12" fill="{_INK}">',
        f"<title>Architecture of the stack {escape(stack)}</title>",
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{_QUIET}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" rx="14" fill="{_PAPER}" stroke="#d5dbe1"/>',
    ]
    for number, bar in enumerate(bars):
        parts += _bar(bar, top + _BOX + 34 + number * _BAR, top + _BOX, width)
    for column, service in enumerate(services):
        parts += _box(service, column, top, stack)
        parts += _ports(service, column, top)
    parts += _arcs(services, top)
    parts += [
        _text(
            _MARGIN,
            height - _MARGIN,
            "arc: starts once the other is healthy   \u2022   solid bar: network   \u2022   "
            "dashed bar: volume   \u2022   drawn from the program's own graph",
            colour=_QUIET,
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _networks(networks: Mapping[str, Registration], services: Sequence[Registration], stack: str) -> list[_Bar]:
    return [
        _Bar(
            label=_short(network.inputs["name"], stack),
            remark="internal" if network.inputs["internal"] else "with a way out",
            colour=_COLOURS[number % len(_COLOURS)],
            members=tuple(column for column, service in enumerate(services) if identity in _joined(service)),
            is_volume=False,
        )
        for number, (identity, network) in enumerate(networks.items())
    ]


def _volumes(recording: Recording, services: Sequence[Registration], stack: str) -> list[_Bar]:
    bars = []
    for volume in recording.of_type(VOLUME):
        members = tuple(
            column for column, service in enumerate(services) if volume.outputs["name"] in _mounted(service)
        )
        in_memory = (volume.inputs.get("driverOpts") or {}).get("type") == "tmpfs"
        remark = "protected, kept by down" if volume.protect else "in memory" if in_memory else "made anew if lost"
        bars.append(
            _Bar(label=_short(volume.name, stack), remark=remark, colour=_VOLUME, members=members, is_volume=True)
        )
    return sorted(bars, key=lambda bar: bar.members)


def _joined(service: Registration) -> list[str]:
    return [joined["id"] for joined in service.inputs["taskSpec"]["networksAdvanceds"]]


def _mounted(service: Registration) -> set[str]:
    return {mount.get("source") for mount in service.inputs["taskSpec"]["containerSpec"]["mounts"]}


def _short(name: str, stack: str) -> str:
    return name.removeprefix(f"{stack}-")


def _centre(column: int) -> int:
    return _MARGIN + _LABELS + column * (_COLUMN + _GAP) + _COLUMN // 2


def _box(service: Registration, column: int, top: int, stack: str) -> list[str]:
    inputs = service.inputs
    middle = _centre(column)
    name = _short(service.name, stack)
    secrets = len(inputs["taskSpec"]["containerSpec"].get("secrets") or ())
    engine = any(mount["type"] == "bind" for mount in inputs["taskSpec"]["containerSpec"]["mounts"])
    holds = "the engine's socket" if engine else "no secrets"
    lines = (
        f"{inputs['updateConfig']['order']}",
        f"at most {format_size(inputs['taskSpec']['resources']['limits']['memoryBytes'])}",
        f"{secrets} secret{'' if secrets == 1 else 's'}" if secrets else holds,
    )
    return [
        f'<rect x="{middle - _COLUMN // 2}" y="{top}" width="{_COLUMN}" height="{_BOX}" rx="8" fill="#f5f7f9" '
        f'stroke="{_INK}" stroke-width="1.2"/>',
        _text(middle, top + 25, name, size=15 if len(name) <= _LONG_NAME else 12, weight=650, anchor="middle"),
        *(
            _text(middle, top + 45 + 16 * number, line, colour=_QUIET, anchor="middle")
            for number, line in enumerate(lines)
        ),
    ]


def _ports(service: Registration, column: int, top: int) -> list[str]:
    ports = service.inputs["endpointSpec"].get("ports") or []
    if not ports:
        return []
    middle = _centre(column)
    listed = ", ".join(f"{port['name']} {port['publishedPort']}" for port in ports)
    return [
        f'<path d="M{middle} {top - 66}V{top - 4}" stroke="{_QUIET}" stroke-width="1.6" marker-end="url(#tip)"/>',
        _text(middle, top - 92, "browsers", size=15, weight=650, anchor="middle"),
        _text(middle, top - 74, listed, colour=_QUIET, anchor="middle"),
    ]


def _arcs(services: Sequence[Registration], top: int) -> list[str]:
    """From each service to those it waits for; what it waits for anyway, through another, is left out."""
    columns = {service.urn: column for column, service in enumerate(services)}
    parts = []
    for service in services:
        direct = [urn for urn in service.dependencies if urn in columns]
        through = {urn for other in services if other.urn in direct for urn in other.dependencies if urn in columns}
        for urn in sorted(set(direct) - through, key=columns.__getitem__):
            start, end = columns[service.urn], columns[urn]
            aside = 14 if end > start else -14
            x1, x2 = _centre(start) + aside, _centre(end) - aside
            y = top - 18 - 34 * abs(end - start)
            parts.append(
                f'<path d="M{x1} {top}C{x1} {y} {x2} {y} {x2} {top - 4}" fill="none" stroke="{_QUIET}" '
                'stroke-width="1.6" marker-end="url(#tip)"/>'
            )
    return parts


def _bar(bar: _Bar, y: int, boxes: int, width: int) -> list[str]:
    first, last = (_centre(bar.members[0]), _centre(bar.members[-1])) if bar.members else (0, 0)
    dashes = ' stroke-dasharray="7 5"' if bar.is_volume else ""
    parts = [
        _text(_MARGIN, y + 1, bar.label, weight=650, colour=bar.colour),
        _text(_MARGIN, y + 14, bar.remark, colour=_QUIET, size=10),
    ]
    start = _MARGIN + _LABELS - 12
    line = f"M{start} {y}H{last}" if not bar.is_volume else f"M{first} {y}H{last}"
    if bar.is_volume:
        parts.append(
            f'<path d="M{start} {y}H{first}" stroke="#d5dbe1" stroke-width="1" stroke-dasharray="2 4" fill="none"/>'
        )
    parts.append(f'<path d="{line}" stroke="{bar.colour}" stroke-width="4" stroke-linecap="round"{dashes}/>')
    for column in bar.members:
        x = _centre(column)
        parts.append(f'<path d="M{x} {boxes}V{y}" stroke="{bar.colour}" stroke-width="1" opacity="0.35"/>')
        if bar.is_volume:
            parts.append(f'<rect x="{x - 6}" y="{y - 6}" width="12" height="12" rx="2" fill="{bar.colour}"/>')
        else:
            parts.append(f'<circle cx="{x}" cy="{y}" r="7" fill="{bar.colour}"/>')
    assert first <= width, "a bar stays inside the picture"
    return parts


def _text(
    x: int, y: int, text: str, *, size: int = 12, weight: int = 400, colour: str = _INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(draw(), encoding="utf-8")
