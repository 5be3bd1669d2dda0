"""Attaching to a forwarding function over T2a, T4 or T8, from the attaching side (R47, R51).

Attach messages are not acknowledged: the procedure repeats its request until it is answered, however long the other
side takes to start, and says from time to time whom it waits for. The same request, repeated, gets the same answer; to
attach anew after a link has failed is a request with another COUNT (see `unattached_pdu`).

Once attached, the owner has the request repeated now and then: a forwarding function that was started anew meanwhile
does not know us and answers with another identity; then the link has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from net4ai.codecs import link
from net4ai.codecs.causes import cause_of
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Hop, HopName, Sockets
from net4ai.stack.link_peer import LinkPeer, bulk_address, read_unattached, unattached_pdu
from net4ai.stack.procedure import ProcedureRejected, Procedures, ProcedureTimeout, Replies
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace, TraceEvent
from net4ai.stack.units import MICROSECOND

VERSIONS = VersionRange(lowest=link.VERSION, highest=link.VERSION)


REPORT_EVERY = 5
"""Attempts between two reports of a missing peer."""


class Attachment:
    """One link to a forwarding function at `address`; `peer` is there once attached."""

    def __init__(
        self,
        name: str,
        kind: link.AttachKind,
        link_name: str,
        address: Address,
        sockets: Sockets,
        procedures: Procedures,
        timers: Timers,
        drops: DropCounter,
        trace: Trace,
        on_message: Callable[[LinkPeer, link.Link], None],
        on_missing: Callable[[str], None],
        node: str = "",
    ) -> None:
        """`node`: how the trace calls us, if not by our name."""
        self.name = name
        self.node = node or name
        self.kind = kind
        self.link_name = link_name
        self.address = address
        self.peer: LinkPeer | None = None
        self._sockets = sockets
        self._procedures = procedures
        self._timers = timers
        self._drops = drops
        self._trace = trace
        self._on_message = on_message
        self._on_missing = on_missing
        self._replies = Replies(procedures)
        self._number = 0

    async def attach(self) -> LinkPeer:
        """Repeat the request until it is answered. Raises `ProcedureRejected`."""
        # By the clock, as the first sequence numbers of TCP: a process started anew has another one than before.
        self._number = (self._procedures.now // MICROSECOND) % (1 << 32)
        attempt = 0
        while True:
            attempt += 1
            self._send_request()
            try:
                answer = await self._replies.expect("attach", self._timers["attach"])
                break
            except ProcedureTimeout:
                if attempt % REPORT_EVERY == 0:
                    host, port = self.address
                    self._on_missing(f"no answer on {self.link_name} from {host}:{port}, trying again")
        if isinstance(answer, link.AttachReject):
            cause = cause_of(answer.cause)
            raise ProcedureRejected(cause, f"attachment to {self.address[0]}:{self.address[1]}")
        self.peer = self._attached(answer)
        return self.peer

    def ask_again(self) -> None:
        """Repeat the request while attached: who was started anew does not know us (R51)."""
        if self.peer is not None:
            self._send_request()

    def _send_request(self) -> None:
        request = link.AttachRequest(
            versions=VERSIONS, kind=self.kind, bulk_port=self._sockets.bulk_port, name=self.name
        )
        pdu = unattached_pdu(request, self._number)
        self._sockets.send_signalling(pdu, len(pdu), self.address)
        self._trace_message(request, "out", len(pdu))

    def _attached(self, answer: link.AttachAccept) -> LinkPeer:
        hop = Hop(
            HopName(self.link_name, self.node, answer.name, {}),
            BearerType.FIXED_LINK,
            answer.peer,
            self.address,
            bulk_address(self.address, answer.bulk_port),
            self._sockets,
            self._drops,
            self._trace,
        )
        return LinkPeer(
            answer.name,
            link.AttachKind.FORWARDING_FUNCTION,
            hop,
            self._procedures,
            self._timers,
            self._drops,
            self._on_message,
        )

    def receive_unattached(self, pdu: Buffer) -> None:
        """A PDU with peer identity 0: the answer to our request. Its source was checked, the time is set."""
        try:
            message, number = read_unattached(pdu)
        except DecodeError as error:
            self._drops.count(error.reason, len(pdu))
            return
        if not isinstance(message, link.AttachAccept | link.AttachReject):
            self._drops.count(Drop.UNEXPECTED_MESSAGE, len(pdu))
            return
        self._trace_message(message, "in", len(pdu))
        ours = number == self._number
        if ours and self._replies.give("attach", message):
            pass
        elif ours and self.peer is not None and isinstance(message, link.AttachAccept):
            if message.peer != self.peer.hop.identity:
                self.peer.lost()  # it was started anew; our owner attaches anew
        else:
            self._drops.count(Drop.ANSWER_TO_NO_REQUEST, len(pdu))
        # What follows the answer may be a message to the peer it makes.
        self._procedures.run()

    def lost(self) -> None:
        """The peer does not answer any more, or is left: requests to it fail, `peer` is gone until attached anew."""
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.lost()

    def _trace_message(self, message: link.Link, direction: Literal["in", "out"], size: int) -> None:
        self._trace(
            TraceEvent(
                time=self._procedures.now,
                node=self.node,
                kind="message",
                link=self.link_name,
                message=message.NAME,
                direction=direction,
                size=size,
            )
        )
