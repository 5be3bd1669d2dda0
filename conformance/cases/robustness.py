"""Floods, damage, lies: the target stays calm, and serves who behaves."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.hop_end import HopEnd, Session
from net4ai.conformance.pdus import damaged, noise
from net4ai.conformance.ran_node_tester import RanNodeTester
from net4ai.conformance.ue_tester import UeTester

ERRORS = "docs/spec/errors.md#2-faults-of-a-field"
LIMITS = "docs/spec/dep.md#9-errors"

DATAGRAMS = 400
"""Datagrams of a flood. A burst, not an attack: nothing here asks how much a target bears."""


def flood(end: HopEnd, valid: bytes) -> None:
    """Random octets, and valid octets with some damaged, on both sockets."""
    for number in range(DATAGRAMS):
        octets = noise(number, 200) if number % 2 else damaged(valid, number, L2_HEADER_SIZE)
        end.pdus.inject(octets, bulk=number % 3 == 0)


async def stays_calm(session: Session) -> None:
    """A flood of damage, then an ordinary PING."""
    end = session.end
    header = bytes.fromhex("2081") + end.identity.to_bytes(2, "big") + (1000).to_bytes(4, "big")
    # With a handle nobody has: a damaged PDU that is valid by chance belongs to no session.
    flood(end, header + session.pdu(DepType.PING, EchoBody(echo=1), handle=1).encode())
    session.send(DepType.PING, EchoBody(echo=0x600D))
    await session.expect(DepType.PONG, echo=0x600D)


@case("ROB-FLOOD-01", group="robustness", role="ran-node", clause=ERRORS,
      purpose="Half-open connections in number are refused or forgotten; others get theirs.")  # fmt: skip
async def half_open_flood(ran: RanNodeTester) -> None:
    ue, other = await ran.ue(), await ran.ue()
    for number in range(DATAGRAMS):
        ue.srb0.send(rrc.SetupRequest(ue_identity=number + 1, cause=3, bulk_port=ue.pdus.bulk_port))
    await ue.srb0.expect((rrc.Setup, rrc.Reject), ue_identity=DATAGRAMS)
    await ran.sleep(6)
    with ran.preamble("after the flood"):
        await preambles.ask_for_setup(ran, other)


@case("ROB-FUZZ-01", group="robustness", role="ran-node", clause=ERRORS,
      purpose="Random and damaged SRB0 messages harm nobody.")  # fmt: skip
async def srb0_fuzz(ran: RanNodeTester) -> None:
    ue, other = await ran.ue(), await ran.connected_ue()
    valid = preambles.setup_request(ran, ue).encode()
    for number in range(DATAGRAMS):
        ue.srb0.inject(noise(number, 60) if number % 2 else valid[: 1 + number % (len(valid) - 1)])
    other.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 still there"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=other.ran_ue, nas=b"\x81 still there")


@case("ROB-FUZZ-02", group="robustness", role="ran-node", clause=ERRORS,
      purpose="Random and damaged N2 messages harm nobody.")  # fmt: skip
async def n2_fuzz(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for number in range(DATAGRAMS):
        ran.core.n2.inject(noise(number, 60, 0))
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 still there"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=b"\x81 still there")


@case("ROB-ERROR-11", group="robustness", role="ran-node", clause=LIMITS,
      purpose="ERROR is rate-limited: a hundred unknown handles get some of them.")  # fmt: skip
async def error_rate(ran: RanNodeTester) -> None:
    session = await ran.session()
    for number in range(100):
        session.send(DepType.PING, EchoBody(echo=number), handle=0xDEAD_0000 + number)
    await session.end.dep.expect(DepType.ERROR)
    await ran.sleep(0.2)
    ran.check(len(session.end.dep.arrived()) < 50, "fewer than half of them answered")


@case("ROB-FUZZ-11", group="robustness", role="ue", clause=ERRORS, purpose="Random and damaged PDUs harm nobody.")
async def ue_fuzz(ran: UeTester) -> None:
    await stays_calm(await ran.session())


@case("ROB-FUZZ-21", group="robustness", role="function", clause=ERRORS, purpose="Random and damaged PDUs harm nobody.")
async def function_fuzz(function: FunctionTester) -> None:
    await stays_calm(await function.session())
