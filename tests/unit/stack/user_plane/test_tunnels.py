"""GTP-U tunnels: two ends joined by hand, batches against one by one, faults by name."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import gtp_u
from net4ai.codecs.common import TunnelEnd
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.gtp_u import DownlinkContainer, UplinkContainer, g_pdu_header
from net4ai.stack.dep.constants import ERROR_BURST
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.runs import segments
from net4ai.stack.user_plane import tunnels as module
from net4ai.stack.user_plane.reframe import reframe
from net4ai.stack.user_plane.tunnels import TooManyTunnels, Tunnel, Tunnels

RAN, EDGE = ("127.0.0.1", 1000), ("127.0.0.2", 2000)
Sent = list[tuple[bytes, int, Address, bool]]


class End:
    def __init__(self, address: Address, receives: type[gtp_u.Container]) -> None:
        self.sent: Sent = []
        self.drops = DropCounter()
        self.address = address
        teids = itertools.count(address[1])
        sockets = Sockets(self._sender(False), self._sender(True), address[1] + 1)
        self.tunnels: Tunnels[str] = Tunnels(address, sockets, lambda: next(teids), receives, self.drops)

    def _sender(self, bulk: bool):  # type: ignore[no-untyped-def]
        def send(data: Buffer, stride: int, to: Address) -> None:
            self.sent.append((bytes(data), stride, to, bulk))

        return send

    def take(self, other: End, now: int = 0) -> list[tuple[str, int, list[bytes]]]:
        """What the other end has sent."""
        sent, other.sent = other.sent, []
        found = []
        for data, stride, _, bulk in sent:
            source = (other.address[0], other.address[1] + bulk)
            for packets in self.tunnels.receive(data, stride, source, bulk, now):
                parts = [bytes(part[packets.start :]) for part in segments(packets.data, packets.stride)]
                found.append((packets.session, packets.container.qfi, parts))
        return found


def joined() -> tuple[End, Tunnel[str], End, Tunnel[str]]:
    ran, edge = End(RAN, DownlinkContainer), End(EDGE, UplinkContainer)
    uplink = edge.tunnels.open("session", frozenset({1, 9}))
    downlink = ran.tunnels.open("UE", frozenset({1, 9}))
    ran.tunnels.join(downlink, edge.tunnels.end_of(uplink))
    edge.tunnels.join(uplink, ran.tunnels.end_of(downlink))
    return ran, downlink, edge, uplink


def send(
    end: End, tunnel: Tunnel[str], packets: bytes, stride: int, cut: int, container: gtp_u.Container, bulk: bool
) -> None:
    out, wide = reframe(packets, stride, cut, bytes(gtp_u.G_PDU_HEADER_SIZE))
    end.tunnels.send(tunnel, out, wide, container, bulk)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 90), st.sampled_from([1, 9]), st.booleans())
def test_a_batch_is_sent_as_one_by_one_and_comes_through(data: bytes, stride: int, qfi: int, bulk: bool) -> None:
    ran, downlink, edge, uplink = joined()
    container = UplinkContainer(qfi=qfi)
    send(ran, downlink, data, stride, 0, container, bulk)
    ((sent, _wide, to, over_bulk),) = ran.sent
    packets = [bytes(part) for part in segments(data, stride)]
    assert sent == b"".join(g_pdu_header(uplink.teid, container, len(packet)) + packet for packet in packets)
    assert (to, over_bulk) == ((EDGE[0], EDGE[1] + bulk), bulk)
    found = edge.take(ran)
    assert [part for _, _, parts in found for part in parts] == packets
    assert {(session, flow) for session, flow, _ in found} == {("session", qfi)}
    assert len(found) <= 2  # the last one may be shorter, and so another run
    assert edge.drops.total == 0


def test_the_first_octets_of_each_packet_are_cut_off() -> None:
    ran, downlink, edge, _ = joined()
    send(ran, downlink, b"--one--two", 5, 2, UplinkContainer(qfi=1), True)
    assert edge.take(ran) == [("session", 1, [b"one", b"two"])]


def test_datagrams_of_several_tunnels_and_flows_in_one_batch() -> None:
    ran, _, edge, uplink = joined()
    other = edge.tunnels.open("other", frozenset({1}))
    edge.tunnels.join(other, TunnelEnd(teid=5, address=RAN[0], port=RAN[1], bulk_port=RAN[1] + 1))
    batch = b""
    for teid, qfi in ((uplink.teid, 1), (uplink.teid, 1), (uplink.teid, 9), (other.teid, 1), (other.teid, 9), (77, 1)):
        batch += g_pdu_header(teid, UplinkContainer(qfi=qfi), 4) + b"data"
    ran.sent.append((batch, 20, EDGE, True))
    assert edge.take(ran) == [
        ("session", 1, [b"data", b"data"]),
        ("session", 9, [b"data"]),
        ("other", 1, [b"data"]),
    ]
    assert edge.drops.counts == {str(Drop.FLOW_NOT_CONFIGURED): 1, str(Drop.UNKNOWN_TUNNEL): 1}


def test_an_unknown_teid_is_answered_by_error_indication_and_ends_the_tunnel_there() -> None:
    ran, downlink, edge, uplink = joined()
    told: list[Tunnel[str]] = []
    ran.tunnels.on_error_indication = told.append
    edge.tunnels.close(uplink)
    assert ran.take(edge) == []  # an end marker
    send(ran, downlink, b"data", 4, 0, UplinkContainer(qfi=1), True)
    assert edge.take(ran) == []
    assert edge.drops.counts == {str(Drop.UNKNOWN_TUNNEL): 1}
    assert gtp_u.read(edge.sent[0][0]).type == gtp_u.GtpType.ERROR_INDICATION
    assert edge.sent[0][2] == (RAN[0], RAN[1] + 1)
    ran.take(edge)
    assert told == [downlink]
    send(ran, downlink, b"data", 4, 0, UplinkContainer(qfi=1), True)
    assert ran.drops.counts == {str(Drop.TUNNEL_NOT_READY): 1}
    assert ran.sent == []


def test_error_indications_are_limited() -> None:
    _ran, _, edge, _ = joined()
    junk = (g_pdu_header(5, UplinkContainer(qfi=1), 4) + b"data") * 100
    for _ in range(100):
        list(edge.tunnels.receive(junk, 20, RAN, False, 0))
    assert len(edge.sent) == ERROR_BURST
    assert edge.drops.counts == {str(Drop.UNKNOWN_TUNNEL): 10_000}


def test_a_forged_error_indication_ends_nothing() -> None:
    ran, downlink, _edge, uplink = joined()
    forged = gtp_u.error_indication(uplink.teid, bytes(4))
    list(ran.tunnels.receive(forged, len(forged), ("127.0.0.9", 2000), False, 0))
    list(ran.tunnels.receive(forged, len(forged), ("127.0.0.2", 2005), False, 0))
    assert downlink.other is not None
    assert ran.drops.counts == {str(Drop.UNKNOWN_TUNNEL): 2}


def test_an_echo_request_is_answered() -> None:
    ran, _, edge, _ = joined()
    request = gtp_u.echo_request(77)
    list(edge.tunnels.receive(request, len(request), RAN, False, 0))
    assert edge.sent == [(gtp_u.echo_response(77), len(gtp_u.echo_response(77)), RAN, False)]
    assert ran.take(edge) == []
    assert ran.drops.counts == {str(Drop.ANSWER_TO_NO_REQUEST): 1}


@pytest.mark.parametrize(
    ("message", "source", "reason"),
    [
        (g_pdu_header(2000, UplinkContainer(qfi=1), 1) + b"x", ("127.0.0.9", 1000), Drop.SOURCE_NOT_BOUND),
        (g_pdu_header(2000, UplinkContainer(qfi=1), 1) + b"x", (RAN[0], RAN[1] + 1), Drop.SOURCE_NOT_BOUND),
        (g_pdu_header(2000, DownlinkContainer(qfi=1), 1) + b"x", RAN, Drop.MALFORMED),
        (g_pdu_header(2000, UplinkContainer(qfi=3), 1) + b"x", RAN, Drop.FLOW_NOT_CONFIGURED),
        (g_pdu_header(2000, UplinkContainer(qfi=1), 2) + b"x", RAN, Drop.TRUNCATED),
        (bytes.fromhex("30ff000100000 7d078".replace(" ", "")), RAN, Drop.MALFORMED),  # no session container
        (bytes.fromhex("50ff000100000 7d078".replace(" ", "")), RAN, Drop.WRONG_VERSION),
        (bytes.fromhex("3007000000000000"), RAN, Drop.UNKNOWN_TYPE),
        (bytes.fromhex("30fe000000000005"), RAN, Drop.UNKNOWN_TUNNEL),
    ],
)
def test_what_is_wrong_has_a_name(message: bytes, source: Address, reason: Drop) -> None:
    _, _, edge, _ = joined()
    assert list(edge.tunnels.receive(message, len(message), source, False, 0)) == []
    assert edge.drops.counts == {str(reason): 1}


def test_a_tunnel_that_is_not_joined_carries_nothing() -> None:
    _ran, edge = End(RAN, DownlinkContainer), End(EDGE, UplinkContainer)
    tunnel = edge.tunnels.open("session", frozenset({1}))
    send(edge, tunnel, b"data", 4, 0, DownlinkContainer(qfi=1), True)
    message = g_pdu_header(tunnel.teid, UplinkContainer(qfi=1), 4) + b"data"
    assert list(edge.tunnels.receive(message, 20, RAN, False, 0)) == []
    assert edge.drops.counts == {str(Drop.TUNNEL_NOT_READY): 2}


@given(st.binary(max_size=200), st.integers(1, 60))
def test_any_octets_are_dropped_and_counted(data: bytes, stride: int) -> None:
    _, _, edge, _ = joined()
    assert list(edge.tunnels.receive(data, stride, RAN, False, 0)) == []
    assert edge.drops.total == -(-len(data) // stride)


def test_tunnels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_TUNNELS", 2)
    edge = End(EDGE, UplinkContainer)
    for _ in range(2):
        edge.tunnels.open("session", frozenset({1}))
    with pytest.raises(TooManyTunnels):
        edge.tunnels.open("session", frozenset({1}))
