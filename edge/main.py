"""An edge on its platform: T4, T8, N3, the bus, and its application server."""

from __future__ import annotations

from net4ai.codecs.declaration import Buffer
from net4ai.edge.config import EdgeConfig
from net4ai.edge.node import Edge
from net4ai.edge.user_plane_function import UserPlaneFunction
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.forwarding.legs import FixedLink
from net4ai.stack.forwarding.operate import operate
from net4ai.stack.hop import Address
from net4ai.stack.io import node_operation
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.platform import Platform, RunningNode
from net4ai.stack.timers import Timers


async def start(config: EdgeConfig, platform: Platform) -> RunningNode:
    """Open the links and join them to the forwarding function. Raises OSError."""
    driver = Driver(config.name, platform.clock)
    procedures = platform.procedures(driver)
    timers = Timers(config.timers)

    def receive_t4(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        edge.fpf.receive("T4", data, stride, source, bulk, now)

    def receive_t8(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        edge.fpf.receive("T8", data, stride, source, bulk, now)

    def name_on_fixed_link(address: Address, pdu: Buffer) -> str:
        return edge.fpf.name_of(address)

    t4 = await platform.open_link("T4", config.t4_ports, driver, receive_t4, peer_name=name_on_fixed_link)
    t8 = await platform.open_link(
        "T8", config.t8_ports, driver, receive_t8, peer_name=name_on_fixed_link, capture_sent=False
    )

    def receive_n3(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        edge.upf.receive(data, stride, source, bulk, now)

    def name_on_n3(address: Address, pdu: Buffer) -> str:
        return edge.upf.name_of(address)

    n3 = await platform.open_link("N3", config.n3_ports, driver, receive_n3, peer_name=name_on_n3, capture_sent=False)
    edge = Edge(procedures, config.name, platform.trace)
    edge.upf = UserPlaneFunction(
        platform.control_entity(f"upf/{config.name}", procedures, timers, driver),
        n3.address,
        n3.sockets,
        platform.random_number,
        edge.drops,
    )
    edge.fpf = ForwardingFunction(
        config.name,
        "edge",
        platform.control_entity(f"fpf/{config.name}", procedures, timers, driver),
        {
            "T4": FixedLink(t4.sockets, t4.budget),
            "T8": FixedLink(t8.sockets, t8.budget),
            "T2a": FixedLink(edge.upf.sockets, n3.budget),
        },
        procedures,
        timers,
        lambda: platform.random_number(32),
        edge.drops,
        platform.trace,
        capacity=config.capacity,
    )
    edge.upf.fpf, edge.fpf.pdu_sessions = edge.fpf, edge.upf
    driver.machine = edge
    operate(node_operation.operate(platform, "edge", procedures, timers, driver), edge.fpf)
    driver.wake()
    await platform.start_application_server(f"{config.name}-app-server", config.name, t4.address)
    return platform.running(driver, T4=t4.address, T8=t8.address, N3=n3.address)
