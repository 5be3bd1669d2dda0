"""A T4 or T8 peer: requests and replies, refusals, what cannot be decoded, and the end of a peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs import link, strategies
from net4ai.codecs.causes import Cause
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Hop, HopName
from net4ai.stack.link_peer import LinkPeer, bulk_address, read_unattached, unattached_pdu
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.stack.timers import Timers

INVITE = {
    "execution": 1,
    "instance": 2,
    "end_point": link.EndPoint.ROUTINE_SERVER,
    "routine": "r",
    "round": 0,
    "cut": 1,
    "sequential": False,
    "seats": (),
    "key": b"",
}


class Side:
    """One end of an attached link, as a machine."""

    def __init__(self, network: Any, name: str, other: str) -> None:
        self.procedures = network.procedures(name)
        self.drops = DropCounter()
        self.got: list[Any] = []
        self.on_message: Callable[[LinkPeer, Any], None] = lambda peer, message: self.got.append(message)
        hop = Hop(
            HopName("T4", name, other, {}),
            BearerType.FIXED_LINK,
            1,
            (other, 1),
            (other, 2),
            network.sockets(name),
            self.drops,
            network.trace,
        )
        self.peer = LinkPeer(
            other,
            link.AttachKind.FORWARDING_FUNCTION,
            hop,
            self.procedures,
            Timers(),
            self.drops,
            lambda peer, message: self.on_message(peer, message),
        )
        network.join(name, self, lambda data, stride, source, bulk, now: hop.receive(data, stride, bulk, now))

    def request(self, message: type[Any], timer: str = "link-request", **fields: Any) -> Any:
        return self.procedures.start(
            "request", self.peer.request(lambda transaction: message(transaction=transaction, **fields), timer)
        )

    def pump(self, now: int) -> None:
        self.procedures.advance(now)
        self.peer.hop.advance(now)
        self.peer.take_messages(now)
        self.peer.hop.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [self.procedures.next_deadline(), self.peer.hop.next_deadline()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def assert_nothing_waits(self) -> None:
        assert self.peer.waiting == 0
        assert not self.procedures.open
        assert self.procedures.next_deadline() is None


class Sides:
    def __init__(self, network: Any) -> None:
        self.network = network
        self.near = Side(network, "near", "far")
        self.far = Side(network, "far", "near")

    def raw(self, sdu: bytes) -> None:
        """`far` sends octets that are no message of ours."""
        self.far.peer.hop.signalling.send(sdu, self.network.now)
        self.network.run()


@pytest.fixture
def sides(network: Any) -> Sides:
    return Sides(network)


def answer_with(answers: Callable[[Any], Any]) -> Callable[[LinkPeer, Any], None]:
    return lambda peer, message: peer.send(answers(message))


@pytest.mark.parametrize(
    ("request_type", "fields", "reply"),
    [
        (link.Terminate, {"instance": 2}, lambda n: link.Acknowledge(transaction=n)),
        (
            link.Instantiate,
            {"instance": 2, "function": "f", "settings": b"{}"},
            lambda n: link.Acknowledge(transaction=n),
        ),
        (link.Begin, {"instance": 2, "execution": 1, "seats": ()}, lambda n: link.Begun(transaction=n, next_turn=7)),
        (link.Invite, INVITE, lambda n: link.Accept(transaction=n, execution=1, instance=2, key=b"k")),
        (
            link.SessionAdd,
            {"instance": 2, "execution": 1, "end_point": 1, "dep_version": 1, "sessions": ()},
            lambda n: link.SessionAddComplete(transaction=n, sessions=()),
        ),
    ],
)
def test_every_request_and_its_reply(sides: Sides, request_type: Any, fields: Any, reply: Any) -> None:
    sides.far.on_message = answer_with(lambda message: reply(message.transaction))
    request = sides.near.request(request_type, **fields)
    sides.network.run()
    assert request.result() == reply(1)
    sides.near.assert_nothing_waits()


def test_requests_overtake_each_other_on_a_bad_link(bad_network: Any) -> None:
    sides = Sides(bad_network)
    held: list[Any] = []
    sides.far.on_message = lambda peer, message: held.append(message)
    requests = [sides.near.request(link.Terminate, instance=number) for number in range(40)]
    bad_network.run(until=lambda: len(held) == 40)
    assert [message.instance for message in held] == list(range(40))  # each once, in order
    for message in reversed(held):
        if message.instance % 2:
            sides.far.peer.send(link.Acknowledge(transaction=message.transaction))
        else:
            sides.far.peer.refuse(message.transaction, Cause.BUSY, f"instance {message.instance}")
    bad_network.run()
    for number, request in enumerate(requests):
        if number % 2:
            assert isinstance(request.result(), link.Acknowledge)
        else:
            with pytest.raises(ProcedureRejected, match=f"BUSY: far: instance {number}$"):
                request.result()
    sides.near.assert_nothing_waits()


def test_no_reply(sides: Sides) -> None:
    began = sides.network.now
    request = sides.near.request(link.Terminate, "instantiate", instance=1)
    sides.network.run(until=lambda: request.done)
    with pytest.raises(ProcedureTimeout):
        request.result()
    assert sides.network.now == began + Timers()["instantiate"]
    sides.near.assert_nothing_waits()
    sides.far.peer.send(link.Acknowledge(transaction=1))
    sides.network.run()
    assert sides.near.drops.counts == {"answer to no request": 1}


def test_reply_of_another_type(sides: Sides) -> None:
    sides.far.on_message = answer_with(lambda message: link.Acknowledge(transaction=message.transaction))
    request = sides.near.request(link.Invite, **INVITE)
    sides.network.run()
    with pytest.raises(ProcedureError, match="UNEXPECTED_MESSAGE: far answers Invite with Acknowledge"):
        request.result()
    sides.near.assert_nothing_waits()


@pytest.mark.parametrize(
    "reply",
    [
        link.Acknowledge(transaction=9),
        link.Refuse(transaction=9, cause=Cause.BUSY, detail=""),
        link.Accept(transaction=9, execution=1, instance=1, key=b""),
        link.SessionAddComplete(transaction=9, sessions=()),
        link.Begun(transaction=9, next_turn=0),
    ],
)
def test_reply_to_no_request(sides: Sides, reply: Any) -> None:
    sides.far.peer.send(reply)
    sides.network.run()
    assert sides.near.drops.counts == {"answer to no request": 1}
    assert sides.near.got == []


def test_what_cannot_be_encoded_is_refused_here(sides: Sides) -> None:
    request = sides.near.request(link.Instantiate, instance=1, function="f", settings=bytes(link.MAXIMUM_SETTINGS + 1))
    with pytest.raises(ProcedureError, match=r"MALFORMED_MESSAGE: .*settings"):
        request.result()
    sides.near.assert_nothing_waits()


@pytest.mark.parametrize("detail", ["", "why", "x" * 500, "é" * 150, "日本" * 100, "bad \udc80 text"])
def test_detail_of_any_length_and_script(sides: Sides, detail: str) -> None:
    sides.far.on_message = lambda peer, message: peer.refuse(message.transaction, Cause.FUNCTION_FAILED, detail)
    request = sides.near.request(link.Terminate, instance=1)
    sides.network.run()
    with pytest.raises(ProcedureRejected) as raised:
        request.result()
    assert raised.value.cause is Cause.FUNCTION_FAILED
    assert len(raised.value.detail.encode()) <= len("far: ") + 200
    assert raised.value.detail[5:] == detail.replace("\udc80", "?")[: len(raised.value.detail) - 5]


def test_octets_that_are_no_message(sides: Sides) -> None:
    sides.raw(b"\x01")
    sides.raw(bytes((250, 1, 2, 3)))
    sides.raw(link.Terminate(transaction=1, instance=1).encode() + b"more")
    sides.far.peer.send(link.Terminate(transaction=2, instance=2))
    sides.network.run()
    assert sides.near.got == [link.Terminate(transaction=2, instance=2)]
    assert sides.near.drops["unknown message"] == 1
    assert sides.near.drops.total == 3


def test_a_handler_that_cannot_is_counted_and_the_next_message_comes(sides: Sides) -> None:
    def full(peer: LinkPeer, message: Any) -> None:
        sides.near.got.append(message)
        raise ProcedureError(Cause.NO_RESOURCES, "65536 procedures under way")

    sides.near.on_message = full
    for number in range(2):
        sides.far.peer.send(link.Terminate(transaction=number, instance=number))
    sides.network.run()
    assert len(sides.near.got) == 2
    assert sides.near.drops.counts == {"not carried out: NO_RESOURCES": 2}


def test_what_a_reply_leads_to_comes_before_the_next_message(sides: Sides) -> None:
    order: list[str] = []
    sides.near.on_message = lambda peer, message: order.append(message.NAME)

    async def request() -> None:
        await sides.near.peer.request(lambda transaction: link.Terminate(transaction=transaction, instance=1))
        order.append("carried out")

    def answer(peer: LinkPeer, message: Any) -> None:
        peer.send(link.Acknowledge(transaction=message.transaction))
        peer.send(link.Restart(execution=1, instance=1))

    sides.far.on_message = answer
    sides.near.procedures.start("request", request())
    sides.network.run()
    assert order == ["carried out", "Restart"]


# The end of a peer


def test_peer_lost(sides: Sides) -> None:
    sides.network.cut.add("far")
    requests = [sides.near.request(link.Terminate, instance=number) for number in range(3)]
    sides.near.peer.lost()
    sides.network.run()
    for request in [*requests, sides.near.request(link.Terminate, instance=4)]:
        with pytest.raises(ProcedureError, match="PEER_LOST: far"):
            request.result()
    sides.near.peer.send(link.Restart(execution=1, instance=1))
    assert sides.near.peer.gone
    assert sides.near.drops["peer lost"] == 1
    sides.near.assert_nothing_waits()


def test_bearer_failed(sides: Sides) -> None:
    sides.network.cut.add("far")
    sides.near.peer.send(link.Restart(execution=1, instance=1))
    sides.network.run(until=lambda: sides.near.peer.gone)
    with pytest.raises(ProcedureError, match="PEER_LOST: far"):
        sides.near.request(link.Terminate, instance=4).result()
    sides.near.peer.send(link.Restart(execution=1, instance=1))
    assert sides.near.drops["peer lost"] == 1


# Attach messages


@given(strategies.messages(link.Link.FAMILY), st.integers(0, 0xFFFFFFFF))
def test_unattached_messages_keep_their_number(message: Any, number: int) -> None:
    read, found = read_unattached(unattached_pdu(message, number))
    assert found == number
    assert read == (message if isinstance(message, link.Link) else None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bearer": 1}, Drop.WRONG_BEARER),
        ({"bearer_type": BearerType.SRB}, Drop.WRONG_BEARER),
        ({"c_rnti": 1}, Drop.WRONG_BEARER),
        ({"has_mac": True}, Drop.INTEGRITY_NOT_CONFIGURED),
        ({"is_data": False}, Drop.SEGMENTED),
        ({"segmentation": 1}, Drop.SEGMENTED),
    ],
)
def test_unattached_pdu_of_another_kind(change: dict[str, Any], reason: str) -> None:
    usual: dict[str, Any] = {
        "is_data": True,
        "segmentation": 0,
        "poll": False,
        "has_mac": False,
        "bearer_type": BearerType.FIXED_LINK,
        "bearer": 0,
        "c_rnti": 0,
        "count": 0,
    }
    pdu = L2Header(**(usual | change)).to_bytes() + link.Acknowledge(transaction=1).encode()
    with pytest.raises(DecodeError) as raised:
        read_unattached(pdu)
    assert raised.value.reason == reason


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_any_octets_are_an_attach_message_or_a_decode_error(octets: bytes) -> None:
    try:
        message, _ = read_unattached(octets)
    except DecodeError:
        return
    assert message is None or message.encode()


def test_bulk_socket_of_a_peer() -> None:
    assert bulk_address(("10.0.0.1", 46400), 50000) == ("10.0.0.1", 50000)
