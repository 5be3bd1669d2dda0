"""What functions say to each other: a 64-byte prefix, then data. DEP carries it as one message.

The prefix says what the data is, so a tensor needs no other description; the data starts 64-byte aligned in the
message. Record size 0: the data follows bare. Otherwise it follows in sealed records (`Record`): the session seals and
opens them where it has keys, and whoever meets one here has none and refuses it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from net4ai.codecs.declaration import Buffer, Structure, constant, enumeration, flag, reserved, unsigned
from net4ai.codecs.errors import DecodeError, EncodeError


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


class MessagePrefix(Structure, reference="R21, R22, R43"):
    """The first 64 octets of every message."""

    magic: int = constant(16, 0x4E34, 'The letters "N4".', hexadecimal=True)
    version: int = constant(8, 1, "Version of the prefix.")
    more: bool = flag("Another chunk of the same tag and index continues this one.")
    chunk: bool = flag("The data is a chunk of a stream.")
    broken: bool = flag("The stream ends here, unfinished.")
    taken: bool = flag("No message: its sender has taken the chunks of a stream below `number`.")
    reserved_flags: int = reserved(4)
    record_size: int = unsigned(32, "Largest plaintext of a sealed record, in octets; 0: the data is bare.")
    content: int = enumeration(8, Content, "What the data is.")
    element_type: int = enumeration(8, ElementType, "Element type of a tensor.")
    rank: int = unsigned(8, "Number of dimensions of a tensor.", maximum=MAXIMUM_RANK)
    reserved_octet: int = reserved(8)
    tag: int = unsigned(16, "Belongs to the functions: what the message means to them.")
    reserved_word: int = reserved(16)
    index: int = unsigned(32, "Belongs to the functions: for example the step.")
    number: int = unsigned(32, "Of a chunk: counts on over all streams of the channel, modulo 2^32. Otherwise 0.")
    data_length: int = unsigned(64, "Length of the data in plain, in octets.")
    dimension_0: int = unsigned(32, "Size of dimension 0, or 0.")
    dimension_1: int = unsigned(32, "Size of dimension 1, or 0.")
    dimension_2: int = unsigned(32, "Size of dimension 2, or 0.")
    dimension_3: int = unsigned(32, "Size of dimension 3, or 0.")
    dimension_4: int = unsigned(32, "Size of dimension 4, or 0.")
    dimension_5: int = unsigned(32, "Size of dimension 5, or 0.")
    dimension_6: int = unsigned(32, "Size of dimension 6, or 0.")
    dimension_7: int = unsigned(32, "Size of dimension 7, or 0.")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a stream: a message too long to be one.

    `message` says what the stream is; its data is this chunk. The last chunk of a stream has `more` False; with
    `broken` the sender has given up.
    """

    message: Message
    number: int
    more: bool
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver of streams has read the chunks below `number`: as many more may come."""

    number: int


class Record(Structure, reference="R86"):
    """Head of a sealed record; ciphertext and a 16-octet tag follow."""

    version: int = constant(8, 1, "Version of the record layer.")
    last: bool = flag("The last record of its message.")
    reserved_flags: int = reserved(7)
    reserved_bits: int = reserved(16)
    epoch: int = unsigned(32, "Key epoch; only grows.")
    length: int = unsigned(32, "Octets of ciphertext, without the tag.")
    sequence: int = unsigned(32, "Number of the record under its key.")


PREFIX_SIZE = MessagePrefix.fixed_run().size
assert PREFIX_SIZE == 64
_TAKEN = 0x10
"""`taken` in octet 3."""


def encode_prefix(message: Message) -> bytes:
    """The 64 octets before `message.data`. Raises `EncodeError`."""
    return _prefix(message)


def _prefix(
    message: Message,
    *,
    chunk: bool = False,
    more: bool = False,
    broken: bool = False,
    taken: bool = False,
    number: int = 0,
) -> bytes:
    rank = len(message.dimensions)
    if rank > MAXIMUM_RANK:
        raise EncodeError("Message", "dimensions", tuple(message.dimensions), f"at most {MAXIMUM_RANK}")
    sizes = {f"dimension_{axis}": size for axis, size in enumerate(message.dimensions)}
    sizes.update({f"dimension_{axis}": 0 for axis in range(rank, MAXIMUM_RANK)})
    return MessagePrefix(
        more=more,
        chunk=chunk,
        broken=broken,
        taken=taken,
        record_size=0,
        content=message.content,
        element_type=message.element_type,
        rank=rank,
        tag=message.tag,
        index=message.index,
        number=number,
        data_length=len(message.data),
        **sizes,
    ).to_bytes()


def encode_message(message: Message) -> bytes:
    """Prefix and data in one piece. Raises `EncodeError`."""
    return b"".join((encode_prefix(message), message.data))


def encode_chunk(chunk: Chunk) -> bytes:
    """A chunk in one piece. Raises `EncodeError`."""
    prefix = _prefix(chunk.message, chunk=True, more=chunk.more, broken=chunk.broken, number=chunk.number)
    return b"".join((prefix, chunk.message.data))


def encode_taken(taken: Taken) -> bytes:
    """What the host of a receiver says to that of the sender. Raises `EncodeError`."""
    return _prefix(Message(tag=0), taken=True, number=taken.number)


def taken_of(body: Buffer) -> int | None:
    """The number in a well-formed `Taken`; None: something else. For who hands on everything else unread."""
    if len(body) != PREFIX_SIZE or not body[3] & _TAKEN:
        return None
    try:
        found = decode(body)
    except DecodeError:
        return None
    return found.number if isinstance(found, Taken) else None


def decode_message(body: Buffer) -> Message:
    """The message in `body`; its data is a view of `body`, not a copy. Raises `DecodeError`, also for what is none."""
    found = decode(body)
    if not isinstance(found, Message):
        raise DecodeError("Message", "part of a stream", type(found).__name__)
    return found


def decode(body: Buffer) -> Message | Chunk | Taken:
    """What is in `body`; its data is a view of `body`, not a copy. Raises `DecodeError`.

    The sizes of a tensor are multiplied as Python ints and compared with the length before anyone allocates.
    """
    prefix, start = MessagePrefix.read(body)
    if prefix.record_size:
        raise DecodeError("Message", "sealed", "no key for sealed records")
    if prefix.data_length != len(body) - start:
        raise DecodeError("Message", "wrong length", f"{prefix.data_length} announced, {len(body) - start} present")
    if prefix.taken and not prefix.data_length:
        return Taken(prefix.number)
    if prefix.taken:
        raise DecodeError("Message", "wrong length", f"taken with {prefix.data_length} octets of data")
    if prefix.content not in Content.__members__.values():
        raise DecodeError("Message", "unknown content", str(prefix.content))
    sizes = tuple(getattr(prefix, f"dimension_{axis}") for axis in range(prefix.rank))
    element_type = ElementType.NONE
    if prefix.content == Content.TENSOR:
        element_type = _element_type(prefix, sizes)
    message = Message(
        tag=prefix.tag,
        content=Content(prefix.content),
        data=memoryview(body)[start:],
        index=prefix.index,
        element_type=element_type,
        dimensions=sizes,
    )
    if prefix.chunk:
        return Chunk(message, prefix.number, prefix.more, prefix.broken)
    if prefix.more:
        raise DecodeError("Message", "part of a stream", "more without chunk")
    return message


def _element_type(prefix: MessagePrefix, sizes: Sequence[int]) -> ElementType:
    """Of a tensor; of one that comes in chunks the length is the function's matter. Raises `DecodeError`."""
    if prefix.element_type not in ELEMENT_SIZE or not prefix.element_type:
        raise DecodeError("Message", "unknown element type", str(prefix.element_type))
    element_type = ElementType(prefix.element_type)
    needed = math.prod(sizes) * ELEMENT_SIZE[element_type]
    if needed != prefix.data_length and not prefix.chunk:
        raise DecodeError(
            "Message", "wrong length", f"a tensor of {tuple(sizes)} needs {needed}, {prefix.data_length} present"
        )
    return element_type
