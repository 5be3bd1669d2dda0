"""The process between: a forwarding function with both ends attached to it, and the route of their session."""

from __future__ import annotations

from data_plane_methods.dep_node import (
    BULK_BEARER,
    FLOWS,
    FORWARDED,
    HANDLE,
    IDENTITY,
    PEER,
    Addresses,
    limits_for,
    open_platform,
)
from data_plane_methods.transfer import Row, Worker
from net4ai.codecs import link
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BearerType
from net4ai.stack.drops import DropCounter
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.forwarding.legs import FixedLink
from net4ai.stack.hop import Address, Hop, HopName
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.platform import OpenLink
from net4ai.stack.label_switch import RouteEnd
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.timers import Timers


class Forwarder:
    """A forwarding function on a platform, without anybody who controls it."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.platform = open_platform("forward", row)
        self.driver = Driver("forward", self.platform.clock)
        self.drops = DropCounter()
        self.function: ForwardingFunction
        self.open_link: OpenLink

    async def open(self) -> Addresses:
        """Open T4; gives its addresses."""

        def receive(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
            self.function.receive("T4", data, stride, source, bulk, now)

        self.open_link = await self.platform.open_link("T4", (0, 0), self.driver, receive)
        procedures, timers = self.platform.procedures(self.driver), Timers()
        self.function = ForwardingFunction(
            "forward",
            "edge",
            self.platform.control_entity("forward", procedures, timers, self.driver),
            {"T4": FixedLink(self.open_link.sockets, self.open_link.budget)},
            procedures,
            timers,
            lambda: self.platform.random_number(32),
            self.drops,
            self.platform.trace,
        )
        return self.open_link.signalling.address, self.open_link.bulk.address

    def attach(self, addresses: dict[str, Addresses]) -> None:
        """Both ends are attached, and the route between them is laid."""
        function = self.function
        legs = {role: self._leg(role, addresses[role]) for role in ("send", "receive")}
        function.switch.add(legs["send"], legs["receive"], VERSION)
        self.driver.machine = function

    def _leg(self, role: str, address: Addresses) -> RouteEnd[Hop]:
        function, identity = self.function, IDENTITY[role]
        name = HopName("T4", "forward", role, {})
        sockets, trace = self.open_link.sockets, self.platform.trace
        hop = Hop(name, BearerType.FIXED_LINK, identity, *address, sockets, self.drops, trace)
        function.peers[identity] = LinkPeer(
            role,
            link.AttachKind.APPLICATION_SERVER,
            hop,
            function.procedures,
            function.timers,
            self.drops,
            lambda peer, message: None,
        )
        return RouteEnd(
            leg=hop,
            handle_in=HANDLE[PEER[role]] + BULK_BEARER + FORWARDED,
            handle_out=HANDLE[role] + BULK_BEARER,
            limits=limits_for(self.row, self.open_link),
            flows={FLOWS[BULK_BEARER].qfi: FLOWS[BULK_BEARER]},
            budget=self.open_link.budget,
        )

    def close(self) -> None:
        self.driver.close()
        self.platform.close()


async def run_forwarding_function(worker: Worker, row: Row) -> None:
    """The body of the process."""
    forwarder = Forwarder(row)
    forwarder.attach(worker.exchange(await forwarder.open()))
    async for _ in worker.phases_async():
        worker.extra = {"forward drops": dict(forwarder.drops.counts)}
    forwarder.close()
