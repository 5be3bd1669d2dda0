"""The scheduler of a hop, in virtual time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from scheduler_bench import BEST_EFFORT, HANDLE, RADIO, SIZE, World, kbps, saturate, segments

from net4ai.codecs.common import QosProfile
from net4ai.codecs.dep import CongestionMark
from net4ai.stack.drops import Drop
from net4ai.stack.qos.bearer_scheduler import (
    BEARER_FLOWS,
    BEARER_QUEUE,
    BURST,
    QUANTUM,
    SENDER_QUEUE_MINIMUM,
    SLOT,
    UNLIMITED,
)
from net4ai.stack.qos.flow_queue import MARK_AT
from net4ai.stack.units import MILLISECOND, SECOND

# --- Rates and priorities ---


def test_the_radio_is_used_and_not_exceeded() -> None:
    world = World({1: BEST_EFFORT})
    world.run(SECOND, saturate)
    assert kbps(world.octets()[1], SECOND) == pytest.approx(8000, rel=0.01)


def test_a_guaranteed_flow_holds_rate_and_delay_under_tenfold_overload() -> None:
    """2 Mbit/s are guaranteed of 8; best effort, here even of a better priority, sends ten times what the radio has."""
    guaranteed = QosProfile(five_qi=90, priority=90, guaranteed_bit_rate=2000)
    world = World({1: replace(BEST_EFFORT, priority=1), 2: guaranteed})

    def source(world: World) -> None:
        world.queue(1, 20)
        if world.now % (2 * MILLISECOND) == 0:
            world.queue(2)  # 500 octets every 2 ms: 2 Mbit/s

    world.run(5 * SECOND, source)
    octets = world.octets()
    assert kbps(octets[2], 5 * SECOND) == pytest.approx(2000, rel=0.001)
    assert kbps(octets[1], 5 * SECOND) == pytest.approx(6000, rel=0.01)
    flow = world.scheduler.flow(2, HANDLE)
    assert flow is not None and flow.watch.rate_violations == flow.watch.delay_violations == 0
    assert flow.marked == flow.discarded == 0
    best_effort = world.scheduler.flow(1, HANDLE)
    assert best_effort is not None and best_effort.watch.delay_violations > 0


def test_what_a_flow_got_beyond_its_guarantee_is_not_held_against_it() -> None:
    """Alone it takes all of the radio; as soon as others come it has its rate, not less for a while."""
    world = World(
        {1: replace(BEST_EFFORT, priority=1), 2: QosProfile(five_qi=4, priority=50, guaranteed_bit_rate=2000)}
    )

    def alone(world: World) -> None:
        if (flow := world.scheduler.flow(2, HANDLE)) is None or flow.octets < 20_000:
            world.queue(2, 40)

    world.run(2 * SECOND, alone)
    start = world.now
    world.run(start + SECOND // 5, saturate)
    assert kbps(world.octets(until=start)[2], 2 * SECOND) > 7900
    assert kbps(world.octets(since=start)[2], SECOND // 5) >= 1950


def test_what_is_guaranteed_comes_first_the_rest_by_priority() -> None:
    """Above its guarantee a flow of low priority waits behind those of higher priority."""
    world = World(
        {
            1: QosProfile(five_qi=9, priority=10),
            2: QosProfile(five_qi=4, priority=50, guaranteed_bit_rate=1000),
            3: QosProfile(five_qi=9, priority=90, prioritised_bit_rate=250),
            4: QosProfile(five_qi=9, priority=95),
        }
    )
    world.run(4 * SECOND, saturate)
    octets = world.octets(since=SECOND)
    assert kbps(octets[2], 3 * SECOND) == pytest.approx(1000, rel=0.01)
    assert kbps(octets[3], 3 * SECOND) == pytest.approx(2000, rel=0.01), "250 kilobyte per second"
    assert kbps(octets[1], 3 * SECOND) == pytest.approx(5000, rel=0.02)
    assert octets[4] == 0


def test_prioritised_bit_rate_and_bucket() -> None:
    """B_j begins at 0, grows with PBR, and never beyond PBR times BSD (TS 38.321 5.4.3.1.3)."""
    world = World({1: QosProfile(five_qi=9, priority=1), 2: BEST_EFFORT}, rate=RADIO)
    world.scheduler.configure(2, replace(BEST_EFFORT, prioritised_bit_rate=100, bucket_size=20), 0)  # 100 octets a ms
    world.queue(2, 1)
    world.queue(1, 8)
    world.take()
    assert [bearer for _, bearer, _, _ in world.sent][:8] == [1] * 8, "nothing is saved up yet"
    world.run(SECOND, lambda world: world.queue(1, 4) if world.now else None)
    # Bearer 2 was silent for a second: its bucket holds 20 ms of PBR, 2000 octets, and no more.
    before = len(world.sent)
    world.queue(2, 40)
    world.queue(1, 40)
    world.run(world.now + 2 * SLOT)
    served = [bearer for _, bearer, _, _ in world.sent[before:]]
    assert served[:4] == [2, 2, 2, 2], "2000 octets"
    assert 2 not in served[5:]


def test_bearers_of_one_priority_share_alike_whatever_their_pdus() -> None:
    world = World({1: BEST_EFFORT, 2: BEST_EFFORT, 3: BEST_EFFORT})

    def source(world: World) -> None:
        for bearer, size in ((1, 200), (2, 1400), (3, 9000)):
            flow = world.scheduler.flow(bearer, HANDLE)
            if flow is None or flow.octets < 40_000:
                world.queue(bearer, -(-20_000 // size), size=size)

    world.run(2 * SECOND, source)
    octets = world.octets()
    for bearer in (1, 2, 3):
        assert kbps(octets[bearer], 2 * SECOND) == pytest.approx(8000 / 3, rel=0.03)


def test_a_bearer_that_was_silent_does_not_make_up_for_it() -> None:
    world = World({1: BEST_EFFORT, 2: BEST_EFFORT})
    world.run(SECOND, lambda world: world.queue(1, 3))
    start = world.now
    world.run(2 * SECOND, saturate)
    octets = world.octets(since=start)
    assert octets[2] == pytest.approx(octets[1], rel=0.05)


def test_sessions_on_a_bearer_take_turns() -> None:
    """Deficit round robin: one session offers ten times as much, in larger PDUs."""
    world = World({1: BEST_EFFORT})

    def source(world: World) -> None:
        world.queue(1, 2, handle=1, size=9000)
        world.queue(1, 2, handle=2, size=300)
        world.queue(1, 2, handle=3, size=300)

    world.run(2 * SECOND, source)
    total: Counter[int] = Counter()
    for _, _, handle, pdu in world.sent:
        total[handle] += len(pdu)
    assert total[2] == pytest.approx(total[3], rel=0.05)
    third = RADIO // 8 * 2 / 3
    assert total[1] == pytest.approx(third, rel=0.2) and total[2] == pytest.approx(third, rel=0.2)


# --- Ceilings ---


def ceilings(world: World, name: str, rate: int) -> None:
    if name == "UE AMBR":
        world.scheduler.set_ue_ceiling(rate, 0)
    elif name == "session AMBR":
        world.scheduler.set_session_ceiling(0, HANDLE, rate, 0)


@pytest.mark.parametrize("radio", [None, RADIO])
@pytest.mark.parametrize("name", ["UE AMBR", "session AMBR", "MFBR"])
def test_ceilings_hold_and_are_reached(name: str, radio: int | None) -> None:
    profile = replace(BEST_EFFORT, maximum_bit_rate=1000) if name == "MFBR" else BEST_EFFORT
    world = World({1: profile}, rate=radio)
    ceilings(world, name, 1_000_000)
    assert world.scheduler.shapes
    world.run(2 * SECOND, saturate)
    burst = BURST * 1_000_000 // 8 // SECOND
    assert 250_000 <= world.octets()[1] <= 250_000 + burst + SIZE


@pytest.mark.parametrize("name", ["UE AMBR", "session AMBR"])
def test_aggregate_ceilings_do_not_count_guaranteed_flows(name: str) -> None:
    world = World({1: BEST_EFFORT, 2: QosProfile(five_qi=4, priority=95, guaranteed_bit_rate=3000)})
    ceilings(world, name, 1_000_000)
    world.run(2 * SECOND, saturate)
    assert kbps(world.octets()[1], 2 * SECOND) == pytest.approx(1000, rel=0.06)
    assert kbps(world.octets()[2], 2 * SECOND) == pytest.approx(7000, rel=0.02)


def test_one_sessions_ceiling_does_not_hold_back_another_on_its_bearer() -> None:
    world = World({1: BEST_EFFORT})
    world.scheduler.set_session_ceiling(0, 1, 800_000, 0)

    def source(world: World) -> None:
        for handle in (1, 2):
            flow = world.scheduler.flow(1, handle)
            if flow is None or flow.octets < 20_000:
                world.queue(1, 20, handle=handle)

    world.run(2 * SECOND, source)
    total: Counter[int] = Counter()
    for _, _, handle, pdu in world.sent:
        total[handle] += len(pdu)
    assert kbps(total[1], 2 * SECOND) == pytest.approx(800, rel=0.06)
    assert kbps(total[1] + total[2], 2 * SECOND) == pytest.approx(8000, rel=0.01)


def test_a_session_that_is_renewed_keeps_its_ceiling_under_its_new_handle() -> None:
    world = World({1: BEST_EFFORT}, rate=None)
    world.scheduler.set_session_ceiling(0, 1, 800_000, 0)
    world.scheduler.set_session_ceiling(0, 2, 800_000, 0)
    for handle in (1, 2):
        world.queue(1, 100, handle=handle)
    world.take()
    total = Counter(handle for _, _, handle, _ in world.sent)
    assert total == {1: 100, 2: 5000 // SIZE}
    world.scheduler.set_session_ceiling(0, 2, 0, 0)
    world.take()
    assert len(world.sent) == 200 and not world.scheduler.shapes


def test_nothing_limited_nothing_shaped() -> None:
    world = World({1: QosProfile(five_qi=128, priority=20, guaranteed_bit_rate=1000)}, rate=None)
    assert not world.scheduler.shapes
    assert world.scheduler.room(1, HANDLE) == UNLIMITED
    world.scheduler.set_rate(RADIO, 0)
    assert world.scheduler.shapes
    world.queue(1, 10)
    world.scheduler.set_rate(None, 0)
    assert world.scheduler.shapes, "what waits must not be overtaken"
    world.take()
    assert len(world.sent) == 10 and not world.scheduler.shapes


def test_a_radio_without_a_rate_gives_nothing_until_it_has_one() -> None:
    world = World({1: BEST_EFFORT}, rate=0)
    world.queue(1, 10)
    world.run(SECOND)
    sent = len(world.sent)
    assert sent <= 1
    assert world.scheduler.next_deadline() is None
    world.scheduler.set_rate(RADIO, world.now)
    world.run(2 * SECOND)
    assert len(world.sent) == 10


def test_signalling_goes_ahead_and_is_charged() -> None:
    world = World({1: BEST_EFFORT})

    def source(world: World) -> None:
        world.scheduler.charge(250, world.now)
        saturate(world)

    world.run(SECOND, source)
    assert kbps(world.octets()[1], SECOND) == pytest.approx(6000, rel=0.01), "2 Mbit/s are signalling"


# --- Delay ---


def test_what_is_late_and_worthless_is_discarded() -> None:
    """Voice waits 100 ms at most."""
    world = World({1: QosProfile(five_qi=1, priority=20)}, rate=80_000)  # 10 octets a millisecond
    world.queue(1, 10)
    world.run(SECOND)
    assert world.octets()[1] == pytest.approx(10 * 100, abs=SIZE + 40)
    assert world.drops[Drop.DELAY_BUDGET] * SIZE == world.offered - world.octets()[1]
    flow = world.scheduler.flow(1, HANDLE)
    assert flow is not None and flow.discarded == world.dropped == world.scheduler.discarded
    assert world.scheduler.delay_violations == flow.watch.delay_violations == world.drops[Drop.DELAY_BUDGET]


def test_bulk_is_never_discarded_however_late() -> None:
    world = World({1: QosProfile(five_qi=128, priority=20)}, rate=80_000)
    world.queue(1, 20)
    world.run(2 * SECOND)
    assert world.octets()[1] == 20 * SIZE and not world.drops.total


def test_who_has_waited_half_the_budget_is_marked() -> None:
    """300 ms for best effort; 10 octets a millisecond: what is 1500 octets behind has waited 150 ms."""
    world = World({1: BEST_EFFORT}, rate=80_000)
    world.queue(1, 10)
    world.run(2 * SECOND)
    for time, _, _, pdu in world.sent:
        marked = pdu[MARK_AT] >> 6 == CongestionMark.EXPERIENCED
        assert marked == (time > 150 * MILLISECOND)
        assert pdu[MARK_AT] & 0x3F == 1, "the QFI stays"
    assert 0 < world.scheduler.marked < world.octets()[1]


def test_who_is_not_capable_is_not_marked() -> None:
    world = World({1: BEST_EFFORT}, rate=80_000)
    burst = segments(3, mark=CongestionMark.NOT_CAPABLE) + segments(3) + segments(3, mark=CongestionMark.EXPERIENCED)
    world.scheduler.queue(1, burst, SIZE, 0)
    world.now = SECOND
    world.scheduler.set_rate(None, world.now)
    world.take()
    marks = [pdu[MARK_AT] >> 6 for *_, pdu in world.sent]
    assert marks == [CongestionMark.NOT_CAPABLE] * 3 + [CongestionMark.EXPERIENCED] * 6
    assert world.scheduler.marked == 3 * SIZE


def test_violations_are_told() -> None:
    """The radio has less than is guaranteed."""
    world = World({2: QosProfile(five_qi=128, priority=20, guaranteed_bit_rate=2000)}, rate=1_000_000)
    world.run(5 * SECOND, saturate)
    rates = [violation for violation in world.scheduler.violations if violation.kind == "rate"]
    assert [violation.promised for violation in rates] == [2_000_000] * 2
    for violation in rates:
        assert violation.measured == pytest.approx(1_000_000, rel=0.02)
        assert (violation.bearer, violation.qfi, violation.handle) == (2, 1, HANDLE)
    assert world.scheduler.rate_violations == 2
    assert any(violation.kind == "delay" for violation in world.scheduler.violations)


# --- Queues ---


def test_a_full_bearer_refuses() -> None:
    world = World({1: BEST_EFFORT, 2: BEST_EFFORT}, rate=0)
    size = 50_000
    for _ in range(BEARER_QUEUE // size + 3):
        world.queue(1, size=size)
    assert world.drops.counts == {Drop.BEARER_QUEUE_FULL: 3}
    flow = world.scheduler.flow(1, HANDLE)
    assert flow is not None and flow.refused == 3 * size
    world.queue(2)
    assert world.drops.total == 3, "the other bearer has room"


def test_figures_of_idle_flows_make_room_for_new_ones() -> None:
    world = World({1: BEST_EFFORT}, rate=0)
    for handle in range(BEARER_FLOWS):
        world.queue(1, handle=handle)
    world.queue(1, handle=1000)
    assert world.drops.counts == {Drop.BEARER_QUEUE_FULL: 1}
    world.scheduler.set_rate(None, 0)
    world.take()
    world.scheduler.set_rate(0, 0)
    world.queue(1, handle=1000)
    assert world.drops.total == 1
    assert world.scheduler.flow(1, 0) is None and world.scheduler.flow(1, 1) is not None


def test_what_belongs_nowhere_is_dropped() -> None:
    world = World({1: BEST_EFFORT})
    world.queue(5)
    world.scheduler.queue(1, bytearray(23), 23, 0)
    world.scheduler.queue(1, segments(2) + bytearray(3), SIZE, 0)
    assert world.drops.counts == {Drop.WRONG_BEARER: 1, Drop.TRUNCATED: 2}


def test_a_removed_bearer_drops_what_waits() -> None:
    world = World({1: BEST_EFFORT, 2: BEST_EFFORT}, rate=0)
    world.queue(1, 4)
    world.queue(2, 2)
    world.scheduler.remove(1)
    world.scheduler.remove(1)
    assert world.dropped == 4 * SIZE and world.drops[Drop.BEARER_REMOVED] == 1
    world.scheduler.set_rate(None, 0)
    world.take()
    assert world.octets() == {2: 2 * SIZE}


def test_the_sender_is_asked_for_half_a_delay_budget() -> None:
    world = World({1: BEST_EFFORT, 2: QosProfile(five_qi=128, priority=20)})
    wanted = RADIO // 8 * 150 // 1000
    assert world.scheduler.room(1, HANDLE) == wanted
    assert world.scheduler.room(2, HANDLE) == SENDER_QUEUE_MINIMUM, "15 ms are less than that"
    world.queue(1, wanted // SIZE // 4)
    assert world.scheduler.room(1, HANDLE) == wanted - wanted // SIZE // 4 * SIZE
    world.queue(1, wanted // SIZE // 3)
    assert world.scheduler.room(1, HANDLE) == 0, "not a little at a time"
    assert world.scheduler.room(1, HANDLE + 1) == wanted, "another session has room of its own"
    assert world.scheduler.room(9, HANDLE) == UNLIMITED


def test_reconfigured_while_it_is_busy() -> None:
    world = World({1: replace(BEST_EFFORT, maximum_bit_rate=800)}, rate=None)
    world.run(SECOND, saturate)
    world.scheduler.configure(1, replace(BEST_EFFORT, maximum_bit_rate=1600), world.now)
    world.run(2 * SECOND, saturate)
    assert kbps(world.octets(until=SECOND)[1], SECOND) == pytest.approx(800, rel=0.07)
    assert kbps(world.octets(since=SECOND)[1], SECOND) == pytest.approx(1600, rel=0.07)


def test_a_turn_is_bounded() -> None:
    """QUANTUM octets, then the next session."""
    world = World({1: BEST_EFFORT}, rate=None)
    world.scheduler.set_ue_ceiling(10**12, 0)
    for handle in (1, 2):
        world.queue(1, 200, handle=handle)
    world.take()
    first = next(at for at, (_, _, handle, _) in enumerate(world.sent) if handle == 2)
    assert first * SIZE == pytest.approx(QUANTUM, abs=SIZE)
