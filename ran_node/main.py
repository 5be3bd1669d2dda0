"""A RAN node on its platform: Uu, T4, T8, N2, the bus, and its application server."""

from __future__ import annotations

from collections.abc import Callable

from net4ai.codecs import link
from net4ai.codecs.declaration import Buffer, Message, UnknownMessage
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.ran_node import operate
from net4ai.ran_node.config import RanNodeConfig
from net4ai.ran_node.node import RanNode
from net4ai.ran_node.ue_context import UeContext
from net4ai.ran_node.user_plane import UserPlane
from net4ai.stack.attachment import Attachment
from net4ai.stack.forwarding import operate as forwarding_operate
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.forwarding.legs import FixedLink
from net4ai.stack.hop import Address, Direction, Hop
from net4ai.stack.io import node_operation
from net4ai.stack.io.capture import DATA_BEARERS, PDCP_NR_PORT, RRC_IN_CLEAR, pdcp_nr
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.platform import OpenLink, Platform, RunningNode
from net4ai.stack.io.stream import FrameConnection
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.runs import segments
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.timers import Timers
from net4ai.stack.user_plane.data_bearer import DataBearer


async def start(config: RanNodeConfig, platform: Platform) -> RunningNode:
    """Open the links, join them to the node, connect to the core. Raises OSError."""
    driver = Driver(config.name, platform.clock)
    procedures = platform.procedures(driver)
    timers = Timers(config.timers)
    edge_address = await platform.network.resolve(*config.edge_address)
    uu, t4, t8, n3 = await _open_links(config, platform, driver, edge_address, lambda: node, lambda: cpf)
    node = RanNode(
        config,
        uu.sockets,
        uu.budget,
        procedures,
        timers,
        lambda: platform.random_number(32),
        platform.trace,
        platform.say,
    )
    cpf = ForwardingFunction(
        config.name,
        "ran-node",
        platform.control_entity(f"fpf/{config.name}", procedures, timers, driver),
        {"T4": FixedLink(t4.sockets, t4.budget), "T8": FixedLink(t8.sockets, t8.budget)},
        procedures,
        timers,
        lambda: platform.random_number(32),
        node.drops,
        platform.trace,
        node,
        config.capacity,
    )
    node.cpf = cpf
    node.user_plane = UserPlane(node, n3.address, n3.sockets, platform.random_number)
    _mirror_data_bearers(config, platform, node.user_plane)
    _log_keys(config, platform, node)
    operation = node_operation.operate(platform, "ran-node", procedures, timers, driver)
    operate.operate(operation, node)
    forwarding_operate.operate(operation, cpf)
    driver.machine = node
    edge = Attachment(
        config.name,
        link.AttachKind.FORWARDING_FUNCTION,
        "T8",
        edge_address,
        t8.sockets,
        procedures,
        timers,
        node.drops,
        platform.trace,
        cpf.on_message,
        lambda what: platform.say(f"{config.name}: {what}"),
    )
    driver.feed(lambda now: procedures.advance(now))
    driver.feed(lambda now: cpf.attach_to(edge))
    _connect_n2(config, platform, driver, node)
    await platform.start_application_server(f"{config.name}-app-server", config.name, t4.address)
    return platform.running(driver, Uu=uu.address, T4=t4.address, T8=t8.address, N3=n3.address)


async def _open_links(
    config: RanNodeConfig,
    platform: Platform,
    driver: Driver,
    edge_address: Address,
    node: Callable[[], RanNode],
    cpf: Callable[[], ForwardingFunction],
) -> tuple[OpenLink, OpenLink, OpenLink, OpenLink]:
    """Uu, T4, T8 and N3. Node and forwarding function are asked for when something arrives: they need open links."""

    def receive_uu(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        node().receive(data, stride, source, bulk, now)

    def receive_t4(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        cpf().receive("T4", data, stride, source, bulk, now)

    def receive_t8(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        cpf().receive("T8", data, stride, source, bulk, now)

    def receive_n3(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        if (user_plane := node().user_plane) is not None:
            user_plane.receive_n3(data, stride, source, bulk, now)

    def name_on_uu(address: Address, pdu: Buffer) -> str:
        """A UE is known here by its C-RNTI alone."""
        c_rnti = l2_fields(pdu).c_rnti if len(pdu) >= L2_HEADER_SIZE else 0
        return f"{config.name} C-RNTI {c_rnti}"

    def name_on_t4(address: Address, pdu: Buffer) -> str:
        return cpf().name_of(address)

    def name_on_t8(address: Address, pdu: Buffer) -> str:
        return config.edge if address == edge_address else cpf().name_of(address)

    def name_on_n3(address: Address, pdu: Buffer) -> str:
        return config.edge

    uu = await platform.open_link("Uu", config.uu_ports, driver, receive_uu, peer_name=name_on_uu)
    t4 = await platform.open_link("T4", config.t4_ports, driver, receive_t4, peer_name=name_on_t4)
    t8 = await platform.open_link("T8", config.t8_ports, driver, receive_t8, peer_name=name_on_t8, capture_sent=False)
    n3 = await platform.open_link("N3", config.n3_ports, driver, receive_n3, peer_name=name_on_n3, capture_sent=False)
    return uu, t4, t8, n3


def _mirror_data_bearers(config: RanNodeConfig, platform: Platform, user_plane: UserPlane) -> None:
    """Data radio bearers are captured once more, in a framing that Wireshark's own dissectors know."""
    if platform.capture is None:
        return
    tap = platform.capture.link(DATA_BEARERS)

    def mirror(context: UeContext, bearer: DataBearer, data: Buffer, stride: int, direction: Direction) -> None:
        ue = f"{config.name} C-RNTI {context.c_rnti}"
        source, destination = (config.name, ue) if direction == "out" else (ue, config.name)
        for pdu in segments(data, stride):
            framed = pdcp_nr(pdu, bearer.bearer, context.c_rnti, uplink=direction == "in")
            tap.datagram(source, destination, PDCP_NR_PORT, PDCP_NR_PORT, framed, direction)

    user_plane.mirror = mirror


def _log_keys(config: RanNodeConfig, platform: Platform, node: RanNode) -> None:
    """With the key log on: RRC keys are written down, protected messages captured in clear."""
    key_log, tap = platform.key_log, platform.clear_tap(RRC_IN_CLEAR)
    if key_log is None:
        return

    def on_security(hop: Hop, security: SrbSecurity) -> None:
        key_log.write({"c_rnti": hop.identity}, security.keys)
        ue = f"{config.name} C-RNTI {hop.identity}"

        def on_protected(message: Message | UnknownMessage, direction: Direction) -> None:
            if tap is not None:
                source, destination = (config.name, ue) if direction == "out" else (ue, config.name)
                tap.message(source, destination, message.encode(), direction)

        hop.on_protected = on_protected

    node.on_security = on_security


def _connect_n2(config: RanNodeConfig, platform: Platform, driver: Driver, node: RanNode) -> None:
    def connected(connection: FrameConnection) -> None:
        connection.receive = lambda frame: driver.feed(node.n2.receive, frame)
        connection.closed = lambda reason: driver.feed(node.n2.lost)
        driver.feed(node.n2.connected, connection.send, connection.close)

    host, port = config.core
    connector = platform.network.connect_forever(host, port, "core", connected)
    platform.closing.append(connector.close)
