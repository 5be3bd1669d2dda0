"""The attaching side: a request is repeated until it is answered; what else comes changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import link, strategies
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.codecs.l2 import L2Header
from net4ai.stack.attachment import REPORT_EVERY, VERSIONS, Attachment
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Sockets
from net4ai.stack.link_peer import read_unattached, unattached_pdu
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, Procedures
from net4ai.stack.timers import Timers
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import SECOND

ADDRESS = ("edge", 46400)
ACCEPT = link.AttachAccept(version=1, peer=5, bulk_port=46401, name="edge")
REJECT = link.AttachReject(cause=Cause.VERSION_NOT_SUPPORTED, versions=VersionRange(lowest=2, highest=3))
ATTACH = Timers()["attach"]


class Attaching:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []
        self.missing: list[str] = []
        self.traced: list[TraceEvent] = []
        self.drops = DropCounter()
        self.procedures = Procedures()
        self.procedures.advance(3 * SECOND)
        self.attachment = Attachment(
            "ran-1",
            link.AttachKind.FORWARDING_FUNCTION,
            "T8",
            ADDRESS,
            Sockets(lambda data, stride, peer: self.sent.append((bytes(data), peer)), lambda *_: None, 50001),
            self.procedures,
            Timers(),
            self.drops,
            self.traced.append,
            lambda peer, message: None,
            self.missing.append,
        )

    def start(self) -> Any:
        return self.procedures.start("attach", self.attachment.attach())

    def number(self) -> int:
        """COUNT of the newest request."""
        return L2Header.read(self.sent[-1][0])[0].count

    def receive(self, message: Any, number: int | None = None) -> None:
        self.attachment.receive_unattached(unattached_pdu(message, self.number() if number is None else number))


@pytest.fixture
def attaching() -> Attaching:
    return Attaching()


def test_request(attaching: Attaching) -> None:
    attaching.start()
    ((pdu, peer),) = attaching.sent
    assert peer == ADDRESS
    assert read_unattached(pdu)[0] == link.AttachRequest(
        versions=VERSIONS, kind=link.AttachKind.FORWARDING_FUNCTION, bulk_port=50001, name="ran-1"
    )


def test_accepted(attaching: Attaching) -> None:
    started = attaching.start()
    attaching.receive(ACCEPT)
    peer = started.result()
    assert attaching.attachment.peer is peer
    assert (peer.name, peer.kind) == ("edge", link.AttachKind.FORWARDING_FUNCTION)
    assert (peer.hop.identity, peer.hop.signalling_address, peer.hop.bulk_address) == (5, ADDRESS, ("edge", 46401))
    assert attaching.procedures.next_deadline() is None
    assert [(event.message, event.direction) for event in attaching.traced if event.kind == "message"] == [
        ("Attach Request", "out"),
        ("Attach Accept", "in"),
    ]


def test_rejected(attaching: Attaching) -> None:
    started = attaching.start()
    attaching.receive(REJECT)
    with pytest.raises(ProcedureRejected, match="VERSION_NOT_SUPPORTED: attachment to edge:46400"):
        started.result()
    assert attaching.attachment.peer is None
    assert attaching.procedures.next_deadline() is None


def test_repeated_without_end_and_said_from_time_to_time(attaching: Attaching) -> None:
    started = attaching.start()
    for _ in range(4 * REPORT_EVERY):
        deadline = attaching.procedures.next_deadline()
        assert deadline == attaching.procedures.now + ATTACH
        attaching.procedures.advance(deadline)
    assert len(attaching.sent) == 4 * REPORT_EVERY + 1
    assert len(set(attaching.sent)) == 1  # the very same request
    assert attaching.missing == 4 * ["no answer on T8 from edge:46400, trying again"]
    attaching.receive(ACCEPT)
    assert started.result() is attaching.attachment.peer


def test_only_the_answer_to_this_request_counts(attaching: Attaching) -> None:
    started = attaching.start()
    attaching.receive(ACCEPT, attaching.number() + 1)
    attaching.receive(REJECT, attaching.number() - 1)
    assert not started.done
    assert attaching.drops.counts == {"answer to no request": 2}
    attaching.receive(ACCEPT)
    first = attaching.attachment.peer
    attaching.receive(ACCEPT)
    attaching.receive(REJECT)
    assert attaching.attachment.peer is first
    assert attaching.drops.counts == {"answer to no request": 3}


def test_attaching_anew_is_another_request(attaching: Attaching) -> None:
    attaching.start()
    attaching.receive(ACCEPT)
    before, first = attaching.number(), attaching.attachment.peer
    assert first is not None
    waiting = attaching.procedures.start("request", first.request(lambda n: link.Terminate(transaction=n, instance=1)))
    attaching.attachment.lost()
    attaching.procedures.run()
    with pytest.raises(ProcedureError, match="PEER_LOST: edge"):
        waiting.result()
    assert attaching.attachment.peer is None
    attaching.procedures.advance(attaching.procedures.now + SECOND)
    started = attaching.start()
    assert attaching.number() != before
    attaching.receive(ACCEPT, before)
    assert not started.done
    attaching.receive(ACCEPT)
    assert started.result() is attaching.attachment.peer is not first


def test_begun_twice_the_second_attachment_counts(attaching: Attaching) -> None:
    before = attaching.start()
    attaching.procedures.advance(attaching.procedures.now + 1_000_000)
    after = attaching.start()
    attaching.receive(ACCEPT)
    assert after.result() is attaching.attachment.peer
    with pytest.raises(ProcedureError, match="CANCELLED"):
        before.result()


@given(strategies.messages(link.Link.FAMILY).filter(lambda m: not isinstance(m, link.AttachAccept | link.AttachReject)))
def test_other_messages(message: Any) -> None:
    attaching = Attaching()
    started = attaching.start()
    attaching.receive(message)
    assert not started.done
    assert attaching.drops.counts == {"unexpected message": 1}


@given(st.lists(st.binary(min_size=9, max_size=60), max_size=20))
def test_nothing_that_arrives_raises(pdus: list[bytes]) -> None:
    attaching = Attaching()
    for pdu in pdus:
        attaching.attachment.receive_unattached(pdu)
    attaching.start()
    for pdu in pdus:
        attaching.attachment.receive_unattached(pdu)
    assert attaching.attachment.peer is None
    assert attaching.drops.total == 2 * len(pdus)


def attached(attaching: Attaching) -> Any:
    started = attaching.start()
    attaching.receive(ACCEPT)
    return started.result()


def test_who_still_knows_us_is_not_lost(attaching: Attaching) -> None:
    """Attached: the same request again from time to time, the same answer changes nothing."""
    peer = attached(attaching)
    for round in range(3):
        attaching.attachment.ask_again()
        assert attaching.sent == [attaching.sent[0]] * (round + 2)
        attaching.receive(ACCEPT)
        assert attaching.attachment.peer is peer and not peer.gone
    assert not attaching.drops.counts


def test_a_peer_started_anew_is_lost(attaching: Attaching) -> None:
    """It answers with another identity. Its owner attaches anew, with another COUNT."""
    peer, before = attached(attaching), attaching.number()
    attaching.attachment.ask_again()
    attaching.receive(link.AttachAccept(version=1, peer=6, bulk_port=46401, name="edge"))
    assert peer.gone
    attaching.attachment.lost()
    attaching.procedures.advance(attaching.procedures.now + SECOND)
    attaching.start()
    assert attaching.number() != before


def test_a_link_that_was_left_is_not_asked_for(attaching: Attaching) -> None:
    attached(attaching)
    attaching.attachment.lost()
    attaching.attachment.ask_again()
    assert len(attaching.sent) == 1


def test_attaching_while_attached_is_answered(attaching: Attaching) -> None:
    first = attached(attaching)
    attaching.procedures.advance(attaching.procedures.now + SECOND)
    assert attached(attaching) is attaching.attachment.peer is not first
