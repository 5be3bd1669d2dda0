"""What terminal and server of split inference say to each other. One turn: MODEL, then ACTIVATIONS and PREDICTION for
each request, then LATENCIES.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from net4ai.codecs.message import Content, ElementType, Message
from net4ai.functions.api import Channel

MAXIMUM_ROWS = 4096
"""Of one request."""
MAXIMUM_LATENCY = 86_400.0
"""Seconds."""


class PeerError(Exception):
    """The other end sent what does not fit: which field, what was expected, what came."""

    def __init__(self, field: str, expected: str, received: object) -> None:
        super().__init__(f"{field}: expected {expected}, received {received}")


class Tag(IntEnum):
    """Tags of the messages."""

    MODEL = 1
    """TENSORS: parameters, from the server the terminal's blocks, from the application controller all."""
    ACTIVATIONS = 2
    """TENSOR float32 (rows, neurons at the cut), terminal to server, index the request."""
    PREDICTION = 3
    """TENSOR float32 (rows, outputs), server to terminal, index the request."""
    LATENCIES = 4
    """TENSOR float64 (requests,): seconds from a request to its prediction, as the terminal saw it; from the server to
    the application controller those of all its terminals, sorted, index the number of terminals."""
    WANT_MODEL = 5
    """Server to application controller: it asks for the model, which is job input (R5)."""


async def receive(channel: Channel, tag: Tag) -> Message:
    """The next message, if it has this tag. Raises `PeerError`, `ChannelClosed`."""
    message = await channel.receive()
    if message.tag != tag:
        raise PeerError("message", tag.name, f"tag {message.tag}")
    return message


def from_matrix(tag: Tag, matrix: Tensor, index: int) -> Message:
    data = matrix.contiguous().numpy().tobytes()
    return Message(tag, Content.TENSOR, data, index, ElementType.FLOAT32, tuple(matrix.shape))


def to_matrix(message: Message, columns: int, most_rows: int) -> Tensor:
    """The float32 matrix of a message, with so many columns, 1 to `most_rows` rows, all finite. Raises `PeerError`."""
    what, shape = Tag(message.tag).name, tuple(message.dimensions)
    known = message.content == Content.TENSOR and message.element_type == ElementType.FLOAT32
    if not known or len(shape) != 2 or shape[1] != columns or not 1 <= shape[0] <= most_rows:
        raise PeerError(what, f"FLOAT32 (1 to {most_rows}, {columns})", (message.element_type, shape))
    matrix = torch.empty(shape)  # in torch's own memory: other alignments may give other last bits
    matrix.numpy()[:] = np.frombuffer(message.data, dtype="<f4").reshape(shape)
    if not bool(torch.isfinite(matrix).all()):
        raise PeerError(what, "finite values", "infinities or NaN")
    return matrix


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
