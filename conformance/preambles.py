"""How a case gets to where it begins, and how what it leaves is released. The flows of TS 23.502 4.2.2.2, cut to size.

Steps here raise `Fail` like any other; testers turn that into inconclusive.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from net4ai.codecs import n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SecurityCapabilities,
    SessionConfiguration,
    SessionHandle,
    SessionLimits,
    VersionRange,
)
from net4ai.codecs.dep import VERSION as DEP_VERSION
from net4ai.codecs.errors import DecodeError
from net4ai.conformance.hop_end import Session
from net4ai.conformance.verdict import Fail
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.security.srb_security import SrbSecurity

if TYPE_CHECKING:
    from net4ai.conformance.ran_node_tester import PlayedUe, RanNodeTester
    from net4ai.conformance.ue_tester import ServedUe, UeTester

T300_ATTEMPTS = 3
"""RRC Setup Requests before the target counts as silent: on a real network one may get lost."""
T300 = 1.0

CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
"""NIA0 and NIA2, NEA0 and NEA2."""
VERSIONS = VersionRange(lowest=nas.VERSION, highest=nas.VERSION)
QOS = QosProfile(five_qi=131, priority=5)
"""Class of compute control; any other would do."""


# ---------------------------------------------------------------------------------------------------------------------
# Role ran-node


def registration_request(ue: PlayedUe) -> nas.RegistrationRequest:
    """The registration of a UE that the tester plays."""
    return nas.RegistrationRequest(versions=VERSIONS, capabilities=CAPABILITIES, identity=ue.subscriber.identity)


def setup_request(ran: RanNodeTester, ue: PlayedUe) -> rrc.SetupRequest:
    """A request of a UE that the tester plays, with a fresh identity."""
    return rrc.SetupRequest(
        ue_identity=ran.random_number(64),
        cause=rrc.EstablishmentCause.MO_SIGNALLING,
        bulk_port=ue.pdus.bulk_port,
    )


async def ask_for_setup(ran: RanNodeTester, ue: PlayedUe) -> rrc.Setup:
    """RRC Setup Request, repeated a few times, and its answer."""
    request = setup_request(ran, ue)
    for attempt in range(1, T300_ATTEMPTS + 1):
        ue.srb0.send(request)
        with contextlib.suppress(Fail) if attempt < T300_ATTEMPTS else contextlib.nullcontext():
            return await ue.srb0.expect(rrc.Setup, within=T300, ue_identity=request.ue_identity)
    raise AssertionError("the last attempt returns or raises")


async def connect(ran: RanNodeTester, ue: PlayedUe) -> n2.InitialUeMessage:
    """RRC connection establishment, up to the core."""
    setup = await ask_for_setup(ran, ue)
    ue.take(setup)
    registration = registration_request(ue).encode()
    ue.srb1.send(rrc.SetupComplete(transaction=setup.transaction, nas=registration))
    initial = await ran.core.n2.expect(n2.InitialUeMessage, nas=registration)
    ue.ran_ue = initial.ran_ue
    return initial


async def register(ran: RanNodeTester, ue: PlayedUe) -> None:
    """The core vouches for the UE: security starts, then the accept comes. NAS security is a matter between UE and
    core, which the RAN node does not see: the tester, being both, does without."""
    accept = nas.RegistrationAccept(version=nas.VERSION, temporary_identity=ran.random_number(32))
    k_gnb = ran.random_number(256).to_bytes(32, "big")
    ran.core.n2.send(
        n2.InitialContextSetupRequest(ran_ue=ue.ran_ue, key=k_gnb, capabilities=CAPABILITIES, nas=accept.encode())
    )
    await take_security(ue, k_gnb)
    await ran.core.n2.expect(n2.InitialContextSetupResponse, ran_ue=ue.ran_ue)
    await ue.nas.expect(nas.RegistrationAccept, temporary_identity=accept.temporary_identity)


async def take_security(ue: PlayedUe, k_gnb: bytes) -> rrc.SecurityModeCommand:
    """RRC security mode, the UE's side. Raises `Fail` where the command is not protected with keys from `k_gnb`."""
    command = await ue.srb1.expect(rrc.SecurityModeCommand)
    security = SrbSecurity(k_gnb, command.integrity, command.ciphering, Direction.UPLINK)
    bearer = ue.bound().signalling
    if security.null:
        bearer.start_security(security)
    elif bearer.unverified_sdu() is None:
        raise Fail("Security Mode Command came without a MAC-I")
    elif not bearer.accept_unverified(security):
        raise Fail("the MAC-I of Security Mode Command is wrong")
    ue.srb1.send(rrc.SecurityModeComplete(transaction=command.transaction))
    bearer.start_ciphering()
    ue.k_gnb, ue.security = k_gnb, security
    return command


async def set_up_session(ran: RanNodeTester, ue: PlayedUe, job: int) -> Session:
    """The core asks for a session, the UE takes the configuration."""
    transaction = ran.random_number(16)
    ran.core.n2.send(n2.SessionSetupRequest(ran_ue=ue.ran_ue, transaction=transaction, job=job, qos=(QOS,)))
    reconfiguration = await ue.srb1.expect(rrc.Reconfiguration, sessions=lambda sessions: len(sessions) == 1)
    session = accept_session(ran, ue, reconfiguration)
    await ran.core.n2.expect(n2.SessionSetupResponse, ran_ue=ue.ran_ue, transaction=transaction, session=session.number)
    return session


def accept_session(ran: RanNodeTester, ue: PlayedUe, reconfiguration: rrc.Reconfiguration) -> Session:
    """Take the only session of a reconfiguration, answer with a handle."""
    for bearer in reconfiguration.bearers:
        ue.bound().add_bearer(bearer)
    [configuration] = reconfiguration.sessions
    handle = ue.endpoint.new_handle()
    ue.srb1.send(
        rrc.ReconfigurationComplete(
            transaction=reconfiguration.transaction,
            sessions=(SessionHandle(session=configuration.session, handle=handle, limits=ue.endpoint.limits),),
        )
    )
    return Session(ue, configuration.session, configuration.flows, configuration.handle, handle, configuration.limits)


async def release_ues(ran: RanNodeTester) -> None:
    """The core has all contexts of the case released. A target that does not follow is left alone."""
    known = [ue for ue in ran.ues if ue.ran_ue and ran.core.connected]
    for ue in known:
        with contextlib.suppress(Fail):
            ran.core.n2.send(n2.ContextReleaseCommand(ran_ue=ue.ran_ue, cause=Cause.NORMAL))
    for ue in known:
        with contextlib.suppress(Fail):
            await ran.core.n2.expect(n2.ContextReleaseComplete, ran_ue=ue.ran_ue)
            await ran.settled(ue)


# ---------------------------------------------------------------------------------------------------------------------
# Role ue


async def give_connection(
    ran: UeTester, request: rrc.SetupRequest | rrc.ReestablishmentRequest, transaction: int = 0
) -> ServedUe:
    """Answer with RRC Setup, take the completion with the first NAS message."""
    assert ran.srb0.last is not None and ran.srb0.last.source is not None
    ue = ran.serve(ran.srb0.last.source, request.bulk_port)
    setup = rrc.Setup(
        transaction=transaction, ue_identity=request.ue_identity, c_rnti=ue.c_rnti, bulk_port=ran.pdus.bulk_port
    )
    ran.srb0.send(setup, to=ran.srb0.last.source)
    complete = await ue.srb1.expect(rrc.SetupComplete, transaction=transaction)
    ue.nas.receive(complete.nas, ue.srb1.last.packet if ue.srb1.last else None)
    return ue


async def accept_registration(ran: UeTester, ue: ServedUe) -> nas.RegistrationRequest:
    """Start security, accept the registration that came with the connection."""
    request = await registration_of(ue)
    await start_nas_security(ran, ue, request)
    await start_rrc_security(ue)
    ran.temporary_identity = identity = ran.random_number(32)
    ue.nas.send(nas.RegistrationAccept(version=nas.VERSION, temporary_identity=identity))
    await ue.nas.expect(nas.RegistrationComplete, temporary_identity=identity)
    return request


async def registration_of(ue: ServedUe) -> nas.RegistrationRequest:
    """The registration that came with the connection; one protected with keys of an earlier case is read all the same,
    for it is in clear (TS 24.501 4.4.4.3)."""
    message = await ue.nas.expect((nas.RegistrationRequest, nas.Protected))
    inside = _inside(message) if isinstance(message, nas.Protected) else message
    if not isinstance(inside, nas.RegistrationRequest):
        raise Fail(f"expected a registration; it came protected, with keys of another connection: {message}")
    return inside


def asks_for_service(ue: ServedUe) -> bool:
    """Whether the first NAS message is a Service Request."""
    return any(isinstance(_inside(message), nas.ServiceRequest) for message in ue.nas.arrived(nas.Protected))


def _inside(protected: nas.Protected) -> object:
    """The message in a protection that does not encipher; None: it is none."""
    try:
        return nas.Nas.FAMILY.decode(protected.message)
    except DecodeError:
        return None


def nas_security(ran: UeTester, integrity: int = 2, ciphering: int = 2) -> NasSecurity:
    """The core's end of NAS security with the first test subscriber, from COUNT 0."""
    return NasSecurity(bytes.fromhex(ran.subscriber.key), integrity, ciphering, Direction.DOWNLINK)


def security_mode_command(
    request: nas.RegistrationRequest, integrity: int = 2, ciphering: int = 2
) -> nas.SecurityModeCommand:
    """The command that answers a registration: its capabilities come back as they arrived."""
    return nas.SecurityModeCommand(
        integrity=integrity, ciphering=ciphering, key_set=0, capabilities=request.capabilities
    )


async def start_nas_security(
    ran: UeTester, ue: ServedUe, request: nas.RegistrationRequest, integrity: int = 2, ciphering: int = 2
) -> None:
    """NAS security mode, the core's side."""
    ue.nas.security = nas_security(ran, integrity, ciphering)
    ue.nas.send(security_mode_command(request, integrity, ciphering))
    await ue.nas.expect(nas.SecurityModeComplete)
    assert ue.nas.protected is not None
    ue.k_gnb = ue.nas.security.k_gnb(ue.nas.protected.count)


async def start_rrc_security(ue: ServedUe, integrity: int = 2, ciphering: int = 2) -> None:
    """RRC security mode, the RAN node's side."""
    bearer = ue.bound().signalling
    bearer.start_security(SrbSecurity(ue.k_gnb, integrity, ciphering, Direction.DOWNLINK))
    ue.srb1.send(rrc.SecurityModeCommand(transaction=0, integrity=integrity, ciphering=ciphering))
    bearer.start_ciphering()
    await ue.srb1.expect(rrc.SecurityModeComplete, transaction=0)


def reconfiguration(
    transaction: int,
    bearers: tuple[BearerConfiguration, ...] = (),
    sessions: tuple[SessionConfiguration, ...] = (),
    **more: object,
) -> rrc.Reconfiguration:
    """A reconfiguration that says nothing else."""
    fields: dict[str, object] = {"released_sessions": (), "measurements": (), "synchronisation": ()}
    return rrc.Reconfiguration(transaction=transaction, bearers=bearers, sessions=sessions, **fields | more)  # type: ignore[arg-type]


def bearer_configuration(bearer: int = 1) -> BearerConfiguration:
    """A computing radio bearer as they usually are."""
    return BearerConfiguration(bearer=bearer, mode=BearerMode.UNACKNOWLEDGED, qos=QOS)


def session_configuration(
    ue: ServedUe,
    session: int = 0,
    flows: tuple[FlowMapping, ...] = (FlowMapping(qfi=1, bearer=1),),
    limits: SessionLimits | None = None,
) -> SessionConfiguration:
    """A session towards the UE under test, with a fresh handle of the tester's."""
    return SessionConfiguration(
        session=session,
        dep_version=DEP_VERSION,
        handle=ue.endpoint.new_handle(),
        limits=limits or ue.endpoint.limits,
        flows=flows,
    )


async def configure_session(
    ue: ServedUe, session: int, flows: tuple[FlowMapping, ...], limits: SessionLimits | None = None
) -> Session:
    """A session and the bearers of its QoS flows, in one reconfiguration."""
    configuration = session_configuration(ue, session, flows, limits)
    bearers = tuple(bearer_configuration(bearer) for bearer in sorted({flow.bearer for flow in flows}))
    ue.srb1.send(reconfiguration(0, bearers, (configuration,)))
    complete = await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=0)
    for bearer in bearers:
        ue.bound().add_bearer(bearer)
    theirs = next((each for each in complete.sessions if each.session == session), None)
    if theirs is None:
        raise Fail(f"RRC Reconfiguration Complete names no handle for session {session}")
    return Session(ue, session, configuration.flows, theirs.handle, configuration.handle, theirs.limits)


async def take_part(ue: ServedUe, session: int, function: str, execution: int = 1) -> None:
    """Invite the UE to a routine and start its turn: its function runs in the session."""
    ue.nas.send(
        nas.RoutineInvite(
            execution=execution,
            session=session,
            function=function,
            routine="conformance",
            round=0,
            cut=1,
            seat=0,
            sequential=False,
            settings=b"{}",
            key=b"",
        )
    )
    await ue.nas.expect(nas.RoutineAccept, within=FUNCTION_LOADS, execution=execution)
    ue.nas.send(nas.RoutineStart(execution=execution, turn=0, repetition=0))


FUNCTION_LOADS = 40.0
"""Seconds until a function is loaded: it may bring libraries (timer "load")."""


async def release_ue(ran: UeTester, ue: ServedUe) -> None:
    """RRC Release; it is acknowledged before the UE asks for a new connection."""
    with contextlib.suppress(Fail):
        ue.srb1.send(rrc.Release(transaction=0, cause=Cause.NORMAL))
        await ran.settled(ue)
