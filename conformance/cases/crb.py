"""Bearers: COUNT, segmentation, poll and status, what belongs to no bearer."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.l2 import BearerType
from net4ai.conformance.case import case
from net4ai.conformance.pdus import L2Pdu, l2_pdu
from net4ai.conformance.ran_node_tester import RanNodeTester

ACKNOWLEDGED = "docs/spec/l2.md#7-acknowledged-mode"
UNACKNOWLEDGED = "docs/spec/l2.md#8-unacknowledged-mode"

LONG_NAS = bytes(range(256)) * 40


@case(
    "CRB-POLL-01",
    group="crb",
    role="ran-node",
    clause=ACKNOWLEDGED,
    purpose="A poll on SRB1 is answered.",
)
async def poll_is_answered(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await ue.pdus.expect(bearer_type=BearerType.SRB, bearer=1, is_data=False)


@case("CRB-SEG-01", group="crb", role="ran-node", clause=ACKNOWLEDGED,
      purpose="A message longer than a PDU passes in segments, also when some are lost.")  # fmt: skip
async def segmented(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.drop(L2Pdu, "out", times=2, bearer_type=BearerType.SRB, is_data=True)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=LONG_NAS))
    await ran.core.n2.expect(n2.UplinkNasTransport, within=5, ran_ue=ue.ran_ue, nas=LONG_NAS)


@case("CRB-SEG-02", group="crb", role="ran-node", clause=ACKNOWLEDGED,
      purpose="A message to the UE longer than a PDU comes in segments, lost ones again.")  # fmt: skip
async def segmented_down(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.drop(L2Pdu, "in", times=2, bearer_type=BearerType.SRB, is_data=True)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=LONG_NAS))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, within=5, nas=LONG_NAS)


@case("CRB-REPLAY-01", group="crb", role="ran-node", clause=ACKNOWLEDGED,
      purpose="A PDU that comes twice is delivered once.")  # fmt: skip
async def replayed(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    sent: list[L2Pdu] = []

    def keep(pdu: L2Pdu) -> L2Pdu:
        sent.append(pdu)
        return pdu

    ue.pdus.edit(L2Pdu, keep, "out", bearer_type=BearerType.SRB, is_data=True)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 once"))
    await ran.core.n2.expect(n2.UplinkNasTransport, nas=b"\x81 once")
    for pdu in sent * 3:
        ue.pdus.send(pdu)
    await ran.core.n2.never(n2.UplinkNasTransport)


@case("CRB-UNBOUND-01", group="crb", role="ran-node", clause=ACKNOWLEDGED,
      purpose="PDUs with the C-RNTI of another UE are dropped: a UE is bound to its address.")  # fmt: skip
async def unbound_source(ran: RanNodeTester) -> None:
    victim, other = await ran.connected_ue(), await ran.connected_ue()
    message = rrc.UplinkInformationTransfer(nas=b"\x81 forged").encode()
    for count in range(8):
        other.pdus.send(l2_pdu(BearerType.SRB, 1, victim.c_rnti, count, message, poll=True))
    await ran.core.n2.never(n2.UplinkNasTransport)
    victim.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 genuine"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=victim.ran_ue, nas=b"\x81 genuine")
