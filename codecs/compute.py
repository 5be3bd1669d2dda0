"""Messages between a node and its compute worker, the process where the node's service functions run.

One message a frame: MessagePack, a map with the message's name under ``type``. A *channel* is one end of a DEP session
of an execution and is named by (instance, execution, as_server, seat); beside it each instance has a results channel
to the application controller. Whole DEP messages pass unread. Every `Send` is answered by a `Sent`, every `SendResult`
by a `ResultSent` once the network has taken it: the worker keeps few unanswered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError, EncodeError

MAXIMUM_BODY = 64 << 20
"""Longest DEP message between functions, with its prefix, in octets."""
MAXIMUM_FRAME = MAXIMUM_BODY + 1024
"""Longest frame, in octets: a body and what names its channel."""
MAXIMUM_SEATS = 4096
"""Clients of one server in one execution."""
MAXIMUM_NAME = 256
MAXIMUM_TEXT = 1000
"""Characters of an error, a detail or a line of the log."""
MAXIMUM_MEMORY_MIB = 1 << 24
MAXIMUM_BUSY_S = 3600.0
MAXIMUM_PROGRESS = 4096
"""Octets of one progress report, as JSON."""

Number = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
Seat = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Seats = Annotated[list[Seat], msgspec.Meta(max_length=MAXIMUM_SEATS)]
Name = Annotated[str, msgspec.Meta(max_length=MAXIMUM_NAME)]
Text = Annotated[str, msgspec.Meta(max_length=MAXIMUM_TEXT)]

M = TypeVar("M")

if TYPE_CHECKING:
    Body = Buffer
else:
    # A received body is a view of its frame: nothing is copied. Buffers of any type can be sent.
    Body = memoryview


class _Compute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, kw_only=True):
    """Base of all messages."""

    instance: Number


class _Channel(_Compute, frozen=True, kw_only=True):
    """Base of what concerns one channel."""

    execution: Number
    as_server: bool
    seat: Seat


# --- Node to worker


class Load(_Compute, frozen=True):
    """Create an instance of a function, in place of one with the same number. `Loaded` or `LoadFailed` answers."""

    function: Name
    """Name of an installed function (entry point), or "module:Class" of a module the run allows."""
    settings: dict[str, Any]
    private: dict[str, Any]
    """What the owner of this host gives the function; at a UE, where the subscriber's own data is."""
    worker: Name = ""
    """Instances with the same worker share a process, and its fate."""
    memory_mib: Annotated[int, msgspec.Meta(ge=0, le=MAXIMUM_MEMORY_MIB)] = 0
    """Memory the worker may take before it is ended; 0: no limit."""
    busy_s: Annotated[float, msgspec.Meta(ge=0, le=MAXIMUM_BUSY_S)] = 0.0
    """Seconds the worker may compute without a pause before it is ended; 0: no limit."""
    checkpoint: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    """File of the instance's checkpoints; where it is there already, the instance begins with it. Empty: none."""


class Radio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a terminal hears of its cell: as it would report (TS 38.331 5.5.5)."""

    cell: Number
    rsrp_dbm: float
    rsrq_db: float
    sinr_db: float


class Begin(_Compute, frozen=True):
    """An execution begins at an instance, or goes on after what it has committed there. `Begun` answers."""

    execution: Number
    as_server: bool
    routine: Name
    round: Number
    cut: Annotated[int, msgspec.Meta(ge=0, le=0xFF)]
    seats: Seats
    """At a server its clients' seats in order, at a client its own."""
    sequential: bool


class RunTurn(_Channel, frozen=True):
    """A turn begins. `TurnDone` answers: at once where the server has committed this turn before."""

    turn: Number
    repetition: Number
    radio: Radio | None = None
    """At a terminal: what it hears of its cell now."""


class Deliver(_Channel, frozen=True):
    """A message for the function; it may come before its turn does."""

    body: Body


class CloseChannel(_Channel, frozen=True):
    """The session of this channel has ended; the next message or turn of the seat has a new one."""


class Sent(_Channel, frozen=True):
    """The network has taken the channel's oldest unanswered `Send`."""


class DeliverResult(_Compute, frozen=True):
    """Job input for a function, from the application controller (R5)."""

    body: Body


class ResultSent(_Compute, frozen=True):
    """The network has taken the oldest unanswered `SendResult`."""


class CloseResults(_Compute, frozen=True):
    """The session to the application controller has ended; what comes next belongs to a new one."""


class End(_Compute, frozen=True):
    """All turns are done: the server says restart or complete. Turns still under way are cancelled. `Ended` answers."""

    execution: Number
    repetition: Number


class Forget(_Compute, frozen=True):
    """An execution is over or aborted at this instance: cancel what runs, free what it holds. Nothing answers."""

    execution: Number
    as_server: bool


class Unload(_Compute, frozen=True):
    """End an instance and all its executions. Nothing answers."""

    remove_checkpoint: bool = False
    """It is not to come back: its checkpoint goes, too."""


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Is the worker there? `Pong` answers as soon as no function computes."""


# --- Worker to node


class Ready(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """The worker takes messages."""


class Pong(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Answers `Ping`."""


class Loaded(_Compute, frozen=True):
    """The instance is there."""


class LoadFailed(_Compute, frozen=True):
    """There is no instance of this number."""

    detail: Text


class Begun(_Compute, frozen=True):
    """The execution has begun, or the function refused it: `detail`, empty when all is well."""

    execution: Number
    as_server: bool
    detail: Text = ""
    next_turn: Number = 0
    """Turns below it were committed, or passed over, when this execution was under way before."""


class Send(_Channel, frozen=True):
    """A message of the function, for the other end."""

    body: Body


class SendResult(_Compute, frozen=True):
    """A message of the function, for the application controller (R111)."""

    body: Body


class TurnDone(_Channel, frozen=True):
    """A turn has ended; at a server, without `error`, it is committed."""

    turn: Number
    error: Text = ""
    """"Type: text" of what the function raised."""


class Ended(_Compute, frozen=True):
    """What the server says (R75, R110); with `error` the outcome means nothing."""

    execution: Number
    repetition: Number
    outcome: Literal["complete", "restart", "stop"]
    error: Text = ""
    closed: bool = False
    """The error is none of the function: the application controller has gone while it waited for it."""


class Progress(_Compute, frozen=True):
    """A function reports. Numbers are finite."""

    execution: Number
    """0: outside any execution."""
    values: dict[str, int | float | str]


class InstanceLost(_Compute, frozen=True):
    """The instance is no more: its worker has died, hung, or taken too much. Only `Load` makes it anew."""

    failed: bool
    """It was ended for what it did: it hung, or took too much."""
    detail: Text


class Log(_Compute, frozen=True):
    """A line for the node's log."""

    line: Text


class Dropped(_Compute, frozen=True):
    """A body or report could not be used; `reason` is the name under which drops are counted."""

    reason: Name
    octets: Number


ToWorker: TypeAlias = (
    Load
    | Begin
    | RunTurn
    | Deliver
    | CloseChannel
    | Sent
    | DeliverResult
    | ResultSent
    | CloseResults
    | End
    | Forget
    | Unload
    | Ping
)
FromWorker: TypeAlias = (
    Ready
    | Pong
    | Loaded
    | LoadFailed
    | Begun
    | Send
    | SendResult
    | TurnDone
    | Ended
    | Progress
    | Log
    | Dropped
    | InstanceLost
)

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def encode(message: ToWorker | FromWorker) -> bytes:
    """The frame of a message. Raises `EncodeError` when it is too long or a value has no MessagePack form."""
    try:
        frame = _encoder.encode(message)
    except (TypeError, OverflowError, ValueError, RecursionError) as error:
        raise EncodeError("compute", type(message).__name__, str(error), "values MessagePack can hold") from None
    if len(frame) > MAXIMUM_FRAME:
        raise EncodeError("compute", type(message).__name__, len(frame), f"frames of up to {MAXIMUM_FRAME} octets")
    return frame


def decode_to_worker(frame: Buffer) -> ToWorker:
    """The message in a frame from a node; a body is a view of it. Raises `DecodeError`."""
    return _decode(_to_worker, frame)


def decode_from_worker(frame: Buffer) -> FromWorker:
    """The message in a frame from a compute worker; a body is a view of it. Raises `DecodeError`."""
    return _decode(_from_worker, frame)


def _decode(decoder: msgspec.msgpack.Decoder[M], frame: Buffer) -> M:
    if len(frame) > MAXIMUM_FRAME:
        raise DecodeError("compute", "too large", f"{len(frame)} octets")
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        raise DecodeError("compute", "wrong schema", str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("compute", "not MessagePack", str(error)) from None
