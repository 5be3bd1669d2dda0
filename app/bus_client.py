"""A process that joins a running network from outside, for a while: bus, sockets, and procedures one can await.

Application controllers and operators stand on it. What goes wrong is a `NetworkError`, with its cause.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from net4ai.codecs.causes import Cause
from net4ai.stack.compute import Compute
from net4ai.stack.hop import Address
from net4ai.stack.io.bus_mqtt import MqttBus
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.driver import Driver, Machine
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.io.platform import Platform, RunConfig
from net4ai.stack.procedure import ProcedureError, Procedures, ProcedureTimeout
from net4ai.stack.timers import Timers
from net4ai.stack.trace import no_trace

CONNECT_BOUND = 10.0
"""Seconds the broker may take to let us in."""

T = TypeVar("T")


class NetworkError(Exception):
    """The network has not done what was asked."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(f"{cause.name}: {detail}" if detail else cause.name)
        self.cause = cause
        self.detail = detail


class Refused(NetworkError):
    """It was understood, and refused; nothing was changed."""


class NoAnswer(NetworkError):
    """Nobody has answered in time: whether it was done is not known."""


def error_of(error: ProcedureError) -> NetworkError:
    """What a procedure's error is for who called from outside."""
    kind = NoAnswer if isinstance(error, ProcedureTimeout) else Refused
    return kind(error.cause, error.detail)


class BusClient:
    """One process outside the network's own. Made by `join`, or on a platform that is there."""

    def __init__(self, platform: Platform, timers: Timers) -> None:
        self.platform = platform
        self.timers = timers
        self.driver = Driver(platform.name, platform.clock)
        self.procedures = platform.procedures(self.driver)
        self.driver.machine = _Waiting(self.procedures)

    def use(self, machine: Machine) -> None:
        """A machine with our procedures, which the driver pumps from now on."""
        self.driver.machine = machine

    async def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Carry out a procedure's coroutine. Raises `NetworkError`."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                result = await coroutine
            except ProcedureError as error:
                if not done.done():
                    done.set_exception(error_of(error))
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
                raise
            else:
                if not done.done():
                    done.set_result(result)

        def start(now: int) -> None:
            self.procedures.advance(now)
            try:
                procedure = self.procedures.start("request from outside", run(), traced=False)
            except ProcedureError as error:
                done.set_exception(error_of(error))
                return

            def given_up(future: asyncio.Future[T]) -> None:
                if future.cancelled():
                    procedure.cancel("not wanted any more")

            done.add_done_callback(given_up)

        self.driver.feed(start)
        return await done


class _Waiting:
    """Procedures with nothing else to drive."""

    def __init__(self, procedures: Procedures) -> None:
        self._procedures = procedures

    def pump(self, now: int) -> None:
        self._procedures.advance(now)

    def next_deadline(self) -> int | None:
        return self._procedures.next_deadline()


@contextlib.asynccontextmanager
async def join(config: RunConfig, name: str, say: Callable[[str], None]) -> AsyncIterator[BusClient]:
    """Join the network of `config` as the process `name`. Raises `NoAnswer` where no broker lets us in.

    `say` gets lines for the person: who is missed and where.
    """
    assert config.bus is not None
    clock = SystemClock(config.utc_offset)
    bus = MqttBus(
        name,
        bytes.fromhex(config.run_key),
        clock,
        config.bus.address,
        config.bus.port,
        username=config.bus.username,
        password=config.bus.password,
        quality_of_service=config.bus.quality_of_service,
    )
    async with bus:
        try:
            await asyncio.wait_for(bus.connected(), CONNECT_BOUND)
        except TimeoutError:
            where = f"{config.bus.address}:{config.bus.port}"
            raise NoAnswer(Cause.TIMEOUT, f"the broker at {where} has not let {name} in: is the network up?") from None
        platform = Platform(
            name=name,
            run=config,
            clock=clock,
            network=SystemNetwork(),
            bus=bus,
            trace=no_trace,
            capture=None,
            start_compute=_no_compute,
            start_application_server=_no_application_server,
            say=say,
        )
        client = BusClient(platform, Timers())
        try:
            yield client
        finally:
            client.driver.close()
            platform.close()


async def _no_compute(name: str, preload: Sequence[str]) -> Compute:
    raise NotImplementedError("nothing is computed here")


async def _no_application_server(name: str, node: str, address: Address) -> None:
    raise NotImplementedError("no node is here")
