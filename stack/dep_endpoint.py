"""All DEP sessions that end in this process, over whatever hops: found by handle, pumped, kept in time.

The handle of a session is allocated here, by the receiver (as a TEID is): PDUs towards this process carry it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import DepType, PathReason
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.deadlines import Deadlines
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import MAXIMUM_MESSAGE, MAXIMUM_OPEN, SEGMENT_SIZE
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep.session import DepSession
from net4ai.stack.dep.staging import Burst, StagingBuffer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Hop
from net4ai.stack.message_hooks import DepPdu
from net4ai.stack.procedure import Procedures
from net4ai.stack.runs import SESSION, drop_all, runs, segments
from net4ai.stack.trace import Trace, TraceEvent
from net4ai.stack.unknown_handles import UnknownHandles

DIGESTED_END = 2048
"""Octets at each end of a message its digest is made of: that of a whole tensor would take as long as sending it."""
MAXIMUM_SESSIONS = 65536
"""Sessions that end in one process."""
OCTETS_PER_TURN = 256 * 1024
"""DATA one session sends before the next one gets its turn."""


def limits_of(budget: CreditBudget) -> SessionLimits:
    """What the receiver behind a bulk socket permits each session."""
    return SessionLimits(
        segment_size=SEGMENT_SIZE,
        unscheduled=budget.unscheduled,
        maximum_message=MAXIMUM_MESSAGE,
        maximum_open=MAXIMUM_OPEN,
    )


class TooManySessions(DepError):
    """As many sessions as one process can have end here already."""

    def __init__(self) -> None:
        super().__init__(f"{MAXIMUM_SESSIONS} sessions end here already")


@dataclass(eq=False, slots=True)
class SessionEnd:
    """One end of a session. `owner` is told what happens."""

    handle: int
    hop: Hop
    session: DepSession
    owner: Callable[[SessionEnd, Event], None]
    ids: dict[str, int | str] = field(default_factory=dict)
    """For the trace: execution, seat."""


class DepEndpoint:
    """The session ends of this process and the credit they share: one bulk socket, one budget."""

    def __init__(
        self,
        budget: CreditBudget,
        random_handle: Callable[[], int],
        drops: DropCounter,
        trace: Trace,
        procedures: Procedures | None = None,
    ) -> None:
        """`procedures`: whose message hooks see the PDUs of the sessions, where there are hooks for them."""
        self.sessions: dict[int, SessionEnd] = {}
        self.drops = drops
        self.limits = limits_of(budget)
        self._budget = budget
        self._random_handle = random_handle
        self._trace = trace
        self._procedures = procedures
        self._by_session: dict[Hashable, SessionEnd] = {}
        self._by_send_handle: dict[tuple[Hop, int], SessionEnd] = {}
        self._unknown = UnknownHandles()
        self._staging = StagingBuffer()
        self._deadlines: Deadlines[SessionEnd] = Deadlines()
        self._touched: dict[SessionEnd, None] = {}

    def new_handle(self) -> int:
        """A random handle that no session here has."""
        while (handle := self._random_handle()) in self.sessions or handle == 0:
            pass
        return handle

    def add(
        self,
        hop: Hop,
        handle: int,
        send_handle: int,
        version: int,
        flows: Iterable[FlowMapping],
        send_limits: SessionLimits,
        owner: Callable[[SessionEnd, Event], None],
        ids: dict[str, int | str],
    ) -> SessionEnd:
        """A session ends here; PDUs carry `handle` towards us and `send_handle` towards the peer.

        Raises `TooManySessions`, `NoFlows`, `NotEnoughCredit`.
        """
        if len(self.sessions) >= MAXIMUM_SESSIONS:
            raise TooManySessions()
        end = SessionEnd(
            handle=handle,
            hop=hop,
            session=DepSession(
                version=version,
                send_handle=send_handle,
                flows={flow.qfi: flow for flow in flows},
                send_limits=send_limits,
                receive_limits=self.limits,
                budget=self._budget,
                on_drop=self.drops.count,
                staging=self._staging,
            ),
            owner=owner,
            ids=ids,
        )
        self.sessions[handle] = end
        self._by_session[end.session] = end
        self._by_send_handle[hop, send_handle] = end
        return end

    def remove(self, end: SessionEnd) -> None:
        """The session is released: its memory and credit are free again."""
        if self.sessions.pop(end.handle, None) is end:
            end.session.release()
            del self._by_session[end.session]
            if self._by_send_handle.get(name := (end.hop, end.session.send_handle)) is end:
                del self._by_send_handle[name]
            self._deadlines.set(end, None)
            self._touched.pop(end, None)

    def close(self, end: SessionEnd, cause: Cause, now: int) -> None:
        """End a session's data phase: what is not sent yet never is. The other end is told with the next `pump`."""
        end.session.close(cause, now)
        self._touched[end] = None

    def lose(self, hop: Hop, bearer: int) -> None:
        """A bearer of a hop has failed: its sessions are closed, their owners are told PEER_LOST by the next `pump`."""
        for end in self.sessions.values():
            if end.hop is hop and any(flow.bearer == bearer for flow in end.session.flows.values()):
                end.session.lose()
                self._touched[end] = None

    def remove_all(self, hop: Hop) -> None:
        """The hop has failed: its sessions are released."""
        for end in [end for end in self.sessions.values() if end.hop is hop]:
            self.remove(end)

    def send(
        self, end: SessionEnd, parts: list[Buffer], now: int, *, answers: int | None = None, qfi: int | None = None
    ) -> int:
        """Send a message on a QoS flow of the session, unless told otherwise the first. Raises `DepError`."""
        if qfi is None:
            qfi = next(iter(end.session.flows))
        message_id = end.session.send(qfi, parts, now=now, answers=answers)
        self._trace_message(end, "out", parts, message_id, now)
        self._touched[end] = None
        return message_id

    def path_changed(
        self, end: SessionEnd, reason: PathReason, now: int, flows: Iterable[FlowMapping] | None = None
    ) -> None:
        """A session goes on over another path: see `DepSession.path_changed`. Goes out with the next `pump`.

        Raises `FlowsDiffer`.
        """
        end.session.path_changed(reason, now, flows)
        self._touched[end] = None

    def move(
        self,
        end: SessionEnd,
        hop: Hop,
        handle: int,
        send_handle: int,
        reason: PathReason,
        now: int,
        flows: Iterable[FlowMapping],
    ) -> None:
        """A session goes on over another hop, under handles that hold there. Goes out with the next `pump`.

        Raises `FlowsDiffer`: nothing has changed.
        """
        name = end.hop, end.session.send_handle
        end.session.path_changed(reason, now, flows, send_handle)
        if self._by_send_handle.get(name) is end:
            del self._by_send_handle[name]
        del self.sessions[end.handle]
        end.hop, end.handle = hop, handle
        self.sessions[handle] = self._by_send_handle[hop, send_handle] = end
        self._touched[end] = None

    def hop_path_changed(self, hop: Hop, reason: PathReason, now: int) -> None:
        """The same for all sessions of a hop, say after its radio link was re-established."""
        for end in self.sessions.values():
            if end.hop is hop:
                self.path_changed(end, reason, now)

    def receive(self, hop: Hop, bearer: int, data: Buffer, stride: int, now: int) -> None:
        """DEP PDUs have come over a bound peer's `hop`, `stride` octets apart, each behind 8 octets of layer 2.

        Unknown handles and wrong bearers are dropped and counted.
        """
        hooked = self._procedures is not None and self._procedures.pass_on_dep is not None
        for run in runs(data, stride, SESSION):
            if min(len(run), stride) < SESSION.least:
                drop_all(self.drops, Drop.TRUNCATED, len(run), stride)
            elif hooked:
                for pdu in segments(run, stride):
                    self._pass_on(hop, bearer, pdu)
            else:
                self._receive(hop, bearer, run, stride, now)

    def _pass_on(self, hop: Hop, bearer: int, pdu: memoryview) -> None:
        procedures = self._procedures
        assert procedures is not None and procedures.pass_on_dep is not None
        layer_2 = bytes(pdu[:L2_HEADER_SIZE])

        def take(going: DepPdu) -> None:
            octets = layer_2 + going.encode()
            self._receive(hop, bearer, memoryview(octets), len(octets), procedures.now)

        going = DepPdu.from_bytes(pdu[L2_HEADER_SIZE:])
        procedures.pass_on_dep("DEP", "in", hop.name.peer, going, take, hop.name.node)

    def _receive(self, hop: Hop, bearer: int, run: memoryview, stride: int, now: int) -> None:
        header = pdus.header(run, L2_HEADER_SIZE)
        end = self.sessions.get(header.handle) or self._named_in_error(hop, run)
        if end is None or end.hop is not hop:
            drop_all(self.drops, Drop.UNKNOWN_HANDLE, len(run), stride)
            self._unknown.answer(hop, bearer, run[L2_HEADER_SIZE:stride], now)
            return
        flow = end.session.flows.get(header.qfi)
        if flow is not None and flow.bearer != bearer:
            drop_all(self.drops, Drop.WRONG_BEARER, len(run), stride)
            return
        end.session.receive_run(run, stride, now)
        self._touched[end] = None

    def _named_in_error(self, hop: Hop, pdu: Buffer) -> SessionEnd | None:
        """The session whose handle the peer does not know, if that is what the PDU says (its own handle is 0)."""
        header = pdus.header(pdu, L2_HEADER_SIZE)
        if header.handle or header.type != DepType.ERROR:
            return None
        at = SESSION.least + 4 * header.extension_words + 4
        return self._by_send_handle.get((hop, int.from_bytes(pdu[at : at + 4], "big")))

    def pump(self, now: int) -> None:
        """Give events to owners, send what is ready; bounded work for each session and turn."""
        for end in self._deadlines.due(now):
            end.session.advance(now)
            self._touched[end] = None
        while self._touch_granted():
            touched, self._touched = self._touched, {}
            for end in touched:
                self._pump(end, now)

    def _touch_granted(self) -> bool:
        """Sessions that credit came free for have something to send, too. Whether there is any to pump."""
        for session in self._budget.take_ready():
            if (end := self._by_session.get(session)) is not None:
                self._touched[end] = None
        return bool(self._touched)

    def _pump(self, end: SessionEnd, now: int) -> None:
        # An owner may remove this session, or others, while it is told; a released session has nothing more to say.
        while (event := end.session.next_event()) is not None:
            if isinstance(event, MessageReceived):
                self._trace_message(end, "in", [event.body], event.message_id, now)
            end.owner(end, event)
        for bearer, pdu in end.session.control_to_send(now):
            self._send(end.hop, bearer, bytearray(L2_HEADER_SIZE) + pdu, now)
        more = self._send_shaped(end, now) if end.hop.shapes else self._send_data(end, OCTETS_PER_TURN, now)
        self._deadlines.set(end, now if more else end.session.next_deadline())

    def _send_data(self, end: SessionEnd, limit: int, now: int, qfi: int | None = None) -> bool:
        """Send about `limit` octets of DATA; whether there is more."""
        sent = 0
        for burst in end.session.data_to_send(now, limit, qfi):
            self._send_burst(end.hop, burst, now)
            sent += len(burst.data)
        return sent >= limit

    def _send_shaped(self, end: SessionEnd, now: int) -> bool:
        """Fill what room the hop has for each QoS flow; it says when there is room again. Whether there is now."""
        more = False
        for qfi, flow in list(end.session.flows.items()):
            room = end.hop.room(flow.bearer, end.session.send_handle)
            if room and not self._send_data(end, min(room, OCTETS_PER_TURN), now, qfi):
                continue
            more = more or room > OCTETS_PER_TURN
            end.hop.when_sent(end, lambda: self._touch(end))
        return more

    def _touch(self, end: SessionEnd) -> None:
        if self.sessions.get(end.handle) is end:
            self._touched[end] = None

    def _send(self, hop: Hop, bearer: int, pdu: bytearray | memoryview, now: int, data: bool = False) -> None:
        """One PDU; its first 8 octets are left for the layer-2 header."""

        def send(pdu: bytearray | memoryview, now: int) -> None:
            if data:
                hop.send_burst(bearer, pdu, len(pdu), now)
            else:
                hop.send_dep(bearer, pdu, now)

        procedures = self._procedures
        if procedures is None or procedures.pass_on_dep is None:
            send(pdu, now)
            return
        procedures.pass_on_dep(
            "DEP",
            "out",
            hop.name.peer,
            DepPdu.from_bytes(pdu[L2_HEADER_SIZE:]),
            lambda going: send(bytearray(L2_HEADER_SIZE) + going.encode(), procedures.now),
            hop.name.node,
        )

    def _send_burst(self, hop: Hop, burst: Burst, now: int) -> None:
        if self._procedures is None or self._procedures.pass_on_dep is None:
            hop.send_burst(burst.bearer, burst.data, burst.stride, now)
            return
        for start in range(0, len(burst.data), burst.stride):
            self._send(hop, burst.bearer, burst.data[start : start + burst.stride], now, data=True)

    def next_deadline(self) -> int | None:
        """When to call `pump`; 0: there is something to do."""
        return 0 if self._touched else self._deadlines.next()

    def _trace_message(
        self, end: SessionEnd, direction: Literal["in", "out"], parts: list[Buffer], message_id: int, now: int
    ) -> None:
        name, size = end.hop.name, sum(len(part) for part in parts)
        ids = {**name.ids, **end.ids, "message_id": message_id, "digest": digest(parts)}
        self._trace(
            TraceEvent(
                time=now,
                node=name.node,
                kind="message",
                link=name.link,
                message="DEP message",
                direction=direction,
                peer=name.peer,
                size=size,
                ids=ids,
            )
        )


def digest(parts: Sequence[Buffer]) -> str:
    """16 hexadecimal digits that tell one message from another: BLAKE2b of 64 bits over both its ends.

    However it lies in parts. Messages that only differ in the middle are the same to it.
    """
    state = blake2b(digest_size=8)
    octets = [memoryview(part).cast("B") for part in parts]
    for piece in octets if sum(map(len, octets)) <= 2 * DIGESTED_END else _ends(octets):
        state.update(piece)
    return state.hexdigest()


def _ends(parts: Sequence[memoryview]) -> Iterator[memoryview]:
    left = DIGESTED_END
    for part in parts:
        yield part[:left]
        left = max(0, left - len(part))
    last: list[memoryview] = []
    left = DIGESTED_END
    for part in reversed(parts):
        last.append(part[max(0, len(part) - left) :])
        left = max(0, left - len(part))
    yield from reversed(last)
