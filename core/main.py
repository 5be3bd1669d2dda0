"""The core on its platform: the bus, and N2 for RAN nodes."""

from __future__ import annotations

from net4ai.codecs.envelope import Envelope
from net4ai.core import names, operate
from net4ai.core.config import CoreConfig
from net4ai.core.node import Core
from net4ai.core.store import MIGRATIONS, SCHEMA_VERSION, TABLES, MemoryStore, Store, StoreError
from net4ai.core.terminal import Terminal
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.hop import Address
from net4ai.stack.io import node_operation
from net4ai.stack.io.capture import NAS_IN_CLEAR
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.platform import Platform, RunningNode
from net4ai.stack.io.stream import FrameConnection
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.timers import Timers


async def start(config: CoreConfig, platform: Platform) -> RunningNode:
    """Go on where the store says, serve the entities on the bus and listen for RAN nodes.

    Raises OSError, `StoreError`.
    """
    store = _open_store(config.store, platform)
    driver = Driver("core", platform.clock)
    platform.bus.admit({provider: bytes.fromhex(key) for provider, key in config.controllers.items()})
    procedures = platform.procedures(driver)
    timers = Timers(config.timers)

    def entity(name: str) -> ControlEntity:
        return platform.control_entity(name, procedures, timers, driver)

    core = Core(config, procedures, entity, lambda: platform.random_number(32), store)
    driver.machine = core
    _log_keys(platform, core)
    operate.operate(node_operation.operate(platform, "core", procedures, timers, driver), core)
    core.recover(platform.clock.now())
    addresses = {}
    if names.ACCESS_MANAGER in core.entities:
        addresses["N2"] = await _listen_for_ran_nodes(config, platform, driver, core)
    _capture_bus(platform)
    driver.wake()
    return platform.running(driver, **addresses)


async def _listen_for_ran_nodes(config: CoreConfig, platform: Platform, driver: Driver, core: Core) -> Address:
    """N2: each connection is a RAN node's association. Gives the address. Raises OSError."""
    tap = platform.capture.link("N2") if platform.capture is not None else None

    def accept(connection: FrameConnection) -> None:
        def send(data: bytes) -> None:
            if tap is not None:
                tap.message("core", association.node or "ran-node", data, "out")
            connection.send(data)

        def receive(data: bytes) -> None:
            if tap is not None:
                tap.message(association.node or "ran-node", "core", data, "in")
            driver.feed(association.receive, data)

        association = core.ran_node_connected(send)
        connection.receive = receive
        connection.closed = lambda reason: driver.feed(association.closed)

    listener = await platform.network.listen(*config.n2, accept)
    platform.closing.append(listener.close)
    return listener.address


def _open_store(url: str, platform: Platform) -> Store:
    """The database at `url`, in memory without one. Raises `StoreError`."""
    if not url:
        return MemoryStore()
    from net4ai.stack.io.sql_store import SqlStore  # 0.3 s that other nodes need not wait

    store = SqlStore(url, TABLES, version=SCHEMA_VERSION, error=StoreError, migrations=MIGRATIONS)
    platform.closing.append(store.close)
    return store


def _log_keys(platform: Platform, core: Core) -> None:
    """With the key log on: NAS keys are written down, protected messages captured in clear."""
    key_log, tap = platform.key_log, platform.clear_tap(NAS_IN_CLEAR)
    if key_log is None:
        return

    def on_security(terminal: Terminal, security: NasSecurity) -> None:
        # It has no temporary identity yet.
        ids: dict[str, int | str] = {"subscriber": terminal.subscriber, "ran_node": terminal.node}
        key_log.write({**ids, "ran_ue": terminal.context}, security.keys)

        def on_clear(message: bytes, direction: Direction) -> None:
            if tap is None:
                return
            if direction is Direction.DOWNLINK:
                tap.message(names.ACCESS_MANAGER, terminal.subscriber, message, "out")
            else:
                tap.message(terminal.subscriber, names.ACCESS_MANAGER, message, "in")

        security.on_clear = on_clear

    core.access_manager.on_security = on_security


def _capture_bus(platform: Platform) -> None:
    """Bus messages from and to the core; between two of its own entities once."""
    if platform.capture is None:
        return
    tap = platform.capture.link("bus")
    process = platform.bus.process

    def on_message(envelope: Envelope, data: bytes, direction: str) -> None:
        if envelope.process == process and direction == "in":
            return
        tap.message(envelope.sender, envelope.to, data, "in" if direction == "in" else "out")

    platform.bus.tap(on_message)
