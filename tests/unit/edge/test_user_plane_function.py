"""The user plane function: sessions over the bus, packets of N3 to the forwarding function and back, faults by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from net4ai.codecs import link
from net4ai.codecs.bus import EstablishPduSession, ModifyPduSession, N3End, ReleasePduSession
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.gtp_u import G_PDU_HEADER_SIZE, UplinkContainer, g_pdu_header, read
from net4ai.edge import user_plane_function as module
from net4ai.edge.user_plane_function import FUNCTION, LINK, UserPlaneFunction
from net4ai.stack.attachment import VERSIONS
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.forwarding.legs import FixedLink
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.link_peer import read_unattached, unattached_pdu
from net4ai.stack.procedure import ProcedureError, Procedures
from net4ai.stack.timers import Timers
from net4ai.stack.user_plane.internet import UdpFlow, unwrap, wrap

RAN: Address = ("127.0.0.7", 700)
TOKEN, OTHER = "ab" * 16, "cd" * 16
DOWNLINK = N3End(teid=0x77, address=RAN[0], port=RAN[1], bulk_port=701)


class World:
    """A user plane function with its forwarding function, and what they send on N3."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Address]] = []
        self.drops = DropCounter()
        procedures = Procedures("edge", lambda event: None)
        timers = Timers()

        def entity(name: str) -> ControlEntity:
            return ControlEntity(name, procedures, timers, lambda envelope: None, lambda: "0" * 32)

        def send(data: Buffer, stride: int, to: Address) -> None:
            self.sent.append((bytes(data), to))

        numbers = iter(range(1000, 9000))
        sockets = Sockets(send, send, 2)
        self.upf = UserPlaneFunction(
            entity("upf/edge"), ("127.0.0.2", 1), sockets, lambda bits: next(numbers), self.drops
        )
        links = {LINK: FixedLink(self.upf.sockets, CreditBudget(1 << 20))}
        self.fpf = ForwardingFunction(
            "edge", "edge", entity("fpf/edge"), links, procedures, timers, lambda: 1, self.drops, lambda event: None
        )
        self.upf.fpf, self.fpf.pdu_sessions = self.fpf, self.upf

    def session(self, token: str = TOKEN) -> tuple[int, int]:
        """A session that is joined: its address, its uplink TEID."""
        established = self.upf.establish(EstablishPduSession(token=token, flows=[1, 2]))
        self.upf.modify(ModifyPduSession(token=token, downlink=DOWNLINK, node="ran-1"))
        return established.address, established.uplink.teid

    def uplink(self, teid: int, flow: UdpFlow, payload: bytes, qfi: int = 1) -> None:
        """One packet comes from the RAN node."""
        packet, _ = wrap(payload, len(payload), flow)
        message = g_pdu_header(teid, UplinkContainer(qfi=qfi), len(packet)) + packet
        self.upf.receive(message, len(message), RAN, False, 0)

    def attach(self, token: str, flow: UdpFlow, teid: int) -> link.Link | None:
        """A terminal asks to be attached; the answer."""
        request = link.AttachRequest(versions=VERSIONS, kind=link.AttachKind.TERMINAL, bulk_port=46401, name=token)
        self.uplink(teid, flow, unattached_pdu(request, 5))
        data, to = self.sent.pop()
        assert to == RAN
        message = read(data)
        assert message.teid == DOWNLINK.teid
        (udp,) = unwrap(data, len(data), message.start, self.drops)
        assert udp.flow == flow.answer
        return read_unattached(udp.data)[0]


@pytest.fixture
def world() -> Iterator[World]:
    yield World()


def flow_of(address: int) -> UdpFlow:
    return UdpFlow(address, 46400, FUNCTION, 46400)


def test_a_terminal_attaches_through_its_session_under_its_token(world: World) -> None:
    address, teid = world.session()
    assert isinstance(world.attach(TOKEN, flow_of(address), teid), link.AttachAccept)
    (peer,) = world.fpf.peers.values()
    assert (peer.name, peer.kind, peer.hop.name.link) == (TOKEN, link.AttachKind.TERMINAL, LINK)
    assert [flow.qfi for flow in world.upf.flows_of(TOKEN)] == [1, 2]
    assert world.drops.total == 0
    world.upf.release(ReleasePduSession(token=TOKEN))
    assert not world.fpf.peers, "who attached through it is gone"
    assert not world.upf.sessions
    assert not world.upf.tunnels.tunnels


def test_nobody_attaches_under_anothers_token(world: World) -> None:
    address, teid = world.session()
    world.session(OTHER)
    answer = world.attach(OTHER, flow_of(address), teid)
    assert isinstance(answer, link.AttachReject)
    assert answer.cause == Cause.NOT_ALLOWED
    assert isinstance(world.attach("ee" * 16, flow_of(address), teid), link.AttachReject)
    assert not world.fpf.peers


def test_a_forged_source_is_dropped(world: World) -> None:
    _, teid = world.session()
    other, _ = world.session(OTHER)
    world.uplink(teid, flow_of(other), b"from another session")
    world.uplink(teid, flow_of(0x01020304), b"from anywhere")
    assert world.drops.counts == {str(Drop.FORGED_ADDRESS): 2}


@pytest.mark.parametrize(("destination", "port"), [(FUNCTION, 80), (FUNCTION + 1, 46400), (0x08080808, 53)])
def test_nobody_else_is_reached(world: World, destination: int, port: int) -> None:
    address, teid = world.session()
    world.uplink(teid, UdpFlow(address, 46400, destination, port), b"x")
    assert world.drops.counts == {str(Drop.NO_ROUTE): 1}


def test_a_flow_the_session_does_not_have(world: World) -> None:
    address, teid = world.session()
    world.uplink(teid, flow_of(address), b"x", qfi=9)
    assert world.drops.counts == {str(Drop.FLOW_NOT_CONFIGURED): 1}


def test_nothing_goes_down_to_nobody(world: World) -> None:
    world.upf.sockets.send_bulk(bytes(100), 50, ("10.45.9.9", 46401))
    assert world.drops.counts == {str(Drop.NO_ROUTE): 2}
    assert world.sent == []


def test_downlink_takes_the_first_flow_and_both_sockets(world: World) -> None:
    address, _ = world.session()
    host = world.upf.sessions[TOKEN].host
    world.upf.sockets.send_bulk(b"a" * 60 + b"b" * 60 + b"c" * 7, 60, (host, 46401))
    world.upf.sockets.send_signalling(b"d" * 9, 9, (host, 46400))
    (bulk, to), (signalling, to_signalling) = world.sent
    assert (to, to_signalling) == ((RAN[0], 701), RAN)
    assert len(bulk) == 127 + 3 * (G_PDU_HEADER_SIZE + 28)
    container = read(signalling).container
    assert container is not None
    assert container.qfi == 1
    assert address == world.upf.sessions[TOKEN].address


def test_calls_may_be_repeated(world: World) -> None:
    request = EstablishPduSession(token=TOKEN, flows=[1])
    assert world.upf.establish(request) == world.upf.establish(request)
    assert len(world.upf.sessions) == 1
    for _ in range(2):
        world.upf.release(ReleasePduSession(token=TOKEN))
    with pytest.raises(ProcedureError) as caught:
        world.upf.modify(ModifyPduSession(token=TOKEN, downlink=DOWNLINK, node="ran-1"))
    assert caught.value.cause is Cause.UNKNOWN_SESSION


def test_addresses_are_not_given_out_again_soon(world: World) -> None:
    first, _ = world.session()
    world.upf.release(ReleasePduSession(token=TOKEN))
    second, _ = world.session()
    assert first != second


@pytest.mark.parametrize("flows", [[], [0], [64], list(range(1, 10))])
def test_flows_are_checked(world: World, flows: list[int]) -> None:
    with pytest.raises(ProcedureError) as caught:
        world.upf.establish(EstablishPduSession(token=TOKEN, flows=flows))
    assert caught.value.cause is Cause.QOS_FLOW_NOT_CONFIGURED


@pytest.mark.parametrize("token", ["", "ab", "AB" * 16, "x" * 32])
def test_tokens_are_checked(world: World, token: str) -> None:
    with pytest.raises(ProcedureError) as caught:
        world.upf.establish(EstablishPduSession(token=token, flows=[1]))
    assert caught.value.cause is Cause.MALFORMED_MESSAGE


def test_sessions_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_SESSIONS", 2)
    for token in (TOKEN, OTHER):
        world.session(token)
    with pytest.raises(ProcedureError) as caught:
        world.session("ee" * 16)
    assert caught.value.cause is Cause.NO_RESOURCES
