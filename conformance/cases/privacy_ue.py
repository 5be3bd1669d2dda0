"""Anonymity, role ue: handles are fresh and random, no identifier of one end reaches the other (R61, R81, R84)."""

from __future__ import annotations

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.conformance.case import case
from net4ai.conformance.cases.privacy import SESSIONS, check_handles
from net4ai.conformance.ue_tester import UeTester

HANDLES = "docs/spec/dep.md#11-handles"
CONSENT = "docs/spec/nas.md#10-jobs-and-consent"


@case("PRIV-HANDLE-01", group="privacy", role="ue", clause=HANDLES, rows=("R81",),
      purpose="A UE's handles are random, and fresh for each session.")  # fmt: skip
async def ue_handles(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    sessions = [await ran.session(ue, number=number) for number in range(SESSIONS)]
    check_handles([session.send_handle for session in sessions], sessions)


@case("PRIV-HANDLE-02", group="privacy", role="ue", clause=HANDLES, rows=("R81",),
      purpose="A session renewed for an execution has a new handle.")  # fmt: skip
async def renewed_handle(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    handles = {(await ran.session(ue, number=0)).send_handle for _ in range(4)}
    ran.check(len(handles) == 4, "another handle each time")


@case("PRIV-RAW-01", group="privacy", role="ue", clause=CONSENT, rows=("R61",),
      purpose="A UE whose owner gives no raw data declines an invitation with cut 0.")  # fmt: skip
async def no_raw_data(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    ue.nas.send(
        nas.RoutineInvite(
            execution=1, session=session.number, function=ran.statement.function, routine="conformance", round=0,
            cut=0, seat=0, sequential=False, settings=b"{}", key=b"",
        )
    )  # fmt: skip
    await ue.nas.expect(nas.RoutineReject, execution=1, cause=Cause.NOT_ALLOWED)
