"""The core's end of N2: one association for each RAN node (TS 38.413 8.7)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.core import hand_over, nas_dialogue, prepare_handover
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, Replies
from net4ai.stack.trace import TraceEvent

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager

VERSIONS = VersionRange(lowest=n2.VERSION, highest=n2.VERSION)

NO_MESSAGE_TYPE = 0
"""In Error Indication: none could be read."""


class AssociationState(Enum):
    """How far the association has come."""

    NEW = "new"
    """Connected; who it is, the RAN node has not said yet."""
    READY = "ready"


_ANSWERS: frozenset[type[Message]] = frozenset(
    {
        n2.SessionSetupResponse,
        n2.SessionSetupFailure,
        n2.PduSessionSetupResponse,
        n2.SessionModifyResponse,
        n2.SessionModifyFailure,
        n2.SessionReleaseResponse,
        n2.HandoverRequestAcknowledge,
        n2.HandoverFailure,
    }
)
"""Answers, by transaction."""

_OF_CONTEXTS: frozenset[type[Message]] = frozenset(
    {
        n2.UplinkNasTransport,
        n2.InitialContextSetupResponse,
        n2.InitialContextSetupFailure,
        n2.HandoverRequired,
        n2.HandoverCancel,
    }
)
"""Messages that speak of a context the core must know."""

LEGAL: Mapping[AssociationState, frozenset[type[Message]]] = {
    AssociationState.NEW: frozenset({n2.SetupRequest, n2.ErrorIndication}),
    AssociationState.READY: frozenset(
        {
            n2.SetupRequest,
            n2.InitialUeMessage,
            n2.ContextReleaseRequest,
            n2.ContextReleaseComplete,
            n2.HandoverNotify,
            n2.ErrorIndication,
        }
    )
    | _ANSWERS
    | _OF_CONTEXTS,
}
"""N2 messages legal towards the core, by state."""


class RanAssociation:
    """One RAN node's connection: decodes, checks what is legal, passes on."""

    def __init__(self, manager: AccessManager, send: Callable[[bytes], None]) -> None:
        self.manager = manager
        self.node = ""
        """Name of the RAN node; empty until set up."""
        self.replies = Replies(manager.entity.procedures)
        self._send = send
        self._closed = False
        self._transactions = itertools.count(1)
        self._error_rate = ErrorRate()

    @property
    def state(self) -> AssociationState:
        """READY from N2 Setup Response on."""
        return AssociationState.READY if self.node else AssociationState.NEW

    def receive(self, data: bytes, now: int) -> None:
        """An N2 message. What cannot be taken is dropped, counted, traced and answered by Error Indication."""
        procedures = self.manager.entity.procedures
        procedures.advance(now)
        try:
            message = n2.N2.FAMILY.decode(data)
        except DecodeError as error:
            self.drop(error.reason)
            self._indicate(Cause.MALFORMED_MESSAGE, data[0] if data else NO_MESSAGE_TYPE, 0)
            return
        self._trace(message, "in", len(data))
        procedures.pass_on("N2", "in", self.node, message, self._take, node="core")
        procedures.run()

    def closed(self, now: int) -> None:
        """The connection has ended."""
        self.manager.entity.procedures.advance(now)
        self._closed = True
        self.reset()
        self.manager.entity.procedures.run()

    def reset(self) -> None:
        """Whatever was agreed with the RAN node has gone: its terminals, its name."""
        self.replies.fail_all(ProcedureError(Cause.PEER_LOST, f"RAN node {self.node}"))
        self.manager.association_lost(self)
        self.node = ""

    # Sending

    def send(self, message: n2.N2) -> None:
        """Send an N2 message; without a connection it is dropped."""
        self.manager.entity.procedures.pass_on("N2", "out", self.node, message, self._transmit, node="core")

    def _transmit(self, message: Message | UnknownMessage) -> None:
        if self._closed:
            self.drop(Drop.NO_N2_CONNECTION)
            return
        data = message.encode()
        self._trace(message, "out", len(data))
        self._send(data)

    def send_nas(self, context: int, data: bytes) -> None:
        """Send an encoded NAS message to a terminal."""
        self.send(n2.DownlinkNasTransport(ran_ue=context, nas=data))

    def release(self, context: int, cause: Cause) -> None:
        """Have the RAN node release a terminal."""
        self.send(n2.ContextReleaseCommand(ran_ue=context, cause=cause))

    async def request(self, build: Callable[[int], n2.N2], timer: str) -> Any:
        """Send a request under a fresh transaction and wait. Raises `ProcedureRejected`, `ProcedureTimeout`."""
        transaction = next(self._transactions)
        waiting = self.replies.expect(transaction, self.manager.entity.timers[timer])
        self.send(build(transaction))
        return await waiting

    def drop(self, reason: str) -> None:
        """Refuse a message: trace it under its reason."""
        procedures = self.manager.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node="core", kind="drop", link="N2", peer=self.node, drop=reason)
        )

    def _indicate(self, cause: Cause, message_type: int, context: int) -> None:
        """Tell the RAN node what could not be taken. Never in answer to an Error Indication."""
        if message_type != n2.ErrorIndication.CODE and self._error_rate.take(self.manager.entity.procedures.now):
            self.send(n2.ErrorIndication(cause=cause, message_type=message_type, ran_ue=context))

    # Handlers

    def _take(self, message: Message | UnknownMessage) -> None:
        context: int = getattr(message, "ran_ue", 0)
        if not isinstance(message, n2.N2):
            self.drop(Drop.UNKNOWN_TYPE)
            self._indicate(Cause.UNKNOWN_MESSAGE, getattr(message, "code", NO_MESSAGE_TYPE), 0)
        elif type(message) not in LEGAL[self.state]:
            self.drop(Drop.UNEXPECTED_MESSAGE)
            self._indicate(Cause.UNEXPECTED_MESSAGE, message.CODE, context)
        elif type(message) in _OF_CONTEXTS and self.manager.terminal_at(self, context) is None:
            self.drop(Drop.UNKNOWN_CONTEXT)
            self._indicate(Cause.UNKNOWN_CONTEXT, message.CODE, context)
        else:
            _HANDLERS[type(message)](self, message)

    def _setup_request(self, message: n2.SetupRequest) -> None:
        version = VERSIONS.common(message.versions)
        if version is None or message.node not in self.manager.ran_nodes:
            cause = Cause.VERSION_NOT_SUPPORTED if version is None else Cause.NOT_ALLOWED
            self.send(n2.SetupFailure(cause=cause, versions=VERSIONS))
            return
        self.reset()
        self.manager.ran_node_known(self, message.node)
        self.node = message.node
        self.send(n2.SetupResponse(version=version))
        self.manager.overload.tell(self)

    def _initial_nas(self, message: n2.InitialUeMessage) -> None:
        if (self, message.ran_ue) in self.manager.terminals:
            self.drop(Drop.UNEXPECTED_MESSAGE)
            self._indicate(Cause.UNEXPECTED_MESSAGE, message.CODE, message.ran_ue)
        else:
            nas_dialogue.receive_first(self.manager, self, message.ran_ue, message.nas)

    def _nas(self, message: n2.UplinkNasTransport) -> None:
        nas_dialogue.receive(self.manager, self, message.ran_ue, message.nas)

    def _answer(self, message: Any) -> None:
        if hasattr(message, "cause"):
            error = ProcedureRejected(cause_of(message.cause), f"RAN node {self.node}")
            known = self.replies.fail(message.transaction, error)
        else:
            known = self.replies.give(message.transaction, message)
        if not known:
            self.drop(Drop.ANSWER_TO_NO_REQUEST)
            if isinstance(message, n2.HandoverRequestAcknowledge):
                # Cancelled or timed out meanwhile: the target would wait for nobody.
                self.release(message.ran_ue, Cause.CANCELLED)

    def _context_set_up(self, message: n2.InitialContextSetupResponse) -> None:
        if not self.replies.give((n2.InitialContextSetupRequest, message.ran_ue), message):
            self.drop(Drop.ANSWER_TO_NO_REQUEST)

    def _context_not_set_up(self, message: n2.InitialContextSetupFailure) -> None:
        error = ProcedureRejected(cause_of(message.cause), f"RAN node {self.node}")
        if not self.replies.fail((n2.InitialContextSetupRequest, message.ran_ue), error):
            self.drop(Drop.ANSWER_TO_NO_REQUEST)

    def _context_release_request(self, message: n2.ContextReleaseRequest) -> None:
        self.manager.context_released(self, message.ran_ue, cause_of(message.cause))

    def _context_release_complete(self, message: n2.ContextReleaseComplete) -> None:
        self.manager.terminal_lost(self, message.ran_ue)

    def _handover_required(self, message: n2.HandoverRequired) -> None:
        prepare_handover.handover_required(self.manager, self, message)

    def _handover_notify(self, message: n2.HandoverNotify) -> None:
        if (self, message.ran_ue) in self.manager.prepared:
            hand_over.handover_notified(self.manager, self, message)
        else:
            self.drop(Drop.UNKNOWN_CONTEXT)
            self._indicate(Cause.UNKNOWN_CONTEXT, message.CODE, message.ran_ue)

    def _handover_cancel(self, message: n2.HandoverCancel) -> None:
        prepare_handover.handover_cancelled(self.manager, self, message)

    def _error_indication(self, message: n2.ErrorIndication) -> None:
        """The RAN node could not take something; of a context that it does not have, nothing stays here either."""
        self.drop(Drop.STATUS_OF_PEER)
        if message.cause == Cause.UNKNOWN_CONTEXT:
            self.manager.terminal_lost(self, message.ran_ue)

    def _trace(self, message: Message | UnknownMessage, direction: str, size: int) -> None:
        self.manager.trace_message("N2", "core", message, direction, self.node, size, {"ran_node": self.node})


_HANDLERS: dict[type, Callable[..., None]] = {
    n2.SetupRequest: RanAssociation._setup_request,
    n2.InitialUeMessage: RanAssociation._initial_nas,
    n2.UplinkNasTransport: RanAssociation._nas,
    n2.InitialContextSetupResponse: RanAssociation._context_set_up,
    n2.InitialContextSetupFailure: RanAssociation._context_not_set_up,
    n2.ContextReleaseRequest: RanAssociation._context_release_request,
    n2.ContextReleaseComplete: RanAssociation._context_release_complete,
    n2.HandoverRequired: RanAssociation._handover_required,
    n2.HandoverCancel: RanAssociation._handover_cancel,
    n2.HandoverNotify: RanAssociation._handover_notify,
    n2.ErrorIndication: RanAssociation._error_indication,
    **dict.fromkeys(_ANSWERS, RanAssociation._answer),
}
"""Who takes a message that is legal."""
