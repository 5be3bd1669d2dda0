"""The tables of docs/guide/conformance.md: `python -m net4ai.app.conformance_guide FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from net4ai.app.schema import schema_table
from net4ai.conformance.report import ConformanceReport
from net4ai.conformance.statement import OPTIONS, Statement


def with_tables(guide: str) -> str:
    """The text of the guide with its tables made new. Raises ValueError where the marks are missing."""
    rows = [f"| `{option}` | {meaning} |" for option, meaning in OPTIONS.items()]
    options = "\n".join(["### Options", "", "| option | what is claimed |", "|---|---|", *rows])
    guide = _between(guide, "statement", f"{schema_table(Statement)}\n{options}\n")
    return _between(guide, "report", schema_table(ConformanceReport))


def _between(guide: str, module: str, text: str) -> str:
    begin, end = f"<!-- begin: generated from conformance/{module}.py -->\n", "<!-- end: generated -->"
    head, begin_found, rest = guide.partition(begin)
    _, end_found, tail = rest.partition(end)
    if not begin_found or not end_found:
        raise ValueError(f"the guide lacks {begin.strip()} or {end}")
    return f"{head}{begin}\n{text}\n{end}{tail}"


def main() -> int:
    """Make the tables of the guide named on the command line new."""
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
