"""Bearers: COUNT, segmentation, poll and status, what belongs to no bearer."""

from __future__ import annotations

from typing import Any

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerMode, QosProfile
from net4ai.codecs.dep import DepType, EchoBody, ErrorBody
from net4ai.codecs.l2 import BearerType, Segmentation, StatusReport
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import L2Pdu, dep_pdu, l2_pdu, with_header
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester
from net4ai.conformance.srb1 import (
    CONNECTED,
    SRB1,
    be_deaf,
    data_pdu,
    hear_again,
    nas_sdu,
    report_pdu,
    segment_pdu,
    status_pdu,
)

ACKNOWLEDGED = "docs/spec/l2.md#7-acknowledged-mode"
UNACKNOWLEDGED = "docs/spec/l2.md#8-unacknowledged-mode"

SENDING = "docs/spec/l2.md#71-sending"
POLLING = "docs/spec/l2.md#72-polling"
POLL_TIMER = "docs/spec/l2.md#73-poll-timer"
STATUS = "docs/spec/l2.md#74-status-reports"
RECEIVING_STATUS = "docs/spec/l2.md#75-receiving-a-status-report"
FAILURE = "docs/spec/l2.md#76-failure"
RECEIVING = "docs/spec/l2.md#77-receiving-data"
ORDER = "docs/spec/l2.md#23-order-of-the-octets"
BINDING = "docs/spec/l2.md#42-binding-of-sources"
BEARERS = "docs/spec/l2.md#3-bearers"
ACKNOWLEDGED_CRB = "docs/spec/l2.md#9-crb-in-acknowledged-mode"

LONG_NAS = bytes(range(256)) * 40
WINDOW = 128
"""PDUs that may be under way."""
NEVER = 0.25
"""Seconds in which something would have come that must not come."""


async def heard(ran: RanNodeTester, ue: PlayedUe, nas: bytes) -> None:
    """The core has had this NAS message of the UE, and none before it that it should not have."""
    came = await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue)
    ran.check(came.nas == nas, f"{nas[:20]!r}, and nothing before it")


async def reported(ue: PlayedUe, next_count: int, missing: list[tuple[int, int]]) -> None:
    """The next status report says this."""
    pdu = await ue.pdus.expect(is_data=False, **SRB1)
    report = StatusReport.from_bytes(pdu.body)
    ranges = [(each.first, each.length) for each in report.missing_ranges()]
    ue.tester.check((report.next_count, ranges) == (next_count, missing), f"next {next_count}, missing {missing}")


async def unheard(ran: RanNodeTester, ue: PlayedUe, nas: bytes = b"\x42") -> L2Pdu:
    """The core says something that the UE's bearer does not acknowledge; its first PDU."""
    ue.pdus.clear()
    be_deaf(ue)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=nas))
    return await ue.pdus.expect(is_data=True, **SRB1)


# ---------------------------------------------------------------------------------------------------------------------
# SRB1


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
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)


@case("CRB-UNBOUND-01", group="crb", role="ran-node", clause=ACKNOWLEDGED,
      purpose="PDUs with the C-RNTI of another UE are dropped: a UE is bound to its address.")  # fmt: skip
async def unbound_source(ran: RanNodeTester) -> None:
    victim, other = await ran.connected_ue(), await ran.connected_ue()
    message = rrc.UplinkInformationTransfer(nas=b"\x81 forged").encode()
    for count in range(8):
        other.pdus.send(l2_pdu(BearerType.SRB, 1, victim.c_rnti, count, message, poll=True))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    victim.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 genuine"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=victim.ran_ue, nas=b"\x81 genuine")


@case("CRB-UNBOUND-02", group="crb", role="ran-node", clause=BINDING,
      purpose="Another port of the same host is another source; its PDUs are dropped and not answered.")  # fmt: skip
async def other_port(ran: RanNodeTester) -> None:
    victim, other = await ran.connected_ue(), await ran.ue()
    for bearer_type, bearer in ((BearerType.SRB, 1), (BearerType.CRB, 1), (BearerType.SRB, 0)):
        for bulk in (False, True):
            other.pdus.send(
                l2_pdu(bearer_type, bearer, victim.c_rnti, CONNECTED, nas_sdu(b"\x81"), poll=True, bulk=bulk)
            )
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    await other.pdus.never(within=0)


@case("CRB-UNBOUND-03", group="crb", role="ran-node", clause=BINDING,
      purpose="A C-RNTI that nobody has is not answered, on any bearer.")  # fmt: skip
async def unknown_c_rnti(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for bearer_type in BearerType:
        for bearer in (0, 1):
            ue.pdus.send(l2_pdu(bearer_type, bearer, 0xFFEF, 0, nas_sdu(b"\x81"), poll=True))
    await ue.pdus.never(within=NEVER)


@case("CRB-COUNT-01", group="crb", role="ran-node", clause=SENDING,
      purpose="COUNT on SRB1 begins at 0 and grows by 1 with each PDU, segments too.")  # fmt: skip
async def counts_from_zero(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    for nas in (b"\x42", LONG_NAS, b"\x43"):
        ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=nas))
        await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=nas)
    counts = [pdu.header.count for pdu in ue.pdus.arrived(L2Pdu, is_data=True, **SRB1)]
    ran.check(counts == list(range(len(counts))), "0, 1, 2, ...")


@case("CRB-COUNT-02", group="crb", role="ran-node", clause=RECEIVING,
      purpose="Uplink begins at COUNT 0: what has another COUNT first waits for it.")  # fmt: skip
async def waits_for_zero(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    setup = await preambles.ask_for_setup(ran, ue)
    ue.take(setup)
    ue.pdus.send(data_pdu(ue, 1, nas_sdu(b"\x81 second"), poll=True))
    await ran.core.n2.never(n2.N2, within=NEVER)
    ue.srb1.send(rrc.SetupComplete(transaction=setup.transaction, nas=b"\x81 first"))
    ue.ran_ue = (await ran.core.n2.expect(n2.InitialUeMessage, nas=b"\x81 first")).ran_ue
    await heard(ran, ue, b"\x81 second")


@case("CRB-SEG-03", group="crb", role="ran-node", clause=SENDING,
      purpose="Segments are a first, middle ones and a last, with offsets that join and COUNTs in a row.")  # fmt: skip
async def shape_of_segments(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=LONG_NAS))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=LONG_NAS)
    pdus = ue.pdus.arrived(L2Pdu, is_data=True, **SRB1)
    kinds = [Segmentation(pdu.header.segmentation) for pdu in pdus]
    middle = [Segmentation.MIDDLE] * (len(pdus) - 2)
    ran.check(kinds == [Segmentation.FIRST, *middle, Segmentation.LAST], "first, middle, last")
    due = len(pdus[0].body)
    for pdu in pdus[1:]:
        ran.check(int.from_bytes(pdu.body[:4], "big") == due, f"offset {due}")
        due += len(pdu.body) - 4
    ran.check([pdu.header.poll for pdu in pdus] == [False] * (len(pdus) - 1) + [True], "a poll in the last one")


@case("CRB-SEG-04", group="crb", role="ran-node", clause=RECEIVING,
      purpose="Segments that come in any order are joined.")  # fmt: skip
async def segments_in_any_order(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    sdu = nas_sdu(b"\x81 in three parts")
    pdus = [
        segment_pdu(ue, CONNECTED, Segmentation.FIRST, 0, sdu[:6]),
        segment_pdu(ue, CONNECTED + 1, Segmentation.MIDDLE, 6, sdu[6:10]),
        segment_pdu(ue, CONNECTED + 2, Segmentation.LAST, 10, sdu[10:]),
    ]
    for pdu in reversed(pdus):
        ue.pdus.send(pdu)
    await heard(ran, ue, b"\x81 in three parts")


@case("CRB-SEG-05", group="crb", role="ran-node", clause=RECEIVING,
      purpose="Segments that do not join: the message is lost, the bearer goes on.")  # fmt: skip
async def wrong_segments(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    sdu, first, last = nas_sdu(b"\x81 lost"), Segmentation.FIRST, Segmentation.LAST
    wrong = [
        (first, 0, sdu[:5]), (last, 6, sdu[5:]),  # a gap
        (first, 0, sdu[:5]), (last, 4, sdu[5:]),  # an overlap
        (last, 5, sdu[5:]),  # no beginning
        (first, 0, sdu[:5]), (first, 0, sdu[:5]), (Segmentation.MIDDLE, 9, sdu),  # two beginnings
    ]  # fmt: skip
    for number, (kind, offset, octets) in enumerate(wrong):
        ue.pdus.send(segment_pdu(ue, CONNECTED + number, kind, offset, octets))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    ue.pdus.send(data_pdu(ue, CONNECTED + len(wrong), nas_sdu(b"\x81 next"), poll=True))
    await heard(ran, ue, b"\x81 next")


@case("CRB-SEG-06", group="crb", role="ran-node", clause=RECEIVING,
      purpose="A message of more than 65536 octets is thrown away, the bearer goes on.")  # fmt: skip
async def too_long(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    part = 1380
    ue.pdus.send(segment_pdu(ue, CONNECTED, Segmentation.FIRST, 0, nas_sdu(b"")[:1] + bytes(part - 1)))
    for number in range(1, 60):
        ue.pdus.send(segment_pdu(ue, CONNECTED + number, Segmentation.MIDDLE, number * part, bytes(part)))
        if number % 20 == 0:
            await ran.sleep(0.02)
    ue.pdus.send(data_pdu(ue, CONNECTED + 60, nas_sdu(b"\x81 next"), poll=True))
    await heard(ran, ue, b"\x81 next")


@case("CRB-LONG-01", group="crb", role="ran-node", clause=ORDER,
      purpose="A PDU of more than 1400 octets is dropped, and its COUNT is not used up.")  # fmt: skip
async def long_pdu(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    longest = 1400 - 8 - 3
    ue.pdus.send(data_pdu(ue, CONNECTED, nas_sdu(bytes(longest + 1)), poll=True))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    ue.pdus.send(data_pdu(ue, CONNECTED, nas_sdu(bytes(longest)), poll=True))
    await heard(ran, ue, bytes(longest))


@case("CRB-EMPTY-01", group="crb", role="ran-node", clause=ORDER,
      purpose="A data PDU without an octet is dropped, and its COUNT is not used up.")  # fmt: skip
async def empty_pdu(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    ue.pdus.send(data_pdu(ue, CONNECTED, b"", poll=True))
    ue.pdus.send(segment_pdu(ue, CONNECTED, Segmentation.LAST, 0, b""))
    await ue.pdus.never(within=NEVER)
    ue.pdus.send(data_pdu(ue, CONNECTED, nas_sdu(b"\x81"), poll=True))
    await heard(ran, ue, b"\x81")


@case("CRB-GAP-01", group="crb", role="ran-node", clause=STATUS,
      purpose="A gap is reported at once, without a poll, and exactly; filled, all is delivered in order.")  # fmt: skip
async def gap(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    await ran.sleep(0.05)
    ue.pdus.clear()
    ue.pdus.send(data_pdu(ue, CONNECTED + 1, nas_sdu(b"\x81\x01")))
    await reported(ue, CONNECTED + 2, [(CONNECTED, 1)])
    ue.pdus.send(data_pdu(ue, CONNECTED + 5, nas_sdu(b"\x81\x05")))
    await reported(ue, CONNECTED + 6, [(CONNECTED, 1), (CONNECTED + 2, 3)])
    await ran.core.n2.never(n2.UplinkNasTransport, within=0)
    for number in (0, 2, 3, 4):
        ue.pdus.send(data_pdu(ue, CONNECTED + number, nas_sdu(bytes((0x81, number)))))
    for number in range(6):
        await heard(ran, ue, bytes((0x81, number)))


@case("CRB-GAP-02", group="crb", role="ran-node", clause=STATUS,
      purpose="At most 64 missing ranges are reported; of what lies behind nothing is said.")  # fmt: skip
async def many_gaps(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for number in range(1, WINDOW, 2):
        ue.pdus.send(data_pdu(ue, CONNECTED + number, nas_sdu(b"\x81"), poll=number > WINDOW - 2))
    await ran.sleep(0.1)
    pdu = ue.pdus.arrived(L2Pdu, is_data=False, **SRB1)[-1]
    report = StatusReport.from_bytes(pdu.body)
    ranges = [(each.first, each.length) for each in report.missing_ranges()]
    ran.check(ranges == [(CONNECTED + number, 1) for number in range(0, WINDOW, 2)], "64 ranges, ascending")
    ran.check(report.next_count == CONNECTED + WINDOW, "the COUNT behind the highest")


@case("CRB-WINDOW-01", group="crb", role="ran-node", clause=RECEIVING,
      purpose="A COUNT 128 ahead of the oldest missing one is dropped, one 127 ahead is kept.")  # fmt: skip
async def edge_of_the_window(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    await ran.sleep(0.05)
    ue.pdus.clear()
    for count in (CONNECTED + WINDOW, CONNECTED + 1000, 0x8000_0000, 0xFFFF_FF00):
        ue.pdus.send(data_pdu(ue, count, nas_sdu(b"\x81 outside"), poll=True))
    await ue.pdus.never(within=NEVER)
    ue.pdus.send(data_pdu(ue, CONNECTED + WINDOW - 1, nas_sdu(b"\x81 inside"), poll=True))
    await reported(ue, CONNECTED + WINDOW, [(CONNECTED, WINDOW - 1)])


@case("CRB-DUP-01", group="crb", role="ran-node", clause=RECEIVING,
      purpose="A duplicate is not delivered; its poll is answered.")  # fmt: skip
async def duplicate(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    pdu = data_pdu(ue, CONNECTED, nas_sdu(b"\x81"), poll=True)
    for _ in range(3):
        await ran.sleep(0.02)
        ue.pdus.clear()
        ue.pdus.send(pdu)
        await reported(ue, CONNECTED + 1, [])
    await heard(ran, ue, b"\x81")
    await ran.core.n2.never(n2.UplinkNasTransport, within=0.1)


@case("CRB-POLL-02", group="crb", role="ran-node", clause=POLL_TIMER,
      purpose="A PDU that is not acknowledged is sent again, with a poll, when the poll timer ends.")  # fmt: skip
async def repeated(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    first = await unheard(ran, ue)
    for _ in range(3):
        again = await ue.pdus.expect(is_data=True, within=1.2, **SRB1)
        ran.check(again == with_header(first, poll=True), "the same PDU, with a poll")
    hear_again(ue)


@case("CRB-STATUS-01", group="crb", role="ran-node", clause=RECEIVING_STATUS,
      purpose="What a status report acknowledges is not sent again.")  # fmt: skip
async def acknowledged(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    pdu = await unheard(ran, ue)
    ue.pdus.send(status_pdu(ue, pdu.header.count + 1))
    await ue.pdus.never(is_data=True, within=1.2, **SRB1)
    hear_again(ue)


@case("CRB-STATUS-02", group="crb", role="ran-node", clause=RECEIVING_STATUS,
      purpose="What a status report misses is sent again at once, and nothing else.")  # fmt: skip
async def missed(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    first = await unheard(ran, ue, LONG_NAS)
    await ran.sleep(0.02)
    sent = [first, *ue.pdus.arrived(L2Pdu, is_data=True, **SRB1)]
    ue.pdus.clear()
    count = first.header.count
    ue.pdus.send(status_pdu(ue, count + len(sent), [(count + 1, 2), (count + 4, 1)]))
    await ran.sleep(0.02)
    again = ue.pdus.arrived(L2Pdu, is_data=True, **SRB1)
    ran.check([pdu.header.count for pdu in again] == [count + 1, count + 2, count + 4], "the three that are missed")
    ran.check(all(pdu.body == sent[pdu.header.count - count].body for pdu in again), "as they were")
    ran.check(again[-1].header.poll, "a poll in the last one")
    hear_again(ue)


@case("CRB-STATUS-03", group="crb", role="ran-node", clause=RECEIVING_STATUS,
      purpose="A status report of what was never sent, or of long ago, is dropped and changes nothing.")  # fmt: skip
async def stale_status(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    pdu = await unheard(ran, ue)
    count = pdu.header.count
    for next_count, missing in (
        (count + 2, []),
        (count + 128, []),
        (0x8000_0000, []),
        ((count - 200) % (1 << 32), []),
        (count + 1, [(count + 5, 1)]),
        (count + 1, [(count, 1), (count + 1, 1)]),
    ):
        ue.pdus.send(status_pdu(ue, next_count, missing))
    await ran.sleep(0.02)
    ran.check(not ue.pdus.arrived(L2Pdu, is_data=True, **SRB1), "nothing sent at once")
    await ue.pdus.expect(is_data=True, count=count, within=1.2, **SRB1)
    hear_again(ue)


@case("CRB-STATUS-04", group="crb", role="ran-node", clause="docs/spec/errors.md#3-layer-2",
      purpose="A malformed status report is dropped and changes nothing.")  # fmt: skip
async def malformed_status(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    pdu = await unheard(ran, ue)
    after = (pdu.header.count + 1).to_bytes(4, "big")
    for body in (after[:3], after + b"\x00", after + bytes(5), after + bytes(6), after + bytes(4) + b"\x00\x00"):
        ue.pdus.send(report_pdu(ue, body))
    await ue.pdus.expect(is_data=True, count=pdu.header.count, within=1.2, **SRB1)
    hear_again(ue)


@case("CRB-WINDOW-02", group="crb", role="ran-node", clause=SENDING,
      purpose="No more than 128 PDUs are under way; the last that can be sent polls.")  # fmt: skip
async def senders_window(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    be_deaf(ue)
    for number in range(WINDOW + 20):
        ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=number.to_bytes(2, "big")))
    await ran.sleep(0.1)
    pdus = ue.pdus.arrived(L2Pdu, is_data=True, **SRB1)
    ran.check(max(pdu.header.count for pdu in pdus) == WINDOW - 1, "COUNT 0 to 127")
    ran.check(any(pdu.header.poll for pdu in pdus if pdu.header.count == WINDOW - 1), "a poll in the last one")
    hear_again(ue)
    for number in range(WINDOW + 20):
        await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=number.to_bytes(2, "big"))


@case("CRB-MAX-01", group="crb", role="ran-node", clause=FAILURE, limit=90,
      purpose="A UE that stays silent is given up after 25 expiries, and the core is asked to release it.")  # fmt: skip
async def silent(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    await unheard(ran, ue)
    await ran.core.n2.expect(
        n2.ContextReleaseRequest, within=ran.statement.times.give_up, ran_ue=ue.ran_ue, cause=Cause.PEER_LOST
    )
    transmissions = 1 + len(ue.pdus.arrived(L2Pdu, is_data=True, **SRB1))
    ran.check(transmissions == 25, "25 transmissions in all")


# ---------------------------------------------------------------------------------------------------------------------
# Computing radio bearers


def probe(bearer: int, echo: int = 1) -> bytes:
    """A DEP PDU that belongs to no session: a bearer that takes it answers ERROR."""
    return dep_pdu(DepType.PING, EchoBody(echo=echo), bearer=bearer, qfi=1, handle=0x0BAD_0000 + echo).encode()


async def answered(session: Session, echo: int) -> None:
    """The next ERROR is about this probe."""
    error = await session.end.dep.expect(DepType.ERROR)
    assert isinstance(error.body, ErrorBody)
    session.end.tester.check(error.body.handle == 0x0BAD_0000 + echo, f"ERROR about PDU {echo}")


def crb_pdu(session: Session, count: int, octets: bytes, **header: Any) -> L2Pdu:
    """A data PDU of the session's bearer, but for `header`."""
    return l2_pdu(BearerType.CRB, session.bearer, session.end.identity, count, octets, **header)


@case("CRB-UNKNOWN-01", group="crb", role="ran-node", clause=BEARERS, rows=("R99",),
      purpose="PDUs of bearers that are not configured are dropped; those of DRBs, too.")  # fmt: skip
async def unknown_bearer(ran: RanNodeTester) -> None:
    session = await ran.session()
    end = session.end
    other = [(BearerType.CRB, number) for number in (0, 33, 63, session.bearer + 1)]
    for bearer_type, bearer in (*other, (BearerType.DRB, 1), (BearerType.FIXED_LINK, 1)):
        for bulk in (False, True):
            end.pdus.send(l2_pdu(bearer_type, bearer, end.identity, 0, probe(1), bulk=bulk))
    await end.pdus.never(bearer_type=BearerType.CRB, within=NEVER)
    end.pdus.send(crb_pdu(session, 0, probe(1)))
    await end.dep.expect(DepType.ERROR)


@case("CRB-UM-01", group="crb", role="ran-node", clause=UNACKNOWLEDGED,
      purpose="In unacknowledged mode segments and status reports are dropped, a poll is ignored.")  # fmt: skip
async def unacknowledged(ran: RanNodeTester) -> None:
    session = await ran.session()
    for segmentation in (Segmentation.FIRST, Segmentation.LAST, Segmentation.MIDDLE):
        session.end.pdus.send(crb_pdu(session, 1, probe(1), segmentation=segmentation))
    session.end.pdus.send(crb_pdu(session, 2, probe(1), is_data=False))
    await session.end.pdus.never(bearer_type=BearerType.CRB, within=NEVER)
    session.end.pdus.send(crb_pdu(session, 3, probe(1), poll=True))
    await session.end.dep.expect(DepType.ERROR)
    await session.end.pdus.never(bearer_type=BearerType.CRB, is_data=False, within=0.1)


@case("CRB-UM-02", group="crb", role="ran-node", clause=UNACKNOWLEDGED,
      purpose="In unacknowledged mode no COUNT is dropped, in any order.")  # fmt: skip
async def any_count(ran: RanNodeTester) -> None:
    session = await ran.session()
    await ran.sleep(0.5)  # for the limit on ERROR
    for echo, count in enumerate((0xFFFF_FFFF, 5, 0x8000_0000, 5), 1):
        session.end.pdus.send(crb_pdu(session, count, probe(1, echo)))
        await answered(session, echo)


@case("CRB-UM-03", group="crb", role="ran-node", clause="docs/spec/l2.md#5-count",
      purpose="COUNT of a CRB begins at 0 downwards and grows by 1 with each PDU.")  # fmt: skip
async def counts_down(ran: RanNodeTester) -> None:
    session = await ran.session()
    await ran.sleep(0.5)  # for the limit on ERROR
    for count in range(4):
        session.end.pdus.send(crb_pdu(session, count, probe(1)))
        await session.end.pdus.expect(bearer_type=BearerType.CRB, bearer=session.bearer, is_data=True, count=count)


async def acknowledged_session(ran: RanNodeTester) -> Session:
    """A session on a bearer in acknowledged mode, of a 5QI that the statement names."""
    five_qis = ran.statement.acknowledged
    if not five_qis:
        ran.inconclusive("the statement names no 5QI in acknowledged mode")
    ue = await ran.registered_ue()
    qos = (QosProfile(five_qi=five_qis[0], priority=5),)
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=1, job=1, qos=qos))
    message = await ue.srb1.expect(rrc.Reconfiguration)
    ran.check([bearer.mode for bearer in message.bearers] == [BearerMode.ACKNOWLEDGED], "acknowledged mode")
    session = preambles.accept_session(ran, ue, message)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=1)
    return session


async def crb_reported(session: Session, next_count: int, missing: list[tuple[int, int]], bulk: bool = False) -> None:
    """The next status report of the session's bearer says this."""
    pdu = await session.end.pdus.expect(bearer_type=BearerType.CRB, bearer=session.bearer, is_data=False, bulk=bulk)
    report = StatusReport.from_bytes(pdu.body)
    ranges = [(each.first, each.length) for each in report.missing_ranges()]
    session.end.tester.check((report.next_count, ranges) == (next_count, missing), f"{next_count}, missing {missing}")


@case("CRB-AM-01", group="crb", role="ran-node", clause=ACKNOWLEDGED_CRB, rows=("R102",),
      options=("acknowledged-crb",),
      purpose="In acknowledged mode a poll is answered by the socket it came by.")  # fmt: skip
async def am_poll(ran: RanNodeTester) -> None:
    session = await acknowledged_session(ran)
    session.end.pdus.send(crb_pdu(session, 0, probe(1), poll=True))
    await crb_reported(session, 1, [])
    session.end.pdus.send(crb_pdu(session, 0, probe(1), poll=True, bulk=True))
    await crb_reported(session, 1, [], bulk=True)


@case("CRB-AM-02", group="crb", role="ran-node", clause=ACKNOWLEDGED_CRB, options=("acknowledged-crb",),
      purpose="In acknowledged mode DEP PDUs are delivered in order, each once, and gaps are reported.")  # fmt: skip
async def am_order(ran: RanNodeTester) -> None:
    session = await acknowledged_session(ran)
    await ran.sleep(0.4)  # for the limit on ERROR
    session.end.pdus.send(crb_pdu(session, 1, probe(1, 2)))
    await crb_reported(session, 2, [(0, 1)])
    await session.end.dep.never(DepType.ERROR, within=0.1)
    for count in (0, 0, 1):
        session.end.pdus.send(crb_pdu(session, count, probe(1, count + 1)))
    for echo in (1, 2):
        await answered(session, echo)
    await session.end.dep.never(DepType.ERROR, within=0.1)


@case("CRB-AM-03", group="crb", role="ran-node", clause=ACKNOWLEDGED_CRB, options=("acknowledged-crb",),
      purpose="On a CRB in acknowledged mode segments and PDUs with a MAC-I are dropped.")  # fmt: skip
async def am_segments(ran: RanNodeTester) -> None:
    session = await acknowledged_session(ran)
    session.end.pdus.send(crb_pdu(session, 0, probe(1), segmentation=Segmentation.FIRST, poll=True))
    session.end.pdus.send(crb_pdu(session, 0, probe(1) + bytes(4), has_mac=True, poll=True))
    await session.end.pdus.never(bearer_type=BearerType.CRB, within=NEVER)
    session.end.pdus.send(crb_pdu(session, 0, probe(1), poll=True))
    await crb_reported(session, 1, [])
