"""Turns that go wrong, turns in another order, and what crosses the network in one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from net4ai.codecs.message import Content, Message
from net4ai.functions.api import ChannelClosed, Outcome, Role, Turn
from net4ai.functions.learning import reference
from net4ai.functions.learning.errors import FunctionError, PeerError, SettingsError
from net4ai.functions.learning.messages import Tag, from_metric, to_metric
from net4ai.functions.learning.tensors import State, from_state, from_tensor
from net4ai.functions.nhanes import DataError

BLOCKS = 4
GROUPS = ((0, 1, 2),)


def same(one: State, two: State) -> bool:
    return reference.verdict(one, two).identical


def run(memory: Any, cut: int, groups: Sequence[Sequence[int]] = GROUPS, **settings: Any) -> State:
    backwards = settings.pop("backwards", False)
    return asyncio.run(memory.Service(5, 2, groups, cut, **settings).run(backwards))


def test_order_of_arrival_changes_nothing(memory: Any) -> None:
    groups = ((0, 1, 2), (3, 4), (5,))
    assert same(run(memory, BLOCKS, groups), run(memory, BLOCKS, groups, backwards=True))
    assert same(run(memory, 2, groups), run(memory, 2, groups, backwards=True))


@pytest.mark.parametrize("level", ["local", "global"])
@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))))
def test_sums_are_taken_in_seat_order(memory: Any, level: str, arrival: tuple[int, ...]) -> None:
    """R23. Numbers whose sum depends on the order: (1e30 + 3) - 1e30 is 0, (1e30 - 1e30) + 3 is 3."""

    async def play() -> State:
        service = memory.Service(5, 1, ((0,),), BLOCKS)
        function = service.locals[0] if level == "local" else service.top
        at_server = memory.execution(Role.SERVER, 0, BLOCKS, range(3), False)
        await function.begin(at_server)
        turns = []
        for seat in arrival:
            state = {name: torch.full_like(value, values[seat]) for name, value in service.locals[0]._state.items()}
            ends = memory.channel_pair()
            await ends[1].send(from_state(Tag.UPDATE, state, index=1))
            turns.append(function.server_turn(at_server, Turn(seat, seat), ends[0]))
        await asyncio.gather(*turns)
        if level == "global":
            return dict(function._average)
        await function.end(at_server)
        return dict(function._state)

    values = (1e30, 3.0, -1e30)
    assert all(bool((value == 0).all()) for value in asyncio.run(play()).values())


def test_order_of_seats_does(memory: Any) -> None:
    """Otherwise the first of these tests would show nothing."""
    assert not same(run(memory, 2, ((0, 1, 2),)), run(memory, 2, ((2, 1, 0),)))


def test_one_client_at_each_server_makes_all_cuts_equal(memory: Any) -> None:
    states = [run(memory, cut, ((0,), (1,))) for cut in range(BLOCKS + 1)]
    assert all(same(states[0], state) for state in states[1:])


@pytest.mark.parametrize("cut", range(BLOCKS))
def test_clients_at_once_make_any_cut_federated_averaging(memory: Any, cut: int) -> None:
    """SplitFed version 1 equals FedAvg with the same local batch order (Thapa et al. 2020); R22: at the last cut the
    terminals' parameters alone go up."""
    assert same(run(memory, cut, sequential=False), run(memory, BLOCKS))


def test_local_epochs(memory: Any) -> None:
    states = [run(memory, cut, epochs=3, batch_size=50) for cut in (0, 1, BLOCKS - 1)]
    assert same(states[0], states[1])
    assert same(states[0], states[2])
    assert not same(states[0], run(memory, 0, batch_size=50))


@pytest.mark.parametrize("cut", [0, 2, BLOCKS])
@pytest.mark.parametrize("messages", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("end", ["client", "server"])
def test_half_a_turn_is_rolled_back(memory: Any, cut: int, messages: int, end: str) -> None:
    """The channel is lost after so many messages; then the turn is played again, and nothing has happened."""

    async def play(fail: bool) -> tuple[State, State]:
        service = memory.Service(5, 1, ((0, 1),), cut)
        server, client = service.locals[0], service.data_sources[1]
        at_server = memory.execution(Role.SERVER, 0, cut, (0, 1), service.sequential)
        at_client = replace(at_server, role=Role.CLIENT, seats=(1,))
        await server.begin(at_server)
        await memory.turn(server, service.data_sources[0], at_server, 0)
        before = server._state
        if fail:
            ends = memory.channel_pair()
            ends[end == "client"].messages_before_loss = messages
            await asyncio.gather(
                server.server_turn(at_server, Turn(1, 1), ends[0]),
                client.client_turn(at_client, Turn(1, 1), ends[1]),
                return_exceptions=True,
            )
        if 1 not in server._updates:  # else the turn was over before that many messages
            assert same(server._state, before)
            await memory.turn(server, client, at_server, 1)
        await server.end(at_server)
        return before, server._state

    _, repeated = asyncio.run(play(fail=True))
    before, expected = asyncio.run(play(fail=False))
    assert same(repeated, expected)
    assert not same(before, expected)


def test_what_crosses_in_a_turn_of_middle_split(memory: Any) -> None:
    """Two times activations, labels, and two times the client part (O5), and nothing else (R21, R29, R90)."""

    async def play() -> tuple[Any, Any, int]:
        service = memory.Service(5, 1, ((0, 1),), 1)
        server, source = service.locals[0], service.data_sources[0]
        at_server = memory.execution(Role.SERVER, 0, 1, (0, 1))
        ends = memory.channel_pair()
        await asyncio.gather(
            server.server_turn(at_server, Turn(0, 0), ends[0]), source.client_turn(at_server, Turn(0, 0), ends[1])
        )
        return ends[0].sent, ends[1].sent, len(source._inputs)

    down, up, rows = asyncio.run(play())
    batches = math.ceil(rows / 32)
    assert [message.tag for message in down] == [Tag.MODEL] + [Tag.GRADIENT] * batches
    assert [message.tag for message in up] == [Tag.ACTIVATIONS, Tag.LABELS] * batches + [Tag.UPDATE]
    assert sum(len(message.data) for message in down[1:]) == rows * 64 * 4
    assert sum(len(message.data) for message in up[:-1]) == rows * (64 + 1) * 4
    part = (42 + 1) * 64 * 4
    assert part < len(down[0].data) == len(up[-1].data) < part + 256


# Malformed peers


def tensor(tag: Tag, *shape: int) -> Message:
    return from_tensor(tag, torch.zeros(shape))


MODEL_PARTS: dict[int, State] = {
    0: {},
    1: {"block1.linear.weight": torch.zeros(64, 42), "block1.linear.bias": torch.zeros(64)},
}


@pytest.mark.parametrize(
    ("cut", "messages", "expected"),
    [
        (1, [Message(77)], "expected ACTIVATIONS or UPDATE, received tag 77"),
        (1, [tensor(Tag.LABELS, 5, 1)], "expected ACTIVATIONS or UPDATE, received LABELS"),
        (1, [tensor(Tag.ACTIVATIONS, 5, 63)], r"a matrix of 1 to 32 rows and 64 columns, received \(5, 63\)"),
        (1, [tensor(Tag.ACTIVATIONS, 33, 64)], r"1 to 32 rows and 64 columns, received \(33, 64\)"),
        (1, [tensor(Tag.ACTIVATIONS, 0, 64)], r"1 to 32 rows and 64 columns, received \(0, 64\)"),
        (1, [tensor(Tag.ACTIVATIONS, 64)], r"received \(64,\)"),
        (1, [Message(Tag.ACTIVATIONS, Content.JSON, b"{}")], r"ACTIVATIONS: expected a matrix"),
        (1, [from_tensor(Tag.ACTIVATIONS, torch.zeros(5, 64, dtype=torch.float64))], "elements FLOAT32"),
        (1, [from_tensor(Tag.ACTIVATIONS, torch.full((5, 64), math.nan))], "ACTIVATIONS: expected finite values"),
        (1, [tensor(Tag.ACTIVATIONS, 5, 64), tensor(Tag.ACTIVATIONS, 5, 64)], "expected LABELS, received ACTIVATIONS"),
        (1, [tensor(Tag.ACTIVATIONS, 5, 64), tensor(Tag.LABELS, 4, 1)], r"5 rows and 1 columns, received \(4, 1\)"),
        (1, [from_state(Tag.UPDATE, MODEL_PARTS[1], index=5)], "number of rows in ACTIVATIONS, 0"),
        (1, [from_state(Tag.UPDATE, MODEL_PARTS[1], index=0)], "UPDATE.index: expected 1 to 16777216 rows, received 0"),
        (
            1,
            [tensor(Tag.ACTIVATIONS, 5, 64), tensor(Tag.LABELS, 5, 1), from_state(Tag.UPDATE, {}, index=5)],
            r"UPDATE: expected the names .*block1.*, received \[\]",
        ),
        (0, [tensor(Tag.ACTIVATIONS, 5, 64)], "any number of rows and 42 columns"),
        (
            0,
            [tensor(Tag.ACTIVATIONS, 5, 42), tensor(Tag.LABELS, 5, 1), from_state(Tag.UPDATE, {}, index=6)],
            "number of rows in ACTIVATIONS, 5",
        ),
        (4, [tensor(Tag.ACTIVATIONS, 5, 42)], "expected UPDATE, received ACTIVATIONS"),
        (4, [from_tensor(Tag.UPDATE, torch.zeros(5), index=3)], "UPDATE: expected a set of tensors"),
        (4, [from_state(Tag.UPDATE, MODEL_PARTS[1], index=3)], "UPDATE: expected the names"),
        (5, [], "cut 5 is outside the model; allowed: 0 to 4"),
    ],
)
def test_a_data_source_that_misbehaves(memory: Any, cut: int, messages: list[Message], expected: str) -> None:
    async def play() -> None:
        service = memory.Service(5, 1, ((0,),), min(cut, BLOCKS))
        server = service.locals[0]
        before = server._state
        server_end, client_end = memory.channel_pair()
        for message in messages:
            await client_end.send(message)
        with pytest.raises(FunctionError, match=expected):
            await server.server_turn(memory.execution(Role.SERVER, 0, cut, (0,)), Turn(0, 0), server_end)
        assert same(server._state, before)
        assert not server._updates

    asyncio.run(play())


@pytest.mark.parametrize(
    ("cut", "messages", "expected"),
    [
        (1, [Message(Tag.UPDATE)], "expected MODEL or VALIDATE, received UPDATE"),
        (1, [from_state(Tag.MODEL, {})], "MODEL: expected the names"),
        (1, [from_state(Tag.MODEL, MODEL_PARTS[1]), tensor(Tag.LABELS, 32, 64)], "expected GRADIENT, received LABELS"),
        (1, [from_state(Tag.MODEL, MODEL_PARTS[1]), tensor(Tag.GRADIENT, 31, 64)], "32 rows and 64 columns"),
        (0, [from_state(Tag.MODEL, MODEL_PARTS[1])], r"MODEL: expected the names \[\]"),
        (9, [], "cut 9 is outside the model"),
    ],
)
def test_a_local_training_that_misbehaves(memory: Any, cut: int, messages: list[Message], expected: str) -> None:
    async def play() -> None:
        service = memory.Service(5, 1, ((0,),), 1)
        server_end, client_end = memory.channel_pair()
        for message in messages:
            await server_end.send(message)
        with pytest.raises(FunctionError, match=expected):
            await service.data_sources[0].client_turn(
                memory.execution(Role.CLIENT, 0, cut, (0,)), Turn(0, 0), client_end
            )

    asyncio.run(play())


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(Tag.METRIC, Content.BYTES, b"{}"), "JSON of up to"),
        (Message(Tag.METRIC, Content.JSON, b" " * 70_000), "JSON of up to 65536 bytes"),
        (Message(Tag.METRIC, Content.JSON, b"{"), "expected JSON"),
        (Message(Tag.METRIC, Content.JSON, b"\xff\xff"), "expected JSON"),
        (Message(Tag.METRIC, Content.JSON, b"[" * 60_000), "expected JSON"),
        (Message(Tag.METRIC, Content.JSON, b"[]"), "METRIC: expected a JSON object"),
        (from_metric(2, 1.0), "METRIC.round: expected 3"),
        (from_metric(3, math.nan), "validation_mae: expected a finite number"),
        (Message(Tag.METRIC, Content.JSON, b'{"round": 3, "validation_mae": "12"}'), "a finite number"),
    ],
)
def test_metrics_that_do_not_fit(message: Message, expected: str) -> None:
    with pytest.raises(PeerError, match=expected):
        to_metric(message, 3)


def test_metric() -> None:
    assert to_metric(from_metric(3, 12.25), 3) == 12.25


# The top routine


def top(memory: Any, play: Callable[[Any, Any], Awaitable[None]], **settings: Any) -> None:
    async def prepare() -> None:
        service = memory.Service(5, settings.pop("rounds", 3), ((0,), (1,)), 1, **settings)
        await play(service.top, service)

    asyncio.run(prepare())


async def answer(controller: Any, round: int, metric: float) -> None:
    assert (await controller.receive()).index == round
    await controller.send(from_metric(round, metric))


async def outcomes(memory: Any, service: Any, metrics: Sequence[float]) -> list[Outcome]:
    service.top._average = service.locals[0]._state
    found = []
    for round, metric in enumerate(metrics):
        at_server = memory.execution(Role.SERVER, round, 0, (0, 1), False)
        outcome, _ = await asyncio.gather(service.top.end(at_server), answer(service.controller, round, metric))
        found.append(outcome)
    return found


def test_the_job_stops_after_its_rounds(memory: Any) -> None:
    async def play(_: Any, service: Any) -> None:
        assert await outcomes(memory, service, [3.0, 2.0, 1.0]) == [Outcome.COMPLETE, Outcome.COMPLETE, Outcome.STOP]

    top(memory, play)


def test_the_job_stops_when_patience_ends(memory: Any) -> None:
    async def play(_: Any, service: Any) -> None:
        found = await outcomes(memory, service, [3.0, 2.0, 2.5, 1.9, 1.9, 2.0])
        assert found == [Outcome.COMPLETE] * 5 + [Outcome.STOP]

    top(memory, play, rounds=100, patience=2)


def test_no_patience_by_default(memory: Any) -> None:
    async def play(_: Any, service: Any) -> None:
        assert set(await outcomes(memory, service, [1.0] + [2.0] * 30)) == {Outcome.COMPLETE}

    top(memory, play, rounds=100)


def test_global_training_refuses_clients_one_by_one(memory: Any) -> None:
    async def play(function: Any, _: Any) -> None:
        await function.begin(memory.execution(Role.SERVER, 0, 0, (0,), True))
        with pytest.raises(FunctionError, match="needs its clients all at once"):
            await function.begin(memory.execution(Role.SERVER, 0, 0, (0, 1), True))

    top(memory, play)


def test_a_lost_turn_of_the_top_routine_can_be_repeated(memory: Any) -> None:
    """The other turn waits meanwhile, and both get the same average."""

    async def play(function: Any, service: Any) -> None:
        for local, source in zip(service.locals, service.data_sources.values(), strict=True):
            await memory.play(local, [source], 0, 1, True)
        expected = reference.train(service.settings, service.schedule(1), service.subscribers)
        at_server = memory.execution(Role.SERVER, 0, 0, (0, 1), False)
        await function.begin(at_server)
        waiting = asyncio.create_task(memory.turn(function, service.locals[0], at_server, 0))
        ends = memory.channel_pair()
        ends[1].close()
        lost = await asyncio.gather(function.server_turn(at_server, Turn(1, 1), ends[0]), return_exceptions=True)
        assert isinstance(lost[0], ChannelClosed)
        assert not waiting.done()
        await memory.turn(function, service.locals[1], at_server, 1)
        await waiting
        assert all(same(local._state, expected) for local in service.locals)

    top(memory, play)


def test_local_training_without_a_bottom_execution_has_nothing_to_send(memory: Any) -> None:
    async def play(_: Any, service: Any) -> None:
        with pytest.raises(FunctionError, match="nothing to send"):
            await service.locals[0].client_turn(
                memory.execution(Role.CLIENT, 0, 0, (0,), False), Turn(0, 0), memory.channel_pair()[1]
            )

    top(memory, play)


@pytest.mark.parametrize(
    ("private", "error", "expected"),
    [
        ({}, SettingsError, "setting subscribers: None is not allowed"),
        ({"subscriber": 2, "subscribers": 2}, SettingsError, "setting subscriber: 2 is not allowed; .* 0 to 1"),
        ({"subscriber": 4000, "subscribers": 4001}, DataError, "no row is left"),
    ],
)
def test_a_data_source_needs_to_know_its_rows(
    memory: Any, private: dict[str, int], error: type[Exception], expected: str
) -> None:
    service = memory.Service(5, 1, ((0,),), 1)
    source = service.data_sources[0]
    with pytest.raises(error, match=expected):
        type(source)(memory.Context(service.settings["data-source"], private))


def test_nobody_draws_from_the_global_generator(memory: Any) -> None:
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    with contextlib.suppress(ChannelClosed):
        run(memory, 2)
    assert torch.equal(torch.rand(4), expected)
