"""Orchestrator, resource manager and store together, whatever happens (R45, R50-R52).

Services come and go, functions fail, nodes and the core are lost and return: nothing is ever overbooked, what is
reserved is what shall run, and nothing is left.
"""

from __future__ import annotations

from typing import Any

import msgspec
from core_bench import Bench, description
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from net4ai.codecs.bus import (
    Capacity,
    Done,
    InstallResults,
    InstantiateFunction,
    InstantiateService,
    NodeAvailable,
    RegisterService,
    ServiceInstantiated,
    TerminateFunction,
    TerminateService,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Function, Resources, Routine, ServiceDescription
from net4ai.core import names
from net4ai.core.orchestrator import Orchestrator
from net4ai.core.placement import GreedyPlacer, amounts_of
from net4ai.core.resource_manager import ResourceManager
from net4ai.core.store import MemoryStore, ReservationRow, ServiceRow
from net4ai.stack.procedure import Procedure, ProcedureError

NODES = {"ran-1": "ran-node", "ran-2": "ran-node", "edge": "edge"}
CAPACITY = Capacity(cpu=4, memory_mib=4096, radio_kbps=1000, transport_kbps=2000)
LOAD_S, ANNOUNCE_S = 2, 5


class FakeNode:
    """A forwarding function and its application server: instances that take a while to load."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.name = name
        self.instances: set[int] = set()
        self.server = True
        self.alive = True
        self.failing = False
        self._lives = 0
        self.start()

    def start(self) -> None:
        """The process begins, with nothing."""
        self.alive, self.server, self.instances = True, True, set()
        self._lives += 1
        entity = self.bench.entity(names.forwarding_function(self.name))
        entity.handle(InstantiateFunction, self.instantiate)
        entity.handle(TerminateFunction, self.terminate)
        entity.handle(InstallResults, lambda request: Done())
        self.bench.procedures.start("announcing", self._announcing(self._lives), traced=False)

    def kill(self) -> None:
        self.alive = False
        self._lives += 1
        self.instances = set()
        self.bench.entities.pop(names.forwarding_function(self.name), None)

    def set_server(self, there: bool) -> None:
        self.server = there
        if not there:
            self.instances = set()
        self.announce()

    async def instantiate(self, request: InstantiateFunction) -> Done:
        life = self._lives
        await self.bench.procedures.sleep(LOAD_S * 10**9)
        if self.failing or not self.server or self._lives != life:
            raise ProcedureError(Cause.FUNCTION_FAILED, "it does not load")
        self.instances.add(request.instance)
        return Done()

    def terminate(self, request: TerminateFunction) -> Done:
        self.instances.discard(request.instance)
        return Done()

    def announce(self) -> None:
        if self.alive:
            servers = [f"as-{self.name}"] if self.server else []
            event = NodeAvailable(self.name, NODES[self.name], servers, sorted(self.instances), CAPACITY)
            self.bench.entities[names.forwarding_function(self.name)].tell(names.RESOURCE_MANAGER, event)

    async def _announcing(self, life: int) -> None:
        while self._lives == life:
            self.announce()
            await self.bench.procedures.sleep(ANNOUNCE_S * 10**9)


@st.composite
def services(draw: st.DrawFn) -> ServiceDescription:
    """A concrete client and its server behind terminals, of many sizes."""

    def function(name: str) -> Function:
        place = draw(st.sampled_from(["ran-node", "edge", "any"]))
        return Function(
            kind="concrete",
            entry_point=name,
            place=place,  # type: ignore[arg-type]
            instances=draw(st.integers(0, 3)),
            resources=Resources(memory_mib=draw(st.sampled_from([100, 256, 1500]))),
        )

    return description(
        functions={
            "source": Function(kind="abstract", entry_point="source"),
            "local": function("local"),
            "global": function("global"),
        }
    )


class Services(RuleBasedStateMachine):
    """The test is the service manager: it keeps what was registered, and may forget what is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.store = MemoryStore()
        self.number = self.registered_at_kill = 0
        self.under_way: dict[int, tuple[InstantiateService, Procedure[Any]]] = {}
        self.start_core()
        self.nodes = {name: FakeNode(self.bench, name) for name in NODES}

    def start_core(self) -> None:
        self.manager = ResourceManager(self.bench.entity(names.RESOURCE_MANAGER), NODES, self.store, GreedyPlacer())
        self.orchestrator = Orchestrator(self.bench.entity(names.ORCHESTRATOR), 2, self.store)
        for name in (names.SERVICE_MANAGER, names.TASK_MANAGER, *names.routine_managers(2)):
            self.bench.scripted(name)
        self.manager.recover()
        self.orchestrator.recover()

    @initialize(what=services())
    def a_service_is_there(self, what: ServiceDescription) -> None:
        self.bench.advance(1)
        self.register(what, 10)

    # What happens

    @rule(what=services(), seconds=st.sampled_from([0, 1, 10, 10]))
    def register(self, what: ServiceDescription, seconds: int) -> None:
        self.number += 1
        request = InstantiateService(self.number, what, {}, "controller")
        self.under_way[self.number] = request, self.bench.start_call(names.ORCHESTRATOR, request)
        self.time_passes(seconds)

    @rule(seconds=st.sampled_from([0.5, 3, 7, 35, 130]))
    def time_passes(self, seconds: float) -> None:
        self.bench.advance(seconds)
        self.write_down()

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        known = sorted({*self.under_way, *(row.service for row in self.store.all(ServiceRow))})
        if known:
            service = data.draw(st.sampled_from(known))
            self.bench.start_call(names.ORCHESTRATOR, TerminateService(service), timer="terminate-service")
            self.under_way.pop(service, None)
            self.store.delete(ServiceRow(service, "", b"", b""))

    @rule(node=st.sampled_from(sorted(NODES)), there=st.booleans())
    def application_server(self, node: str, there: bool) -> None:
        if self.nodes[node].alive:
            self.nodes[node].set_server(there)
            self.bench.run()

    @rule(node=st.sampled_from(sorted(NODES)), failing=st.booleans())
    def functions_fail(self, node: str, failing: bool) -> None:
        self.nodes[node].failing = failing

    @rule(node=st.sampled_from(sorted(NODES)), seconds=st.sampled_from([0, 40]))
    def node_is_killed_or_returns(self, node: str, seconds: int) -> None:
        if self.nodes[node].alive:
            self.nodes[node].kill()
        else:
            self.nodes[node].start()
        self.time_passes(seconds)

    @precondition(lambda self: self.number > self.registered_at_kill)
    @rule()
    def core_is_killed(self) -> None:
        """It says nothing more; what it had under way is nobody's."""
        for name in (names.RESOURCE_MANAGER, names.ORCHESTRATOR, "caller"):
            if name in self.bench.entities:
                self.bench.entities.pop(name)._send_envelope = lambda envelope: None
        for procedure in list(self.bench.procedures.open):
            if procedure.name not in ("announcing", "serve InstantiateFunction"):
                procedure.cancel("killed")
        self.bench.procedures.run()
        self.under_way.clear()
        self.registered_at_kill = self.number
        self.start_core()
        self.bench.run()

    def write_down(self) -> None:
        """As the service manager does when a registration is answered."""
        for service, (request, call) in list(self.under_way.items()):
            if call.done:
                del self.under_way[service]
                if isinstance(answer := call.result(), ServiceInstantiated):
                    registration = RegisterService(request.description, {}, "controller")
                    self.store.put(
                        ServiceRow(service, "p", msgspec.json.encode(registration), msgspec.json.encode(answer))
                    )

    # What holds at any time

    @invariant()
    def nothing_is_overbooked(self) -> None:
        """R52: of no resource of no node is more reserved than it has; added up from the store, row by row."""
        capacity = amounts_of(CAPACITY)
        taken: dict[tuple[str, str], int] = {}
        for row in self.store.all(ReservationRow):
            for node, amounts in msgspec.json.decode(row.amounts).items():
                for resource, amount in amounts.items():
                    taken[node, resource] = taken.get((node, resource), 0) + amount
        for (node, resource), amount in taken.items():
            assert amount <= capacity[resource], f"{resource} of {node}: {amount}"

    @invariant()
    def what_is_reserved_is_what_shall_run(self) -> None:
        kept = {row.instance: (row.service, row.node) for row in self.store.all(ReservationRow)}
        assert kept == {n: (r.service, r.instance.node) for n, r in self.manager.reservations.items()}
        for service, deployment in self.orchestrator.deployments.items():
            if deployment.complete:
                assert set(deployment.instances) == {n for n, (of, _) in kept.items() if of == service}

    # How it ends

    def teardown(self) -> None:
        for node in self.nodes.values():
            node.failing = False
            if not node.alive:
                node.start()
            node.set_server(True)
        self.bench.advance(300)
        self.write_down()
        assert not self.under_way
        self.nothing_is_overbooked()
        self.what_is_reserved_is_what_shall_run()
        registered = {row.service: row for row in self.store.all(ServiceRow)}
        assert {r.service for r in self.manager.reservations.values()} == set(registered)
        for name, node in self.nodes.items():
            wanted = {n for n, r in self.manager.reservations.items() if r.instance.node == name}
            assert node.instances == wanted, f"{name} runs {node.instances}, wanted {wanted}"
        for service in registered:
            assert self.bench.call(names.ORCHESTRATOR, TerminateService(service)) == Done()
        self.bench.advance(60)
        assert not any(node.instances for node in self.nodes.values())
        assert not self.manager.reservations and not self.orchestrator.deployments
        assert not list(self.store.all(ReservationRow))
        assert all(self.manager.free(node) == amounts_of(CAPACITY) for node in NODES)


Services.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestServices = Services.TestCase


def test_a_routine_is_what_its_servers_are_for() -> None:
    """The machine's services have links of both kinds: of terminals, and of concrete clients (R46, R69)."""
    routines = description().routines.values()
    assert {(r.client, r.server) for r in routines} == {("source", "local"), ("local", "global")}
    assert all(isinstance(r, Routine) for r in routines)
