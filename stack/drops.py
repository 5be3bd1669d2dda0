"""Every drop has a named reason, and is counted under it.

Whoever throws something away calls `DropCounter.count`. The reasons of this package are members of `Drop`; a decoder's
reason (`DecodeError.reason`) and reasons of other packages are counted under their own name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

MAXIMUM_REASONS = 64
"""Reasons one counter tells apart; what comes later is counted as `Drop.OTHER`."""


class Drop(StrEnum):
    """Why something was thrown away: the name under which it is counted and traced, and what it means."""

    doc: str

    def __new__(cls, value: str, doc: str) -> Drop:
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    OTHER = "other", "A reason too many for the counter to tell apart."

    # Layer 2
    WRONG_BEARER = "wrong bearer", "Bearer type, bearer or C-RNTI are not those of the bearer the PDU was given to."
    INTEGRITY_NOT_CONFIGURED = "integrity not configured", "The PDU has a MAC-I, but there are no keys."
    PDU_EMPTY = "PDU empty", "The PDU ends behind its header."
    PDU_TOO_LONG = "PDU too long", "The PDU is longer than this bearer's PDUs may be."
    DUPLICATE = "duplicate", "The PDU has arrived before."
    OUT_OF_WINDOW = "out of window", "The COUNT lies outside the receiving window."
    STALE_STATUS = "status out of window", "The status report speaks of PDUs that are not under way."
    SEGMENT_OUT_OF_ORDER = "segment out of order", "The segment does not continue the service data unit before it."
    SDU_TOO_LONG = "service data unit too long", "The segments add up to more than a service data unit may have."
    RECEIVE_QUEUE_FULL = "receive queue full", "Arrived faster than it was taken."
    BEARER_FAILED = "bearer failed", "The bearer has given up on its peer."
    SEGMENTED = "segmented", "A PDU of an unacknowledged bearer must not be segmented."
    STATUS_UNEXPECTED = "status unexpected", "A status report on an unacknowledged bearer."

    # Datagrams
    DATAGRAM_TOO_LONG = "datagram too long", "More octets than a UDP datagram or the path takes."
    DATAGRAM_EMPTY = "datagram empty", "A datagram without an octet."
    SEND_QUEUE_FULL = "send queue full", "Sent faster than the socket takes it."
    CONNECTION_REFUSED = "connection refused", "Nobody listens at the address it was sent to."
    UNREACHABLE = "unreachable", "There is no way to the address it was sent to."
    NO_BUFFER_SPACE = "no buffer space", "The system has no memory for the datagram."
    SOCKET_ERROR = "socket error", "The socket reported another error; the log has it."
    NO_RECEIVER = "no receiver", "The endpoint has no receive callback yet."
    RECEIVER_FAILED = "receiver failed", "The receive callback raised an error; the log has it."
    CLOSED = "closed", "Given to an endpoint or connection that is closed."

    # Emulated links
    LOST = "lost on the link", "The emulated link lost it."
    TRANSPORT_BLOCK = "transport block check failed", "The emulated link damaged it; the receiver's check saw it."
    LINK_CUT = "link cut", "Sent while the emulated link was cut."
    LINK_QUEUE_FULL = "link queue full", "More is under way on the emulated link than it holds."

    # Streams
    TOO_MANY_CONNECTIONS = "too many connections", "The listener has as many connections as it takes."
    TOO_MANY_HALF_OPEN = "too many half-open connections", "Too many peers connected and have not said anything yet."


OnDrop = Callable[[str, int], None]
"""Called for every drop with its reason and its size in octets."""


class DropCounter:
    """Drops by reason. `on_drop`, when given, is called for each: it feeds the trace."""

    def __init__(self, on_drop: OnDrop | None = None) -> None:
        self.on_drop = on_drop
        self._counts: dict[str, int] = {}

    def count(self, reason: str, size: int = 0) -> None:
        """One thing of `size` octets was dropped for `reason`: a `Drop`, or a short name that others use."""
        reason = str(reason)
        if reason not in self._counts and len(self._counts) >= MAXIMUM_REASONS - 1:
            reason = str(Drop.OTHER)
        self._counts[reason] = self._counts.get(reason, 0) + 1
        if self.on_drop is not None:
            self.on_drop(reason, size)

    @property
    def counts(self) -> Mapping[str, int]:
        """Drops by reason; reasons that never occurred are absent."""
        return MappingProxyType(self._counts)

    @property
    def total(self) -> int:
        return sum(self._counts.values())

    def __getitem__(self, reason: str) -> int:
        """Drops for `reason` so far."""
        return self._counts.get(str(reason), 0)

    def __repr__(self) -> str:
        return f"DropCounter({self._counts})"
