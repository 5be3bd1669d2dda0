"""Runs of DATA are taken as columns. Whatever a run holds, it leads to the same as its PDUs one by one."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from net4ai.codecs.dep import CongestionMark, DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import REORDERING_DELAY
from net4ai.stack.dep.data_run import COLUMNS_FROM
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND

SEGMENT = 64
LENGTHS = {1: 64 * 60, 2: 64 * 60 + 10, 3: 64 * 3, 4: 17, 5: 64 * 500}
"""Of the messages by their ids."""
BODIES = {message_id: random.Random(message_id).randbytes(length) for message_id, length in LENGTHS.items()}


def segment(message_id: int, index: int, number: int, *, length: int = 0, odd: int = 0, other: bool = False) -> bytes:
    """What follows the first 8 octets of DATA: `odd` octets away from its place, with `other` octets."""
    body = BODIES[message_id]
    offset = index * SEGMENT
    payload = body[offset : offset + SEGMENT]
    if other:
        payload = bytes(octet ^ 0x55 for octet in payload)
    return struct.pack(">IIII", message_id, offset + odd, length or len(body), number % (1 << 32)) + payload


def run_of(segments: list[bytes], first: bytes) -> tuple[bytes, int]:
    """Segments in a batch, and their stride: that of the first. Shorter ones are filled up but at the end."""
    stride = 16 + len(segments[0])
    whole = [first + octets[: stride - 16].ljust(stride - 16, b"\0") for octets in segments]
    whole[-1] = first + segments[-1][: stride - 16]
    return b"".join(whole), stride


def state(one: Any) -> Any:
    """Everything a receiver knows."""
    session = one.session
    flows = []
    for flow in session._receivers.values():
        open_messages = {}
        for key, message in flow.open.items():
            size = message.segment
            stored = [
                bytes(message.buffer.view[at * size : (at + 1) * size])
                for at, arrived in enumerate(message.got)
                if arrived
            ]
            names = ("base", "arrived", "ack_at", "unacknowledged", "last_arrival", "timer", "silences", "granted")
            known = {name: getattr(message, name) for name in (*names, "permitted")}
            open_messages[key] = (bytes(message.got), stored, known)
        marks = (flow._marks._arrived, flow._marks._marked)
        flows.append((open_messages, flow._highest, flow._highest_time, flow._final_acks, sorted(flow.held), marks))
    return flows, one.budget.reserved, session._heard, session.drops, session.next_deadline()


def outputs(one: Any) -> Any:
    events = [(event.qfi, event.message_id, event.is_response, bytes(event.body)) for event in one.events()]
    return events, one.session.control_to_send(one.now)


class Both:
    """Two receivers of the same: one takes runs, the other PDUs one by one."""

    def __init__(self, lone: Any, permitted: Any, scarce: bool = False) -> None:
        """`scarce`: a message of another session has most of the credit."""
        self.told: list[list[tuple[str, int]]] = [[], []]
        self.ones = [
            lone(permitted, budget=1 << 17, on_drop=lambda reason, octets, told=told: told.append((reason, octets)))
            for told in self.told
        ]
        for one in self.ones:
            if scarce:
                one.budget.claim("other session", length=1 << 20, segment=SEGMENT)
            for qfi in (1, 2, 2, 2):
                one.session.send(qfi, [b"question"], now=0)
            for burst in one.session.data_to_send(0, 1 << 20):
                assert burst.segments

    def receive(self, run: bytes, stride: int) -> None:
        runs, single = self.ones
        before = bytes(run)
        runs.session.receive_run(memoryview(bytearray(run)), stride, runs.now)
        for at in range(0, len(before), stride):
            single.session.receive(before[at + 8 : at + stride], single.now)
        assert state(runs) == state(single)
        assert self.told[0] == self.told[1]

    def wait(self, nanoseconds: int) -> None:
        results = []
        for one in self.ones:
            one.now += nanoseconds
            one.session.advance(one.now)
            results.append(outputs(one))
        assert results[0] == results[1]


def first_octets(qfi: int, response: bool, ack_requested: bool, congested: bool) -> bytes:
    mark = CongestionMark.EXPERIENCED if congested else CongestionMark.CAPABLE_0
    header = pdus.pack_header(
        1, DepType.DATA, handle=7, qfi=qfi, response=response, ack_requested=ack_requested, congestion=mark
    )
    return bytes(8) + header[:8]


PIECES = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 2, 2, 3, 4, 5, 5]),
        st.one_of(st.just(-1), st.integers(0, 300)),
        st.integers(1, 40),
        st.sampled_from(["in order"] * 6 + ["shuffled", "holes", "again", "other", "odd", "length", "announced"]),
        st.sampled_from([0, 0, 0, 0, 1, 5, -3, 1 << 31, (1 << 30) + 1, 1 << 29]),
    ),
    min_size=1,
    max_size=4,
)
"""Of each piece of a run: message, first segment (-1: where the last piece of it ended), how many, in what state, and
by how much packet numbers go on before it."""


def segments_of(
    pieces: list[tuple[int, int, int, str, int]], number: int, reached: dict[int, int], source: random.Random
) -> tuple[list[bytes], int]:
    segments: list[bytes] = []
    for message_id, start, many, kind, step in pieces:
        count = -(-LENGTHS[message_id] // SEGMENT)
        start = reached.get(message_id, 0) if start < 0 else start
        indices = list(range(min(start, count - 1), min(start + many, count)))
        reached[message_id] = indices[-1] + 1
        if kind == "shuffled":
            source.shuffle(indices)
        elif kind == "holes":
            indices = [index for index in indices if source.random() < 0.7]
        elif kind == "again":
            indices += indices[: source.randrange(3)]
        spoiled = source.choice(indices) if indices else 0
        number += step
        for index in indices:
            number += 1
            spoil = index == spoiled
            octets = segment(
                message_id,
                index,
                number,
                odd=(kind == "odd" and spoil) * source.choice([1, SEGMENT, 1 << 20]),
                length=(kind == "length" and spoil) * (LENGTHS[message_id] + 1),
                other=kind == "other" and spoil,
            )
            segments.append(octets[:16] if kind == "announced" and spoil else octets)
    return segments, number


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(
        st.tuples(PIECES, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 1, 30]), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    qfi=st.sampled_from([1, 2, 3]),
    unscheduled=st.sampled_from([0, 640, 6400, 1 << 16]),
    scarce=st.booleans(),
    number=st.sampled_from([0, (1 << 32) - 20]),
    seed=st.integers(0, 1 << 16),
)
def test_a_run_equals_its_pdus_one_by_one(runs, qfi, unscheduled, scarce, number, seed, lone, permit):
    source = random.Random(seed)
    both = Both(lone, permit(segment_size=SEGMENT, unscheduled=unscheduled), scarce)
    if number:
        for one in both.ones:
            one.session._receivers[qfi]._highest = number
    reached: dict[int, int] = {}
    for pieces, response, asked, congested, milliseconds, cut in runs:
        segments, number = segments_of(pieces, number, reached, source)
        if not segments:
            continue
        run, stride = run_of(segments, first_octets(qfi, response, asked, congested))
        if cut:
            run = run[: len(run) - source.randrange(min(len(run), stride))]
        both.receive(run, stride)
        if milliseconds:
            both.wait(milliseconds * MILLISECOND)
    both.wait(100 * MILLISECOND)


def test_a_run_in_order_is_never_looked_at_one_by_one(lone, permit, monkeypatch):
    """Not even after loss, out of order, or marked: else the columns would be for nothing."""
    one = lone(permit(segment_size=SEGMENT, unscheduled=1 << 16))
    receiver = one.session._receivers[2]
    scalar = []
    on_data = receiver.on_data
    monkeypatch.setattr(receiver, "on_data", lambda data, *rest: (scalar.append(data.offset), on_data(data, *rest))[1])
    order = [*range(20), *range(30, 40), *range(25, 30), 24, 22, 20, 23, 21, *range(40, 61)]
    numbers = [*range(1, 21), *range(31, 41), *range(26, 31), *range(41, 46), *range(50, 71)]
    segments = [segment(2, index, number) for index, number in zip(order, numbers, strict=True)]
    for start in (0, 15, 30, 45):
        part = segments[start : start + 15] if start < 45 else segments[start:]
        run, stride = run_of(part, first_octets(2, False, False, start == 15))
        one.session.receive_run(bytearray(run), stride, 0)
    assert scalar == [0]
    assert [bytes(event.body) for event in one.events()] == [BODIES[2]]
    assert not one.session.drops


def test_a_run_out_of_order_is_acknowledged_soon(lone, permit):
    """Though it leaves no gap, and came behind none."""
    both = Both(lone, permit(segment_size=SEGMENT, unscheduled=1 << 16))
    first = first_octets(2, False, False, False)
    both.receive(*run_of([segment(1, index, index + 1) for index in range(10)], first))
    both.receive(*run_of([segment(1, index, index + 1) for index in (*range(11, 20), 10)], first))
    assert both.ones[0].session.next_deadline() == REORDERING_DELAY


def test_a_run_beyond_what_is_permitted_is_refused(lone, permit):
    both = Both(lone, permit(segment_size=SEGMENT, unscheduled=640), scarce=True)
    first = first_octets(2, False, False, False)
    both.receive(*run_of([segment(5, index, index + 1) for index in range(10)], first))
    both.wait(0)
    permitted = both.ones[0].session._receivers[2].open[False, 5].permitted // SEGMENT
    assert 20 < permitted < 400
    both.receive(*run_of([segment(5, index, index + 1) for index in range(permitted - 10, permitted)], first))
    both.receive(*run_of([segment(5, index, index + 1) for index in range(permitted, permitted + 10)], first))
    assert both.ones[0].session.drops == {Drop.CREDIT_VIOLATION: 10}


def test_packet_numbers_that_leap_are_followed_one_by_one(lone, permit):
    """Each is near the one before it; all together are not near the first."""
    both = Both(lone, permit(segment_size=SEGMENT, unscheduled=1 << 16))
    run = [segment(1, index, 0x60000000 * index) for index in range(10)]
    both.receive(*run_of(run, first_octets(2, False, False, False)))
    assert both.ones[0].session._receivers[2]._highest == 9 * 0x60000000


def test_other_octets_in_a_run_end_the_message(lone, permit):
    one = lone(permit(segment_size=SEGMENT, unscheduled=1 << 16))
    first = first_octets(2, False, False, False)
    run, stride = run_of([segment(1, index, index + 1) for index in range(20)], first)
    one.session.receive_run(bytearray(run), stride, 0)
    again = [segment(1, index, index + 21, other=index == 17) for index in range(10, 30)]
    run, stride = run_of(again, first)
    one.session.receive_run(bytearray(run), stride, 0)
    assert one.session.drops == {Drop.DUPLICATE: 7, Drop.OVERLAPPING_DATA: 1, Drop.FAILED_MESSAGE: 12}
    assert one.session.idle


@pytest.mark.parametrize("field", ["number", "offset"])
def test_a_field_that_runs_over_is_not_taken_for_the_next_one(lone, permit, field):
    """Two fields are compared as one number: what is carried from the lower into the upper one must not look right."""
    permitted = permit(segment_size=SEGMENT, unscheduled=1 << 16, maximum_message=0xFFFFFFFF)
    both = Both(lone, permitted)
    many = COLUMNS_FROM * 3
    length, top = len(BODIES[1]), 1 << 32
    octets = []
    for index in range(many):
        place = (1 << 32 | top - 2 * SEGMENT) + index * SEGMENT if field == "offset" else 1 << 32 | index * SEGMENT
        pair = (length << 32 | top - 2) + index if field == "number" else length << 32 | index + 1
        octets.append(struct.pack(">QQ", place, pair) + bytes(SEGMENT))
    run, stride = run_of(octets, first_octets(2, False, False, False))
    both.receive(run, stride)
    assert both.ones[0].session.drops


def test_a_run_that_is_not_plain_data(lone, permit):
    """Other types, other versions, extensions, flows that are not there, PDUs that are cut: as one by one."""
    both = Both(lone, permit(segment_size=SEGMENT))
    for version, kind, qfi, words, size in [
        (1, DepType.PING, 1, 0, 4),
        (2, DepType.DATA, 1, 0, 72),
        (1, DepType.DATA, 9, 0, 72),
        (1, DepType.DATA, 1, 2, 80),
        (1, DepType.DATA, 1, 0, 7),
        (1, DepType.DATA, 1, 0, 0),
    ]:
        header = pdus.pack_header(version, kind, handle=7, qfi=qfi, extension_words=words)
        pdu = bytes(8) + header + bytes(size)
        both.receive(pdu * 7, len(pdu))
    both.wait(10 * MILLISECOND)
    assert len(both.told[0]) > 20
