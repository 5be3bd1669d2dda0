"""What holds for the scheduler of a hop whatever is offered to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from scheduler_bench import BEST_EFFORT, RADIO, SIZE, World, saturate, segments

from net4ai.codecs.common import QosProfile
from net4ai.codecs.five_qi import characteristics
from net4ai.stack.qos.bearer_scheduler import BURST, RADIO_BURST
from net4ai.stack.units import MILLISECOND, SECOND

profiles = st.builds(
    QosProfile,
    five_qi=st.sampled_from([1, 9, 128]),
    priority=st.integers(1, 3),
    prioritised_bit_rate=st.sampled_from([0, 0, 50]),
    bucket_size=st.sampled_from([0, 5, 100]),
    maximum_bit_rate=st.sampled_from([0, 0, 700, 5000]),
)


@dataclass
class Trial:
    """What happens to a scheduler: bearers, ceilings, and offers by millisecond."""

    profiles: list[QosProfile]
    guaranteed: int
    ue: int
    session: int
    rate: int | None
    offers: list[tuple[int, int, int, int, int]]
    """Millisecond, bearer, handle, PDUs and their size."""


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    found = draw(st.lists(profiles, min_size=1, max_size=4))
    sizes = st.sampled_from([24, 500, 1400, 9000])
    offer = st.tuples(st.integers(0, 300), st.integers(1, len(found)), st.integers(1, 3), st.integers(1, 60), sizes)
    return Trial(
        found,
        draw(st.sampled_from([0, 300])),
        draw(st.sampled_from([0, 0, 2_000_000])),
        draw(st.sampled_from([0, 0, 1_000_000])),
        draw(st.sampled_from([None, 400_000, RADIO])),
        sorted(draw(st.lists(offer, max_size=30))),
    )


def play(trial: Trial) -> World:
    assured = [
        replace(profile, guaranteed_bit_rate=min(trial.guaranteed, profile.maximum_bit_rate or trial.guaranteed))
        if characteristics(profile.five_qi).may_be_guaranteed
        else profile
        for profile in trial.profiles
    ]
    world = World(dict(enumerate(assured, 1)), rate=trial.rate)
    world.scheduler.set_ue_ceiling(trial.ue, 0)
    world.scheduler.set_session_ceiling(0, 1, trial.session, 0)
    for millisecond, bearer, handle, number, size in trial.offers:
        world.run(millisecond * MILLISECOND)
        world.queue(bearer, number, handle, size)
    return world


def within(world: World, chosen: Callable[[int, int], bool], rate: int, depth: int) -> None:
    """Over any window no more than the rate, the bucket, and one PDU."""
    pdus = [(time, len(pdu)) for time, bearer, handle, pdu in world.sent if chosen(bearer, handle)]
    ends: dict[int, int] = {}
    for at, (start, _) in enumerate(pdus):
        if ends.setdefault(start, at) != at:
            continue
        total = 0
        for time, size in pdus[at:]:
            total += size
            assert total <= Fraction(rate * (time - start), 8 * SECOND) + depth + 9000


@settings(max_examples=40, deadline=None)
@given(trials())
def test_no_ceiling_is_exceeded_and_every_octet_accounted_for(trial: Trial) -> None:
    world = play(trial)
    world.run(world.now + 300 * MILLISECOND)
    out = sum(len(pdu) for *_, pdu in world.sent)
    assert world.offered == out + world.scheduler.octets + world.dropped
    assert sum(flow.sent for flow in world.scheduler.flows()) == out
    assured = {bearer for bearer, profile in world.profiles.items() if profile.guaranteed_bit_rate}

    def depth(rate: int, duration: int) -> int:
        return rate * duration // (8 * SECOND)

    if trial.rate is not None:
        within(world, lambda bearer, handle: True, trial.rate, depth(trial.rate, RADIO_BURST))
    if trial.ue:
        within(world, lambda bearer, handle: bearer not in assured, trial.ue, depth(trial.ue, BURST))
    if trial.session:
        within(
            world,
            lambda bearer, handle: handle == 1 and bearer not in assured,
            trial.session,
            depth(trial.session, BURST),
        )
    for number, profile in world.profiles.items():
        if rate := profile.maximum_bit_rate * 1000:
            burst = max(characteristics(profile.five_qi).burst, depth(rate, BURST))
            within(world, lambda bearer, handle, number=number: bearer == number, rate, burst)  # type: ignore[misc]


@settings(max_examples=40, deadline=None)
@given(trials())
def test_all_that_waits_goes_out_in_the_end(trial: Trial) -> None:
    """Nobody starves: once nothing new comes, every queue empties."""
    world = play(trial)
    world.run(world.now + 3600 * SECOND)
    assert not world.scheduler.octets
    assert world.offered == sum(len(pdu) for *_, pdu in world.sent) + world.dropped


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 12)), min_size=1, max_size=5))
def test_nobody_starves_below_a_guarantee_the_radio_can_give(shares: list[tuple[int, int]]) -> None:
    """Priorities and prioritised rates at random; together they stay below the radio's: everyone gets its own."""
    whole = sum(share for _, share in shares) + 1
    world = World(
        {
            bearer: QosProfile(five_qi=9, priority=priority, prioritised_bit_rate=1000 * share // whole)
            for bearer, (priority, share) in enumerate(shares, 1)
        }
    )
    world.run(2 * SECOND, saturate)
    octets = world.octets(since=SECOND)
    for bearer, profile in world.profiles.items():
        assert octets[bearer] >= profile.prioritised_bit_rate * 1000 * 0.97 - 3 * SIZE


def test_a_flow_stays_in_order() -> None:
    world = World({1: BEST_EFFORT, 2: BEST_EFFORT})
    for number in range(300):
        bearer, handle = number % 2 + 1, number % 3
        pdu = segments(1, handle)
        pdu[-4:] = number.to_bytes(4, "big")
        world.scheduler.queue(bearer, pdu, SIZE, world.now)
    world.run(SECOND)
    assert len(world.sent) == 300
    for flow in {(bearer, handle) for _, bearer, handle, _ in world.sent}:
        numbers = [int.from_bytes(pdu[-4:], "big") for _, bearer, handle, pdu in world.sent if (bearer, handle) == flow]
        assert numbers == sorted(numbers)
