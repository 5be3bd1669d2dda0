"""DEP over computing bearers of either mode: what it promises does not depend on the bearer (R92, R94, R103)."""

from __future__ import annotations

import random

import pytest
from computing_bench import Link, configuration
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerMode, FlowMapping
from net4ai.codecs.dep import PathReason
from net4ai.stack import computing_bearer
from net4ai.stack.acknowledged_bearer import MAXIMUM_QUEUED_OCTETS, WINDOW_OCTETS
from net4ai.stack.dep.events import MessageAcknowledged, MessageReceived, SessionClosed
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND

UNACKNOWLEDGED, ACKNOWLEDGED = BearerMode.UNACKNOWLEDGED, BearerMode.ACKNOWLEDGED
MODES = st.sampled_from([UNACKNOWLEDGED, ACKNOWLEDGED])


@given(
    seed=st.integers(0, 2**32),
    modes=st.tuples(MODES, MODES),
    loss=st.floats(0, 0.3),
    duplicate=st.floats(0, 0.5),
    jitter=st.integers(0, 30 * MILLISECOND),
    sizes=st.lists(st.integers(0, 3000) | st.integers(0, 60_000), min_size=1, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_delivered_once_undamaged_and_nothing_left_over(
    seed: int, modes: tuple[BearerMode, BearerMode], loss: float, duplicate: float, jitter: int, sizes: list[int]
) -> None:
    """A session with a flow on each of two bearers, messages in both directions on both."""
    link = Link(seed, loss, duplicate, jitter)
    flows = []
    for qfi, mode in enumerate(modes, 1):
        link.add_bearer(qfi, mode, 128 + qfi)
        flows.append(FlowMapping(qfi=qfi, bearer=qfi))
    near, far = link.add_session(*flows)
    sent: dict[tuple[str, int], list[bytes]] = {}
    for size in sizes:
        for process, end in ((link.near, near), (link.far, far)):
            qfi, body = link.random.randint(1, 2), link.random.randbytes(size)
            process.endpoint.send(end, [body], link.now, qfi=qfi)
            sent.setdefault((process.hop.name.node, qfi), []).append(body)
    link.run()
    for receiver, sender in ((link.far, link.near), (link.near, link.far)):
        for qfi in (1, 2):
            received = [
                bytes(event.body)
                for _, event in receiver.events
                if isinstance(event, MessageReceived) and event.qfi == qfi
            ]
            assert received == sent.get((sender.hop.name.node, qfi), [])
        acknowledged = [event for _, event in sender.events if isinstance(event, MessageAcknowledged)]
        assert len(acknowledged) == len(sizes)
    link.assert_nothing_left()


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3])
def test_bulk_over_an_acknowledged_bearer(seed: int, loss: float) -> None:
    """Memory is bounded: what is under way and what waits, at both ends, while megabytes pass."""
    print(f"seed {seed}")
    link = Link(seed, loss, 0.1, 5 * MILLISECOND, budget=16 << 20)
    link.add_bearer(1, ACKNOWLEDGED)
    near, _ = link.add_session(FlowMapping(qfi=1, bearer=1))
    body = random.Random(seed).randbytes(3 << 20)
    link.near.endpoint.send(near, [body], 0)
    bulk = [process.hop._bulk[1] for process in (link.near, link.far)]
    while not link.far.received():
        link.run(0.01)
        for bearer in bulk:
            assert bearer._waiting_octets <= MAXIMUM_QUEUED_OCTETS  # type: ignore[union-attr]
            assert bearer._sent_octets < WINDOW_OCTETS + computing_bearer.MAXIMUM_PDU  # type: ignore[union-attr]
            assert bearer._held_octets < WINDOW_OCTETS + computing_bearer.MAXIMUM_PDU  # type: ignore[union-attr]
    link.run()
    assert link.far.received() == [body]
    assert near.session.segments_repeated <= near.session.segments_sent * 0.5
    link.assert_nothing_left()


def test_what_the_bearers_queue_cannot_hold_is_dropped_by_name_and_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing_bearer, "MAXIMUM_QUEUED", 10)
    monkeypatch.setattr(computing_bearer, "WINDOW", 4)
    link = Link(budget=4 << 20)
    link.add_bearer(1, ACKNOWLEDGED)
    near, _ = link.add_session(FlowMapping(qfi=1, bearer=1))
    body = random.Random(1).randbytes(200_000)
    link.near.endpoint.send(near, [body], 0)
    link.run()
    assert link.near.drops[Drop.SEND_QUEUE_FULL] > 0
    assert link.far.received() == [body]
    link.assert_nothing_left()


def test_sessions_of_a_failed_bearer_are_told_and_others_go_on() -> None:
    link = Link()
    link.add_bearer(1, ACKNOWLEDGED)
    link.add_bearer(2, UNACKNOWLEDGED, 129)
    (one, _), (both, _), (other, _) = (
        link.add_session(*(FlowMapping(qfi=bearer, bearer=bearer) for bearer in bearers))
        for bearers in ((1,), (1, 2), (2,))
    )
    link.far.hop.remove_bearer(1)
    link.near.endpoint.send(one, [b"lost"], 0)
    link.run()
    told = {end.handle: event.cause for end, event in link.near.events if isinstance(event, SessionClosed)}
    assert told == {one.handle: Cause.PEER_LOST, both.handle: Cause.PEER_LOST}
    assert link.near.hop.has_failed(1) and not link.near.hop.has_failed(2)
    link.near.endpoint.send(other, [b"arrives"], link.now)
    link.run()
    assert link.far.received() == [b"arrives"]
    assert not link.near.hop.signalling.failed
    assert link.near.hop.take_failed_bearers() == []
    link.assert_nothing_left()


def test_a_bearer_made_anew_carries_again() -> None:
    link = Link()
    link.add_bearer(1, ACKNOWLEDGED)
    near, _ = link.add_session(FlowMapping(qfi=1, bearer=1))
    link.far.hop.remove_bearer(1)
    link.near.endpoint.send(near, [b"lost"], 0)
    link.run()
    for process in (link.near, link.far):
        process.hop.remove_bearer(1)
    link.add_bearer(1, ACKNOWLEDGED)
    assert not link.near.hop.has_failed(1)
    fresh, _ = link.add_session(FlowMapping(qfi=1, bearer=1))
    link.near.endpoint.send(fresh, [b"arrives"], link.now)
    link.run()
    assert link.far.received() == [b"arrives"]


@given(seed=st.integers(0, 2**32), before=MODES, after=MODES, loss=st.floats(0, 0.3), when=st.floats(0, 0.2))
@settings(max_examples=15, deadline=None)
def test_a_session_moves_to_another_bearer_with_messages_under_way(
    seed: int, before: BearerMode, after: BearerMode, loss: float, when: float
) -> None:
    link = Link(seed, loss, jitter=5 * MILLISECOND)
    link.add_bearer(1, before)
    near, far = link.add_session(FlowMapping(qfi=1, bearer=1))
    bodies = [link.random.randbytes(100_000) for _ in range(3)]
    for body in bodies:
        link.near.endpoint.send(near, [body], 0)
        link.far.endpoint.send(far, [body[::-1]], 0)
    link.run(when)
    link.add_bearer(2, after, 129)
    for process, end in ((link.far, far), (link.near, near)):
        flows = (FlowMapping(qfi=1, bearer=2),)
        process.endpoint.path_changed(end, PathReason.BEARER_CHANGED, link.now, flows)
        process.hop.remove_bearer(1)
    link.run()
    assert link.far.received() == bodies
    assert link.near.received() == [body[::-1] for body in bodies]
    link.assert_nothing_left()


def test_quality_of_service_changes_and_the_mode_does_not() -> None:
    link = Link()
    link.add_bearer(1, ACKNOWLEDGED)
    link.add_bearer(1, ACKNOWLEDGED, 129)
    assert link.near.hop.bearers == {1: configuration(1, ACKNOWLEDGED, 129)}
    with pytest.raises(ValueError, match=r"bearer 1: mode .*allowed"):
        link.near.hop.add_bearer(configuration(1, UNACKNOWLEDGED, 129))
    assert link.near.hop.bearers == {1: configuration(1, ACKNOWLEDGED, 129)}
