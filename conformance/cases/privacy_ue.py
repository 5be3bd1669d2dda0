"""Anonymity, role ue: handles are fresh and random, no identifier of one end reaches the other (R61, R81, R84)."""

from __future__ import annotations

from typing import Any

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import BearerType
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.privacy import SESSIONS, check_handles
from net4ai.conformance.cases.ue_steps import (
    SOON,
    idle_ue,
    offer,
    reestablish,
    rrc_security,
    service_request,
    still_carries,
    still_hears,
)
from net4ai.conformance.pdus import L2Pdu
from net4ai.conformance.ue_tester import UeTester

IDENTITIES = "docs/spec/nas.md#3-identities"
KEYS = "docs/spec/security.md#32-lifetime"
HANDLES = "docs/spec/dep.md#11-handles"
CONSENT = "docs/spec/nas.md#10-jobs-and-consent"


@case("PRIV-HANDLE-01", group="privacy", role="ue", clause=HANDLES, rows=("R81",),
      purpose="A UE's handles are random, and fresh for each session.")  # fmt: skip
async def ue_handles(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    sessions = [await ran.session(ue, number=number) for number in range(SESSIONS)]
    check_handles([session.send_handle for session in sessions], sessions)


@case("PRIV-HANDLE-02", group="privacy", role="ue", clause=HANDLES, rows=("R81",),
      purpose="A session renewed for an execution has a new handle.")  # fmt: skip
async def renewed_handle(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    handles = {(await ran.session(ue, number=0)).send_handle for _ in range(4)}
    ran.check(len(handles) == 4, "another handle each time")


@case("PRIV-HANDLE-03", group="privacy", role="ue", clause=HANDLES, rows=("R81",),
      purpose="After a new registration all handles are others: nothing links a UE to the one it was.")  # fmt: skip
async def handles_of_another_registration(ran: UeTester) -> None:
    found: list[int] = []
    for _ in range(2):
        ue = await ran.registered_ue()
        found += [(await ran.session(ue, number=number)).send_handle for number in range(3)]
        with ran.preamble("release"):
            await preambles.release_ue(ran, ue)
        del ran.served[ue.c_rnti]
    ran.check(len(set(found)) == len(found), "six handles that differ")


def sent_octets(ran: UeTester, **fields: Any) -> list[bytes]:
    """What the UE has sent, PDU by PDU, header left aside."""
    return [pdu.body for pdu in ran.pdus.arrived(L2Pdu, **fields)]


def check_absent(ran: UeTester, found: list[bytes], secrets: dict[str, bytes]) -> None:
    """None of these octets occurs in anything that was sent."""
    ran.check(found, "something was sent")
    for name, octets in secrets.items():
        ran.check(not any(octets in body for body in found), f"no {name} in any octets")


@case(
    "PRIV-ID-01",
    group="privacy",
    role="ue",
    clause=IDENTITIES,
    rows=("R58",),
    purpose="The subscription identity is sent in clear in the Registration Request of a connection, nowhere else.",
)
async def identity_once(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    await still_hears(ue, 160)
    await still_carries(session)
    identity = ran.subscriber.identity.encode()
    ran.check(identity not in b"".join(sent_octets(ran, c_rnti=0)), "nothing of it on SRB0")
    with_it = [pdu for pdu in ran.pdus.arrived(L2Pdu, c_rnti=ue.c_rnti) if identity in pdu.body]
    ran.check({pdu.header.count for pdu in with_it} <= {0}, "in the PDU of Setup Complete alone")


@case("PRIV-ID-02", group="privacy", role="ue", clause=IDENTITIES, options=("short-timers",),
      purpose="Periodic registration, after security, shows nobody the subscription identity.")  # fmt: skip
async def identity_enciphered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    await ran.settled(ue)
    ran.pdus.clear()
    await ue.nas.expect(
        nas.RegistrationRequest, within=ran.timer("T3512") + 1, type=nas.RegistrationType.PERIODIC
    )  # fmt: skip
    check_absent(ran, sent_octets(ran), {"subscription identity": ran.subscriber.identity.encode()})


@case(
    "PRIV-ID-03",
    group="privacy",
    role="ue",
    clause=IDENTITIES,
    options=("service-request",),
    purpose="Paged and back, a UE has sent its temporary identity in its Service Request alone, and no other.",
)
async def identity_of_service(ran: UeTester) -> None:
    security = await idle_ue(ran)
    ran.pdus.clear()
    ue, *_ = await service_request(ran, security)
    await preambles.start_rrc_security(ue)
    ue.nas.send(nas.ServiceAccept())
    await still_carries(await ran.session(ue))
    check_absent(ran, sent_octets(ran), {"subscription identity": ran.subscriber.identity.encode()})
    temporary = ran.temporary_identity.to_bytes(4, "big")
    check_absent(ran, sent_octets(ran, c_rnti=0), {"temporary identity": temporary})
    later = sent_octets(ran, c_rnti=ue.c_rnti, count=lambda count: count > 0)
    check_absent(ran, later, {"temporary identity": temporary})


@case(
    "PRIV-ID-04",
    group="privacy",
    role="ue",
    clause=IDENTITIES,
    options=("service-request",),
    purpose="A temporary identity ends with its registration: paged by the one before, a UE stays silent.",
)
async def old_temporary_identity(ran: UeTester) -> None:
    first = await ran.registered_ue()
    old = ran.temporary_identity
    with ran.preamble("release"):
        await preambles.release_ue(ran, first)
    del ran.served[first.c_rnti]
    await idle_ue(ran)
    ran.check(old != ran.temporary_identity, "another temporary identity")
    ran.cell.page(old)
    await ran.srb0.never(rrc.SetupRequest, within=SOON)
    ran.cell.page(ran.temporary_identity)
    await ran.srb0.expect(rrc.SetupRequest)


@case("PRIV-ID-05", group="privacy", role="ue", clause=HANDLES, rows=("R81",),
      purpose="What a UE sends on DEP has no identity of it or of its subscription: byte by byte.")  # fmt: skip
async def anonymous_dep(ran: UeTester) -> None:
    session = await ran.session()
    for message in (1, 2, 3):
        await still_carries(session, message)
    session.send(DepType.PING, EchoBody(echo=1))
    await session.expect(DepType.PONG, echo=1)
    session.send(DepType.PING, EchoBody(echo=1), handle=0xDEAD_BEEF)
    await session.end.dep.expect(DepType.ERROR)
    secrets = {
        "subscription identity": ran.subscriber.identity.encode(),
        "temporary identity": ran.temporary_identity.to_bytes(4, "big"),
        "handle of the UE's own": session.send_handle.to_bytes(4, "big"),
    }
    check_absent(ran, sent_octets(ran, bearer_type=BearerType.CRB), secrets)


@case("PRIV-KEY-01", group="privacy", role="ue", clause=KEYS, options=("re-establishment",),
      purpose="No key is in anything that a UE sends.")  # fmt: skip
async def keys_stay(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    keys = {"K_AMF": bytes.fromhex(ran.subscriber.key), "K_gNB": ue.k_gnb}
    keys |= {"K_RRCint": rrc_security(ue).k_rrc_int, "K_RRCenc": rrc_security(ue).k_rrc_enc}
    await still_hears(ue, 161)
    sent = sent_octets(ran)
    await reestablish(ran, ue)
    await still_hears(ue, 162)
    check_absent(ran, sent + sent_octets(ran), keys | {"K_NG-RAN*": ue.k_gnb})


@case("PRIV-CONSENT-01", group="privacy", role="ue", clause=CONSENT, rows=("R57", "R59", "R60"),
      purpose="Unasked, a UE tells nothing of itself, and asks for no computing.")  # fmt: skip
async def unasked(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.nas.send(nas.JobList(jobs=()))
    await ue.nas.never((nas.Consent, nas.ComputingRequest), within=SOON)
    ue.nas.send(nas.JobList(jobs=(offer(163),)))
    await ue.nas.expect(nas.Consent, job=163)


@case("PRIV-RAW-01", group="privacy", role="ue", clause=CONSENT, rows=("R61",),
      purpose="A UE whose owner gives no raw data declines an invitation with cut 0.")  # fmt: skip
async def no_raw_data(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    ue.nas.send(
        nas.RoutineInvite(
            execution=1, session=session.number, function=ran.statement.function, routine="conformance", round=0,
            cut=0, seat=0, sequential=False, settings=b"{}", key=b"",
        )
    )  # fmt: skip
    await ue.nas.expect(nas.RoutineReject, execution=1, cause=Cause.NOT_ALLOWED)
