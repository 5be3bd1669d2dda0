"""NAS at a RAN node, which passes it on unread."""

from __future__ import annotations

from net4ai.codecs import n2, rrc
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.pdus import L2Pdu, noise
from net4ai.conformance.ran_node_tester import RanNodeTester
from net4ai.conformance.srb1 import CONNECTED, SRB1, data_pdu, nas_sdu

TRANSPORT = "docs/spec/rrc.md#44-information-transfer"
SETUP = "docs/spec/rrc.md#42-set-up-at-the-ran-node"
CONTEXT = "docs/spec/n2.md#42-initial-context-set-up"
NAS_TRANSPORT = "docs/spec/n2.md#5-nas-transport"

MESSAGES = 20
"""Messages whose order is looked at."""
LONGEST = bytes(range(256)) * 64
"""16384 octets."""
NEVER = 0.25
"""Seconds in which something would have come that must not come."""


@case("NAS-TRANS-01", group="nas", role="ran-node", clause=TRANSPORT,
      purpose="The RAN node passes NAS on unread, both ways.")  # fmt: skip
async def transport(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    octets = bytes(range(256))
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=octets))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=octets)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=octets[::-1]))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=octets[::-1])


@case("NAS-TRANS-02", group="nas", role="ran-node", clause=SETUP,
      purpose="The first NAS message is passed on unread, whatever it is.")  # fmt: skip
async def first_message(ran: RanNodeTester) -> None:
    for number, size in enumerate((1, 300, 5000)):
        ue = await ran.ue()
        setup = await preambles.ask_for_setup(ran, ue)
        ue.take(setup)
        octets = noise(number, size, size)
        ue.srb1.send(rrc.SetupComplete(transaction=setup.transaction, nas=octets))
        ue.ran_ue = (await ran.core.n2.expect(n2.InitialUeMessage, nas=octets)).ran_ue


@case("NAS-TRANS-03", group="nas", role="ran-node", clause=TRANSPORT,
      purpose="NAS up is passed on in order, although every third PDU is lost and comes again later.")  # fmt: skip
async def order_up(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for number in range(MESSAGES):
        if number % 3 == 0:
            ue.pdus.drop(L2Pdu, "out", is_data=True, **SRB1)
        ue.srb1.send(rrc.UplinkInformationTransfer(nas=bytes((0x81, number))))
    for number in range(MESSAGES):
        came = await ran.core.n2.expect(n2.UplinkNasTransport, within=4, ran_ue=ue.ran_ue)
        ran.check(came.nas == bytes((0x81, number)), f"message {number} in its place")
    await ran.core.n2.never(n2.UplinkNasTransport, within=0.1)


@case("NAS-TRANS-04", group="nas", role="ran-node", clause=TRANSPORT,
      purpose="NAS down is passed on in order, whole and once.")  # fmt: skip
async def order_down(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.srb1.clear()
    for number in range(MESSAGES):
        ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=bytes((0x81, number)) + bytes(number * 150)))
    for number in range(MESSAGES):
        came = await ue.srb1.expect(rrc.DownlinkInformationTransfer)
        ran.check(came.nas == bytes((0x81, number)) + bytes(number * 150), f"message {number} in its place")
    await ue.srb1.never(rrc.DownlinkInformationTransfer, within=0.1)


@case("NAS-TRANS-05", group="nas", role="ran-node", clause=TRANSPORT,
      purpose="The longest NAS message passes down; every PDU of it keeps to 1400 octets.")  # fmt: skip
async def longest_down(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.pdus.clear()
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=LONGEST))
    came = await ue.srb1.expect(rrc.DownlinkInformationTransfer, within=5, nas=lambda nas: len(nas) > 1000)
    ran.check(came.nas == LONGEST, "the same octets")
    pdus = ue.pdus.arrived(L2Pdu, is_data=True, **SRB1)
    ran.check(max(len(pdu.encode()) for pdu in pdus) <= 1400, "1400 octets at most")


@case("NAS-TRANS-06", group="nas", role="ran-node", clause=NAS_TRANSPORT,
      purpose="NAS of two UEs is kept apart, both ways.")  # fmt: skip
async def two_ues(ran: RanNodeTester) -> None:
    first, second = await ran.registered_ue(), await ran.connected_ue()
    for ue, text in ((first, b"\x81 first"), (second, b"\x81 second")):
        ue.srb1.clear()
        ue.srb1.send(rrc.UplinkInformationTransfer(nas=text))
        await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=text)
        ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=text))
    for ue, text in ((first, b"\x81 first"), (second, b"\x81 second")):
        await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=text)
        await ue.srb1.never(rrc.DownlinkInformationTransfer, within=0.1)


@case("NAS-TRANS-07", group="nas", role="ran-node", clause=TRANSPORT,
      purpose="After Setup Complete NAS passes both ways before security is on.")  # fmt: skip
async def before_security(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x5d command"))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=b"\x5d command")
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x5e complete"))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=b"\x5e complete")


@case("NAS-CTX-01", group="nas", role="ran-node", clause=CONTEXT,
      purpose="The NAS message of the context is delivered once, before what the core says afterwards.")  # fmt: skip
async def message_of_the_context(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    k_gnb = bytes(range(32))
    ran.core.n2.send(
        n2.InitialContextSetupRequest(
            ran_ue=ue.ran_ue, key=k_gnb, capabilities=preambles.CAPABILITIES, nas=b"\x42 accept"
        )
    )
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42 next"))
    await preambles.take_security(ue, k_gnb)
    for nas in (b"\x42 accept", b"\x42 next"):
        came = await ue.srb1.expect(rrc.DownlinkInformationTransfer)
        ran.check(came.nas == nas, f"{nas!r} in its place")
    await ue.srb1.never(rrc.DownlinkInformationTransfer, within=0.1)


@case("NAS-CTX-02", group="nas", role="ran-node", clause=NAS_TRANSPORT,
      purpose="After the release of a UE nothing more of it reaches the core.")  # fmt: skip
async def after_release(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=1))
    await ue.srb1.expect(rrc.Release)
    ue.pdus.send(data_pdu(ue, CONNECTED, nas_sdu(b"\x81 late"), poll=True))
    await ran.core.n2.never((n2.UplinkNasTransport, n2.InitialUeMessage), within=NEVER)
