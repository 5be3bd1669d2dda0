"""Our own nodes as targets of conformance tests, on real sockets or in memory."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from net4ai.app.in_process import InProcessRun
from net4ai.application_server import main as application_server
from net4ai.application_server.config import ApplicationServerConfig
from net4ai.application_server.find_function import Find, installed_function
from net4ai.application_server.inline_compute import InlineCompute
from net4ai.conformance.case import Case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.ran_node_tester import RanNodeTester
from net4ai.conformance.run import CaseResult, run_cases
from net4ai.conformance.statement import Statement
from net4ai.conformance.tester import Surroundings, Tester
from net4ai.conformance.ue_tester import UeTester
from net4ai.ran_node import main as ran_node
from net4ai.ran_node.config import RanNodeConfig
from net4ai.stack.compute import Compute
from net4ai.stack.hop import Address
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.network import Network
from net4ai.stack.io.platform import RunConfig, RunningNode
from net4ai.stack.io.virtual_loop import run_virtual
from net4ai.ue import main as ue
from net4ai.ue.config import TerminalConfig, UeConfig

SELF = "self"
"""In place of a target's address: our own node."""
HOST = "127.0.0.1"
RAN_NODE, EDGE, UE = "ran-1", "edge", "ue-1"


class TargetRun(InProcessRun):
    """What our node under test stands on: everything but the tester, in the same loop."""

    def __init__(self, run: RunConfig, network: Network, say: Callable[[str], None], find: Find) -> None:
        super().__init__(run, network, say)
        self._find = find

    async def _start_compute(self, name: str, preload: Sequence[str]) -> Compute:
        return InlineCompute(self.loop, self._find)

    async def _start_application_server(self, name: str, node: str, address: Address) -> None:
        """The RAN node under test has none: what is behind its T4 is not tested with it."""


def make_tester(role: str, surroundings: Surroundings, statement: Statement, target: Address, n2: Address) -> Tester:
    """The tester of a role. `n2` counts for role ran-node alone."""
    if role == "ran-node":
        return RanNodeTester(surroundings, statement, target, n2)
    return {"ue": UeTester, "function": FunctionTester}[role](surroundings, statement, target)


class OwnNode:
    """Our node of one role, started against a tester, and anew where a case wants that."""

    def __init__(
        self, network: Network, folder: Path, statement: Statement, say: Callable[[str], None], find: Find
    ) -> None:
        self.statement = statement
        loop = asyncio.get_running_loop()
        run = RunConfig(
            run_key="00" * 32,
            seed=0,
            utc_offset=time.time_ns() - LoopClock(loop).now(),
            started=LoopClock(loop).now(),
            host=HOST,
            trace_folder=str(folder),
        )
        self._make_run: Callable[[], TargetRun] = lambda: TargetRun(run, network, say, find)
        self._run = self._make_run()
        self.node: RunningNode | None = None

    async def start(self, tester: Tester) -> None:
        """Start the node that `tester` tests. Raises OSError."""
        run, statement = self._run, self.statement
        if isinstance(tester, RanNodeTester):
            core = tester.core.address
            self.node = await ran_node.start(ran_node_config(statement, core), await run.platform(RAN_NODE))
            tester.target = self.node.addresses["Uu"]
        elif isinstance(tester, UeTester):
            self.node = await ue.start(ue_config(statement, tester.pdus.address), await run.platform(UE))
        elif isinstance(tester, FunctionTester):
            name = f"{RAN_NODE}-app-server"
            server = ApplicationServerConfig(name=name, node=RAN_NODE, address=tester.pdus.address)
            self.node = await application_server.start(server, await run.platform(name))
        assert self.node is not None
        run.nodes.append(self.node)

    async def restart(self, tester: Tester) -> None:
        """End the node, start it anew."""
        self.close()
        self._run = self._make_run()
        await self.start(tester)

    def close(self) -> None:
        """End the node."""
        self._run.close()


def ran_node_config(statement: Statement, core: Address) -> RanNodeConfig:
    """A RAN node as the statement says. Nobody is at its edge's address: it keeps asking."""
    return RanNodeConfig(
        name=RAN_NODE,
        core=core,
        edge=EDGE,
        edge_address=(HOST, 9),
        acknowledged=statement.acknowledged,
        timers=statement.timers,
    )


def ue_config(statement: Statement, address: Address) -> UeConfig:
    """A UE process with the statement's first subscriber."""
    subscriber = statement.subscribers[0]
    return UeConfig(
        name=UE,
        ran_node=RAN_NODE,
        address=address,
        terminals=[TerminalConfig(name=f"{UE}/1", identity=subscriber.identity, key=subscriber.key)],
        functions=[statement.function],
        raw_data=False,
        privacy_k=statement.k,
        timers=statement.timers,
    )


@asynccontextmanager
async def self_test(
    role: str,
    network: Network,
    folder: Path,
    statement: Statement,
    random_number: Callable[[int], int],
    say: Callable[[str], None] = lambda line: None,
    find: Find = installed_function,
) -> AsyncIterator[Tester]:
    """A tester, and our own node for it to test, in the running loop. Raises OSError."""
    own = OwnNode(network, folder, statement, say, find)
    clock = LoopClock(asyncio.get_running_loop(), time.time_ns() - LoopClock(asyncio.get_running_loop()).now())

    async def restart() -> None:
        await own.restart(tester)

    surroundings = Surroundings(network, clock, random_number, restart)
    tester = make_tester(role, surroundings, statement, (HOST, 0), (HOST, 0))
    try:
        await tester.open()
        await own.start(tester)
        yield tester
    finally:
        own.close()
        tester.close()


def run_in_memory(
    role: str,
    cases: Sequence[Case],
    folder: Path,
    statement: Statement,
    *,
    seed: int = 0,
    find: Find = installed_function,
) -> list[CaseResult]:
    """Cases against our own node in memory, under virtual time: seconds of timers take milliseconds.

    The same seed gives the same run. Captures, and the node's trace, are in `folder`.
    """

    async def run() -> list[CaseResult]:
        network = MemoryNetwork(asyncio.get_running_loop())
        numbers = random.Random(seed)
        async with self_test(role, network, folder, statement, numbers.getrandbits, find=find) as tester:
            results, _ = await run_cases(tester, cases, folder)
        return results

    return run_virtual(run())
