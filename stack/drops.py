"""Every drop has a named reason, and is counted under it.

Whoever throws something away calls `DropCounter.count` with a member of `Drop`: the one table of reasons. Only a
decoder's reason (`DecodeError.reason`) is counted under its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

MAXIMUM_REASONS = 256
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

    # Any layer
    TRUNCATED = "truncated", "Shorter than its headers."
    MALFORMED = "malformed", "It cannot be decoded."
    DUPLICATE = "duplicate", "It has arrived before."
    SOURCE_NOT_BOUND = "source not bound", "No peer of this identity sends from that address."

    # Layer 2
    WRONG_BEARER = "wrong bearer", "Bearer type, bearer or C-RNTI are not those of the bearer the PDU was given to."
    INTEGRITY_NOT_CONFIGURED = "integrity not configured", "The PDU has a MAC-I, but there are no keys."
    INTEGRITY_FAILURE = "integrity failure", "The MAC-I is wrong: damaged, forged, or made with another key."
    NOT_PROTECTED = "not protected", "No MAC-I, though security is on."
    NOT_CIPHERED = "not ciphered", "In clear, though ciphering is on."
    REPLAY = "replay", "A COUNT that the newest authentic message had or has passed."
    WRONG_SECURITY_HEADER = "wrong security header", "The message inside may not be protected in this way."
    COUNT_EXHAUSTED = "COUNT exhausted", "Every COUNT of the key has been used; the bearer ends (TS 33.501 6.9.4)."
    PDU_EMPTY = "PDU empty", "The PDU ends behind its header."
    PDU_TOO_LONG = "PDU too long", "The PDU is longer than this bearer's PDUs may be."
    OUT_OF_WINDOW = "out of window", "The COUNT lies outside the receiving window."
    STALE_STATUS = "status out of window", "The status report speaks of PDUs that are not under way."
    SEGMENT_OUT_OF_ORDER = "segment out of order", "The segment does not continue the service data unit before it."
    SDU_TOO_LONG = "service data unit too long", "The segments add up to more than a service data unit may have."
    RECEIVE_QUEUE_FULL = "receive queue full", "Arrived faster than it was taken."
    BEARER_FAILED = "bearer failed", "The bearer has given up on its peer."
    BEARER_REMOVED = "bearer removed", "It waited on a computing bearer that was removed."
    BEARER_QUEUE_FULL = "bearer queue full", "More waits on the bearer than it holds."
    DELAY_BUDGET = "delay budget exceeded", "It waited longer than its class of traffic is worth anything."
    SEGMENTED = "segmented", "A PDU of an unacknowledged bearer must not be segmented."
    STATUS_UNEXPECTED = "status unexpected", "A status report on an unacknowledged bearer."

    # DEP
    WRONG_VERSION = "wrong version", "Not the version the session was added with."
    RESERVED_TYPE = "reserved type", "A type of PDU that is not defined."
    UNKNOWN_EXTENSION = "unknown critical extension", "An extension the receiver must understand, and does not."
    UNKNOWN_HANDLE = "unknown handle", "No session has given this handle out, or not any more, or not to this peer."
    NO_ROUTE_YET = "no route yet", "The session is known here, the route of its execution is still being laid."
    SESSION_CLOSED = "session closed", "The session is closing or closed."
    FLOW_NOT_CONFIGURED = "QoS flow not configured", "The session has no such QoS flow."
    UNKNOWN_MESSAGE = "message not under way", "A control PDU for a message that is not, or no longer, under way."
    ERROR_WITHOUT_CONSEQUENCE = "error without consequence", "ERROR with a cause that ends nothing here."
    MESSAGE_TOO_LARGE = "message too large", "Announces more octets than a message may have."
    TOO_MANY_MESSAGES = "too many open messages", "As many messages are under way as the receiver permits."
    RECEIVER_BACKLOG = "receiver backlog", "What came before waits to be taken by the application."
    BEYOND_WINDOW = "message id beyond window", "Too far ahead of the message an ordered flow delivers next."
    STALE_MESSAGE = "stale message", "Too old to know whether it was delivered."
    FAILED_MESSAGE = "failed message", "DATA of a message that was dropped as a whole."
    ANSWERS_NOTHING = "answers nothing", "An answer to what this end has not asked, or does not ask any more."
    WRONG_LENGTH = "message length changed", "The same message was announced with another length."
    WRONG_SEGMENT = "wrong segment", "Offset or size do not fit the segment size or the message length."
    CREDIT_VIOLATION = "credit violation", "DATA beyond what was permitted."
    OVERLAPPING_DATA = "overlapping data", "The same offset with other octets: the message is dropped as a whole."
    REASSEMBLY_TIMEOUT = "reassembly timeout", "Nothing arrived of a message for too long."
    MESSAGE_SKIPPED = "message skipped", "An ordered flow went on without a message its sender gave up."
    NEVER_SENT = "acknowledges what was never sent", "An ACK of octets or packets that have not been sent."
    CONTROL_QUEUE_FULL = "control queue full", "More to answer than is taken; it is repeated on demand."
    STALE_CAPSULE = "capsule of an older epoch", "A key capsule that came behind a newer one."
    CAPSULE_CHANGED = "capsule changed", "Other octets under the epoch of a capsule that was taken."
    RECORD_TAG = "record tag", "A sealed record that is not as it was sealed: its octets are asked for again."
    RECORD_EPOCH = "record epoch", "A sealed record under a key that is no longer used, or did not come in time."
    RECORD_REPLAY = "record replay", "Sealed records of a message that was opened before."
    NOT_SEALED = "not sealed", "A message in plain in a session that seals."

    # Signalling
    UNEXPECTED_MESSAGE = "unexpected message", "Not legal in this state, from this peer or on this bearer."
    UNKNOWN_TYPE = "unknown message", "A message of a type this version does not know."
    NOT_CARRIED_OUT = "not carried out", "A message that asks for what cannot be done; the cause follows."
    ANSWER_TO_NO_REQUEST = "answer to no request", "Nobody waits, or waits any more, for this answer."
    DEADLINE_PASSED = "deadline passed", "A request that came when its caller had stopped waiting."
    CONTROLLER_SILENT = (
        "controller silent",
        "Progress for an application controller that has not taken what came before.",
    )
    NOT_ATTACHED = "not attached", "The fixed link is not up."
    NO_CONNECTION = "no connection", "The terminal has no RRC connection."
    NO_N2_CONNECTION = "no N2 connection", "The RAN node has no connection to the core."
    TOO_MANY_CAMPED = "too many camped", "As many UE processes camp in the cell as it takes."
    UNKNOWN_CONTEXT = "unknown UE context", "No UE has this identity."
    PEER_LOST = "peer lost", "For a peer that is gone."

    NOT_SECURED = "not secured", "Came unprotected, and may not, or not any more."
    NO_SECURITY_CONTEXT = "no security context", "Came protected, and there are no keys yet."
    STATUS_OF_PEER = "peer could not take a message", "NAS Status or Error Indication: a message of ours was refused."
    REGISTRATION_UNDER_WAY = "registration under way", "The same registration request again."
    UNKNOWN_TEMPORARY_IDENTITY = "unknown temporary identity", "Not the identity that was given, or of nobody here."
    TOO_MANY_TERMINALS = "too many terminals", "As many terminals are connected as the core takes."
    NO_FIRST_MESSAGE = "no context for NAS message", "First of a UE, and neither registration nor service request."
    TERMINAL_LOST = "terminal lost", "For a terminal that has gone."
    TERMINAL_NOT_REACHED = "terminal not reached", "For an idle terminal that did not answer to paging."
    IDLE_QUEUE_FULL = "queue of an idle terminal full", "More to say to an idle terminal than is kept for it."
    REQUEST_UNDER_WAY = "request under way", "The same computing request again."
    CONSENT_TO_UNKNOWN_JOB = "consent to unknown job", "A job that is not on offer, or not any more."
    NO_INVITATION = "answer to no invitation", "Nobody waits, or waits any more, for this answer to an invitation."
    UNKNOWN_TURN = "end of an unknown turn", "Another turn is under way, or none, or the seat is another's."

    # Compute plane
    UNKNOWN_INSTANCE = "unknown instance", "No such instance of a service function runs here."
    FOREIGN_INSTANCE = "instance of another peer", "Speaks of an instance that runs at another peer."
    RELEASE_OF_NO_ROUTE = "release of no route", "There is no such route to release."
    UNKNOWN_SEAT = "unknown seat", "The execution has no client of this seat here."
    CHANNEL_CLOSED = "channel closed", "For a channel of a function that has ended."
    TOO_MUCH_PROGRESS = "too much progress", "A function reports more often than it may in one turn."
    TOO_MUCH_LOG = "too much log", "A function writes more lines than it may."
    MALFORMED_PROGRESS = "malformed progress", "Figures of progress that are no JSON object of numbers."
    PROGRESS_AT_TERMINAL = "progress at a terminal", "Terminals have nobody to tell."
    INVITATION_FORGOTTEN = "invitation forgotten", "Its deadline had passed before it was answered."
    UNKNOWN_EXECUTION = "start of an unknown execution", "To start what the terminal has not accepted."
    ENDED_EXECUTION = "message of an ended execution", "The execution it belongs to is over."

    # User plane of PDU sessions
    UNKNOWN_TUNNEL = "unknown tunnel", "No tunnel ends at this TEID here."
    TUNNEL_NOT_READY = "tunnel not ready", "The other end of the tunnel is not known yet, or not any more."
    FORGED_ADDRESS = "forged address", "The packet's source is not the address of its PDU session."
    NO_ROUTE = "no route", "Nobody here has the address or port the packet is for."
    WRONG_CHECKSUM = "wrong checksum", "The checksum of the IPv4 header or the UDP datagram is not right."
    INTERNET_OPTIONS = "internet options", "An IPv4 packet with options: they are not supported."
    FRAGMENTED = "fragmented", "A fragment of an IPv4 packet: nobody puts it together here."
    NOT_UDP = "not UDP", "An IPv4 packet that carries something else than UDP."

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
    OUT_OF_RANGE = "out of range", "Sent while the UE was out of range of its cell: its emulated radio has CQI 0."
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
        """One thing of `size` octets was dropped for `reason`: a `Drop`, or the reason of a decoder."""
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
