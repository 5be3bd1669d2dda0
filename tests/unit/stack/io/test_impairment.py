"""Emulated links: statistics of fates, replay, and the wrapper under virtual time."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.derivation import derive
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io import impairment as module
from net4ai.stack.io.clock import NANOSECONDS
from net4ai.stack.io.impairment import (
    LONGEST_HOLD,
    SHORTEST_HOLD,
    Cut,
    Fate,
    Impairment,
    ImpairmentParameters,
    LinkPause,
    impair,
)
from net4ai.stack.io.memory_network import MemoryEndpoint, MemoryNetwork
from net4ai.stack.io.udp import Batch, Endpoint
from net4ai.stack.io.virtual_loop import run_virtual

NUMBER = 20_000
SEEDS = (1, 2, 3)
MS = 1_000_000


def fates(parameters: ImpairmentParameters, seed: int = 1, number: int = NUMBER) -> list[Fate]:
    link = Impairment(parameters, seed, start=0)
    return [link.fate(now) for now in range(number)]


def assert_binomial(found: int, number: int, probability: float) -> None:
    """Within five standard deviations: fails for one seed in two million."""
    deviation = math.sqrt(number * probability * (1 - probability))
    assert abs(found - number * probability) <= 5 * deviation


# ---------------------------------------------------------------------------------------------------------------------
# Fates


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("probability", [0.01, 0.3, 0.9])
@pytest.mark.parametrize(("name", "reason"), [("loss", Drop.LOST), ("corrupt", Drop.TRANSPORT_BLOCK)])
def test_part_that_is_dropped(name: str, reason: Drop, probability: float, seed: int) -> None:
    print(f"seed {seed}")
    counts = Counter(fates(ImpairmentParameters(**{name: probability}), seed))
    assert_binomial(counts[reason], NUMBER, probability)
    assert counts[reason] + counts[(0,)] == NUMBER


@pytest.mark.parametrize("seed", SEEDS)
def test_part_that_arrives_twice(seed: int) -> None:
    counts = Counter(fates(ImpairmentParameters(duplicate=0.2), seed))
    assert_binomial(counts[(0, 0)], NUMBER, 0.2)
    assert counts[(0, 0)] + counts[(0,)] == NUMBER


@pytest.mark.parametrize("seed", SEEDS)
def test_part_that_is_held_back(seed: int) -> None:
    found = fates(ImpairmentParameters(reorder=0.2, delay=0.1), seed)
    held = [delays[0] for delays in found if isinstance(delays, tuple) and delays[0] != 100 * MS]
    assert_binomial(len(held), NUMBER, 0.2)
    assert min(held) >= (0.1 + SHORTEST_HOLD) * 1e9
    assert max(held) <= (0.1 + LONGEST_HOLD) * 1e9


@pytest.mark.parametrize("seed", SEEDS)
def test_jitter_is_uniform(seed: int) -> None:
    found = fates(ImpairmentParameters(delay=0.02, jitter=0.01, duplicate=1.0), seed)
    delays = [delay for fate in found if isinstance(fate, tuple) for delay in fate]
    assert len(delays) == 2 * NUMBER
    assert min(delays) >= 20 * MS
    assert max(delays) <= 30 * MS
    for decile in range(1, 10):
        assert_binomial(sum(delay < (20 + decile) * MS for delay in delays), 2 * NUMBER, decile / 10)


@pytest.mark.parametrize("seed", SEEDS)
def test_choices_are_independent(seed: int) -> None:
    """Who survives has no better or worse jitter, and two copies have their own."""
    found = fates(ImpairmentParameters(loss=0.3, corrupt=0.2, duplicate=1.0, jitter=0.01), seed)
    pairs = [delays for delays in found if isinstance(delays, tuple)]
    for copy in range(2):
        assert_binomial(sum(delays[copy] < 5 * MS for delays in pairs), len(pairs), 0.5)
    assert_binomial(sum(max(delays) < 5 * MS for delays in pairs), len(pairs), 0.25)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_at_once(seed: int) -> None:
    """Corrupt counts among those not lost, duplicates among those that arrive."""
    parameters = ImpairmentParameters(loss=0.1, corrupt=0.2, duplicate=0.3, reorder=0.4)
    counts = Counter(fate if isinstance(fate, Drop) else len(fate) for fate in fates(parameters, seed))
    assert_binomial(counts[Drop.LOST], NUMBER, 0.1)
    assert_binomial(counts[Drop.TRANSPORT_BLOCK], NUMBER, 0.9 * 0.2)
    assert_binomial(counts[2], NUMBER, 0.9 * 0.8 * 0.3)


def test_same_seed_same_fates() -> None:
    parameters = ImpairmentParameters(loss=0.1, corrupt=0.1, duplicate=0.1, reorder=0.1, delay=0.1, jitter=0.1)
    assert fates(parameters, 7) == fates(parameters, 7)
    assert fates(parameters, 7) != fates(parameters, 8)


def test_a_fate_depends_on_its_number_only() -> None:
    """More loss takes further datagrams and leaves the others' delays as they were."""
    few = fates(ImpairmentParameters(loss=0.1, jitter=0.1))
    many = fates(ImpairmentParameters(loss=0.4, jitter=0.1))
    assert any(isinstance(fate, Drop) for fate in few)
    assert all(after in (before, Drop.LOST) for before, after in zip(few, many, strict=True))


def test_chances_are_those_of_the_standard_library() -> None:
    """Same seed, same fates: on any machine, with any version of what draws them."""
    seed = derive(1, "impairment", "Uu", "up")
    expected = random.Random(seed)
    drawn = module._random_numbers(seed).random_sample((1000, 7))
    assert drawn.ravel().tolist() == [expected.random() for _ in range(7000)]


odds = st.sampled_from((0.0, 0.02, 0.3, 0.9, 1.0))


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        ImpairmentParameters,
        loss=odds,
        corrupt=odds,
        duplicate=odds,
        reorder=odds,
        delay=st.sampled_from((0.0, 0.1)),
        jitter=st.sampled_from((0.0, 0.0, 0.01)),
        cuts=st.sampled_from(((), (Cut(0, 1e-7),))),
    ),
    st.lists(st.integers(1, 100), max_size=5),
)
def test_a_batch_has_the_fates_of_its_datagrams(parameters: ImpairmentParameters, batches: list[int]) -> None:
    """However they are cut into batches; and neighbours with the same fate are named together."""
    link, oracle = (Impairment(parameters, seed=5, start=0) for _ in range(2))
    for now, number in enumerate(batches):
        found = link.fates(number, 60 * now)
        assert all(one[1] != other[1] for one, other in itertools.pairwise(found))
        assert [fate for alike, fate in found for _ in range(alike)] == [oracle.fate(60 * now) for _ in range(number)]


@pytest.mark.parametrize(
    ("now", "cut"), [(0, False), (999_999_999, False), (10**9, True), (3 * 10**9 - 1, True), (3 * 10**9, False)]
)
def test_cut(now: int, cut: bool) -> None:
    """From its start, in seconds after the run began, for its duration."""
    link = Impairment(ImpairmentParameters(cuts=(Cut(1, 2), Cut(10, 1))), seed=1, start=5 * 10**9)
    assert link.fate(5 * 10**9 + now) == (Drop.LINK_CUT if cut else (0,))
    assert link.fate(15 * 10**9) == Drop.LINK_CUT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("loss", -0.1),
        ("loss", 1.1),
        ("loss", math.nan),
        ("corrupt", 2),
        ("duplicate", -1),
        ("reorder", 1.5),
        ("delay", -1),
        ("delay", 10.5),
        ("jitter", math.inf),
        ("cuts", (Cut(-1, 1),)),
        ("cuts", (Cut(1, -1),)),
        ("cuts", (Cut(1, math.nan),)),
        ("cuts", (Cut(1, math.inf),)),
        ("cuts", (Cut(1, 1),) * 1001),
    ],
)
def test_out_of_range(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"Impairment\.{field}: .* allowed: "):
        ImpairmentParameters(**{field: value})  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------------
# Before an endpoint

Arrivals = list[tuple[int, bytes]]
"""Virtual milliseconds and datagram."""


def on_link(
    parameters: ImpairmentParameters,
    scenario: Callable[[Endpoint, MemoryEndpoint, Arrivals], Awaitable[None]],
    seed: int = 1,
) -> Arrivals:
    """Runs a scenario with an endpoint behind a link, and the endpoint at its far end."""
    arrivals: Arrivals = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        network = MemoryNetwork(loop)
        far = await network.open("far")

        def receive(batch: Batch) -> None:
            arrivals.extend((round(loop.time() * 1000), bytes(segment)) for segment in batch.segments())

        far.receive = receive
        near = impair(await network.open("near"), parameters, seed=seed, link="Uu", direction="up")
        await scenario(near, far, arrivals)
        await asyncio.sleep(30)
        near.close()

    run_virtual(main())
    return arrivals


def sending(*batches: tuple[float, bytes]) -> Callable[[Endpoint, MemoryEndpoint, Arrivals], Awaitable[None]]:
    """Sends each batch, of datagrams of one octet, at its second."""

    async def scenario(near: Endpoint, far: MemoryEndpoint, arrivals: Arrivals) -> None:
        for second, data in batches:
            await asyncio.sleep(second - asyncio.get_running_loop().time())
            near.send(Batch(data, 1, far.address))

    return scenario


def texts(arrivals: Sequence[tuple[int, bytes]]) -> bytes:
    return b"".join(data for _, data in arrivals)


def test_perfect_link_is_no_link() -> None:
    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        endpoint = await network.open("a")
        assert impair(endpoint, ImpairmentParameters(), seed=1, link="Uu", direction="up") is endpoint

    run_virtual(main())


def test_delay_keeps_order_and_batches() -> None:
    arrivals = on_link(ImpairmentParameters(delay=0.25), sending((0, b"cab"), (0, b"a"), (0.1, b"e"), (1, b"f")))
    assert arrivals == [(250, b"c"), (250, b"a"), (250, b"b"), (250, b"a"), (350, b"e"), (1250, b"f")]


def test_link_without_delay_delivers_at_once() -> None:
    arrivals = on_link(ImpairmentParameters(cuts=(Cut(1, 1),)), sending((0, b"ab"), (1.5, b"c"), (2, b"d")))
    assert arrivals == [(0, b"a"), (0, b"b"), (2000, b"d")]


def test_each_arrives_when_its_fate_says() -> None:
    parameters = ImpairmentParameters(delay=0.1, jitter=0.3, loss=0.3, duplicate=0.3, reorder=0.3)
    link = Impairment(parameters, derive(5, "impairment", "Uu", "up"), start=0)
    found = [link.fate(0) for _ in range(200)]
    expected = [
        (round(delay / MS), bytes([number]))
        for number, delays in enumerate(found)
        if isinstance(delays, tuple)
        for delay in delays
    ]
    assert sorted(on_link(parameters, sending((0, bytes(range(200)))), seed=5)) == sorted(expected)


def test_jitter_reorders() -> None:
    data = bytes(range(200))
    arrivals = on_link(ImpairmentParameters(delay=0.1, jitter=0.05), sending((0, data)))
    assert sorted(texts(arrivals)) == list(data)
    assert texts(arrivals) != data
    assert all(100 <= time <= 150 for time, _ in arrivals)


def test_reordered_datagrams_are_overtaken() -> None:
    steady = [(number / 1000, bytes([number])) for number in range(200)]
    arrivals = on_link(ImpairmentParameters(reorder=0.1), sending(*steady))
    assert sorted(texts(arrivals)) == list(range(200))
    overtaken = sum(later < earlier for earlier, later in zip(texts(arrivals), texts(arrivals)[1:], strict=False))
    assert 5 <= overtaken <= 40


def test_drops_are_counted_by_reason() -> None:
    drops: list[DropCounter] = []

    async def scenario(near: Endpoint, far: MemoryEndpoint, arrivals: Arrivals) -> None:
        near.send(Batch(bytes(3000), 3, far.address))
        drops.append(near.drops)

    parameters = ImpairmentParameters(loss=0.2, corrupt=0.2, cuts=(Cut(5, 1),))
    arrivals = on_link(parameters, scenario)
    counts = drops[0].counts
    assert set(counts) == {Drop.LOST, Drop.TRANSPORT_BLOCK}
    assert len(arrivals) + drops[0].total == 1000
    assert {len(data) for _, data in arrivals} == {3}


def test_own_drop_counter() -> None:
    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        sizes: list[int] = []
        drops = DropCounter(lambda reason, size: sizes.append(size))
        inner = await network.open("a")
        near = impair(inner, ImpairmentParameters(loss=1), seed=1, link="Uu", direction="up", drops=drops)
        near.send(Batch(bytes(250), 100, ("b", 1)))
        assert sizes == [100, 100, 50]
        assert not inner.drops.total

    run_virtual(main())


@pytest.mark.parametrize("seed", SEEDS)
def test_replay(seed: int) -> None:
    """The same seed and the same datagrams: the same arrivals, to the millisecond. Batches make no difference."""
    print(f"seed {seed}")
    parameters = ImpairmentParameters(loss=0.1, corrupt=0.1, duplicate=0.1, reorder=0.1, delay=0.1, jitter=0.1)
    whole = on_link(parameters, sending((0, bytes(range(250)))), seed)
    single = on_link(parameters, sending(*((0, bytes([number])) for number in range(250))), seed)
    other = on_link(parameters, sending((0, bytes(range(250)))), seed + 10)
    assert whole == single
    assert whole != other
    assert len({time for time, _ in whole}) > 50


def test_links_and_directions_are_independent() -> None:
    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        kept = []
        for link, direction in (("Uu", "up"), ("Uu", "down"), ("T4", "up")):
            lost: list[int] = []
            drops = DropCounter(lambda reason, size, lost=lost: lost.append(size))  # type: ignore[misc]
            parameters = ImpairmentParameters(loss=0.5)
            near = impair(await network.open("a"), parameters, seed=1, link=link, direction=direction, drops=drops)
            for number in range(1, 200):
                near.send(Batch(bytes(number), 200, ("b", 1)))
            kept.append(tuple(lost))
        assert len(set(kept)) == 3

    run_virtual(main())


def test_data_may_change_after_send() -> None:
    async def scenario(near: Endpoint, far: MemoryEndpoint, arrivals: Arrivals) -> None:
        data = bytearray(b"a")
        near.send(Batch(data, 1, far.address))
        data[:] = b"b"

    assert on_link(ImpairmentParameters(delay=0.1), scenario) == [(100, b"a")]


def test_what_is_under_way_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINK_QUEUE_OCTETS", 10)

    async def scenario(near: Endpoint, far: MemoryEndpoint, arrivals: Arrivals) -> None:
        for _ in range(2):
            near.send(Batch(b"abcdef", 1, far.address))
        assert near.drops.counts == {Drop.LINK_QUEUE_FULL: 6}
        await asyncio.sleep(1)
        near.send(Batch(b"ghijklmnop", 1, far.address))

    assert texts(on_link(ImpairmentParameters(delay=0.1), scenario)) == b"abcdefghijklmnop"


def test_close_throws_away_what_is_under_way() -> None:
    async def scenario(near: Endpoint, far: MemoryEndpoint, arrivals: Arrivals) -> None:
        near.send(Batch(b"abc", 1, far.address))
        near.close()
        near.send(Batch(b"d", 1, far.address))
        assert near.drops.counts == {Drop.CLOSED: 4}

    assert on_link(ImpairmentParameters(delay=0.1), scenario) == []


def test_the_rest_is_the_endpoint() -> None:
    """Receiving is untouched; address and buffer are the endpoint's."""

    async def scenario(near: Endpoint, far: MemoryEndpoint, arrivals: Arrivals) -> None:
        got: list[bytes] = []
        near.receive = lambda batch: got.append(bytes(batch.data))
        assert near.receive is not None
        far.send(Batch(b"back", 4, near.address))
        await asyncio.sleep(0.01)
        assert got == [b"back"]
        assert near.address[0] == "near"
        assert near.receive_buffer == far.receive_buffer

    on_link(ImpairmentParameters(loss=1.0), scenario)


def test_cuts_count_from_the_start_of_the_run() -> None:
    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        await asyncio.sleep(10)
        near = impair(
            await network.open("a"),
            ImpairmentParameters(cuts=(Cut(11, 1),)),
            seed=1,
            link="Uu",
            direction="up",
            start=0,
        )
        near.send(Batch(b"x", 1, ("b", 1)))
        assert near.drops.counts == {Drop.CONNECTION_REFUSED: 1}
        await asyncio.sleep(1.5)
        near.send(Batch(b"x", 1, ("b", 1)))
        assert near.drops[Drop.LINK_CUT] == 1

    run_virtual(main())


# A pause at run time


def test_a_pause_ends_by_itself_or_when_it_is_told() -> None:
    class Time:
        utc_offset = 0
        time = 5 * NANOSECONDS

        def now(self) -> int:
            return self.time

    clock = Time()
    pause = LinkPause(clock)
    assert not pause.now and not pause.end()
    pause.begin(2.0)
    assert pause.now
    clock.time += 2 * NANOSECONDS - 1
    assert pause.now
    clock.time += 1
    assert not pause.now
    pause.begin(100.0)
    pause.begin(0.5)
    assert pause.end() and not pause.now and not pause.end()
