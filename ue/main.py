"""A UE process on its platform: the radio and its compute worker."""

from __future__ import annotations

from net4ai.codecs.declaration import Buffer
from net4ai.stack.hop import Address
from net4ai.stack.io import node_operation
from net4ai.stack.io.chance import chance_of
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.platform import Platform, RunningNode
from net4ai.stack.timers import Timers
from net4ai.ue import operate
from net4ai.ue.config import UeConfig
from net4ai.ue.process import UeProcess


async def start(config: UeConfig, platform: Platform) -> RunningNode:
    """Open the radio, start the compute worker, let the terminals live. Raises OSError."""
    driver = Driver(config.name, platform.clock)
    procedures = platform.procedures(driver)
    timers = Timers(config.timers)

    def receive(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        process.receive(data, stride, source, bulk, now)

    uu = await platform.open_link("Uu", (0, 0), driver, receive)
    compute = await platform.start_compute(config.name, config.preload)
    process = UeProcess(
        config,
        uu.sockets,
        procedures,
        timers,
        uu.budget,
        compute,
        platform.random_number,
        platform.trace,
        platform.say,
        chance_of(platform.run.seed),
        platform.clock.now() if platform.run.started is None else platform.run.started,
    )
    for cell in process.cells:
        cell.address = await platform.network.resolve(*cell.address)
    compute.receive = lambda message: driver.feed(process.receive_compute, message)
    platform.closing.append(compute.close)
    # An orderly end: the network need not find out by itself.
    platform.closing.append(lambda: process.switch_off(platform.clock.now()))
    driver.machine = process
    operate.operate(node_operation.operate(platform, "ue", procedures, timers, driver), process)
    driver.feed(process.start)
    return platform.running(driver, Uu=uu.address)
