"""Steps that cases of role ue share: proofs that all is as before, the loss of the cell, a stranger on the radio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType
from net4ai.codecs.l2 import BearerType
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.conformance import preambles
from net4ai.conformance.hop_end import Session
from net4ai.conformance.sockets import PduPort
from net4ai.conformance.ue_tester import CELL, UE, ServedUe, UeTester
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_ng_ran_star
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.security.srb_security import SrbSecurity

SOON = 0.3
"""Seconds in which nothing must come: answers take far less, repetitions of ours are not meant."""
SHORT_PERIOD = 40
"""Milliseconds: a cell that announces this is missed at once."""


# Proofs


async def still_takes(ue: ServedUe, transaction: int = 3) -> None:
    """A secured UE is there as before: it takes a reconfiguration that changes nothing."""
    ue.srb1.send(preambles.reconfiguration(transaction))
    await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=transaction, sessions=())


async def still_hears(ue: ServedUe, job: int) -> None:
    """NAS of a registered UE is as before: it answers a job on offer, each number once."""
    ue.nas.send(nas.JobList(jobs=(offer(job),)))
    await ue.nas.expect(nas.Consent, job=job)


async def still_carries(session: Session, message: int = 1) -> None:
    """The session is as before: it takes a message, acknowledged as a whole. `message` counts from 1."""
    session.data(b"whole", packet=message, message=message, ack_requested=True)
    await session.expect(DepType.ACK, message_id=message, offset=5)


def offer(job: int, k: int = 1000) -> nas.JobOffer:
    """A job on offer, to most owners' liking."""
    return nas.JobOffer(job=job, service="conformance", purpose="a test", k=k, raw_data=False)


# Radio


def rrc_security(ue: ServedUe, sends: Direction = Direction.DOWNLINK) -> SrbSecurity:
    """The keys of the UE's connection: for PDUs that are made by hand."""
    return SrbSecurity(ue.k_gnb, 2, 2, sends)


@asynccontextmanager
async def stranger(ran: UeTester) -> AsyncIterator[PduPort]:
    """Somebody else who knows the UE's addresses: a port of raw PDUs with other ones than the RAN node's."""
    port = PduPort(ran, "Uu", "stranger", UE)
    await port.open(ran.pdus.address[0])
    port.peer_address = ran.pdus.peer_address
    try:
        yield port
    finally:
        port.close()


def fall_silent(ran: UeTester) -> None:
    """The cell announces a short period, and is heard no more: N310 missed periods are over soon."""
    assert ran.pdus.peer_address is not None
    ran.cell.on = False
    information = rrc.SystemInformation(cell=CELL, period=SHORT_PERIOD, barred=False)
    ran.srb0.send(information, to=ran.pdus.peer_address[0])


def be_heard(ran: UeTester) -> None:
    """The cell is there again, at once."""
    assert ran.pdus.peer_address is not None
    ran.cell.on = True
    ran.cell.camp(ran.pdus.peer_address[0])


async def lose_cell(ran: UeTester) -> None:
    """The cell is silent until the radio link has failed, by T310; then it is there again."""
    ran.srb0.clear()
    fall_silent(ran)
    await ran.sleep(5 * SHORT_PERIOD / 1000 + ran.timer("T310") + SOON)
    be_heard(ran)


async def reestablishment_request(ran: UeTester) -> rrc.ReestablishmentRequest:
    """The radio link fails; what the UE asks for then."""
    await lose_cell(ran)
    return await ran.srb0.expect(rrc.ReestablishmentRequest, within=3.0)


def give_reestablishment(ue: ServedUe, transaction: int = 1) -> None:
    """A fresh SRB1 with the next key, and RRC Re-establishment as its first PDU."""
    ue.k_gnb = k_ng_ran_star(ue.k_gnb, CELL)
    bearer = ue.bound().fresh_signalling_bearer()
    bearer.start_security(rrc_security(ue), required=True)
    ue.bound().renew_signalling(bearer)
    ue.srb1.send(rrc.Reestablishment(transaction=transaction, next_hop_chaining_count=0))
    bearer.start_ciphering()


async def reestablish(ran: UeTester, ue: ServedUe, transaction: int = 1) -> None:
    """Radio link failure, and the connection goes on."""
    await reestablishment_request(ran)
    give_reestablishment(ue, transaction)
    await ue.srb1.expect(rrc.ReestablishmentComplete, transaction=transaction)


# Idle and back


async def idle_ue(ran: UeTester) -> NasSecurity:
    """The UE, registered and idle; the core's end of its NAS security. Raises `Inconclusive`."""
    ue = await ran.registered_ue()
    security = ue.nas.security
    assert security is not None
    with ran.preamble("release for inactivity"):
        ue.srb1.send(rrc.Release(transaction=0, cause=Cause.USER_INACTIVITY))
        if not await ran.settled(ue):
            ran.inconclusive("RRC Release is not acknowledged")
    del ran.served[ue.c_rnti]
    ran.srb0.clear()
    return security


async def service_request(
    ran: UeTester, security: NasSecurity
) -> tuple[ServedUe, rrc.SetupRequest, nas.Protected, nas.ServiceRequest]:
    """Page the idle UE, connect it. What it asked for, on all layers; its keys are ready for RRC security. Raises
    `Fail`."""
    ran.cell.page(ran.temporary_identity)
    request = await ran.srb0.expect(rrc.SetupRequest)
    ue = await preambles.give_connection(ran, request)
    protected = await ue.nas.expect(nas.Protected)
    inside = nas.Nas.FAMILY.decode(security.unprotect(protected))
    if not isinstance(inside, nas.ServiceRequest):
        ran.fail(f"{inside} where a Service Request is due")
    ue.nas.security, ue.k_gnb = security, security.k_gnb(protected.count)
    return ue, request, protected, inside


# PDUs


@dataclass(frozen=True, slots=True)
class Octets:
    """Octets in the place of a NAS message, which may be none."""

    octets: bytes

    def encode(self) -> bytes:
        return self.octets


def protected_octets(
    security: NasSecurity, octets: bytes, header: SecurityHeaderType = SecurityHeaderType.INTEGRITY_AND_CIPHERING
) -> nas.Protected:
    """Any octets in a protection that is right."""
    return security.protect(Octets(octets), header)  # type: ignore[arg-type]


def is_signalling(**fields: Any) -> dict[str, Any]:
    """Fields of a PDU on SRB1, for the port of raw PDUs."""
    return {"bearer_type": BearerType.SRB, "bearer": 1} | fields
