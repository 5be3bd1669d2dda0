"""Accepting attachments: each once, whatever the link does; who comes back under a name replaces who had it."""

from __future__ import annotations

from typing import Any

import pytest

from net4ai.codecs import link
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.codecs.l2 import L2Header
from net4ai.stack.forwarding import accept_attachment as module
from net4ai.stack.link_peer import read_unattached, unattached_pdu
from net4ai.stack.units import MILLISECOND

VERSIONS = VersionRange(lowest=1, highest=1)
EDGE = ("edge", 1)


def request(kind: Any = link.AttachKind.APPLICATION_SERVER, **change: Any) -> link.AttachRequest:
    usual: dict[str, Any] = {"versions": VERSIONS, "kind": kind, "bulk_port": 2, "name": "server"}
    return link.AttachRequest(**(usual | change))


def ask(network: Any, message: Any, number: int = 1, host: str = "host", to: Any = EDGE) -> Any:
    """Send an attach message by hand; the answer, or None."""
    network.sent.clear()
    network.inject(to, unattached_pdu(message, number), (host, 1))
    answers = [pdu for _, destination, pdu in network.sent if destination == (host, 1)]
    if not answers:
        return None
    (pdu,) = answers
    answer, found = read_unattached(pdu)
    assert found == number
    return answer


def test_attached(network: Any) -> None:
    fpf, core = network.forwarding_function(), network.core()
    server = network.application_server()
    network.run()
    (peer,) = fpf.peers.values()
    assert server.machine.link.peer is not None
    assert (peer.name, peer.kind) == ("server", link.AttachKind.APPLICATION_SERVER)
    assert peer.hop.identity == server.machine.link.peer.hop.identity
    assert (peer.hop.signalling_address, peer.hop.bulk_address) == (("server", 1), ("server", 2))
    assert {(event.node, event.kind, *event.application_servers) for event in core.available} == {
        ("edge", "edge", "server")
    }
    assert [(event.node, event.message, event.direction) for event in network.messages()] == [
        ("server", "Attach Request", "out"),
        ("edge", "Attach Request", "in"),
        ("edge", "Attach Accept", "out"),
        ("server", "Attach Accept", "in"),
    ]


def test_attached_once_over_a_bad_link(bad_network: Any) -> None:
    bad_network.loss = 0.6
    fpf, core = bad_network.forwarding_function(), bad_network.core()
    servers = [bad_network.application_server(f"server-{number}") for number in range(8)]
    bad_network.run()
    assert sorted(peer.name for peer in fpf.peers.values()) == sorted(f"server-{number}" for number in range(8))
    for server in servers:
        mine = server.machine.link.peer
        assert mine is not None and not mine.gone
        assert fpf.peers[mine.hop.identity].name == server.machine.config.name
    assert sorted(core.available[-1].application_servers) == sorted(peer.name for peer in fpf.peers.values())


def test_a_repeated_request_gets_the_same_answer(network: Any) -> None:
    fpf = network.forwarding_function()
    first = ask(network, request())
    (peer,) = fpf.peers.values()
    assert ask(network, request()) == first
    assert list(fpf.peers.values()) == [peer]
    assert first == link.AttachAccept(version=1, peer=peer.hop.identity, bulk_port=2, name="edge")


@pytest.mark.parametrize(
    ("change", "number", "host"),
    [
        ({}, 2, "host"),
        ({}, 1, "elsewhere"),
        ({"bulk_port": 3}, 1, "host"),
        ({"kind": link.AttachKind.APPLICATION_CONTROLLER}, 1, "host"),
    ],
)
def test_who_comes_back_is_a_new_peer(network: Any, change: dict[str, Any], number: int, host: str) -> None:
    fpf = network.forwarding_function()
    ask(network, request())
    (before,) = fpf.peers.values()
    answer = ask(network, request(**change), number, host)
    (peer,) = fpf.peers.values()
    assert peer is not before and before.gone and not peer.gone
    assert answer.peer == peer.hop.identity


def test_another_name_is_another_peer(network: Any) -> None:
    fpf = network.forwarding_function()
    answers = [ask(network, request(name=name)) for name in ("a", "b", "a")]
    assert answers[0] == answers[2] and answers[0].peer != answers[1].peer
    assert len(fpf.peers) == 2


@pytest.mark.parametrize(("lowest", "highest"), [(2, 3), (2, 255)])
def test_no_common_version(network: Any, lowest: int, highest: int) -> None:
    fpf = network.forwarding_function()
    answer = ask(network, request(versions=VersionRange(lowest=lowest, highest=highest)))
    assert answer == link.AttachReject(cause=Cause.VERSION_NOT_SUPPORTED, versions=VERSIONS)
    assert not fpf.peers


def test_number_of_peers_is_bounded(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_PEERS", 2)
    fpf = network.forwarding_function()
    answers = [ask(network, request(name=str(number))) for number in range(3)]
    assert answers[2] == link.AttachReject(cause=Cause.NO_RESOURCES, versions=VERSIONS)
    assert ask(network, request(name="1")) == answers[1]  # who is there stays
    assert isinstance(ask(network, request(name="1"), 2), link.AttachAccept)  # and may come back
    assert len(fpf.peers) == 2


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        (EDGE, link.AttachKind.FORWARDING_FUNCTION),
        (("edge-t8", 1), link.AttachKind.APPLICATION_SERVER),
        (("edge-t8", 1), link.AttachKind.APPLICATION_CONTROLLER),
        (EDGE, 0),
        (EDGE, 200),
    ],
)
def test_kind_on_the_wrong_link(network: Any, to: Any, kind: int) -> None:
    fpf = network.forwarding_function()
    assert ask(network, request(kind=kind), to=to) is None
    assert fpf.drops.counts == {"unexpected message": 1}
    assert not fpf.peers


def test_attaching_over_the_bulk_socket(network: Any) -> None:
    fpf = network.forwarding_function()
    assert ask(network, request(), to=("edge", 2)) is None
    assert fpf.drops.counts == {"source not bound": 1}


def test_malformed_request(network: Any) -> None:
    fpf = network.forwarding_function()
    network.inject(EDGE, unattached_pdu(request(), 1)[:-1])
    network.inject(EDGE, unattached_pdu(request(), 1)[:9])
    assert fpf.drops.total == 2 and not fpf.peers and not network.sent


def test_a_function_started_anew_gives_another_identity(network: Any) -> None:
    """Identities begin by the clock: a peer of before notices that it is not known any more."""
    fpf = network.forwarding_function()
    seen = set()
    for number in range(20):
        ask(network, request(), number)
        assert len(fpf.peers) == 1, "a peer that attaches anew leaves nothing behind"
        seen |= fpf.peers.keys()
        network.now += MILLISECOND
    assert len(seen) > 15


def test_answer_is_unattached(network: Any) -> None:
    network.forwarding_function()
    ask(network, request())
    header, _ = L2Header.read(network.sent[0][2])
    assert (header.c_rnti, header.bearer, header.has_mac) == (0, 0, False)


def test_time_passed_while_nothing_happened_counts(network: Any) -> None:
    """A server that attaches to a node that was idle for long is announced with a deadline that lies ahead."""
    network.forwarding_function()
    network.run(seconds=1000)
    core = network.core()
    network.now += 1000 * 10**9
    ask(network, request())
    network.run(until=lambda: core.available, seconds=1)
    assert all(e.deadline > network.now for e in network.bus if e.type == "NodeAvailable")


def test_answer_over_the_wrong_link(network: Any) -> None:
    """The other forwarding function answers on T8; from its T8 socket nothing is taken on T4."""
    ran = network.forwarding_function("ran-1")
    attachment = network.join_over_t8(ran, network.forwarding_function())
    number = L2Header.read(network.sent[0][2])[0].count
    accept = link.AttachAccept(version=1, peer=1, bulk_port=2, name="edge")
    network.inject(("ran-1", 1), unattached_pdu(accept, number), ("edge-t8", 1))
    assert attachment.peer is None
    assert ran.drops.counts == {"unexpected message": 1}
    network.inject(("ran-1-t8", 1), unattached_pdu(accept, number), ("edge-t8", 1))
    assert attachment.peer is not None
