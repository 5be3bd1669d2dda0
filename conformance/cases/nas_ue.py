"""NAS, role ue: registration, deregistration, idle and back, jobs, computing, routines."""

from __future__ import annotations

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.ue_steps import SOON, idle_ue, offer, service_request, still_hears
from net4ai.conformance.preambles import FUNCTION_LOADS
from net4ai.conformance.ue_tester import ServedUe, UeTester
from net4ai.stack.security.nas_security import NasSecurity

REGISTRATION = "docs/spec/nas.md#41-initial"
REFUSAL = "docs/spec/nas.md#42-refusal"
PERIODIC = "docs/spec/nas.md#43-periodic"
AUTHENTICATION = "docs/spec/nas.md#5-authentication"
DEREGISTRATION = "docs/spec/nas.md#72-by-the-network"
SERVICE = "docs/spec/nas.md#8-service-request"
CONSENT = "docs/spec/nas.md#10-jobs-and-consent"
COMPUTING = "docs/spec/nas.md#11-computing"
ROUTINES = "docs/spec/nas.md#12-routines"

VERSIONS = VersionRange(lowest=nas.VERSION, highest=nas.VERSION)


async def registers_no_more(ran: UeTester, ue: ServedUe) -> None:
    """The registration under way is over for the UE: it takes no Security Mode Command any more."""
    request = await preambles.registration_of(ue)
    command = preambles.security_mode_command(request)
    protected = preambles.nas_security(ran).protect(command, nas.SecurityHeaderType.INTEGRITY_NEW_CONTEXT)
    ue.nas.send_plain(protected)
    await ue.nas.never((nas.Protected, nas.SecurityModeReject), within=SOON)


async def begins_anew(ran: UeTester, ue: ServedUe, within: float = 4.0) -> ServedUe:
    """The UE asks for another connection, to register as if for the first time."""
    request = await ran.srb0.expect(rrc.SetupRequest, within=within)
    del ran.served[ue.c_rnti]
    anew = await preambles.give_connection(ran, request)
    await anew.nas.expect(nas.RegistrationRequest, type=nas.RegistrationType.INITIAL)
    return anew


# ---------------------------------------------------------------------------------------------------------------------
# Registration


@case("NAS-REG-01", group="nas", role="ue", clause=REGISTRATION, rows=("R58",),
      purpose="The UE registers with its subscription, its versions and its algorithms.")  # fmt: skip
async def registration(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    request = await ue.nas.expect(nas.RegistrationRequest, identity=ran.subscriber.identity)
    ran.check(request.type == nas.RegistrationType.INITIAL, "type INITIAL")
    ran.check(request.versions.lowest <= nas.VERSION <= request.versions.highest, f"version {nas.VERSION} within range")
    ran.check(request.capabilities.allow(2, 2), "NIA2 and NEA2 among the algorithms")
    ran.check(request.capabilities.allow(0, 0), "NIA0 and NEA0 among the algorithms")


@case(
    "NAS-REG-02",
    group="nas",
    role="ue",
    clause=REGISTRATION,
    rows=("R58",),
    purpose="Each accept, after security, is answered with Registration Complete and its temporary identity.",
)
async def registration_complete(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    for identity in (ran.temporary_identity, ran.random_number(32)):
        ran.temporary_identity = identity
        ue.nas.send(nas.RegistrationAccept(version=nas.VERSION, temporary_identity=identity))
        await ue.nas.expect(nas.RegistrationComplete, temporary_identity=identity)


@case(
    "NAS-REG-03",
    group="nas",
    role="ue",
    clause=REGISTRATION,
    options=("short-timers",),
    purpose="A registration that is not answered is sent again when T3510 ends, and the third is the last.",
)
async def registration_repeated(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    first = await ue.nas.expect(nas.RegistrationRequest)
    for _ in range(2):
        again = await ue.nas.expect(nas.RegistrationRequest, within=ran.timer("T3510") + 1)
        ran.check(again == first, "the same registration")
    await ue.nas.never(nas.RegistrationRequest, within=ran.timer("T3510") + SOON)


@case("NAS-REG-04", group="nas", role="ue", clause=PERIODIC, options=("short-timers",),
      purpose="A registered UE registers again, protected, each time T3512 ends.")  # fmt: skip
async def periodic(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    for _ in range(2):
        await ue.nas.expect(
            nas.RegistrationRequest,
            within=ran.timer("T3512") + 1,
            type=nas.RegistrationType.PERIODIC,
            identity=ran.subscriber.identity,
        )
        ue.nas.send(nas.RegistrationAccept(version=nas.VERSION, temporary_identity=ran.temporary_identity))
        await ue.nas.expect(nas.RegistrationComplete, temporary_identity=ran.temporary_identity)


@case("NAS-REG-05", group="nas", role="ue", clause=REFUSAL,
      purpose="A UE whose registration is rejected begins anew, not before T302 has ended.")  # fmt: skip
async def registration_rejected(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    ran.srb0.clear()
    ue.nas.send_plain(nas.RegistrationReject(cause=Cause.NOT_ALLOWED, versions=VERSIONS))
    await registers_no_more(ran, ue)
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.NOT_ALLOWED))
    await ran.srb0.never(rrc.SetupRequest, within=ran.timer("T302") * 0.9 - SOON)
    await begins_anew(ran, ue)


@case("NAS-REG-06", group="nas", role="ue", clause=REFUSAL,
      purpose="A registered UE that gets a Registration Reject is registered no more.")  # fmt: skip
async def rejected_when_registered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ran.srb0.clear()
    ue.nas.send(nas.RegistrationReject(cause=Cause.NOT_ALLOWED, versions=VERSIONS))
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.USER_INACTIVITY))  # alone it would leave it registered
    await begins_anew(ran, ue)


@case(
    "NAS-AUTH-01",
    group="nas",
    role="ue",
    clause=AUTHENTICATION,
    purpose="A challenge is answered by Authentication Failure, AUTHENTICATION_NOT_AVAILABLE; registration goes on.",
)
async def challenged(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    ue.nas.send_plain(nas.AuthenticationRequest(key_set=1, rand=bytes(range(16)), autn=bytes(16)))
    await ue.nas.expect(nas.AuthenticationFailure, cause=Cause.AUTHENTICATION_NOT_AVAILABLE, auts=b"")
    await preambles.accept_registration(ran, ue)


@case("NAS-AUTH-02", group="nas", role="ue", clause=AUTHENTICATION,
      purpose="Authentication Reject ends the registration, as a Registration Reject.")  # fmt: skip
async def authentication_rejected(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    ran.srb0.clear()
    ue.nas.send_plain(nas.AuthenticationReject())
    await registers_no_more(ran, ue)
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.AUTHENTICATION_FAILED))
    await begins_anew(ran, ue)


# ---------------------------------------------------------------------------------------------------------------------
# Deregistration


@case("NAS-DEREG-01", group="nas", role="ue", clause=DEREGISTRATION, rows=("R57",),
      purpose="Told to leave and come back, the UE accepts, and registers anew after the release.")  # fmt: skip
async def leave_and_come_back(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.nas.send(nas.NetworkDeregistrationRequest(register_again=True, cause=Cause.DEREGISTERED))
    await ue.nas.expect(nas.NetworkDeregistrationAccept)
    with ran.preamble("release"):
        ran.srb0.clear()
        await preambles.release_ue(ran, ue)
    await begins_anew(ran, ue)


@case("NAS-DEREG-02", group="nas", role="ue", clause=DEREGISTRATION,
      purpose="A UE that was told to leave takes nothing that only a registered one takes.")  # fmt: skip
async def deregistered(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.nas.send(nas.NetworkDeregistrationRequest(register_again=True, cause=Cause.DEREGISTERED))
    await ue.nas.expect(nas.NetworkDeregistrationAccept)
    ue.nas.send(nas.JobList(jobs=(offer(50),)))
    await ue.nas.expect(nas.Status, cause=Cause.UNEXPECTED_MESSAGE, message_type=nas.JobList.CODE)
    await ue.nas.never(nas.Consent, within=0)


@case("NAS-DEREG-03", group="nas", role="ue", clause=DEREGISTRATION,
      purpose="Told to leave for good, the UE accepts, and does not come back.")  # fmt: skip
async def leave_for_good(ran: UeTester) -> None:
    if ran.restart is None:
        ran.inconclusive("the UE would be gone for all cases to come: the tester cannot start it anew")
    ue = await ran.registered_ue()
    try:
        ue.nas.send(nas.NetworkDeregistrationRequest(register_again=False, cause=Cause.DEREGISTERED))
        await ue.nas.expect(nas.NetworkDeregistrationAccept)
        ran.srb0.clear()
        await preambles.release_ue(ran, ue)
        await ran.srb0.never(rrc.SetupRequest, within=ran.timer("T302") + 0.5)
        ran.cell.page(ran.temporary_identity)
        await ran.srb0.never(rrc.SetupRequest, within=SOON)
    finally:
        await ran.restart()


# ---------------------------------------------------------------------------------------------------------------------
# Idle and back


@case("NAS-SERV-01", group="nas", role="ue", clause=SERVICE, options=("service-request",),
      purpose="A paged UE asks for service: MOBILE_TERMINATED, its temporary identity, security header 1.")  # fmt: skip
async def service_requested(ran: UeTester) -> None:
    security = await idle_ue(ran)
    before = security.last_accepted
    _, setup, protected, request = await service_request(ran, security)
    ran.check(setup.cause == rrc.EstablishmentCause.MT_ACCESS, "RRC cause MT_ACCESS")
    ran.check(protected.security_header == nas.SecurityHeaderType.INTEGRITY, "security header 1")
    ran.check(protected.count == before + 1, f"NAS COUNT {before + 1}: it goes on from the connection before")
    ran.check(request.type == nas.ServiceType.MOBILE_TERMINATED, "type MOBILE_TERMINATED")
    ran.check(request.temporary_identity == ran.temporary_identity, "the temporary identity of the registration")


@case(
    "NAS-SERV-02",
    group="nas",
    role="ue",
    clause=SERVICE,
    options=("service-request",),
    purpose="With Service Accept the UE is back: K_gNB comes from the COUNT of its request, sessions are anew.",
)
async def service_accepted(ran: UeTester) -> None:
    security = await idle_ue(ran)
    ue, *_ = await service_request(ran, security)
    await preambles.start_rrc_security(ue)
    ue.nas.send(nas.ServiceAccept())
    await still_hears(ue, 60)
    await ran.srb0.never(rrc.SetupRequest, within=ran.timer("T3517") + SOON)
    await ran.session(ue)


@case("NAS-SERV-03", group="nas", role="ue", clause=SERVICE, options=("service-request",),
      purpose="Service Reject: the UE forgets its registration, and registers on a new connection.")  # fmt: skip
async def service_rejected(ran: UeTester) -> None:
    security = await idle_ue(ran)
    ue, *_ = await service_request(ran, security)
    ue.nas.send_plain(nas.ServiceReject(cause=Cause.UNKNOWN_CONTEXT))
    ue.srb1.send(rrc.Release(transaction=0, cause=Cause.UNKNOWN_CONTEXT))
    await begins_anew(ran, ue)


@case(
    "NAS-SERV-04",
    group="nas",
    role="ue",
    clause=SERVICE,
    options=("service-request", "short-timers"),
    purpose="Without an answer to its Service Request within T3517 the UE registers on a new connection.",
)
async def service_unanswered(ran: UeTester) -> None:
    security = await idle_ue(ran)
    ue, *_ = await service_request(ran, security)
    await ran.srb0.never(rrc.SetupRequest, within=ran.timer("T3517") * 0.8)
    await begins_anew(ran, ue)


@case("NAS-SERV-05", group="nas", role="ue", clause=PERIODIC, options=("service-request", "short-timers"),
      purpose="An idle UE connects with a Service Request when T3512 ends.")  # fmt: skip
async def periodic_when_idle(ran: UeTester) -> None:
    await idle_ue(ran)
    request = await ran.srb0.expect(rrc.SetupRequest, within=ran.timer("T3512") + 2)
    ran.check(request.cause == rrc.EstablishmentCause.MO_SIGNALLING, "RRC cause MO_SIGNALLING")
    ue = await preambles.give_connection(ran, request)
    ran.check(preambles.asks_for_service(ue), "a Service Request")


# ---------------------------------------------------------------------------------------------------------------------
# Jobs


@case("NAS-CONSENT-01", group="nas", role="ue", clause=CONSENT, rows=("R57", "R59", "R60"),
      purpose="A job on offer is answered once, however often it is offered.")  # fmt: skip
async def decided_once(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.nas.send(nas.JobList(jobs=(offer(7), offer(8), offer(7))))
    for job in (7, 8):
        await ue.nas.expect(nas.Consent, job=job)
    ue.nas.send(nas.JobList(jobs=(offer(7), offer(8))))
    await ue.nas.never(nas.Consent, within=SOON)


@case("NAS-CONSENT-02", group="nas", role="ue", clause=CONSENT, rows=("R60", "R61"),
      purpose="Consent names status and privacy requirement: k as the owner demands, no raw data.")  # fmt: skip
async def consent_with_status(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.nas.send(nas.JobList(jobs=(offer(9),)))
    consent = await ue.nas.expect(nas.Consent, job=9)
    ran.check(consent.given, "consent given")
    ran.check(consent.privacy.k == ran.statement.k, f"k {ran.statement.k}")
    ran.check(not consent.privacy.raw_data, "no raw data")
    ran.check(consent.status.compute > 0 and consent.status.memory > 0, "compute and memory")


@case(
    "NAS-CONSENT-03",
    group="nas",
    role="ue",
    clause=CONSENT,
    rows=("R59", "R82"),
    purpose="A UE does not consent to a job with fewer clients than its owner demands, and asks for no session.",
)
async def too_few_clients(ran: UeTester) -> None:
    demand = ran.statement.k
    if demand < 2:
        ran.inconclusive("the owner of the UE under test demands no k: `k` of the statement is below 2")
    ue = await ran.registered_ue()
    ue.nas.send(nas.JobList(jobs=(offer(10, demand - 1), offer(11, demand))))
    refused = await ue.nas.expect(nas.Consent, job=10)
    agreed = await ue.nas.expect(nas.Consent, job=11)
    ran.check(not refused.given, f"no consent for k {demand - 1}")
    ran.check(agreed.given, f"consent for k {demand}")
    await ue.nas.expect(nas.ComputingRequest, job=11)
    await ue.nas.never(nas.ComputingRequest, within=SOON, job=10)


async def computing_request(ran: UeTester, job: int) -> tuple[ServedUe, nas.ComputingRequest]:
    """A UE that has consented to a job, and its request."""
    ue = await ran.registered_ue()
    ue.nas.send(nas.JobList(jobs=(offer(job),)))
    return ue, await ue.nas.expect(nas.ComputingRequest, job=job)


@case("NAS-COMP-01", group="nas", role="ue", clause=COMPUTING, rows=("R96",), options=("short-timers",),
      purpose="A Computing Request that is not answered is sent again, three times in all, as it was.")  # fmt: skip
async def computing_repeated(ran: UeTester) -> None:
    ue, first = await computing_request(ran, 12)
    for _ in range(2):
        again = await ue.nas.expect(nas.ComputingRequest, within=ran.timer("T3580") + 1)
        ran.check(again == first, "the same request, the same transaction")
    await ue.nas.never(nas.ComputingRequest, within=ran.timer("T3580") + SOON)


@case(
    "NAS-COMP-02",
    group="nas",
    role="ue",
    clause=COMPUTING,
    rows=("R97",),
    options=("short-timers",),
    purpose="Computing Accept of its transaction ends the repetitions; one of another transaction does not.",
)
async def computing_accepted(ran: UeTester) -> None:
    ue, request = await computing_request(ran, 13)
    await ran.session(ue)
    ue.nas.send(nas.ComputingAccept(transaction=request.transaction ^ 1, session=0))
    await ue.nas.expect(nas.ComputingRequest, within=ran.timer("T3580") + 1, transaction=request.transaction)
    ue.nas.send(nas.ComputingAccept(transaction=request.transaction, session=0))
    await ue.nas.never(nas.ComputingRequest, within=ran.timer("T3580") + SOON)


@case("NAS-COMP-03", group="nas", role="ue", clause=COMPUTING, rows=("R106",), options=("short-timers",),
      purpose="Computing Reject ends the repetitions.")  # fmt: skip
async def computing_rejected(ran: UeTester) -> None:
    ue, request = await computing_request(ran, 14)
    ue.nas.send(nas.ComputingReject(transaction=request.transaction, cause=Cause.NO_RESOURCES))
    await ue.nas.never(nas.ComputingRequest, within=ran.timer("T3580") + SOON)


@case("NAS-COMP-05", group="nas", role="ue", clause=COMPUTING, rows=("R96",), options=("short-timers",),
      purpose="Requests under way have transactions of their own: an answer ends the one it is to.")  # fmt: skip
async def two_requests(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    ue.nas.send(nas.JobList(jobs=(offer(17), offer(17 + 256), offer(18))))
    requests = [await ue.nas.expect(nas.ComputingRequest, job=job) for job in (17, 17 + 256, 18)]
    ran.check(len({request.transaction for request in requests}) == 3, "three transactions")
    ue.nas.send(nas.ComputingReject(transaction=requests[1].transaction, cause=Cause.NO_RESOURCES))
    for request in (requests[0], requests[2]):
        await ue.nas.expect(nas.ComputingRequest, within=ran.timer("T3580") + 1, job=request.job)
    await ue.nas.never(nas.ComputingRequest, within=SOON, job=17 + 256)


@case("NAS-COMP-04", group="nas", role="ue", clause=SERVICE, rows=("R96",), options=("service-request",),
      purpose="Back from idle the UE asks for computing again, for the jobs it takes part in.")  # fmt: skip
async def computing_after_idle(ran: UeTester) -> None:
    ue, request = await computing_request(ran, 15)
    security: NasSecurity | None = ue.nas.security
    assert security is not None
    ue.nas.send(nas.ComputingAccept(transaction=request.transaction, session=0))
    with ran.preamble("release for inactivity"):
        await still_hears(ue, 16)
        ue.srb1.send(rrc.Release(transaction=0, cause=Cause.USER_INACTIVITY))
        await ran.settled(ue)
        del ran.served[ue.c_rnti]
        ran.srb0.clear()
        back, *_ = await service_request(ran, security)
        await preambles.start_rrc_security(back)
    back.nas.send(nas.ServiceAccept())
    await back.nas.expect(nas.ComputingRequest, job=15)


# ---------------------------------------------------------------------------------------------------------------------
# Routines


def invite(execution: int, session: int, function: str, cut: int = 1) -> nas.RoutineInvite:
    return nas.RoutineInvite(
        execution=execution, session=session, function=function, routine="conformance", round=0,
        cut=cut, seat=0, sequential=False, settings=b"{}", key=b"",
    )  # fmt: skip


@case(
    "NAS-INVITE-01",
    group="nas",
    role="ue",
    clause=ROUTINES,
    rows=("R65", "R72"),
    purpose="Invitations for a session that is not there, or for a function the owner has not allowed, are declined.",
)
async def declined(ran: UeTester) -> None:
    session = await ran.session()
    nas_port, function = ran.ue_of(session).nas, ran.statement.function
    nas_port.send(invite(1, 31, function))
    await nas_port.expect(nas.RoutineReject, execution=1, cause=Cause.UNKNOWN_SESSION)
    nas_port.send(invite(2, session.number, "not-allowed-by-the-owner"))
    await nas_port.expect(nas.RoutineReject, execution=2, cause=Cause.NOT_ALLOWED)
    await nas_port.never(nas.RoutineAccept, within=SOON)


@case("NAS-INVITE-02", group="nas", role="ue", clause=ROUTINES, rows=("R72",), options=("echo",),
      purpose="The same invitation again gets the same answer.")  # fmt: skip
async def invited_again(ran: UeTester) -> None:
    session = await ran.session()
    nas_port = ran.ue_of(session).nas
    message = invite(3, session.number, ran.statement.function)
    nas_port.send(message)
    first = await nas_port.expect(nas.RoutineAccept, within=FUNCTION_LOADS, execution=3)
    nas_port.send(message)
    again = await nas_port.expect(nas.RoutineAccept, execution=3)
    ran.check(again == first, "the same answer")


@case("NAS-INVITE-03", group="nas", role="ue", clause=ROUTINES, rows=("R76", "R79"),
      purpose="Routine Start of an execution that was not accepted is dropped: no turn is done.")  # fmt: skip
async def started_uninvited(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    ue.nas.send(nas.RoutineStart(execution=99, turn=0, repetition=0))
    await ue.nas.never((nas.RoutineDone, nas.RoutineAccept, nas.RoutineReject), within=SOON)
    await still_hears(ue, 70)


@case(
    "NAS-INVITE-04",
    group="nas",
    role="ue",
    clause=ROUTINES,
    rows=("R76", "R79"),
    options=("echo",),
    purpose="A UE that has accepted one execution drops Routine Start of another, and of one it has not accepted yet.",
)
async def started_other(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    ue.nas.send(invite(4, session.number, ran.statement.function))
    await ue.nas.expect(nas.RoutineAccept, within=FUNCTION_LOADS, execution=4)
    ue.nas.send(nas.RoutineStart(execution=5, turn=0, repetition=0))
    await ue.nas.never((nas.RoutineDone, nas.RoutineReject), within=SOON)
    await still_hears(ue, 71)
