"""Is the conformance suite any good? Each mutant must be found by a case.

    python tests/conformance/mutation.py                       all of them; writes docs/guide/mutants.md and .json
    python tests/conformance/mutation.py dep-credit l2-window  these

Each mutant has a process of its own. The tester there is ours as it is; the node under test is made of modules that are
loaded a second time, one of them with the mistake. Both meet on a network in memory under virtual time: minutes of
timers take milliseconds, and the same mutant meets the same fate each time.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import msgspec
from mutant import ROOT, Mutant
from mutants_above import DEP, LINKS, MAPPING, NAS_AND_N2, RRC
from mutants_below import CODECS, LAYER_2, SECURITY

from net4ai.app.conformance import load_statement
from net4ai.conformance.case import ROLES, Case, select
from net4ai.conformance.cases import all_cases
from net4ai.conformance.run import CaseResult, run_case
from net4ai.conformance.verdict import Verdict
from net4ai.stack.io.virtual_loop import run_virtual

GROUPS: dict[str, tuple[Mutant, ...]] = {
    "Codecs": CODECS,
    "Layer 2": LAYER_2,
    "Security": SECURITY,
    "RRC": RRC,
    "NAS and N2": NAS_AND_N2,
    "Mapping": MAPPING,
    "DEP": DEP,
    "Links and forwarding": LINKS,
}
MUTANTS = {mutant.identity: mutant for group in GROUPS.values() for mutant in group}

PROCESSES = 2
LIMIT = 300
"""Seconds for one mutant."""
LINE = 160
"""Characters of a line on the screen."""
TABLE = ROOT / "docs" / "guide" / "mutants.md"


class Finding(msgspec.Struct, forbid_unknown_fields=True):
    """What came of a mutant."""

    mutant: str
    case: str = ""
    """The first case that failed; empty: none did, it has survived."""
    why: str = ""
    """What that case says."""
    cases: int = 0
    """Cases that were run."""
    seconds: float = 0.0


class Findings(msgspec.Struct, forbid_unknown_fields=True):
    """What came of all mutants, for programs."""

    cases: int
    """Cases of the suite, which our node as it is passes."""
    findings: list[Finding]


# A node with a mistake


class MutantFinder(SourceFileLoader, MetaPathFinder):
    """Finds one module and loads it with its mistake."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(ROOT / mutant.file))
        self._source = mutant.source()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Its spec; None for every other module."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        """Its code, never from a cache."""
        return compile(self._source, self.path, "exec", dont_inherit=True)


def load_target(mutant: Mutant | None) -> ModuleType:
    """`app.conformance_target` of modules loaded anew, but for those of the tester, which go on with what they have."""
    for name in [name for name in sys.modules if name.startswith("net4ai.")]:
        if not name.startswith("net4ai.conformance"):
            del sys.modules[name]
    if mutant is not None:
        sys.meta_path.insert(0, MutantFinder(mutant))
    return importlib.import_module("net4ai.app.conformance_target")


async def run_against(
    target: ModuleType, role: str, cases: Sequence[Case], enough: Callable[[CaseResult], bool]
) -> list[CaseResult]:
    """Results of cases against a node of `target`, as far as the one that is `enough`."""
    results: list[CaseResult] = []
    network = target.MemoryNetwork(asyncio.get_running_loop())
    numbers = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        async with target.self_test(role, network, Path(folder), load_statement(), numbers.getrandbits) as tester:
            for case in cases:
                results.append(await run_case(tester, case))
                if enough(results[-1]):
                    break
    return results


def applicable(role: str) -> list[Case]:
    """Cases of a role that apply to our nodes."""
    return select(all_cases(), role, load_statement()).cases


# In processes of their own, for modules are replaced there


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What a process of its own shall do."""

    mutant: str = ""
    """Empty: our node as it is."""
    only: list[str] = []
    """Cases; none: all."""
    without: list[str] = []
    """Cases that are left out."""

    def cases(self, role: str) -> list[Case]:
        """What to run."""
        wanted = [case for case in applicable(role) if not self.only or case.identity in self.only]
        return [case for case in wanted if case.identity not in self.without]


def hunt(mutant: Mutant, order: Order) -> Finding:
    """Run cases of its roles until one fails."""
    began, count = time.monotonic(), 0
    target = load_target(mutant)
    for role in mutant.roles.split():
        results = run_virtual(
            run_against(target, role, order.cases(role), lambda result: result.verdict is Verdict.FAIL)
        )
        count += len(results)
        if results and (last := results[-1]).verdict is Verdict.FAIL:
            seconds = round(time.monotonic() - began, 1)
            return Finding(mutant.identity, last.case.identity, last.why, count, seconds)
    return Finding(mutant.identity, "", "", count, round(time.monotonic() - began, 1))


def baseline(order: Order) -> list[Finding]:
    """Cases that our node as it is does not pass: what they say of a mutant means nothing."""
    target = load_target(None)
    return [
        Finding("", result.case.identity, f"{result.verdict}: {result.why}")
        for role in ROLES
        for result in run_virtual(run_against(target, role, order.cases(role), lambda result: False))
        if result.verdict is not Verdict.PASS
    ]


def in_child(order: Order) -> list[Finding]:
    """What a process of its own finds. Raises `CalledProcessError`, `TimeoutExpired`."""
    command = [sys.executable, str(Path(__file__)), "--order", msgspec.json.encode(order).decode()]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=LIMIT).stdout
    return msgspec.json.decode(answer, type=list[Finding])


def in_children(orders: Iterable[Order]) -> Iterator[list[Finding]]:
    """The same for several, some at a time."""
    with ThreadPoolExecutor(PROCESSES) as pool:
        yield from pool.map(in_child, orders)


# The tables


def share(findings: Sequence[Finding]) -> float:
    """Share of mutants that were found."""
    return sum(bool(finding.case) for finding in findings) / len(findings)


def table(found: Findings) -> str:
    """The findings as a page of the guide."""
    by_name = {finding.mutant: finding for finding in found.findings}
    caught = sum(bool(finding.case) for finding in found.findings)
    lines = [
        "# Mutants: is the conformance suite any good?",
        "",
        "Each mutant is one of our nodes with one mistake. The suite must say so. Made by",
        "`python tests/conformance/mutation.py`; the mistakes are in `tests/conformance/mutants_below.py` and",
        "`mutants_above.py`. A case is named that has found the mutant: the first that failed.",
        "",
        f"**{caught} of {len(found.findings)} found ({share(found.findings):.0%})**, by a suite of {found.cases} cases "
        "that our nodes as they are pass.",
    ]
    for group, mutants in GROUPS.items():
        lines += ["", f"## {group}", "", "| mutant | what it does wrong | found by | s |", "|---|---|---|--:|"]
        for mutant in mutants:
            finding = by_name[mutant.identity]
            fate = f"`{finding.case}`" if finding.case else "**survived**"
            verdict = f"{fate}: {mutant.note}" if mutant.note else fate
            lines.append(f"| `{mutant.identity}` | {mutant.what} | {verdict} | {finding.seconds:.1f} |")
    return "\n".join([*lines, ""])


def write_tables(found: Findings, page: Path = TABLE) -> None:
    """Markdown for people, JSON for programs."""
    page.write_text(table(found), "utf-8")
    page.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def main() -> int:
    """0: all were run, and our node as it is passes all cases."""
    parser = argparse.ArgumentParser(description="Prove the conformance suite by mutants of our nodes.")
    parser.add_argument("mutants", nargs="*", metavar="MUTANT", help="these only, and no tables")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.order is not None:
        logging.disable()  # a broken node complains
        order = msgspec.json.decode(arguments.order, type=Order)
        answer = [hunt(MUTANTS[order.mutant], order)] if order.mutant else baseline(order)
        sys.stdout.buffer.write(msgspec.json.encode(answer))
        return 0
    if unknown := set(arguments.mutants) - MUTANTS.keys():
        parser.error(f"no mutant {', '.join(sorted(unknown))}; allowed: {', '.join(MUTANTS)}")
    wrong = in_child(Order())
    for each in wrong:
        print(f"{each.case} is left out, our node as it is does not pass it: {each.why}"[:LINE])
    findings = []
    orders = [Order(name, without=[each.case for each in wrong]) for name in arguments.mutants or MUTANTS]
    for (each,) in in_children(orders):
        print(f"{each.mutant:28}{each.case or 'SURVIVED':18}{each.seconds:6.1f} s  {each.why}"[:LINE], flush=True)
        findings.append(each)
    print(f"{share(findings):.0%} found")
    if not arguments.mutants:
        write_tables(Findings(sum(len(applicable(role)) for role in ROLES) - len(wrong), findings))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
