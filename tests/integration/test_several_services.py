"""Services of two providers at once: a compute plane each, room for as many as there is (R3, R34, R48, R52)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from network_run import CONTROLLER, Network, play

from net4ai.app.application_controller import ApplicationController, JobEvent
from net4ai.codecs.bus import JobEnded, ServiceRegistered
from net4ai.codecs.causes import Cause
from net4ai.codecs.message import Message
from net4ai.codecs.service import ServiceDescription
from net4ai.core import names
from net4ai.stack.procedure import ProcedureError

T = TypeVar("T")

OTHER = "weather"
SMALL = ("settings.rounds=3", "privacy.k=2", "ue_groups.ue-1.count=3", "ue_groups.ue-2.count=3", f"providers=[{OTHER}]")
MANAGERS = names.routine_managers(2)


class Provider:
    """The second provider: registers the same service as its own, may run its job, and remove it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.results: list[int] = []
        self.events: list[JobEvent] = []
        self.controller: ApplicationController
        self.description: ServiceDescription = msgspec.structs.replace(
            network.scenario.service, provider=OTHER, name="its-own"
        )

    async def start(self) -> None:
        self.controller, self._feed = await self.network.controller_of(OTHER, self._on_result, self.events.append)

    def _on_result(self, service: int, function: str, message: Message) -> None:
        self.results.append(message.index)

    async def attach(self) -> None:
        await self._done(self._attached())

    async def _attached(self) -> None:
        await self.controller.attach()

    async def register(self) -> ServiceRegistered:
        return await self._done(self.controller.register(self.description, self.network.settings))

    async def remove(self, service: int) -> None:
        await self._done(self.controller.remove(service))

    async def run_job(self) -> None:
        """Attach, register, run the job; it must end well."""
        scenario = self.network.scenario
        job = self.controller.run_job(self.description, self.network.settings, scenario.job, k=scenario.k, cut=1)
        await self._done(job)

    async def _done(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the controller do something. Raises `ProcedureError`."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def follow() -> None:
            try:
                done.set_result(await work)
            except ProcedureError as error:
                done.set_exception(error)

        self._feed(lambda now: self.controller.procedures.start("follow", follow()))
        return await done


def test_two_services_with_a_routine_manager_each(tmp_path: Path) -> None:
    """All terminals take part in both; both jobs end well, and nothing of one has to do with the other."""

    async def story(network: Network) -> None:
        network.plan.core.routine_managers = len(MANAGERS)
        other = Provider(network)
        await network.start()
        await other.start()
        await other.run_job()
        assert await network.end() is None
        assert other.results == [result.index for result in network.results] == [3] * 6
        (ended,) = (event for event in other.events if isinstance(event, JobEnded))
        assert ended.cause == Cause.NORMAL

    network = play(tmp_path, story, *SMALL, toys=True)
    begun = [e for e in network.trace() if e["kind"] == "state" and e["message"] == "execution begins"]
    executions: dict[str, set[int]] = defaultdict(set)
    for event in begun:
        executions[event["node"]].add(event["ids"]["execution"])
    assert set(executions) == set(MANAGERS)
    assert [len(own) for own in executions.values()] == [6, 6]
    one, other = executions.values()
    assert not one & other
    times = {name: [e["time"] for e in begun if e["node"] == name] for name in MANAGERS}
    assert max(map(min, times.values())) < min(map(max, times.values())), "they ran at the same time"
    said = [e for e in network.trace() if e["node"] in MANAGERS and "execution" in e.get("ids", {})]
    assert all(e["ids"]["execution"] in executions[e["node"]] for e in said)
    servers = {own: {server for at, server, *_ in network.seats() if at in executions[own]} for own in MANAGERS}
    assert not servers[MANAGERS[0]] & servers[MANAGERS[1]], "instances are not shared"
    assert all(len({who for at, *_, who in network.seats() if at in own}) == 6 for own in executions.values())


def test_what_does_not_fit_is_refused_by_resource_and_node_and_fits_when_there_is_room(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        other = Provider(network)
        await network.start(*(name for name in network.names if name != CONTROLLER))
        await other.start()
        await other.attach()
        registered = await other.register()
        await network.start(CONTROLLER)
        error = await network.end()
        assert error is not None and error.cause is Cause.NO_RESOURCES
        assert error.detail == "memory_mib: 1024 wanted for local-training at each node, ran-2 has 476 free"
        await other.remove(registered.service)
        network.run_job()
        assert await network.end() is None

    network = play(tmp_path, story, *SMALL, "ran_nodes.ran-2.capacity.memory_mib=1500", toys=True)
    assert [result.index for result in network.results] == [3] * 6


def test_concrete_clients_have_the_servers_that_the_orchestrator_gave_them(tmp_path: Path) -> None:
    """R69: two servers at one node, and a client at each node has one of its own, in every round."""
    function = "service.functions.global-training"
    overrides = (f"{function}.place=any", f"{function}.instances=2", "edge.capacity.memory_mib=0")
    network = play(tmp_path, None, *SMALL, *overrides, "ran_nodes.ran-1.capacity.memory_mib=1024", toys=True)
    committed = [ids for ids in network.states("turn committed") if ids["execution"] % 2 == 0]  # of the top routine
    pairs = {(ids["server"], ids["seat"], ids["turn"]) for ids in committed}
    assert pairs == {(server, seat, seat) for server in (3, 4) for seat in (0,)}
    assert len(committed) == 2 * 3, "each once in a round"
    assert len(network.results) == 2 * 3
