"""Matrices of float32 in messages."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from net4ai.codecs.message import Content, ElementType, Message
from net4ai.functions.inference.messages import PeerError, Tag

MAXIMUM_ROWS = 4096
"""Of one request."""


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
