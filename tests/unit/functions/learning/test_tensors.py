from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from net4ai.codecs.message import ELEMENT_SIZE, Content, ElementType, Message
from net4ai.functions.learning.errors import PeerError
from net4ai.functions.learning.tensors import ALIGNMENT, DTYPES, from_state, from_tensor, to_state, to_tensor

SHAPES = st.lists(st.integers(0, 5), max_size=8).map(tuple)


def raw(tensor: Tensor) -> bytes:
    return b"" if tensor.numel() == 0 else tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any well-formed TENSOR message, its data at any address."""
    element_type, shape = draw(st.sampled_from(list(DTYPES))), draw(SHAPES)
    length = math.prod(shape) * ELEMENT_SIZE[element_type]
    offset, pattern = draw(st.integers(0, 7)), draw(st.binary(min_size=1, max_size=16))
    data = (pattern * (length // len(pattern) + 1))[:length]
    view = memoryview(bytearray(offset) + data)[offset:]
    return Message(1, Content.TENSOR, view, 0, element_type, shape)


@given(messages())
def test_bytes_to_tensor_and_back(message: Message) -> None:
    tensor = to_tensor(message, finite=False)
    assert tensor.shape == tuple(message.dimensions)
    assert tensor.dtype is DTYPES[message.element_type]
    assert tensor.data_ptr() % ALIGNMENT == 0
    back = from_tensor(1, tensor)
    assert bytes(back.data) == bytes(message.data)
    assert (back.element_type, tuple(back.dimensions)) == (message.element_type, tuple(message.dimensions))


@given(messages(), st.integers(1, 9), st.booleans())
def test_wrong_length(message: Message, change: int, longer: bool) -> None:
    data = bytes(message.data)
    wrong = data + bytes(change) if longer else data[:-change]
    if len(wrong) != len(data):
        with pytest.raises(PeerError, match=f"expected {len(data)} bytes"):
            to_tensor(replace(message, data=wrong))


def test_a_received_tensor_has_memory_of_its_own() -> None:
    data = bytearray(8)
    tensor = to_tensor(Message(1, Content.TENSOR, data, 0, ElementType.FLOAT32, (2,)))
    data[:] = b"\xff" * 8
    assert tensor.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (2, 3)], ids=str)
def test_empty_and_rank_0(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = torch.ones(shape, dtype=dtype)
    assert torch.equal(to_tensor(from_tensor(9, tensor)), tensor)


def test_views_that_are_not_contiguous() -> None:
    tensor = torch.arange(12, dtype=torch.float32).view(3, 4).T
    assert torch.equal(to_tensor(from_tensor(1, tensor)), tensor)


def test_types_that_do_not_travel() -> None:
    with pytest.raises(TypeError, match="complex64"):
        from_tensor(1, torch.zeros(1, dtype=torch.complex64))
    with pytest.raises(ValueError, match="rank 9"):
        from_tensor(1, torch.zeros((1,) * 9))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_values_that_are_not_finite(value: float, dtype: torch.dtype) -> None:
    message = from_tensor(1, torch.tensor([1.0, value], dtype=dtype))
    with pytest.raises(PeerError, match="finite values"):
        to_tensor(message)
    assert not to_tensor(message, finite=False)[1].isfinite()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(1, Content.JSON, b"{}"), "expected a tensor"),
        (Message(1, Content.TENSOR, b"", 0, ElementType.NONE, (0,)), "a known element type"),
        (Message(1, Content.TENSOR, b"", 0, 99, (0,)), "a known element type"),  # type: ignore[arg-type]
        (Message(1, Content.TENSOR, bytes(4), 0, ElementType.FLOAT32, (1,) * 9), "up to 8 dimensions"),
        (Message(1, Content.TENSOR, bytes(4), 0, ElementType.FLOAT32, (-1, -1)), "none negative"),
        (Message(1, Content.TENSOR, b"", 0, ElementType.FLOAT32, (2**32,) * 8), "bytes for"),
        (Message(1, Content.TENSOR, b"", 0, ElementType.UINT8, (2**31, 2**33)), "bytes for"),
        (Message(1, Content.TENSOR, bytes(8), 0, ElementType.FLOAT64, (1,)), "elements FLOAT32"),
    ],
)
def test_hostile_headers(message: Message, expected: str) -> None:
    with pytest.raises(PeerError, match=expected):
        to_tensor(message, element_type=ElementType.FLOAT32 if "FLOAT32" in expected else None)


STATE = {"b.weight": torch.arange(6, dtype=torch.float32).view(2, 3), "a.bias": torch.tensor([1.5, -0.0])}
EXPECTED = {name: tuple(value.shape) for name, value in STATE.items()}


def test_state_there_and_back() -> None:
    message = from_state(5, STATE, index=3)
    assert (message.tag, message.content, message.index) == (5, Content.TENSORS, 3)
    back = to_state(message, EXPECTED)
    assert list(back) == list(STATE), "in the order expected"
    assert all(raw(back[name]) == raw(STATE[name]) and back[name].data_ptr() % ALIGNMENT == 0 for name in STATE)


def test_equal_states_give_equal_bytes() -> None:
    assert from_state(1, STATE).data == from_state(1, dict(reversed(STATE.items()))).data


def test_state_without_tensors() -> None:
    assert to_state(from_state(1, {}), {}) == {}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(1, Content.BYTES, b""), "a set of tensors"),
        (Message(1, Content.TENSORS, b""), "a safetensors file"),
        (Message(1, Content.TENSORS, b"\xff" * 64), "a safetensors file"),
        (from_state(1, {}), "the names"),
        (from_state(1, STATE | {"c": torch.zeros(1)}), "the names"),
        (from_state(1, STATE | {"a.bias": torch.zeros(3)}), r"parameters.a.bias: expected FLOAT32 \(2,\)"),
        (from_state(1, STATE | {"a.bias": torch.zeros(2, dtype=torch.float64)}), "received F64"),
        (from_state(1, STATE | {"a.bias": torch.zeros(2, dtype=torch.bool)}), "received BOOL"),
        (from_state(1, STATE | {"a.bias": torch.tensor([0.0, math.nan])}), "a.bias: expected finite values"),
    ],
)
def test_states_that_do_not_fit(message: Message, expected: str) -> None:
    with pytest.raises(PeerError, match=expected):
        to_state(message, EXPECTED)


def file_with(header: object, data: bytes) -> Message:
    text = json.dumps(header).encode()
    return Message(1, Content.TENSORS, len(text).to_bytes(8, "little") + text + data)


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 2**50]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
        {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}},
        {"a": {"shape": [2], "data_offsets": [0, 8]}},
        {"a": 3},
        [],
    ],
)
def test_hostile_safetensors_headers(header: object) -> None:
    with pytest.raises(PeerError):
        to_state(file_with(header, bytes(8)), {"a": (2,)})


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 255))
def test_damaged_files_are_refused_or_fit(junk: bytes, position: int, value: int) -> None:
    damaged = bytearray(from_state(1, STATE).data)
    if position < len(damaged):
        damaged[position] = value
    for data in (junk, bytes(damaged), bytes(damaged[:position])):
        try:
            state = to_state(Message(1, Content.TENSORS, data), EXPECTED)
        except PeerError:
            continue
        assert {name: tuple(tensor.shape) for name, tensor in state.items()} == EXPECTED
