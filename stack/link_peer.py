"""The other end of a T4 or T8 link, once attached: messages, requests with replies, sessions over one hop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from net4ai.codecs import link
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.declaration import Buffer, Message, UnknownMessage
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Hop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, Procedures, ProcedureTimeout, Replies
from net4ai.stack.timers import Timers

Reply = link.Acknowledge | link.Refuse | link.SessionAddComplete | link.PathSwitchComplete | link.Accept | link.Begun

_REPLY_TO: dict[type[link.Link], type[Reply]] = {
    link.Instantiate: link.Acknowledge,
    link.Terminate: link.Acknowledge,
    link.Begin: link.Begun,
    link.SessionAdd: link.SessionAddComplete,
    link.PathSwitch: link.PathSwitchComplete,
    link.Invite: link.Accept,
}
"""What answers a request; `link.Refuse` answers any."""

DETAIL_OCTETS = 200
"""Longest detail of a refusal."""


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
        self.attachment = 0
        """At a peer that attached here: COUNT of the request with which it did."""
        self._procedures = procedures
        self._timers = timers
        self._drops = drops
        self._on_message = on_message
        self._replies = Replies(procedures)
        self._transactions = itertools.count(1)
        self._lost = False

    @property
    def gone(self) -> bool:
        """The peer does not answer any more, or was given up."""
        return self._lost or self.hop.signalling.failed

    def send(self, message: link.Link) -> None:
        """Send without waiting. To a lost peer nothing is sent."""
        self._procedures.pass_on(self.hop.name.link, "out", self.name, message, self._send)

    def _send(self, message: Message | UnknownMessage) -> None:
        if self.gone:
            self._drops.count(Drop.PEER_LOST)
        else:
            self.hop.send(message, self._procedures.now)

    async def request(self, build: Callable[[int], link.Link], timer: str = "link-request") -> Any:
        """Send what `build` makes of a fresh transaction, wait for the reply. Raises `ProcedureError`."""
        if self.gone:
            raise ProcedureError(Cause.PEER_LOST, self.name)
        transaction = next(self._transactions)
        message = build(transaction)
        try:
            self.send(message)
        except EncodeError as error:
            raise ProcedureError(Cause.MALFORMED_MESSAGE, str(error)) from None
        try:
            answer: Reply = await self._replies.expect(transaction, self._timers[timer])
        except ProcedureTimeout:
            raise ProcedureTimeout(f"no answer from {self.name} to {message.NAME}") from None
        if not isinstance(answer, _REPLY_TO[type(message)]):
            raise ProcedureError(Cause.UNEXPECTED_MESSAGE, f"{self.name} answers {message.NAME} with {answer.NAME}")
        return answer

    def refuse(self, transaction: int, cause: Cause, detail: str) -> None:
        """Answer a request: it is not carried out, and changed nothing."""
        cut = detail.encode(errors="replace")[:DETAIL_OCTETS].decode(errors="ignore")
        self.send(link.Refuse(transaction=transaction, cause=cause, detail=cut))

    def take_messages(self, now: int) -> None:
        """Decode what the hop has received; malformed messages are dropped and counted."""
        while (sdu := self.hop.next_sdu()) is not None:
            try:
                message = link.Link.FAMILY.decode(sdu)
            except DecodeError as error:
                self._drops.count(error.reason, len(sdu))
                continue
            self.hop.trace_message(message, "in", len(sdu), now)
            self._procedures.pass_on(self.hop.name.link, "in", self.name, message, self._take)
            # The next message may be legal only after what this one leads to.
            self._procedures.run()

    def _take(self, message: Message | UnknownMessage) -> None:
        if not isinstance(message, link.Link):
            self._drops.count(Drop.UNKNOWN_TYPE)
        elif isinstance(message, Reply):
            self._reply(message)
        else:
            self._handle(message)

    def _handle(self, message: link.Link) -> None:
        try:
            self._on_message(self, message)
        except ProcedureError as error:
            self._drops.count(f"{Drop.NOT_CARRIED_OUT}: {error.cause.name}")

    def _reply(self, message: Reply) -> None:
        if isinstance(message, link.Refuse):
            cause = cause_of(message.cause)
            known = self._replies.fail(message.transaction, ProcedureRejected(cause, f"{self.name}: {message.detail}"))
        else:
            known = self._replies.give(message.transaction, message)
        if not known:
            self._drops.count(Drop.ANSWER_TO_NO_REQUEST)

    def lost(self) -> None:
        """The peer does not answer any more: whoever waits for it is told."""
        self._lost = True
        self._replies.fail_all(ProcedureError(Cause.PEER_LOST, self.name))

    @property
    def waiting(self) -> int:
        """Requests that are not answered yet."""
        return len(self._replies)


def unattached_pdu(message: link.Link, attachment: int) -> bytes:
    """The PDU of an attach message: unacknowledged, peer identity 0, repeated by the procedure's timer.

    Its COUNT tells attachments apart: a request repeated has the same, one to attach anew another, and the answer that
    of its request.
    """
    header = L2Header(
        is_data=True,
        segmentation=Segmentation.COMPLETE,
        poll=False,
        has_mac=False,
        ciphered=False,
        bearer_type=BearerType.FIXED_LINK,
        bearer=0,
        c_rnti=0,
        count=attachment,
    )
    return header.to_bytes() + message.encode()


def read_unattached(pdu: Buffer) -> tuple[link.Link | None, int]:
    """The attach message in a PDU (None: one of an unknown type), and its COUNT. Raises `DecodeError`."""
    header, start = L2Header.read(pdu)
    if (header.bearer_type, header.bearer, header.c_rnti) != (BearerType.FIXED_LINK, 0, 0):
        raise DecodeError("attach", Drop.WRONG_BEARER, f"type {header.bearer_type}, bearer {header.bearer}")
    if header.has_mac:
        raise DecodeError("attach", Drop.INTEGRITY_NOT_CONFIGURED)
    if not header.is_data or header.segmentation != Segmentation.COMPLETE:
        raise DecodeError("attach", Drop.SEGMENTED, "attach messages are whole")
    message = link.Link.FAMILY.decode(memoryview(pdu)[start:])
    return message if isinstance(message, link.Link) else None, header.count


def bulk_address(signalling: Address, bulk_port: int) -> Address:
    """A peer's bulk socket has the host of its signalling socket."""
    return (signalling[0], bulk_port)
