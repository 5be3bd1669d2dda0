"""NAS, role ue: registration, security, what is not taken, idle and back, jobs."""

from __future__ import annotations

from dataclasses import replace

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.ue_tester import UeTester

REGISTRATION = "docs/spec/nas.md#4-registration"
SECURITY = "docs/spec/nas.md#6-security-mode"
CONSENT = "docs/spec/nas.md#10-jobs-and-consent"
TRANSPORT = "docs/spec/rrc.md#44-information-transfer"


@case("NAS-REG-01", group="nas", role="ue", clause=REGISTRATION, rows=("R58",),
      purpose="The UE registers with its subscription, its versions and its algorithms.")  # fmt: skip
async def registration(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    request = await ue.nas.expect(nas.RegistrationRequest, identity=ran.subscriber.identity)
    ran.check(request.versions.lowest <= nas.VERSION <= request.versions.highest, f"version {nas.VERSION} within range")
    ran.check(request.capabilities.allow(2, 2), "NIA2 and NEA2 among the algorithms")


@case("NAS-REG-02", group="nas", role="ue", clause=REGISTRATION, rows=("R58",),
      purpose="The accept, after security, is answered with Registration Complete.")  # fmt: skip
async def registration_complete(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    await preambles.accept_registration(ran, ue)


@case("NAS-SEC-01", group="nas", role="ue", clause=SECURITY,
      purpose="A Security Mode Command with a wrong MAC is not taken.")  # fmt: skip
async def wrong_mac(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    with ran.preamble("registration request"):
        request = await ue.nas.expect(nas.RegistrationRequest)
    security = preambles.nas_security(ran)
    command = preambles.security_mode_command(request)
    protected = security.protect(command, nas.SecurityHeaderType.INTEGRITY_NEW_CONTEXT)
    ue.nas.send_plain(replace(protected, mac=protected.mac ^ 1))
    await ue.nas.never((nas.SecurityModeComplete, nas.Protected))


@case("NAS-SEC-02", group="nas", role="ue", clause=SECURITY,
      purpose="Without security an accept is not taken: the UE does not complete its registration.")  # fmt: skip
async def accept_in_clear(ran: UeTester) -> None:
    ue = await ran.connected_ue()
    with ran.preamble("registration request"):
        await ue.nas.expect(nas.RegistrationRequest)
    ue.nas.send_plain(nas.RegistrationAccept(version=nas.VERSION, temporary_identity=1))
    await ue.nas.never(nas.RegistrationComplete)


@case("NAS-CONSENT-01", group="nas", role="ue", clause=CONSENT, rows=("R57", "R59", "R60"),
      purpose="A job on offer is answered once, with status and privacy requirement.")  # fmt: skip
async def consent(ran: UeTester) -> None:
    ue = await ran.registered_ue()
    offer = nas.JobOffer(job=7, service="conformance", purpose="a test", k=max(1, ran.statement.k), raw_data=False)
    ue.nas.send(nas.JobList(jobs=(offer,)))
    given = await ue.nas.expect(nas.Consent, job=7)
    if given.given:
        request = await ue.nas.expect(nas.ComputingRequest, job=7)
        ue.nas.send(nas.ComputingReject(transaction=request.transaction, cause=Cause.NO_RESOURCES))
    ue.nas.send(nas.JobList(jobs=(offer,)))
    await ue.nas.never(nas.Consent)
