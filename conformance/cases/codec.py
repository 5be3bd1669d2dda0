"""Encoding: reserved bits, truncated and unknown messages, extreme values."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import l2_pdu, truncations, with_bits
from net4ai.conformance.ran_node_tester import RanNodeTester

ERRORS = "docs/spec/errors.md#2-faults-of-a-field"
RESERVED = "docs/spec/errors.md#2-faults-of-a-field"
LAYER_2 = "docs/spec/l2.md#21-header"


@case("COD-TRUNC-01", group="codec", role="ran-node", clause=ERRORS, purpose="A truncated Setup Request is dropped.")
async def truncated_setup_request(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    whole = preambles.setup_request(ran, ue).encode()
    for part in truncations(whole)[1:]:
        ue.srb0.inject(part)
    await ue.srb0.never(rrc.Rrc)
    await preambles.ask_for_setup(ran, ue)


@case("COD-TRUNC-02", group="codec", role="ran-node", clause=LAYER_2, purpose="A truncated layer-2 header is dropped.")
async def truncated_header(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    for length in range(1, L2_HEADER_SIZE + 1):
        ue.pdus.inject(bytes(length))
    await ue.pdus.never()
    await preambles.ask_for_setup(ran, ue)


@case("COD-UNKNOWN-01", group="codec", role="ran-node", clause=ERRORS, purpose="An unknown RRC message is dropped.")
async def unknown_rrc(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.srb1.inject(bytes((0xEE, 1, 2, 3)))
    await ue.srb1.never(rrc.Release)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 still there"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=b"\x81 still there")


@case("COD-BEARER-01", group="codec", role="ran-node", clause=LAYER_2, purpose="SRB1 messages do not pass on SRB0.")
async def wrong_bearer(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    ue.srb0.send(rrc.SetupComplete(transaction=0, nas=b"x"))
    ue.pdus.send(l2_pdu(BearerType.DRB, 0, 0, 0, preambles.setup_request(ran, ue).encode()))
    await ue.srb0.never(rrc.Rrc)
    await ran.core.n2.never(n2.InitialUeMessage)


@case("COD-N2-01", group="codec", role="ran-node", clause=ERRORS, purpose="A malformed N2 message breaks nothing.")
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
