"""Grafana's own judgement of a dashboard, as far as it can be had without Grafana: the types it publishes."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support import node

SCHEMA = Path(__file__).with_name("grafana")
"""The packages, and the type that texts are held against."""
_ERROR = re.compile(r"^(\w+)\.ts\(\d+,\d+\): (error .+)$", re.MULTILINE)


def faults(dashboards: Mapping[str, str]) -> dict[str, list[str]]:
    """Name (letters and digits) -> what the types of Grafana's schema do not accept in the JSON text, all in one run of
    the compiler: it takes longer to start than to judge."""
    packages = node.packages(SCHEMA)
    with tempfile.TemporaryDirectory(prefix="dashboards-") as folder:
        place = Path(folder)
        (place / "node_modules").symlink_to(packages)
        shutil.copy2(SCHEMA / "dashboard.ts", place)
        for name, text in dashboards.items():
            # The text as it is: only of what is written in place does the compiler say what is too much.
            source = (
                f'import type {{ Board }} from "./dashboard.ts";\nexport const it = {text.strip()} satisfies Board;\n'
            )
            (place / f"{name}.ts").write_text(source, encoding="utf-8")
        result = node.run(
            "node",
            str(packages / "typescript" / "bin" / "tsc"),
            *("--strict", "--noEmit", "--skipLibCheck", "--allowImportingTsExtensions", "--pretty", "false"),
            *("--module", "nodenext", "--target", "es2022"),
            *(f"{name}.ts" for name in dashboards),
            cwd=place,
        )
    found: dict[str, list[str]] = {name: [] for name in dashboards}
    for name, fault in _ERROR.findall(result.stdout):
        found[name].append(fault)
    assert result.returncode == 0 or any(found.values()), f"{result.stdout}{result.stderr}"
    return found
