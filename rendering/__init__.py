"""Configuration files as pure functions of typed values; nothing here knows Pulumi."""

from __future__ import annotations

import io
from pathlib import Path

import jinja2
from ruamel.yaml import YAML

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - configuration files, not HTML; every value is validated by its type
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render_template(template: str, **values: object) -> str:
    """The text of `template` (a file in templates/) with `values`; a value the template misses is an error."""
    return _templates.get_template(template).render(**values)


def render_yaml(document: object) -> str:
    """`document` (mappings, sequences, texts and numbers) as YAML, keys in the order given, long texts unbroken."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # it starts as None
    yaml.width = 10_000
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()
