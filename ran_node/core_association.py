"""The RAN node's end of N2: one association with the core (TS 38.413 8.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.ran_node import change_session, hand_over
from net4ai.ran_node.configure_sessions import set_up_session
from net4ai.ran_node.set_up_connection import Overload
from net4ai.ran_node.set_up_context import set_up_context
from net4ai.ran_node.ue_context import UeContext
from net4ai.ran_node.user_plane import set_up_pdu_session
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout, Replies
from net4ai.stack.trace import numbers_in

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

VERSIONS = VersionRange(lowest=n2.VERSION, highest=n2.VERSION)

MAXIMUM_WAITING = 512
"""NAS messages that may wait for the security of one UE."""
NO_MESSAGE_TYPE = 0
"""In Error Indication: none could be read."""


class AssociationState(Enum):
    """How far the association has come."""

    NEW = "new"
    """Connected or not; the core has not accepted this RAN node."""
    READY = "ready"


_OF_CONTEXTS: frozenset[type[Message]] = frozenset(
    {
        n2.DownlinkNasTransport,
        n2.InitialContextSetupRequest,
        n2.SessionModifyRequest,
        n2.SessionReleaseCommand,
        n2.HandoverCommand,
        n2.HandoverPreparationFailure,
        n2.HandoverCancelAcknowledge,
    }
)
"""Messages that speak of a context this RAN node must know. (Session Setup has a refusal of its own.)"""

LEGAL: Mapping[AssociationState, frozenset[type[Message]]] = {
    AssociationState.NEW: frozenset({n2.SetupResponse, n2.SetupFailure, n2.ErrorIndication}),
    AssociationState.READY: frozenset(
        {
            n2.SessionSetupRequest,
            n2.PduSessionSetupRequest,
            n2.ContextReleaseCommand,
            n2.HandoverRequest,
            n2.ErrorIndication,
            n2.OverloadStart,
            n2.OverloadStop,
            n2.Paging,
        }
    )
    | _OF_CONTEXTS,
}
"""N2 messages legal towards a RAN node, by state."""


class CoreAssociation:
    """What the core and this RAN node say to each other. The owner feeds messages and the state of the connection."""

    def __init__(self, node: RanNode) -> None:
        self.node = node
        self.state = AssociationState.NEW
        self.replies = Replies(node.procedures)
        self._send: Callable[[bytes], None] | None = None
        self._error_rate = ErrorRate()
        self.setting_up: dict[int, list[bytes]] = {}
        """Contexts whose set-up is under way, and NAS for them: behind Security Mode Command nothing goes down."""

    @property
    def ready(self) -> bool:
        """The core has accepted us."""
        return self.state is AssociationState.READY

    def connected(self, send: Callable[[bytes], None], close: Callable[[], None], now: int) -> None:
        """The TCP connection to the core is there: introduce ourselves. Without an answer it is made anew."""
        self.node.procedures.advance(now)
        self._send = send
        self.send(n2.SetupRequest(versions=VERSIONS, node=self.node.config.name))
        self.node.procedures.start("N2 set-up", self._await_setup(close))

    async def _await_setup(self, close: Callable[[], None]) -> None:
        try:
            await self.replies.expect(n2.SetupRequest, self.node.timers["n2-setup"])
        except (ProcedureTimeout, ProcedureRejected) as error:
            if isinstance(error, ProcedureTimeout):
                self.node.on_trouble("N2: no answer from the core, connecting anew")
            close()
            raise

    def lost(self, now: int) -> None:
        """The connection has gone, and with it what the core knew: UEs have to come back."""
        self.node.procedures.advance(now)
        self._send, self.state = None, AssociationState.NEW
        self.node.overload = None
        self.replies.fail_all(ProcedureError(Cause.PEER_LOST, "core"))
        for context in list(self.node.contexts.values()):
            self.node.release(context, Cause.NODE_GOING_DOWN)
        self.node.procedures.run()

    def receive(self, data: bytes, now: int) -> None:
        """One N2 message. What cannot be taken is dropped, counted, traced and answered by Error Indication."""
        procedures = self.node.procedures
        procedures.advance(now)
        try:
            message = n2.N2.FAMILY.decode(data)
        except DecodeError as error:
            self.node.drops.count(error.reason, len(data))
            self.indicate(Cause.MALFORMED_MESSAGE, data[0] if data else NO_MESSAGE_TYPE)
            return
        self.node.trace_message(message, "in", len(data), "N2", _n2_ids(message))
        procedures.pass_on("N2", "in", "core", message, self._take)
        procedures.run()

    def send(self, message: n2.N2) -> None:
        """Send to the core; without a connection the message is dropped and counted."""
        self.node.procedures.pass_on("N2", "out", "core", message, self._transmit)

    def _transmit(self, message: Message | UnknownMessage) -> None:
        data = message.encode()
        if self._send is None:
            self.node.drops.count(Drop.NO_N2_CONNECTION, len(data))
            return
        self.node.trace_message(message, "out", len(data), "N2", _n2_ids(message))
        self._send(data)

    def indicate(self, cause: Cause, message_type: int, ran_ue: int = 0) -> None:
        """Tell the core what could not be taken. Never in answer to an Error Indication."""
        if message_type != n2.ErrorIndication.CODE and self._error_rate.take(self.node.procedures.now):
            self.send(n2.ErrorIndication(cause=cause, message_type=message_type, ran_ue=ran_ue))

    def deliver_nas(self, context: UeContext, data: bytes) -> None:
        """A NAS message for a UE, unless the UE is lost."""
        waiting = self.setting_up.get(context.number)
        if waiting is not None:
            if len(waiting) < MAXIMUM_WAITING:
                waiting.append(data)
            else:
                self.node.drops.count(Drop.SEND_QUEUE_FULL, len(data))
            return
        try:
            self.node.send_rrc(context, rrc.DownlinkInformationTransfer(nas=data))
        except ProcedureError:
            self.node.drops.count(Drop.PEER_LOST, len(data))

    # Handlers

    def _take(self, message: Message | UnknownMessage) -> None:
        drops = self.node.drops
        ran_ue: int = getattr(message, "ran_ue", 0)
        if isinstance(message, UnknownMessage):
            drops.count(Drop.UNKNOWN_TYPE)
            self.indicate(Cause.UNKNOWN_MESSAGE, message.code)
        elif type(message) not in LEGAL[self.state]:
            drops.count(Drop.UNEXPECTED_MESSAGE)
            self.indicate(Cause.UNEXPECTED_MESSAGE, message.CODE, ran_ue)
        elif type(message) in _OF_CONTEXTS and ran_ue not in self.node.by_number:
            drops.count(Drop.UNKNOWN_CONTEXT)
            self.indicate(Cause.UNKNOWN_CONTEXT, message.CODE, ran_ue)
        else:
            _HANDLERS[type(message)](self, message)

    def _setup_response(self, message: n2.SetupResponse) -> None:
        self.state = AssociationState.READY
        self.replies.give(n2.SetupRequest, message)

    def _setup_failure(self, message: n2.SetupFailure) -> None:
        self.node.on_trouble(f"N2: the core refuses us (cause {message.cause}, versions {message.versions})")
        self.replies.fail(n2.SetupRequest, ProcedureRejected(cause_of(message.cause), "by the core"))

    def _downlink_nas(self, message: n2.DownlinkNasTransport) -> None:
        self.deliver_nas(self.node.by_number[message.ran_ue], message.nas)

    def _initial_context_setup(self, message: n2.InitialContextSetupRequest) -> None:
        self.node.procedures.start("initial context set-up", set_up_context(self.node, message), ran_ue=message.ran_ue)

    def _session_setup(self, message: n2.SessionSetupRequest) -> None:
        self.node.procedures.start("N2 session set-up", set_up_session(self.node, message), ran_ue=message.ran_ue)

    def _pdu_session_setup(self, message: n2.PduSessionSetupRequest) -> None:
        procedure = set_up_pdu_session(self.node, message)
        self.node.procedures.start("N2 PDU session set-up", procedure, ran_ue=message.ran_ue)

    def _session_modify(self, message: n2.SessionModifyRequest) -> None:
        procedure = change_session.modify(self.node, message)
        self.node.procedures.start("N2 session modification", procedure, ran_ue=message.ran_ue)

    def _session_release(self, message: n2.SessionReleaseCommand) -> None:
        procedure = change_session.release(self.node, message)
        self.node.procedures.start("N2 session release", procedure, ran_ue=message.ran_ue)

    def _context_release(self, message: n2.ContextReleaseCommand) -> None:
        context = self.node.by_number.get(message.ran_ue)
        if context is not None:
            self.node.release(context, cause_of(message.cause))
        self.send(n2.ContextReleaseComplete(ran_ue=message.ran_ue))

    def _handover_request(self, message: n2.HandoverRequest) -> None:
        hand_over.handover_requested(self.node, message)

    def _handover_answer(
        self, message: n2.HandoverCommand | n2.HandoverPreparationFailure | n2.HandoverCancelAcknowledge
    ) -> None:
        if not hand_over.handover_answered(self.node, message):
            self.node.drops.count(Drop.ANSWER_TO_NO_REQUEST)

    def _error_indication(self, message: n2.ErrorIndication) -> None:
        """The core could not take something; a UE that it does not know has to come anew."""
        self.node.drops.count(Drop.STATUS_OF_PEER)
        context = self.node.by_number.get(message.ran_ue)
        if context is not None and message.cause == Cause.UNKNOWN_CONTEXT:
            self.node.release(context, Cause.UNKNOWN_CONTEXT)

    def _overload_start(self, message: n2.OverloadStart) -> None:
        self.node.overload = Overload(message.reduction, message.wait_time)
        self.node.trace_state("overload", reduction=message.reduction, wait_time=message.wait_time)

    def _overload_stop(self, message: n2.OverloadStop) -> None:
        self.node.overload = None
        self.node.trace_state("overload over")

    def _paging(self, message: n2.Paging) -> None:
        self.node.page(message.temporary_identity)


def _n2_ids(message: Message | UnknownMessage) -> dict[str, int | str]:
    return numbers_in(message, ("ran_ue", "transaction", "job", "session"))


_HANDLERS: dict[type, Callable[..., None]] = {
    n2.SetupResponse: CoreAssociation._setup_response,
    n2.SetupFailure: CoreAssociation._setup_failure,
    n2.DownlinkNasTransport: CoreAssociation._downlink_nas,
    n2.InitialContextSetupRequest: CoreAssociation._initial_context_setup,
    n2.SessionSetupRequest: CoreAssociation._session_setup,
    n2.PduSessionSetupRequest: CoreAssociation._pdu_session_setup,
    n2.SessionModifyRequest: CoreAssociation._session_modify,
    n2.SessionReleaseCommand: CoreAssociation._session_release,
    n2.ContextReleaseCommand: CoreAssociation._context_release,
    n2.HandoverRequest: CoreAssociation._handover_request,
    n2.HandoverCommand: CoreAssociation._handover_answer,
    n2.HandoverPreparationFailure: CoreAssociation._handover_answer,
    n2.HandoverCancelAcknowledge: CoreAssociation._handover_answer,
    n2.ErrorIndication: CoreAssociation._error_indication,
    n2.OverloadStart: CoreAssociation._overload_start,
    n2.OverloadStop: CoreAssociation._overload_stop,
    n2.Paging: CoreAssociation._paging,
}
"""Who takes a message that is legal."""
