"""CQI table and traces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.rrc import MAXIMUM_CQI
from net4ai.stack.radio.cqi import CQI_TABLE, CqiTrace, bits_per_second, efficiency
from net4ai.stack.units import SECOND

PUBLISHED = (
    *(0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141),
    *(2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152, 5.5547),
)
"""The column "efficiency" of TS 38.214, table 5.2.2.1-2, for CQI 1 to 15, printed beside what it follows from."""


@pytest.mark.parametrize(("cqi", "printed"), list(enumerate(PUBLISHED, 1)))
def test_efficiency_is_the_one_that_is_printed(cqi: int, printed: float) -> None:
    assert abs(efficiency(cqi) - printed) <= 0.00005 + 1e-9


def test_every_cqi_is_in_the_table_and_a_better_one_is_faster() -> None:
    assert list(CQI_TABLE) == list(range(1, MAXIMUM_CQI + 1))
    rates = [bits_per_second(cqi, 20e6) for cqi in range(MAXIMUM_CQI + 1)]
    assert rates == sorted(set(rates))
    assert rates[0] == 0
    assert rates[15] == 111_093_750


@pytest.mark.parametrize("cqi", [-1, 16])
def test_there_is_no_other_cqi(cqi: int) -> None:
    with pytest.raises(KeyError):
        efficiency(cqi)


STEPS = ((0.0, 15), (2.5, 7), (4.0, 0))


@pytest.mark.parametrize(
    ("elapsed", "cqi", "step"),
    [(0, 15, 2.5), (2.4, 15, 2.5), (2.5, 7, 4.0), (3.9, 7, 4.0), (4.0, 0, None), (1000, 0, None)],
)
def test_a_trace_that_is_not_repeated(elapsed: float, cqi: int, step: float | None) -> None:
    trace = CqiTrace(STEPS)
    assert trace.at(round(elapsed * SECOND)) == cqi
    assert trace.next_step(round(elapsed * SECOND)) == (None if step is None else round(step * SECOND))


@pytest.mark.parametrize(("elapsed", "cqi", "step"), [(4.0, 0, 6.0), (5.9, 0, 6.0), (6.0, 15, 8.5), (8.5, 7, 10.0)])
def test_a_trace_that_is_repeated(elapsed: float, cqi: int, step: float) -> None:
    trace = CqiTrace(STEPS, 6.0)
    assert trace.at(round(elapsed * SECOND)) == cqi
    assert trace.next_step(round(elapsed * SECOND)) == round(step * SECOND)


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True),
    st.booleans(),
    st.integers(0, 10_000 * SECOND),
    st.data(),
)
def test_between_two_steps_nothing_changes(times: list[int], repeated: bool, elapsed: int, data: st.DataObject) -> None:
    steps = tuple((float(time), number) for number, time in enumerate([0, *sorted(times)]))
    trace = CqiTrace(steps, max(times) + 7.0 if repeated else 0.0)
    step = trace.next_step(elapsed)
    if step is None:
        assert trace.at(elapsed) == len(times)
        assert not repeated
        return
    assert step > elapsed
    assert trace.at(data.draw(st.integers(elapsed, step - 1))) == trace.at(elapsed)
    assert trace.at(step) == (trace.at(elapsed) + 1) % len(steps)
