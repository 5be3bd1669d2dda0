"""NAS, role ue: security mode, what is taken protected and unprotected, NAS Status."""

from __future__ import annotations

from dataclasses import replace

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities
from net4ai.codecs.declaration import UnknownMessage
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.nas_ue import VERSIONS, begins_anew
from net4ai.conformance.cases.ue_steps import (
    SOON,
    idle_ue,
    offer,
    protected_octets,
    service_request,
    still_hears,
    still_takes,
)
from net4ai.conformance.ue_tester import ServedUe, UeTester
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity

SECURITY_MODE = "docs/spec/nas.md#6-security-mode"
PROTECTED = "docs/spec/security.md#61-the-protected-message"
RECEIVING = "docs/spec/security.md#62-receiving"
UNPROTECTED = "docs/spec/security.md#63-unprotected-messages"
ERRORS = "docs/spec/errors.md#5-nas"
NULL = "docs/spec/security.md#45-null-algorithms"

CHALLENGE = nas.AuthenticationRequest(key_set=0, rand=bytes(16), autn=bytes(16))
"""A registered UE answers it each time, and is as before."""
NEW_CONTEXT = SecurityHeaderType.INTEGRITY_NEW_CONTEXT
USUAL = SecurityHeaderType.INTEGRITY_AND_CIPHERING


async def registering_ue(ran: UeTester) -> tuple[ServedUe, nas.RegistrationRequest]:
    """The UE, connected, and its registration. Raises `Inconclusive`."""
    ue = await ran.connected_ue()
    with ran.preamble("registration request"):
        return ue, await preambles.registration_of(ue)


def security_of(ue: ServedUe) -> NasSecurity:
    assert ue.nas.security is not None
    return ue.nas.security


async def unheard(ran: UeTester, ue: ServedUe, job: int) -> None:
    """Nothing came of what was sent last, not even a Status, and the UE is as before."""
    await ue.nas.never(nas.Nas, within=SOON)
    await still_hears(ue, job)
    ran.check(not ran.srb0.arrived(rrc.SetupRequest), "the same connection")


# ---------------------------------------------------------------------------------------------------------------------
# Security mode


@case("NAS-SEC-01", group="nas", role="ue", clause=SECURITY_MODE,
      purpose="A Security Mode Command with a wrong MAC is rejected, unprotected; the right one is taken.")  # fmt: skip
async def wrong_mac(ran: UeTester) -> None:
    ue, request = await registering_ue(ran)
    protected = preambles.nas_security(ran).protect(preambles.security_mode_command(request), NEW_CONTEXT)
    other = NasSecurity(bytes(range(32)), 2, 2, Direction.DOWNLINK)
    forgeries = (
        replace(protected, mac=protected.mac ^ 1),
        replace(protected, count=1),
        other.protect(preambles.security_mode_command(request), NEW_CONTEXT),
    )
    for forgery in forgeries:
        ue.nas.send_plain(forgery)
        await ue.nas.expect(nas.SecurityModeReject, cause=Cause.INTEGRITY_FAILURE)
    await preambles.start_nas_security(ran, ue, request)


@case("NAS-SEC-02", group="nas", role="ue", clause=UNPROTECTED,
      purpose="Without security an accept is not taken: the UE does not complete its registration.")  # fmt: skip
async def accept_in_clear(ran: UeTester) -> None:
    ue, _ = await registering_ue(ran)
    ue.nas.send_plain(nas.RegistrationAccept(version=nas.VERSION, temporary_identity=1))
    await ue.nas.never(nas.RegistrationComplete, within=SOON)


@case(
    "NAS-SEC-03",
    group="nas",
    role="ue",
    clause=SECURITY_MODE,
    purpose="A command that brings back other capabilities than the UE's is rejected: somebody has changed them.",
)
async def bidding_down(ran: UeTester) -> None:
    ue, request = await registering_ue(ran)
    mine = request.capabilities
    for capabilities in (
        SecurityCapabilities(integrity=0x80, ciphering=0x80),
        SecurityCapabilities(integrity=mine.integrity | 0x40, ciphering=mine.ciphering),
        SecurityCapabilities(integrity=mine.integrity, ciphering=mine.ciphering ^ 0x80),
    ):
        command = replace(preambles.security_mode_command(request), capabilities=capabilities)
        ue.nas.send_plain(preambles.nas_security(ran).protect(command, NEW_CONTEXT))
        await ue.nas.expect(nas.SecurityModeReject, cause=Cause.SECURITY_CAPABILITIES_MISMATCH)
    await preambles.start_nas_security(ran, ue, request)


@case("NAS-SEC-04", group="nas", role="ue", clause=SECURITY_MODE,
      purpose="Algorithms that the UE has not offered, or that do not go together, are rejected.")  # fmt: skip
async def unknown_algorithms(ran: UeTester) -> None:
    ue, request = await registering_ue(ran)
    for integrity, ciphering in ((1, 2), (2, 1), (3, 3), (0, 2), (15, 15)):
        command = preambles.security_mode_command(request, integrity, ciphering)
        ue.nas.send_plain(preambles.nas_security(ran).protect(command, NEW_CONTEXT))
        await ue.nas.expect(nas.SecurityModeReject, cause=Cause.SECURITY_CAPABILITIES_MISMATCH)
    await preambles.start_nas_security(ran, ue, request)


@case("NAS-SEC-05", group="nas", role="ue", clause=NULL,
      purpose="With null algorithms for NAS and RRC the procedures take place, and nothing is protected.")  # fmt: skip
async def null_algorithms(ran: UeTester) -> None:
    ue, request = await registering_ue(ran)
    await preambles.start_nas_security(ran, ue, request, 0, 0)
    ran.check(ue.nas.protected is not None and ue.nas.protected.mac == 0, "wrapped, mac 0")
    await preambles.start_rrc_security(ue, 0, 0)
    ran.temporary_identity = ran.random_number(32)
    ue.nas.send(nas.RegistrationAccept(version=nas.VERSION, temporary_identity=ran.temporary_identity))
    await ue.nas.expect(nas.RegistrationComplete, temporary_identity=ran.temporary_identity)
    await still_takes(ue)
    await ran.pdus.never(bearer_type=0, bearer=1, has_mac=True, within=0)


@case("NAS-SEC-06", group="nas", role="ue", clause=SECURITY_MODE,
      purpose="The same command again is answered by the same octets; another one is dropped.")  # fmt: skip
async def repeated_command(ran: UeTester) -> None:
    ue, request = await registering_ue(ran)
    command = preambles.nas_security(ran).protect(preambles.security_mode_command(request), NEW_CONTEXT)
    answers = []
    for _ in range(3):
        ue.nas.send_plain(command)
        answers.append(await ue.nas.expect(nas.Protected))
    ran.check(answers[0] == answers[1] == answers[2], "three times the same octets")
    other = preambles.nas_security(ran, 2, 0).protect(preambles.security_mode_command(request, 2, 0), NEW_CONTEXT)
    ue.nas.send_plain(other)
    await ue.nas.never(nas.Nas, within=SOON)


@case("NAS-SEC-07", group="nas", role="ue", clause=PROTECTED,
      purpose="Complete has security header 4 and COUNT 0; what follows has header 2 and counts by one.")  # fmt: skip
async def headers_and_counts(ran: UeTester) -> None:
    ue, request = await registering_ue(ran)
    await preambles.start_nas_security(ran, ue, request)
    seen = [ue.nas.protected]
    ue.nas.send(CHALLENGE)
    for _ in range(3):
        await ue.nas.expect(nas.AuthenticationFailure)
        seen.append(ue.nas.protected)
        ue.nas.send(CHALLENGE)
    found = [(each.security_header, each.count) for each in seen if each is not None]
    ran.check(found == [(4, 0), (2, 1), (2, 2), (2, 3)], "header 4, then 2; COUNT 0, 1, 2, 3")


@case("NAS-SEC-08", group="nas", role="ue", clause=UNPROTECTED,
      purpose="Once secure exchange has begun nothing unprotected is taken, nor answered.")  # fmt: skip
async def unprotected_dropped(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.srb0.clear()
    for message in (
        nas.RegistrationReject(cause=Cause.NOT_ALLOWED, versions=VERSIONS),
        nas.AuthenticationReject(),
        nas.ServiceReject(cause=Cause.UNKNOWN_CONTEXT),
        CHALLENGE,
        nas.NetworkDeregistrationRequest(register_again=True, cause=Cause.NORMAL),
        nas.JobList(jobs=(offer(80),)),
        nas.RegistrationAccept(version=nas.VERSION, temporary_identity=1),
        UnknownMessage(0xEE, b"?"),
    ):
        ue.nas.send_plain(message)
    await unheard(ran, ue, 81)


@case("NAS-SEC-09", group="nas", role="ue", clause=RECEIVING,
      purpose="A message whose COUNT is not above the last accepted is a replay, and dropped.")  # fmt: skip
async def replayed(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    older, newer = (security_of(ue).protect(CHALLENGE, USUAL) for _ in range(2))
    ue.nas.send_plain(newer)
    await ue.nas.expect(nas.AuthenticationFailure)
    for message in (newer, older, newer):
        ue.nas.send_plain(message)
    await unheard(ran, ue, 82)


@case("NAS-SEC-10", group="nas", role="ue", clause=RECEIVING,
      purpose="A message with a wrong MAC is dropped, and its COUNT does not count.")  # fmt: skip
async def wrong_mac_dropped(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    right = security_of(ue).protect(CHALLENGE, USUAL)
    reflected = NasSecurity(bytes.fromhex(ran.subscriber.key), 2, 2, Direction.UPLINK)
    reflected.next_count = right.count + 500
    for forgery in (
        replace(right, mac=right.mac ^ 0x8000_0000),
        replace(right, count=right.count + 1000),
        replace(right, message=bytes((right.message[0] ^ 1,)) + right.message[1:]),
        replace(right, message=right.message + b"\x00"),
        replace(right, message=b""),
        reflected.protect(CHALLENGE, USUAL),
    ):
        ue.nas.send_plain(forgery)
    await ue.nas.never(nas.Nas, within=SOON)
    ue.nas.send_plain(right)
    await ue.nas.expect(nas.AuthenticationFailure)
    await unheard(ran, ue, 83)


@case(
    "NAS-SEC-11",
    group="nas",
    role="ue",
    clause=RECEIVING,
    purpose="A message in a protection that its type may not have is dropped; so are nested ones and empty ones.",
)
async def wrong_headers(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    security = security_of(ue)
    for header in (SecurityHeaderType.INTEGRITY, NEW_CONTEXT, SecurityHeaderType.INTEGRITY_AND_CIPHERING_NEW_CONTEXT):
        ue.nas.send_plain(security.protect(CHALLENGE, header))
    ue.nas.send_plain(replace(security.protect(CHALLENGE, USUAL), security_header=9))
    ue.nas.send_plain(protected_octets(security, security.protect(CHALLENGE, USUAL).encode()))
    ue.nas.send_plain(protected_octets(security, b""))
    await unheard(ran, ue, 84)


@case("NAS-SEC-12", group="nas", role="ue", clause=UNPROTECTED,
      purpose="A protected message that comes when there is no security context is dropped.")  # fmt: skip
async def protected_without_context(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    ue.nas.send_plain(preambles.nas_security(ran).protect(CHALLENGE, USUAL))
    await ue.nas.never((nas.AuthenticationFailure, nas.Status, nas.Protected), within=SOON)
    await preambles.accept_registration(ran, ue)


@case("NAS-SEC-13", group="nas", role="ue", clause=SECURITY_MODE,
      purpose="A registered UE drops a Security Mode Command, though its MAC is right.")  # fmt: skip
async def command_when_registered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    capabilities = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
    command = nas.SecurityModeCommand(integrity=2, ciphering=2, key_set=0, capabilities=capabilities)
    ue.nas.send_plain(preambles.nas_security(ran).protect(command, NEW_CONTEXT))
    await unheard(ran, ue, 85)


@case("NAS-SEC-14", group="nas", role="ue", clause=UNPROTECTED, options=("service-request", "short-timers"),
      purpose="An unprotected Service Accept is not taken: without the real one the UE registers anew.")  # fmt: skip
async def service_accept_in_clear(ran: UeTester) -> None:
    security = await idle_ue(ran)
    ue, *_ = await service_request(ran, security)
    ran.srb0.clear()
    ue.nas.send_plain(nas.ServiceAccept())
    await begins_anew(ran, ue, within=ran.timer("T3517") + ran.timer("T302") + 4)


@case(
    "NAS-SEC-15",
    group="nas",
    role="ue",
    clause="docs/spec/security.md#32-lifetime",
    purpose="The keys of a registration that has ended are forgotten: what is protected with them is dropped.",
)
async def old_keys(ran: UeTester) -> None:
    before = await ran.registered_ue()
    old = security_of(before)
    with ran.preamble("release"):
        await preambles.release_ue(ran, before)
    del ran.served[before.c_rnti]
    ue, request = await registering_ue(ran)
    ue.nas.send_plain(old.protect(CHALLENGE, USUAL))
    await ue.nas.never((nas.AuthenticationFailure, nas.Status, nas.Protected), within=SOON)
    await preambles.start_nas_security(ran, ue, request)


# ---------------------------------------------------------------------------------------------------------------------
# NAS Status


async def answered_by_status(ran: UeTester, messages: dict[bytes, Cause]) -> None:
    """Each of these octets, protected, is answered by a Status with this cause and the type of the message."""
    ue = await ran.registered_ue()
    for octets, cause in messages.items():
        ue.nas.send_plain(protected_octets(security_of(ue), octets))
        await ue.nas.expect(nas.Status, cause=cause, message_type=octets[0])
    await still_hears(ue, 86)


@case("NAS-STATUS-01", group="nas", role="ue", clause=ERRORS,
      purpose="An unknown message is answered by Status, UNKNOWN_MESSAGE.")  # fmt: skip
async def unknown_messages(ran: UeTester) -> None:
    await answered_by_status(ran, {b"\xee": Cause.UNKNOWN_MESSAGE, b"\x01\x02\x03": Cause.UNKNOWN_MESSAGE})


@case("NAS-STATUS-02", group="nas", role="ue", clause=ERRORS,
      purpose="A malformed message is answered by Status, MALFORMED_MESSAGE.")  # fmt: skip
async def malformed_messages(ran: UeTester) -> None:
    whole = nas.JobList(jobs=(offer(87),)).encode()
    malformed = (whole[:-1], whole[:2], whole + b"\x00", nas.ServiceAccept().encode() + b"\x00")
    await answered_by_status(ran, dict.fromkeys(malformed, Cause.MALFORMED_MESSAGE))


@case(
    "NAS-STATUS-03",
    group="nas",
    role="ue",
    clause=ERRORS,
    purpose="A message of the other direction, or illegal in this state, is answered by Status, UNEXPECTED_MESSAGE.",
)
async def unexpected_messages(ran: UeTester) -> None:
    unexpected = (
        nas.RegistrationComplete(temporary_identity=1),
        nas.ComputingRequest(transaction=1, job=1),
        nas.DeregistrationAccept(),
        nas.NetworkDeregistrationAccept(),
    )
    await answered_by_status(ran, {message.encode(): Cause.UNEXPECTED_MESSAGE for message in unexpected})


@case("NAS-STATUS-04", group="nas", role="ue", clause=ERRORS, purpose="A Status is never answered.")
async def status_unanswered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    for cause in (Cause.UNKNOWN_MESSAGE, Cause.UNEXPECTED_MESSAGE, 0xFFFF):
        ue.nas.send(nas.Status(cause=cause, message_type=0x81))
    await unheard(ran, ue, 88)


@case("NAS-STATUS-05", group="nas", role="ue", clause=ERRORS,
      purpose="Before security is on no Status is sent, whatever comes.")  # fmt: skip
async def no_status_in_clear(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    for octets in (b"\xee", b"\x80\x01", nas.JobList(jobs=(offer(89),)).encode(), b"\x7e", b"\x7e\x02"):
        ue.nas.inject(octets)
    await ue.nas.never((nas.Status, nas.Protected), within=SOON)
    await preambles.accept_registration(ran, ue)


@case("NAS-STATUS-06", group="nas", role="ue", clause="docs/spec/errors.md#1-principles",
      purpose="Status is rate-limited: ten at once, then one each 100 ms.")  # fmt: skip
async def status_rate(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    for _ in range(100):
        ue.nas.send_plain(protected_octets(security_of(ue), b"\xee"))
    await ue.nas.expect(nas.Status)
    await ran.sleep(SOON)
    ran.check(len(ue.nas.arrived(nas.Status)) <= 30, "no more than some of a hundred are answered")
    await still_hears(ue, 90)
