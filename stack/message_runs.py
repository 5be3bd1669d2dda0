"""DATA of a run, message by message: what a relay has to know of many segments, without looking at each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from net4ai.stack.dep.pdus import HANDLE_AT, SEGMENT_HEADERS

_HANDLE, _MESSAGE_ID, _OFFSET, _LENGTH = range(4)
"""Four words from the handle on."""


class MessageRun(NamedTuple):
    """Neighbouring segments of one message. Each has payload; they may be any segments of it, in any order."""

    start: int
    """Number within the run of the first one."""
    stop: int
    """And behind the last."""
    message_id: int
    length: int
    """Of the message, as all of them say."""
    reached: int
    """Offset behind the payload of the one that reaches farthest."""
    handles: npt.NDArray[np.uint32]
    """Their handles, to be written."""


def message_runs(run: memoryview, stride: int) -> Iterator[MessageRun]:
    """The messages that segments with payload are of, in order. Segments without payload, at the end only, are left.

    `run`: PDUs of type DATA without extensions, `stride` octets apart, each behind its layer-2 header; only the last
    may be shorter.
    """
    size = stride - SEGMENT_HEADERS
    if size <= 0 or len(run) <= SEGMENT_HEADERS:
        return
    number = -(-(len(run) - SEGMENT_HEADERS) // stride)
    last = min(size, len(run) - (number - 1) * stride - SEGMENT_HEADERS)
    words = np.ndarray((number, 4), ">u4", run, HANDLE_AT, (stride, 4))
    messages = words[:, _MESSAGE_ID :: _LENGTH - _MESSAGE_ID]
    bounds = [0, number]
    if messages.tobytes() != number * messages[0].tobytes():
        bounds[1:1] = (np.flatnonzero((messages[1:] != messages[:-1]).any(axis=1)) + 1).tolist()
    for start, stop in pairwise(bounds):
        _, message_id, _, length = words[start].tolist()
        reached = int(words[stop - 1, _OFFSET]) + (last if stop == number else size)
        if stop - start > 1:
            reached = max(reached, int(np.maximum.reduce(words[start : stop - 1, _OFFSET])) + size)
        yield MessageRun(start, stop, message_id, length, reached, words[start:stop, _HANDLE])
