from __future__ import annotations

import pytest

from net4ai.app.report.units import figure, many, quantity, span


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (33_000, "33.0 kB"), (999_900, "1.0 MB"), (155e6, "155 MB"),
     (5e12, "5000 GB")],
)  # fmt: skip
def test_quantity(size: float, told: str) -> None:
    assert quantity(size) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 µs"), (0.00042, "420 µs"), (0.0012, "1.2 ms"), (0.145, "145 ms"), (0.9999, "1.0 s"), (16.2, "16.2 s"),
     (125, "2 min 05 s"), (59.96, "1 min 00 s"), (7260, "2 h 01 min")],
)  # fmt: skip
def test_span(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(12.678, "12.68"), (0, "0"), (-3.5, "-3.5"), (123456, "123,456"), (1e-9, "1.00e-09"), (12.0, "12")],
)
def test_figure(value: float, told: str) -> None:
    assert figure(value) == told


def test_many() -> None:
    assert [many(1, "drop"), many(2, "drop"), many(1988, "message")] == ["1 drop", "2 drops", "1,988 messages"]
