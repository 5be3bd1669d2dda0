"""Credit of a bulk socket, and what its sessions may be sent unasked; control entities and their drops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from net4ai.codecs.envelope import Envelope
from net4ai.stack.dep.constants import DEFAULT_UNSCHEDULED, SCHEDULED_MINIMUM, SEGMENT_SIZE
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.io.bus import Hub, InProcessBus
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.platform import Platform, RunConfig, budget_of, unscheduled_of
from net4ai.stack.io.udp import Batch
from net4ai.stack.timers import Timers
from net4ai.stack.trace import TraceEvent

LINUX_DEFAULT = 425_984 // 4
"""Credit of a socket without GRO where net.core.rmem_max is 212,992."""
WANTED = 2 << 20
"""Where it is as much as is asked for."""


@pytest.mark.parametrize("credit", [0, 16_384, LINUX_DEFAULT, WANTED])
@pytest.mark.parametrize("sessions", [1, 17, 240, 5000])
def test_every_session_finds_its_promise_also_while_it_is_renewed(credit: int, sessions: int) -> None:
    """A route passes several nodes: all are told the same figure, and none may run out of it."""
    unscheduled = unscheduled_of(credit, sessions)
    assert unscheduled % SEGMENT_SIZE == 0
    assert 0 <= unscheduled <= DEFAULT_UNSCHEDULED
    budget = CreditBudget(budget_of(credit), unscheduled)
    for _ in range(2 * sessions):
        budget.promise(budget.unscheduled)
    assert budget.promised <= budget.octets - SCHEDULED_MINIMUM


def test_small_buffers_mean_that_every_message_waits_for_credit() -> None:
    assert unscheduled_of(LINUX_DEFAULT, 17) == 0
    assert 0 < unscheduled_of(WANTED, 100) < unscheduled_of(WANTED, 1) == DEFAULT_UNSCHEDULED


def core_platform(
    trace: list[TraceEvent], hub: Hub | None = None, say: Callable[[str], None] = lambda line: None
) -> Platform:
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop, 0)
    return Platform(
        name="core",
        run=RunConfig(run_key="00" * 32, seed=1, utc_offset=0, started=0),
        clock=clock,
        network=MemoryNetwork(loop),
        bus=InProcessBus("core", bytes(32), clock, hub or Hub()),
        trace=trace.append,
        capture=None,
        start_compute=None,  # type: ignore[arg-type]
        start_application_server=None,  # type: ignore[arg-type]
        say=say,
    )


def test_what_a_control_entity_drops_is_traced() -> None:
    async def scenario() -> None:
        trace: list[TraceEvent] = []
        platform = core_platform(trace)
        driver = Driver("core", platform.clock)
        entity = platform.control_entity("job-manager", platform.procedures(driver), Timers(), driver)
        body = msgspec.Raw(b"{}")
        reply = Envelope(id="0" * 32, kind="reply", type="Done", sender="stranger", to="job-manager", body=body)
        entity.receive(reply, platform.clock.now())
        assert [(event.kind, event.node, event.link, event.drop, event.size) for event in trace] == [
            ("drop", "core", "bus", "answer to no request", 2)
        ]

    asyncio.run(scenario())


def test_who_is_missing_on_the_bus_is_named_once_until_it_is_there() -> None:
    async def scenario() -> None:
        said: list[str] = []
        hub = Hub()
        platform = core_platform([], hub, said.append)
        driver = Driver("core", platform.clock)
        entities = [platform.control_entity(n, platform.procedures(driver), Timers(), driver) for n in ("one", "other")]
        await platform.bus.start()
        for _ in range(2):
            for _ in range(3):
                for entity in entities:
                    entity.on_missing("fpf/ran-1", "RemoveRoutes")
            ran = InProcessBus("ran-1", bytes(32), platform.clock, hub)
            await ran.start()
            ran.serve("fpf/ran-1", lambda envelope: None)
            await asyncio.sleep(0.01)
            entities[0].on_missing("fpf/ran-1", "RemoveRoutes")  # it is there: it may take long
            await ran.close()
            await asyncio.sleep(0.01)
        assert said == ["one: fpf/ran-1 is not there yet, RemoveRoutes is sent again"] * 2

    asyncio.run(scenario())


class Silent:
    """A machine that has nothing to do."""

    def pump(self, now: int) -> None:
        pass

    def next_deadline(self) -> None:
        return None


def test_what_comes_before_the_node_is_up_is_dropped() -> None:
    """A peer may send while the node still opens its other links: it is as if nobody listened yet."""

    async def scenario() -> None:
        trace: list[TraceEvent] = []
        platform = core_platform(trace)
        driver = Driver("core", platform.clock)
        received: list[bytes] = []
        link = await platform.open_link(
            "T4", (0, 0), driver, lambda data, stride, source, bulk, now: received.append(bytes(data))
        )
        peer = await platform.network.open("127.0.0.1")
        peer.send(Batch(b"early", 5, link.address))
        await asyncio.sleep(0)
        assert [(event.drop, event.link, event.size) for event in trace] == [("no receiver", "T4", 5)]
        driver.machine = Silent()
        peer.send(Batch(b"in time", 7, link.address))
        await asyncio.sleep(0)
        assert (received, driver.errors, len(trace)) == ([b"in time"], 0, 1)
        platform.close()
        peer.close()

    asyncio.run(scenario())
