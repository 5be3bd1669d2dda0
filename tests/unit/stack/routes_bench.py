"""A terminal's end of a route, and what servers say and hear."""

from __future__ import annotations

from typing import Any

from net4ai.codecs import compute, link
from net4ai.codecs.bus import (
    RouteClient,
)
from net4ai.codecs.common import BearerConfiguration, BearerMode, QosProfile, SessionLimits
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BearerType
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep_endpoint import DepEndpoint, limits_of
from net4ai.stack.drops import DropCounter
from net4ai.stack.forwarding.legs import OpenLeg
from net4ai.stack.hop import Hop, HopName
from net4ai.stack.procedure import ProcedureError

LIMITS = limits_of(CreditBudget(1 << 20))
EXECUTION = 5
UE = RouteClient(seat=20, context=1, session=0)


class Radio:
    """A radio side with one UE, context 1; `refusal` is what it answers otherwise."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.budget = CreditBudget(1 << 20)
        self.refusal: ProcedureError | None = None
        self.received: list[bytes] = []
        drops = DropCounter()
        sockets = network.sockets("radio")
        self.hop = Hop(
            HopName("Uu", "edge", "C-RNTI 7", {}),
            BearerType.SRB,
            7,
            ("ue", 1),
            ("ue", 2),
            sockets,
            drops,
            network.trace,
        )
        self.ue = Hop(
            HopName("Uu", "ue", "edge", {}),
            BearerType.SRB,
            7,
            ("radio", 1),
            ("radio", 2),
            network.sockets("ue"),
            drops,
            network.trace,
        )
        self.flows = (link.FlowMapping(qfi=1, bearer=4),)
        for hop in (self.hop, self.ue):
            for bearer in (4, 5):
                qos = QosProfile(five_qi=128 + bearer, priority=20)
                hop.add_bearer(BearerConfiguration(bearer=bearer, mode=BearerMode.UNACKNOWLEDGED, qos=qos))
        self.endpoint = DepEndpoint(CreditBudget(1 << 20), network.handle, drops, network.trace)
        self.told = self.flows
        """Flows the RAN node says the session has, before it is renewed."""
        self.end: Any = None
        network.join("ue", self.endpoint, self.ue_receives)

    def ue_receives(self, data: Any, stride: int, source: Any, bulk: bool, now: int) -> None:
        for dep in self.ue.receive(data, stride, bulk, now):
            self.endpoint.receive(self.ue, *dep, now)

    async def open_leg(self, client: RouteClient, execution: int, handle: int, limits: SessionLimits) -> OpenLeg:
        if self.refusal is not None:
            raise self.refusal
        flows = self.flows
        self.end = self.endpoint.add(
            self.ue, self.endpoint.new_handle(), handle, VERSION, flows, limits, self.on_event, {}
        )
        return OpenLeg(self.hop, flows, self.end.handle, LIMITS, self.budget)

    def flows_of(self, client: RouteClient) -> tuple[link.FlowMapping, ...]:
        return self.told

    def on_event(self, end: Any, event: Any) -> None:
        if (body := getattr(event, "body", None)) is not None:
            self.received.append(bytes(body))


def send(server: Any, instance: int, seat: int, body: bytes, *, as_server: bool, execution: int = EXECUTION) -> None:
    server.compute.say(compute.Send(instance=instance, execution=execution, as_server=as_server, seat=seat, body=body))


def delivered(server: Any) -> list[tuple[int, int, bytes]]:
    return [(told.instance, told.seat, bytes(told.body)) for told in server.compute.of(compute.Deliver)]
