"""One end of one DEP session (R94, R97): messages in, messages out, no sockets, no clock.

    session = DepSession(version=1, send_handle=..., flows=..., send_limits=..., receive_limits=..., budget=...)
    session.send(qfi, [prefix, tensor], now=now)
    for burst in session.data_to_send(now, 1 << 20): ...      # bulk socket
    for bearer, pdu in session.control_to_send(now): ...      # signalling socket
    session.receive(pdu, now); while (event := session.next_event()) is not None: ...
    session.next_deadline(); session.advance(now)

After anything went in, ask what comes out. When credit of the shared budget comes free through another session,
`CreditBudget.take_ready()` names this one: then ask `control_to_send` too.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import (
    CapsuleBody,
    CloseBody,
    DepType,
    EchoBody,
    ErrorBody,
    GrantBody,
    PathBody,
    PathReason,
)
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.dep import pdus
from net4ai.stack.dep.capsules import Capsules
from net4ai.stack.dep.constants import (
    CLOSE_REPEAT,
    CLOSE_REPETITIONS,
    NACK_RANGES,
    QUEUED_MESSAGES,
)
from net4ai.stack.dep.control_queue import ControlQueue
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.data_run import DataRun, PlainData, Segment, marks_of
from net4ai.stack.dep.error_causes import MESSAGE_CAUSES, SESSION_CAUSES
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.dep.errors import (
    AnswerUnderWay,
    FlowsDiffer,
    MessageTooLarge,
    NoFlows,
    SessionNotOpen,
    TooManyMessages,
    UnknownFlow,
)
from net4ai.stack.dep.events import CapsuleReceived, Event, MessageReceived, SessionClosed
from net4ai.stack.dep.extensions import Extensions, Jitter
from net4ai.stack.dep.incoming_message import MessageKey
from net4ai.stack.dep.outgoing_message import OutgoingMessage
from net4ai.stack.dep.path_change import Age, PathChange
from net4ai.stack.dep.pdus import HEADER_SIZE, SEGMENT_HEADERS, Header
from net4ai.stack.dep.receiving import FlowReceiver, ReceiveWindow
from net4ai.stack.dep.repetition import Repetition
from net4ai.stack.dep.sending import FlowSender, SendWindow
from net4ai.stack.dep.session_records import SessionRecords
from net4ai.stack.dep.staging import Burst, StagingBuffer
from net4ai.stack.drops import Drop, OnDrop


class DepSession:
    """One end of a session. Everything from the peer is data: it is handled or dropped with a reason, never raised.

    version: agreed when the session was added. send_handle: what the peer gave out, 1 to 2^32 - 1.
    send_limits: what the peer permits. receive_limits: what we permit; its unscheduled octets are promised by `budget`
    until the session is closed. on_drop is told of every drop. staging: where bursts are built, one for all sessions
    whose bursts are sent one after the other; its own by default. Raises `NoFlows`, `NotEnoughCredit`.
    """

    def __init__(
        self,
        *,
        version: int,
        send_handle: int,
        flows: Mapping[int, FlowMapping],
        send_limits: SessionLimits,
        receive_limits: SessionLimits,
        budget: CreditBudget,
        on_drop: OnDrop | None = None,
        staging: StagingBuffer | None = None,
    ) -> None:
        if not flows:
            raise NoFlows()
        budget.promise(receive_limits.unscheduled)
        self.version = version
        self.send_handle = send_handle
        self.flows = dict(flows)
        self.send_limits = send_limits
        self.receive_limits = receive_limits
        self.drops: Counter[Drop] = Counter()
        self._budget = budget
        self._on_drop = on_drop
        self._events: deque[Event] = deque()
        self._controls = ControlQueue(version, send_handle, self.flows)
        self.records = SessionRecords()
        """Keys, where messages are sealed."""
        self._send_window = SendWindow(send_limits, self.records)
        staging = staging or StagingBuffer()
        self._receive_window = ReceiveWindow(receive_limits, budget, self, self.records)
        self.records.on_key = self._receive_window.open_waiting
        self._senders = {
            qfi: FlowSender(mapping, version, send_handle, self._send_window, self._events, staging)
            for qfi, mapping in self.flows.items()
        }
        self._receivers = {
            qfi: FlowReceiver(mapping, self._receive_window, self._events, self._control, self._drop)
            for qfi, mapping in self.flows.items()
        }
        self._send_window.flows = list(self._senders.values())
        self._receive_window.flows = list(self._receivers.values())
        self._first_flow = 0
        self._now = 0
        self._heard = False
        self._plain_data = PlainData(version, self.flows)
        self._error_rate = ErrorRate()
        self._state = "open"
        self._cause = Cause.NORMAL
        self._close = Repetition(CLOSE_REPEAT, CLOSE_REPEAT << CLOSE_REPETITIONS, CLOSE_REPETITIONS)
        self._path = PathChange()
        self._path_qfi = next(iter(self.flows))
        """PATH goes out on this QoS flow: one that moved."""
        self._capsules = Capsules()
        self.jitter = Jitter()
        """Of PDUs of the peer that carry a timestamp."""

    # --- The application's side ---

    @property
    def is_open(self) -> bool:
        return self._state == "open"

    @property
    def idle(self) -> bool:
        """Nothing is under way in either direction."""
        if self._path.waiting or self._capsules.waiting:
            return False
        return not any(flow.open or flow.queue for flow in self._senders.values()) and not any(
            flow.open or flow.held for flow in self._receivers.values()
        )

    @property
    def segments_sent(self) -> int:
        return sum(flow.segments_sent for flow in self._senders.values())

    @property
    def segments_repeated(self) -> int:
        return sum(flow.segments_repeated for flow in self._senders.values())

    def send(self, qfi: int, parts: Sequence[Buffer], *, now: int, answers: int | None = None) -> int:
        """Queue one message made of `parts`, which are copied; gives its message id.

        `answers`: the message id of the request this one responds to. Raises `SessionNotOpen`, `UnknownFlow`,
        `MessageTooLarge`, `TooManyMessages`, `AnswerUnderWay`; where messages are sealed `NotSealable`, `KeyExhausted`.
        """
        if not self.is_open:
            raise SessionNotOpen(f"the session is {self._state}")
        flow = self._senders.get(qfi)
        if flow is None:
            raise UnknownFlow(qfi, sorted(self._senders))
        if (length := self.records.length(parts)) > self.send_limits.maximum_message:
            raise MessageTooLarge(length, self.send_limits.maximum_message)
        if sum(len(sender.queue) for sender in self._senders.values()) >= QUEUED_MESSAGES:
            raise TooManyMessages(QUEUED_MESSAGES)
        if answers is not None and flow.answering(answers):
            raise AnswerUnderWay(answers)
        return flow.submit(parts, answers)

    def next_event(self) -> Event | None:
        """The next thing the owner should know."""
        if not self._events:
            return None
        event = self._events.popleft()
        if isinstance(event, MessageReceived):
            self._receive_window.backlog -= 1
        elif isinstance(event, CapsuleReceived):
            self._capsules.untaken -= 1
        return event

    def path_changed(
        self,
        reason: PathReason,
        now: int,
        flows: Iterable[FlowMapping] | None = None,
        send_handle: int | None = None,
    ) -> None:
        """The session goes on over another path: PATH tells the peer, and DATA waits until it has answered.

        `flows`: the same QoS flows on other bearers, where they moved. `send_handle`: what the next on the path has
        given out, where that is another. A session that is no longer open only takes these. Raises `FlowsDiffer`.
        """
        self._now = now
        if flows is not None:
            self._move({flow.qfi: flow for flow in flows})
        if send_handle is not None:
            self._use_handle(send_handle)
        if not self.is_open:
            return
        for sender in self._senders.values():
            sender.suspend()
        self._path.begin(reason, now)
        self._repeat_path(now)
        for receiver in self._receivers.values():
            receiver.restate(now)

    def _use_handle(self, send_handle: int) -> None:
        self.send_handle = self._controls.send_handle = send_handle
        self._controls.clear()  # they would go to nobody; all of them are repeated on demand
        for sender in self._senders.values():
            sender.use_handle(send_handle)

    def _move(self, flows: dict[int, FlowMapping]) -> None:
        promises = {qfi: (flow.reliable, flow.ordered) for qfi, flow in self.flows.items()}
        if promises != {qfi: (flow.reliable, flow.ordered) for qfi, flow in flows.items()}:
            raise FlowsDiffer(sorted(flows), sorted(promises))
        moved = [qfi for qfi, flow in self.flows.items() if flow.bearer != flows[qfi].bearer]
        self._path_qfi = next(iter(moved), self._path_qfi)
        for qfi in moved:
            self.flows[qfi] = self._senders[qfi].mapping = self._receivers[qfi].mapping = flows[qfi]

    def send_capsule(self, epoch: int, octets: bytes, now: int) -> None:
        """Hand a key capsule to the peer, which gets it once; capsules go out in the order of their growing epochs.

        Raises `SessionNotOpen`, `CapsuleRefused`.
        """
        if not self.is_open:
            raise SessionNotOpen(f"the session is {self._state}")
        self._capsules.send(epoch, octets, now)
        self.advance(now)

    def close(self, cause: Cause, now: int) -> None:
        """End the data phase: open messages fail with `cause`, CLOSE is repeated until answered."""
        if not self.is_open:
            return
        for flow in self._receivers.values():
            flow.collect(now)
        self._end("closing", cause)
        self._close.start(now)
        self.advance(now)

    def lose(self) -> None:
        """A bearer of the session has failed: nothing more is sent, the owner is told PEER_LOST."""
        if self._state != "closed":
            self._closed(Cause.PEER_LOST)

    def release(self) -> None:
        """RRC or link signalling has released the session: memory and credit go back, nothing more is said or told."""
        self._end("closed", Cause.NORMAL)
        self._events.clear()
        self._controls.clear()

    # --- What goes out ---

    def data_to_send(self, now: int, limit: int, qfi: int | None = None) -> Iterator[Burst]:
        """Bursts for the bulk socket, about `limit` octets (the last segment may go beyond), fair among QoS flows.

        Fewer octets than `limit`: nothing is left; otherwise ask again. `qfi`: of this QoS flow only, where a scheduler
        chooses. The octets of a burst are good until the next one is asked for.
        """
        if not self.is_open or self._path.waiting:
            return
        waiting = list(self._senders.values()) if qfi is None else [self._senders[qfi]]
        self._first_flow += 1
        turn = self._first_flow % len(waiting)
        waiting = waiting[turn:] + waiting[:turn]
        while waiting and limit > 0:
            for flow in list(waiting):
                burst = flow.next_burst(now, limit)
                if burst is None:
                    waiting.remove(flow)
                    continue
                limit -= len(burst.data)
                yield burst
                if limit <= 0:
                    break

    def control_to_send(self, now: int) -> list[tuple[int, bytes]]:
        """Bearer and PDU (without layer-2 header) of everything that is not DATA, for the signalling socket."""
        if self.is_open:
            self._receive_window.settle()
            for flow in self._receivers.values():
                flow.collect(now)
        return self._controls.take()

    # --- What comes in ---

    def receive(self, pdu: Buffer, now: int) -> None:
        """One PDU, from the DEP header on. Never raises on what a peer sends."""
        self._now = now
        self._receive(memoryview(pdu), now)

    def _receive(self, view: memoryview, now: int) -> None:
        if len(view) < HEADER_SIZE:
            return self._drop(Drop.TRUNCATED, len(view), now)
        header = pdus.header(view)
        if header.version != self.version:
            self._drop(Drop.WRONG_VERSION, len(view), now)
            if header.type != DepType.ERROR:
                self._send_error(Cause.VERSION_NOT_SUPPORTED, header.qfi, (False, 0))
            return None
        handler = self._HANDLERS.get(header.type)
        if handler is None:
            return self._drop(Drop.RESERVED_TYPE, len(view), now)
        if self._state != "open" and header.type not in (DepType.CLOSE, DepType.CLOSE_ACK):
            return self._drop(Drop.SESSION_CLOSED, len(view), now)
        try:
            body = self._skip_extensions(header, view, now)
            if body is not None:
                handler(self, header, body, now)
        except DecodeError:
            self._drop(Drop.MALFORMED, len(view), now)
        return None

    def receive_run(self, run: Buffer, stride: int, now: int) -> None:
        """PDUs that came together, `stride` octets apart, each behind 8 octets of layer 2; the last may be shorter.

        All have the same first 8 octets, as `net4ai.stack.runs.SESSION` has it. The same as `receive` for each of them.
        """
        view = memoryview(run)
        self._now = now
        data = self._plain_data.look_up(view[:stride]) if self.is_open else None
        start = 0
        if data is not None:
            qfi, marks = data
            short = len(view) % stride
            start = len(view) - short if 0 < short < SEGMENT_HEADERS else len(view)
            if start:
                run_of_data = DataRun(view[:start], stride, marks)
                self._heard |= self._receivers[qfi].on_run(run_of_data, self._senders[qfi].next_id, now)
        for at in range(start, len(view), stride):
            self._receive(view[at + L2_HEADER_SIZE : at + stride], now)

    def _skip_extensions(self, header: Header, pdu: memoryview, now: int) -> memoryview | None:
        """The body behind the extensions, if they can be understood. Raises `DecodeError`."""
        if not header.extension_words:
            return pdu[HEADER_SIZE:]
        end = HEADER_SIZE + 4 * header.extension_words
        if end > len(pdu):
            raise DecodeError("DepHeader", "truncated", "extensions")
        extensions = Extensions(pdu[HEADER_SIZE:end])
        if extensions.critical_unknown:
            self._drop(Drop.UNKNOWN_EXTENSION, len(pdu), now)
            if header.type != DepType.ERROR:
                self._send_error(Cause.UNKNOWN_CRITICAL_EXTENSION, header.qfi, _key(header))
            return None
        if extensions.timestamp is not None:
            self.jitter.sample(extensions.timestamp, now)
        return pdu[end:]

    def _on_data(self, header: Header, body: memoryview, now: int) -> None:
        if len(body) < 8:
            return self._drop(Drop.TRUNCATED, len(body), now)
        flow = self._receivers.get(header.qfi)
        if flow is None:
            self._drop(Drop.FLOW_NOT_CONFIGURED, len(body) - 8, now)
            return self._send_error(Cause.QOS_FLOW_NOT_CONFIGURED, header.qfi, _key(header))
        length, number = struct.unpack_from(">II", body)
        data = Segment(header.message_id, header.offset, length, number, body[8:])
        self._heard |= flow.on_data(data, marks_of(header), self._senders[header.qfi].next_id, now)
        return None

    def _message(self, header: Header, body: memoryview, now: int) -> tuple[FlowSender, OutgoingMessage] | None:
        """The message of ours a control PDU is about."""
        self._heard = True
        flow = self._senders.get(header.qfi)
        message = flow.open.get(_key(header)) if flow is not None else None
        if flow is None or message is None:
            self._drop(Drop.FLOW_NOT_CONFIGURED if flow is None else Drop.UNKNOWN_MESSAGE, len(body), now)
            return None
        return flow, message

    def _on_grant(self, header: Header, body: memoryview, now: int) -> None:
        grant = GrantBody.from_bytes(body)
        if (found := self._message(header, body, now)) is not None:
            found[0].on_grant(found[1], grant.limit, now)

    def _on_ack(self, header: Header, body: memoryview, now: int) -> None:
        ack = pdus.read_ack(body)
        if (found := self._message(header, body, now)) is None:
            return
        flow, message = found
        if ack.segment_size != message.segment:
            self._drop(Drop.WRONG_SEGMENT, len(body), now)
        elif not flow.on_ack(message, header.offset, ack, now):
            self._drop(Drop.NEVER_SENT, len(body), now)

    def _on_nack(self, header: Header, body: memoryview, now: int) -> None:
        if len(body) % 8 or len(body) > 8 * NACK_RANGES:
            return self._drop(Drop.MALFORMED, len(body), now)
        if (found := self._message(header, body, now)) is not None:
            found[0].on_nack(found[1], struct.iter_unpack(">II", body), now)
        return None

    def _on_busy(self, header: Header, body: memoryview, now: int) -> None:
        if (found := self._message(header, body, now)) is not None:
            found[0].on_busy(found[1], now)

    def _on_ping(self, header: Header, body: memoryview, now: int) -> None:
        echo = EchoBody.from_bytes(body)
        self._heard = True
        self._queue(DepType.PONG, echo.to_bytes(), qfi=header.qfi, message_id=header.message_id)

    def _on_pong(self, header: Header, body: memoryview, now: int) -> None:
        EchoBody.from_bytes(body)
        self._drop(Drop.ANSWERS_NOTHING, len(body), now)

    def _on_path(self, header: Header, body: memoryview, now: int) -> None:
        path = PathBody.from_bytes(body)
        self._heard = True
        if path.answer:
            if not self._path.take_answer(path.sequence):
                return self._drop(Drop.ANSWERS_NOTHING, len(body), now)
            for sender in self._senders.values():
                sender.resume(now)
            return None
        age = self._path.hear(path.sequence)
        if age is Age.NEWER and not self._path.waiting:
            # What goes the other way has another path, too; its receiver says behind PATH where it stands.
            for sender in self._senders.values():
                sender.suspend()
                sender.resume(now)
        if age is not Age.OLDER:
            for receiver in self._receivers.values():
                receiver.restate(now)
                receiver.collect(now)
        answer = PathBody(sequence=path.sequence, reason=path.reason, answer=True)
        return self._queue(DepType.PATH, answer.to_bytes(), qfi=header.qfi)

    def _on_capsule(self, header: Header, body: memoryview, now: int) -> None:
        capsule = CapsuleBody.from_bytes(body)
        self._heard = True
        if not capsule.capsule:
            if not self._capsules.take_answer(capsule.epoch, now):
                return self._drop(Drop.ANSWERS_NOTHING, len(body), now)
            return self._repeat_capsule(now)
        refusal = self._capsules.hear(capsule)
        if refusal is None:
            self._events.append(CapsuleReceived(capsule.epoch, capsule.capsule))
        else:
            self._drop(refusal, len(body), now)
        if refusal is Drop.CAPSULE_CHANGED:
            self._send_error(Cause.OVERLAPPING_DATA, header.qfi, _key(header))
        elif refusal is not Drop.RECEIVER_BACKLOG:
            answer = CapsuleBody(epoch=capsule.epoch, capsule=b"")
            self._queue(DepType.CAPSULE, answer.to_bytes(), qfi=header.qfi)
        return None

    def _on_close(self, header: Header, body: memoryview, now: int) -> None:
        cause = CloseBody.from_bytes(body).cause
        self._queue(DepType.CLOSE_ACK, pdus.close(Cause.NORMAL))
        if self._state != "closed":
            self._closed(cause_of(cause))

    def _on_close_ack(self, header: Header, body: memoryview, now: int) -> None:
        CloseBody.from_bytes(body)
        if self._state == "closing":
            self._closed(self._cause)
        else:
            self._drop(Drop.ANSWERS_NOTHING, len(body), now)

    def _on_error(self, header: Header, body: memoryview, now: int) -> None:
        error = ErrorBody.from_bytes(body)
        cause = error.cause
        if not header.handle and error.handle != self.send_handle:
            return self._drop(Drop.UNKNOWN_HANDLE, len(body), now)
        if cause in SESSION_CAUSES and self._heard:
            return self._closed(Cause(cause))
        flow = self._senders.get(header.qfi)
        message = flow.open.get(_key(header)) if flow is not None else None
        if flow is None or message is None or cause not in MESSAGE_CAUSES:
            return self._drop(Drop.ERROR_WITHOUT_CONSEQUENCE, len(body), now)
        self._heard = True
        return flow.fail(message, Cause(cause))

    _HANDLERS: ClassVar[dict[int, Callable[[DepSession, Header, memoryview, int], None]]] = {
        DepType.DATA: _on_data,
        DepType.GRANT: _on_grant,
        DepType.ACK: _on_ack,
        DepType.NACK: _on_nack,
        DepType.BUSY: _on_busy,
        DepType.PING: _on_ping,
        DepType.PONG: _on_pong,
        DepType.CLOSE: _on_close,
        DepType.CLOSE_ACK: _on_close_ack,
        DepType.PATH: _on_path,
        DepType.ERROR: _on_error,
        DepType.CAPSULE: _on_capsule,
    }

    # --- Time ---

    def next_deadline(self) -> int | None:
        """When `advance` is due; None while nothing is under way. Computing is not silence: an idle session waits."""
        deadlines = [self._close.due_at, self._path.repetition.due_at, self._capsules.repetition.due_at]
        if self.is_open:
            deadlines += [flow.next_deadline() for flow in self._senders.values()]
            deadlines += [flow.next_deadline() for flow in self._receivers.values()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def advance(self, now: int) -> None:
        """Let the timers run out that are due."""
        self._now = now
        self._repeat_close(now)
        self._repeat_path(now)
        self._repeat_capsule(now)
        if not self.is_open:
            return
        for sender in self._senders.values():
            sender.advance(now)
        for receiver in self._receivers.values():
            receiver.advance(now)

    def _repeat_close(self, now: int) -> None:
        if not self._close.is_due(now):
            return
        if self._close.say(now):
            self._queue(DepType.CLOSE, pdus.close(self._cause))
        else:
            self._closed(self._cause)

    def _repeat_path(self, now: int) -> None:
        if not self._path.repetition.is_due(now):
            return
        if self._path.repetition.say(now):
            self._queue(DepType.PATH, self._path.question().to_bytes(), qfi=self._path_qfi, first=True)
        else:
            self._closed(Cause.PEER_LOST)

    def _repeat_capsule(self, now: int) -> None:
        if not self._capsules.repetition.is_due(now):
            return
        if self._capsules.repetition.say(now):
            self._queue(DepType.CAPSULE, self._capsules.question().to_bytes())
        else:
            self._closed(Cause.PEER_LOST)

    # --- Helpers ---

    def _end(self, state: str, cause: Cause) -> None:
        """Stop transferring: messages fail, memory and credit go back."""
        if self._state == "open":
            for sender in self._senders.values():
                sender.fail_all(cause)
            for receiver in self._receivers.values():
                receiver.release()
            self._budget.take_back(self.receive_limits.unscheduled)
        for repetition in (self._close, self._path.repetition):
            repetition.stop()
        self._capsules.stop()
        self._state = state
        self._cause = cause

    def _closed(self, cause: Cause) -> None:
        self._end("closed", cause)
        self._events.append(SessionClosed(cause))

    def _drop(self, reason: Drop, octets: int, now: int) -> None:
        self.drops[reason] += 1
        if self._on_drop is not None:
            self._on_drop(reason, octets)

    def _control(self, kind: DepType, qfi: int, key: MessageKey, offset: int, body: bytes) -> None:
        """The receivers' way out."""
        if kind is DepType.ERROR and not self._error_rate.take(self._now):
            return
        self._queue(kind, body, qfi=qfi, message_id=key[1], response=key[0], offset=offset)

    def _send_error(self, cause: Cause, qfi: int, key: MessageKey) -> None:
        self._control(DepType.ERROR, qfi, key, 0, pdus.error(cause, 0))

    def _queue(self, kind: DepType, body: bytes, qfi: int | None = None, **fields: Any) -> None:
        qfi = next(iter(self.flows)) if qfi is None else qfi
        if not self._controls.put(kind, body, qfi, **fields):
            self._drop(Drop.CONTROL_QUEUE_FULL, len(body), self._now)


def _key(header: Header) -> MessageKey:
    return bool(header.response), header.message_id
