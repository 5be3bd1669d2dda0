"""The validation task: forward only, on rows nobody trained on, and only counts and sums of errors go up (R15)."""

from __future__ import annotations

import asyncio
import json
import statistics
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.message import Content, Message
from net4ai.functions import nhanes
from net4ai.functions.api import Outcome, Role, Turn
from net4ai.functions.learning import reference
from net4ai.functions.learning.errors import PeerError
from net4ai.functions.learning.messages import Errors, Tag, from_errors, to_errors
from net4ai.functions.learning.normalisation import Normalisation
from net4ai.functions.learning.tensors import from_state, from_tensor
from net4ai.functions.learning.validation import BOTTOM_ROUTINE, TOP_ROUTINE, total

BLOCKS = 4
GROUPS = ((0, 1), (2,))


async def validate(memory: Any, service: Any, cut: int) -> Errors:
    """The validation task of a service that was trained."""
    for local, group in zip(service.locals, GROUPS, strict=True):
        seats = tuple(range(len(group)))
        at_server = replace(memory.execution(Role.SERVER, 0, cut, seats, False), routine=BOTTOM_ROUTINE)
        await local.begin(at_server)
        turns = (memory.turn(local, service.data_sources[who], at_server, seat) for seat, who in enumerate(group))
        await asyncio.gather(*turns)
        assert await local.end(at_server) is Outcome.COMPLETE
    at_top = replace(memory.execution(Role.SERVER, 0, cut, (0, 1), False), routine=TOP_ROUTINE)
    await service.top.begin(at_top)
    await asyncio.gather(*(memory.turn(service.top, local, at_top, seat) for seat, local in enumerate(service.locals)))
    assert await service.top.end(at_top) is Outcome.COMPLETE
    return to_errors(await service.controller.receive())


def trained(memory: Any, cut: int, **settings: Any) -> tuple[Any, Errors]:
    async def play() -> tuple[Any, Errors]:
        service = memory.Service(5, 2, GROUPS, cut, **settings)
        await service.run()
        before = [dict(local._state) for local in service.locals]
        errors = await validate(memory, service, cut)
        for local, state in zip(service.locals, before, strict=True):
            assert reference.verdict(state, local._state).identical, "validation learns nothing"
        return service, errors

    return asyncio.run(play())


def expected(service: Any) -> tuple[int, float]:
    """Rows and mean absolute error of the final model, in one place."""
    settings, table = service.settings["data-source"], nhanes.load()
    partition = settings["partition"]
    normalisation = Normalisation.from_settings(settings["normalisation"], 42)
    errors: list[float] = []
    for subscriber in (0, 1, 2):
        rows = nhanes.shard(table, partition["seed"], subscriber, service.subscribers)
        _, held_out = nhanes.hold_out(rows, partition["seed"], partition["holdout"])
        outputs = service.locals[0]._model.predict(service.locals[0]._state, normalisation.apply(table, held_out)[0])
        predicted = normalisation.pressure(outputs).numpy()
        errors += np.abs(predicted - table.target[list(held_out)]).tolist()
    return len(errors), statistics.fmean(errors)


@pytest.mark.parametrize("cut", range(BLOCKS + 1))
def test_the_error_is_that_of_the_model_in_one_place(memory: Any, cut: int) -> None:
    service, errors = trained(memory, cut, holdout=0.2)
    rows, mae = expected(service)
    assert (errors.rows, errors.clients) == (rows, 3)
    assert errors.error_sum / errors.rows == pytest.approx(mae, rel=1e-6)
    assert 10 < mae < 20


def test_held_out_rows_are_not_trained_on_and_fidelity_holds(memory: Any) -> None:
    service, _ = trained(memory, 2, holdout=0.2)
    everything, _ = trained(memory, 2)
    oracle = reference.train(service.settings, service.schedule(2), service.subscribers)
    assert reference.verdict(oracle, service.evaluator.newest.state).identical
    assert not reference.verdict(everything.evaluator.newest.state, service.evaluator.newest.state).identical


def test_without_held_out_rows_there_is_nothing_to_tell(memory: Any) -> None:
    _, errors = trained(memory, 1)
    assert errors == Errors(0, 3, 0.0)


@given(st.integers(1, 200), st.floats(0, 0.5), st.integers(0, 2**32))
def test_held_out_rows_are_a_part_of_the_rows(count: int, share: float, seed: int) -> None:
    rows = list(range(1000, 1000 + count))
    train, held_out = nhanes.hold_out(rows, seed, share)
    assert sorted([*train, *held_out]) == rows and len(held_out) == round(count * share)
    assert list(train) == sorted(train) and train
    assert nhanes.hold_out(rows, seed, 0.0) == (tuple(rows), ())


@pytest.mark.parametrize(
    ("cut", "messages", "expected"),
    [
        (1, [Message(Tag.UPDATE)], "expected ACTIVATIONS or ERRORS, received UPDATE"),
        (BLOCKS, [from_tensor(Tag.ACTIVATIONS, torch.zeros(3, 1))], "expected ERRORS, received ACTIVATIONS"),
        (1, [from_tensor(Tag.ACTIVATIONS, torch.zeros(3, 63))], "64 columns"),
        (1, [from_tensor(Tag.ACTIVATIONS, torch.zeros(3, 64)), from_errors(Errors(4, 1, 9.0))], "1 client and 3 rows"),
        (1, [from_errors(Errors(0, 2, 0.0))], "1 client"),
    ],
)
def test_a_terminal_that_misbehaves(memory: Any, cut: int, messages: list[Message], expected: str) -> None:
    async def play() -> None:
        local = memory.Service(5, 1, GROUPS, cut).locals[0]
        at_server = replace(memory.execution(Role.SERVER, 0, cut, (0,), False), routine=BOTTOM_ROUTINE)
        await local.begin(at_server)
        server_end, client_end = memory.channel_pair()
        for message in messages:
            await client_end.send(message)
        with pytest.raises(PeerError, match=expected):
            await local.server_turn(at_server, Turn(0, 0), server_end)
        assert not local._errors

    asyncio.run(play())


def test_a_server_that_asks_for_another_model_gets_nothing(memory: Any) -> None:
    async def play() -> None:
        source = memory.Service(5, 1, GROUPS, 1, holdout=0.2).data_sources[0]
        at_client = replace(memory.execution(Role.CLIENT, 0, 1, (0,), False), routine=BOTTOM_ROUTINE)
        server_end, client_end = memory.channel_pair()
        await server_end.send(from_state(Tag.VALIDATE, {"x": torch.zeros(1)}))
        with pytest.raises(PeerError, match="VALIDATE: expected the names"):
            await source.client_turn(at_client, Turn(0, 0), client_end)
        assert not client_end.sent

    asyncio.run(play())


@pytest.mark.parametrize(
    "values",
    [
        {"rows": -1},
        {"rows": 1.5},
        {"rows": True},
        {"clients": None},
        {"error_sum": -1.0},
        {"error_sum": "much"},
        {"error_sum": float("nan")},
    ],
)
def test_errors_that_cannot_be(values: dict[str, Any]) -> None:
    plain = {"rows": 3, "clients": 1, "error_sum": 9.0}
    to_errors(Message(Tag.ERRORS, Content.JSON, json.dumps(plain).encode()))
    with pytest.raises(PeerError, match=f"ERRORS.{next(iter(values))}"):
        to_errors(Message(Tag.ERRORS, Content.JSON, json.dumps(plain | values).encode()))


def test_sums_are_taken_in_order() -> None:
    assert total([Errors(1, 1, 1e30), Errors(2, 1, 3.0), Errors(3, 2, -1e30)]) == Errors(6, 4, 0.0)
