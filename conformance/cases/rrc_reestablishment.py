"""Re-establishment at a RAN node: who proves to be the UE goes on with its context, everybody else begins anew."""

from __future__ import annotations

from typing import Any

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import L2Pdu
from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester
from net4ai.conformance.srb1 import SRB1, be_deaf, keys, status_pdu
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_ng_ran_star, short_mac
from net4ai.stack.security.srb_security import SrbSecurity

SUCCESS = "docs/spec/rrc.md#82-success"
REFUSED = "docs/spec/rrc.md#83-answer-of-the-ran-node"
FAILURE = "docs/spec/rrc.md#7-radio-link-failure"
KEYS = "docs/spec/security.md#47-re-establishment"
NAS_TRANSPORT = "docs/spec/n2.md#5-nas-transport"
OPTION = ("re-establishment",)

NEVER = 0.25
"""Seconds in which something would have come that must not come."""
REPORTS = 30
"""Status reports that miss the same PDU: SRB1 fails at the 26th at the latest."""
APART = 0.08
"""Seconds between them: a repetition is not sent again within a round trip."""


async def cell_of(ran: RanNodeTester) -> int:
    """Physical cell identity of the target."""
    ue = await ran.ue()
    with ran.preamble("the cell"):
        ue.srb0.send(rrc.SystemInformationRequest())
        return (await ue.srb0.expect(rrc.SystemInformation)).cell


def request(ran: RanNodeTester, ue: PlayedUe, cell: int, **fields: Any) -> rrc.ReestablishmentRequest:
    """What proves that it is the UE, but for `fields`."""
    identity = ran.random_number(64)
    usual: dict[str, Any] = {
        "ue_identity": identity,
        "cell": cell,
        "c_rnti": ue.c_rnti,
        "short_mac": short_mac(keys(ue).k_rrc_int, identity, cell, ue.c_rnti, keys(ue).integrity),
        "cause": rrc.ReestablishmentCause.OTHER_FAILURE,
        "bulk_port": ue.pdus.bulk_port,
    }
    return rrc.ReestablishmentRequest(**usual | fields)


def fresh_bearer(ue: PlayedUe, cell: int) -> AcknowledgedBearer:
    """The fresh SRB1 of a UE that asks, with the next keys, in the place of the old one; gives the old one."""
    hop = ue.bound()
    ue.k_gnb = k_ng_ran_star(ue.k_gnb, cell)
    ue.security = SrbSecurity(ue.k_gnb, keys(ue).integrity, keys(ue).ciphering, Direction.UPLINK)
    before, bearer = hop.signalling, hop.fresh_signalling_bearer()
    bearer.start_security(ue.security, required=True)
    hop.renew_signalling(bearer)
    return before


async def come_back(ran: RanNodeTester, ue: PlayedUe, cell: int) -> rrc.Reestablishment:
    """Re-establishment, up to its completion."""
    asked = request(ran, ue, cell)
    fresh_bearer(ue, cell)
    ue.pdus.reset()
    ue.srb0.send(asked)
    answer = await ue.srb1.expect(rrc.Reestablishment)
    ue.bound().signalling.start_ciphering()
    ue.srb1.send(rrc.ReestablishmentComplete(transaction=answer.transaction))
    return answer


async def still_there(ran: RanNodeTester, ue: PlayedUe, text: bytes = b"\x81 still there") -> None:
    """NAS passes, both ways."""
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=text))
    await ran.core.n2.expect(n2.UplinkNasTransport, ran_ue=ue.ran_ue, nas=text)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=text + b" down"))
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=text + b" down")


async def begins_anew(ran: RanNodeTester, ue: PlayedUe, asked: rrc.ReestablishmentRequest) -> None:
    """The request is answered by RRC Setup with a C-RNTI of its own, and by nothing else."""
    ue.srb0.send(asked)
    setup = await ue.srb0.expect(rrc.Setup, ue_identity=asked.ue_identity)
    ran.check(setup.c_rnti != asked.c_rnti, "another C-RNTI")
    await ue.srb1.never(rrc.Reestablishment, within=0.1)


async def lose(ran: RanNodeTester, ue: PlayedUe) -> None:
    """Have SRB1 fail at the target: the UE says again and again that it has missed a PDU."""
    await ran.settled(ue)
    await ran.sleep(0.1)
    ue.pdus.clear()
    be_deaf(ue)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42 missed"))
    count = (await ue.pdus.expect(is_data=True, **SRB1)).header.count
    for number in range(REPORTS):
        ue.pdus.clear()
        ue.pdus.send(status_pdu(ue, count + 1, [(count, 1)], count=1000 + number))
        await ran.sleep(APART)
        if not ue.pdus.arrived(L2Pdu, is_data=True, **SRB1):
            break
    ran.check(not ue.pdus.arrived(L2Pdu, is_data=True, **SRB1), "SRB1 sends nothing any more")
    ue.srb1.clear()


# ---------------------------------------------------------------------------------------------------------------------
# Success


@case("RRC-REE-01", group="rrc", role="ran-node", clause=SUCCESS, options=OPTION,
      purpose="Who proves to be the UE is answered on a fresh SRB1 and goes on with its context.")  # fmt: skip
async def goes_on(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    await come_back(ran, ue, cell)
    await still_there(ran, ue)


@case("RRC-REE-02", group="rrc", role="ran-node", clause=KEYS, options=OPTION,
      purpose="The answer is COUNT 0 of SRB1, with a MAC-I of the next key, not enciphered.")  # fmt: skip
async def answer_is_protected(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    asked = request(ran, ue, cell)
    before = ue.security
    fresh_bearer(ue, cell)
    ue.pdus.clear()
    ue.srb0.send(asked)
    pdu = await ue.pdus.expect(is_data=True, count=0, c_rnti=ue.c_rnti, has_mac=True, ciphered=False, **SRB1)
    head = pdu.header.to_bytes()
    clear = keys(ue).unprotect(head, pdu.body, 0, 1, False)
    assert before is not None
    ran.check(clear is not None and before.unprotect(head, pdu.body, 0, 1, False) is None, "a MAC-I of K_NG-RAN*")
    answer = await ue.srb1.expect(rrc.Reestablishment, next_hop_chaining_count=0)
    ue.bound().signalling.start_ciphering()
    ue.srb1.send(rrc.ReestablishmentComplete(transaction=answer.transaction))
    await still_there(ran, ue)


@case("RRC-REE-03", group="rrc", role="ran-node", clause=SUCCESS, options=OPTION,
      purpose="From a new address: everything goes there, and nothing is taken from the old one.")  # fmt: skip
async def new_address(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    session = await ran.session(ue)
    moved = await ran.ue()
    move(ue, moved)
    await come_back(ran, moved, cell)
    await still_there(ran, moved)
    ue.pdus.clear()
    session.send(DepType.PING, EchoBody(echo=1), handle=1)
    ue.srb1.send(rrc.UplinkInformationTransfer(nas=b"\x81 from the old address"))
    await ran.core.n2.never(n2.UplinkNasTransport, within=NEVER)
    await ue.pdus.never(within=0)


def move(ue: PlayedUe, to: PlayedUe) -> None:
    """The UE is at other sockets now."""
    signalling, _ = to.pdus.peer_address or (to.tester.target, None)
    hop = ue.bound()
    to.bind(ue.c_rnti, signalling, hop.bulk_address)
    to.pdus.peer_address = signalling, hop.bulk_address
    to.k_gnb, to.security, to.ran_ue = ue.k_gnb, ue.security, ue.ran_ue
    for bearer in hop.bearers.values():
        to.bound().add_bearer(bearer)


@case("RRC-REE-04", group="rrc", role="ran-node", clause=SUCCESS, options=OPTION,
      purpose="A request that comes twice is answered once.")  # fmt: skip
async def asked_twice(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    asked = request(ran, ue, cell)
    fresh_bearer(ue, cell)
    for _ in range(3):
        ue.srb0.send(asked)
    answer = await ue.srb1.expect(rrc.Reestablishment)
    ue.bound().signalling.start_ciphering()
    ue.srb1.send(rrc.ReestablishmentComplete(transaction=answer.transaction))
    ue.srb0.send(asked)
    await ue.srb1.never(rrc.Reestablishment, within=NEVER)
    await ue.srb0.never((rrc.Setup, rrc.Reject), within=0)
    await still_there(ran, ue)


@case("RRC-REE-05", group="rrc", role="ran-node", clause=SUCCESS, options=OPTION,
      purpose="Until it is completed a connection that lives goes on as if nobody had asked.")  # fmt: skip
async def not_completed(ran: RanNodeTester) -> None:
    cell, ue, other = await cell_of(ran), await ran.registered_ue(), await ran.ue()
    other.srb0.send(request(ran, ue, cell, bulk_port=other.pdus.bulk_port))
    await other.pdus.expect(is_data=True, count=0, c_rnti=ue.c_rnti, **SRB1)
    await still_there(ran, ue)
    await still_there(ran, ue, b"\x81 and again")


@case("RRC-REE-06", group="rrc", role="ran-node", clause=SUCCESS, options=(*OPTION, "short-timers"),
      purpose="An attempt that is not completed in time is forgotten: its SRB1 sends nothing any more.")  # fmt: skip
async def attempt_forgotten(ran: RanNodeTester) -> None:
    cell, ue, other = await cell_of(ran), await ran.registered_ue(), await ran.ue()
    other.srb0.send(request(ran, ue, cell, bulk_port=other.pdus.bulk_port))
    await other.pdus.expect(is_data=True, **SRB1)
    await ran.sleep(ran.timer("reestablishment-complete") + 0.2)
    other.pdus.clear()
    await other.pdus.never(within=1.2)
    await still_there(ran, ue)


@case("RRC-REE-07", group="rrc", role="ran-node", clause=SUCCESS, options=OPTION,
      purpose="Bearers and sessions stay: no reconfiguration, and a job's session is the one it was.")  # fmt: skip
async def sessions_stay(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    session = await ran.session(ue, job=5)
    await come_back(ran, ue, cell)
    await still_there(ran, ue)
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=9, job=5, qos=(preambles.QOS,)))
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=9, session=session.number)
    await ue.srb1.never(rrc.Reconfiguration, within=0.1)
    await bearer_answers(session)


async def bearer_answers(session: Session) -> None:
    """The session's bearer carries DEP: a PDU that belongs to no session is answered."""
    session.send(DepType.PING, EchoBody(echo=1), handle=session.send_handle ^ 1)
    await session.end.dep.expect(DepType.ERROR, bearer=session.bearer)


@case("RRC-REE-08", group="rrc", role="ran-node", clause=KEYS, options=OPTION,
      purpose="Twice in a row: each time with the keys of the time before.")  # fmt: skip
async def twice_in_a_row(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    for number in range(2):
        await come_back(ran, ue, cell)
        await still_there(ran, ue, bytes((0x81, number)))


@case("RRC-REE-09", group="rrc", role="ran-node", clause=SUCCESS, options=OPTION,
      purpose="NAS that was not acknowledged on the old SRB1 is sent again on the new one, in order.")  # fmt: skip
async def nas_again(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    await ran.settled(ue)
    ue.srb1.clear()
    be_deaf(ue)
    for number in range(3):
        ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=bytes((0x42, number))))
        await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=bytes((0x42, number)))
    await come_back(ran, ue, cell)
    for number in range(3):
        again = await ue.srb1.expect(rrc.DownlinkInformationTransfer)
        ran.check(again.nas == bytes((0x42, number)), f"message {number} in its place")


@case("RRC-REE-10", group="rrc", role="ran-node", clause=SUCCESS, options=OPTION,
      purpose="A Reconfiguration that was not answered is sent again as it was.")  # fmt: skip
async def reconfiguration_again(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=9, job=5, qos=(preambles.QOS,)))
    first = await ue.srb1.expect(rrc.Reconfiguration)
    await come_back(ran, ue, cell)
    again = await ue.srb1.expect(rrc.Reconfiguration)
    ran.check(again == first, "the same message")
    preambles.accept_session(ran, ue, again)
    await ran.core.n2.expect(n2.SessionSetupResponse, transaction=9)


@case("RRC-REE-11", group="rrc", role="ran-node", clause="docs/spec/rrc.md#2-messages", options=OPTION,
      purpose="A completion with another transaction does not count: the old connection goes on.")  # fmt: skip
async def another_transaction(ran: RanNodeTester) -> None:
    cell, ue, other = await cell_of(ran), await ran.registered_ue(), await ran.ue()
    move(ue, other)
    asked = request(ran, other, cell)
    fresh_bearer(other, cell)
    other.srb0.send(asked)
    answer = await other.srb1.expect(rrc.Reestablishment)
    other.bound().signalling.start_ciphering()
    other.srb1.send(rrc.ReestablishmentComplete(transaction=(answer.transaction + 1) % 4))
    await ran.sleep(0.1)
    await still_there(ran, ue)


# ---------------------------------------------------------------------------------------------------------------------
# Refusal


@case("RRC-REE-21", group="rrc", role="ran-node", clause=REFUSED, options=OPTION,
      purpose="A wrong short MAC-I is answered by RRC Setup; the context is untouched.")  # fmt: skip
async def wrong_short_mac(ran: RanNodeTester) -> None:
    cell, ue, other = await cell_of(ran), await ran.registered_ue(), await ran.ue()
    right = request(ran, ue, cell)
    for bit in (0x0001, 0x8000):
        identity = ran.random_number(64)
        mac = short_mac(keys(ue).k_rrc_int, identity, cell, ue.c_rnti, keys(ue).integrity) ^ bit
        await begins_anew(ran, other, request(ran, ue, cell, ue_identity=identity, short_mac=mac))
    await begins_anew(ran, other, request(ran, ue, cell, ue_identity=right.ue_identity ^ 1, short_mac=right.short_mac))
    await still_there(ran, ue)


@case("RRC-REE-22", group="rrc", role="ran-node", clause=REFUSED, options=OPTION,
      purpose="A C-RNTI that nobody has is answered by RRC Setup.")  # fmt: skip
async def unknown_c_rnti(ran: RanNodeTester) -> None:
    cell, ue, other = await cell_of(ran), await ran.registered_ue(), await ran.ue()
    nobody = 0xFFEF if ue.c_rnti != 0xFFEF else 0xFFEE
    identity = ran.random_number(64)
    mac = short_mac(keys(ue).k_rrc_int, identity, cell, nobody, keys(ue).integrity)
    await begins_anew(ran, other, request(ran, ue, cell, ue_identity=identity, c_rnti=nobody, short_mac=mac))


@case("RRC-REE-23", group="rrc", role="ran-node", clause=REFUSED, options=OPTION,
      purpose="Another cell, with the short MAC-I right for it, is answered by RRC Setup.")  # fmt: skip
async def another_cell(ran: RanNodeTester) -> None:
    cell, ue, other = await cell_of(ran), await ran.registered_ue(), await ran.ue()
    await begins_anew(ran, other, request(ran, ue, (cell + 1) % 1008))
    await still_there(ran, ue)


@case("RRC-REE-24", group="rrc", role="ran-node", clause=REFUSED, options=OPTION,
      purpose="A connection that is not secured cannot be re-established.")  # fmt: skip
async def not_secured(ran: RanNodeTester) -> None:
    cell, secured, ue = await cell_of(ran), await ran.registered_ue(), await ran.connected_ue()
    other = await ran.ue()
    for mac in (0, 0xFFFF):
        await begins_anew(ran, other, request(ran, secured, cell, c_rnti=ue.c_rnti, short_mac=mac))
    await still_there(ran, ue)


@case("RRC-REE-25", group="rrc", role="ran-node", clause=REFUSED, options=OPTION,
      purpose="The same request again, after it was refused, gets the same RRC Setup.")  # fmt: skip
async def refused_twice(ran: RanNodeTester) -> None:
    cell, ue, other = await cell_of(ran), await ran.registered_ue(), await ran.ue()
    asked = request(ran, ue, (cell + 1) % 1008)
    other.srb0.send(asked)
    first = await other.srb0.expect(rrc.Setup, ue_identity=asked.ue_identity)
    other.srb0.send(asked)
    await other.srb0.expect(rrc.Setup, ue_identity=asked.ue_identity, c_rnti=first.c_rnti)


@case("RRC-REE-26", group="rrc", role="ran-node", clause=REFUSED, options=OPTION,
      purpose="After the release of a UE its proof is worth nothing.")  # fmt: skip
async def after_release(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    await ue.srb1.expect(rrc.Release)
    await begins_anew(ran, ue, request(ran, ue, cell))


# ---------------------------------------------------------------------------------------------------------------------
# Radio link failure


@case("RRC-RLF-01", group="rrc", role="ran-node", clause=FAILURE, options=OPTION,
      purpose="When SRB1 has failed a secured UE can come back; NAS has waited for it.")  # fmt: skip
async def back_after_failure(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    await lose(ran, ue)
    await come_back(ran, ue, cell)
    await ue.srb1.expect(rrc.DownlinkInformationTransfer, nas=b"\x42 missed")
    await still_there(ran, ue)


@case("RRC-RLF-02", group="rrc", role="ran-node", clause=NAS_TRANSPORT, options=OPTION,
      purpose="NAS for a UE whose radio link has failed waits for its re-establishment.")  # fmt: skip
async def nas_waits(ran: RanNodeTester) -> None:
    cell, ue = await cell_of(ran), await ran.registered_ue()
    await lose(ran, ue)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42 later"))
    await come_back(ran, ue, cell)
    for nas in (b"\x42 missed", b"\x42 later"):
        came = await ue.srb1.expect(rrc.DownlinkInformationTransfer)
        ran.check(came.nas == nas, f"{nas!r} in its place")


@case("RRC-RLF-03", group="rrc", role="ran-node", clause=FAILURE, options=(*OPTION, "short-timers"),
      purpose="A UE that does not come back is released when context-kept ends.")  # fmt: skip
async def context_kept(ran: RanNodeTester) -> None:
    ue = await ran.registered_ue()
    await lose(ran, ue)
    await ran.core.n2.expect(
        n2.ContextReleaseRequest, within=ran.timer("context-kept") + 1, ran_ue=ue.ran_ue, cause=Cause.PEER_LOST
    )


@case("RRC-RLF-04", group="rrc", role="ran-node", clause=FAILURE,
      purpose="A UE without security whose SRB1 has failed is released at once.")  # fmt: skip
async def lost_unsecured(ran: RanNodeTester) -> None:
    ue = await ran.connected_ue()
    be_deaf(ue)
    ran.core.n2.send(n2.DownlinkNasTransport(ran_ue=ue.ran_ue, nas=b"\x42"))
    count = (await ue.pdus.expect(is_data=True, **SRB1)).header.count
    for _ in range(REPORTS):
        ue.pdus.send(status_pdu(ue, count + 1, [(count, 1)]))
        await ran.sleep(APART)
    await ran.core.n2.expect(n2.ContextReleaseRequest, ran_ue=ue.ran_ue, cause=Cause.PEER_LOST)
