"""Legs of a route, and what a forwarding function remembers of the routes it has laid."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

from net4ai.codecs.bus import RouteClient
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.dep import pdus
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.hop import Address, Hop, Sockets
from net4ai.stack.label_switch import RouteEnd
from net4ai.stack.link_peer import LinkPeer


@dataclass(frozen=True, slots=True)
class FixedLink:
    """This function's side of T2a, T4 or T8: a pair of sockets, and the credit of the bulk one."""

    sockets: Sockets
    budget: CreditBudget


def bearer_of(end: RouteEnd[Hop], pdu: Buffer) -> int:
    """The bearer a PDU (with its layer-2 header) leaves by: that of its QoS flow; of an unknown one, the first's."""
    flow = end.flows.get(pdus.header(pdu, L2_HEADER_SIZE).qfi) or next(iter(end.flows.values()))
    return flow.bearer


@dataclass(frozen=True, slots=True)
class OpenLeg:
    """A leg towards the client of a route, with the handle the other side gave out."""

    hop: Hop
    flows: tuple[FlowMapping, ...]
    """QoS flows and their bearers on this hop."""
    handle: int
    limits: SessionLimits
    budget: CreditBudget
    """Of the bulk socket this leg's DATA arrives at."""


class UuSide(Protocol):
    """What a RAN node adds: legs towards UEs."""

    def open_leg(self, client: RouteClient, execution: int, handle: int, limits: SessionLimits) -> Awaitable[OpenLeg]:
        """Renew the UE's session for an execution. Raises `ProcedureError`."""
        ...

    def standing_leg(self, client: RouteClient) -> tuple[int, OpenLeg]:
        """Our handle and the leg of a session that goes on here (handover). Raises `ProcedureError`."""
        ...

    def flows_of(self, client: RouteClient) -> tuple[FlowMapping, ...]:
        """QoS flows of the UE's session; none: there is no such session."""
        ...


class PduSessions(Protocol):
    """What a user plane function adds: terminals that attach over T2a, each by the token of its PDU session."""

    def admits(self, token: str, source: Address) -> bool:
        """Whether the token is that of the PDU session with this address."""
        ...

    def flows_of(self, token: str) -> tuple[FlowMapping, ...]:
        """QoS flows of the session; none: there is no such session."""
        ...


@dataclass(slots=True)
class InstalledRoute:
    """One seat's route, to take back."""

    label: tuple[Hop, int]
    """Names the route in the label switch: a hop, and our handle there."""
    peers: tuple[tuple[LinkPeer, int], ...]
    """Peers that have a session of it, to be told of its end, each with the instance it is for there. The one towards
    the server is the first."""
    attempt: int = 0
    """Attempt at the execution it was laid in; 0: of another forwarding function, or none."""

    def runs_over(self, hop: Hop) -> bool:
        """Whether a leg of the route is on this hop."""
        return self.label[0] is hop or any(peer.hop is hop for peer, _ in self.peers)


@dataclass(slots=True)
class Routes:
    """Routes of one execution to one instance, by seat."""

    seats: dict[int, InstalledRoute] = field(default_factory=dict)
