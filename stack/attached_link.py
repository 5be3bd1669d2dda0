"""The attaching side of T4 or T2a: a link to a forwarding function, and the DEP sessions that end behind it (R47, R51).

Application servers and the application controller have one, a terminal one for each of its PDU sessions. When the link
fails everything on it is gone; the owner is told, and it attaches anew.
"""

from __future__ import annotations

from collections.abc import Callable

from net4ai.codecs import link
from net4ai.codecs.declaration import Buffer
from net4ai.stack.attachment import Attachment
from net4ai.stack.dep_endpoint import DepEndpoint
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import Procedure, ProcedureRejected, Procedures
from net4ai.stack.runs import HOP, drop_all, runs, segments
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace


class AttachedLink:
    """One link. `on_message` gets signalling that answers no request; `on_lost` is called when the link failed."""

    def __init__(
        self,
        name: str,
        kind: link.AttachKind,
        link_name: str,
        address: Address,
        sockets: Sockets,
        procedures: Procedures,
        timers: Timers,
        endpoint: DepEndpoint,
        trace: Trace,
        on_message: Callable[[LinkPeer, link.Link], None],
        on_lost: Callable[[], None],
        on_trouble: Callable[[str], None],
        node: str = "",
    ) -> None:
        """`endpoint`: the DEP sessions of this process; `node`: how the trace calls us, if not by our name."""
        self.procedures = procedures
        self.drops = drops = endpoint.drops
        self.endpoint = endpoint
        self.attachment = Attachment(
            name, kind, link_name, address, sockets, procedures, timers, drops, trace, on_message, on_trouble, node
        )
        self.attaching: Procedure[LinkPeer] | None = None
        """The attaching under way, or the last one."""
        self._on_lost = on_lost
        self._on_trouble = on_trouble

    @property
    def peer(self) -> LinkPeer | None:
        """The forwarding function, while attached."""
        return self.attachment.peer

    def attach(self) -> Procedure[LinkPeer]:
        """Attach; ends when attached, or with a `ProcedureError` when that is refused."""
        self.attaching = self.procedures.start(f"{self.attachment.link_name} attach", self._attach())
        return self.attaching

    async def _attach(self) -> LinkPeer:
        try:
            return await self.attachment.attach()
        except ProcedureRejected as error:
            self._on_trouble(f"{self.attachment.name}: {error.detail} was refused: {error.cause.name}")
            raise

    def send(self, message: link.Link) -> None:
        """Send without waiting; dropped while not attached."""
        if self.peer is None:
            self.drops.count(Drop.NOT_ATTACHED)
        else:
            self.peer.send(message)

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """Layer-2 PDUs, `stride` octets apart. Never raises for what is in them."""
        self.procedures.advance(now)
        for run in runs(data, stride, HOP):
            self._receive(run, stride, source, bulk, now)

    def _receive(self, run: memoryview, stride: int, source: Address, bulk: bool, now: int) -> None:
        if min(len(run), stride) < HOP.least:
            drop_all(self.drops, Drop.TRUNCATED, len(run), stride)
            return
        identity = l2_fields(run).c_rnti
        peer = self.peer
        if identity == 0 and source == self.attachment.address and not bulk:
            for pdu in segments(run, stride):
                self.attachment.receive_unattached(pdu)
        elif (
            peer is None
            or identity != peer.hop.identity
            or source != (peer.hop.bulk_address if bulk else peer.hop.signalling_address)
        ):
            drop_all(self.drops, Drop.SOURCE_NOT_BOUND, len(run), stride)
        else:
            for dep in peer.hop.receive(run, stride, bulk, now):
                self.endpoint.receive(peer.hop, *dep, now)

    # Time

    def pump(self, now: int) -> None:
        """Handle what has come, end what is due, send what is ready."""
        self.procedures.advance(now)
        if (peer := self.peer) is None:
            self.endpoint.pump(now)
            return
        peer.hop.advance(now)
        peer.take_messages(now)
        self.procedures.run()
        self.endpoint.pump(now)
        peer.hop.pump(now)
        if peer.gone:
            self._lost(peer)

    def _lost(self, peer: LinkPeer) -> None:
        self._on_trouble(f"{self.attachment.name}: {peer.name} does not answer, attaching anew")
        self.attachment.lost()
        self.endpoint.remove_all(peer.hop)
        self._on_lost()
        self.attach()

    def next_deadline(self) -> int | None:
        deadlines = [self.procedures.next_deadline(), self.endpoint.next_deadline()]
        if self.peer is not None:
            deadlines.append(self.peer.hop.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)
