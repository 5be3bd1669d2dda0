"""The schema of ``report.json`` as tables for docs/guide/report.md: `python -m net4ai.app.report.schema FILE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from net4ai.app.report.report import Report

BEGIN, END = "<!-- begin: generated from app/report/report.py -->", "<!-- end: generated -->"


def field_tables() -> str:
    """A Markdown table for `Report` and one for each Struct in it."""
    schema = msgspec.json.schema(Report)
    parts: dict[str, Any] = schema["$defs"]
    order = ["Report", *(name for name in parts if name != "Report")]
    return "\n\n".join(_table(name, parts[name]) for name in order)


def with_tables(guide: str) -> str:
    """The text of the guide with its tables made new. Raises `ValueError` where the marks are missing."""
    head, begin, rest = guide.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the guide lacks {BEGIN} or {END}")
    return f"{head}{BEGIN}\n\n{field_tables()}\n\n{END}{tail}"


def _table(name: str, schema: dict[str, Any]) -> str:
    rows = [
        f"| `{field}` | {_kind(kind)} | {kind.get('description', '')} |" for field, kind in schema["properties"].items()
    ]
    title = "report.json" if name == "Report" else name
    head = [f"### {title}", "", schema.get("description", "").split("\n")[0], ""]
    return "\n".join([*head, "| field | type | meaning |", "|---|---|---|", *rows])


def _kind(schema: dict[str, Any]) -> str:
    """A type in words, for what the Structs use."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    if kind == "object":
        return f"object: {_kind(schema['additionalProperties'])} by name"
    return str(kind)


def main() -> int:
    """Make the tables of the guide named on the command line new."""
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
