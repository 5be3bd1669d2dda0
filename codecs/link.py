"""Signalling on the fixed links T4 (forwarding function to application server) and T8 (between forwarding functions),
and inside a PDU session on T2a (forwarding function to terminal).

It runs on bearer type 3, bearer 0, in acknowledged mode, beside the DEP sessions it sets up.
"""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import MAXIMUM_KEY_OCTETS, FlowMapping, SessionLimits, VersionRange
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

MAXIMUM_SETTINGS = 32768
"""Longest settings of a function, in octets of JSON."""

MAXIMUM_SESSIONS_PER_MESSAGE = 255

MAXIMUM_SEATS = 4096
"""Clients of one server in one execution."""

RESULTS_EXECUTION = 0
"""The session between a routine server and the application controller belongs to no execution."""


class AttachKind(IntEnum):
    """Who attaches to a forwarding function."""

    APPLICATION_SERVER = 1
    FORWARDING_FUNCTION = 2
    APPLICATION_CONTROLLER = 3
    TERMINAL = 4
    """Over T2a, named by the token of its PDU session: a forwarding function never learns whose it is."""


class EndPoint(IntEnum):
    """Which end of a session the receiver of a message is, or on T8 forwards to."""

    ROUTINE_CLIENT = 1
    ROUTINE_SERVER = 2
    RESULTS = 3
    """Between a routine server and the application controller (R5, R111)."""


class SeatNumber(Structure, reference="R79, R84"):
    """A seat, as an element of a list."""

    seat: int = unsigned(16, "Seat of a client at its server.")


class LinkSession(Structure, reference="R47, R81"):
    """A DEP session on this link, for one seat of an execution. Nothing tells who sits there."""

    seat: int = unsigned(16, "Seat of the client at its server.")
    handle: int = unsigned(32, "Handle for PDUs towards the sender of this message.", minimum=1, hexadecimal=True)
    limits: SessionLimits = nested(SessionLimits, "What the sender permits.")
    flows: tuple[FlowMapping, ...] = listing(FlowMapping, "QoS flows.", maximum=16)


class LinkHandle(Structure):
    """The handle a side gives out for a session it was asked to add."""

    seat: int = unsigned(16, "Seat of the client at its server.")
    handle: int = unsigned(32, "Handle for PDUs towards the sender of this message.", minimum=1, hexadecimal=True)
    limits: SessionLimits = nested(SessionLimits, "What the sender permits.")


class Link(Message):
    """Any signalling message on T2a, T4 or T8."""

    FAMILY = Family("link", "Signalling on T2a, T4 and T8.")


class AttachRequest(Link, code=1, name="Attach Request", bearer="T2a, T4, T8", direction="up", reference="R47, R51"):
    """An application server, application controller, forwarding function, or over T2a a terminal attaches."""

    versions: VersionRange = nested(VersionRange, "Versions the sender can speak.")
    kind: int = enumeration(8, AttachKind, "Who attaches.")
    bulk_port: int = unsigned(16, "UDP port of the sender's bulk socket.", minimum=1)
    name: str = text("Name of the sender.", maximum=64)


class AttachAccept(Link, code=2, name="Attach Accept", bearer="T2a, T4, T8", direction="down", reference="R47, R51"):
    """The peer is attached."""

    version: int = unsigned(8, "Version agreed on.", minimum=1)
    peer: int = unsigned(16, "Peer identity, for the C-RNTI field of the layer-2 header.", minimum=1)
    bulk_port: int = unsigned(16, "UDP port of the sender's bulk socket.", minimum=1)
    name: str = text("Name of the sender.", maximum=64)


class AttachReject(Link, code=3, name="Attach Reject", bearer="T2a, T4, T8", direction="down"):
    """The peer is not attached."""

    cause: int = enumeration(16, Cause, "Why.")
    versions: VersionRange = nested(VersionRange, "Versions the sender can speak.")


class Instantiate(Link, code=4, name="Instantiate", bearer="T4", direction="down", reference="R12, R50"):
    """The application server shall create an instance of a service function."""

    transaction: int = unsigned(32, "Number of the request.")
    instance: int = unsigned(32, "Number of the instance.")
    function: str = text("Registered entry point of the function.", maximum=64)
    settings: bytes = octets(16, "Settings of the function, JSON.", maximum=MAXIMUM_SETTINGS)
    memory_mib: int = unsigned(32, "Memory in MiB it may take; 0: no limit.", default=0)
    busy_ms: int = unsigned(32, "Milliseconds it may compute without a pause; 0: no limit.", default=0)


class Terminate(Link, code=5, name="Terminate", bearer="T4", direction="down", reference="R52"):
    """The application server shall end an instance."""

    transaction: int = unsigned(32, "Number of the request.")
    instance: int = unsigned(32, "Number of the instance.")


class Acknowledge(Link, code=6, name="Acknowledge", bearer="T2a, T4, T8", direction="both"):
    """The request is carried out."""

    transaction: int = unsigned(32, "Number of the request.")


class Refuse(Link, code=7, name="Refuse", bearer="T2a, T4, T8", direction="both"):
    """The request is not carried out, and changed nothing."""

    transaction: int = unsigned(32, "Number of the request.")
    cause: int = enumeration(16, Cause, "Why.")
    detail: str = text("For the person who reads it.", maximum=200)


class SessionAdd(Link, code=8, name="Session Add", bearer="T2a, T4, T8", direction="both", reference="R47, R81"):
    """DEP sessions of an execution, one for each seat."""

    transaction: int = unsigned(32, "Number of the request.")
    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Instance the receiver hosts, or forwards to.")
    end_point: int = enumeration(8, EndPoint, "Which end of the sessions that instance is.")
    dep_version: int = unsigned(8, "DEP version of the sessions.", minimum=1, maximum=15)
    sessions: tuple[LinkSession, ...] = listing(LinkSession, "The sessions.", maximum=MAXIMUM_SESSIONS_PER_MESSAGE)
    node: str = text("On T8: forwarding function where the instance is; empty: the receiver.", maximum=64, default="")


class SessionAddComplete(Link, code=9, name="Session Add Complete", bearer="T2a, T4, T8", direction="both"):
    """The sessions are known; the sender's handles for them."""

    transaction: int = unsigned(32, "Number of the request.")
    sessions: tuple[LinkHandle, ...] = listing(LinkHandle, "The handles.", maximum=MAXIMUM_SESSIONS_PER_MESSAGE)


class PathSwitch(Link, code=22, name="Path Switch", bearer="T8", direction="both", reference="R107"):
    """A session of an execution goes on over this path, in place of the one it had: the client was handed over.

    As Session Add, but the server's end of the session stays what it is.
    """

    transaction: int = unsigned(32, "Number of the request.")
    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Instance the receiver hosts, or forwards to.")
    dep_version: int = unsigned(8, "DEP version of the session.", minimum=1, maximum=15)
    session: LinkSession = nested(LinkSession, "The session.")
    node: str = text("Forwarding function where the instance is; empty: the receiver.", maximum=64, default="")


class PathSwitchComplete(Link, code=23, name="Path Switch Complete", bearer="T8", direction="both"):
    """The session goes on over this path; the sender's handle for it."""

    transaction: int = unsigned(32, "Number of the request.")
    session: LinkHandle = nested(LinkHandle, "The handle.")


class SessionRelease(Link, code=10, name="Session Release", bearer="T2a, T4, T8", direction="both", reference="R107"):
    """Sessions of an execution end; without seats, all of them."""

    transaction: int = unsigned(32, "Number of the request.")
    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Instance the receiver hosts, or forwards to.")
    cause: int = enumeration(16, Cause, "Why.")
    seats: tuple[SeatNumber, ...] = listing(SeatNumber, "Seats; none: all.", maximum=MAXIMUM_SEATS)


class Invite(Link, code=11, name="Invite", bearer="T4", direction="down", reference="R71, R72, R88"):
    """An instance is invited to an execution, as server or as concrete client."""

    transaction: int = unsigned(32, "Number of the request.")
    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")
    end_point: int = enumeration(8, EndPoint, "Which end the instance is.")
    routine: str = text("Name of the routine.", maximum=64)
    round: int = unsigned(32, "How often the task was run before.")
    cut: int = unsigned(8, "Split layer.")
    sequential: bool = flag("Turns come one after another (R79).")
    reserved_flags: int = reserved(7)
    seats: tuple[SeatNumber, ...] = listing(
        SeatNumber, "Seats of this instance in the execution.", maximum=MAXIMUM_SEATS
    )
    key: bytes = octets(16, "Key material of the other side, opaque.", maximum=MAXIMUM_KEY_OCTETS)
    qfi: int = unsigned(8, "QoS flow the instance sends on.", default=1)


class Accept(Link, code=12, name="Accept", bearer="T4", direction="up", reference="R71, R72, R88"):
    """The instance takes part."""

    transaction: int = unsigned(32, "Number of the request.")
    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")
    key: bytes = octets(16, "Key material of the instance, opaque.", maximum=MAXIMUM_KEY_OCTETS)


class Begin(Link, code=13, name="Begin", bearer="T4", direction="down", reference="R84, R85"):
    """All clients have answered and enough accepted: the seats that remain."""

    transaction: int = unsigned(32, "Number of the request.")
    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")
    seats: tuple[SeatNumber, ...] = listing(SeatNumber, "Seats that accepted.", maximum=MAXIMUM_SEATS)


class Begun(Link, code=20, name="Begun", bearer="T4", direction="up", reference="R84, R85"):
    """The execution has begun, or goes on where it had stopped."""

    transaction: int = unsigned(32, "Number of the request.")
    next_turn: int = unsigned(32, "Turns below it were committed, or passed over, before; 0: it begins.")


class InstanceLost(Link, code=21, name="Instance Lost", bearer="T4", direction="up", reference="R51"):
    """An instance is no more. Its forwarding function forgets it; only Instantiate makes it anew."""

    instance: int = unsigned(32, "Number of the instance.")
    cause: int = enumeration(16, Cause, "FUNCTION_FAILED: for what it did; PEER_LOST: its process has gone.")


class Start(Link, code=14, name="Start", bearer="T4", direction="down", reference="R76, R79"):
    """A turn begins at this instance. Of a committed turn it is answered by Done."""

    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")
    end_point: int = enumeration(8, EndPoint, "Which end the instance is.")
    turn: int = unsigned(32, "Number of the turn.")
    seat: int = unsigned(16, "Seat whose turn it is.")
    repetition: int = unsigned(16, "How often the execution was restarted.")


class Done(Link, code=15, name="Done", bearer="T4", direction="up", reference="R74"):
    """A turn has ended at this instance; at a server, it is committed."""

    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")
    end_point: int = enumeration(8, EndPoint, "Which end the instance is.")
    turn: int = unsigned(32, "Number of the turn.")
    seat: int = unsigned(16, "Seat whose turn it was.")
    cause: int = enumeration(16, Cause, "How: NORMAL, or what went wrong.")


class Finish(Link, code=16, name="Finish", bearer="T4", direction="down", reference="R75"):
    """All turns are done: the server shall say restart or complete."""

    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")
    repetition: int = unsigned(16, "How often the execution was restarted.")


class Restart(Link, code=17, name="Restart", bearer="T4", direction="up", reference="R75, R76"):
    """The server wants the turns once more."""

    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")


class Complete(Link, code=18, name="Complete", bearer="T4", direction="up", reference="R75, R77, R110"):
    """The server has completed the execution."""

    execution: int = unsigned(32, "Number of the execution.")
    instance: int = unsigned(32, "Number of the instance.")
    stop: bool = flag("The job shall end (R110).")
    reserved_flags: int = reserved(7)
    cause: int = enumeration(16, Cause, "How: NORMAL, or what went wrong.")


class Progress(Link, code=19, name="Progress", bearer="T4", direction="up"):
    """A function reports progress."""

    execution: int = unsigned(32, "Number of the execution; 0: none.")
    instance: int = unsigned(32, "Number of the instance.")
    values: bytes = octets(16, "Names and values, JSON object.", maximum=4096)
