"""NAS-like messages between a UE and the access manager, carried in RRC and N2 (AM-UE), after TS 24.501."""

from __future__ import annotations

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import MAXIMUM_KEY_OCTETS, MAXIMUM_SESSIONS, VersionRange
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
    Nas, code=0x41, name="Registration Request", bearer="NAS", direction="up", reference="TS 24.501 8.2.6; R58"
):
    """A terminal registers."""

    versions: VersionRange = nested(VersionRange, "Versions the UE can speak.")
    identity: str = text("Subscription identity; not concealed yet.", maximum=64)


class RegistrationAccept(
    Nas, code=0x42, name="Registration Accept", bearer="NAS", direction="down", reference="TS 24.501 8.2.7"
):
    """The terminal is registered."""

    version: int = unsigned(8, "Version agreed on.", minimum=1)
    temporary_identity: int = unsigned(32, "Temporary identity, random.", hexadecimal=True)


class RegistrationReject(
    Nas, code=0x44, name="Registration Reject", bearer="NAS", direction="down", reference="TS 24.501 8.2.9"
):
    """The terminal is not registered."""

    cause: int = enumeration(16, Cause, "Why.")
    versions: VersionRange = nested(VersionRange, "Versions the core can speak.")


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


STRUCTURES: tuple[type[Structure], ...] = (VersionRange, JobOffer, UeStatus, PrivacyRequirement)
