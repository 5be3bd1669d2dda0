"""Bearers, role ue: COUNT, segmentation, poll and status, protection, what belongs to no bearer."""

from __future__ import annotations

from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import BearerType
from net4ai.conformance.case import case
from net4ai.conformance.pdus import l2_pdu
from net4ai.conformance.ue_tester import UeTester

ACKNOWLEDGED = "docs/spec/l2.md#7-acknowledged-mode"
UNACKNOWLEDGED = "docs/spec/l2.md#8-unacknowledged-mode"


@case("CRB-COUNT-11", group="crb", role="ue", clause=UNACKNOWLEDGED,
      purpose="In unacknowledged mode no COUNT is dropped: a forged one cannot shut out the real ones.")  # fmt: skip
async def any_count(ran: UeTester) -> None:
    session = await ran.session()
    ping = session.pdu(DepType.PING, EchoBody(echo=1)).encode()
    for count in (0xFFFF_FFFF, 5, 0x8000_0000, 5):
        session.end.pdus.send(l2_pdu(BearerType.CRB, session.bearer, session.end.identity, count, ping))
        await session.expect(DepType.PONG, echo=1)


@case("CRB-SEG-11", group="crb", role="ue", clause=UNACKNOWLEDGED, purpose="Segments on a CRB are dropped.")
async def no_segments(ran: UeTester) -> None:
    session = await ran.session()
    ping = session.pdu(DepType.PING, EchoBody(echo=1)).encode()
    for segmentation in (1, 2, 3):
        pdu = l2_pdu(BearerType.CRB, session.bearer, session.end.identity, 9, ping, segmentation=segmentation)
        session.end.pdus.send(pdu)
    session.end.pdus.send(l2_pdu(BearerType.CRB, session.bearer, session.end.identity, 10, ping, is_data=False))
    await session.never(DepType.PONG)
