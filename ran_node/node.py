"""The RAN node: RRC towards UEs, N2 towards the core, and the compute plane function between Uu, T4 and T8."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

from net4ai.codecs import n2, rrc
from net4ai.codecs.bus import RouteClient
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.declaration import Buffer, Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType
from net4ai.ran_node import channel_quality, hand_over, measure, reestablish, start_security
from net4ai.ran_node.cell import Cell
from net4ai.ran_node.config import RanNodeConfig
from net4ai.ran_node.configure_sessions import bearers_failed, flows_of, open_leg
from net4ai.ran_node.core_association import CoreAssociation
from net4ai.ran_node.set_up_connection import MAXIMUM_C_RNTI, TRANSACTION, Overload, setup_requested
from net4ai.ran_node.ue_context import LEGAL, Attempt, State, UeContext
from net4ai.ran_node.user_plane import UserPlane
from net4ai.stack.deadlines import Deadlines
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.forwarding.legs import OpenLeg
from net4ai.stack.forwarding.routes import release_route
from net4ai.stack.hop import Address, Hop, Sockets
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.procedure import ProcedureError, Procedures
from net4ai.stack.runs import HOP, drop_all, runs, segments
from net4ai.stack.security.algorithms import check_algorithms
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace, TraceEvent

MAXIMUM_HELD = 512
"""Messages that may wait for one UE to come back."""


class RanNode:
    """One RAN node. The owner feeds datagrams, N2 messages and time; `cpf` is its forwarding function."""

    def __init__(
        self,
        config: RanNodeConfig,
        uu_sockets: Sockets,
        uu_budget: CreditBudget,
        procedures: Procedures,
        timers: Timers,
        random_handle: Callable[[], int],
        trace: Trace,
        on_trouble: Callable[[str], None],
    ) -> None:
        check_algorithms(config.integrity, config.ciphering)
        self.config = config
        self.uu_sockets = uu_sockets
        self.uu_budget = uu_budget
        """Credit of the radio's bulk socket."""
        self.procedures = procedures
        self.timers = timers
        self.new_handle = random_handle
        self.trace = trace
        self.on_trouble = on_trouble
        self.drops = DropCounter(self._trace_drop)
        self.on_security: Callable[[Hop, SrbSecurity], None] = lambda hop, security: None
        """Called when SRB1 of a UE gets keys: for the key log."""
        self.cpf: ForwardingFunction | None = None
        self.user_plane: UserPlane | None = None
        self.contexts: dict[int, UeContext] = {}
        """By C-RNTI."""
        self.by_number: dict[int, UeContext] = {}
        """By identity on N2."""
        self.half_open: dict[tuple[Address, int], UeContext] = {}
        self._numbers = itertools.count(1)
        self._next_c_rnti = itertools.cycle(range(1, MAXIMUM_C_RNTI + 1))
        self.overload: Overload | None = None
        """The core has too much to do (TS 38.413 8.7.7)."""
        self.cell = Cell(config.cell, config.system_information_ms, timers["camping"], barred=True, send=self.send_srb0)
        self.n2 = CoreAssociation(self)
        self._deadlines: Deadlines[UeContext] = Deadlines()
        self._touched: dict[UeContext, None] = {}

    def next_number(self) -> int:
        """A fresh identity on N2."""
        return next(self._numbers)

    def free_c_rnti(self) -> int:
        """A C-RNTI nobody has."""
        return next(number for number in self._next_c_rnti if number not in self.contexts)

    # Uu

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """Layer-2 PDUs from the radio, `stride` octets apart. Never raises for what is in them."""
        self.procedures.advance(now)
        for run in runs(data, stride, HOP):
            self._receive(run, stride, source, bulk, now)

    def _receive(self, run: memoryview, stride: int, source: Address, bulk: bool, now: int) -> None:
        if min(len(run), stride) < HOP.least:
            drop_all(self.drops, Drop.TRUNCATED, len(run), stride)
            return
        fields = l2_fields(run)
        if fields.c_rnti == 0:
            for pdu in segments(run, stride):
                self._receive_srb0(pdu, source, bulk)
            return
        context = self.contexts.get(fields.c_rnti)
        attempt = context.attempt if context is not None else None
        if context is None:
            drop_all(self.drops, Drop.SOURCE_NOT_BOUND, len(run), stride)
        elif attempt is not None and attempt.source == source and fields.bearer_type == BearerType.SRB and not bulk:
            self._touched[context] = None
            for pdu in segments(run, stride):
                attempt.bearer.receive(pdu, now)
        elif source == (context.hop.bulk_address if bulk else context.hop.signalling_address):
            self._touched[context] = None
            if fields.bearer_type == BearerType.DRB and self.user_plane is not None:
                context.last_active = now
                self.user_plane.receive_uu(context, run, stride, bulk)
                return
            for dep in context.hop.receive(run, stride, bulk, now):
                context.last_active = now
                if self.cpf is not None:
                    self.cpf.forward(context.hop, *dep, bulk, now)
        elif context.state is State.PREPARED and fields.bearer_type == BearerType.SRB and not bulk:
            hand_over.ue_speaks(self, context, run, stride, source, now)
        else:
            drop_all(self.drops, Drop.SOURCE_NOT_BOUND, len(run), stride)

    def _receive_srb0(self, pdu: Buffer, source: Address, bulk: bool) -> None:
        if bulk:
            self.drops.count(Drop.SOURCE_NOT_BOUND, len(pdu))
            return
        try:
            message = rrc.Rrc.FAMILY.decode(srb0_sdu(pdu))
        except DecodeError as error:
            self.drops.count(error.reason, len(pdu))
            return
        self.procedures.pass_on("Uu", "in", "", message, lambda going: self._take_srb0(going, source, len(pdu)))

    def _take_srb0(self, message: Message | UnknownMessage, source: Address, size: int) -> None:
        if isinstance(message, rrc.SystemInformationRequest):
            if not self.cell.requested(source, self.procedures.now):
                self.drops.count(Drop.TOO_MANY_CAMPED, size)
        elif (handler := _SRB0_HANDLERS.get(type(message))) is None:
            self.drops.count(Drop.UNEXPECTED_MESSAGE, size)
        elif not self.n2.ready:
            self.drops.count(Drop.NO_N2_CONNECTION, size)
        else:
            self.trace_message(message, "in", size, "Uu", {})
            handler(self, message, source)

    def page(self, temporary_identity: int) -> None:
        """Look for a UE in the cell (TS 38.331 5.3.2)."""
        self.cell.page(temporary_identity)

    def send_srb0(self, message: rrc.Rrc, destination: Address) -> None:
        """Send a message on SRB0."""
        self.procedures.pass_on("Uu", "out", "", message, lambda going: self._send_srb0(going, destination))

    def _send_srb0(self, message: Message | UnknownMessage, destination: Address) -> None:
        pdu = srb0_pdu(message.encode())
        if not isinstance(message, rrc.SystemInformation):  # not traced: it says the same once a second
            ids: dict[str, int | str] = {"c_rnti": message.c_rnti} if isinstance(message, rrc.Setup) else {}
            self.trace_message(message, "out", len(pdu), "Uu", ids)
        self.uu_sockets.send_signalling(pdu, len(pdu), destination)

    def send_rrc(self, context: UeContext, message: rrc.Rrc) -> None:
        """Send on SRB1; to a UE that is lost, when it comes back. Raises `ProcedureError` where it is lost for good."""
        peer = f"C-RNTI {context.c_rnti}"
        self.procedures.pass_on("Uu", "out", peer, message, lambda going: self._send_rrc(context, going))

    def _send_rrc(self, context: UeContext, message: rrc.Rrc) -> None:
        if isinstance(message, rrc.DownlinkInformationTransfer):
            context.last_active = self.procedures.now
        if context.hop.signalling.failed and context.state is State.SECURED:
            reestablish.radio_link_failed(self, context)
        if context.state in (State.LOST, State.HANDING_OVER):
            self._hold(context, message)
            return
        if context.hop.signalling.failed:
            raise ProcedureError(Cause.PEER_LOST, f"C-RNTI {context.c_rnti}")
        context.hop.send(message, self.procedures.now)
        if isinstance(message, rrc.SecurityModeCommand):
            # Here, since a hook may have held it back: the command itself goes in clear, whatever follows does not.
            context.hop.signalling.start_ciphering()
        self._touched[context] = None

    def _hold(self, context: UeContext, message: rrc.Rrc) -> None:
        if isinstance(message, rrc.Reconfiguration):
            return  # the one under way is sent again in any case
        if len(context.held) >= MAXIMUM_HELD:
            raise ProcedureError(Cause.PEER_LOST, f"C-RNTI {context.c_rnti}")
        context.held.append(message)

    def take_messages(self, context: UeContext, now: int) -> None:
        """Decode and handle what SRB1 has delivered."""
        while (sdu := context.hop.next_sdu()) is not None:
            try:
                message = rrc.Rrc.FAMILY.decode(sdu)
            except DecodeError as error:
                self.drops.count(error.reason, len(sdu))
                continue
            context.hop.trace_message(message, "in", len(sdu), now)
            peer = f"C-RNTI {context.c_rnti}"
            self.procedures.pass_on("Uu", "in", peer, message, lambda going: self._take(context, going))
            # The next message may be legal only in the state this one leads to.
            self.procedures.run()

    def _take(self, context: UeContext, message: Message | UnknownMessage) -> None:
        if type(message) in LEGAL[context.state]:
            _RRC_HANDLERS[type(message)](self, context, message)
        else:
            self.drops.count(Drop.UNEXPECTED_MESSAGE)

    def _setup_complete(self, context: UeContext, message: rrc.SetupComplete) -> None:
        if message.transaction != TRANSACTION or not context.replies.give(rrc.SetupComplete, message):
            self.drops.count(Drop.ANSWER_TO_NO_REQUEST)

    def _uplink_transfer(self, context: UeContext, message: rrc.UplinkInformationTransfer) -> None:
        context.last_active = self.procedures.now
        self.n2.send(n2.UplinkNasTransport(ran_ue=context.number, nas=message.nas))

    def _reconfiguration_answer(
        self, context: UeContext, message: rrc.ReconfigurationComplete | rrc.ReconfigurationFailure
    ) -> None:
        if context.state is State.HANDING_OVER:
            hand_over.refused(self, context, cause_of(getattr(message, "cause", Cause.UNSPECIFIED)))
        elif not context.replies.give(("reconfiguration", message.transaction), message):
            self.drops.count(Drop.ANSWER_TO_NO_REQUEST)

    def open_leg(self, client: RouteClient, execution: int, handle: int, limits: SessionLimits) -> Awaitable[OpenLeg]:
        """The Uu side of a route, for the forwarding function."""
        return open_leg(self, client, execution, handle, limits)

    def standing_leg(self, client: RouteClient) -> tuple[int, OpenLeg]:
        """The Uu side of a route that goes on here, for the forwarding function."""
        return hand_over.standing_leg(self, client)

    def flows_of(self, client: RouteClient) -> tuple[FlowMapping, ...]:
        """QoS flows of a UE's session, for the forwarding function."""
        return flows_of(self, client)

    def end_route(self, context: UeContext, handle: int, cause: Cause) -> None:
        """The UE's session with our `handle` has ended: so does its route, if there is one."""
        if self.cpf is not None:
            release_route(self.cpf, context.hop, handle, cause)

    def end_pdu_session(self, context: UeContext, session: int) -> None:
        """A PDU session of the UE has ended, and so does its tunnel."""
        context.jobs = {job: number for job, number in context.jobs.items() if number != session}
        if self.user_plane is not None:
            self.user_plane.end(context, session)

    def disconnect(self, context: UeContext) -> None:
        """A UE's context is gone for the core; its routes end, whoever waits for the UE is told."""
        self.by_number.pop(context.number, None)
        if self.cpf is not None:
            self.cpf.release_hop(context.hop)
        if self.user_plane is not None:
            self.user_plane.end_all(context)
        context.replies.fail_all(ProcedureError(Cause.PEER_LOST, f"C-RNTI {context.c_rnti}"))
        if context.watch is not None:
            context.watch.cancel("released")

    def forget(self, context: UeContext) -> None:
        """Free a UE's context."""
        self.disconnect(context)
        context.state = State.RELEASING  # a hook may hold a message of it back until now
        self.contexts.pop(context.c_rnti, None)
        self._touched.pop(context, None)
        self._deadlines.set(context, None)

    # Release

    def release(self, context: UeContext, cause: Cause) -> None:
        """Release a UE. It is told, and its C-RNTI stays taken until it has acknowledged that (TS 38.331 5.3.8)."""
        if context.state is State.RELEASING:
            return
        here = context.state is not State.PREPARED
        if context.state is State.HANDING_OVER:
            hand_over.ended(context, cause)
            here = cause is not Cause.HANDED_OVER
        self.disconnect(context)
        if context.hop.signalling.failed or not here:
            self.forget(context)
            return
        context.state = State.RELEASING
        context.hop.send(rrc.Release(transaction=0, cause=cause), self.procedures.now)
        self._touched[context] = None

    # Time

    def touch(self, context: UeContext) -> None:
        """The context's hop has something to send."""
        self._touched[context] = None

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        self.procedures.advance(now)
        self.cell.bar(self.config.barred or not self.n2.ready)
        self.cell.advance(now)
        for context in self._deadlines.due(now):
            context.advance(now)
            self._touched[context] = None
        while self._touched:
            touched, self._touched = self._touched, {}
            for context in touched:
                self._pump_context(context, now)
        if self.cpf is not None:
            self.cpf.pump(now)
        for context in self._touched:
            context.hop.pump(now)
            self._deadlines.set(context, context.next_deadline())

    def _pump_context(self, context: UeContext, now: int) -> None:
        self.take_messages(context, now)
        self.procedures.run()
        if context.c_rnti not in self.contexts:
            return
        context.hop.pump(now)
        if context.attempt is not None:
            self._pump_attempt(context, context.attempt, now)
        self._deadlines.set(context, context.next_deadline())
        if failed := context.hop.take_failed_bearers():
            bearers_failed(self, context, failed)
        if context.hop.signalling.failed:
            self._signalling_failed(context)
        elif context.state is State.RELEASING and context.hop.signalling.all_acknowledged:
            self.forget(context)

    def _pump_attempt(self, context: UeContext, attempt: Attempt, now: int) -> None:
        reestablish.take_messages(self, context, attempt, now)
        if context.attempt is None:
            # It has taken the place of the other, or is over.
            context.hop.pump(now)
            return
        for datagram in attempt.bearer.datagrams_to_send(now):
            self.uu_sockets.send_signalling(datagram, len(datagram), attempt.source)

    def _signalling_failed(self, context: UeContext) -> None:
        if context.state is State.SECURED:
            reestablish.radio_link_failed(self, context)
        elif context.state not in (State.LOST, State.HANDING_OVER):
            if context.state is not State.RELEASING:
                self.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.PEER_LOST))
            self.forget(context)

    def next_deadline(self) -> int | None:
        deadlines = [self.procedures.next_deadline(), self.cell.next_deadline(), self._deadlines.next()]
        if self.cpf is not None:
            deadlines.append(self.cpf.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # Trace

    def trace_state(self, what: str, **ids: int | str) -> None:
        """A line of trace about something that lasts."""
        self.trace(TraceEvent(time=self.procedures.now, node=self.config.name, kind="state", message=what, ids=ids))

    def _trace_drop(self, reason: str, size: int) -> None:
        self.trace(
            TraceEvent(time=self.procedures.now, node=self.config.name, kind="drop", link="Uu", drop=reason, size=size)
        )

    def trace_message(
        self, message: Message | UnknownMessage, direction: str, size: int, link: str, ids: dict[str, int | str]
    ) -> None:
        self.trace(
            TraceEvent(
                time=self.procedures.now,
                node=self.config.name,
                kind="message",
                link=link,
                message=message.NAME,
                direction="out" if direction == "out" else "in",
                peer="core" if link == "N2" else "",
                size=size,
                ids=ids,
            )
        )


_RRC_HANDLERS: dict[type, Callable[..., None]] = {
    rrc.SetupComplete: RanNode._setup_complete,
    rrc.UplinkInformationTransfer: RanNode._uplink_transfer,
    rrc.ReconfigurationComplete: RanNode._reconfiguration_answer,
    rrc.ReconfigurationFailure: RanNode._reconfiguration_answer,
    rrc.SecurityModeComplete: start_security.answered,
    rrc.SecurityModeFailure: start_security.answered,
    rrc.MeasurementReport: measure.reported,
    rrc.ChannelQualityReport: channel_quality.reported,
}

_SRB0_HANDLERS: dict[type, Callable[..., None]] = {
    rrc.SetupRequest: setup_requested,
    rrc.ReestablishmentRequest: reestablish.reestablishment_requested,
}
