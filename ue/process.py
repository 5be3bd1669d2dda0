"""The UE process: many terminals, one pair of sockets, one compute worker."""

from __future__ import annotations

from collections.abc import Callable

from net4ai.codecs import compute, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer, Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType
from net4ai.stack.compute import Compute
from net4ai.stack.deadlines import Deadlines
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.dep_endpoint import DepEndpoint
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Hop, Sockets
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.procedure import Procedure, ProcedureError, Procedures
from net4ai.stack.runs import HOP, drop_all, runs, segments
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace, TraceEvent
from net4ai.ue import pdu_session, radio_connection
from net4ai.ue.arrivals import Arrivals, arrive
from net4ai.ue.cell import Cell
from net4ai.ue.config import UeConfig
from net4ai.ue.connect import RRC_ANSWER
from net4ai.ue.functions import Functions
from net4ai.ue.radio import Chance, Radio, no_chance
from net4ai.ue.states import is_legal_rrc
from net4ai.ue.terminal import Terminal


class UeProcess:
    """Terminals and what they share. The owner feeds datagrams, replies of the compute worker, and time."""

    def __init__(
        self,
        config: UeConfig,
        sockets: Sockets,
        procedures: Procedures,
        timers: Timers,
        budget: CreditBudget,
        compute_worker: Compute,
        random_number: Callable[[int], int],
        trace: Trace,
        on_trouble: Callable[[str], None],
        chance: Chance = no_chance,
        began: int = 0,
    ) -> None:
        """`random_number(bits)`: from the operating system, or seeded in a test mode. `chance`: seeded random numbers
        for the emulated radio, whose conditions count from when the run `began`."""
        self.config = config
        self.sockets = sockets
        self.procedures = procedures
        self.timers = timers
        self.compute = compute_worker
        self.trace = trace
        self.on_trouble = on_trouble
        self.drops = DropCounter(self._trace_drop)
        self.endpoint = DepEndpoint(budget, lambda: random_number(32), self.drops, trace, procedures)
        self.random_identity: Callable[[], int] = lambda: random_number(64)
        self.cell = Cell(self, config.ran_node, config.address)
        """Where the terminals begin."""
        self.neighbours = {each.cell: Cell(self, each.ran_node, each.address, each.cell) for each in config.neighbours}
        """Cells they may be handed over to, by physical cell identity; perhaps also their own."""
        self.asking: dict[int, Terminal] = {}
        """Terminals that wait for an answer on SRB0, by the identity they asked with."""
        self.bound: dict[tuple[Address, int], Terminal] = {}
        """Connected terminals by C-RNTI and either address of the RAN node that has given it out."""
        self.arriving: Procedure[None] | None = None
        """Terminals arrive, or have arrived, on command."""
        self.complaints: set[str] = set()
        """Why terminals could not connect, since the last one could."""
        self.status_rate = ErrorRate()
        """Of NAS Status, over all terminals."""
        self.functions = Functions(self)
        self.radio = Radio(self, began, chance)
        self.terminals = [Terminal(self, terminal) for terminal in config.terminals]
        self._deadlines: Deadlines[Terminal] = Deadlines()
        self._touched: dict[Terminal, None] = {}

    def start(self, now: int) -> None:
        """The process camps in its cell, all terminals begin to live."""
        self.procedures.advance(now)
        self.cell.enter()
        for terminal in self.terminals if self.config.switched_on else ():
            self.procedures.start("life", terminal.live(), traced=False)

    def arrive(self, arrivals: Arrivals) -> None:
        """The terminals, so far switched off, arrive one after another. Raises `ProcedureError`: they are on."""
        if self.config.switched_on or self.arriving is not None:
            raise ProcedureError(Cause.UNEXPECTED_MESSAGE, "the terminals are switched on already")
        self.arriving = self.procedures.start("arrivals", arrive(self, arrivals), traced=False)

    def switch_off(self, now: int) -> None:
        """The process ends: its terminals tell the network, which need not answer."""
        self.procedures.advance(now)
        for terminal in self.terminals:
            terminal.switch_off()
        self.procedures.run()

    # Radio

    @property
    def cells(self) -> list[Cell]:
        """All cells of whose RAN nodes the process knows."""
        return [self.cell, *self.neighbours.values()]

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """Layer-2 PDUs from the Uu, `stride` octets apart. Never raises for what is in them."""
        self.procedures.advance(now)
        for run in runs(data, stride, HOP):
            self._receive(run, stride, source, bulk, now)

    def _receive(self, run: memoryview, stride: int, source: Address, bulk: bool, now: int) -> None:
        if min(len(run), stride) < HOP.least:
            drop_all(self.drops, Drop.TRUNCATED, len(run), stride)
            return
        c_rnti = l2_fields(run).c_rnti
        if c_rnti == 0:
            for pdu in segments(run, stride):
                self._receive_srb0(pdu, source, bulk, now)
            return
        terminal = self.bound.get((source, c_rnti))
        hop = terminal.hop if terminal else None
        if terminal is None or hop is None or source != (hop.bulk_address if bulk else hop.signalling_address):
            drop_all(self.drops, Drop.SOURCE_NOT_BOUND, len(run), stride)
            return
        going = hop
        terminal.radio.receive(run, stride, lambda data, stride: self._deliver(terminal, going, data, stride, bulk))

    def _deliver(self, terminal: Terminal, hop: Hop, data: Buffer, stride: int, bulk: bool) -> None:
        """PDUs have come through a terminal's radio, perhaps later than its connection ended."""
        if terminal.hop is not hop:
            drop_all(self.drops, Drop.NO_CONNECTION, len(data), stride)
            return
        now = self.procedures.now
        self._touched[terminal] = None
        if l2_fields(data).bearer_type == BearerType.DRB:
            pdu_session.receive(terminal, data, stride, bulk, now)
            return
        for dep in hop.receive(data, stride, bulk, now):
            self.endpoint.receive(hop, *dep, now)

    def _receive_srb0(self, pdu: Buffer, source: Address, bulk: bool, now: int) -> None:
        cell = next((cell for cell in self.cells if cell.address == source), None)
        if bulk or cell is None:
            self.drops.count(Drop.SOURCE_NOT_BOUND, len(pdu))
            return
        try:
            message = rrc.Rrc.FAMILY.decode(srb0_sdu(pdu))
        except DecodeError as error:
            self.drops.count(error.reason, len(pdu))
            return
        terminal = self.asking.get(getattr(message, "ue_identity", -1))
        if terminal is None or terminal.camped.address != source:
            self._pass_on_srb0(cell, None, message, len(pdu))
        else:
            terminal.radio.receive(
                pdu, len(pdu), lambda data, _: self._pass_on_srb0(cell, terminal, message, len(data))
            )

    def _pass_on_srb0(
        self, cell: Cell, terminal: Terminal | None, message: Message | UnknownMessage, size: int
    ) -> None:
        self.procedures.pass_on(
            "Uu",
            "in",
            cell.ran_node,
            message,
            lambda going: self._take_srb0(cell, terminal, going, size),
            node=terminal.name if terminal is not None else "",
        )

    def _take_srb0(self, cell: Cell, terminal: Terminal | None, message: Message | UnknownMessage, size: int) -> None:
        if (handler := _CELL_WIDE_HANDLERS.get(type(message))) is not None:
            handler(cell, message)
            self.procedures.run()
            return
        if terminal is None or not is_legal_rrc(message, terminal.rrc_state, "SRB0"):
            self.drops.count(Drop.ANSWER_TO_NO_REQUEST, size)
            return
        self._trace_srb0(terminal, message.NAME, "in", size)
        if not terminal.replies.give(RRC_ANSWER, message):
            self.drops.count(Drop.ANSWER_TO_NO_REQUEST, size)

    def send_srb0(self, terminal: Terminal | None, message: rrc.Rrc, cell: Cell) -> None:
        """Send a message on SRB0, of a terminal or of the process. The latter says nothing that is worth a trace."""
        self.procedures.pass_on(
            "Uu",
            "out",
            cell.ran_node,
            message,
            lambda going: self._send_srb0(terminal, going, cell),
            node=terminal.name if terminal is not None else "",
        )

    def _send_srb0(self, terminal: Terminal | None, message: Message | UnknownMessage, cell: Cell) -> None:
        pdu = srb0_pdu(message.encode())
        if terminal is not None:
            self._trace_srb0(terminal, message.NAME, "out", len(pdu))
        sockets = terminal.radio.sockets if terminal is not None else self.sockets
        sockets.send_signalling(pdu, len(pdu), cell.address)

    def bind(self, terminal: Terminal, hop: Hop) -> None:
        """A terminal has got a C-RNTI. A terminal that had it before has lost its connection."""
        before = self.bound.get((hop.signalling_address, hop.identity))
        if before is not None and before is not terminal:
            before.release(Cause.PEER_LOST)
        for address in (hop.signalling_address, hop.bulk_address):
            self.bound[address, hop.identity] = terminal

    def unbind(self, hop: Hop) -> None:
        """A connection has ended."""
        for address in (hop.signalling_address, hop.bulk_address):
            self.bound.pop((address, hop.identity), None)

    def cannot_connect(self, terminal: Terminal, error: ProcedureError) -> None:
        """A terminal tries again. What hinders many of them is said once."""
        if str(error) not in self.complaints:
            self.complaints.add(str(error))
            self.on_trouble(f"{terminal.name}: {error}, trying again")

    def touch(self, terminal: Terminal) -> None:
        """The terminal has something to send."""
        self._touched[terminal] = None

    def receive_compute(self, message: compute.FromWorker, now: int) -> None:
        """The compute worker speaks."""
        self.procedures.advance(now)
        self.functions.receive(message)
        self.procedures.run()

    # The owners

    def withdraw_consent(self, terminal_name: str, job: int) -> None:
        """A terminal's owner withdraws the consent to a job: its part ends at once (R67). Raises `ProcedureError`:
        no such terminal, or no consent."""
        if not self.terminal(terminal_name).withdraw(job):
            raise ProcedureError(Cause.NO_CONSENT, f"{terminal_name} has not consented to job {job}")

    def give_consent(self, terminal_name: str, job: int) -> None:
        """A terminal's owner consents to a job that was declined, or whose consent was withdrawn (R58). Raises
        `ProcedureError`: no such terminal, no such offer, or there is consent already."""
        if not self.terminal(terminal_name).consent(job):
            raise ProcedureError(Cause.UNKNOWN_JOB, f"job {job} was not offered to {terminal_name}, or has its consent")

    def terminal(self, name: str) -> Terminal:
        """A terminal by its name. Raises `ProcedureError`: there is none."""
        found = next((terminal for terminal in self.terminals if terminal.name == name), None)
        if found is None:
            raise ProcedureError(Cause.UNKNOWN_CONTEXT, f"no terminal {name} at {self.config.name}")
        return found

    # Time

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        self.procedures.advance(now)
        self.radio.advance(now)
        for cell in self.cells:
            cell.advance(now)
        for terminal in self._deadlines.due(now):
            terminal.advance(now)
            self._touched[terminal] = None
        self.endpoint.pump(now)
        while self._touched:
            touched, self._touched = self._touched, {}
            for terminal in touched:
                radio_connection.take_messages(terminal, now)
                self.procedures.run()
                if terminal.hop is not None:
                    terminal.pump(now)
                    self._deadlines.set(terminal, terminal.next_deadline())
                    for bearer in terminal.hop.take_failed_bearers():
                        self.endpoint.lose(terminal.hop, bearer)
                    if terminal.hop.signalling.failed:
                        terminal.radio_link_failed()
                    elif terminal.hop.signalling.all_acknowledged:
                        terminal.arrived()
        self.endpoint.pump(now)
        self.procedures.run()
        for terminal in self._touched:
            if terminal.hop is not None:
                terminal.pump(now)
                self._deadlines.set(terminal, terminal.next_deadline())

    def next_deadline(self) -> int | None:
        deadlines = [
            self.procedures.next_deadline(),
            *(cell.monitor.next_deadline() for cell in self.cells),
            self.radio.next_deadline(),
            self._deadlines.next(),
            self.endpoint.next_deadline(),
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # Trace

    def _trace_drop(self, reason: str, size: int) -> None:
        self.trace(
            TraceEvent(time=self.procedures.now, node=self.config.name, kind="drop", link="Uu", drop=reason, size=size)
        )

    def _trace_srb0(self, terminal: Terminal, name: str, direction: str, size: int) -> None:
        self.trace(
            TraceEvent(
                time=self.procedures.now,
                node=terminal.name,
                kind="message",
                link="Uu",
                message=name,
                direction="out" if direction == "out" else "in",
                peer=terminal.camped.ran_node,
                size=size,
                ids={"ue": terminal.name},
            )
        )


_CELL_WIDE_HANDLERS: dict[type, Callable[..., None]] = {
    rrc.SystemInformation: Cell.heard,
    rrc.Paging: Cell.paged,
}
