"""What conformance runs found, as one page: `python -m net4ai.app.conformance_results REPORT.json … > PAGE.md`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from net4ai.conformance.case import GROUPS, ROLES
from net4ai.conformance.report import CaseReport, ConformanceReport

_HEAD = """# Conformance of net4ai to its own specification

`net4ai conformance --role ROLE --target self --report DIR` for each role, over real sockets; this page is made of the
reports by `python -m net4ai.app.conformance_results`. What the suite finds when the code is wrong:
[mutants.md](mutants.md). How to run it, and what the words mean: [conformance.md](conformance.md).
"""


def page(reports: Iterable[ConformanceReport]) -> str:
    """The page: cases of each group and role with their verdicts, then every case. Of a case run twice the later."""
    of_role: dict[str, dict[str, CaseReport]] = {}
    for report in reports:
        of_role.setdefault(report.role, {}).update((case.id, case) for case in report.cases)
    roles = [role for role in ROLES if role in of_role]
    lines = [_HEAD, f"| group | {' | '.join(roles)} |", f"|---|{'---|' * len(roles)}"]
    for group, doc in GROUPS.items():
        counted = [_counted(case for case in of_role[role].values() if case.group == group) for role in roles]
        lines.append(f"| {group}: {doc} | {' | '.join(counted)} |")
    lines.append(f"| all | {' | '.join(_counted(of_role[role].values()) for role in roles)} |")
    for role in roles:
        lines += ["", f"## Role {role}", "", "| case | verdict | purpose | clause | rows |", "|---|---|---|---|---|"]
        ordered = sorted(of_role[role].values(), key=lambda case: list(GROUPS).index(case.group))
        lines += [_row(case) for case in ordered]
    return "\n".join(lines) + "\n"


def _counted(cases: Iterable[CaseReport]) -> str:
    counts = Counter(case.verdict for case in cases)
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())) or "–"


def _row(case: CaseReport) -> str:
    name, _, anchor = case.clause.removeprefix("docs/spec/").partition("#")
    clause = f"[{name}](../spec/{name}#{anchor})"
    why = f": {case.why}" if case.why else ""
    cells = (case.id, f"{case.verdict}{why}", case.purpose, clause, ", ".join(case.rows))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Print the page of the reports named."""
    reports = [msgspec.json.decode(Path(name).read_bytes(), type=ConformanceReport) for name in arguments]
    print(page(reports), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
