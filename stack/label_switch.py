"""The forwarding function: DEP PDUs pass from one leg of a session to the other, only the handle changes (R47, R81).

    passed = switch.forward_run(leg, run, stride, now, bearer)    # a whole run of a batch, changed where it lies
    for end, burst in passed: ...             # stamp the layer-2 headers of end.leg and send
    for end, pdu in switch.control_to_send(now): ...

What becomes of a PDU, `forward` says for one. A run of DATA is judged by message: it has the same verdicts, and is
changed at once.

Credit is the relay's own business: what its receiver grants on one leg, it passes on over the other as its own socket
has room for. It keeps both figures per message, and only for messages that need grants: what fits in the unscheduled
octets of a session passes without a trace.

A relay that is new to a message (its path has changed, R107) learns from the sender's announcement where it stands, and
from the receiver's ACKs what has arrived already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import DEP_HEADER, DepType
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import (
    CONTROL_QUEUE,
    RELAY_IDLE,
    RELAYED_MESSAGES,
    REMEMBERED_MESSAGES,
    SILENCE,
    SILENCE_MAXIMUM,
)
from net4ai.stack.dep.credit import Claim, CreditBudget
from net4ai.stack.dep.error_causes import MESSAGE_CAUSES
from net4ai.stack.dep.pdus import HANDLE_AT
from net4ai.stack.drops import Drop, OnDrop
from net4ai.stack.message_runs import MessageRun, message_runs
from net4ai.stack.runs import segments

_BODY = L2_HEADER_SIZE + DEP_HEADER.size

Leg = TypeVar("Leg", bound=Hashable)
"""The owner's name of a leg: a link, or a UE on the Uu."""
_MessageKey = tuple[int, bool, int]
"""QoS flow, whether it is a response, message id."""


@dataclass(frozen=True, eq=False)
class RouteEnd(Generic[Leg]):
    """One leg of a route, as this relay sees it."""

    leg: Leg
    handle_in: int
    """Allocated here: in PDUs that arrive on this leg."""
    handle_out: int
    """Allocated by the neighbour: in PDUs that leave on this leg."""
    limits: SessionLimits
    """What this relay permits the neighbour to send. No wider than what the end of the route permits; the same
    segment size."""
    flows: Mapping[int, FlowMapping]
    """QoS flows, the same at both ends of the route, and their bearers on this leg."""
    budget: CreditBudget
    """Of the bulk socket DATA of this leg arrives at."""


_Part = tuple[RouteEnd[Leg], int, int]
"""The end by which PDUs of a run leave, the number of the first of them, and of the one behind the last."""
_ForwardOne = Callable[[memoryview], RouteEnd[Leg] | Drop | None]


def _each(one: _ForwardOne[Leg], run: memoryview, stride: int, start: int) -> Iterator[_Part[Leg]]:
    """PDU by PDU, from number `start` on."""
    for number in range(start, -(-len(run) // stride)):
        end = one(run[number * stride : (number + 1) * stride])
        if isinstance(end, RouteEnd):
            yield end, number, number + 1


def _join(parts: Iterable[_Part[Leg]], run: memoryview, stride: int) -> list[tuple[RouteEnd[Leg], memoryview]]:
    """Neighbouring parts with the same end are one."""
    joined: list[_Part[Leg]] = []
    for end, start, stop in parts:
        if joined and joined[-1][0] is end and joined[-1][2] == start:
            joined[-1] = (end, joined[-1][1], stop)
        else:
            joined.append((end, start, stop))
    return [(end, run[start * stride : stop * stride]) for end, start, stop in joined]


class _RelayedMessage(Generic[Leg]):
    """The credit of one message that passes."""

    __slots__ = ("claim", "half", "key", "last", "reached", "silences", "timer", "told")

    def __init__(self, half: _Half[Leg], key: _MessageKey, claim: Claim, reached: int, now: int) -> None:
        self.half = half
        self.key = key
        self.claim = claim
        """Its ceiling is what was received, `granted` what may be passed on."""
        self.told = 0
        """What was passed on."""
        self.reached = reached
        """Offset behind the highest octet that has passed."""
        self.last = now
        self.timer = now
        self.silences = 0

    @property
    def repeat_at(self) -> int:
        return self.timer + min(SILENCE << min(self.silences, 16), SILENCE_MAXIMUM)


class _Half(Generic[Leg]):
    """One direction: DATA enters at `entry` and leaves at `exit`."""

    __slots__ = ("entry", "exit", "finished", "messages", "opposite", "version")

    def __init__(self, entry: RouteEnd[Leg], exit: RouteEnd[Leg], version: int) -> None:
        self.entry = entry
        self.exit = exit
        self.version = version
        self.messages: dict[_MessageKey, _RelayedMessage[Leg]] = {}
        self.finished: dict[_MessageKey, int] = {}
        """Lengths of the last messages whose final ACK passed: had it been lost, DATA comes again and must pass."""
        self.opposite: _Half[Leg] = self


def _no_hook(reason: str, octets: int) -> None:
    pass


class LabelSwitch(Generic[Leg]):
    """All routes of one forwarding function. `on_drop` is told of every drop."""

    def __init__(self, on_drop: OnDrop = _no_hook) -> None:
        self.drops: Counter[Drop] = Counter()
        self._on_drop = on_drop
        self._in: dict[tuple[Leg, int], _Half[Leg]] = {}
        self._out: dict[tuple[Leg, int], _Half[Leg]] = {}
        self._expected: dict[tuple[Leg, int], None] = {}
        """Handles given out for routes that are still being laid."""
        self._short: dict[_RelayedMessage[Leg], None] = {}
        """More was received than passed on."""
        self._unanswered: dict[_RelayedMessage[Leg], None] = {}
        """GRANTs of ours that no DATA has answered."""
        self._controls: list[tuple[RouteEnd[Leg], bytearray]] = []
        self._kept: dict[_RelayedMessage[Leg], None] = {}
        self._sweep_at = 0
        self._arriving: _RelayedMessage[Leg] | None = None
        """A message octets have arrived of that its budget has not been told of: once per run is enough."""
        self._arrived = 0

    # --- Routes ---

    def add(self, one: RouteEnd[Leg], other: RouteEnd[Leg], version: int) -> None:
        """Connect two legs, both ways. Raises `NotEnoughCredit`, and ValueError where a handle is taken."""
        for end in (one, other):
            if (end.leg, end.handle_in) in self._in:
                raise ValueError(f"handle {end.handle_in:#010x} is taken on leg {end.leg!r}")
        one.budget.promise(one.limits.unscheduled)
        try:
            other.budget.promise(other.limits.unscheduled)
        except BaseException:
            one.budget.take_back(one.limits.unscheduled)
            raise
        there, back = _Half(one, other, version), _Half(other, one, version)
        there.opposite, back.opposite = back, there
        for half in (there, back):
            self._in[half.entry.leg, half.entry.handle_in] = half
            self._out[half.entry.leg, half.entry.handle_out] = half
            self.expect_no_more(half.entry.leg, half.entry.handle_in)

    def remove(self, leg: Leg, handle_in: int) -> None:
        """Disconnect a route, named by either end; credit goes back. An unknown one is ignored."""
        half = self._in.get((leg, handle_in))
        if half is None:
            return
        for direction in (half, half.opposite):
            self._release_all(direction)
            end = direction.entry
            del self._in[end.leg, end.handle_in]
            if self._out.get((end.leg, end.handle_out)) is direction:
                del self._out[end.leg, end.handle_out]
            end.budget.take_back(end.limits.unscheduled)

    def expect(self, leg: Leg, handle_in: int) -> None:
        """A route with this handle will be added: PDUs that come earlier are dropped as `Drop.NO_ROUTE_YET`."""
        self._expected[leg, handle_in] = None

    def expect_no_more(self, leg: Leg, handle_in: int) -> None:
        """It will not."""
        self._expected.pop((leg, handle_in), None)

    def end(self, leg: Leg, handle_in: int) -> RouteEnd[Leg]:
        """The end of a route that has this handle. Raises KeyError."""
        return self._in[leg, handle_in].entry

    def replace(self, leg: Leg, handle_in: int, after: RouteEnd[Leg]) -> None:
        """A route goes on with another end in the place of this one; of what came over it nothing is kept.

        What leaves by it stands in the books of the other end, which stay. Raises KeyError, `NotEnoughCredit`, and
        ValueError where the new handle is taken.
        """
        half = self._in[leg, handle_in]
        if (after.leg, after.handle_in) in self._in:
            raise ValueError(f"handle {after.handle_in:#010x} is taken on leg {after.leg!r}")
        after.budget.promise(after.limits.unscheduled)
        self._release_all(half)
        before = half.entry
        del self._in[leg, handle_in]
        if self._out.get((before.leg, before.handle_out)) is half:
            del self._out[before.leg, before.handle_out]
        before.budget.take_back(before.limits.unscheduled)
        half.entry = half.opposite.exit = after
        self._in[after.leg, after.handle_in] = self._out[after.leg, after.handle_out] = half
        self.expect_no_more(after.leg, after.handle_in)

    def remove_leg(self, leg: Leg) -> None:
        """A neighbour is gone: disconnect all routes over its leg."""
        for end_leg, handle_in in list(self._in):
            if end_leg == leg:
                self.remove(leg, handle_in)
        for expected in [expected for expected in self._expected if expected[0] == leg]:
            del self._expected[expected]

    def __len__(self) -> int:
        """Number of routes."""
        return len(self._in) // 2

    @property
    def messages(self) -> int:
        """Messages whose credit is kept."""
        return len(self._kept)

    # --- Forwarding ---

    def remap(self, leg: Leg, handle_in: int, flows: Mapping[int, FlowMapping]) -> None:
        """The QoS flows of a route take other bearers on this leg. An unknown route is ignored."""
        half = self._in.get((leg, handle_in))
        if half is not None:
            half.entry = half.opposite.exit = replace(half.entry, flows=flows)

    def forward(
        self, leg: Leg, pdu: bytearray | memoryview, now: int, bearer: int | None = None
    ) -> RouteEnd[Leg] | Drop | None:
        """Forward one PDU that begins with its layer-2 header; the handle in it is rewritten.

        `bearer`: what it came over, where flows are told apart by it (R103); on another flow's bearer it is dropped.
        Gives the end it leaves by, why it was dropped, or None: a GRANT that is kept until there is room. On
        `Drop.UNKNOWN_HANDLE` the node decides whether the neighbour gets an ERROR.
        """
        verdict = self._forward(leg, pdu, now, bearer)
        self._settle()
        return verdict

    def forward_run(
        self, leg: Leg, run: memoryview, stride: int, now: int, bearer: int | None = None
    ) -> list[tuple[RouteEnd[Leg], memoryview]] | Drop:
        """Forward a run of PDUs by `SESSION` (see `net4ai.stack.runs`): of one type, flow and handle.

        Each as by `forward`, where it lies. Gives the parts of `run` that leave, each with its end; or why nothing
        does, where that is the same for all.
        """
        if len(run) <= stride:
            verdict = self.forward(leg, run, now, bearer)
            return verdict if isinstance(verdict, Drop) else [] if verdict is None else [(verdict, run)]
        header = pdus.header(run, L2_HEADER_SIZE)
        half = self._route(leg, header, bearer)
        if isinstance(half, Drop) and header.handle:
            for pdu in segments(run, stride):
                self._drop(half, len(pdu), now)
            return half
        one = partial(self._forward, leg, now=now, bearer=bearer)
        if isinstance(half, Drop) or header.type != DepType.DATA or header.extension_words:
            parts = _each(one, run, stride, 0)
        else:
            parts = self._forward_data(half, header, run, stride, now, one)
        passed = _join(parts, run, stride)
        self._settle()
        return passed

    def _forward(
        self, leg: Leg, pdu: bytearray | memoryview, now: int, bearer: int | None = None
    ) -> RouteEnd[Leg] | Drop | None:
        if len(pdu) < _BODY:
            return self._drop(Drop.TRUNCATED, len(pdu), now)
        header = pdus.header(pdu, L2_HEADER_SIZE)
        if not header.handle:
            return self._forward_error_without_handle(leg, header, pdu, now)
        half = self._route(leg, header, bearer)
        if isinstance(half, Drop):
            return self._drop(half, len(pdu), now)
        body = _BODY + 4 * header.extension_words
        handler = self._HANDLERS.get(header.type)
        if handler is not None:
            if len(pdu) < body + 4:
                return self._drop(Drop.TRUNCATED, len(pdu), now)
            verdict: RouteEnd[Leg] | Drop | None = handler(self, half, header, pdu, body, now)
            if verdict is not half.exit:
                return verdict
        pdu[HANDLE_AT : HANDLE_AT + 4] = half.exit.handle_out.to_bytes(4, "big")
        return half.exit

    def _route(self, leg: Leg, header: pdus.Header, bearer: int | None) -> _Half[Leg] | Drop:
        """The route a PDU takes, or why it takes none."""
        half = self._in.get((leg, header.handle))
        if half is None:
            return Drop.NO_ROUTE_YET if (leg, header.handle) in self._expected else Drop.UNKNOWN_HANDLE
        if header.version != half.version:
            return Drop.WRONG_VERSION
        flow = half.entry.flows.get(header.qfi)
        if flow is None:
            return Drop.FLOW_NOT_CONFIGURED
        if bearer is not None and flow.bearer != bearer:
            return Drop.WRONG_BEARER
        return half

    def _forward_data(
        self, half: _Half[Leg], header: pdus.Header, run: memoryview, stride: int, now: int, one: _ForwardOne[Leg]
    ) -> Iterator[_Part[Leg]]:
        """A run of DATA, message by message. What may not pass together is looked at one by one."""
        done = 0
        for some in message_runs(run, stride):
            done = some.stop
            if self._may_pass(half, (header.qfi, bool(header.response), some.message_id), some, now):
                some.handles[:] = half.exit.handle_out
                yield half.exit, some.start, some.stop
            else:
                yield from _each(one, run[: some.stop * stride], stride, some.start)
        yield from _each(one, run, stride, done)

    def _may_pass(self, half: _Half[Leg], key: _MessageKey, some: MessageRun, now: int) -> bool:
        """Whether `_on_data` would let all of these pass; if so its effects. Where one may not, nothing is done."""
        limits, length, reached = half.entry.limits, some.length, some.reached
        if length > limits.maximum_message or reached > length:
            return False
        message = half.messages.get(key)
        if message is None:
            if half.finished.get(key) == length:
                return True
            if reached > limits.unscheduled:
                return False
            if length > limits.unscheduled:
                self._keep(half, key, length, reached, now)
            return True
        if message.claim.length != length or (reached > limits.unscheduled and reached > message.told):
            return False
        message.last = message.timer = now
        message.silences = 0
        self._reach(message, reached)
        return True

    def _on_data(
        self, half: _Half[Leg], header: pdus.Header, pdu: bytearray | memoryview, body: int, now: int
    ) -> RouteEnd[Leg] | Drop | None:
        limits = half.entry.limits
        size = len(pdu) - body - 8
        length = int.from_bytes(pdu[body : body + 4], "big")
        end = header.offset + size
        if size < 0:
            return self._drop(Drop.TRUNCATED, len(pdu), now)
        if length > limits.maximum_message:
            return self._drop(Drop.MESSAGE_TOO_LARGE, len(pdu), now)
        if end > length:
            return self._drop(Drop.WRONG_SEGMENT, len(pdu), now)
        key = (header.qfi, bool(header.response), header.message_id)
        message = half.messages.get(key)
        if message is None and half.finished.get(key) == length:
            return half.exit
        if size and end > limits.unscheduled and (message is None or end > message.told):
            return self._drop(Drop.CREDIT_VIOLATION, len(pdu), now)
        if message is None:
            if length > limits.unscheduled or (size == 0 and length > 0):
                self._keep(half, key, length, end, now)
            return half.exit
        if message.claim.length != length:
            return self._drop(Drop.WRONG_LENGTH, len(pdu), now)
        message.last = message.timer = now
        message.silences = 0
        self._reach(message, end)
        return half.exit

    def _reach(self, message: _RelayedMessage[Leg], end: int) -> None:
        """Credit for the octets before `end` is free again: by `_settle`."""
        if end > message.reached:
            if message is not self._arriving:
                self._settle()
                self._arriving = message
            self._arrived += end - message.reached
            message.reached = end
            if end >= message.told:
                self._unanswered.pop(message, None)

    def _settle(self) -> None:
        """Tell the budget what has arrived."""
        if self._arriving is not None:
            claim, octets = self._arriving.claim, self._arrived
            self._arriving, self._arrived = None, 0
            claim.arrive(octets)

    def _keep(self, half: _Half[Leg], key: _MessageKey, length: int, reached: int, now: int) -> None:
        """Begin to keep a message's credit."""
        self._settle()
        if len(half.messages) >= RELAYED_MESSAGES:
            self._release(min(half.messages.values(), key=lambda message: message.last))
        claim = half.entry.budget.claim(
            self, length=length, segment=half.entry.limits.segment_size, arrived=reached, ceiling=0
        )
        message = half.messages[key] = _RelayedMessage(half, key, claim, reached, now)
        if not self._kept:
            self._sweep_at = now + RELAY_IDLE
        self._kept[message] = None

    def _on_grant(
        self, half: _Half[Leg], header: pdus.Header, pdu: bytearray | memoryview, body: int, now: int
    ) -> RouteEnd[Leg] | Drop | None:
        message = self._message_of(half, header)
        if message is None:
            return self._drop(Drop.UNKNOWN_MESSAGE, len(pdu), now)
        message.last = now
        claim = message.claim
        claim.raise_ceiling(int.from_bytes(pdu[body : body + 4], "big"))
        if claim.granted < claim.ceiling:
            self._short[message] = None
        else:
            self._short.pop(message, None)
        if not claim.granted:
            self._emit(message, DepType.BUSY, bytes(4))
            return None
        message.told = claim.granted
        pdu[body : body + 4] = claim.granted.to_bytes(4, "big")
        return half.exit

    def _on_ack(
        self, half: _Half[Leg], header: pdus.Header, pdu: bytearray | memoryview, body: int, now: int
    ) -> RouteEnd[Leg] | Drop | None:
        message = self._message_of(half, header)
        if message is not None:
            message.last = now
            if header.offset < message.claim.length:
                self._reach(message, header.offset)  # it may have arrived over another path
            elif header.offset == message.claim.length:
                self._release(message)
                finished = message.half.finished
                finished[message.key] = message.claim.length
                if len(finished) > REMEMBERED_MESSAGES:
                    del finished[next(iter(finished))]
        return half.exit

    def _on_busy(
        self, half: _Half[Leg], header: pdus.Header, pdu: bytearray | memoryview, body: int, now: int
    ) -> RouteEnd[Leg] | Drop | None:
        message = self._message_of(half, header)
        if message is not None:
            message.last = now
        return half.exit

    def _on_error(
        self, half: _Half[Leg], header: pdus.Header, pdu: bytearray | memoryview, body: int, now: int
    ) -> RouteEnd[Leg] | Drop | None:
        message = self._message_of(half, header)
        if message is not None and int.from_bytes(pdu[body : body + 2], "big") in MESSAGE_CAUSES:
            self._release(message)
        return half.exit

    def _on_close(
        self, half: _Half[Leg], header: pdus.Header, pdu: bytearray | memoryview, body: int, now: int
    ) -> RouteEnd[Leg] | Drop | None:
        self._release_all(half)
        self._release_all(half.opposite)
        return half.exit

    def _forward_error_without_handle(
        self, leg: Leg, header: pdus.Header, pdu: bytearray | memoryview, now: int
    ) -> RouteEnd[Leg] | Drop:
        """The neighbour does not know our handle: tell the other neighbour the same of its handle."""
        body = _BODY + 4 * header.extension_words
        if header.type != DepType.ERROR or len(pdu) < body + 8:
            return self._drop(Drop.UNKNOWN_HANDLE, len(pdu), now)
        half = self._out.get((leg, int.from_bytes(pdu[body + 4 : body + 8], "big")))
        if half is None:
            return self._drop(Drop.UNKNOWN_HANDLE, len(pdu), now)
        if int.from_bytes(pdu[body : body + 2], "big") != Cause.UNKNOWN_SESSION:
            return self._drop(Drop.ERROR_WITHOUT_CONSEQUENCE, len(pdu), now)
        pdu[body + 4 : body + 8] = half.exit.handle_out.to_bytes(4, "big")
        return half.exit

    _HANDLERS: ClassVar[dict[int, Callable[..., Any]]] = {
        DepType.DATA: _on_data,
        DepType.GRANT: _on_grant,
        DepType.ACK: _on_ack,
        DepType.NACK: _on_busy,
        DepType.BUSY: _on_busy,
        DepType.ERROR: _on_error,
        DepType.CLOSE: _on_close,
    }
    """Types that concern credit; all others only change their handle."""

    @staticmethod
    def _message_of(half: _Half[Leg], header: pdus.Header) -> _RelayedMessage[Leg] | None:
        """The message a control PDU is about: its DATA comes the other way."""
        return half.opposite.messages.get((header.qfi, bool(header.response), header.message_id))

    # --- What goes out by itself ---

    def control_to_send(self, now: int) -> list[tuple[RouteEnd[Leg], bytearray]]:
        """GRANT and BUSY of this relay, with 8 zero octets for the layer-2 header, for the signalling socket."""
        for message in list(self._short):
            claim = message.claim
            if claim.granted > message.told:
                message.told = claim.granted
                message.timer, message.silences = now, 0
                self._unanswered[message] = None
                self._emit(message, DepType.GRANT, pdus.grant(claim.granted))
            if message.told == claim.ceiling:
                del self._short[message]
        controls, self._controls = self._controls, []
        return controls

    def next_deadline(self) -> int | None:
        """When `advance` and `control_to_send` are due; 0: credit came free, there is something to send."""
        if any(message.claim.granted > message.told for message in self._short):
            return 0
        deadlines = [message.repeat_at for message in self._unanswered]
        if self._kept:
            deadlines.append(self._sweep_at)
        return min(deadlines, default=None)

    def advance(self, now: int) -> None:
        """Repeat unanswered GRANTs, forget idle messages."""
        for message in self._unanswered:
            if message.repeat_at <= now:
                message.timer = now
                message.silences += 1
                self._emit(message, DepType.GRANT, pdus.grant(message.told))
        if not self._kept or self._sweep_at > now:
            return
        for message in list(self._kept):
            if message.last + RELAY_IDLE <= now:
                self._release(message)
        self._sweep_at = min((message.last for message in self._kept), default=now) + RELAY_IDLE

    def _emit(self, message: _RelayedMessage[Leg], kind: DepType, body: bytes) -> None:
        if len(self._controls) >= CONTROL_QUEUE:
            return
        qfi, response, message_id = message.key
        end = message.half.entry
        header = pdus.pack_header(
            message.half.version, kind, handle=end.handle_out, qfi=qfi, message_id=message_id, response=response
        )
        self._controls.append((end, bytearray(L2_HEADER_SIZE) + header + body))

    # --- Helpers ---

    def _release(self, message: _RelayedMessage[Leg]) -> None:
        message.half.messages.pop(message.key, None)
        self._kept.pop(message, None)
        self._short.pop(message, None)
        self._unanswered.pop(message, None)
        if message is self._arriving:
            self._arriving, self._arrived = None, 0
        message.claim.close()

    def _release_all(self, half: _Half[Leg]) -> None:
        for message in list(half.messages.values()):
            self._release(message)

    def _drop(self, reason: Drop, octets: int, now: int) -> Drop:
        self.drops[reason] += 1
        self._on_drop(reason, octets)
        return reason
