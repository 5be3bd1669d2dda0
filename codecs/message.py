"""The message body that DEP carries: a 64-byte prefix, then data. (Values now; wire format below.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Content(IntEnum):
    """What the data of a message is."""

    BYTES = 0
    TENSOR = 1
    TENSORS = 2
    JSON = 3


class ElementType(IntEnum):
    """Element type of a tensor, little endian on the wire. 0 where there is no tensor."""

    NONE = 0
    FLOAT32 = 1
    FLOAT16 = 2
    BFLOAT16 = 3
    INT8 = 4
    UINT8 = 5
    INT32 = 6
    INT64 = 7
    FLOAT64 = 8


ELEMENT_SIZE: dict[ElementType, int] = {
    ElementType.NONE: 0,
    ElementType.FLOAT32: 4,
    ElementType.FLOAT16: 2,
    ElementType.BFLOAT16: 2,
    ElementType.INT8: 1,
    ElementType.UINT8: 1,
    ElementType.INT32: 4,
    ElementType.INT64: 8,
    ElementType.FLOAT64: 8,
}

MAXIMUM_RANK = 8


@dataclass(frozen=True, slots=True)
class Message:
    """One message between two functions.

    `tag` and `index` belong to the functions; the network hands them on unread. `data` is the payload: for
    `Content.TENSOR` the elements of a contiguous tensor of `element_type` and `dimensions` in little endian; for
    `Content.TENSORS` a safetensors file; for `Content.JSON` UTF-8 text.
    """

    tag: int
    content: Content = Content.BYTES
    data: bytes | bytearray | memoryview = b""
    index: int = 0
    element_type: ElementType = ElementType.NONE
    dimensions: Sequence[int] = ()
