"""Two acknowledged bearers joined in memory, with an explicit clock and a bad link between them."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.l2 import BearerType, L2Header, MissingRange, Segmentation, SegmentOffset, StatusReport
from net4ai.stack import acknowledged_bearer as module
from net4ai.stack.acknowledged_bearer import (
    INITIAL_TIMEOUT,
    MAXIMUM_DELIVERED_SDUS,
    MAXIMUM_PDU,
    MAXIMUM_QUEUED_SDUS,
    MAXIMUM_SDU,
    MAXIMUM_TIMEOUT,
    MINIMUM_TIMEOUT,
    WINDOW,
    AcknowledgedBearer,
    BearerFailed,
    BearerQueueFull,
    RetransmissionTimeout,
    srb0_pdu,
    srb0_sdu,
)
from net4ai.stack.drops import Drop

MS = 1_000_000
SECOND = 1000 * MS
END_OF_PATIENCE = 3600 * SECOND


def bearer(first_count: int = 0, maximum_pdu: int = MAXIMUM_PDU, **options: int) -> AcknowledgedBearer:
    return AcknowledgedBearer(
        bearer_type=BearerType.SRB,
        bearer=1,
        c_rnti=0x4601,
        first_count=first_count,
        maximum_pdu=maximum_pdu,
        **options,
    )


def header(**fields: int) -> bytes:
    usual = {"is_data": 1, "segmentation": 0, "poll": 0, "has_mac": 0, "bearer": 1, "c_rnti": 0x4601, "count": 0}
    return L2Header(**{"bearer_type": BearerType.SRB, **usual, **fields}).to_bytes()


def fields_of(pdu: Buffer) -> L2Header:
    return L2Header.read(pdu)[0]


@dataclass
class Link:
    """Two bearers, each direction with loss, duplication, delay and jitter (which reorders), under one clock."""

    near: AcknowledgedBearer
    far: AcknowledgedBearer
    seed: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    delay: int = 0
    jitter: int = 0
    now: int = 0
    sent: int = 0
    longest: int = 0
    random: random.Random = field(init=False)
    _under_way: list[tuple[int, int, AcknowledgedBearer, bytes]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def flush(self) -> None:
        """Put on the link what the bearers want to send."""
        for source, target in ((self.near, self.far), (self.far, self.near)):
            for pdu in source.datagrams_to_send(self.now):
                self.sent += 1
                self.longest = max(self.longest, len(pdu))
                copies = 0 if self.random.random() < self.loss else 1 + (self.random.random() < self.duplicate)
                for _ in range(copies):
                    due = self.now + self.delay + round(self.random.random() * self.jitter)
                    heapq.heappush(self._under_way, (due, next(self._order), target, pdu))

    def step(self) -> bool:
        """Go to the next event. False: there is none."""
        self.flush()
        times = [end.next_deadline() for end in (self.near, self.far)]
        times += [self._under_way[0][0]] if self._under_way else []
        events = [time for time in times if time is not None]
        if not events:
            return False
        self.now = max(self.now, min(events))
        assert self.now < END_OF_PATIENCE
        while self._under_way and self._under_way[0][0] <= self.now:
            _, _, target, pdu = heapq.heappop(self._under_way)
            target.receive(pdu, self.now)
        for end in (self.near, self.far):
            end.advance(self.now)
        return True

    def run(self) -> None:
        """Until nothing happens any more."""
        while self.step():
            pass

    def take(self, end: AcknowledgedBearer) -> list[bytes]:
        return list(iter(end.next_sdu, None))


def pair(first_count: int = 0, maximum_pdu: int = MAXIMUM_PDU, **link: float) -> Link:
    return Link(bearer(first_count, maximum_pdu), bearer(first_count, maximum_pdu), **link)  # type: ignore[arg-type]


def check_all_quiet(link: Link) -> None:
    for end in (link.near, link.far):
        check_quiet(end)


def check_quiet(end: AcknowledgedBearer) -> None:
    assert not end.failed
    assert end.idle
    assert end.next_deadline() is None
    assert end.datagrams_to_send(END_OF_PATIENCE) == []


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
        near.receive(report, now)
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
        near.receive(report, now)
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
# What the peer or a stranger gets wrong


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (b"", "truncated"),
        (header()[:7], "truncated"),
        (b"\xe0" + header()[1:] + b"x", "value out of range"),
        (header(), Drop.PDU_EMPTY),
        (header(bearer=2) + b"x", Drop.WRONG_BEARER),
        (header(bearer_type=BearerType.CRB) + b"x", Drop.WRONG_BEARER),
        (header(c_rnti=1) + b"x", Drop.WRONG_BEARER),
        (header(has_mac=1) + b"xxxxx", Drop.INTEGRITY_NOT_CONFIGURED),
        (header(is_data=0, has_mac=1) + bytes(8), Drop.INTEGRITY_NOT_CONFIGURED),
        (header(segmentation=Segmentation.LAST) + bytes(3), "truncated"),
        (header(segmentation=Segmentation.LAST) + bytes(4), Drop.PDU_EMPTY),
        (header() + bytes(MAXIMUM_PDU - 7), Drop.PDU_TOO_LONG),
        (header(is_data=0) + bytes(3), "truncated"),
        (header(is_data=0) + bytes(4 + 5), "truncated"),
        (header(is_data=0) + bytes(4 + 6), "value out of range"),
        (header(is_data=0) + bytes(4 + 6 * 65), "length out of range"),
        (header(is_data=0) + (1).to_bytes(4, "big"), Drop.STALE_STATUS),
        (header(is_data=0) + (2**31).to_bytes(4, "big"), Drop.STALE_STATUS),
        (header(is_data=0) + (2**32 - WINDOW - 1).to_bytes(4, "big"), Drop.STALE_STATUS),
    ],
)
def test_refused(pdu: bytes, reason: str) -> None:
    end = bearer()
    end.receive(pdu, 0)
    assert end.drops.counts == {str(reason): 1}
    assert end.idle
    assert end.datagrams_to_send(0) == []


def segment(count: int, segmentation: int, offset: int, payload: bytes) -> bytes:
    has_offset = segmentation in (Segmentation.MIDDLE, Segmentation.LAST)
    body = SegmentOffset(offset=offset).to_bytes() if has_offset else b""
    return header(count=count, segmentation=segmentation) + body + payload


FIRST, MIDDLE, LAST, COMPLETE = Segmentation.FIRST, Segmentation.MIDDLE, Segmentation.LAST, Segmentation.COMPLETE


@pytest.mark.parametrize(
    "segments",
    [
        [(MIDDLE, 0, b"a")],
        [(LAST, 0, b"a")],
        [(FIRST, 0, b"ab"), (LAST, 3, b"d")],
        [(FIRST, 0, b"ab"), (LAST, 1, b"d")],
        [(FIRST, 0, b"ab"), (MIDDLE, 2, b"c"), (LAST, 2, b"d")],
        [(FIRST, 0, b"ab")],
    ],
)
def test_wrong_segments_cost_one_service_data_unit(segments: list[tuple[int, int, bytes]]) -> None:
    far = bearer()
    for count, each in enumerate([*segments, (COMPLETE, 0, b"whole"), (FIRST, 0, b"to"), (LAST, 2, b"gether")]):
        far.receive(segment(count, *each), 0)
    assert list(iter(far.next_sdu, None)) == [b"whole", b"together"]
    assert far.drops.counts == {Drop.SEGMENT_OUT_OF_ORDER: 1}


def test_segments_without_end_are_bounded() -> None:
    far = bearer()
    payload = bytes(1024)
    far.receive(segment(0, FIRST, 0, payload), 0)
    for count in range(1, 100):
        far.receive(segment(count, MIDDLE, count * 1024, payload), 0)
    assert far.drops[Drop.SDU_TOO_LONG] == 1
    far.receive(segment(100, COMPLETE, 0, b"x"), 0)
    assert far.next_sdu() == b"x"


def test_report_may_not_acknowledge_what_was_never_sent() -> None:
    near = bearer()
    near.send(b"x", 0)
    near.datagrams_to_send(0)
    near.receive(header(is_data=0) + (2).to_bytes(4, "big"), 0)
    assert near.drops.counts == {Drop.STALE_STATUS: 1}
    assert not near.idle


def test_old_report_does_no_harm() -> None:
    """Overtaken by a newer one, it names as missing what has arrived since."""
    near, far = bearer(), bearer()
    for number in range(4):
        near.send(b"%d" % number, 0)
    pdus = near.datagrams_to_send(0)
    far.receive(pdus[2], 0)
    (old,) = far.datagrams_to_send(0)
    for pdu in pdus:
        far.receive(pdu, 0)
    (new,) = far.datagrams_to_send(0)
    near.receive(new, 0)
    near.receive(old, 0)
    assert near.idle
    assert near.datagrams_to_send(0) == []


@pytest.mark.parametrize("seed", range(2))
def test_random_input_never_raises(seed: int) -> None:
    """10,000 each: random octets, and octets that begin like a PDU of this bearer, while it is in use."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    end = bearer()
    for now in range(10_000):
        data = rng.randbytes(rng.randrange(40))
        if rng.random() < 0.8:
            fields = {
                "is_data": rng.random() < 0.5,
                "segmentation": rng.randrange(4),
                "poll": rng.random() < 0.5,
                "count": rng.randrange(200) if rng.random() < 0.9 else rng.getrandbits(32),
            }
            small = rng.randrange(200).to_bytes(4, "big")
            data = header(**fields) + (small if rng.random() < 0.5 else b"") + data[: 6 * rng.randrange(4)]
        if rng.random() < 0.1 and len(end._waiting) < 100 and not end.failed:
            end.send(data or b"x", now)
        end.receive(data, now * MS)
        for pdu in end.datagrams_to_send(now * MS):
            assert fields_of(pdu).c_rnti == 0x4601
        deadline = end.next_deadline()
        if deadline is not None and rng.random() < 0.01:
            end.advance(deadline)
        assert len(end._sent) <= WINDOW
        assert len(end._held) < WINDOW
        if rng.random() < 0.1:
            end.next_sdu()


# ---------------------------------------------------------------------------------------------------------------------
# The wire, by hand


def test_pdus_on_the_wire() -> None:
    near, far = bearer(0xFF), bearer(0xFF)
    near.send(b"hi", 0)
    (pdu,) = near.datagrams_to_send(0)
    assert pdu == bytes.fromhex("24 01 4601 000000ff 6869")
    far.receive(pdu, 0)
    (report,) = far.datagrams_to_send(0)
    assert report == bytes.fromhex("00 01 4601 00000000 00000100")


def test_segments_on_the_wire() -> None:
    near = bearer(maximum_pdu=64)
    near.send(bytes(56 + 52 + 1), 0)
    pdus = near.datagrams_to_send(0)
    assert [pdu[:12].hex(" ", 4) for pdu in pdus] == [
        "28014601 00000000 00000000",
        "38014601 00000001 00000038",
        "34014601 00000002 0000006c",
    ]
    assert [len(pdu) for pdu in pdus] == [64, 64, 13]


def test_reports_are_numbered() -> None:
    far = bearer()
    counts = []
    for count in range(3):
        far.receive(header(count=count, poll=1) + b"x", 0)
        counts += [fields_of(pdu).count for pdu in far.datagrams_to_send(0)]
    assert counts == [0, 1, 2]


# ---------------------------------------------------------------------------------------------------------------------
# SRB0


def test_srb0() -> None:
    pdu = srb0_pdu(b"\x01setup")
    assert pdu == bytes.fromhex("20 00 0000 00000000") + b"\x01setup"
    assert srb0_sdu(memoryview(pdu)) == b"\x01setup"


@pytest.mark.parametrize("length", [0, MAXIMUM_PDU - 7])
def test_srb0_is_never_segmented(length: int) -> None:
    with pytest.raises(EncodeError, match="1 to 1392"):
        srb0_pdu(bytes(length))


SRB0 = {"bearer": 0, "c_rnti": 0}


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (b"", "truncated"),
        (header() + b"x", Drop.WRONG_BEARER),
        (header(**SRB0 | {"c_rnti": 1}) + b"x", Drop.WRONG_BEARER),
        (header(**SRB0, has_mac=1) + b"xxxxx", Drop.INTEGRITY_NOT_CONFIGURED),
        (header(**SRB0, is_data=0) + b"x", Drop.SEGMENTED),
        (header(**SRB0, segmentation=1) + b"x", Drop.SEGMENTED),
        (header(**SRB0), Drop.PDU_EMPTY),
        (header(**SRB0) + bytes(MAXIMUM_PDU), Drop.PDU_TOO_LONG),
    ],
)
def test_not_srb0(pdu: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        srb0_sdu(pdu)
    assert caught.value.reason == reason
