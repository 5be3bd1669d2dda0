"""Checkpoints of the trainings: what was there is there again, bit for bit, and another model's is refused."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from net4ai.functions.api import Role, Turn
from net4ai.functions.learning.checkpoint import from_checkpoint, to_checkpoint
from net4ai.functions.learning.errors import FunctionError
from net4ai.functions.learning.global_training import GlobalTraining
from net4ai.functions.learning.local_training import LocalTraining
from net4ai.functions.learning.messages import Tag
from net4ai.functions.learning.tensors import from_state

SHAPES = {"b.weight": (2, 3), "a": (1,)}
plain = st.recursive(
    st.integers(-(1 << 60), 1 << 60) | st.floats(allow_nan=False) | st.text() | st.booleans(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.lists(st.integers(0, 0xFFFF_FFFF), min_size=7, max_size=7), st.dictionaries(st.text(), plain))
def test_any_bits_come_back(bits: list[int], values: dict[str, Any]) -> None:
    """NaN with any payload, infinities, minus zero."""
    numbers = torch.tensor([bit - (1 << 32) * (bit >> 31) for bit in bits], dtype=torch.int32).view(torch.float32)
    state = {"b.weight": numbers[:6].reshape(2, 3), "a": numbers[6:]}
    octets = to_checkpoint({"model": state, "update 3": state}, values)
    states, found = from_checkpoint(octets, SHAPES)
    assert found == values
    for part in ("model", "update 3"):
        assert list(states[part]) == list(SHAPES)
        for name, tensor in state.items():
            assert torch.equal(states[part][name].view(torch.int32), tensor.contiguous().view(torch.int32))
            assert states[part][name].data_ptr() % 64 == 0
    assert to_checkpoint(states, found) == octets


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"x" * 100,
        to_checkpoint({"model": {"a": torch.zeros(1)}}, {}),
        to_checkpoint({"model": {"a": torch.zeros(1), "b.weight": torch.zeros(3, 2)}}, {}),
        to_checkpoint({"model": {"a": torch.zeros(1), "b.weight": torch.zeros(2, 3).double()}}, {}),
        to_checkpoint({"model": {"a": torch.zeros(1), "b.weight": torch.zeros(2, 3), "c": torch.zeros(1)}}, {}),
    ],
    ids=range(6),
)
def test_what_is_no_checkpoint_of_this_model_is_refused(octets: bytes) -> None:
    with pytest.raises(FunctionError, match=r"^checkpoint: "):
        from_checkpoint(octets, SHAPES)


def test_a_training_restored_at_every_turn_learns_the_same(memory: Any) -> None:
    """New instances of both trainings after each round, and of the local ones after each turn."""

    async def play(restored: bool) -> Any:
        service = memory.Service(5, 2, ((0, 1), (2,)), 2, patience=2)
        for round in range(2):
            for index, group in enumerate(service.groups):
                at_server = memory.execution(Role.SERVER, round, 2, range(len(group)))
                await service.locals[index].begin(at_server)
                for seat, subscriber in enumerate(group):
                    await memory.turn(service.locals[index], service.data_sources[subscriber], at_server, seat)
                    if restored:
                        service.locals[index] = again(service.locals[index])
                await service.locals[index].end(at_server)
            await asyncio.gather(memory.play(service.top, service.locals, round, 2, False), service.control())
            if restored:
                service.top = again(service.top)
        return [function.checkpoint() for function in (service.top, *service.locals)]

    assert asyncio.run(play(True)) == asyncio.run(play(False))


def again(function: Any) -> Any:
    other = type(function)(function.context)
    before = other.checkpoint()
    other.restore(function.checkpoint())
    assert other.checkpoint() == function.checkpoint() != before
    return other


def test_half_a_round_of_global_training_is_undone(memory: Any) -> None:
    """With one seat its turns may be one after another: a model is averaged anew, not taken from the round before."""

    async def play() -> None:
        service = memory.Service(5, 2, ((0,),), 2)
        top = service.top
        assert isinstance(top, GlobalTraining)
        assert isinstance(service.locals[0], LocalTraining)
        state = service.locals[0]._state
        for round, value in enumerate((1.0, 2.0)):
            at_server = memory.execution(Role.SERVER, round, 2, (0,))
            await top.begin(at_server)
            begun = top.checkpoint()
            update = {name: torch.full_like(tensor, value) for name, tensor in state.items()}
            for _ in range(2):
                top.restore(begun)
                ends = memory.channel_pair()
                await ends[1].send(from_state(Tag.UPDATE, update, index=1))
                await top.server_turn(at_server, Turn(0, 0), ends[0])
            assert all(bool((tensor == value).all()) for tensor in top._average.values())

    asyncio.run(play())


def test_metrics_keep_every_bit(memory: Any) -> None:
    top = memory.Service(5, 2, ((0,),), 2).top
    top._metrics = [0.1, math.pi, 5e-324, 1.7976931348623157e308]
    other = again(top)
    assert json.dumps(other._metrics) == json.dumps(top._metrics)
