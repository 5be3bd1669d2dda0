"""A whole network in one loop under virtual time: a test starts its nodes in any order, and sees everything.

With `toys=True` the service's functions are the small ones below: no torch, and a turn takes `TURN` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from net4ai.app.application_controller import ApplicationController, JobEvent, OnResult, words_of
from net4ai.app.fidelity import routine_record
from net4ai.app.in_process import InProcessRun
from net4ai.app.plan import identity, make_plan
from net4ai.app.scenario import load_scenario, ue_subscribers
from net4ai.application_server.find_function import Find, installed_function
from net4ai.application_server.inline_compute import InlineCompute
from net4ai.codecs.bus import JobEnded
from net4ai.codecs.envelope import controller_name
from net4ai.codecs.message import Message
from net4ai.core import main as core
from net4ai.edge import main as edge
from net4ai.functions.api import Channel, Execution, Outcome, ServiceFunction, Turn
from net4ai.functions.learning.messages import Tag
from net4ai.functions.learning.provider import Evaluator, service_settings
from net4ai.functions.provider import RoutineRecord
from net4ai.ran_node import main as ran_node
from net4ai.stack.compute import Compute
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.memory_network import MemoryNetwork, credit_of
from net4ai.stack.io.platform import Platform, RunConfig, RunningNode, unscheduled_of
from net4ai.stack.io.trace_file import read_trace
from net4ai.stack.io.udp import WANTED_RECEIVE_BUFFER
from net4ai.stack.io.virtual_loop import run_virtual
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.timers import Timers
from net4ai.ue import main as ue

TURN = 0.2
CONTROLLER = "controller"
RUN_KEY = "00" * 32


class Source(ServiceFunction):
    """At a terminal: sends its data, waits for the answer."""

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        await asyncio.sleep(TURN)
        await server.send(Message(tag=1, data=b"data", index=turn.number))
        await server.receive()


class Local(ServiceFunction):
    """At a RAN node: answers its terminals, passes on how often."""

    async def begin(self, execution: Execution) -> None:
        if execution.role.value == "server":
            self.turns = 0

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        await client.receive()
        self.turns += 1
        await client.send(Message(tag=2, index=self.turns))

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        await server.send(Message(tag=3, index=self.turns))


class Global(ServiceFunction):
    """At the edge: tells the controller, stops after the last round."""

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        await self.context.results.send(await client.receive())

    async def end(self, execution: Execution) -> Outcome:
        last = execution.round + 1 == self.context.settings["rounds"]
        return Outcome.STOP if last else Outcome.COMPLETE


TOYS: dict[str, type[ServiceFunction]] = {"data-source": Source, "local-training": Local, "global-training": Global}


class Run(InProcessRun):
    """With functions of a test's own, and an eye on the bus."""

    def __init__(self, config: RunConfig, network: MemoryNetwork, say: Callable[[str], None], find: Find) -> None:
        super().__init__(config, network, say)
        self.bus: list[bytes] = []
        self._find = find

    async def platform(self, name: str, run_key: str = "") -> Platform:
        platform = await super().platform(name, run_key)
        platform.bus.tap(lambda envelope, data, direction: self.bus.append(data))
        return platform

    async def end(self, node: RunningNode) -> None:
        """End one node: nothing stays of it."""
        node.close()
        await node.platform.bus.close()
        self.nodes.remove(node)
        self._platforms.remove(node.platform)

    async def _start_compute(self, name: str, preload: Sequence[str]) -> Compute:
        return InlineCompute(self.loop, self._find)


class Network:
    """The nodes of the shipped scenario with `overrides`, of which each runs once it is started."""

    def __init__(
        self,
        folder: Path,
        *overrides: str,
        toys: bool = False,
        find: Find | None = None,
        receive_buffer: int = WANTED_RECEIVE_BUFFER,
    ) -> None:
        tasks = ("service.jobs.train.tasks=[training]",) if toys else ()  # the toys do not validate
        self.scenario = load_scenario("blood-pressure", (*tasks, *overrides))
        self.subscribers = {identity(subscriber): subscriber.number for subscriber in ue_subscribers(self.scenario)}
        ports = iter(range(46400, 65536))
        self.plan = make_plan(self.scenario, lambda: next(ports), next(ports), RUN_KEY)
        config = RunConfig(
            run_key=RUN_KEY,
            seed=self.scenario.seed,
            utc_offset=0,
            started=0,
            links=dict(self.plan.links),
            hooks=list(self.scenario.hooks),
            trace_folder=str(folder),
            unscheduled=unscheduled_of(credit_of(receive_buffer), self.plan.sessions_at_a_socket),
        )
        self.folder = folder
        self.said: list[str] = []
        """Lines for the person who watches."""
        self.progress: list[str] = []
        """What the job reports; not its functions."""
        self.results: list[Message] = []
        self.evaluator = None if toys else Evaluator(self.scenario.seed)
        self.settings: dict[str, dict[str, Any]]
        if toys:
            self.settings = {"global-training": {"rounds": self.scenario.settings["rounds"]}}
            find = find or TOYS.__getitem__
        else:
            chosen: dict[str, Any] = dict(self.scenario.settings)
            self.settings = service_settings(self.scenario.seed, subscribers=self.scenario.ue_count, **chosen)
        network = MemoryNetwork(asyncio.get_running_loop(), receive_buffer=receive_buffer)
        self.run = Run(config, network, self.said.append, find or installed_function)
        self.ended: asyncio.Future[ProcedureError | None] = asyncio.get_running_loop().create_future()
        self.controller: ApplicationController
        """Once it is started."""
        self.names = [
            "core",
            self.plan.edge.name,
            *(node.name for node in self.plan.ran_nodes),
            *(group.name for group in self.plan.ues),
            CONTROLLER,
        ]

    async def start(self, *names: str) -> None:
        """Start nodes; without names all of them."""
        for name in names or self.names:
            if name == CONTROLLER:
                await self._start_controller()
                continue
            platform = await self.run.platform(name)
            if name == "core":
                node = await core.start(self.plan.core, platform)
            elif name == self.plan.edge.name:
                node = await edge.start(self.plan.edge, platform)
            elif name in [config.name for config in self.plan.ran_nodes]:
                node = await ran_node.start(next(c for c in self.plan.ran_nodes if c.name == name), platform)
            else:
                node = await ue.start(next(c for c in self.plan.ues if c.name == name), platform)
            self.run.nodes.append(node)

    async def _start_controller(self) -> None:
        self.controller, self._drive = await self.controller_of(
            self.scenario.service.provider, self._on_result, self._on_event
        )
        self.run_job()

    async def controller_of(
        self, provider: str, on_result: OnResult, on_event: Callable[[JobEvent], None]
    ) -> tuple[ApplicationController, Callable[..., None]]:
        """The application controller of a provider of the scenario's, and what feeds it."""
        platform = await self.run.platform(controller_name(provider), self.plan.core.controllers[provider])
        driver = Driver(platform.name, platform.clock)
        procedures, timers = platform.procedures(driver), Timers()
        t4 = await platform.open_link("T4", (0, 0), driver, lambda *input: controller.receive(*input))
        controller = ApplicationController(
            platform.control_entity(platform.name, procedures, timers, driver),
            self.plan.edge_t4,
            t4.sockets,
            procedures,
            timers,
            t4.budget,
            lambda: platform.random_number(32),
            platform.trace,
            on_result,
            on_event,
            self.said.append,
        )
        driver.machine = controller
        driver.feed(procedures.advance)
        return controller, driver.feed

    def run_job(self) -> None:
        """Have the controller run the job; again, once it has ended."""
        if self.ended.done():
            self.ended = asyncio.get_running_loop().create_future()

        async def job() -> None:
            try:
                await self.controller.run_job(
                    self.scenario.service,
                    self.settings,
                    self.scenario.job,
                    k=self.scenario.k,
                    cut=int(self.scenario.settings["cut"]),
                )
            except ProcedureError as error:
                self.ended.set_result(error)
            else:
                self.ended.set_result(None)

        self._drive(lambda now: self.controller.procedures.start("job", job()))

    def _on_event(self, event: JobEvent) -> None:
        if not isinstance(event, JobEnded) and (what := words_of(event)[0]) != "function":
            self.progress.append(what)

    def _on_result(self, service: int, function: str, message: Message) -> Message | None:
        self.results.append(Message(tag=message.tag, index=message.index))
        measured = self.evaluator is not None and message.tag == Tag.MODEL
        return self.evaluator.evaluate(message).job_input() if measured and self.evaluator else None

    async def end(self, seconds: float = 1000) -> ProcedureError | None:
        """Wait for the end of the job: None, or why it did not end well. Raises TimeoutError."""
        return await asyncio.wait_for(asyncio.shield(self.ended), seconds)

    def close(self) -> None:
        """End all nodes; no error may have been hidden in one of them."""
        self.run.close()
        assert not [node.platform.name for node in self.run.nodes if node.driver.errors]

    # What was seen; after `close`

    def trace(self) -> list[dict[str, Any]]:
        """All trace events, in the order of their time."""
        events: list[Any] = [event for path in self.folder.glob("*.ndjson") for event in read_trace(path)]
        return sorted(events, key=lambda event: event["time"])

    def states(self, what: str) -> list[dict[str, Any]]:
        return [event["ids"] for event in self.trace() if event["kind"] == "state" and event["message"] == what]

    def seats(self) -> list[tuple[int, int, int, int]]:
        """Execution, server, seat, subscriber."""
        return sorted(
            (ids["execution"], ids["server"], ids["seat"], self.subscribers[ids["ue"]])
            for ids in self.states("seat given")
        )

    def record(self) -> RoutineRecord:
        return routine_record(self.trace(), "bottom", self.subscribers)


def play(
    folder: Path,
    story: Callable[[Network], Coroutine[Any, Any, None]] | None = None,
    *overrides: str,
    toys: bool = False,
    find: Find | None = None,
    receive_buffer: int = WANTED_RECEIVE_BUFFER,
) -> Network:
    """Run a network through `story` (default: all nodes in order, the job ends well); gives it closed."""
    folder.mkdir(parents=True, exist_ok=True)

    async def whole() -> Network:
        network = Network(folder, *overrides, toys=toys, find=find, receive_buffer=receive_buffer)
        try:
            if story is None:
                await network.start()
                assert await network.end() is None
            else:
                await story(network)
        finally:
            network.close()
        return network

    return run_virtual(whole())
