"""Runs cases, one after another, and keeps what they leave: verdict, steps, capture."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from net4ai.conformance.case import Case
from net4ai.conformance.log import CaseLog, Step
from net4ai.conformance.tester import Tester
from net4ai.conformance.verdict import Fail, Inconclusive, Verdict

END_LIMIT = 10.0
"""Seconds to release what a case has left; then the next one begins all the same."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case."""

    case: Case
    verdict: Verdict
    why: str
    """Empty for a pass."""
    seconds: float
    steps: list[Step]
    capture: str
    """Name of its capture within the report's folder; empty where it could not be written."""
    detail: str = ""
    """Traceback where the case itself is wrong."""


async def run_case(tester: Tester, case: Case, folder: Path | None = None) -> CaseResult:
    """Run one case. Whatever happens in it, there is a result. With a folder its capture is written there.

    Raises only `CancelledError`, when the whole run is interrupted; the capture is written then, too.
    """
    case_log = CaseLog(tester.clock, case.title)
    tester.begin(case_log)
    verdict, why, detail = Verdict.INCONCLUSIVE, "interrupted", ""
    try:
        verdict, why, detail = await _carry_out(tester, case)
        return _result(case, verdict, why, detail, case_log, folder)
    except asyncio.CancelledError:
        _result(case, verdict, why, detail, case_log, folder)
        raise


async def _carry_out(tester: Tester, case: Case) -> tuple[Verdict, str, str]:
    """The case and what releases its traces. Verdict, why, traceback."""
    verdict, why, detail = Verdict.PASS, "", ""
    try:
        async with asyncio.timeout(tester.patient(case.limit)):
            await case.body(tester)
    except Fail as error:
        verdict, why = Verdict.FAIL, str(error)
    except Inconclusive as error:
        verdict, why = Verdict.INCONCLUSIVE, str(error)
    except TimeoutError:
        verdict, why = Verdict.INCONCLUSIVE, f"not done within {tester.patient(case.limit):g} s"
    except Exception as error:
        # Never the target's doing: ports take whatever it sends.
        verdict, why = Verdict.INCONCLUSIVE, f"the case itself is wrong: {type(error).__name__}: {error}"
        detail = traceback.format_exc()
    try:
        async with asyncio.timeout(tester.patient(END_LIMIT)):
            await tester.end()
    except (Fail, Inconclusive, TimeoutError) as error:
        tester.note(f"not all was released: {error}")
    except Exception:
        log.exception("%s: releasing what the case has left", case.identity)
    return verdict, why, detail


def _result(case: Case, verdict: Verdict, why: str, detail: str, case_log: CaseLog, folder: Path | None) -> CaseResult:
    told = f"VERDICT {verdict}: {why}" if why else f"VERDICT {verdict}"
    capture = ""
    if folder is not None:
        capture = f"{case.identity}.pcapng"
        try:
            case_log.write_capture(folder / capture, told)
        except OSError as error:
            log.warning("%s: no capture: %s", case.identity, error)
            capture = ""
    return CaseResult(case, verdict, why, round(case_log.seconds, 3), list(case_log.steps), capture, detail)


async def run_cases(
    tester: Tester,
    cases: Sequence[Case],
    folder: Path | None = None,
    on_result: Callable[[CaseResult], None] = lambda result: None,
) -> tuple[list[CaseResult], bool]:
    """Run cases in their order; results, and whether all could be run: an interruption ends the run and is no error."""
    results: list[CaseResult] = []
    with _cancellation_is_no_error() as interrupted:
        for case in cases:
            result = await run_case(tester, case, folder)
            results.append(result)
            on_result(result)
    if interrupted and len(results) < len(cases):
        case = cases[len(results)]
        capture = f"{case.identity}.pcapng" if folder is not None else ""
        seconds, steps = round(tester.log.seconds, 3), list(tester.log.steps)
        results.append(CaseResult(case, Verdict.INCONCLUSIVE, "interrupted", seconds, steps, capture))
        on_result(results[-1])
    return results, not interrupted


@contextlib.contextmanager
def _cancellation_is_no_error() -> Iterator[list[bool]]:
    """Ctrl-C cancels the task that runs: who asks for the results shall have them."""
    interrupted: list[bool] = []
    try:
        yield interrupted
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        interrupted.append(True)
