"""`net4ai conformance`: plays the other side against an implementation, and reports what it saw.

net4ai conformance --role ran-node --target 192.0.2.7:46400 --n2 0.0.0.0:46412 --report DIR
net4ai conformance --role ue --target self --report DIR
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import runpy
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from net4ai.app.conformance_page import to_html
from net4ai.app.conformance_target import SELF, make_tester, self_test
from net4ai.app.schema import convert
from net4ai.app.yaml_document import ConfigurationError, Document, Problem, parse, read
from net4ai.codecs.l2 import SIGNALLING_PORT
from net4ai.codecs.n2 import PORT as N2_PORT
from net4ai.conformance.case import GROUPS, ROLES, Case, Selection, cases_in, select
from net4ai.conformance.cases import all_cases
from net4ai.conformance.report import ConformanceReport, make_report, to_json, to_junit
from net4ai.conformance.run import CaseResult, run_cases
from net4ai.conformance.statement import OPTIONS, Statement, unknown_options, unknown_timers
from net4ai.conformance.tester import Surroundings, Tester
from net4ai.conformance.verdict import Verdict
from net4ai.stack.hop import Address
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.timers import TIMERS

OWN_STATEMENT = "net4ai.yaml"
"""The statement that ships, of net4ai itself."""
MAXIMUM_PORT = 65535


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    role: str
    target: str
    """An address, or `self`."""
    folder: Path | None
    n2: str = f"127.0.0.1:{N2_PORT}"
    statement: Path | None = None
    only: tuple[str, ...] = ()
    cases: tuple[Path, ...] = ()
    """Files with cases of the user's own, beside those that ship."""


def run_command(arguments: argparse.Namespace) -> int:
    """0: all passed; 1: some failed, were inconclusive or not run. Raises `ConfigurationError`."""
    if arguments.role is None:
        return _list_all_roles(arguments)
    options = Options(
        arguments.role,
        arguments.target,
        arguments.report or Path("runs") / f"conformance-{arguments.role}-{datetime.now():%Y%m%d-%H%M%S}",
        arguments.n2,
        arguments.pics,
        tuple(arguments.only),
        tuple(arguments.cases),
    )
    if arguments.list:
        statement = load_statement(options.statement)
        print_cases(chosen_cases(options, statement))
        return 0
    try:
        report = run_conformance(options)
    except OSError as error:
        print(f"{options.target}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0 if report.complete and set(report.verdicts) <= {"pass", "not applicable"} else 1


def _list_all_roles(arguments: argparse.Namespace) -> int:
    if not arguments.list:
        raise _refused("--role", "is needed", ", ".join(ROLES))
    statement = load_statement(arguments.pics)
    cases = [*all_cases(), *(each for path in arguments.cases for each in own_cases(path))]
    for role, says in ROLES.items():
        print(f"{role}: {says}\n")
        print_cases(select(cases, role, statement))
        print()
    return 0


def print_cases(selection: Selection, say: Callable[[str], None] = print) -> None:
    """The cases, group by group."""
    listed = [(each, "") for each in selection.cases]
    listed += [(each, f" (not applicable: {', '.join(missing)})") for each, missing in selection.not_applicable]
    for group in dict.fromkeys(each.group for each, _ in listed):
        say(f"{group}: {GROUPS[group]}")
        for each, note in listed:
            if each.group == group:
                say(f"  {each.identity:16} {each.purpose}{note}")


# ---------------------------------------------------------------------------------------------------------------------
# What is given


def load_statement(path: Path | None = None) -> Statement:
    """A conformance statement; without a path, that of net4ai. Raises `ConfigurationError` with file and line."""
    if path is None:
        own = files("net4ai.conformance") / OWN_STATEMENT
        document = parse(own.read_bytes(), OWN_STATEMENT)
    else:
        document = read(path, str(path))
    statement = convert(document, Statement)
    problems = [_no_option(document, place) for place, _ in unknown_options(statement)]
    problems += [document.problem(("timers", name), allowed=", ".join(TIMERS)) for name in unknown_timers(statement)]
    if problems:
        raise ConfigurationError(*problems)
    return statement


def _no_option(document: Document, place: int) -> Problem:
    return document.problem(("options", str(place)), allowed=", ".join(OPTIONS))


def chosen_cases(options: Options, statement: Statement) -> Selection:
    """The cases to run. Raises `ConfigurationError`."""
    cases: list[Case] = all_cases()
    for path in options.cases:
        cases += own_cases(path)
    try:
        return select(cases, options.role, statement, options.only)
    except ValueError as error:
        raise _refused("--only", str(error)) from None


def own_cases(path: Path) -> list[Case]:
    """The cases in a Python file of the user's. Raises `ConfigurationError`."""
    try:
        found = cases_in(runpy.run_path(str(path)))
    except Exception as error:  # whatever a file of the user's raises
        raise _refused(str(path), f"{type(error).__name__}: {error}") from None
    if not found:
        raise _refused(str(path), "no case is in it")
    return found


def address_of(text: str, what: str, port: int) -> Address:
    """HOST:PORT, HOST (then `port`), or [HOST]:PORT. Raises `ConfigurationError`."""
    host, colon, given = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, given = text, str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not given.isdecimal() or not 0 <= int(given) <= MAXIMUM_PORT:
        raise _refused(what, f"{text!r} is not allowed", f"HOST:PORT, port 0 to {MAXIMUM_PORT}")
    return host, int(given)


def _refused(what: str, complaint: str, allowed: str = "") -> ConfigurationError:
    return ConfigurationError(Problem(what, 0, 0, "", None, complaint, allowed))


# ---------------------------------------------------------------------------------------------------------------------
# The run


def run_conformance(options: Options, say: Callable[[str], None] = print) -> ConformanceReport:
    """Run the cases that apply, write the reports. Raises `ConfigurationError`, OSError."""
    statement = load_statement(options.statement)
    selection = chosen_cases(options, statement)
    folder = options.folder or Path("conformance-report")
    folder.mkdir(parents=True, exist_ok=True)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    say(f"net4ai {version('net4ai')}: {len(selection.cases)} cases of role {options.role} against {options.target}")
    results, complete = asyncio.run(_run(options, statement, selection, folder, say))
    report = make_report(
        results,
        selection,
        statement,
        tool=f"net4ai {version('net4ai')}",
        role=options.role,
        target=options.target,
        started=started,
        complete=complete,
    )
    write_reports(report, folder)
    summarise(report, say)
    say(f"report: {folder / 'report.html'}")
    return report


async def _run(
    options: Options, statement: Statement, selection: Selection, folder: Path, say: Callable[[str], None]
) -> tuple[list[CaseResult], bool]:
    async with _tester(options, statement, folder) as tester:
        return await run_cases(tester, selection.cases, folder, lambda result: say(line_of(result)))


@asynccontextmanager
async def _tester(options: Options, statement: Statement, folder: Path) -> AsyncIterator[Tester]:
    """The tester, listening. Raises OSError, `ConfigurationError`."""
    network = SystemNetwork()
    if options.target == SELF:
        node_folder = folder / "node"
        node_folder.mkdir(exist_ok=True)
        with _quiet(logging.getLogger("net4ai.stack.io.stream")):
            async with self_test(options.role, network, node_folder, statement, secrets.randbits) as tester:
                yield tester
        return
    target = await network.resolve(*address_of(options.target, "--target", SIGNALLING_PORT))
    n2 = address_of(options.n2, "--n2", N2_PORT)
    tester = make_tester(options.role, Surroundings(network, SystemClock(), secrets.randbits), statement, target, n2)
    try:
        await tester.open()
        yield tester
    finally:
        tester.close()


@contextmanager
def _quiet(log: logging.Logger) -> Iterator[None]:
    """No warnings: cases cut connections on purpose."""
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


# ---------------------------------------------------------------------------------------------------------------------
# What comes out


def line_of(result: CaseResult) -> str:
    """The line of a case on the terminal."""
    why = f"  {result.why}" if result.verdict is not Verdict.PASS else ""
    return f"{result.verdict.upper():12} {result.case.identity:16} {result.seconds:7.2f} s{why}"


def summarise(report: ConformanceReport, say: Callable[[str], None]) -> None:
    """A line for each group, and the whole."""
    for group in dict.fromkeys(case.group for case in report.cases):
        counts = Counter[str](case.verdict for case in report.cases if case.group == group)
        say(f"  {group:12} {_counted(counts)}")
    say(f"{'all' if report.complete else 'interrupted'}: {_counted(report.verdicts)}")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items(), key=lambda each: -each[1]))


def write_reports(report: ConformanceReport, folder: Path) -> Sequence[Path]:
    """JSON, JUnit XML and a page for people. Raises OSError."""
    written = {"report.json": to_json(report), "junit.xml": to_junit(report), "report.html": to_html(report).encode()}
    for name, octets in written.items():
        (folder / name).write_bytes(octets)
    return [folder / name for name in written]
