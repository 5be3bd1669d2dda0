"""Bursts as octets: however segments are written, they are what their headers say, one stride apart."""

from __future__ import annotations

import random
import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.stack.dep.constants import BURST_OCTETS, BURST_SEGMENTS
from net4ai.stack.dep.outgoing_message import OutgoingMessage, Segments
from net4ai.stack.dep.staging import COLUMNS_FROM, LAYOUTS, StagingBuffer

PREFIX = bytes(range(1, 9))
BODY = random.Random(1).randbytes(200_000)


def message(segment: int, length: int, message_id: int = 7) -> OutgoingMessage:
    return OutgoingMessage(1, False, message_id, memoryview(BODY[:length]), segment, PREFIX)


def one_by_one(sent: OutgoingMessage, segments: Segments, number: int) -> list[bytes]:
    """The same segments without layer 2, written by the book."""
    octets = []
    for index in segments:
        offset = int(index) * sent.segment
        head = struct.pack(">8sIIII", PREFIX, sent.message_id, offset, sent.length, number % (1 << 32))
        octets.append(head + bytes(sent.body[offset : offset + sent.segment]))
        number += 1
    return octets


def split(staging: StagingBuffer) -> list[bytes]:
    octets = bytes(staging.data)
    return [octets[at + 8 : at + staging.stride] for at in range(0, len(octets), max(1, staging.stride))]


@settings(max_examples=200, deadline=None)
@given(
    segment=st.sampled_from([64, 1000, 1400, 9000, 60_000]),
    pieces=st.lists(
        st.tuples(st.integers(1, 0xFFFFFFFF), st.integers(0, 200_000), st.integers(0, 90), st.integers(0, 99)),
        min_size=1,
        max_size=8,
    ),
    number=st.sampled_from([1, (1 << 32) - 5, (1 << 32) - 500, 1 << 40]),
    seed=st.integers(0, 1 << 16),
)
def test_a_burst_is_what_its_headers_say(segment, pieces, number, seed):
    """Pieces of several messages: neighbours, any indices, or the short end; as many as there is room for."""
    source, staging, expected = random.Random(seed), StagingBuffer(), []
    staging.begin()
    for message_id, length, many, start in pieces:
        sent = message(segment, length, message_id)
        start = min(start, max(0, sent.whole - 1))
        at_most = min(many, sent.whole - start, staging.room(segment), (1 << 32) - number % (1 << 32))
        segments: Segments = range(start, start + max(0, at_most))
        if at_most > 1 and source.random() < 0.5:
            segments = np.array(sorted(source.sample(range(sent.whole), at_most)))
        if at_most <= 0:
            end = length - sent.whole * segment
            if not end or not staging.room(end):
                continue
            segments = range(sent.whole, sent.whole + 1)
        expected += one_by_one(sent, segments, number)
        staging.append(sent, segments, PREFIX, number)
        number += len(segments)
    assert split(staging) == expected
    assert staging.segments == len(expected) <= BURST_SEGMENTS
    assert len(staging.data) <= BURST_OCTETS
    assert {len(octets) for octets in expected[:-1]} <= {staging.stride - 8}


def test_behind_a_shorter_one_nothing_follows():
    staging = StagingBuffer()
    staging.begin()
    sent = message(1000, 10_500)
    staging.append(sent, range(3), PREFIX, 1)
    assert (staging.room(1000), staging.room(1001), staging.room(500)) == (BURST_SEGMENTS - 3, 0, 1)
    assert not staging.full
    staging.append(sent, range(10, 11), PREFIX, 4)
    assert (staging.room(1000), staging.room(500), staging.room(0)) == (0, 0, 0)
    assert staging.full


def test_an_announcement_has_no_payload():
    staging = StagingBuffer()
    staging.begin()
    sent = message(1000, 10_500)
    sent.base = 4
    staging.announce(sent, PREFIX, 9)
    assert split(staging) == [struct.pack(">8sIIII", PREFIX, 7, 4000, 10_500, 9)]


def test_the_layouts_that_are_kept_are_bounded():
    staging = StagingBuffer()
    for size in range(64, 64 + 3 * LAYOUTS):
        staging.begin()
        staging.append(message(size, 100 * size), range(COLUMNS_FROM), PREFIX, 1)
        assert len(staging._layouts) <= LAYOUTS
