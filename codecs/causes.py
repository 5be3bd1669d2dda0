"""Causes: why something was refused, released or dropped. One table for all protocols, 16 bits on the wire."""

from __future__ import annotations

from enum import IntEnum


class Cause(IntEnum):
    """A wire code for every kind of fault, grouped by who is to blame."""

    UNSPECIFIED = 0
    NORMAL = 1
    """Nothing is wrong: the work is done."""
    USER_INACTIVITY = 2
    """Nothing was sent for a while: the connection ends, the registration stays."""
    DEREGISTERED = 3
    HANDED_OVER = 4
    """The UE is served by another RAN node now."""

    # The request cannot be met (R106).
    NO_RESOURCES = 16
    NOT_ALLOWED = 17
    """The subscriber or node may not do this."""
    FUNCTION_NOT_HERE = 18
    """The service function is not reachable from this node."""
    UNKNOWN_JOB = 19
    NO_CONSENT = 20
    """The subscriber has not consented to the job (R57)."""
    VERSION_NOT_SUPPORTED = 21
    """No common version; both ranges are named in the message."""
    TOO_FEW_CLIENTS = 22
    """Fewer than k clients (R84, R85)."""
    DECLINED = 23
    """The invited side does not take part (R59)."""
    BUSY = 24
    AUTHENTICATION_FAILED = 25
    AUTHENTICATION_NOT_AVAILABLE = 26
    """This side has no means to authenticate itself."""
    OVERLOAD = 27
    UNKNOWN_TARGET = 28
    """No such RAN node or cell to hand over to."""

    # The peer broke the protocol.
    UNKNOWN_SESSION = 32
    WRONG_BEARER = 33
    """The session is not mapped to this computing radio bearer."""
    QOS_FLOW_NOT_CONFIGURED = 34
    """R104: a session on one bearer has exactly one QoS flow."""
    MESSAGE_TOO_LARGE = 35
    CREDIT_VIOLATION = 36
    """DATA beyond what was granted."""
    UNKNOWN_CRITICAL_EXTENSION = 37
    OVERLAPPING_DATA = 38
    """The same offset with other bytes."""
    INVALID_CONFIGURATION = 39
    """A configuration that cannot be taken as a whole is refused as a whole."""
    UNEXPECTED_MESSAGE = 40
    """Not legal in this state or on this bearer."""
    MALFORMED_MESSAGE = 41
    UNKNOWN_MESSAGE = 42
    """A message type this version does not know."""
    UNKNOWN_CONTEXT = 43
    """No UE has this identity."""
    SECURITY_CAPABILITIES_MISMATCH = 44
    """No common algorithm, or capabilities that came back changed (TS 33.501 6.7.2)."""
    INTEGRITY_FAILURE = 45
    """The message authentication code does not match."""
    NOT_SECURED = 46
    """A message that may not come before security is on."""
    HANDLE_IN_USE = 47

    # Something failed.
    TIMEOUT = 48
    REASSEMBLY_TIMEOUT = 49
    PEER_LOST = 50
    """No answer after all repetitions."""
    FUNCTION_FAILED = 51
    """The service function raised an error."""
    NODE_GOING_DOWN = 52
    CANCELLED = 53
    RADIO_LINK_FAILURE = 54
    RECONFIGURATION_FAILURE = 55


def cause_of(code: int) -> Cause:
    """The cause of a wire code; a code of a later version is unspecified to us."""
    return Cause(code) if code in Cause.__members__.values() else Cause.UNSPECIFIED
