"""Accepting an attachment on T2a, T4 or T8 (R47, R51)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from net4ai.codecs import link
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType
from net4ai.stack.attachment import VERSIONS
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Address, Hop, HopName
from net4ai.stack.link_peer import LinkPeer, bulk_address, read_unattached, unattached_pdu
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import MICROSECOND

if TYPE_CHECKING:
    from net4ai.stack.forwarding.function import ForwardingFunction

MAXIMUM_PEERS = 1024
"""Peers attached to one forwarding function."""

MAXIMUM_IDENTITY = 0xFFFF

LINK_OF: dict[int, str] = {
    link.AttachKind.APPLICATION_SERVER: "T4",
    link.AttachKind.APPLICATION_CONTROLLER: "T4",
    link.AttachKind.FORWARDING_FUNCTION: "T8",
    link.AttachKind.TERMINAL: "T2a",
}


def accept_attachment(function: ForwardingFunction, link_name: str, pdu: Buffer, source: Address) -> None:
    """Answer an attach request; a repeated one gets the same answer. Everything else is dropped."""
    try:
        request, number = read_unattached(pdu)
    except DecodeError as error:
        function.drops.count(error.reason, len(pdu))
        return
    if not isinstance(request, link.AttachRequest) or LINK_OF.get(request.kind) != link_name:
        function.drops.count(Drop.UNEXPECTED_MESSAGE, len(pdu))
        return
    _trace(function, link_name, request, "in", len(pdu), request.name)
    answer = _answer(function, request, number, source)
    answer_pdu = unattached_pdu(answer, number)
    _trace(function, link_name, answer, "out", len(answer_pdu), request.name)
    function.links[link_name].sockets.send_signalling(answer_pdu, len(answer_pdu), source)


def _answer(function: ForwardingFunction, request: link.AttachRequest, number: int, source: Address) -> link.Link:
    version = VERSIONS.common(request.versions)
    if version is None:
        return link.AttachReject(cause=Cause.VERSION_NOT_SUPPORTED, versions=VERSIONS)
    if request.kind == link.AttachKind.TERMINAL and not function.admits(request.name, source):
        return link.AttachReject(cause=Cause.NOT_ALLOWED, versions=VERSIONS)
    peer = _known(function, request, number, source)
    if peer is None:
        if len(function.peers) >= MAXIMUM_PEERS:
            return link.AttachReject(cause=Cause.NO_RESOURCES, versions=VERSIONS)
        peer = _new_peer(function, request, source)
        peer.attachment = number
        function.add_peer(peer)
    return link.AttachAccept(
        version=version,
        peer=peer.hop.identity,
        bulk_port=function.links[peer.hop.name.link].sockets.bulk_port,
        name=function.name,
    )


def _known(function: ForwardingFunction, request: link.AttachRequest, number: int, source: Address) -> LinkPeer | None:
    """The peer this request has made already. One of the same name that it has not made is gone: it attaches anew."""
    bulk = bulk_address(source, request.bulk_port)
    for peer in list(function.peers.values()):
        if peer.name != request.name:
            continue
        attached = peer.hop.signalling_address, peer.hop.bulk_address, peer.kind, peer.attachment
        if attached == (source, bulk, request.kind, number):
            return peer
        function.forget(peer)
    return None


def _new_peer(function: ForwardingFunction, request: link.AttachRequest, source: Address) -> LinkPeer:
    # Begins by the clock: a function started anew gives others than before, by which its old peers notice.
    begin = function.procedures.now // MICROSECOND
    identities = ((begin + offset) % MAXIMUM_IDENTITY + 1 for offset in range(MAXIMUM_IDENTITY))
    identity = next(number for number in identities if number not in function.peers)
    hop = Hop(
        HopName(LINK_OF[request.kind], function.name, request.name, {}),
        BearerType.FIXED_LINK,
        identity,
        source,
        bulk_address(source, request.bulk_port),
        function.links[LINK_OF[request.kind]].sockets,
        function.drops,
        function.trace,
    )
    return LinkPeer(
        request.name,
        link.AttachKind(request.kind),
        hop,
        function.procedures,
        function.timers,
        function.drops,
        function.on_message,
    )


def _trace(
    function: ForwardingFunction,
    link_name: str,
    message: link.Link,
    direction: Literal["in", "out"],
    size: int,
    peer: str,
) -> None:
    function.trace(
        TraceEvent(
            time=function.procedures.now,
            node=function.name,
            kind="message",
            link=link_name,
            message=message.NAME,
            direction=direction,
            peer=peer,
            size=size,
        )
    )
