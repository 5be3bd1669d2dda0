"""What the functions of split inference say to each other.

One turn of a terminal: MODEL, then ACTIVATIONS and PREDICTION for each request, then LATENCIES. Between server and
model store: WANT_MODEL and MODEL before, LATENCIES afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from net4ai.codecs.message import Content, ElementType, Message
from net4ai.functions.api import Channel

MAXIMUM_LATENCY = 86_400.0
"""Seconds."""


class PeerError(Exception):
    """The other end sent what does not fit: which field, what was expected, what came."""

    def __init__(self, field: str, expected: str, received: object) -> None:
        super().__init__(f"{field}: expected {expected}, received {received}")


class Tag(IntEnum):
    """Tags of the messages."""

    MODEL = 1
    """TENSORS: parameters; to a terminal those of its blocks, to a server all."""
    ACTIVATIONS = 2
    """TENSOR float32 (rows, neurons at the cut), terminal to server, index the request."""
    PREDICTION = 3
    """TENSOR float32 (rows, outputs), server to terminal, index the request."""
    LATENCIES = 4
    """TENSOR float64 (requests,): seconds from a request to its prediction, as the terminal saw it. From a server those
    of all its terminals, sorted, index the number of terminals; from the model store those of all servers."""
    WANT_MODEL = 5
    """Server to model store, and model store to application controller: the answer is the model, job input (R5)."""


async def receive(channel: Channel, *expected: Tag) -> Message:
    """The next message, if it has one of these tags. Raises `PeerError`, `ChannelClosed`."""
    message = await channel.receive()
    if message.tag not in expected:
        raise PeerError("message", " or ".join(tag.name for tag in expected), f"tag {message.tag}")
    return message


def together(latencies: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """All of them, sorted: no seat, no order of arrival."""
    return np.sort(np.concatenate([np.zeros(0), *latencies]))


def from_latencies(seconds: NDArray[np.float64], index: int = 0) -> Message:
    data = seconds.astype("<f8").tobytes()
    return Message(Tag.LATENCIES, Content.TENSOR, data, index, ElementType.FLOAT64, seconds.shape)


def to_latencies(message: Message, count: int | None = None) -> NDArray[np.float64]:
    """The latencies of a message; `count`: exactly so many. Raises `PeerError`."""
    shape = tuple(message.dimensions)
    known = (message.tag, message.content, message.element_type) == (
        Tag.LATENCIES,
        Content.TENSOR,
        ElementType.FLOAT64,
    )
    if not known or len(shape) != 1 or (count is not None and shape != (count,)):
        raise PeerError("LATENCIES", f"FLOAT64 ({'any' if count is None else count},)", (message.tag, shape))
    seconds = np.frombuffer(message.data, dtype="<f8").astype(np.float64)
    if not bool(np.all((seconds >= 0) & (seconds <= MAXIMUM_LATENCY))):
        raise PeerError("LATENCIES", f"0 to {MAXIMUM_LATENCY} s", "others")
    return seconds
