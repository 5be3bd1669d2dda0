"""Two DEP sessions in memory with 0 to n relays between them, faulty links and an explicit clock."""

from __future__ import annotations

import heapq
import itertools
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import BODIES, DepType, PathReason
from net4ai.stack.dep import pdus
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep.pdus import HEADER_SIZE
from net4ai.stack.dep.session import DepSession
from net4ai.stack.drops import Drop
from net4ai.stack.label_switch import LabelSwitch, RouteEnd
from net4ai.stack.runs import SESSION, runs
from net4ai.stack.units import MILLISECOND, SECOND

BULK, SIGNALLING = "bulk", "signalling"


@dataclass
class Faults:
    """What the links do to every PDU, per hop."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: int = 1 * MILLISECOND
    jitter: int = 0
    """Additional random delay: reordering."""


def limits(
    segment_size: int = 1000, unscheduled: int = 4000, maximum_message: int = 1 << 22, maximum_open: int = 8
) -> SessionLimits:
    return SessionLimits(
        segment_size=segment_size,
        unscheduled=unscheduled,
        maximum_message=maximum_message,
        maximum_open=maximum_open,
    )


FLOWS = {
    1: FlowMapping(qfi=1, bearer=1),
    2: FlowMapping(qfi=2, bearer=1, ordered=False),
    3: FlowMapping(qfi=3, bearer=1, reliable=False, ordered=False),
}


class Path:
    """Session 0 at the left, session -1 at the right, `relays` label switches between. All times virtual."""

    def __init__(
        self,
        relays: int = 0,
        *,
        seed: int = 1,
        faults: Faults | None = None,
        budget: int = 1 << 18,
        sessions: int = 1,
        permitted: SessionLimits | None = None,
        batches: bool = False,
    ) -> None:
        self.random = random.Random(seed)
        self.faults = faults or Faults()
        self.permitted = permitted or limits()
        self.batches = batches
        self.now = 0
        self.nodes = relays + 2
        self.budgets = {
            (node, neighbour): CreditBudget(budget)
            for node in range(self.nodes)
            for neighbour in (node - 1, node + 1)
            if 0 <= neighbour < self.nodes
        }
        """Of the bulk socket of a node towards a neighbour."""
        self.left: list[DepSession] = []
        self.right: list[DepSession] = []
        self.switches = {node: LabelSwitch() for node in range(1, self.nodes - 1)}
        self._routes: list[tuple[int, list[RouteEnd[int]]]] = []
        self.events: dict[DepSession, list[Event]] = {}
        self.in_flight: dict[tuple[int, int], int] = dict.fromkeys(self.budgets, 0)
        self.most_in_flight: dict[tuple[int, int], int] = dict(self.in_flight)
        self.delivered = 0
        self.mutate: Callable[[bytearray], None] | None = None
        self._queue: list[tuple[int, int, int, int, str, bytearray, int]] = []
        self._order = itertools.count()
        self._by_handle: dict[tuple[int, int], DepSession] = {}
        self._leg_of: dict[DepSession, tuple[int, int]] = {}
        self._handles = itertools.count(1000)
        for _ in range(sessions):
            self._add_session()

    def _add_session(self) -> None:
        handles = {pair: next(self._handles) for pair in self.budgets}
        """handles[node, neighbour]: allocated by node for what arrives from neighbour."""
        last = self.nodes - 1
        for node, switch in self.switches.items():
            ends = [
                RouteEnd(
                    leg=neighbour,
                    handle_in=handles[node, neighbour],
                    handle_out=handles[neighbour, node],
                    limits=self.permitted,
                    flows=FLOWS,
                    budget=self.budgets[node, neighbour],
                )
                for neighbour in (node - 1, node + 1)
            ]
            switch.add(*ends, version=1)
            self._routes.append((node, ends))
        for node, neighbour, side in ((0, 1, self.left), (last, last - 1, self.right)):
            session = DepSession(
                version=1,
                send_handle=handles[neighbour, node],
                flows=FLOWS,
                send_limits=self.permitted,
                receive_limits=self.permitted,
                budget=self.budgets[node, neighbour],
            )
            side.append(session)
            self.events[session] = []
            self._by_handle[node, handles[node, neighbour]] = session
            self._leg_of[session] = (node, neighbour)

    @property
    def sessions(self) -> list[DepSession]:
        return [*self.left, *self.right]

    # --- The network ---

    def _transmit(self, source: int, target: int, socket: str, pdus: Buffer, stride: int) -> None:
        segments = [bytes(pdus[at : at + stride]) for at in range(0, len(pdus), stride)]
        survivors = [pdu for pdu in segments if self.random.random() >= self.faults.loss]
        copies = [pdu for pdu in survivors if self.random.random() < self.faults.duplicate]
        if self.batches and survivors:
            self._schedule(source, target, socket, bytearray(b"".join(survivors)), stride)
        else:
            for pdu in survivors:
                self._schedule(source, target, socket, bytearray(pdu), len(pdu))
        for pdu in copies:
            self._schedule(source, target, socket, bytearray(pdu), len(pdu), copy=True)

    def _schedule(
        self, source: int, target: int, socket: str, pdus: bytearray, stride: int, copy: bool = False
    ) -> None:
        jitter = self.random.randrange(self.faults.jitter + 1)
        if socket is BULK and not copy:
            payload = sum(max(0, len(pdus[at : at + stride]) - 32) for at in range(0, len(pdus), stride))
            self.in_flight[target, source] += payload
            self.most_in_flight[target, source] = max(
                self.most_in_flight[target, source], self.in_flight[target, source]
            )
        entry = (
            self.now + self.faults.delay + jitter,
            next(self._order),
            source,
            target,
            "copy" if copy else socket,
            pdus,
            stride,
        )
        heapq.heappush(self._queue, entry)

    def _deliver(self, source: int, target: int, socket: str, pdus: bytearray, stride: int) -> None:
        self.delivered += 1
        if socket is BULK:
            self.in_flight[target, source] -= sum(
                max(0, len(pdus[at : at + stride]) - 32) for at in range(0, len(pdus), stride)
            )
        if self.mutate is not None:
            self.mutate(pdus)
        if target in self.switches:
            for run in runs(pdus, stride, SESSION):
                passed = self.switches[target].forward_run(source, run, stride, self.now)
                for end, part in () if isinstance(passed, Drop) else passed:
                    self._transmit(target, end.leg, socket, part, stride)
            return
        handle = int.from_bytes(pdus[12:16], "big")
        session = self._by_handle.get((target, handle))
        if session is None:
            return
        if socket is SIGNALLING or not self.batches:
            session.receive(memoryview(pdus)[8:], self.now)
        else:
            for run in runs(pdus, stride, SESSION):
                session.receive_run(run, stride, self.now)
        self._pump_session(session)

    def _pump_session(self, session: DepSession) -> None:
        node, neighbour = self._leg_of[session]
        while (event := session.next_event()) is not None:
            self.events[session].append(event)
        for burst in session.data_to_send(self.now, 1 << 20):
            assert len(burst.data) > (burst.segments - 1) * burst.stride
            self._transmit(node, neighbour, BULK, burst.data, burst.stride)
        for _, pdu in session.control_to_send(self.now):
            whole = bytearray(8) + pdu
            self._transmit(node, neighbour, SIGNALLING, whole, len(whole))
        while (event := session.next_event()) is not None:
            self.events[session].append(event)

    def _pump(self) -> None:
        for switch_node, switch in self.switches.items():
            for end, pdu in switch.control_to_send(self.now):
                self._transmit(switch_node, end.leg, SIGNALLING, pdu, len(pdu))  # type: ignore[arg-type]
        for budget in self.budgets.values():
            for owner in budget.take_ready():
                if isinstance(owner, DepSession):
                    self._pump_session(owner)
            assert 0 <= budget.reserved + budget.promised <= budget.octets

    def lose_all(self) -> None:
        """Whatever is under way is lost."""
        self._queue.clear()
        self.in_flight = dict.fromkeys(self.in_flight, 0)

    def replace_relays(self) -> None:
        """Other relays take over, which know the routes and nothing of the messages under way."""
        for node, ends in self._routes:
            for end in ends:
                self.switches[node].remove(end.leg, end.handle_in)
        self.switches = {node: LabelSwitch() for node in self.switches}
        for node, ends in self._routes:
            self.switches[node].add(*ends, version=1)

    def change_path(self, session: DepSession, reason: PathReason = PathReason.REESTABLISHED) -> None:
        session.path_changed(reason, self.now)
        self._pump_session(session)

    # --- Time ---

    def run(self, until: Callable[[], bool] | None = None, seconds: float = 600) -> None:
        """Let time pass until a condition holds, nothing is left to do, or the time is over (an error if a condition
        was given)."""
        end = self.now + int(seconds * SECOND)
        for session in self.sessions:
            self._pump_session(session)
        self._pump()
        while not (until and until()):
            times = [self._queue[0][0]] if self._queue else []
            machines: list[Any] = [*self.sessions, *self.switches.values()]
            times += [deadline for machine in machines if (deadline := machine.next_deadline()) is not None]
            if not times or min(times) > end:
                assert until is None, f"stuck at {self.now / SECOND} s"
                return
            self.now = max(self.now, min(times))
            if self._queue and self._queue[0][0] <= self.now:
                _, _, source, target, socket, pdus, stride = heapq.heappop(self._queue)
                self._deliver(source, target, socket, pdus, stride)
            for machine in machines:
                deadline = machine.next_deadline()
                if deadline is not None and deadline <= self.now:
                    machine.advance(self.now)
                    if isinstance(machine, DepSession):
                        self._pump_session(machine)
            self._pump()

    def settle(self) -> None:
        """Let everything end."""
        self.run(until=lambda: not self._queue and all(session.idle for session in self.sessions))

    def received(self, session: DepSession) -> list[MessageReceived]:
        return [event for event in self.events[session] if isinstance(event, MessageReceived)]

    def assert_nothing_left(self) -> None:
        """No memory, credit or timers are held."""
        for session in self.sessions:
            assert session.idle
            assert session.next_deadline() is None
        for switch in self.switches.values():
            assert switch.messages == 0
        for budget in self.budgets.values():
            assert budget.reserved == 0
            assert not budget._claims


class Lone:
    """One session whose peer is played by the test, octet by octet."""

    def __init__(self, permitted: SessionLimits | None = None, budget: int = 1 << 18, **settings: Any) -> None:
        self.permitted = permitted or limits()
        self.budget = CreditBudget(budget)
        self.now = 0
        self.session = DepSession(
            version=1,
            send_handle=0xABCD,
            flows=FLOWS,
            send_limits=self.permitted,
            receive_limits=self.permitted,
            budget=self.budget,
            **settings,
        )
        self.number = 0
        self._controls: list[tuple[pdus.Header, Any]] = []

    def receive(self, kind: int, body: bytes = b"", *, handle: int = 7, **fields: Any) -> None:
        fields.setdefault("qfi", 1)
        self.session.receive(pdus.pack_header(1, DepType(kind), handle=handle, **fields) + body, self.now)

    def data(self, message_id: int, offset: int, length: int, payload: bytes, **fields: Any) -> None:
        self.number += 1
        body = struct.pack(">II", length, self.number) + payload
        self.receive(DepType.DATA, body, message_id=message_id, offset=offset, **fields)

    def ack(self, message_id: int, offset: int, highest: int, arrived: bytes = b"", **fields: Any) -> None:
        body = pdus.ack(highest, 0, self.permitted.segment_size, arrived)
        self.receive(DepType.ACK, body, message_id=message_id, offset=offset, **fields)

    def sent(self) -> list[tuple[pdus.Header, int, int, bytes]]:
        """DATA going out: header, message length, packet number, payload."""
        segments = []
        for burst in self.session.data_to_send(self.now, 1 << 22):
            for at in range(0, len(burst.data), burst.stride):
                segment = bytes(burst.data[at : at + burst.stride])
                segments.append((pdus.header(segment, 8), *struct.unpack_from(">II", segment, 24), segment[32:]))
        return segments

    def controls(self) -> list[tuple[pdus.Header, Any]]:
        """Control PDUs going out, with their bodies."""
        for bearer, pdu in self.session.control_to_send(self.now):
            assert bearer == 1
            header = pdus.header(pdu)
            self._controls.append((header, BODIES[DepType(header.type)].from_bytes(pdu[HEADER_SIZE:])))
        found, self._controls = self._controls, []
        return found

    def control_types(self) -> list[DepType]:
        return [DepType(header.type) for header, _ in self.controls()]

    def events(self) -> list[Event]:
        found = []
        while (event := self.session.next_event()) is not None:
            found.append(event)
        return found

    def wait(self, nanoseconds: int) -> None:
        """Let time pass, deadline by deadline."""
        end = self.now + nanoseconds
        while (deadline := self.session.next_deadline()) is not None and deadline <= end:
            assert deadline >= self.now or deadline == 0
            self.now = max(self.now, deadline)
            self.session.advance(self.now)
            self._controls = self.controls()
        self.now = end


@pytest.fixture
def lone() -> type[Lone]:
    return Lone


@pytest.fixture
def path() -> type[Path]:
    return Path


@pytest.fixture
def faults() -> type[Faults]:
    return Faults


@pytest.fixture
def permit() -> Callable[..., SessionLimits]:
    return limits
