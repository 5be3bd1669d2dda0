"""Encoding at a RAN node and an application server: reserved bits, truncated and unknown messages, extreme values."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType, Segmentation
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import L2Pdu, l2_pdu, truncations, with_bits, with_octet
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester
from net4ai.conformance.srb1 import CONNECTED, data_pdu

ERRORS = "docs/spec/errors.md#2-faults-of-a-field"
RESERVED = "docs/spec/errors.md#2-faults-of-a-field"
RRC_ERRORS = "docs/spec/errors.md#4-rrc"
LAYER_2 = "docs/spec/l2.md#21-header"
SRB0 = "docs/spec/l2.md#6-srb0"
SOCKETS = "docs/spec/l2.md#41-two-sockets"
UNKNOWN_CODES = "docs/spec/README.md#33-codes-that-are-not-known"
N2_ERRORS = "docs/spec/errors.md#6-n2"

NEVER = 0.25
"""Seconds in which an answer would have come that must not come."""


def srb0_pdu(ran: RanNodeTester, ue: PlayedUe, **header: object) -> L2Pdu:
    """An RRC Setup Request in a PDU whose header is as SRB0 wants it but for these fields."""
    fields: dict[str, object] = {"bearer_type": BearerType.SRB, "bearer": 0, "c_rnti": 0, "count": 0}
    return l2_pdu(body=preambles.setup_request(ran, ue).encode(), **fields | header)  # type: ignore[arg-type]


@case("COD-TRUNC-01", group="codec", role="ran-node", clause=ERRORS, purpose="A truncated Setup Request is dropped.")
async def truncated_setup_request(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    whole = preambles.setup_request(ran, ue).encode()
    for part in truncations(whole)[1:]:
        ue.srb0.inject(part)
    await ue.srb0.never(rrc.Rrc, within=NEVER)
    await preambles.ask_for_setup(ran, ue)


@case("COD-TRUNC-02", group="codec", role="ran-node", clause=LAYER_2, purpose="A truncated layer-2 header is dropped.")
async def truncated_header(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for length in range(1, L2_HEADER_SIZE + 1):
        ue.pdus.inject(bytes(length))
    await ue.pdus.never(within=NEVER)
    await preambles.ask_for_setup(ran, ue)


@case("COD-TRUNC-03", group="codec", role="ran-node", clause=ERRORS,
      purpose="A Setup Complete truncated anywhere is dropped; a whole one is taken afterwards.")  # fmt: skip
async def truncated_completion(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    setup = await preambles.ask_for_setup(ran, ue)
    ue.take(setup)
    whole = rrc.SetupComplete(transaction=setup.transaction, nas=b"\x81\x82\x83").encode()
    for part in truncations(whole)[1:]:
        ue.srb1.inject(part)
    await ran.core.n2.never(n2.InitialUeMessage, within=NEVER)
    ue.srb1.inject(whole)
    ue.ran_ue = (await ran.core.n2.expect(n2.InitialUeMessage, nas=b"\x81\x82\x83")).ran_ue


@case("COD-TRUNC-04", group="codec", role="ran-node", clause=ERRORS,
      purpose="A Session Setup Request truncated anywhere reaches no UE.")  # fmt: skip
async def truncated_session_setup(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    whole = n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=1, job=1, qos=(preambles.QOS,)).encode()
    for part in truncations(whole)[1:]:
        ran.core.n2.inject(part)
    await ue.srb1.never(rrc.Reconfiguration, within=NEVER)
    await ran.session(ue)


@case("COD-OVER-01", group="codec", role="ran-node", clause=ERRORS,
      purpose="A Setup Request with octets left over is dropped.")  # fmt: skip
async def left_over(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for more in (b"\x00", b"\x00" * 4, b"\xff" * 100):
        ue.srb0.inject(preambles.setup_request(ran, ue).encode() + more)
    await ue.srb0.never(rrc.Rrc, within=NEVER)


@case("COD-OVER-02", group="codec", role="ran-node", clause=ERRORS,
      purpose="An N2 message with octets left over is not carried out.")  # fmt: skip
async def left_over_n2(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.inject(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=1).encode() + b"\x00")
    await ran.core.n2.never(n2.ContextReleaseComplete, within=NEVER)
    await ue.srb1.never(rrc.Release, within=NEVER)


@case("COD-RANGE-01", group="codec", role="ran-node", clause=ERRORS,
      purpose="A number outside its range makes a message malformed: bulk port 0, cell 1008, C-RNTI 0.")  # fmt: skip
async def out_of_range(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    whole = preambles.setup_request(ran, ue).encode()
    ue.srb0.inject(whole[:-2] + b"\x00\x00")
    reestablish = rrc.ReestablishmentRequest(
        ue_identity=1, cell=1, c_rnti=1, short_mac=0, cause=0, bulk_port=ue.pdus.bulk_port
    ).encode()
    ue.srb0.inject(with_octet(with_octet(reestablish, 9, 0x03), 10, 0xF0))
    ue.srb0.inject(with_octet(with_octet(reestablish, 11, 0), 12, 0))
    await ue.srb0.never(rrc.Rrc, within=NEVER)


@case("COD-RANGE-02", group="codec", role="ran-node", clause=ERRORS,
      purpose="System Information Request of another version is dropped: a constant is a constant.")  # fmt: skip
async def other_version(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    whole = rrc.SystemInformationRequest().encode()
    for version in (0, 2, 255):
        ue.srb0.inject(with_octet(whole, 1, version))
    await ue.srb0.never(rrc.Rrc, within=NEVER)
    ue.srb0.inject(whole)
    await ue.srb0.expect(rrc.SystemInformation)


@case("COD-RANGE-03", group="codec", role="ran-node", clause=ERRORS,
      purpose="A transaction beyond 3 makes a message malformed.")  # fmt: skip
async def transaction_beyond_three(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    ue.take(await preambles.ask_for_setup(ran, ue))
    ue.srb1.inject(with_octet(rrc.SetupComplete(transaction=0, nas=b"\x81").encode(), 1, 4))
    await ran.core.n2.never(n2.InitialUeMessage, within=NEVER)
    ue.srb1.send(rrc.SetupComplete(transaction=0, nas=b"\x82"))
    ue.ran_ue = (await ran.core.n2.expect(n2.InitialUeMessage, nas=b"\x82")).ran_ue


@case("COD-MAX-01", group="codec", role="ran-node", clause=ERRORS,
      purpose="A NAS message of 16384 octets passes, one of 16385 makes its message malformed.")  # fmt: skip
async def longest_nas(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    longest = bytes(range(256)) * 64
    head = rrc.UplinkInformationTransfer(nas=b"").encode()[:1]
    ue.srb1.inject(head + (len(longest) + 1).to_bytes(2, "big") + longest + b"\x00")
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=longest))
    first = await ran.core.n2.expect(n2.UplinkNasTransport, within=5, ran_ue=ue.ran_ue)
    ran.check(first.nas == longest, "the message of 16384 octets, and none before it")


@case("COD-MAX-02", group="codec", role="ran-node", clause=ERRORS, options=("error-indication", "several-flows"),
      purpose="A list as long as allowed is taken; one element more makes the message malformed.")  # fmt: skip
async def longest_list(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    *eight, ninth = (QosProfile(five_qi=131, priority=priority) for priority in range(1, 10))
    request = n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=1, job=1, qos=tuple(eight))
    whole = request.encode()
    count = len(whole) - sum(len(each.to_bytes()) for each in eight) - 1
    ran.core.n2.inject(with_octet(whole, count, 9) + ninth.to_bytes())
    await ran.core.n2.expect(n2.ErrorIndication, cause=Cause.MALFORMED_MESSAGE, message_type=request.CODE)
    ran.core.n2.send(request)
    message = await ue.srb1.expect(rrc.Reconfiguration)
    ran.check(len(message.bearers) == 8, "eight QoS flows, on as many bearers")
    preambles.accept_session(ran, ue, message)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=1)


@case("COD-CODE-01", group="codec", role="ran-node", clause=UNKNOWN_CODES,
      purpose="A Setup Request with an unknown establishment cause is served.")  # fmt: skip
async def unknown_establishment_cause(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for cause in (0, 5, 200, 255):
        request = rrc.SetupRequest(ue_identity=ran.random_number(64), cause=cause, bulk_port=ue.pdus.bulk_port)
        ue.srb0.send(request)
        await ue.srb0.expect(rrc.Setup, ue_identity=request.ue_identity)


@case("COD-UNKNOWN-01", group="codec", role="ran-node", clause=ERRORS, purpose="An unknown RRC message is dropped.")
async def unknown_rrc(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.srb1.inject(bytes((0xEE, 1, 2, 3)))
    await ue.srb1.never(rrc.Release, within=NEVER)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 still there"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=b"\x81 still there")


@case("COD-UNKNOWN-02", group="codec", role="ran-node", clause=RRC_ERRORS,
      purpose="Unknown message types on SRB0 are dropped without answer.")  # fmt: skip
async def unknown_srb0(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    body = preambles.setup_request(ran, ue).encode()[1:]
    for kind in (0x00, 0x15, 0x7F, 0xFF):
        ue.srb0.inject(bytes((kind,)) + body)
    await ue.pdus.never(within=NEVER)


@case("COD-DIRECTION-01", group="codec", role="ran-node", clause=RRC_ERRORS,
      purpose="RRC messages that only a RAN node sends are dropped, on SRB0 and SRB1.")  # fmt: skip
async def wrong_direction(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    for message in (
        rrc.Setup(transaction=0, ue_identity=1, c_rnti=1, bulk_port=1),
        rrc.Reject(ue_identity=1, wait_time=0, cause=0),
        rrc.Paging(records=(rrc.PagingRecord(temporary_identity=1),)),
        rrc.SystemInformation(cell=1, period=1000, barred=False),
    ):
        ue.srb0.send(message)
    ue.srb1.send(rrc.DownlinkInformationTransfer(nas=b"\x81"))
    ue.srb1.send(rrc.Release(transaction=0, cause=1))
    await ran.core.n2.never(n2.N2, within=NEVER)
    ran.check(not ue.pdus.arrived(is_data=True), "nothing but acknowledgements")


@case("COD-BEARER-01", group="codec", role="ran-node", clause=LAYER_2, purpose="SRB1 messages do not pass on SRB0.")
async def wrong_bearer(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    ue.srb0.send(rrc.SetupComplete(transaction=0, nas=b"x"))
    ue.pdus.send(l2_pdu(BearerType.DRB, 0, 0, 0, preambles.setup_request(ran, ue).encode()))
    await ue.srb0.never(rrc.Rrc, within=NEVER)
    await ran.core.n2.never(n2.InitialUeMessage, within=NEVER)


@case("COD-BEARER-02", group="codec", role="ran-node", clause=SRB0,
      purpose="On SRB0 segments, status reports and PDUs with a MAC-I are dropped.")  # fmt: skip
async def wrong_srb0_header(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for segmentation in (Segmentation.FIRST, Segmentation.LAST, Segmentation.MIDDLE):
        ue.pdus.send(srb0_pdu(ran, ue, segmentation=segmentation))
    ue.pdus.send(srb0_pdu(ran, ue, is_data=False))
    ue.pdus.send(srb0_pdu(ran, ue, has_mac=True))
    await ue.srb0.never(rrc.Rrc, within=NEVER)


@case("COD-BEARER-03", group="codec", role="ran-node", clause=SRB0,
      purpose="A Setup Request on another bearer than SRB0, or with a C-RNTI that nobody has, is dropped.")  # fmt: skip
async def not_srb0(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for header in (
        {"bearer": 1},
        {"bearer": 63},
        {"bearer_type": BearerType.CRB},
        {"bearer_type": BearerType.FIXED_LINK},
        {"c_rnti": 0xFFEF},
        {"c_rnti": 0xFFFF},
    ):
        ue.pdus.send(srb0_pdu(ran, ue, **header))
    await ue.pdus.never(within=NEVER)


@case("COD-BEARER-04", group="codec", role="ran-node", clause=SRB0,
      purpose="SRB1 messages of a connected UE, sent on SRB0, are dropped.")  # fmt: skip
async def srb1_on_srb0(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.srb0.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)


@case("COD-BEARER-05", group="codec", role="ran-node", clause=RRC_ERRORS,
      purpose="SRB0 messages on SRB1 are dropped: no second connection, no System Information.")  # fmt: skip
async def srb0_on_srb1(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.srb1.send(preambles.setup_request(ran, ue))
    ue.srb1.send(rrc.SystemInformationRequest())
    await ue.srb0.never(rrc.Rrc, within=NEVER)


@case("COD-BULK-01", group="codec", role="ran-node", clause=SOCKETS,
      purpose="Signalling on the bulk socket is dropped, on SRB0 and SRB1.")  # fmt: skip
async def signalling_on_bulk(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.send(srb0_pdu(ran, ue, bulk=True))
    sdu = rrc.UplinkInformationTransfer(nas=b"\x81").encode()
    ue.pdus.send(data_pdu(ue, CONNECTED, sdu, poll=True, bulk=True))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    await ue.srb0.never(rrc.Rrc, within=0)


@case("COD-VERSION-01", group="codec", role="ran-node", clause=LAYER_2,
      purpose="A PDU of another version of layer 2 is dropped.")  # fmt: skip
async def other_layer_2_version(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    octets = srb0_pdu(ran, ue).encode()
    for version in (1, 2, 3):
        ue.pdus.inject(with_bits(octets, 0, version << 6))
    await ue.srb0.never(rrc.Rrc, within=NEVER)
    await preambles.ask_for_setup(ran, ue)


@case("COD-N2-01", group="codec", role="ran-node", clause=N2_ERRORS, purpose="A malformed N2 message breaks nothing.")
async def malformed_n2(ran: RanNodeTester) -> None:
    await ran.core.ready()
    for octets in (b"", b"\xee", b"\x07\x00\x00"):
        ran.core.n2.inject(octets)
    await ran.connected_ue()


async def reserved_dep_bits(session: Session) -> None:
    """Reserved bits of the DEP header are ignored."""
    octets = session.pdu(DepType.PING, EchoBody(echo=5), message_id=3).encode()
    session.end.dep.inject(with_bits(octets, 1, 0x1F), bearer=session.bearer)
    await session.expect(DepType.PONG, echo=5, message_id=3)


@case("COD-RES-21", group="codec", role="function", clause=RESERVED, purpose="Reserved bits of DEP are ignored.")
async def function_reserved_bits(function: FunctionTester) -> None:
    await reserved_dep_bits(await function.session())
