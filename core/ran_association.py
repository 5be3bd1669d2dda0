"""The core's end of N2: one association for each RAN node (TS 38.413 8.7)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from net4ai.codecs import n2, nas
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, Replies
from net4ai.stack.trace import TraceEvent

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager

VERSIONS = VersionRange(lowest=n2.VERSION, highest=n2.VERSION)


class RanAssociation:
    """One RAN node's connection: decodes, checks what is legal, passes on."""

    def __init__(self, manager: AccessManager, send: Callable[[bytes], None]) -> None:
        self.manager = manager
        self.node = ""
        """Name of the RAN node; empty until set up."""
        self._send = send
        self._closed = False
        self._replies = Replies(manager.entity.procedures)
        self._transactions = itertools.count(1)

    def receive(self, data: bytes, now: int) -> None:
        """An N2 message. A malformed or illegal one is dropped, counted and traced."""
        procedures = self.manager.entity.procedures
        procedures.advance(now)
        try:
            message = n2.N2.FAMILY.decode(data)
        except DecodeError as error:
            self.drop(error.reason)
            return
        self._trace(message, "in", len(data), self.node)
        handler = _HANDLERS.get(type(message))
        if handler is None or (not self.node and not isinstance(message, n2.SetupRequest)):
            self.drop("unexpected message")
            return
        handler(self, message)
        procedures.run()

    def closed(self, now: int) -> None:
        """The connection has ended."""
        self.manager.entity.procedures.advance(now)
        self._closed = True
        self.reset()
        self.manager.entity.procedures.run()

    def reset(self) -> None:
        """Whatever was agreed with the RAN node has gone: its terminals, its name."""
        self._replies.fail_all(ProcedureError(Cause.PEER_LOST, f"RAN node {self.node}"))
        self.manager.association_lost(self)
        self.node = ""

    def send(self, message: n2.N2) -> None:
        """Send an N2 message; without a connection it is dropped."""
        if self._closed:
            self.drop("no N2 connection")
            return
        data = message.encode()
        self._trace(message, "out", len(data), self.node)
        self._send(data)

    def send_nas(self, context: int, subscriber: str, message: nas.Nas) -> None:
        """Send a NAS message to a terminal."""
        data = message.encode()
        self._trace(message, "out", len(data), subscriber, context)
        self.send(n2.DownlinkNasTransport(ran_ue=context, nas=data))

    def release(self, context: int, cause: Cause) -> None:
        """Have the RAN node release a terminal."""
        self.send(n2.ContextReleaseCommand(ran_ue=context, cause=cause))

    async def request(
        self, context: int, build: Callable[[int], n2.SessionSetupRequest], timer: str
    ) -> n2.SessionSetupResponse:
        """Send a request under a fresh transaction and wait. Raises `ProcedureRejected`, `ProcedureTimeout`."""
        transaction = next(self._transactions)
        waiting = self._replies.expect(transaction, self.manager.entity.timers[timer])
        self.send(build(transaction))
        response: n2.SessionSetupResponse = await waiting
        return response

    def drop(self, reason: str) -> None:
        """Refuse a message: trace it under its reason."""
        procedures = self.manager.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node="core", kind="drop", link="N2", peer=self.node, drop=reason)
        )

    # Handlers

    def _setup_request(self, message: n2.SetupRequest) -> None:
        version = VERSIONS.common(message.versions)
        if version is None:
            self.send(n2.SetupFailure(cause=Cause.VERSION_NOT_SUPPORTED, versions=VERSIONS))
            return
        self.reset()
        self.manager.ran_node_known(self, message.node)
        self.node = message.node
        self.send(n2.SetupResponse(version=version))

    def _nas(self, message: n2.InitialUeMessage | n2.UplinkNasTransport) -> None:
        try:
            inner = nas.Nas.FAMILY.decode(message.nas)
        except DecodeError as error:
            self._refuse_nas(message.ran_ue, error.reason, Cause.MALFORMED_MESSAGE)
            return
        self._trace(inner, "in", len(message.nas), f"context {message.ran_ue}", message.ran_ue)
        if isinstance(inner, nas.Nas) and type(inner).DIRECTION == "up":
            self.manager.receive_nas(self, message.ran_ue, inner)
        else:
            self._refuse_nas(message.ran_ue, "unexpected message", Cause.UNEXPECTED_MESSAGE)

    def _refuse_nas(self, context: int, reason: str, cause: Cause) -> None:
        """Of a terminal with a context here it is dropped; where it is the first, no context may stay behind either."""
        self.drop(reason)
        if (self, context) not in self.manager.terminals:
            self.release(context, cause)

    def _session_setup_response(self, message: n2.SessionSetupResponse) -> None:
        if not self._replies.give(message.transaction, message):
            self.drop("answer to no request")

    def _session_setup_failure(self, message: n2.SessionSetupFailure) -> None:
        cause = cause_of(message.cause)
        if not self._replies.fail(message.transaction, ProcedureRejected(cause, f"RAN node {self.node}")):
            self.drop("answer to no request")

    def _context_release_request(self, message: n2.ContextReleaseRequest) -> None:
        self.manager.terminal_lost(self, message.ran_ue)
        self.send(n2.ContextReleaseCommand(ran_ue=message.ran_ue, cause=message.cause))

    def _context_release_complete(self, message: n2.ContextReleaseComplete) -> None:
        self.manager.terminal_lost(self, message.ran_ue)

    def _trace(
        self, message: Message | UnknownMessage, direction: str, size: int, peer: str, context: int | None = None
    ) -> None:
        procedures = self.manager.entity.procedures
        is_nas = isinstance(message, nas.Nas)
        ids: dict[str, int | str] = {"ran_node": self.node}
        if context is not None:
            ids["ran_ue"] = context
        for key in ("ran_ue", "execution", "turn", "job", "session", "transaction"):
            if isinstance(value := getattr(message, key, None), int):
                ids[key] = value
        procedures.trace(
            TraceEvent(
                time=procedures.now,
                node="access-manager" if is_nas else "core",
                kind="message",
                link="NAS" if is_nas else "N2",
                message=message.NAME,
                direction="out" if direction == "out" else "in",
                peer=peer,
                size=size,
                ids=ids,
            )
        )


_HANDLERS: dict[type, Callable[..., None]] = {
    n2.SetupRequest: RanAssociation._setup_request,
    n2.InitialUeMessage: RanAssociation._nas,
    n2.UplinkNasTransport: RanAssociation._nas,
    n2.SessionSetupResponse: RanAssociation._session_setup_response,
    n2.SessionSetupFailure: RanAssociation._session_setup_failure,
    n2.ContextReleaseRequest: RanAssociation._context_release_request,
    n2.ContextReleaseComplete: RanAssociation._context_release_complete,
}
"""N2 messages legal towards the core."""
