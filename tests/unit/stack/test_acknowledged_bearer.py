"""The acknowledged bearer delivers over bad links, within its bounds, until the peer is lost."""

from __future__ import annotations

import pytest
from bearer_bench import MS, SECOND, bearer, check_all_quiet, check_quiet, fields_of, header, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.errors import EncodeError
from net4ai.codecs.l2 import MissingRange, StatusReport
from net4ai.stack import acknowledged_bearer as module
from net4ai.stack.acknowledged_bearer import (
    MAXIMUM_DELIVERED_SDUS,
    MAXIMUM_PDU,
    MAXIMUM_QUEUED_SDUS,
    MAXIMUM_SDU,
    WINDOW,
    BearerFailed,
    BearerQueueFull,
)
from net4ai.stack.drops import Drop
from net4ai.stack.retransmission_timeout import (
    INITIAL_TIMEOUT,
    MAXIMUM_TIMEOUT,
    MINIMUM_TIMEOUT,
    RetransmissionTimeout,
)

# ---------------------------------------------------------------------------------------------------------------------
# Delivery


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_delivered_once_in_order_intact(loss: float, seed: int) -> None:
    """Both directions at once, all sizes, over a link with everything wrong."""
    print(f"seed {seed}")
    link = pair(seed=seed, loss=loss, duplicate=0.1, delay=5 * MS, jitter=10 * MS)
    sizes = [
        1,
        20,
        MAXIMUM_PDU - 8,
        MAXIMUM_PDU - 7,
        5000,
        MAXIMUM_SDU,
        *(link.random.randrange(1, 3000) for _ in "x" * 30),
    ]
    sdus = [link.random.randbytes(size) for size in sizes]
    answers = [sdu[::-1] for sdu in sdus]
    for sdu, answer in zip(sdus, answers, strict=True):
        link.near.send(sdu, link.now)
        link.far.send(answer, link.now)
        for _ in range(link.random.randrange(4)):
            link.step()
    link.run()
    assert link.take(link.far) == sdus
    assert link.take(link.near) == answers
    assert link.longest <= MAXIMUM_PDU
    check_all_quiet(link)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    first_count=st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 60, 2**32 - 1)),
    maximum_pdu=st.integers(64, 1400),
    loss=st.floats(0, 0.3),
    duplicate=st.floats(0, 1),
    delay=st.integers(0, 300 * MS),
    jitter=st.integers(0, 300 * MS),
    sizes=st.lists(st.one_of(st.integers(1, 300), st.integers(1, 5000)), min_size=1, max_size=20),
)
def test_any_link(
    seed: int,
    first_count: int,
    maximum_pdu: int,
    loss: float,
    duplicate: float,
    delay: int,
    jitter: int,
    sizes: list[int],
) -> None:
    link = pair(first_count, maximum_pdu, seed=seed, loss=loss, duplicate=duplicate, delay=delay, jitter=jitter)
    sdus = [link.random.randbytes(size) for size in sizes]
    for sdu in sdus:
        link.near.send(sdu, link.now)
        link.step()
    link.run()
    assert link.take(link.far) == sdus
    assert link.longest <= maximum_pdu
    check_all_quiet(link)


@pytest.mark.parametrize("before", [0, 1, 2, 50, WINDOW - 1, WINDOW])
def test_count_wraps(before: int) -> None:
    """`before` PDUs are sent before COUNT goes from 2^32 - 1 to 0, in one window with those behind."""
    link = pair(2**32 - before, 200, seed=before, loss=0.2, duplicate=0.2, delay=MS, jitter=MS)
    print(f"seed {link.seed}")
    sdus = [link.random.randbytes(150) for _ in range(3 * WINDOW)]
    for sdu in sdus:
        link.near.send(sdu, link.now)
    link.run()
    assert link.take(link.far) == sdus
    check_all_quiet(link)


def test_a_message_takes_two_datagrams() -> None:
    """The PDU, and the status report its poll asks for."""
    link = pair(delay=10 * MS)
    link.near.send(b"hello", 0)
    assert link.near.next_deadline() is None
    link.run()
    assert (link.sent, link.now) == (2, 20 * MS)
    assert link.take(link.far) == [b"hello"]
    check_all_quiet(link)


def test_lost_message_is_repeated_by_timer() -> None:
    link = pair(loss=1.0)
    link.near.send(b"hello", 0)
    link.flush()
    assert link.near.next_deadline() == INITIAL_TIMEOUT
    link.loss = 0.0
    link.run()
    assert link.now == INITIAL_TIMEOUT
    assert link.take(link.far) == [b"hello"]
    check_all_quiet(link)


def test_lost_end_costs_one_repetition_to_find() -> None:
    """The newest PDU is repeated: the answer to it tells about all before."""
    near, far = bearer(), bearer()
    near.send(bytes(12_000), 0)
    pdus = near.datagrams_to_send(0)
    for pdu in pdus[:-3]:
        far.receive(pdu, MS)
    near.advance(INITIAL_TIMEOUT)
    (repeated,) = near.datagrams_to_send(INITIAL_TIMEOUT)
    assert fields_of(repeated).count == len(pdus) - 1
    far.receive(repeated, INITIAL_TIMEOUT)
    (report,) = far.datagrams_to_send(INITIAL_TIMEOUT)
    near.receive(report, INITIAL_TIMEOUT)
    assert [fields_of(pdu).count for pdu in near.datagrams_to_send(INITIAL_TIMEOUT)] == [len(pdus) - 3, len(pdus) - 2]


def test_new_messages_do_not_put_off_the_timer() -> None:
    near = bearer()
    for now in range(0, INITIAL_TIMEOUT, 10 * MS):
        near.send(b"x", now)
        near.datagrams_to_send(now)
        assert near.next_deadline() == INITIAL_TIMEOUT


def test_gap_is_repaired_without_timer() -> None:
    """A lost PDU in the middle of many costs a round trip, and only itself is repeated."""
    near, far = bearer(), bearer()
    near.send(bytes(20_000), 0)
    pdus = near.datagrams_to_send(0)
    for pdu in [*pdus[:3], *pdus[4:]]:
        far.receive(pdu, 10 * MS)
    (report,) = far.datagrams_to_send(10 * MS)
    near.receive(report, 20 * MS)
    (repeated,) = near.datagrams_to_send(20 * MS)
    assert fields_of(repeated).count == 3
    assert fields_of(repeated).poll
    far.receive(repeated, 30 * MS)
    assert far.next_sdu() == bytes(20_000)


def test_repeated_pdu_on_its_way_is_not_repeated_again() -> None:
    """Two reports within a round trip name the same missing PDU: it is sent once."""
    near, far = bearer(), bearer()
    near.send(bytes(8000), 0)
    pdus = near.datagrams_to_send(0)
    reports = []
    for pdu in pdus[1:]:
        far.receive(pdu, 10 * MS)
        reports += far.datagrams_to_send(10 * MS)
    assert len(reports) == 2, "one for the gap, one for the poll"
    sent = []
    for now, report in enumerate(reports, 20 * MS):
        near.receive(report, now + 100 * MS)
        sent += near.datagrams_to_send(now)
    assert [fields_of(pdu).count for pdu in sent] == [0]


def test_median_delay_at_heavy_loss() -> None:
    """At 30 % loss each way a message on an idle bearer takes a few round trips, not seconds."""
    link = pair(seed=5, loss=0.3, delay=5 * MS)
    delays = []
    for number in range(300):
        began = link.now
        link.near.send(b"%d" % number, began)
        while (sdu := link.far.next_sdu()) is None:
            link.step()
        assert sdu == b"%d" % number
        delays.append(link.now - began)
        link.run()
    delays.sort()
    assert delays[150] == 5 * MS
    assert delays[270] <= 150 * MS
    assert delays[-1] <= SECOND


# ---------------------------------------------------------------------------------------------------------------------
# Bounds


def test_window_bounds_what_is_under_way() -> None:
    near, far = bearer(), bearer()
    for number in range(WINDOW + 10):
        near.send(b"%d" % number, 0)
    pdus = near.datagrams_to_send(0)
    assert len(pdus) == WINDOW
    assert near.datagrams_to_send(0) == []
    for pdu in pdus[1:]:
        far.receive(pdu, 0)
    near.receive(far.datagrams_to_send(0)[0], 0)
    (repeated,) = near.datagrams_to_send(0)
    assert fields_of(repeated).count == 0, "the window does not move past the oldest missing one"
    far.receive(repeated, 0)
    near.receive(far.datagrams_to_send(0)[0], 0)
    assert len(near.datagrams_to_send(0)) == 10


def test_receiver_window() -> None:
    far = bearer()
    far.receive(header(count=WINDOW) + b"x", 0)
    far.receive(header(count=2**31) + b"x", 0)
    far.receive(header(count=2**32 - WINDOW - 1, poll=1) + b"x", 0)
    assert far.drops.counts == {Drop.OUT_OF_WINDOW: 3}
    assert far.datagrams_to_send(0) == []
    far.receive(header(count=WINDOW - 1) + b"x", 0)
    assert far.drops.total == 3


def test_duplicates_are_dropped_and_polls_answered() -> None:
    far = bearer()
    for count in (0, 0, 2, 2):
        far.receive(header(count=count) + b"x", 0)
    assert far.drops.counts == {Drop.DUPLICATE: 2}
    far.datagrams_to_send(0)
    far.receive(header(count=0, poll=1) + b"x", 0)
    (report,) = far.datagrams_to_send(0)
    status = StatusReport.from_bytes(report[8:])
    assert (status.next_count, status.missing_ranges()) == (3, [MissingRange(first=1, length=1)])
    assert list(iter(far.next_sdu, None)) == [b"x"]


def test_most_gaps_a_window_can_have() -> None:
    far = bearer()
    for count in range(1, WINDOW, 2):
        far.receive(header(count=count) + b"x", 0)
    (report,) = far.datagrams_to_send(0)
    status = StatusReport.from_bytes(report[8:])
    assert [gap.first for gap in status.missing_ranges()] == list(range(0, WINDOW, 2))


def test_report_with_too_many_gaps_stops_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_MISSING_RANGES", 2)
    near, far = bearer(), bearer()
    for number in range(8):
        near.send(b"%d" % number, 0)
    for pdu in near.datagrams_to_send(0)[1::2]:
        far.receive(pdu, 0)
    (report,) = far.datagrams_to_send(0)
    assert StatusReport.from_bytes(report[8:]).next_count == 4
    near.receive(report, 0)
    assert [fields_of(pdu).count for pdu in near.datagrams_to_send(0)] == [0, 2]


def test_send_queue_is_bounded() -> None:
    near = bearer()
    for _ in range(MAXIMUM_QUEUED_SDUS):
        near.send(b"x", 0)
    with pytest.raises(BearerQueueFull, match=r"512 service data units .* allowed: 512"):
        near.send(b"x", 0)
    near.datagrams_to_send(0)
    near.send(b"x", 0)


def test_send_queue_is_bounded_in_octets() -> None:
    near = bearer()
    for _ in range(module.MAXIMUM_QUEUED_OCTETS // MAXIMUM_SDU):
        near.send(bytes(MAXIMUM_SDU), 0)
    with pytest.raises(BearerQueueFull):
        near.send(b"x", 0)


def test_send_queue_frees_its_room() -> None:
    link = pair()
    for _ in range(module.MAXIMUM_QUEUED_OCTETS // MAXIMUM_SDU + 1):
        link.near.send(bytes(MAXIMUM_SDU), link.now)
        link.run()
    check_quiet(link.near)


@pytest.mark.parametrize("length", [0, MAXIMUM_SDU + 1])
def test_length_of_service_data_unit(length: int) -> None:
    with pytest.raises(EncodeError, match=rf"{length}.*1 to 65536"):
        bearer().send(bytes(length), 0)


@pytest.mark.parametrize("length", [0, 63, 65508])
def test_length_of_pdu(length: int) -> None:
    with pytest.raises(EncodeError, match=r"maximum_pdu.*64 to 65507"):
        bearer(maximum_pdu=length)


def test_sdu_that_changes_after_send() -> None:
    near, far = bearer(), bearer()
    sdu = bytearray(b"before")
    near.send(memoryview(sdu), 0)
    sdu[:] = b"after!"
    pdu = bytearray(near.datagrams_to_send(0)[0])
    far.receive(memoryview(pdu), 0)
    pdu[:] = bytes(len(pdu))
    assert far.next_sdu() == b"before"
    ahead = bytearray(header(count=2) + b"second")
    far.receive(memoryview(ahead), 0)
    ahead[:] = bytes(len(ahead))
    far.receive(header(count=1) + b"first", 0)
    assert list(iter(far.next_sdu, None)) == [b"first", b"second"]


def test_what_nobody_takes_is_bounded() -> None:
    """A full receiver accepts nothing, so the sender repeats; once there is room all arrives."""
    link = pair(delay=MS)
    sdus = [b"%d" % number for number in range(MAXIMUM_DELIVERED_SDUS + 2 * WINDOW)]
    for sdu in sdus[:MAXIMUM_QUEUED_SDUS]:
        link.near.send(sdu, 0)
    link.flush()
    for sdu in sdus[MAXIMUM_QUEUED_SDUS:]:
        while True:
            try:
                link.near.send(sdu, link.now)
                break
            except BearerQueueFull:
                link.step()
    while not link.far.drops[Drop.RECEIVE_QUEUE_FULL]:
        link.step()
    taken = link.take(link.far)
    assert len(taken) < MAXIMUM_DELIVERED_SDUS + WINDOW
    while link.step():
        taken += link.take(link.far)
    assert taken == sdus
    check_all_quiet(link)


# ---------------------------------------------------------------------------------------------------------------------
# The peer is lost


def test_peer_lost() -> None:
    """Silence: each wait is longer than the one before up to a bound; then the bearer fails and is empty."""
    link = pair(loss=1.0)
    link.near.send(b"first", 0)
    link.near.send(bytes(MAXIMUM_SDU), 0)
    waits, before = [], 0
    while not link.near.failed:
        assert link.step()
        waits.append(link.now - before)
        before = link.now
    assert waits[0] == INITIAL_TIMEOUT
    assert waits == sorted(waits)
    assert waits[-1] == MAXIMUM_TIMEOUT
    assert len(waits) == module.MAXIMUM_REPETITIONS + 1
    assert 15 * SECOND < link.now < 30 * SECOND
    assert link.near.idle
    assert link.near.next_deadline() is None
    assert link.near.datagrams_to_send(link.now) == []
    with pytest.raises(BearerFailed):
        link.near.send(b"more", link.now)
    link.near.receive(header(count=0) + b"x", link.now)
    assert link.near.drops.counts == {Drop.BEARER_FAILED: 1}


def test_peer_lost_while_new_messages_keep_coming() -> None:
    link = pair(loss=1.0)
    while not link.near.failed:
        link.near.send(b"x", link.now)
        assert link.step()
    assert link.now < 30 * SECOND


def test_peer_that_always_asks_again() -> None:
    """It answers, but says it never gets the PDU: not silence, and not for ever either."""
    near = bearer()
    near.send(b"x", 0)
    report = (
        header(is_data=0) + StatusReport(next_count=1, missing=MissingRange(first=0, length=1).to_bytes()).to_bytes()
    )
    for now in range(0, 100 * SECOND, SECOND):
        near.datagrams_to_send(now)
        if near.failed:
            break
        near.receive(report, now + 100 * MS)
    assert near.failed
    assert now == (module.MAXIMUM_REPETITIONS + 1) * SECOND


def test_a_cut_shorter_than_patience_is_survived() -> None:
    link = pair(delay=MS, loss=1.0)
    link.near.send(b"x", 0)
    while link.now < 10 * SECOND:
        link.step()
    link.loss = 0.0
    link.run()
    assert link.take(link.far) == [b"x"]
    check_all_quiet(link)


@pytest.mark.parametrize("delay", [400 * MS, 2 * SECOND, 9 * SECOND])
def test_round_trip_longer_than_the_first_timeout(delay: int) -> None:
    link = pair(delay=delay)
    for number in range(5):
        link.near.send(b"%d" % number, link.now)
        link.run()
    assert link.take(link.far) == [b"0", b"1", b"2", b"3", b"4"]
    check_all_quiet(link)


def test_timeout_learns_a_long_round_trip() -> None:
    """Longer than the first timeout: after a few messages nothing is repeated needlessly."""
    link = pair(delay=200 * MS)
    for _ in range(5):
        link.near.send(b"x", link.now)
        link.run()
    before = link.sent
    link.near.send(b"x", link.now)
    link.run()
    assert link.sent == before + 2


def test_answer_to_a_repeated_pdu_measures_nothing() -> None:
    """It may have been to the first transmission: taken for the second's it would be much too short."""
    near, far = bearer(), bearer()
    near.send(b"x", 0)
    near.datagrams_to_send(0)
    near.advance(INITIAL_TIMEOUT)
    for pdu in near.datagrams_to_send(INITIAL_TIMEOUT):
        far.receive(pdu, INITIAL_TIMEOUT)
    near.receive(far.datagrams_to_send(0)[0], INITIAL_TIMEOUT + MS)
    near.send(b"y", SECOND)
    near.datagrams_to_send(SECOND)
    assert near.next_deadline() == SECOND + INITIAL_TIMEOUT


def test_retransmission_timeout() -> None:
    timeout = RetransmissionTimeout()
    values = []
    for _ in range(6):
        values.append(timeout.value)
        timeout.expired()
    assert values == [INITIAL_TIMEOUT] * 3 + [2 * INITIAL_TIMEOUT, 4 * INITIAL_TIMEOUT, MAXIMUM_TIMEOUT]
    timeout.answered()
    assert timeout.value == MAXIMUM_TIMEOUT, "nothing measured yet"
    timeout.measured(MS)
    assert timeout.value == MINIMUM_TIMEOUT
    for _ in range(100):
        timeout.expired()
    assert timeout.value == MAXIMUM_TIMEOUT
    timeout.answered()
    assert timeout.value == MINIMUM_TIMEOUT
    for _ in range(100):
        timeout.measured(3 * SECOND)
    for _ in range(100):
        assert 3 * SECOND <= timeout.value <= 4 * SECOND
        timeout.expired()


# ---------------------------------------------------------------------------------------------------------------------
# A successor


@pytest.mark.parametrize("seed", range(6))
def test_what_a_successor_has_to_send_again_leaves_no_gap(seed: int) -> None:
    """Whenever the bearer ends: what was delivered, then what is not acknowledged, is all there was, in order."""
    print(f"seed {seed}")
    link = pair(seed=seed, loss=0.3, delay=5 * MS, jitter=20 * MS)
    sent = [bytes([number]) * link.random.choice([1, 20, 3000]) for number in range(100)]
    for sdu in sent:
        link.near.send(sdu, 0)
    delivered = 0
    while link.near.unacknowledged:
        delivered += len(link.take(link.far))
        again = link.near.unacknowledged
        assert again == sent[len(sent) - len(again) :]
        assert delivered + len(again) >= len(sent)
        link.step()
    assert delivered + len(link.take(link.far)) == len(sent)


def test_a_lost_peer_leaves_what_it_has_not_acknowledged() -> None:
    link = pair()
    for number in range(200):
        link.near.send(bytes([number]), 0)
    link.loss = 1.1
    link.run()
    assert link.near.failed
    assert link.near.unacknowledged == [bytes([number]) for number in range(200)]


def test_nothing_is_kept_of_what_is_acknowledged() -> None:
    link = pair(loss=0.2, delay=MS)
    for size in (1, 5000, 20):
        link.near.send(bytes(size), 0)
    link.run()
    assert link.near.unacknowledged == []
    assert not link.near._since_oldest
