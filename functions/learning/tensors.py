"""torch tensors to messages and back. What comes in is checked in full before memory is touched. No pickle.

Received data is copied into memory of torch's own allocator, which starts at a multiple of 64 bytes: at other
alignments the same arithmetic may give other last bits.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from net4ai.codecs.message import ELEMENT_SIZE, MAXIMUM_RANK, Content, ElementType, Message
from net4ai.functions.learning.errors import PeerError

if sys.byteorder != "little":
    raise ImportError("net4ai.functions.learning needs a little-endian machine")

State = dict[str, Tensor]
"""The parameters of a model, or of a part of one, by name."""

Shape = tuple[int, ...]

DTYPES: dict[ElementType, torch.dtype] = {
    ElementType.FLOAT32: torch.float32,
    ElementType.FLOAT16: torch.float16,
    ElementType.BFLOAT16: torch.bfloat16,
    ElementType.INT8: torch.int8,
    ElementType.UINT8: torch.uint8,
    ElementType.INT32: torch.int32,
    ElementType.INT64: torch.int64,
    ElementType.FLOAT64: torch.float64,
}
ELEMENT_TYPES = {dtype: element_type for element_type, dtype in DTYPES.items()}

SAFETENSORS_TYPES: dict[str, ElementType] = {
    "F32": ElementType.FLOAT32,
    "F16": ElementType.FLOAT16,
    "BF16": ElementType.BFLOAT16,
    "I8": ElementType.INT8,
    "U8": ElementType.UINT8,
    "I32": ElementType.INT32,
    "I64": ElementType.INT64,
    "F64": ElementType.FLOAT64,
}

ALIGNMENT = 64
MAXIMUM_TENSOR_BYTES = 1 << 30

Data = bytes | bytearray | memoryview


def from_tensor(tag: int, tensor: Tensor, index: int = 0) -> Message:
    """A TENSOR message. Its data aliases `tensor` where that is contiguous: send it before the tensor changes."""
    element_type = ELEMENT_TYPES.get(tensor.dtype)
    if element_type is None:
        raise TypeError(f"tensor of {tensor.dtype}; allowed: {', '.join(map(str, ELEMENT_TYPES))}")
    if tensor.dim() > MAXIMUM_RANK:
        raise ValueError(f"tensor of rank {tensor.dim()}; allowed: up to {MAXIMUM_RANK}")
    return Message(tag, Content.TENSOR, _bytes(tensor.detach().contiguous()), index, element_type, tuple(tensor.shape))


def to_tensor(
    message: Message,
    what: str = "tensor",
    *,
    element_type: ElementType | None = None,
    finite: bool = True,
) -> Tensor:
    """The tensor of a TENSOR message, in memory of its own. `element_type`: the only one accepted, if given.

    Raises `PeerError` if the content, type, rank or length do not fit, or, with `finite`, for infinities and NaN.
    """
    if message.content != Content.TENSOR:
        raise PeerError(what, "a tensor", f"content {message.content!r}")
    if element_type is not None and message.element_type != element_type:
        raise PeerError(what, f"elements {element_type.name}", f"{message.element_type!r}")
    return _read(message.data, message.element_type, tuple(message.dimensions), what, finite)


def from_state(tag: int, state: Mapping[str, Tensor], index: int = 0) -> Message:
    """A TENSORS message: the parameters as a safetensors file. Equal states give equal bytes."""
    data = safetensors.torch.save({name: state[name].detach().contiguous() for name in sorted(state)})
    return Message(tag, Content.TENSORS, data, index)


def to_state(message: Message, expected: Mapping[str, Shape], what: str = "parameters") -> State:
    """The parameters of a TENSORS message: float32, finite, with exactly the names and shapes expected, in that order.

    Raises `PeerError`.
    """
    if message.content != Content.TENSORS:
        raise PeerError(what, "a set of tensors", f"content {message.content!r}")
    if len(message.data) > MAXIMUM_TENSOR_BYTES:
        raise PeerError(what, f"at most {MAXIMUM_TENSOR_BYTES} bytes", len(message.data))
    try:
        found = dict(safetensors.deserialize(bytes(message.data)))  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise PeerError(what, "a safetensors file", error) from error
    if found.keys() != expected.keys():
        raise PeerError(what, f"the names {sorted(expected)}", sorted(found))
    state: State = {}
    for name, shape in expected.items():
        entry, field = found[name], f"{what}.{name}"
        element_type = SAFETENSORS_TYPES.get(entry["dtype"], ElementType.NONE)
        if element_type != ElementType.FLOAT32 or tuple(entry["shape"]) != shape:
            raise PeerError(field, f"FLOAT32 {shape}", f"{entry['dtype']} {tuple(entry['shape'])}")
        state[name] = _read(entry["data"], element_type, shape, field, finite=True)
    return state


def _bytes(tensor: Tensor) -> memoryview:
    if tensor.numel() == 0:
        return memoryview(b"")
    return tensor.view(-1).view(torch.uint8).numpy().data


def _read(data: Data, element_type: ElementType, shape: Sequence[int], what: str, finite: bool) -> Tensor:
    dtype = DTYPES.get(element_type)
    if dtype is None:
        raise PeerError(what, "a known element type", f"{element_type!r}")
    if len(shape) > MAXIMUM_RANK or any(size < 0 for size in shape):
        raise PeerError(what, f"up to {MAXIMUM_RANK} dimensions, none negative", tuple(shape))
    view = memoryview(data).cast("B")
    length = math.prod(shape) * ELEMENT_SIZE[element_type]
    if length != len(view) or length > MAXIMUM_TENSOR_BYTES:
        raise PeerError(what, f"{length} bytes for {tuple(shape)}, at most {MAXIMUM_TENSOR_BYTES}", len(view))
    tensor = torch.empty(tuple(shape), dtype=dtype)
    if length:
        _bytes(tensor)[:] = view
        if finite and dtype.is_floating_point and not bool(torch.isfinite(tensor).all()):
            raise PeerError(what, "finite values", "infinities or NaN")
    return tensor
