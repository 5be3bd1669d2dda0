"""Anonymity: handles are fresh and random, no identifier of one end reaches the other (R81, R84, R61)."""

from __future__ import annotations

import itertools

from net4ai.conformance.case import case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.hop_end import Session
from net4ai.conformance.ran_node_tester import RanNodeTester

HANDLES = "docs/spec/dep.md#11-handles"
CONSENT = "docs/spec/nas.md#10-jobs-and-consent"

SESSIONS = 12
NEAR = 1 << 20
"""Random handles of a dozen sessions are further apart than this but once in some hundred runs."""


def check_handles(handles: list[int], sessions: list[Session]) -> None:
    """Handles are distinct, no counter, and made of no identity."""
    tester = sessions[0].end.tester
    tester.check(len(set(handles)) == len(handles) and 0 not in handles, "handles that differ, none of them 0")
    steps = sorted(abs(after - before) for before, after in itertools.pairwise(handles))
    tester.check(steps[len(steps) // 2] > NEAR, "handles that do not count")
    identities = {session.end.identity for session in sessions}
    tester.check(not identities & set(handles), "handles that are no C-RNTI or peer identity")


@case("PRIV-HANDLE-11", group="privacy", role="ran-node", clause=HANDLES, rows=("R81",),
      purpose="A RAN node's handles are random, and fresh for each session.")  # fmt: skip
async def ran_node_handles(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    sessions = [await ran.session(ue, job=job) for job in range(1, SESSIONS + 1)]
    check_handles([session.send_handle for session in sessions], sessions)


@case("PRIV-HANDLE-21", group="privacy", role="function", clause=HANDLES, rows=("R81",),
      purpose="An application server's handles are random, one for each seat.")  # fmt: skip
async def function_handles(function: FunctionTester) -> None:
    sessions = (await function.routine(range(SESSIONS))).sessions
    check_handles([session.send_handle for session in sessions], sessions)
