"""RRC security mode and re-establishment, role ue."""

from __future__ import annotations

from dataclasses import replace

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType, EchoBody, PathBody, PathReason
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.ue_steps import (
    SOON,
    fall_silent,
    give_reestablishment,
    is_signalling,
    offer,
    reestablish,
    reestablishment_request,
    rrc_security,
    still_carries,
    still_hears,
    still_takes,
)
from net4ai.conformance.pdus import L2Pdu
from net4ai.conformance.ue_tester import CELL, ServedUe, UeTester
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import short_mac
from net4ai.stack.security.srb_security import SrbSecurity

ACTIVATION = "docs/spec/security.md#43-activation-at-the-ue"
NULL = "docs/spec/security.md#45-null-algorithms"
SHORT_MAC = "docs/spec/security.md#5-short-mac-i"
STATES = "docs/spec/state-machines.md#2-rrc-of-a-terminal"
LINK_FAILURE = "docs/spec/rrc.md#7-radio-link-failure"
REQUEST = "docs/spec/rrc.md#81-request"
SUCCESS = "docs/spec/rrc.md#82-success"
ANSWER = "docs/spec/rrc.md#83-answer-of-the-ran-node"
FAILURE = "docs/spec/rrc.md#84-failure"
PATH = "docs/spec/dep.md#8-path"

OTHER_KEY = bytes(range(32))
NIA0, NEA0 = 0, 0


# ---------------------------------------------------------------------------------------------------------------------
# Security mode


async def nas_secured_ue(ran: UeTester) -> ServedUe:
    """The UE, with NAS security and without RRC security. Raises `Inconclusive`."""
    ue = await ran.connected_ue()
    with ran.preamble("NAS security mode"):
        await preambles.start_nas_security(ran, ue, await preambles.registration_of(ue))
    return ue


async def refuses(ue: ServedUe, security: SrbSecurity | None, integrity: int, ciphering: int, cause: Cause) -> None:
    """The UE answers a command, protected with these keys or not at all, by Security Mode Failure."""
    bearer = ue.bound().signalling
    if security is not None:
        bearer.start_security(security)
    ue.srb1.send(rrc.SecurityModeCommand(transaction=1, integrity=integrity, ciphering=ciphering))
    await ue.srb1.expect(rrc.SecurityModeFailure, transaction=1, cause=cause)
    bearer.stop_security()


@case(
    "RRC-SEC-11",
    group="rrc",
    role="ue",
    clause=ACTIVATION,
    purpose="Security Mode Complete has a MAC-I and is in clear; what follows it has one and is enciphered.",
)
async def complete_in_clear(ran: UeTester) -> None:
    ue = await nas_secured_ue(ran)
    ran.pdus.clear()
    await preambles.start_rrc_security(ue)
    complete = await ran.pdus.expect(**is_signalling(is_data=True))
    ran.check(complete.header.has_mac and not complete.header.ciphered, "Complete with MAC-I, not enciphered")
    await still_takes(ue)
    answer = await ran.pdus.expect(**is_signalling(is_data=True, ciphered=True))
    ran.check(answer.header.has_mac, "a MAC-I in what is enciphered")
    await ran.pdus.never(**is_signalling(is_data=True, has_mac=False), within=0)
    await ran.pdus.never(**is_signalling(is_data=False, ciphered=True), within=0)


@case("RRC-SEC-12", group="rrc", role="ue", clause=ACTIVATION,
      purpose="A Security Mode Command with a wrong MAC-I gets a Failure, and changes nothing.")  # fmt: skip
async def wrong_mac(ran: UeTester) -> None:
    ue = await nas_secured_ue(ran)
    for key in (OTHER_KEY, bytes(32)):
        await refuses(ue, SrbSecurity(key, 2, 2, Direction.DOWNLINK), 2, 2, Cause.INTEGRITY_FAILURE)
    await refuses(ue, rrc_security(ue, Direction.UPLINK), 2, 2, Cause.INTEGRITY_FAILURE)
    await preambles.start_rrc_security(ue)
    await still_takes(ue)


@case("RRC-SEC-13", group="rrc", role="ue", clause=ACTIVATION,
      purpose="Algorithms that the UE has not offered, or that do not go together, are refused.")  # fmt: skip
async def unknown_algorithms(ran: UeTester) -> None:
    ue = await nas_secured_ue(ran)
    for integrity, ciphering in ((1, 2), (2, 1), (3, 3), (15, 0), (NIA0, 2), (NIA0, NEA0)):
        await refuses(ue, rrc_security(ue), integrity, ciphering, Cause.SECURITY_CAPABILITIES_MISMATCH)
    await preambles.start_rrc_security(ue)
    await still_takes(ue)


@case(
    "RRC-SEC-14",
    group="rrc",
    role="ue",
    clause=NULL,
    purpose="A UE whose NAS is protected refuses null algorithms for RRC, and a command without a MAC-I.",
)
async def no_null_algorithms(ran: UeTester) -> None:
    ue = await nas_secured_ue(ran)
    await refuses(ue, None, NIA0, NEA0, Cause.SECURITY_CAPABILITIES_MISMATCH)
    await refuses(ue, None, 2, 2, Cause.INTEGRITY_FAILURE)
    await preambles.start_rrc_security(ue)
    await still_takes(ue)


@case("RRC-SEC-15", group="rrc", role="ue", clause=ACTIVATION,
      purpose="A UE that has no key, because NAS security is not on, refuses NIA2 with whatever MAC-I.")  # fmt: skip
async def no_key(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    null_key = SrbSecurity(bytes(32), 2, 2, Direction.DOWNLINK)
    await refuses(ue, null_key, 2, 2, Cause.SECURITY_CAPABILITIES_MISMATCH)
    await preambles.accept_registration(ran, ue)


@case("RRC-SEC-16", group="rrc", role="ue", clause=ACTIVATION,
      purpose="NIA2 with NEA0: what the UE sends has a MAC-I and is in clear.")  # fmt: skip
async def integrity_alone(ran: UeTester) -> None:
    ue = await nas_secured_ue(ran)
    await preambles.start_rrc_security(ue, 2, NEA0)
    ran.pdus.clear()
    await still_takes(ue)
    await ran.pdus.expect(**is_signalling(is_data=True, has_mac=True, ciphered=False))
    await ran.pdus.never(**is_signalling(ciphered=True), within=0)
    await ran.pdus.never(**is_signalling(has_mac=False), within=0)


@case("RRC-SEC-17", group="rrc", role="ue", clause=STATES,
      purpose="The security mode procedure takes place once: another command is dropped.")  # fmt: skip
async def security_mode_once(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.srb1.send(rrc.SecurityModeCommand(transaction=2, integrity=2, ciphering=2))
    await ue.srb1.never((rrc.SecurityModeComplete, rrc.SecurityModeFailure), within=SOON)
    await still_takes(ue)


@case(
    "RRC-SEC-18",
    group="rrc",
    role="ue",
    clause=ACTIVATION,
    purpose="Before there are keys nothing but a Security Mode Command is taken from a PDU with a MAC-I.",
)
async def protected_before_keys(ran: UeTester) -> None:
    ue = await nas_secured_ue(ran)
    bearer = ue.bound().signalling
    bearer.start_security(SrbSecurity(OTHER_KEY, 2, 2, Direction.DOWNLINK))
    ran.srb0.clear()
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.NORMAL))
    ue.srb1.send(preambles.reconfiguration(1))
    await ran.srb0.never(rrc.SetupRequest, within=SOON)
    await ue.srb1.never((rrc.ReconfigurationComplete, rrc.ReconfigurationFailure), within=0)
    bearer.stop_security()
    await preambles.start_rrc_security(ue)
    await still_takes(ue)


# ---------------------------------------------------------------------------------------------------------------------
# Re-establishment


def check_request(ran: UeTester, ue: ServedUe, request: rrc.ReestablishmentRequest) -> None:
    """The request names the connection that has failed, and proves it with its keys."""
    expected = short_mac(rrc_security(ue).k_rrc_int, request.ue_identity, CELL, ue.c_rnti, 2)
    ran.check((request.cell, request.c_rnti) == (CELL, ue.c_rnti), "cell and C-RNTI of the connection that failed")
    ran.check(request.short_mac == expected, f"short MAC-I {expected:#06x}")
    ran.check(request.cause == rrc.ReestablishmentCause.OTHER_FAILURE, "cause OTHER_FAILURE")
    ran.check(request.bulk_port == ue.bound().bulk_address[1], "the UE's bulk port")


@case(
    "RRC-REEST-11",
    group="rrc",
    role="ue",
    clause=SHORT_MAC,
    options=("re-establishment",),
    purpose="When the cell is lost a secured UE asks for its connection, with cell, C-RNTI and short MAC-I.",
)
async def request_after_silence(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    check_request(ran, ue, await reestablishment_request(ran))


@case(
    "RRC-REEST-12",
    group="rrc",
    role="ue",
    clause=REQUEST,
    options=("re-establishment",),
    purpose="The request is sent again when T301 ends; after the last one the UE begins anew, deregistered.",
)
async def request_repeated(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    first = await reestablishment_request(ran)
    for _ in range(7):
        again = await ran.srb0.expect(rrc.ReestablishmentRequest)
        ran.check(again == first, "the same request")
    del ran.served[ue.c_rnti]
    request = await ran.srb0.expect(rrc.SetupRequest, within=ran.timer("T301") + ran.timer("T302") + 4)
    ran.check(not ran.srb0.arrived(rrc.ReestablishmentRequest), "no more than 8 requests")
    anew = await preambles.give_connection(ran, request)
    await anew.nas.expect(nas.RegistrationRequest, type=nas.RegistrationType.INITIAL)


@case(
    "RRC-REEST-13",
    group="rrc",
    role="ue",
    clause=ANSWER,
    options=("re-establishment",),
    purpose="RRC Setup in answer: the UE forgets its context and registers on the connection it is given.",
)
async def setup_in_answer(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    request = await reestablishment_request(ran)
    anew = await preambles.give_connection(ran, request, transaction=3)
    await anew.nas.expect(nas.RegistrationRequest, type=nas.RegistrationType.INITIAL)
    ran.pdus.clear()
    session.send(DepType.PING, EchoBody(echo=1))
    await ran.pdus.never(c_rnti=ue.c_rnti, within=SOON)


@case("RRC-REEST-14", group="rrc", role="ue", clause=ANSWER, options=("re-establishment",),
      purpose="RRC Reject in answer: the UE waits as it is told, then begins anew.")  # fmt: skip
async def reject_in_answer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    request = await reestablishment_request(ran)
    assert ran.srb0.last is not None
    reject = rrc.Reject(ue_identity=request.ue_identity, wait_time=800, cause=Cause.OVERLOAD)
    ran.srb0.send(reject, to=ran.srb0.last.source)
    ran.srb0.clear()
    del ran.served[ue.c_rnti]
    asks = (rrc.SetupRequest, rrc.ReestablishmentRequest)
    await ran.srb0.never(asks, within=0.7)
    anew = await preambles.give_connection(ran, await ran.srb0.expect(rrc.SetupRequest, within=4.0))
    await anew.nas.expect(nas.RegistrationRequest, type=nas.RegistrationType.INITIAL)


@case(
    "RRC-REEST-15",
    group="rrc",
    role="ue",
    clause=SUCCESS,
    options=("re-establishment",),
    purpose="The connection goes on: Complete has its transaction, a MAC-I, and is enciphered, with the next key.",
)
async def reestablished(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await reestablishment_request(ran)
    ran.pdus.clear()
    give_reestablishment(ue, transaction=2)
    await ue.srb1.expect(rrc.ReestablishmentComplete, transaction=2)
    complete = await ran.pdus.expect(**is_signalling(is_data=True))
    ran.check(complete.header.has_mac and complete.header.ciphered, "a MAC-I, enciphered")
    ran.check(complete.header.count == 0, "COUNT 0: a fresh SRB1")
    await still_takes(ue)
    await still_hears(ue, 40)


@case(
    "RRC-REEST-16",
    group="rrc",
    role="ue",
    clause=FAILURE,
    options=("re-establishment",),
    purpose="A Re-establishment without MAC-I, or with one of other keys, is dropped; the right one is taken.",
)
async def forged_reestablishment(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    old = rrc_security(ue)
    await reestablishment_request(ran)

    def forge(pdu: L2Pdu) -> None:
        """Three forgeries go in place of the genuine one."""
        clear = rrc.Reestablishment(transaction=0, next_hop_chaining_count=0).encode()
        for security in (old, SrbSecurity(OTHER_KEY, 2, 2, Direction.DOWNLINK)):
            ran.pdus.inject(security.protect(pdu.header.to_bytes(), clear, pdu.header.count, 1, ciphered=False))
        ran.pdus.send(L2Pdu(replace(pdu.header, has_mac=False), clear))

    ran.pdus.edit(L2Pdu, forge, "out", **is_signalling(is_data=True))
    give_reestablishment(ue, transaction=1)
    await ue.srb1.expect(rrc.ReestablishmentComplete, transaction=1)
    await still_takes(ue)
    await ue.srb1.never(rrc.ReestablishmentComplete, within=0)


@case("RRC-REEST-17", group="rrc", role="ue", clause=PATH, options=("re-establishment", "path"), rows=("R94", "R107"),
      purpose="Afterwards every session sends PATH, and carries on with its handles and bearers.")  # fmt: skip
async def sessions_go_on(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    sessions = [await ran.session(ue, number=number, bearer=1 + number % 2) for number in range(3)]
    for session in sessions:
        await still_carries(session, 1)
    await reestablish(ran, ue)
    for session in sessions:
        path = await session.expect(DepType.PATH, answer=False, reason=PathReason.REESTABLISHED)
        assert isinstance(path.body, PathBody)
        session.send(DepType.PATH, replace(path.body, answer=True), message_id=path.header.message_id)
    for session in sessions:
        await still_carries(session, 2)


@case("RRC-REEST-18", group="rrc", role="ue", clause=SUCCESS, options=("re-establishment",),
      purpose="NAS that was not acknowledged before the failure is sent again after it.")  # fmt: skip
async def nas_sent_again(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.pdus.drop(L2Pdu, "in", times=1000, **is_signalling(is_data=True))
    ue.nas.send(nas.JobList(jobs=(offer(41),)))
    await reestablishment_request(ran)
    await ue.nas.never(nas.Consent, within=0)
    ran.pdus.reset()
    give_reestablishment(ue)
    await ue.srb1.expect(rrc.ReestablishmentComplete)
    await ue.nas.expect(nas.Consent, job=41)


@case(
    "RRC-REEST-19",
    group="rrc",
    role="ue",
    clause=REQUEST,
    options=("re-establishment",),
    purpose="Each failure has a request with a fresh identity; the keys go on from connection to connection.",
)
async def again_and_again(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    identities = set()
    for transaction in range(3):
        request = await reestablishment_request(ran)
        check_request(ran, ue, request)
        identities.add(request.ue_identity)
        give_reestablishment(ue, transaction)
        await ue.srb1.expect(rrc.ReestablishmentComplete, transaction=transaction)
    ran.check(len(identities) == 3, "another identity each time")


@case("RRC-REEST-20", group="rrc", role="ue", clause=REQUEST, options=("re-establishment", "short-timers"),
      purpose="Without a suitable cell until T311 ends the UE is idle, and begins anew when there is one.")  # fmt: skip
async def no_cell(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.srb0.clear()
    fall_silent(ran)
    await ran.srb0.never(
        (rrc.ReestablishmentRequest, rrc.SetupRequest), within=1 + ran.timer("T310") + ran.timer("T311")
    )
    ran.cell.on = True
    del ran.served[ue.c_rnti]
    request = await ran.srb0.expect((rrc.ReestablishmentRequest, rrc.SetupRequest), within=ran.timer("T302") + 4)
    ran.check(isinstance(request, rrc.SetupRequest), "RRC Setup Request")


@case("RRC-REEST-21", group="rrc", role="ue", clause=LINK_FAILURE, options=("re-establishment",),
      purpose="SRB1 that is never acknowledged is radio link failure, though the cell is heard.")  # fmt: skip
async def signalling_unanswered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    ran.pdus.drop(L2Pdu, "in", times=1000, **is_signalling(is_data=True))
    ran.srb0.clear()
    ue.srb1.send(preambles.reconfiguration(1))
    check_request(ran, ue, await ran.srb0.expect(rrc.ReestablishmentRequest, within=40))


@case("RRC-REEST-22", group="rrc", role="ue", clause=STATES, options=("re-establishment",),
      purpose="While it re-establishes, a UE takes nothing on its old SRB1.")  # fmt: skip
async def old_bearer(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await reestablishment_request(ran)
    ran.srb0.clear()
    ue.srb1.send(preambles.reconfiguration(2))
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.NORMAL))
    await ue.srb1.never(rrc.ReconfigurationComplete, within=SOON)
    await ran.srb0.never(rrc.SetupRequest, within=0)
    give_reestablishment(ue)
    await ue.srb1.expect(rrc.ReestablishmentComplete)
    await still_takes(ue)
