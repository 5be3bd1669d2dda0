"""The other end of a T4 or T8 link, once attached: messages, requests with replies, sessions over one hop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from net4ai.codecs import link
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.declaration import UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Hop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, Procedures, Replies
from net4ai.stack.timers import Timers

_REPLIES = (link.Acknowledge, link.Refuse, link.SessionAddComplete, link.Accept)


class LinkPeer:
    """An attached peer. `on_message` gets every signalling message that answers no request."""

    def __init__(
        self,
        name: str,
        kind: link.AttachKind,
        hop: Hop,
        procedures: Procedures,
        timers: Timers,
        drops: DropCounter,
        on_message: Callable[[LinkPeer, link.Link], None],
    ) -> None:
        self.name = name
        self.kind = kind
        self.hop = hop
        self._procedures = procedures
        self._timers = timers
        self._drops = drops
        self._on_message = on_message
        self._replies = Replies(procedures)
        self._transactions = itertools.count(1)

    def send(self, message: link.Link) -> None:
        """Send without waiting."""
        if self.hop.signalling.failed:
            self._drops.count("peer lost")
        else:
            self.hop.send(message, self._procedures.now)

    async def request(self, build: Callable[[int], link.Link], timer: str = "link-request") -> Any:
        """Send what `build` makes of a fresh transaction, wait for the reply. Raises `ProcedureError`."""
        if self.hop.signalling.failed:
            raise ProcedureError(Cause.PEER_LOST, self.name)
        transaction = next(self._transactions)
        self.send(build(transaction))
        return await self._replies.expect(transaction, self._timers[timer])

    def take_messages(self, now: int) -> None:
        """Decode what the hop has received; malformed messages are dropped and counted."""
        while (sdu := self.hop.next_sdu()) is not None:
            try:
                message = link.Link.FAMILY.decode(sdu)
            except DecodeError as error:
                self._drops.count(error.reason, len(sdu))
                continue
            self.hop.trace_message(message, "in", len(sdu), now)
            if isinstance(message, UnknownMessage) or not isinstance(message, link.Link):
                self._drops.count("unknown message", len(sdu))
            elif isinstance(message, _REPLIES):
                self._reply(message)
            else:
                self._on_message(self, message)

    def _reply(self, message: link.Acknowledge | link.Refuse | link.SessionAddComplete | link.Accept) -> None:
        if isinstance(message, link.Refuse):
            cause = cause_of(message.cause)
            known = self._replies.fail(message.transaction, ProcedureRejected(cause, f"{self.name}: {message.detail}"))
        else:
            known = self._replies.give(message.transaction, message)
        if not known:
            self._drops.count("answer to no request")

    def lost(self) -> None:
        """The peer does not answer any more: whoever waits for it is told."""
        self._replies.fail_all(ProcedureError(Cause.PEER_LOST, self.name))


def unattached_pdu(message: link.Link) -> bytes:
    """The PDU of an attach message: unacknowledged, peer identity 0, repeated by the procedure's timer."""
    header = L2Header(
        is_data=True,
        segmentation=Segmentation.COMPLETE,
        poll=False,
        has_mac=False,
        bearer_type=BearerType.FIXED_LINK,
        bearer=0,
        c_rnti=0,
        count=0,
    )
    return header.to_bytes() + message.encode()


def bulk_address(signalling: Address, bulk_port: int) -> Address:
    """A peer's bulk socket has the host of its signalling socket."""
    return (signalling[0], bulk_port)
