from __future__ import annotations

from net4ai.stack.dep.constants import ACK_DELAY, GRANULARITY, INITIAL_ROUND_TRIP, PROBE_TIMEOUT_MAXIMUM
from net4ai.stack.dep.round_trip import RoundTrip
from net4ai.stack.units import MILLISECOND


def test_before_the_first_sample():
    trip = RoundTrip()
    assert trip.smoothed == INITIAL_ROUND_TRIP
    assert trip.probe_timeout(0) == 3 * INITIAL_ROUND_TRIP + ACK_DELAY


def test_the_first_sample_is_taken_as_it_is():
    trip = RoundTrip()
    trip.sample(20 * MILLISECOND, 5 * MILLISECOND)
    assert (trip.smoothed, trip.variation) == (20 * MILLISECOND, 10 * MILLISECOND)


def test_it_settles_on_a_steady_round_trip_without_the_delay_of_acks():
    trip = RoundTrip()
    trip.sample(20 * MILLISECOND, 0)
    for _ in range(100):
        trip.sample(24 * MILLISECOND, 4 * MILLISECOND)
    assert abs(trip.smoothed - 20 * MILLISECOND) < GRANULARITY
    assert trip.variation < GRANULARITY
    assert trip.loss_delay() == trip.smoothed * 9 // 8 or trip.loss_delay() >= trip.smoothed


def test_a_delay_beyond_the_maximum_is_not_believed():
    trip = RoundTrip()
    trip.sample(20 * MILLISECOND, 0)
    trip.sample(100 * MILLISECOND, 99 * MILLISECOND)
    assert trip.latest == 100 * MILLISECOND - ACK_DELAY


def test_back_off_doubles_up_to_the_maximum_but_never_below_the_round_trip():
    trip = RoundTrip()
    trip.sample(10 * MILLISECOND, 0)
    first = trip.probe_timeout(0)
    assert [trip.probe_timeout(probes) for probes in (1, 2)] == [2 * first, 4 * first]
    assert trip.probe_timeout(1000) == PROBE_TIMEOUT_MAXIMUM
    slow = RoundTrip()
    slow.sample(3000 * MILLISECOND, 0)
    assert slow.probe_timeout(5) > 3000 * MILLISECOND


def test_delays_are_not_finer_than_the_granularity():
    trip = RoundTrip()
    for _ in range(50):
        trip.sample(0, 0)
    assert trip.loss_delay() == GRANULARITY
    assert trip.probe_timeout(0) == GRANULARITY + ACK_DELAY
