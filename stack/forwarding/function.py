"""The forwarding plane function: attached peers, instances behind them, routes between legs.

The edge has one by itself; a RAN node has one with a Uu side (then it is the CPF, R39). Control comes over the bus from
the routine manager and the orchestrator; T4 and T8 signalling goes to the peers; DEP passes through the label switch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from net4ai.codecs import link
from net4ai.codecs.bus import Capacity, Done, NodeAvailable
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.attachment import Attachment
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.deadlines import Deadlines
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.forwarding import accept_attachment, path_switch, relay_signalling, routes
from net4ai.stack.forwarding.executions import Executions
from net4ai.stack.forwarding.legs import FixedLink, PduSessions, Routes, UuSide, bearer_of
from net4ai.stack.hop import Address, Hop
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.label_switch import LabelSwitch, RouteEnd
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import Procedure, ProcedureError, Procedures, ProcedureTimeout
from net4ai.stack.runs import HOP, SESSION, drop_all, runs, segments
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace, TraceEvent
from net4ai.stack.unknown_handles import UnknownHandles

RESOURCE_MANAGER = "resource-manager"

_ANNOUNCED = (link.AttachKind.APPLICATION_SERVER, link.AttachKind.APPLICATION_CONTROLLER)
"""Peers the resource manager has to know of."""


class ForwardingFunction:
    """FPF or CPF. The owner feeds datagrams of the fixed links and PDUs of the Uu, and drives time."""

    def __init__(
        self,
        name: str,
        kind: str,
        entity: ControlEntity,
        links: Mapping[str, FixedLink],
        procedures: Procedures,
        timers: Timers,
        random_handle: Callable[[], int],
        drops: DropCounter,
        trace: Trace,
        uu: UuSide | None = None,
        capacity: Capacity | None = None,
    ) -> None:
        """`capacity`: of the node, for who places functions; None: the default."""
        self.name = name
        self.kind = kind
        self.entity = entity
        self.links = dict(links)
        """T4 and T8, and with a user plane function T2a."""
        self.procedures = procedures
        self.timers = timers
        self.random_handle = random_handle
        self.drops = drops
        self.trace = trace
        self.uu = uu
        self.pdu_sessions: PduSessions | None = None
        """With a user plane function: the sessions over which terminals attach (T2a)."""
        self.capacity = Capacity() if capacity is None else capacity
        self.switch: LabelSwitch[Hop] = LabelSwitch(on_drop=drops.count)
        self.peers: dict[int, LinkPeer] = {}
        """Peers that attached here, by the identity we gave them."""
        self.attachments: list[Attachment] = []
        """Our own attachments to other forwarding functions (T8)."""
        self.instances: dict[int, LinkPeer] = {}
        """The application server an instance runs at."""
        self.executions = Executions()
        self.routes: dict[tuple[int, int], Routes] = {}
        """By execution and instance."""
        self._passed_on: Counter[Hop] = Counter()
        self._deadlines: Deadlines[LinkPeer] = Deadlines()
        self._touched: dict[LinkPeer, None] = {}
        self._unknown = UnknownHandles()
        self._announcing: Procedure[None] | None = None
        self._announce_at: int | None = None
        routes.serve(self)
        path_switch.serve(self)
        self.relay = relay_signalling.serve(self)

    # Peers

    def all_peers(self) -> list[LinkPeer]:
        """Everyone on T4 and T8, whoever attached to whom."""
        return [*self.peers.values(), *(a.peer for a in self.attachments if a.peer is not None)]

    def peer_named(self, name: str) -> LinkPeer:
        """An attached peer. Raises `ProcedureError`."""
        for peer in self.all_peers():
            if peer.name == name:
                return peer
        raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"{name} is not attached to {self.name}")

    def peer_of(self, instance: int) -> LinkPeer:
        """The application server of an instance. Raises `ProcedureError`."""
        peer = self.instances.get(instance)
        if peer is None:
            raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"instance {instance} is not at {self.name}")
        return peer

    def towards(self, node: str) -> LinkPeer:
        """The forwarding function to take for `node`: itself, or one that is joined to it. Raises `ProcedureError`.

        RAN nodes are joined to the edge only (T8): what is not our neighbour is the edge's.
        """
        neighbours = self._neighbours()
        if self.kind == "edge" or not neighbours or any(peer.name == node for peer in neighbours):
            return self.neighbour(node)
        return neighbours[0]

    def neighbour(self, node: str) -> LinkPeer:
        """A forwarding function that is joined to this one. Raises `ProcedureError`."""
        for peer in self._neighbours():
            if peer.name == node:
                return peer
        raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"{node} is not attached to {self.name}")

    def _neighbours(self) -> list[LinkPeer]:
        return [peer for peer in self.all_peers() if peer.kind is link.AttachKind.FORWARDING_FUNCTION]

    def name_of(self, address: Address) -> str:
        """Name of the peer at an address, for captures."""
        for peer in self.all_peers():
            if address in (peer.hop.signalling_address, peer.hop.bulk_address):
                return peer.name
        return f"{address[0]}:{address[1]}"

    def announce(self) -> None:
        """Tell the resource manager what is here, until it has heard; from then on regularly."""
        if self._announcing is not None:
            self._announcing.cancel("announced anew")
        self._announce_at = None
        self._announcing = self.procedures.start("announce", self._announce(), traced=False)

    async def _announce(self) -> None:
        while True:
            try:
                await self.entity.call(RESOURCE_MANAGER, self._available(), Done)
            except ProcedureTimeout:
                continue  # the core may start later
            finally:
                self._announce_at = self.procedures.now + self.timers["announce"]
            return

    def _available(self) -> NodeAvailable:
        names: dict[link.AttachKind, list[str]] = {kind: [] for kind in link.AttachKind}
        for peer in self.peers.values():
            names[peer.kind].append(peer.name)
        return NodeAvailable(
            node=self.name,
            kind=self.kind,
            application_servers=names[link.AttachKind.APPLICATION_SERVER],
            instances=sorted(self.instances),
            capacity=self.capacity,
            controllers=names[link.AttachKind.APPLICATION_CONTROLLER],
            results=sorted(instance for execution, instance in self.routes if execution == link.RESULTS_EXECUTION),
        )

    def attach_to(self, attachment: Attachment) -> None:
        """Attach to another forwarding function over T8."""
        self.attachments.append(attachment)
        self.procedures.start("T8 attach", attachment.attach())

    def add_peer(self, peer: LinkPeer) -> None:
        """A peer has attached."""
        self.peers[peer.hop.identity] = peer
        if peer.kind in _ANNOUNCED:
            self.announce()

    def admits(self, token: str, source: Address) -> bool:
        """Whether a terminal may attach from this address (T2a)."""
        return self.pdu_sessions is not None and self.pdu_sessions.admits(token, source)

    def forget(self, peer: LinkPeer) -> None:
        """A peer is lost or attaches anew: what hung on it ends, and who waits for it is told."""
        peer.lost()
        for instance in [instance for instance, at in self.instances.items() if at is peer]:
            relay_signalling.lose_instance(self, instance, Cause.PEER_LOST)
        self.release_hop(peer.hop)
        self._touched.pop(peer, None)
        self._deadlines.set(peer, None)
        if self.peers.get(peer.hop.identity) is peer:
            del self.peers[peer.hop.identity]
            if peer.kind in _ANNOUNCED:
                self.announce()
        for attachment in self.attachments:
            if attachment.peer is peer:
                attachment.lost()
                self.procedures.start("T8 attach", attachment.attach())

    def release_hop(self, hop: Hop) -> None:
        """A neighbour, on T4, T8 or the Uu, is gone: routes over its hop end."""
        routes.release_hop(self, hop, Cause.PEER_LOST)

    # Datagrams of T2a, T4 and T8

    def receive(self, link_name: str, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """Layer-2 PDUs from T2a, T4 or T8, `stride` octets apart. Never raises for what is in them."""
        self.procedures.advance(now)
        for run in runs(data, stride, HOP):
            self._receive(link_name, run, stride, source, bulk, now)

    def _receive(self, link_name: str, run: memoryview, stride: int, source: Address, bulk: bool, now: int) -> None:
        if min(len(run), stride) < HOP.least:
            drop_all(self.drops, Drop.TRUNCATED, len(run), stride)
            return
        identity = l2_fields(run).c_rnti
        if identity == 0:
            for pdu in segments(run, stride):
                self._receive_unattached(link_name, pdu, source, bulk)
            return
        peer = self._bound_peer(link_name, identity, source, bulk)
        if peer is None:
            drop_all(self.drops, Drop.SOURCE_NOT_BOUND, len(run), stride)
            return
        self._touched[peer] = None
        for dep in peer.hop.receive(run, stride, bulk, now):
            self.forward(peer.hop, *dep, bulk, now)

    def _bound_peer(self, link_name: str, identity: int, source: Address, bulk: bool) -> LinkPeer | None:
        """A peer is bound as identity and both addresses; identities given to us are told apart by the source."""
        peer = self.peers.get(identity)
        candidates = [peer] if peer else []
        candidates += [a.peer for a in self.attachments if a.peer is not None and a.peer.hop.identity == identity]
        for candidate in candidates:
            if link_name == candidate.hop.name.link and source == (
                candidate.hop.bulk_address if bulk else candidate.hop.signalling_address
            ):
                return candidate
        return None

    def _receive_unattached(self, link_name: str, pdu: Buffer, source: Address, bulk: bool) -> None:
        if bulk:
            self.drops.count(Drop.SOURCE_NOT_BOUND, len(pdu))
            return
        for attachment in self.attachments:
            if (attachment.link_name, attachment.address) == (link_name, source):
                attachment.receive_unattached(pdu)
                return
        accept_attachment.accept_attachment(self, link_name, pdu, source)

    def forward(self, hop: Hop, bearer: int, data: memoryview, stride: int, bulk: bool, now: int) -> None:
        """Switch DEP PDUs, `stride` octets apart and each behind 8 octets of layer 2, to their other legs.

        They are changed where they lie, and leave from there.
        """
        for run in runs(data, stride, SESSION):
            passed = self.switch.forward_run(hop, run, stride, now, bearer)
            if not isinstance(passed, Drop):
                for end, part in passed:
                    self._pass_on(end, part, stride, bulk, now)
            elif passed is Drop.UNKNOWN_HANDLE:
                self._unknown.answer(hop, bearer, run[L2_HEADER_SIZE:stride], now)

    def _pass_on(self, end: RouteEnd[Hop], part: memoryview, stride: int, bulk: bool, now: int) -> None:
        out, bearer = end.leg, bearer_of(end, part)
        if not bulk:
            for pdu in segments(part, stride):
                out.send_dep(bearer, bytearray(pdu), now)
            return
        out.send_burst(bearer, part, stride, now)
        if out.name.link == "T8":
            self._passed_on[out] += len(part)

    def trace_passed_on(self) -> None:
        """One line for what went out on each T8 since the last one: DEP messages are traced where they end only."""
        for hop, octets in self._passed_on.items():
            self.trace(
                TraceEvent(
                    time=self.procedures.now,
                    node=self.name,
                    kind="message",
                    link=hop.name.link,
                    message="DEP data passed on",
                    direction="out",
                    peer=hop.name.peer,
                    size=octets,
                )
            )
        self._passed_on.clear()

    def on_message(self, peer: LinkPeer, message: link.Link) -> None:
        """A signalling message of a peer that answers no request of ours."""
        relay_signalling.receive(self, peer, message)

    # Time

    def pump(self, now: int) -> None:
        """Send what is ready."""
        self.switch.advance(now)
        for peer in self._deadlines.due(now):
            peer.hop.advance(now)
            self._touched[peer] = None
        for end, pdu in self.switch.control_to_send(now):
            end.leg.send_dep(bearer_of(end, pdu), pdu, now)
        for peer in self._touched:
            peer.take_messages(now)
        self._touched.clear()
        self.relay.tell_ended_turns()
        if self._announce_at is not None and self._announce_at <= now:
            self.announce()
            for attachment in self.attachments:
                attachment.ask_again()
        self.procedures.run()
        self._pump_hops(now)
        lost = [peer for peer in self.all_peers() if peer.gone]
        if lost:
            for peer in lost:
                self.forget(peer)
            self.procedures.run()
            self._pump_hops(now)

    def _pump_hops(self, now: int) -> None:
        for peer in self.all_peers():
            peer.hop.pump(now)
            self._deadlines.set(peer, peer.hop.next_deadline())

    def next_deadline(self) -> int | None:
        deadlines = [self._deadlines.next(), self.switch.next_deadline(), self._announce_at]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)
