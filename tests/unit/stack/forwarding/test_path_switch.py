"""A terminal goes from one RAN node to another with messages under way: the route follows, nothing is lost (R107)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from routes_bench import EXECUTION, LIMITS, delivered, send

from net4ai.codecs import compute, link
from net4ai.codecs.bus import InstallRoutes, MoveRoute, RemoveRoutes, RouteClient
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerConfiguration, BearerMode, QosProfile, SessionLimits
from net4ai.codecs.dep import VERSION, PathReason
from net4ai.codecs.l2 import BearerType
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.session import DepSession
from net4ai.stack.dep_endpoint import DepEndpoint
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.forwarding.legs import OpenLeg
from net4ai.stack.hop import Hop, HopName
from net4ai.stack.procedure import ProcedureError

SEAT = 20
CLIENT = RouteClient(seat=SEAT, context=1, session=0)
FLOWS = (link.FlowMapping(qfi=1, bearer=4),)
MEGABYTE = 1_000_000
RANS = ("ran-1", "ran-2", "ran-3")
SERVERS = {"edge": 1, "ran-1": 2, "ran-2": 3, "ran-3": 4}
"""Instance at each node."""


class Cell:
    """The radio side of one RAN node, and the terminal's end of its hop there. C-RNTIs are all the same."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        network, host = world.network, f"radio-{name}"
        self.budget = CreditBudget(1 << 20)
        self.hop = self._hop("ue", network.sockets(host))
        self.of_the_ue = self._hop(host, network.sockets("ue"))
        self.standing: tuple[int, OpenLeg] | None = None
        self.fpf = network.forwarding_function(name, "ran-node", self)

        def receive(data: Any, stride: int, source: Any, bulk: bool, now: int) -> None:
            for dep in self.hop.receive(data, stride, bulk, now):
                self.fpf.forward(self.hop, *dep, bulk, now)

        network.join(host, network.machines[-1], receive)

    def _hop(self, to: str, sockets: Any) -> Hop:
        network = self.world.network
        hop = Hop(
            HopName("Uu", "", to, {}),
            BearerType.SRB,
            7,
            (to, 1),
            (to, 2),
            sockets,
            self.world.drops,
            network.trace,
        )
        qos = QosProfile(five_qi=128, priority=20)
        hop.add_bearer(BearerConfiguration(bearer=4, mode=BearerMode.UNACKNOWLEDGED, qos=qos))
        return hop

    async def open_leg(self, client: RouteClient, execution: int, handle: int, limits: SessionLimits) -> OpenLeg:
        world = self.world
        world.at = self
        world.end = world.endpoint.add(
            self.of_the_ue, world.endpoint.new_handle(), handle, VERSION, FLOWS, limits, world.on_event, {}
        )
        return OpenLeg(self.hop, FLOWS, world.end.handle, LIMITS, self.budget)

    def standing_leg(self, client: RouteClient) -> tuple[int, OpenLeg]:
        if self.standing is None:
            raise ProcedureError(Cause.UNKNOWN_SESSION)
        return self.standing

    def flows_of(self, client: RouteClient) -> tuple[link.FlowMapping, ...]:
        return FLOWS


class World:
    """Three RAN nodes and the edge, each with a server; a terminal that begins at ran-1."""

    def __init__(self, network: Any, server: str) -> None:
        self.network, self.server = network, server
        self.drops = DropCounter()
        self.endpoint = DepEndpoint(CreditBudget(1 << 20), network.handle, self.drops, network.trace)
        self.end: Any = None
        self.at: Any = None
        self.received: list[bytes] = []
        self.events: list[Any] = []
        self.core = network.core()
        self.edge = network.forwarding_function()
        self.cells = {name: Cell(self, name) for name in RANS}
        for cell in self.cells.values():
            network.join_over_t8(cell.fpf, self.edge)
        self.host = network.application_server("server", node=server)
        network.join("ue", self.endpoint, self._ue_receives)
        network.run(seconds=5)
        self.instance = SERVERS[server]
        self.core.instantiate(self.instance, "server", server)
        self.core.begin(
            InstallRoutes(
                execution=EXECUTION,
                instance=self.instance,
                clients=[CLIENT],
                node="" if server == "ran-1" else server,
                attempt=3,
            ),
            "ran-1",
        )
        network.run(until=lambda: self.end is not None and len(self.cells["ran-1"].fpf.switch) == 1, seconds=60)
        network.run(seconds=1)
        assert self.fpfs["ran-1"].routes

    @property
    def fpfs(self) -> dict[str, Any]:
        return {"edge": self.edge, **{name: cell.fpf for name, cell in self.cells.items()}}

    @property
    def far(self) -> DepSession:
        """The server's session."""
        (end,) = [end for end in self.host.machine.endpoint.sessions.values() if end.ids.get("seat") == SEAT]
        session: DepSession = end.session
        return session

    def _ue_receives(self, data: Any, stride: int, source: Any, bulk: bool, now: int) -> None:
        for cell in self.cells.values():
            if source in (cell.of_the_ue.signalling_address, cell.of_the_ue.bulk_address) and cell is self.at:
                for dep in cell.of_the_ue.receive(data, stride, bulk, now):
                    self.endpoint.receive(cell.of_the_ue, *dep, now)

    def on_event(self, end: Any, event: Any) -> None:
        self.events.append(event)
        if (body := getattr(event, "body", None)) is not None:
            self.received.append(bytes(body))

    def move(self, to: str, gap: float = 0.01, release: bool = True) -> Any:
        """The terminal is in another cell at once, what is on the air of the other is lost; after a gap the core has
        the route moved, then the source freed."""
        source, cell, network = self.at, self.cells[to], self.network
        network.cut.add(f"radio-{source.fpf.name}")
        network.cut.discard(f"radio-{to}")
        handle, own = network.handle(), self.endpoint.new_handle()
        cell.fpf.switch.expect(cell.hop, handle)
        cell.standing = handle, OpenLeg(cell.hop, FLOWS, own, LIMITS, cell.budget)
        self.at = cell
        self.endpoint.move(self.end, cell.of_the_ue, own, handle, PathReason.HANDED_OVER, network.now, FLOWS)
        network.run(seconds=gap)
        moving = self.core.begin(
            MoveRoute(
                execution=EXECUTION,
                instance=self.instance,
                client=CLIENT,
                node="" if self.server == to else self.server,
                attempt=3,
            ),
            to,
        )
        network.run(until=lambda: moving.done, seconds=60)
        if release and source.fpf is not cell.fpf:
            source.fpf.release_hop(source.hop)
        return moving

    def assert_one_route(self, at: str) -> None:
        """Through the nodes on the way, and nowhere else; nothing is expected any more."""
        self.network.run(seconds=3)
        on_the_way = {at, self.server} | ({"edge"} if at != self.server else set())
        for name, fpf in self.fpfs.items():
            assert len(fpf.switch) == (name in on_the_way), name
            assert not fpf.switch._expected, name
            assert not self.network.under_way(fpf)

    def assert_nothing_left(self) -> None:
        self.core.begin(RemoveRoutes(execution=EXECUTION, instance=self.instance, attempt=3), self.server)
        for name in RANS:
            self.core.begin(RemoveRoutes(execution=EXECUTION, instance=self.instance, attempt=3), name)
        self.endpoint.remove(self.end)
        self.network.run(seconds=30)
        for name, fpf in self.fpfs.items():
            assert len(fpf.switch) == 0 and not fpf.routes, name
            assert all(fixed.budget.promised == fixed.budget.reserved == 0 for fixed in fpf.links.values())
        assert all(cell.budget.promised == cell.budget.reserved == 0 for cell in self.cells.values())
        self.host.assert_nothing_left()


def in_flight(session: DepSession) -> int:
    """Segments sent and not acknowledged."""
    return sum(message.in_flight for flow in session._senders.values() for message in flow.open.values())


def closed(world: World) -> bool:
    return any(hasattr(event, "cause") for event in world.events) or bool(world.host.compute.of(compute.CloseChannel))


BAD = {"loss": 0.03, "duplicate": 0.05, "jitter": 3_000_000}


@pytest.mark.parametrize("server", ["ran-1", "edge", "ran-2", "ran-3"])
@pytest.mark.parametrize("bad", [False, True])
def test_a_megabyte_under_way_each_way(make_network: Callable[..., Any], seed: int, server: str, bad: bool) -> None:
    """From ran-1 to ran-2 in the midst of it: the server at the old node, the new one, another, or the edge."""
    network = make_network(seed, **(BAD if bad else {}))
    world = World(network, server)
    upward, downward = bytes(range(250)) * (MEGABYTE // 250), bytes(range(249, -1, -1)) * (MEGABYTE // 250)
    world.endpoint.send(world.end, [upward], network.now)
    send(world.host, world.instance, SEAT, downward, as_server=True)
    network.run(until=lambda: world.end.session.segments_sent > 250 and world.far.segments_sent > 250)
    assert not delivered(world.host) and not world.received
    before = world.end.session.segments_repeated, world.far.segments_repeated
    under_way = in_flight(world.end.session)
    world.move("ran-2")
    under_way_there = in_flight(world.far)
    network.run(until=lambda: delivered(world.host) and world.received, seconds=60)
    network.run(seconds=2)
    assert delivered(world.host) == [(world.instance, SEAT, upward)] and world.received == [downward]
    if not bad:
        # What was under way, and two segments of a probe: at most the window is sent again.
        assert world.end.session.segments_repeated - before[0] <= under_way + 2
        assert 0 < world.far.segments_repeated - before[1] <= under_way_there + 2
    assert not closed(world)
    world.assert_one_route("ran-2")
    world.assert_nothing_left()


def test_from_node_to_node_and_back(make_network: Callable[..., Any], seed: int) -> None:
    network = make_network(seed)
    world = World(network, "ran-1")
    for number, to in enumerate(("ran-2", "ran-3", "ran-1", "ran-3", "ran-2", "ran-1")):
        body = b"%d" % number * 60_000
        world.endpoint.send(world.end, [body], network.now)
        network.run(seconds=0.005)
        world.move(to)
        network.run(until=lambda number=number: len(delivered(world.host)) == number + 1, seconds=30)
        assert delivered(world.host)[-1] == (world.instance, SEAT, body)
        world.assert_one_route(to)
    assert not closed(world)
    world.assert_nothing_left()


def test_however_long_the_route_takes_the_session_lives(network: Any) -> None:
    """What comes before the route is dropped under a reason of its own, and nobody is told that there is no session."""
    world = World(network, "ran-1")
    world.endpoint.send(world.end, [b"before" * 2000], network.now)
    network.run(until=lambda: delivered(world.host))
    send(world.host, world.instance, SEAT, b"meanwhile" * 2000, as_server=True)
    world.move("ran-2", gap=5)
    network.run(until=lambda: world.received, seconds=10)
    assert world.received == [b"meanwhile" * 2000] and not closed(world)
    assert world.cells["ran-2"].fpf.drops[Drop.NO_ROUTE_YET] > 3
    assert world.cells["ran-2"].fpf.drops[Drop.UNKNOWN_HANDLE] == 0


def test_a_route_that_is_not_there_is_not_moved(network: Any) -> None:
    world = World(network, "ran-1")
    with pytest.raises(ProcedureError, match="UNKNOWN_SESSION"):
        world.core.call(
            MoveRoute(execution=EXECUTION + 1, instance=world.instance, client=CLIENT, node="ran-1"), "ran-2"
        )
    world.cells["ran-2"].standing = 5, OpenLeg(world.cells["ran-2"].hop, FLOWS, 6, LIMITS, CreditBudget(1 << 20))
    for execution, instance, client in ((6, 2, CLIENT), (EXECUTION, 9, CLIENT), (EXECUTION, 2, RouteClient(seat=1))):
        moving = world.core.begin(
            MoveRoute(execution=execution, instance=instance, client=client, node="ran-1"), "ran-2"
        )
        network.run(until=lambda moving=moving: moving.done, seconds=60)
        with pytest.raises(ProcedureError, match="UNKNOWN_SESSION"):
            moving.result()
    assert len(world.cells["ran-1"].fpf.switch) == 1
    assert all(len(world.fpfs[name].switch) == 0 for name in ("edge", "ran-2", "ran-3"))


def test_flows_that_differ_are_refused_and_the_route_stays(network: Any) -> None:
    world = World(network, "ran-1")
    flows = (link.FlowMapping(qfi=2, bearer=4),)
    cell = world.cells["ran-2"]
    cell.standing = 5, OpenLeg(cell.hop, flows, 6, LIMITS, CreditBudget(1 << 20))
    moving = world.core.begin(
        MoveRoute(execution=EXECUTION, instance=world.instance, client=CLIENT, node="ran-1"), "ran-2"
    )
    network.run(until=lambda: moving.done, seconds=60)
    with pytest.raises(ProcedureError, match="QOS_FLOW_NOT_CONFIGURED"):
        moving.result()
    world.endpoint.send(world.end, [b"still here"], network.now)
    network.run(until=lambda: delivered(world.host))
