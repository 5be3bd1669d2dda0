from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.stack.dep.constants import GRANT_SHARE, SCHEDULED_MINIMUM
from net4ai.stack.dep.credit import Claim, CreditBudget
from net4ai.stack.dep.errors import NotEnoughCredit

MIB = 1 << 20


def drain(claims: list[Claim], finished: list[int], quantum: int = 1400) -> None:
    """Let granted octets arrive, a segment of each claim in turn, until nothing is outstanding."""
    while any(claim.reserved for claim in claims):
        for number, claim in enumerate(claims):
            if claim.reserved:
                claim.arrive(min(quantum, claim.reserved))
                if claim.arrived == claim.length:
                    finished.append(number)
                    claim.close()


def test_a_single_message_has_nearly_everything_and_what_arrives_is_free_again():
    budget = CreditBudget(MIB)
    available = budget.free
    claim = budget.claim("one", length=10 * MIB, segment=1400)
    assert 0.88 * available < claim.reserved < 0.9 * available
    assert claim.granted % 1400 == 0
    assert budget.take_ready() == ["one"]
    assert budget.take_ready() == []
    before = claim.granted
    claim.arrive(claim.reserved)
    assert claim.granted > before
    finished: list[int] = []
    drain([claim], finished)
    assert finished == [0]
    assert budget.reserved == 0


def test_messages_come_to_equal_shares_and_room_is_left():
    budget = CreditBudget(MIB)
    available = budget.free
    claims = [budget.claim("one", length=100 * MIB, segment=1400)]
    for number in range(3):
        claims.append(budget.claim(number, length=100 * MIB, segment=1400))
        assert claims[-1].reserved > 0
        for _ in range(1500):
            for claim in claims:
                claim.arrive(min(1400, claim.reserved))
        shares = [claim.reserved / available for claim in claims]
        assert max(shares) - min(shares) < 0.15, shares
        assert 0.8 < sum(shares) < 1


def test_grants_are_few():
    """Nine octets out of ten are granted in steps of an eighth of the budget or more."""
    budget = CreditBudget(MIB)
    claim = budget.claim("one", length=10 * MIB, segment=1400)
    steps, granted = 0, claim.granted
    while claim.waiting:
        claim.arrive(1400)
        steps += claim.granted > granted
        granted = claim.granted
    assert steps < 10 * MIB / (budget.free / GRANT_SHARE) * 1.1


def test_the_shortest_goes_first():
    budget = CreditBudget(SCHEDULED_MINIMUM * 2)
    claims = [budget.claim(n, length=length, segment=1400) for n, length in enumerate([MIB, MIB, MIB, 4 * MIB, 9800])]
    finished: list[int] = []
    drain(claims, finished)
    assert finished[0] == 4
    assert sorted(finished) == [0, 1, 2, 3, 4]


def test_nobody_starves_behind_an_endless_stream_of_short_messages():
    budget = CreditBudget(SCHEDULED_MINIMUM)
    long = budget.claim("long", length=MIB, segment=60000)
    short: list[Claim] = []
    for turn in range(2000):
        short = [claim for claim in short if claim.arrived < claim.length]
        while len(short) < 6:
            short.append(budget.claim(turn, length=30_000, segment=1400))
        for claim in [*short, long]:
            if claim.reserved:
                claim.arrive(min(claim.segment, claim.reserved))
                if claim.arrived == claim.length:
                    claim.close()
        if long.arrived == long.length:
            return
    pytest.fail(f"the long message got {long.arrived} octets only")


def test_promises_are_set_aside_and_leave_room_for_the_largest_segment():
    budget = CreditBudget(MIB)
    assert budget.promisable == MIB - SCHEDULED_MINIMUM
    budget.promise(MIB - SCHEDULED_MINIMUM)
    with pytest.raises(NotEnoughCredit):
        budget.promise(1)
    claim = budget.claim("x", length=60000 * 3, segment=60000)
    assert claim.granted == 60000
    budget.take_back(MIB - SCHEDULED_MINIMUM)
    assert claim.granted == 180000
    with pytest.raises(ValueError, match="at least"):
        CreditBudget(SCHEDULED_MINIMUM - 1)


def test_a_session_can_be_added_while_credit_is_in_use():
    budget = CreditBudget(MIB)
    for number in range(4):
        budget.claim(number, length=64 * MIB, segment=1400)
    budget.promise(MIB // 4)
    assert budget.free >= 0


def test_a_relay_claim_stops_at_its_ceiling():
    budget = CreditBudget(MIB)
    claim = budget.claim("relay", length=10 * MIB, segment=1000, ceiling=0)
    assert claim.granted == 0
    claim.raise_ceiling(5000)
    assert claim.granted == 5000
    claim.raise_ceiling(4000)
    assert (claim.granted, claim.ceiling) == (5000, 5000)
    claim.arrive(5000)
    assert claim.reserved == 0
    assert claim.granted == 5000


def test_closing_twice_gives_back_once():
    budget = CreditBudget(MIB)
    claim = budget.claim("x", length=MIB, segment=1400)
    claim.close()
    claim.close()
    claim.arrive(1400)
    assert budget.reserved == 0


operations = st.lists(
    st.tuples(
        st.sampled_from(["claim", "arrive", "close", "promise", "take back", "raise"]),
        st.integers(0, 400_000),
        st.integers(0, 20),
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(octets=st.integers(SCHEDULED_MINIMUM, 1 << 20), operations=operations)
def test_the_budget_never_goes_negative(octets: int, operations: list[tuple[str, int, int]]):
    budget = CreditBudget(octets)
    claims: list[Claim] = []
    promises: list[int] = []
    for name, amount, which in operations:
        if name == "claim":
            segment = 64 + amount % 59_937
            ceiling = None if which % 2 else amount // 2 // segment * segment
            claims.append(budget.claim(which, length=amount, segment=segment, ceiling=ceiling))
        elif name == "promise":
            if amount <= budget.promisable:
                budget.promise(amount)
                promises.append(amount)
            else:
                with pytest.raises(NotEnoughCredit):
                    budget.promise(amount)
        elif name == "take back" and promises:
            budget.take_back(promises.pop(which % len(promises)))
        elif claims:
            claim = claims[which % len(claims)]
            if name == "arrive":
                claim.arrive(min(amount, claim.length - claim.arrived))
            elif name == "raise":
                claim.raise_ceiling(amount // claim.segment * claim.segment)
            else:
                claim.close()
        assert budget.reserved == sum(claim.reserved for claim in claims)
        assert budget.promised == sum(promises)
        assert 0 <= budget.reserved + budget.promised <= octets
        for claim in claims:
            assert claim.granted <= max(claim.ceiling, 0) <= claim.length
            assert claim.granted == claim.ceiling or claim.granted % claim.segment == 0
    for claim in claims:
        claim.close()
    assert budget.reserved == 0


@settings(max_examples=100, deadline=None)
@given(
    octets=st.integers(SCHEDULED_MINIMUM, 1 << 19),
    sizes=st.lists(st.tuples(st.integers(1, 500_000), st.sampled_from([64, 1400, 8900, 60000])), max_size=12),
)
def test_every_message_gets_all_its_credit(octets: int, sizes: list[tuple[int, int]]):
    budget = CreditBudget(octets)
    claims = [budget.claim(number, length=length, segment=segment) for number, (length, segment) in enumerate(sizes)]
    finished: list[int] = []
    drain(claims, finished, quantum=60000)
    assert sorted(finished) == list(range(len(sizes)))
