"""RRC security at a RAN node: its start, what is protected from then on, what is dropped."""

from __future__ import annotations

from dataclasses import replace

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities
from net4ai.codecs.l2 import Segmentation
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.pdus import L2Pdu, with_octet
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester
from net4ai.conformance.srb1 import (
    CONNECTED,
    SECURED,
    SRB1,
    be_deaf,
    data_pdu,
    hear_again,
    keys,
    nas_sdu,
    protected_pdu,
    status_pdu,
    with_mac,
)
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.srb_security import SrbSecurity

MODE = "docs/spec/rrc.md#5-security-mode"
AT_NODE = "docs/spec/security.md#44-activation-at-the-ran-node"
SENDING = "docs/spec/security.md#41-sending"
STATUS = "docs/spec/security.md#42-status-reports"
RECEIVING = "docs/spec/security.md#46-receiving"
CONTEXT = "docs/spec/n2.md#42-initial-context-set-up"
COUNT = "docs/spec/l2.md#5-count"

NEVER = 0.25
"""Seconds in which something would have come that must not come."""
K_GNB = bytes(range(32))
NAS = b"\x42 the core's answer"


def initial_context(ue: PlayedUe, **fields: object) -> n2.InitialContextSetupRequest:
    """What starts security: a good request, but for `fields`."""
    usual: dict[str, object] = {"key": K_GNB, "capabilities": preambles.CAPABILITIES, "nas": NAS}
    return n2.InitialContextSetupRequest(ran_ue=ue.ran_ue, **usual | fields)  # type: ignore[arg-type]


async def commanded(ran: RanNodeTester) -> tuple[PlayedUe, rrc.SecurityModeCommand]:
    """A UE that has its Security Mode Command and has not answered."""
    ue = await ran.connected_ue()
    ran.core.n2.send(initial_context(ue))
    with ran.preamble("security mode"):
        return ue, await ue.srb1.expect(rrc.SecurityModeCommand)


async def heard(ran: RanNodeTester, ue: PlayedUe, nas: bytes) -> None:
    """The core has had this NAS message of the UE, and none before it that it should not have."""
    came = await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue)
    ran.check(came.nas == nas, f"{nas!r}, and nothing before it")


# ---------------------------------------------------------------------------------------------------------------------
# Start


@case("RRC-MODE-01", group="rrc", role="ran-node", clause=AT_NODE,
      purpose="Security Mode Command is whole, in clear, and protected with keys derived from K_gNB.")  # fmt: skip
async def command_is_protected(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ue.pdus.clear()
    ran.core.n2.send(initial_context(ue))
    pdu = await ue.pdus.expect(is_data=True, segmentation=Segmentation.COMPLETE, has_mac=True, ciphered=False, **SRB1)
    command = await ue.srb1.expect(rrc.SecurityModeCommand)
    security = SrbSecurity(K_GNB, command.integrity, command.ciphering, Direction.UPLINK)
    clear = security.unprotect(pdu.header.to_bytes(), pdu.body, pdu.header.count, 1, False)
    ran.check(clear == command.encode(), "a MAC-I that the keys of K_gNB verify")


@case("RRC-MODE-02", group="rrc", role="ran-node", clause=MODE,
      purpose="After Complete, and not before, the core has its answer and the UE its NAS message.")  # fmt: skip
async def order(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    ran.core.n2.send(initial_context(ue))
    await ran.core.n2.never(n2.InitialContextSetupResponse, within=NEVER)
    await ue.nas.never(object, within=0)
    await preambles.take_security(ue, K_GNB)
    await ran.core.n2.expect(n2.InitialContextSetupResponse, ran_ue=ue.ran_ue)
    transfer = await ue.srb1.expect(rrc.DownlinkInformationTransfer)
    ran.check(transfer.nas == NAS, "the NAS message of the request")


@case("RRC-MODE-03", group="rrc", role="ran-node", clause=AT_NODE,
      purpose="Nothing else goes down between Security Mode Command and Complete.")  # fmt: skip
async def nothing_between(ran: RanNodeTester) -> None:
    ue, _ = await commanded(ran)
    ue.pdus.clear()
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42 waits"))
    await ue.pdus.never(is_data=True, within=0.15)
    ue.srb1.send(rrc.SecurityModeFailure(transaction=0, cause=Cause.INTEGRITY_FAILURE))


@case("RRC-MODE-04", group="rrc", role="ran-node", clause=MODE,
      purpose="A UE without the algorithms: the context fails, the connection goes on.")  # fmt: skip
async def no_common_algorithm(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for capabilities in (
        SecurityCapabilities(integrity=0, ciphering=0),
        SecurityCapabilities(integrity=8, ciphering=8),
    ):
        ran.core.n2.send(initial_context(ue, capabilities=capabilities))
        await ran.core.n2.expect(
            n2.InitialContextSetupFailure, ran_ue=ue.ran_ue, cause=Cause.SECURITY_CAPABILITIES_MISMATCH
        )
    await ue.srb1.never(object, within=NEVER)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await heard(ran, ue, b"\x81")


@case("RRC-MODE-05", group="rrc", role="ran-node", clause=CONTEXT,
      purpose="A key of other than 32 octets: the context fails, no command is sent.")  # fmt: skip
async def short_key(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for size in (0, 16, 31):
        ran.core.n2.send(initial_context(ue, key=bytes(size)))
        await ran.core.n2.expect(n2.InitialContextSetupFailure, ran_ue=ue.ran_ue, cause=Cause.MALFORMED_MESSAGE)
    await ue.srb1.never(object, within=NEVER)


@case("RRC-MODE-06", group="rrc", role="ran-node", clause=MODE,
      purpose="Security Mode Failure reaches the core with its cause; the NAS message is not delivered.")  # fmt: skip
async def refused_by_the_ue(ran: RanNodeTester) -> None:
    ue, command = await commanded(ran)
    ue.srb1.send(rrc.SecurityModeFailure(transaction=command.transaction, cause=Cause.INTEGRITY_FAILURE))
    await ran.core.n2.expect(n2.InitialContextSetupFailure, ran_ue=ue.ran_ue, cause=Cause.INTEGRITY_FAILURE)
    await ue.srb1.never(rrc.DownlinkInformationTransfer, within=NEVER)


@case("RRC-MODE-07", group="rrc", role="ran-node", clause=MODE,
      purpose="After Security Mode Failure the connection goes on unsecured, both ways.")  # fmt: skip
async def goes_on_unsecured(ran: RanNodeTester) -> None:
    ue, command = await commanded(ran)
    ue.srb1.send(rrc.SecurityModeFailure(transaction=command.transaction, cause=Cause.INTEGRITY_FAILURE))
    await ran.core.n2.expect(n2.InitialContextSetupFailure, ran_ue=ue.ran_ue)
    # Its bearer would wait for the command to be verified, or refused.
    ue.bound().signalling.refuse_unverified()
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await heard(ran, ue, b"\x81")
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42"))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=b"\x42")


@case("RRC-MODE-08", group="rrc", role="ran-node", clause=MODE,
      purpose="A Security Mode Complete in clear is dropped; the protected one counts.")  # fmt: skip
async def complete_in_clear(ran: RanNodeTester) -> None:
    ue, command = await commanded(ran)
    complete = rrc.SecurityModeComplete(transaction=command.transaction).encode()
    ue.pdus.send(data_pdu(ue, CONNECTED, complete, poll=True))
    await ran.core.n2.never(n2.InitialContextSetupResponse, within=NEVER)
    security = SrbSecurity(K_GNB, command.integrity, command.ciphering, Direction.UPLINK)
    ue.pdus.send(with_mac(data_pdu(ue, CONNECTED + 1, complete, poll=True, has_mac=True), security))
    await ran.core.n2.expect(n2.InitialContextSetupResponse, ran_ue=ue.ran_ue)
    ue.bound().signalling.accept_unverified(security)


@case("RRC-MODE-09", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="A Security Mode Complete with a wrong MAC-I is dropped and changes nothing.")  # fmt: skip
async def complete_with_wrong_mac(ran: RanNodeTester) -> None:
    ue, command = await commanded(ran)
    complete = rrc.SecurityModeComplete(transaction=command.transaction).encode()
    forged = SrbSecurity(bytes(32), command.integrity, command.ciphering, Direction.UPLINK)
    right = SrbSecurity(K_GNB, command.integrity, command.ciphering, Direction.UPLINK)
    pdu = data_pdu(ue, CONNECTED, complete, poll=True, has_mac=True)
    ue.pdus.send(with_mac(pdu, forged))
    await ran.core.n2.never(n2.InitialContextSetupResponse, within=NEVER)
    ue.pdus.send(with_mac(pdu, right))
    await ran.core.n2.expect(n2.InitialContextSetupResponse, ran_ue=ue.ran_ue)
    ue.bound().signalling.accept_unverified(right)


@case("RRC-MODE-10", group="rrc", role="ran-node", clause="docs/spec/rrc.md#2-messages",
      purpose="A Security Mode Failure with another transaction is dropped.")  # fmt: skip
async def failure_of_another_transaction(ran: RanNodeTester) -> None:
    ue, command = await commanded(ran)
    other = (command.transaction + 1) % 4
    ue.srb1.send(rrc.SecurityModeFailure(transaction=other, cause=Cause.INTEGRITY_FAILURE))
    await ran.core.n2.never(n2.InitialContextSetupFailure, within=NEVER)


@case("RRC-MODE-11", group="rrc", role="ran-node", clause=MODE, options=("short-timers",),
      purpose="Without an answer the context fails, and the connection is unsecured as before.")  # fmt: skip
async def no_answer(ran: RanNodeTester) -> None:
    ue, _ = await commanded(ran)
    await ran.core.n2.expect(
        n2.InitialContextSetupFailure, within=ran.timer("security-mode") + 1, ran_ue=ue.ran_ue, cause=Cause.TIMEOUT
    )
    ue.bound().signalling.refuse_unverified()
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await heard(ran, ue, b"\x81")
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42"))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=b"\x42")


@case("RRC-MODE-12", group="rrc", role="ran-node", clause=CONTEXT,
      purpose="Security starts once: a second request fails, and the keys stay.")  # fmt: skip
async def once(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ran.core.n2.send(initial_context(ue))
    await ran.core.n2.expect(n2.InitialContextSetupFailure, ran_ue=ue.ran_ue, cause=Cause.UNEXPECTED_MESSAGE)
    await ue.srb1.never(rrc.SecurityModeCommand, within=0.1)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await heard(ran, ue, b"\x81")


@case("RRC-MODE-13", group="rrc", role="ran-node", clause=CONTEXT, options=("error-indication",),
      purpose="A second request while one is under way: Error Indication; the first goes on.")  # fmt: skip
async def under_way(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    await ran.sleep(0.2)  # for the limit on Error Indications
    ran.core.n2.send(initial_context(ue))
    ran.core.n2.send(initial_context(ue, key=bytes(32)))
    await ran.core.n2.expect(n2.ErrorIndication, cause=Cause.UNEXPECTED_MESSAGE, ran_ue=ue.ran_ue)
    await preambles.take_security(ue, K_GNB)
    await ran.core.n2.expect(n2.InitialContextSetupResponse, ran_ue=ue.ran_ue)


@case("RRC-MODE-14", group="rrc", role="ran-node", clause="docs/spec/rrc.md#2-messages",
      purpose="Before security what needs it is dropped: Complete of nothing, reports.")  # fmt: skip
async def too_early(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    for message in (
        rrc.SecurityModeComplete(transaction=0),
        rrc.SecurityModeFailure(transaction=0, cause=0),
        rrc.ReconfigurationComplete(transaction=0, sessions=()),
        rrc.ReestablishmentComplete(transaction=0),
        rrc.MeasurementReport(measurement=1, cells=()),
        rrc.ChannelQualityReport(cqi=7, rate=29_531),
    ):
        ue.srb1.send(message)
    await ran.core.n2.never(n2.N2, within=NEVER)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await heard(ran, ue, b"\x81")


# ---------------------------------------------------------------------------------------------------------------------
# Protection, once it is on


@case("RRC-PROT-01", group="rrc", role="ran-node", clause=AT_NODE,
      purpose="After Complete everything down is integrity protected and enciphered.")  # fmt: skip
async def protected_down(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.pdus.clear()
    for number in range(3):
        nas = b"\x42 plain text to be looked for " + bytes((number,))
        ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=nas))
        await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=nas)
        pdu = await ue.pdus.expect(is_data=True, has_mac=True, ciphered=True, **SRB1)
        ran.check(b"plain text" not in pdu.body, "no plain text")


@case("RRC-PROT-02", group="rrc", role="ran-node", clause=STATUS,
      purpose="Status reports have a MAC-I, are not enciphered, and count by one.")  # fmt: skip
async def protected_status(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.pdus.clear()
    counts = []
    for number in range(3):
        ue.srb1.send(rrc.UplinkInformationTransfer(nas=bytes((0x81, number))))
        pdu = await ue.pdus.expect(is_data=False, has_mac=True, ciphered=False, **SRB1)
        clear = keys(ue).unprotect(pdu.header.to_bytes(), pdu.body, pdu.header.count, 1, False)
        ran.check(clear is not None, "a MAC-I that verifies")
        counts.append(pdu.header.count - number)
    ran.check(len(set(counts)) == 1, "COUNT grows by 1")


@case("RRC-PROT-03", group="rrc", role="ran-node", clause=SENDING,
      purpose="A repetition is the same PDU but for poll bit and MAC-I.")  # fmt: skip
async def repetition(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    ue.pdus.clear()
    be_deaf(ue)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42"))
    first = await ue.pdus.expect(is_data=True, **SRB1)
    again = await ue.pdus.expect(is_data=True, count=first.header.count, **SRB1)
    ran.check(again.body[:-4] == first.body[:-4], "the same octets before the MAC-I")
    ran.check(replace(again.header, poll=True) == replace(first.header, poll=True), "the same header but for poll")
    hear_again(ue)


@case("RRC-PROT-04", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="Uplink without MAC-I is dropped, and does not move the window.")  # fmt: skip
async def unprotected_up(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.pdus.send(data_pdu(ue, SECURED, nas_sdu(b"\x81 forged"), poll=True))
    ue.pdus.send(data_pdu(ue, SECURED + 1, nas_sdu(b"\x81 forged"), poll=True))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    ue.pdus.send(protected_pdu(ue, SECURED, nas_sdu(b"\x81 genuine"), poll=True))
    await heard(ran, ue, b"\x81 genuine")


@case("RRC-PROT-05", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="Uplink with a wrong MAC-I, any number of times, is dropped and changes nothing.")  # fmt: skip
async def wrong_mac(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    right = protected_pdu(ue, SECURED, nas_sdu(b"\x81 genuine"), poll=True)
    for place in range(len(right.body)):
        ue.pdus.send(replace(right, body=with_octet(right.body, place, right.body[place] ^ 1)))
    await ran.core.n2.never(n2.N2, within=NEVER)
    ue.pdus.send(right)
    await heard(ran, ue, b"\x81 genuine")


@case("RRC-PROT-06", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="The MAC-I covers the header: with another COUNT or poll bit a PDU is dropped.")  # fmt: skip
async def header_is_covered(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    right = protected_pdu(ue, SECURED, nas_sdu(b"\x81 genuine"), poll=True)
    for changed in ({"count": SECURED + 1}, {"poll": False}, {"segmentation": Segmentation.FIRST}):
        ue.pdus.send(replace(right, header=replace(right.header, **changed)))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    ue.pdus.send(right)
    await heard(ran, ue, b"\x81 genuine")


@case("RRC-PROT-07", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="With ciphering on, uplink that is not enciphered is dropped.")  # fmt: skip
async def not_enciphered(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.pdus.send(protected_pdu(ue, SECURED, nas_sdu(b"\x81 in clear"), ciphered=False, poll=True))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    ue.pdus.send(protected_pdu(ue, SECURED, nas_sdu(b"\x81 enciphered"), poll=True))
    await heard(ran, ue, b"\x81 enciphered")


@case("RRC-PROT-08", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="Uplink that says it is enciphered and has no MAC-I is dropped, also before security.")  # fmt: skip
async def enciphered_without_mac(ran: RanNodeTester) -> None:
    early, ue = await ran.connected_ue(), await ran.registered_ue()
    early.pdus.send(data_pdu(early, CONNECTED, nas_sdu(b"\x81"), ciphered=True, poll=True))
    ue.pdus.send(data_pdu(ue, SECURED, nas_sdu(b"\x81"), ciphered=True, poll=True))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)


@case("RRC-PROT-09", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="A PDU with a MAC-I is dropped while there are no keys.")  # fmt: skip
async def mac_without_keys(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    security = SrbSecurity(K_GNB, 2, 2, Direction.UPLINK)
    ue.pdus.send(with_mac(data_pdu(ue, CONNECTED, nas_sdu(b"\x81"), has_mac=True, poll=True), security))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    ue.pdus.send(data_pdu(ue, CONNECTED, nas_sdu(b"\x82"), poll=True))
    await heard(ran, ue, b"\x82")


@case("RRC-PROT-10", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="Protected PDUs that come again, soon or late, are delivered once.")  # fmt: skip
async def replayed(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    pdus = [protected_pdu(ue, SECURED + n, nas_sdu(bytes((0x81, n))), poll=True) for n in range(4)]
    for pdu in (*pdus, *pdus, *reversed(pdus)):
        ue.pdus.send(pdu)
    for number in range(4):
        await heard(ran, ue, bytes((0x81, number)))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)


@case("RRC-PROT-11", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="A protected PDU without an octet of payload is dropped, and its COUNT is not used up.")  # fmt: skip
async def nothing_but_mac(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.pdus.send(protected_pdu(ue, SECURED, b"", poll=True))
    ue.pdus.send(data_pdu(ue, SECURED, b"\x00\x01\x02", poll=True, has_mac=True, ciphered=True))
    await ran.core.n2.never(n2.N2, within=NEVER)
    ue.pdus.send(protected_pdu(ue, SECURED, nas_sdu(b"\x81"), poll=True))
    await heard(ran, ue, b"\x81")


async def unheard(ran: RanNodeTester, ue: PlayedUe) -> L2Pdu:
    """The core says something that the UE's bearer does not acknowledge; the PDU."""
    await ran.settled(ue)
    await ran.sleep(0.1)
    ue.pdus.clear()
    be_deaf(ue)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42"))
    return await ue.pdus.expect(is_data=True, **SRB1)


@case("RRC-PROT-12", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="A status report without MAC-I, or with a wrong one, acknowledges nothing.")  # fmt: skip
async def forged_status(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    pdu = await unheard(ran, ue)
    after = pdu.header.count + 1
    wrong = status_pdu(ue, after, count=1000)
    ue.pdus.send(status_pdu(ue, after))
    ue.pdus.send(replace(wrong, body=with_octet(wrong.body, len(wrong.body) - 1, wrong.body[-1] ^ 1)))
    await ue.pdus.expect(is_data=True, count=pdu.header.count, within=1.5, **SRB1)
    hear_again(ue)


@case("RRC-PROT-13", group="rrc", role="ran-node", clause=STATUS,
      purpose="A protected status report in clear acknowledges: nothing is repeated.")  # fmt: skip
async def right_status(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    pdu = await unheard(ran, ue)
    ue.pdus.send(status_pdu(ue, pdu.header.count + 1, count=1000))
    await ue.pdus.never(is_data=True, within=1.2, **SRB1)
    # The UE's own reports are older than this one from now on: it can be released all the same.
    ue.pdus.reset()
    ue.pdus.edit(L2Pdu, lambda pdu: later_status(ue, pdu), "out", times=100, is_data=False)


def later_status(ue: PlayedUe, pdu: L2Pdu) -> L2Pdu:
    """A status report of the UE's bearer, with a COUNT ahead of that of the case."""
    return with_mac(
        replace(pdu, header=replace(pdu.header, count=pdu.header.count + 2000), body=pdu.body[:-4]), keys(ue)
    )


@case("RRC-PROT-14", group="rrc", role="ran-node", clause=COUNT,
      purpose="A status report that is older than the newest one is dropped: no replay.")  # fmt: skip
async def replayed_status(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    pdu = await unheard(ran, ue)
    count = pdu.header.count
    ue.pdus.send(status_pdu(ue, count, count=1000))
    for old in (1000, 999, 0):
        ue.pdus.send(status_pdu(ue, count + 1, count=old))
    await ue.pdus.expect(is_data=True, count=count, within=1.5, **SRB1)
    ue.pdus.reset()
    ue.pdus.edit(L2Pdu, lambda pdu: later_status(ue, pdu), "out", times=100, is_data=False)


@case("RRC-PROT-15", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="Keys of one UE are good for nobody else.")  # fmt: skip
async def keys_of_another(ran: RanNodeTester) -> None:
    ue, other = await ran.registered_ue(), await ran.registered_ue()
    plain = data_pdu(ue, SECURED, nas_sdu(b"\x81"), poll=True, has_mac=True, ciphered=True)
    ue.pdus.send(with_mac(plain, keys(other)))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)


@case("RRC-PROT-16", group="rrc", role="ran-node", clause=RECEIVING,
      purpose="A PDU of the RAN node itself, sent back to it, is dropped: the MAC-I has a direction.")  # fmt: skip
async def reflected(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    ue.pdus.clear()
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42"))
    pdu = await ue.pdus.expect(is_data=True, **SRB1)
    await ran.settled(ue)
    ue.pdus.clear()
    ue.pdus.send(pdu)
    await ue.pdus.never(within=NEVER)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81"))
    await heard(ran, ue, b"\x81")
