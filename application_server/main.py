"""An application server on its platform: T4 and its compute workers."""

from __future__ import annotations

from net4ai.application_server import operate
from net4ai.application_server.config import ApplicationServerConfig
from net4ai.application_server.server import ApplicationServer
from net4ai.codecs.declaration import Buffer
from net4ai.stack.hop import Address
from net4ai.stack.io import node_operation
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.platform import Platform, RunningNode
from net4ai.stack.timers import Timers


async def start(config: ApplicationServerConfig, platform: Platform) -> RunningNode:
    """Open T4, make ready for compute workers, attach. Raises OSError."""
    driver = Driver(config.name, platform.clock)
    procedures = platform.procedures(driver)
    timers = Timers(config.timers)

    def receive(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        server.receive(data, stride, source, bulk, now)

    t4 = await platform.open_link("T4", config.ports, driver, receive)
    compute = await platform.start_compute(config.name, ())
    server = ApplicationServer(
        config,
        t4.sockets,
        procedures,
        timers,
        t4.budget,
        compute,
        lambda: platform.random_number(32),
        platform.trace,
        platform.say,
        platform.run.state_folder,
    )
    compute.receive = lambda message: driver.feed(server.receive_compute, message)
    platform.closing.append(compute.close)
    driver.machine = server
    operate.operate(node_operation.operate(platform, "app-server", procedures, timers, driver), server)
    driver.feed(server.start)
    return platform.running(driver, T4=t4.address)
