"""NAS-like messages between a UE and the access manager, carried in RRC and N2 (AM-UE), after TS 24.501."""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    MAXIMUM_KEY_OCTETS,
    MAXIMUM_SESSIONS,
    CipheringAlgorithm,
    IntegrityAlgorithm,
    SecurityCapabilities,
    VersionRange,
)
from net4ai.codecs.declaration import (
    Family,
    Message,
    Structure,
    enumeration,
    flag,
    listing,
    nested,
    octets,
    reserved,
    text,
    unsigned,
)

VERSION = 1
"""The only version so far of this dialogue."""


class RegistrationType(IntEnum):
    """Why a terminal registers (TS 24.501 9.11.3.7)."""

    INITIAL = 1
    PERIODIC = 3


class ServiceType(IntEnum):
    """What a terminal wants from its connection (TS 24.501 9.11.3.50)."""

    SIGNALLING = 0
    DATA = 1
    MOBILE_TERMINATED = 2
    """It was paged."""


class SecurityHeaderType(IntEnum):
    """How a protected NAS message is protected (TS 24.501 9.3.1)."""

    INTEGRITY = 1
    INTEGRITY_AND_CIPHERING = 2
    INTEGRITY_NEW_CONTEXT = 3
    """Security Mode Command."""
    INTEGRITY_AND_CIPHERING_NEW_CONTEXT = 4
    """Security Mode Complete."""


class JobOffer(Structure, reference="R59"):
    """A job a terminal may take part in."""

    job: int = unsigned(32, "Number of the job.")
    service: str = text("Name of the service.", maximum=64)
    purpose: str = text("What the data is used for, for the person who decides.", maximum=200)
    k: int = unsigned(16, "Smallest number of clients the service promises per server (R82).", minimum=1)
    raw_data: bool = flag("The service may ask for raw data (bottom split).")
    reserved_flags: int = reserved(7)


class UeStatus(Structure, reference="R60"):
    """What a consenting terminal reports about itself."""

    compute: int = unsigned(32, "Compute power in MFLOP/s.")
    memory: int = unsigned(32, "Free memory in MiB.")
    battery: int = unsigned(8, "Charge in percent.", maximum=100)


class PrivacyRequirement(Structure, reference="R60, R61, R82"):
    """What a terminal demands for its data."""

    raw_data: bool = flag("Willing to give raw data.")
    reserved_flags: int = reserved(7)
    k: int = unsigned(16, "Smallest number of clients it wants to be among; 0: no demand of its own.")


class Nas(Message):
    """Any NAS-like message."""

    FAMILY = Family("NAS", "NAS-like messages between UE and access manager.")


class RegistrationRequest(
    Nas,
    code=0x41,
    name="Registration Request",
    bearer="NAS",
    direction="up",
    before_security=True,
    reference="TS 24.501 8.2.6; R58",
):
    """A terminal registers."""

    type: int = enumeration(8, RegistrationType, "Registration type.", default=RegistrationType.INITIAL)
    versions: VersionRange = nested(VersionRange, "Versions the UE can speak.")
    capabilities: SecurityCapabilities = nested(SecurityCapabilities, "Security capabilities of the UE.")
    identity: str = text("Subscription identity; not concealed yet.", maximum=64)


class RegistrationAccept(
    Nas, code=0x42, name="Registration Accept", bearer="NAS", direction="down", reference="TS 24.501 8.2.7"
):
    """The terminal is registered."""

    version: int = unsigned(8, "Version agreed on.", minimum=1)
    temporary_identity: int = unsigned(32, "Temporary identity, random.", hexadecimal=True)


class RegistrationComplete(
    Nas, code=0x43, name="Registration Complete", bearer="NAS", direction="up", reference="TS 24.501 8.2.8"
):
    """The terminal has taken its temporary identity."""

    temporary_identity: int = unsigned(32, "The identity of the accept.", hexadecimal=True)


class RegistrationReject(
    Nas,
    code=0x44,
    name="Registration Reject",
    bearer="NAS",
    direction="down",
    before_security=True,
    reference="TS 24.501 8.2.9",
):
    """The terminal is not registered."""

    cause: int = enumeration(16, Cause, "Why.")
    versions: VersionRange = nested(VersionRange, "Versions the core can speak.")


class DeregistrationRequest(
    Nas, code=0x45, name="Deregistration Request (UE)", bearer="NAS", direction="up", reference="TS 24.501 8.2.12; R58"
):
    """The terminal leaves."""

    switch_off: bool = flag("It is gone at once: no answer.")
    reserved_flags: int = reserved(7)


class DeregistrationAccept(
    Nas, code=0x46, name="Deregistration Accept (UE)", bearer="NAS", direction="down", reference="TS 24.501 8.2.13"
):
    """The terminal has left; its connection is released next."""


class NetworkDeregistrationRequest(
    Nas,
    code=0x47,
    name="Deregistration Request (network)",
    bearer="NAS",
    direction="down",
    reference="TS 24.501 8.2.14; R57",
):
    """The terminal must leave."""

    register_again: bool = flag("It may register again at once.")
    reserved_flags: int = reserved(7)
    cause: int = enumeration(16, Cause, "Why.")


class NetworkDeregistrationAccept(
    Nas, code=0x48, name="Deregistration Accept (network)", bearer="NAS", direction="up", reference="TS 24.501 8.2.15"
):
    """The terminal leaves."""


class ServiceRequest(
    Nas,
    code=0x4C,
    name="Service Request",
    bearer="NAS",
    direction="up",
    reference="TS 24.501 8.2.16",
):
    """A registered terminal without a connection wants one, or was paged. Integrity protected, never enciphered."""

    type: int = enumeration(8, ServiceType, "Service type.")
    temporary_identity: int = unsigned(32, "Temporary identity.", hexadecimal=True)


class ServiceReject(
    Nas,
    code=0x4D,
    name="Service Reject",
    bearer="NAS",
    direction="down",
    before_security=True,
    reference="TS 24.501 8.2.18",
):
    """The core does not know the terminal: it has to register."""

    cause: int = enumeration(16, Cause, "Why.")


class ServiceAccept(
    Nas, code=0x4E, name="Service Accept", bearer="NAS", direction="down", reference="TS 24.501 8.2.17"
):
    """The terminal has its connection."""


class AuthenticationRequest(
    Nas,
    code=0x56,
    name="Authentication Request",
    bearer="NAS",
    direction="down",
    before_security=True,
    reference="TS 24.501 8.2.1",
):
    """A challenge. A terminal without credentials answers Authentication Failure."""

    key_set: int = unsigned(8, "Identifier of the key set to be made (ngKSI).", maximum=6)
    rand: bytes = octets(8, "Random challenge.", maximum=16)
    autn: bytes = octets(8, "Authentication token.", maximum=16)


class AuthenticationResponse(
    Nas,
    code=0x57,
    name="Authentication Response",
    bearer="NAS",
    direction="up",
    before_security=True,
    reference="TS 24.501 8.2.2",
):
    """The answer to the challenge."""

    response: bytes = octets(8, "RES*.", maximum=16)


class AuthenticationReject(
    Nas,
    code=0x58,
    name="Authentication Reject",
    bearer="NAS",
    direction="down",
    before_security=True,
    reference="TS 24.501 8.2.5",
):
    """The terminal is not who it says."""


class AuthenticationFailure(
    Nas,
    code=0x59,
    name="Authentication Failure",
    bearer="NAS",
    direction="up",
    before_security=True,
    reference="TS 24.501 8.2.4",
):
    """The terminal does not accept the challenge."""

    cause: int = enumeration(16, Cause, "Why.")
    auts: bytes = octets(8, "Token to set sequence numbers right.", maximum=14)


class SecurityModeCommand(
    Nas,
    code=0x5D,
    name="NAS Security Mode Command",
    bearer="NAS",
    direction="down",
    reference="TS 24.501 8.2.25; TS 33.501 6.7.2",
):
    """Starts NAS security: integrity protected with the new key, not enciphered."""

    integrity: int = enumeration(8, IntegrityAlgorithm, "Integrity algorithm.")
    ciphering: int = enumeration(8, CipheringAlgorithm, "Ciphering algorithm.")
    key_set: int = unsigned(8, "Identifier of the key set (ngKSI).", maximum=6)
    capabilities: SecurityCapabilities = nested(SecurityCapabilities, "The UE's own, as they arrived.")


class SecurityModeComplete(
    Nas, code=0x5E, name="NAS Security Mode Complete", bearer="NAS", direction="up", reference="TS 24.501 8.2.26"
):
    """NAS security is on."""


class SecurityModeReject(
    Nas,
    code=0x5F,
    name="NAS Security Mode Reject",
    bearer="NAS",
    direction="up",
    before_security=True,
    reference="TS 24.501 8.2.27",
):
    """The command is not taken."""

    cause: int = enumeration(16, Cause, "Why.")


class Status(Nas, code=0x64, name="NAS Status", bearer="NAS", direction="both", reference="TS 24.501 8.2.29"):
    """A message could not be taken. Never sent in answer to Status; rate-limited."""

    cause: int = enumeration(16, Cause, "Why.")
    message_type: int = unsigned(8, "Message type of the message.", hexadecimal=True)


class Protected(
    Nas,
    code=0x7E,
    name="Security Protected NAS Message",
    bearer="NAS",
    direction="both",
    before_security=True,
    reference="TS 24.501 8.2.28; TS 33.501 6.4",
):
    """Another NAS message with its protection. The full COUNT is on the wire (TS 24.501 sends its low 8 bits)."""

    security_header: int = enumeration(8, SecurityHeaderType, "How the message is protected.")
    mac: int = unsigned(32, "MAC-I over COUNT and message, as they are here.", hexadecimal=True)
    count: int = unsigned(32, "NAS COUNT of this direction.")
    message: bytes = octets(0, "The message, perhaps enciphered.", maximum=16384)


class JobList(Nas, code=0x80, name="Job List", bearer="NAS", direction="down", reference="R59"):
    """Jobs on offer; taking part is voluntary."""

    jobs: tuple[JobOffer, ...] = listing(JobOffer, "The jobs.", maximum=32)


class Consent(Nas, code=0x81, name="Consent", bearer="NAS", direction="up", reference="R57, R58, R60, R61"):
    """The terminal agrees, or not, to contribute to a job."""

    job: int = unsigned(32, "Number of the job.")
    given: bool = flag("Agrees.")
    reserved_flags: int = reserved(7)
    status: UeStatus = nested(UeStatus, "Status.")
    privacy: PrivacyRequirement = nested(PrivacyRequirement, "Privacy requirement.")


class ComputingRequest(Nas, code=0x82, name="Computing Request", bearer="NAS", direction="up", reference="R96"):
    """The terminal asks for a DEP session to a job's functions."""

    transaction: int = unsigned(8, "Procedure transaction identity of the UE.")
    job: int = unsigned(32, "Number of the job.")


class ComputingAccept(Nas, code=0x83, name="Computing Accept", bearer="NAS", direction="down", reference="R97"):
    """The session is set up and mapped to its bearers."""

    transaction: int = unsigned(8, "Procedure transaction identity of the request.")
    session: int = unsigned(8, "Identity of the DEP session.", maximum=MAXIMUM_SESSIONS - 1)


class PduSessionAccept(
    Nas,
    code=0xC2,
    name="PDU Session Establishment Accept",
    bearer="NAS",
    direction="down",
    reference="TS 24.501 8.3.2; R47, R95",
):
    """The function is outside the RAN node: the answer to a Computing Request is a PDU session, and where to attach."""

    transaction: int = unsigned(8, "Procedure transaction identity of the request.")
    session: int = unsigned(8, "Identity of the PDU session.", maximum=MAXIMUM_SESSIONS - 1)
    address: int = unsigned(32, "IPv4 address of the terminal in this session.", hexadecimal=True)
    function: int = unsigned(32, "IPv4 address of the forwarding function, for T2a.", hexadecimal=True)
    port: int = unsigned(16, "Its UDP port of signalling.", minimum=1)
    token: bytes = octets(8, "Random; the name to attach under, of no other use.", maximum=32)


class ComputingReject(Nas, code=0x84, name="Computing Reject", bearer="NAS", direction="down", reference="R106"):
    """No session, no bearer."""

    transaction: int = unsigned(8, "Procedure transaction identity of the request.")
    cause: int = enumeration(16, Cause, "Why.")


class RoutineInvite(
    Nas, code=0x88, name="Routine Invite", bearer="NAS", direction="down", reference="R64, R72, R79, R88"
):
    """The terminal is invited as a client of a routine. First of two phases: nothing starts yet."""

    execution: int = unsigned(32, "Number of the execution.")
    session: int = unsigned(8, "DEP session the routine will use.", maximum=MAXIMUM_SESSIONS - 1)
    function: str = text("Service function to run (R65).", maximum=64)
    routine: str = text("Name of the routine.", maximum=64)
    round: int = unsigned(32, "How often the task was run before.")
    cut: int = unsigned(8, "Split layer (R64).")
    seat: int = unsigned(16, "Seat at the server.")
    sequential: bool = flag("Turns come one after another (R79).")
    reserved_flags: int = reserved(7)
    settings: bytes = octets(16, "Settings of the function, JSON.", maximum=8192)
    key: bytes = octets(16, "Key material of the server, opaque (R88).", maximum=MAXIMUM_KEY_OCTETS)
    qfi: int = unsigned(8, "QoS flow the function sends on.", default=1)


class RoutineAccept(Nas, code=0x89, name="Routine Accept", bearer="NAS", direction="up", reference="R72, R88"):
    """The terminal takes part in the execution."""

    execution: int = unsigned(32, "Number of the execution.")
    key: bytes = octets(16, "Key material of the client, opaque (R88).", maximum=MAXIMUM_KEY_OCTETS)


class RoutineReject(Nas, code=0x8A, name="Routine Reject", bearer="NAS", direction="up", reference="R59, R80"):
    """The terminal does not take part in the execution."""

    execution: int = unsigned(32, "Number of the execution.")
    cause: int = enumeration(16, Cause, "Why.")


class RoutineStart(Nas, code=0x8B, name="Routine Start", bearer="NAS", direction="down", reference="R76, R79"):
    """Second phase: the terminal's turn begins, its route is configured."""

    execution: int = unsigned(32, "Number of the execution.")
    turn: int = unsigned(32, "Number of the turn.")
    repetition: int = unsigned(16, "How often the execution was restarted.")


class RoutineDone(Nas, code=0x8C, name="Routine Done", bearer="NAS", direction="up", reference="R74"):
    """The terminal's turn has ended."""

    execution: int = unsigned(32, "Number of the execution.")
    turn: int = unsigned(32, "Number of the turn.")
    cause: int = enumeration(16, Cause, "How: NORMAL, or what went wrong.")


class RoutineComplete(Nas, code=0x8D, name="Routine Complete", bearer="NAS", direction="down", reference="R77"):
    """The execution is over; the terminal frees what belongs to it."""

    execution: int = unsigned(32, "Number of the execution.")
    cause: int = enumeration(16, Cause, "How it ended.")
