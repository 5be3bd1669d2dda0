"""Why a DEP PDU was dropped. Every drop has one of these names, is counted and goes to the drop hook."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Drop(StrEnum):
    """Reasons, as traces and reports show them."""

    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    WRONG_VERSION = "wrong version"
    RESERVED_TYPE = "reserved type"
    UNKNOWN_EXTENSION = "unknown critical extension"
    UNKNOWN_HANDLE = "unknown handle"
    SESSION_CLOSED = "session closed"
    FLOW_NOT_CONFIGURED = "QoS flow not configured"
    UNKNOWN_MESSAGE = "unknown message"
    """A control PDU for a message that is not, or no longer, under way."""
    ERROR_WITHOUT_CONSEQUENCE = "error without consequence"
    MESSAGE_TOO_LARGE = "message too large"
    TOO_MANY_MESSAGES = "too many open messages"
    RECEIVER_BACKLOG = "receiver backlog"
    """Messages wait to be taken by the application."""
    BEYOND_WINDOW = "message id beyond window"
    STALE_MESSAGE = "stale message"
    FAILED_MESSAGE = "failed message"
    """DATA of a message this end has dropped as a whole."""
    ANSWERS_NOTHING = "answers nothing"
    """A response to a request this end never sent."""
    WRONG_LENGTH = "message length changed"
    WRONG_SEGMENT = "wrong segment"
    """Offset or size do not fit the segment size or the message length."""
    CREDIT_VIOLATION = "credit violation"
    DUPLICATE = "duplicate"
    OVERLAPPING_DATA = "overlapping data"
    REASSEMBLY_TIMEOUT = "reassembly timeout"
    MESSAGE_SKIPPED = "message skipped"
    """An ordered flow went on without a message its sender gave up."""
    NEVER_SENT = "acknowledges what was never sent"
    CONTROL_QUEUE_FULL = "control queue full"


DropHook = Callable[[Drop, int, int], None]
"""Called with the reason, the octets dropped and the time."""
