"""The RAN node's end of N2: one association with the core (TS 38.413 8.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.ran_node.configure_sessions import set_up_session
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout, Replies

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

VERSIONS = VersionRange(lowest=n2.VERSION, highest=n2.VERSION)


class CoreAssociation:
    """What the core and this RAN node say to each other. The owner feeds messages and the state of the connection."""

    def __init__(self, node: RanNode) -> None:
        self.node = node
        self.ready = False
        """The core has accepted us."""
        self._send: Callable[[bytes], None] | None = None
        self._replies = Replies(node.procedures)

    def connected(self, send: Callable[[bytes], None], close: Callable[[], None], now: int) -> None:
        """The TCP connection to the core is there: introduce ourselves. Without an answer it is made anew."""
        self.node.procedures.advance(now)
        self._send = send
        self.send(n2.SetupRequest(versions=VERSIONS, node=self.node.config.name))
        self.node.procedures.start("N2 set-up", self._await_setup(close))

    async def _await_setup(self, close: Callable[[], None]) -> None:
        try:
            await self._replies.expect(n2.SetupRequest, self.node.timers["n2-setup"])
        except ProcedureTimeout:
            self.node.on_trouble("N2: no answer from the core, connecting anew")
            close()
            raise

    def lost(self, now: int) -> None:
        """The connection has gone, and with it what the core knew: UEs have to come back."""
        self.node.procedures.advance(now)
        self._send, self.ready = None, False
        self._replies.fail_all(ProcedureError(Cause.PEER_LOST, "core"))
        for context in list(self.node.contexts.values()):
            self.node.release(context, Cause.NODE_GOING_DOWN)

    def receive(self, data: bytes, now: int) -> None:
        """One N2 message. A malformed or illegal one is dropped, counted and traced."""
        self.node.procedures.advance(now)
        try:
            message = n2.N2.FAMILY.decode(data)
        except DecodeError as error:
            self.node.drops.count(error.reason, len(data))
            return
        self.node.trace_message(message, "in", len(data), "N2", _n2_ids(message))
        handler = _HANDLERS.get(type(message))
        if handler is None or (not self.ready and type(message) not in (n2.SetupResponse, n2.SetupFailure)):
            self.node.drops.count(Drop.UNEXPECTED_MESSAGE, len(data))
            return
        handler(self, message)
        self.node.procedures.run()

    def send(self, message: n2.N2) -> None:
        """Send to the core; without a connection the message is dropped and counted."""
        data = message.encode()
        if self._send is None:
            self.node.drops.count(Drop.NO_N2_CONNECTION, len(data))
            return
        self.node.trace_message(message, "out", len(data), "N2", _n2_ids(message))
        self._send(data)

    def _setup_response(self, message: n2.SetupResponse) -> None:
        self.ready = True
        self._replies.give(n2.SetupRequest, message)

    def _setup_failure(self, message: n2.SetupFailure) -> None:
        self.node.on_trouble(f"N2: the core refuses us (cause {message.cause}, versions {message.versions})")
        self._replies.fail(n2.SetupRequest, ProcedureRejected(cause_of(message.cause), "by the core"))

    def _downlink_nas(self, message: n2.DownlinkNasTransport) -> None:
        context = self.node.by_number.get(message.ran_ue)
        if context is None or context.hop.signalling.failed:
            self.node.drops.count(Drop.UNKNOWN_CONTEXT)
            return
        self.node.send_rrc(context, rrc.DownlinkInformationTransfer(nas=message.nas))

    def _session_setup(self, message: n2.SessionSetupRequest) -> None:
        self.node.procedures.start("N2 session set-up", set_up_session(self.node, message), ran_ue=message.ran_ue)

    def _context_release(self, message: n2.ContextReleaseCommand) -> None:
        context = self.node.by_number.get(message.ran_ue)
        if context is not None:
            self.node.release(context, Cause.NORMAL)
        self.send(n2.ContextReleaseComplete(ran_ue=message.ran_ue))


def _n2_ids(message: Message | UnknownMessage) -> dict[str, int | str]:
    ids: dict[str, int | str] = {}
    for key in ("ran_ue", "transaction", "job", "session"):
        if isinstance(value := getattr(message, key, None), int):
            ids[key] = value
    return ids


_HANDLERS: dict[type, Callable[..., None]] = {
    n2.SetupResponse: CoreAssociation._setup_response,
    n2.SetupFailure: CoreAssociation._setup_failure,
    n2.DownlinkNasTransport: CoreAssociation._downlink_nas,
    n2.SessionSetupRequest: CoreAssociation._session_setup,
    n2.ContextReleaseCommand: CoreAssociation._context_release,
}
"""N2 messages legal towards a RAN node."""
