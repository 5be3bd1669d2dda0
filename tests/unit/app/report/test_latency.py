from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from net4ai.app.report.latency import durations, percentile
from net4ai.app.report.trace_lines import TraceLine

NANOSECONDS = st.lists(st.integers(0, 10**12), min_size=2, max_size=300)


@given(NANOSECONDS)
def test_percentiles_are_those_of_the_statistics_module(data: list[int]) -> None:
    cuts = statistics.quantiles(data, n=100, method="inclusive")
    assert percentile(sorted(data), 50) == statistics.median(data)
    assert [percentile(sorted(data), percent) for percent in range(1, 100)] == cuts


def test_a_single_value_is_every_percentile() -> None:
    assert [percentile([7], percent) for percent in (0, 50, 99, 100)] == [7, 7, 7, 7]


def test_failures_are_counted_by_cause_and_kept_out_of_the_percentiles() -> None:
    def ended(outcome: str, duration: int) -> TraceLine:
        return TraceLine(0, "ue-1/1", "procedure", procedure="registration", outcome=outcome, duration=duration)

    lines = [ended("done", 30), ended("timeout", 9000), ended("done", 10), ended("timeout", 9000), ended("reject", 5)]
    assert durations(lines) == {"registration": ([10, 30], {"reject": 1, "timeout": 2})}
