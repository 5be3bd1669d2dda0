"""A forwarding function: who may say what, unknown handles, announcements, and peers that are lost."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from net4ai.codecs import link, strategies
from net4ai.codecs.bus import BeginExecution, InstallRoutes, InviteInstance, NodeAvailable, RouteClient, StartTurns
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import VERSION, DepType
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import ERROR_BURST
from net4ai.stack.label_switch import RouteEnd
from net4ai.stack.link_peer import unattached_pdu
from net4ai.stack.procedure import ProcedureError

MESSAGES = strategies.messages(link.Link.FAMILY)
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def l2_header(identity: int, bearer: int, bearer_type: BearerType = BearerType.FIXED_LINK) -> bytes:
    return L2Header(
        is_data=True,
        segmentation=0,
        poll=False,
        has_mac=False,
        bearer_type=bearer_type,
        bearer=bearer,
        c_rnti=identity,
        count=0,
    ).to_bytes()


class Attached:
    """An edge with a server, a controller and another forwarding function attached; instance 1 runs at the server."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.core = network.core()
        self.fpf = network.forwarding_function()
        self.ran = network.forwarding_function("ran-1", "ran-node")
        self.attachment = network.join_over_t8(self.ran, self.fpf)
        self.server = network.application_server()
        self.controller = network.controller()
        self.controller.machine.link.attach()
        network.run(seconds=1)
        self.core.instantiate(1)

    def servers_announced(self) -> list[str]:
        """Application servers the edge has last announced."""
        return [event.application_servers for event in self.core.available if event.node == "edge"][-1]

    def ends(self) -> dict[link.AttachKind, Any]:
        """The other ends of the edge's links."""
        return {
            link.AttachKind.APPLICATION_SERVER: self.server.machine.link.peer,
            link.AttachKind.APPLICATION_CONTROLLER: self.controller.machine.link.peer,
            link.AttachKind.FORWARDING_FUNCTION: self.attachment.peer,
        }


@pytest.fixture
def attached(network: Any) -> Attached:
    return Attached(network)


# Who may say what

NAMED = {
    "unexpected message",
    "unknown message",
    "answer to no request",
    "instance of another peer",
    "release of no route",
    "malformed progress",
    "message of an ended execution",
}
LEGAL: dict[link.AttachKind, set[type[Any]]] = {
    link.AttachKind.APPLICATION_SERVER: {link.Done, link.Restart, link.Complete, link.Progress, link.InstanceLost},
    link.AttachKind.APPLICATION_CONTROLLER: set(),
    link.AttachKind.FORWARDING_FUNCTION: {link.SessionAdd, link.SessionRelease, link.PathSwitch},
}
REPLIES = (
    *(link.Acknowledge, link.Refuse, link.Accept, link.SessionAddComplete, link.PathSwitchComplete),
    link.Begun,
)


@pytest.mark.parametrize("kind", list(LEGAL))  # of terminals: tests/unit/edge
def test_every_message_of_every_peer(make_network: Any, kind: link.AttachKind) -> None:
    """Handled or dropped under a name, never an exception."""
    attached = Attached(make_network())
    fpf, end = attached.fpf, attached.ends()[kind]

    @given(message=MESSAGES)
    @QUICK
    def say(message: Any) -> None:
        before = dict(fpf.drops.counts)
        end.hop.signalling.send(message.encode(), attached.network.now)
        attached.network.run(seconds=1)
        counted = {reason for reason, count in fpf.drops.counts.items() if count != before.get(reason, 0)}
        assert counted <= NAMED
        if isinstance(message, REPLIES):
            assert counted == {"answer to no request"}
        elif type(message) not in LEGAL[kind]:
            assert counted == {"unexpected message"} or counted == {"unknown message"}
        assert attached.network.errors == []
        assert len(fpf.switch) == 0

    say()
    attached.network.run()
    assert not attached.network.under_way(fpf)


@given(message=MESSAGES)
@QUICK
def test_messages_of_who_is_not_attached(make_network: Any, message: Any) -> None:
    network = make_network()
    fpf = network.forwarding_function()
    network.inject(("edge", 1), l2_header(3, 0) + message.encode())
    network.inject(("edge", 2), l2_header(3, 0) + message.encode())
    network.inject(("edge-t8", 1), l2_header(3, 0) + message.encode())
    assert fpf.drops.counts == {"source not bound": 3}
    if not isinstance(message, link.AttachRequest):
        network.inject(("edge", 1), unattached_pdu(message, 0))
        assert fpf.drops.counts == {"source not bound": 3, "unexpected message": 1}
    assert not network.sent or isinstance(message, link.AttachRequest)


@pytest.mark.parametrize(
    ("to", "source"),
    [
        (("edge", 1), ("server", 2)),  # from its other socket
        (("edge", 2), ("server", 1)),
        (("edge", 1), ("outsider", 1)),
        (("edge-t8", 1), ("server", 1)),  # over the other link
        (("edge-t8", 1), ("controller", 1)),
    ],
)
def test_source_must_be_the_one_that_attached(attached: Attached, to: Any, source: Any) -> None:
    identity = attached.ends()[link.AttachKind.APPLICATION_SERVER].hop.identity
    message = link.Restart(execution=1, instance=1).encode()
    attached.network.inject(to, l2_header(identity, 0) + message, source)
    assert attached.fpf.drops.counts == {"source not bound": 1}
    attached.network.run()
    assert attached.core.outcomes == []


@given(
    st.lists(
        st.binary(min_size=1, max_size=40) | st.binary(max_size=30).map(lambda rest: l2_header(1, 1) + rest),
        max_size=20,
    )
)
@QUICK
def test_nothing_that_arrives_raises(make_network: Any, received: list[bytes]) -> None:
    attached = Attached(make_network())
    for pdu in received:
        for to, source in ((("edge", 1), ("server", 1)), (("edge", 2), ("server", 2)), (("edge-t8", 1), ("x", 1))):
            attached.network.inject(to, pdu, source)
    attached.network.run(seconds=1)
    assert attached.fpf.drops.total >= len([pdu for pdu in received if len(pdu) <= 8])


def test_names_in_captures(attached: Attached) -> None:
    names = [attached.fpf.name_of(address) for address in [("server", 1), ("server", 2), ("ran-1-t8", 1), ("who", 7)]]
    assert names == ["server", "server", "ran-1", "who:7"]
    assert attached.ran.name_of(("edge-t8", 2)) == "edge"


# Unknown handles


def dep_pdu(identity: int, kind: DepType, handle: int, body: bytes = bytes(8), bearer: int = 1) -> bytes:
    return l2_header(identity, bearer) + pdus.pack_header(VERSION, kind, handle=handle) + body


def errors_to(network: Any, host: str) -> list[tuple[int, int, int]]:
    """Handle, cause and named handle of each ERROR that left for a host's signalling port."""
    found = []
    for _, destination, pdu in network.sent:
        header = pdus.header(pdu, 8) if len(pdu) >= 24 else None
        is_dep = L2Header.read(pdu)[0].bearer == 1
        if destination == (host, 1) and is_dep and header is not None and header.type == DepType.ERROR:
            found.append((header.handle, int.from_bytes(pdu[24:26], "big"), int.from_bytes(pdu[28:32], "big")))
    return found


@pytest.mark.parametrize("bulk", [False, True])
def test_unknown_handle_of_a_bound_peer(attached: Attached, bulk: bool) -> None:
    identity = attached.ends()[link.AttachKind.APPLICATION_SERVER].hop.identity
    port = 2 if bulk else 1
    attached.network.inject(("edge", port), dep_pdu(identity, DepType.DATA, 0xABCDEF01), ("server", port))
    assert errors_to(attached.network, "server") == [(0, Cause.UNKNOWN_SESSION, 0xABCDEF01)]
    assert attached.fpf.drops.counts == {"unknown handle": 1}
    attached.network.run()
    assert attached.server.machine.drops.counts == {"unknown handle": 1}
    assert len(errors_to(attached.network, "server")) == 1  # ERROR is not answered by ERROR


@pytest.mark.parametrize(
    ("kind", "handle", "bearer", "reason"),
    [
        (DepType.ERROR, 5, 1, "unknown handle"),
        (DepType.ERROR, 0, 1, "unknown handle"),
        (DepType.DATA, 0, 1, "unknown handle"),
        (DepType.DATA, 5, 2, "wrong bearer"),
    ],
)
def test_what_no_error_answers(attached: Attached, kind: DepType, handle: int, bearer: int, reason: str) -> None:
    identity = attached.ends()[link.AttachKind.APPLICATION_SERVER].hop.identity
    attached.network.inject(("edge", 1), dep_pdu(identity, kind, handle, bearer=bearer), ("server", 1))
    assert errors_to(attached.network, "server") == []
    assert attached.fpf.drops.counts == {reason: 1}


def test_unknown_handle_of_who_is_not_bound(attached: Attached) -> None:
    for identity in (1, 2, 3, 9):
        attached.network.inject(("edge", 1), dep_pdu(identity, DepType.DATA, 5))
    assert errors_to(attached.network, "outsider") == []
    assert attached.fpf.drops.counts == {"source not bound": 4}


def test_errors_are_limited(attached: Attached) -> None:
    identity = attached.ends()[link.AttachKind.APPLICATION_SERVER].hop.identity
    for handle in range(1, 4 * ERROR_BURST):
        attached.network.inject(("edge", 1), dep_pdu(identity, DepType.PING, handle), ("server", 1))
    assert len(errors_to(attached.network, "server")) == ERROR_BURST


# Announcements


def test_announced_until_the_core_is_there(network: Any) -> None:
    network.forwarding_function()
    network.application_server("one")
    network.run(seconds=90)
    network.application_server("two")
    network.run(seconds=50)
    core = network.core()
    network.run(until=lambda: core.available)
    network.run()
    assert {tuple(sorted(event.application_servers)) for event in core.available} == {("one", "two")}


def test_an_older_announcement_never_comes_after_a_newer(network: Any) -> None:
    fpf = network.forwarding_function()
    network.application_server("one")
    network.run(seconds=1)
    network.application_server("two")
    network.run(seconds=10)
    first = next(envelope for envelope in network.bus if envelope.type == "NodeAvailable")
    network.run(seconds=40)
    repeated = [envelope for envelope in network.bus if envelope.id == first.id]
    assert len(repeated) == 1  # given up for the second
    fpf.procedures.cancel_all("end")


def test_a_refused_announcement_comes_again_in_its_time(network: Any) -> None:
    def refuse(event: NodeAvailable) -> Any:
        raise ProcedureError(Cause.NOT_ALLOWED, "node edge")

    network.callee("resource-manager").handle(NodeAvailable, refuse)
    fpf = network.forwarding_function()
    network.application_server()
    network.run(seconds=24)
    assert len([envelope for envelope in network.bus if envelope.kind == "request"]) == 5
    assert not network.under_way(fpf)


# Lost peers

INVITE = InviteInstance(5, 1, True, "r", 0, 0, False, [3])


def install(attached: Attached) -> None:
    """Execution 5: instance 1 serves seat 3, whose client is instance 2 at the other forwarding function."""
    other = attached.network.application_server("other", node="ran-1")
    attached.network.run(seconds=1)
    attached.core.instantiate(2, "other", "ran-1")
    attached.core.call(INVITE)
    client = RouteClient(seat=3, instance=2, node="ran-1")
    installed = attached.core.call(InstallRoutes(execution=5, instance=1, clients=[client]))
    assert installed.seats == [3]
    assert len(attached.fpf.switch) == len(attached.ran.switch) == 1
    attached.other = other  # type: ignore[attr-defined]


def test_lost_server(attached: Attached) -> None:
    install(attached)
    attached.network.cut.add("server")
    began = attached.core.begin(BeginExecution(execution=5, instance=1, seats=[3]))
    attached.network.run(until=lambda: began.done)
    with pytest.raises(ProcedureError) as raised:
        began.result()
    assert raised.value.cause is Cause.TIMEOUT  # first the request gives up, then the bearer
    attached.network.run(until=lambda: attached.core.outcomes)
    (outcome,) = attached.core.outcomes
    assert (outcome.execution, outcome.instance, outcome.cause) == (5, 1, Cause.PEER_LOST)
    attached.network.run(seconds=5)
    fpf = attached.fpf
    assert "server" not in [peer.name for peer in fpf.peers.values()]
    assert attached.servers_announced() == []
    assert not fpf.instances and not fpf.routes and len(fpf.switch) == 0
    assert len(attached.ran.switch) == 0  # the client's side was told
    assert not attached.other.machine.channels  # type: ignore[attr-defined]
    assert fpf.links["T4"].budget.promised == fpf.links["T8"].budget.promised == 0
    with pytest.raises(ProcedureError, match="FUNCTION_NOT_HERE: instance 1 is not at edge"):
        attached.core.call(StartTurns(execution=5, instance=1, as_server=True, turns=[(3, 0)], repetition=0))


def test_requests_to_a_lost_server_fail_at_once(attached: Attached) -> None:
    attached.network.cut.add("server")
    attached.core.begin(BeginExecution(execution=5, instance=1, seats=[3]))
    attached.network.run(seconds=10)
    late = attached.core.begin(
        InviteInstance(execution=6, instance=1, as_server=True, routine="r", round=0, cut=0, sequential=False, seats=[])
    )
    attached.network.run(until=lambda: late.done)
    with pytest.raises(ProcedureError, match="PEER_LOST: server"):
        late.result()


def test_server_comes_back_after_its_link_was_cut(attached: Attached) -> None:
    install(attached)
    attached.network.cut.add("server")
    attached.server.machine.link.send(link.Restart(execution=5, instance=1))
    attached.core.begin(BeginExecution(execution=5, instance=1, seats=[3]))
    attached.network.run(seconds=60)
    assert attached.servers_announced() == []
    attached.server.assert_nothing_left_but_attaching()
    attached.network.cut.clear()
    attached.network.run(until=lambda: attached.servers_announced() == ["server"])
    attached.core.instantiate(1)
    attached.core.call(InstallRoutes(execution=7, instance=1, clients=[RouteClient(seat=3, instance=2, node="ran-1")]))
    assert len(attached.fpf.switch) == 1


def test_server_that_lost_its_link_alone_comes_back(attached: Attached) -> None:
    """Only one side had something to say while the link was cut; the other side still believes in it."""
    install(attached)
    attached.network.cut.add("server")
    attached.server.machine.link.send(link.Restart(execution=5, instance=1))
    before = attached.fpf.peer_named("server")
    attached.network.run(seconds=60)
    assert not before.gone and attached.fpf.peer_named("server") is before
    attached.network.cut.clear()
    attached.network.run(until=lambda: attached.core.outcomes)
    assert before.gone and attached.fpf.peer_named("server") is not before
    assert attached.core.outcomes[0].cause == Cause.PEER_LOST
    attached.core.instantiate(1)


def test_server_started_anew_at_the_same_address(attached: Attached) -> None:
    install(attached)
    waiting = attached.core.begin(BeginExecution(execution=5, instance=1, seats=[3]))
    attached.network.machines.remove(attached.server.machine)
    again = attached.network.application_server()
    attached.network.run(until=lambda: waiting.done)
    with pytest.raises(ProcedureError, match="PEER_LOST: server"):
        waiting.result()
    attached.network.run(seconds=5)
    assert not attached.fpf.instances and not attached.fpf.routes and len(attached.fpf.switch) == 0
    assert [outcome.cause for outcome in attached.core.outcomes] == [Cause.PEER_LOST]
    attached.core.instantiate(1)
    assert again.machine.instances == {1}


def test_lost_forwarding_function_is_attached_to_anew(attached: Attached) -> None:
    install(attached)
    first = attached.attachment.peer
    attached.network.cut |= {"ran-1-t8"}
    client = RouteClient(seat=4, instance=2, node="ran-1")
    failed = attached.core.begin(InstallRoutes(execution=5, instance=1, clients=[client]))
    attached.network.run(until=lambda: failed.done)
    assert failed.result().seats == []
    attached.network.run(seconds=60)
    fpf = attached.fpf
    assert "ran-1" not in [peer.name for peer in fpf.peers.values()]
    assert not fpf.routes and len(fpf.switch) == 0 and fpf.instances
    assert not attached.server.machine.channels  # the server's side of the routes was told
    assert attached.core.outcomes == []  # the server is there
    attached.network.cut.clear()
    # The other side has had nothing to say and notices at its first message.
    first.send(link.SessionRelease(transaction=0, execution=5, instance=1, cause=1, seats=()))
    attached.network.run(until=lambda: attached.attachment.peer not in (None, first), seconds=200)
    attached.network.run(seconds=1)
    assert attached.core.call(InstallRoutes(execution=8, instance=1, clients=[client])).seats == [4]


def test_nothing_is_kept_of_a_lost_peer(attached: Attached) -> None:
    install(attached)
    fpf, now = attached.fpf, attached.network.now
    peer = fpf.peer_named("server")
    peer.send(link.Terminate(transaction=99, instance=9))
    fpf.pump(now)
    fpf.receive("T4", dep_pdu(peer.hop.identity, DepType.PING, 7), 64, ("server", 1), False, now)
    assert peer in fpf._touched and peer in fpf._deadlines._current
    fpf.forget(peer)
    assert peer not in fpf._touched and peer not in fpf._deadlines._current
    attached.network.run(seconds=1)
    assert peer not in fpf.all_peers() and peer.waiting == 0
    assert peer.hop not in [hop for hop, _ in fpf.switch._in]
    fpf.forget(peer)
    attached.network.run(seconds=1)


# Bursts


def test_a_batch_leaves_as_one_burst_from_where_it_lies(attached: Attached) -> None:
    """In place: other handles, another layer-2 header, nothing copied; one line of trace for all of it."""
    fpf = attached.fpf
    near, far = fpf.peer_named("server").hop, fpf.peer_named("ran-1").hop
    limits = SessionLimits(segment_size=100, unscheduled=6400, maximum_message=10_000, maximum_open=8)
    flows = {1: FlowMapping(qfi=1, bearer=1)}
    ends = [
        RouteEnd(hop, 0x51 + number, 0x61 + number, limits, flows, fpf.links[hop.name.link].budget)
        for number, hop in enumerate((near, far))
    ]
    fpf.switch.add(*ends, VERSION)
    batch = bytearray()
    for number in range(10):
        header = pdus.pack_header(VERSION, DepType.DATA, handle=0x51, qfi=1, message_id=1, offset=100 * number)
        batch += l2_header(near.identity, 1) + header + struct.pack(">II", 950, number) + bytes([number]) * 100
    del batch[-50:]
    sent = []
    far._sockets = replace(far._sockets, send_bulk=lambda *burst: sent.append(burst))
    before = bytes(batch)
    fpf.receive("T4", batch, 132, ("server", 2), True, attached.network.now)
    ((data, stride, destination),) = sent
    assert (data.obj is batch, len(data), stride, destination) == (True, len(batch), 132, far.bulk_address)
    for number in range(10):
        pdu, old = batch[132 * number : 132 * (number + 1)], before[132 * number : 132 * (number + 1)]
        assert L2Header.read(pdu)[0] == replace(L2Header.read(old)[0], c_rnti=far.identity, count=number)
        assert pdu[8:12] == old[8:12] and pdu[12:16] == (0x62).to_bytes(4, "big") and pdu[16:] == old[16:]
    fpf.trace_passed_on()
    (line,) = [event for event in attached.network.traced if event.message == "DEP data passed on"]
    assert (line.peer, line.size) == ("ran-1", len(batch))
