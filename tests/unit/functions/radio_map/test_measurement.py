"""What comes in is a measurement or an error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.message import Content, ElementType, Message
from net4ai.functions.api import Radio
from net4ai.functions.radio_map.measurement import (
    LEVELS,
    QUANTITIES,
    Measurement,
    PeerError,
    Tag,
    count,
    from_counts,
    from_radio,
    to_counts,
    to_measurement,
)


def told(**values: Any) -> Message:
    plain = {"cell": 1, "rsrp": -80.5, "rsrq": -11.0, "sinr": 15.5} | values
    return Message(Tag.MEASUREMENT, Content.JSON, json.dumps(plain).encode())


def test_levels_are_those_of_the_measurement_tables() -> None:
    """TS 38.133 10.1.6: RSRP_76 is -81 dBm or more and below -80; 10.1.11 and 10.1.16 in steps of half a dB."""
    assert to_measurement(told()) == Measurement(1, (76, 65, 78))
    assert [quantity.value(level) for quantity, level in zip(QUANTITIES, (76, 65, 78), strict=True)] == [
        -80.5,
        -10.75,
        15.75,
    ]


@given(st.floats(-157, -30), st.floats(-43.5, 20), st.floats(-23.5, 40), st.integers(0, 1007))
def test_what_a_terminal_hears_arrives(rsrp: float, rsrq: float, sinr: float, cell: int) -> None:
    found = to_measurement(from_radio(Radio(cell, rsrp, rsrq, sinr)))
    assert found.cell == cell
    for quantity, level, value in zip(QUANTITIES, found.levels, (rsrp, rsrq, sinr), strict=True):
        assert abs(quantity.value(level) - value) <= quantity.step / 2 + 1e-9


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (told(rsrp=10.0), r"MEASUREMENT.rsrp: expected -157.0 to -29.0, received 10.0"),
        (told(rsrp="strong"), "MEASUREMENT.rsrp"),
        (told(rsrq=True), "MEASUREMENT.rsrq"),
        (told(sinr=None), "MEASUREMENT.sinr"),
        (Message(Tag.MEASUREMENT, Content.JSON, b'{"cell": 1, "rsrp": NaN}'), "MEASUREMENT.rsrp"),
        (told(cell=1008), "MEASUREMENT.cell: expected an integer from 0 to 1007"),
        (told(cell=1.0), "MEASUREMENT.cell"),
        (replace(told(), tag=9), "MEASUREMENT: expected JSON"),
        (replace(told(), content=Content.BYTES), "MEASUREMENT: expected JSON"),
        (replace(told(), data=b"[" * 4000), "MEASUREMENT: expected JSON"),
        (replace(told(), data=b" " * 5000), "MEASUREMENT: expected JSON of up to 4096"),
        (replace(told(), data=b"[]"), "expected a JSON object"),
    ],
)
def test_what_no_terminal_can_measure_is_refused(message: Message, expected: str) -> None:
    with pytest.raises(PeerError, match=expected):
        to_measurement(message)


def cell(counts: np.ndarray, index: int = 1) -> Message:
    return from_counts(index, counts)


def samples(number: int) -> np.ndarray:
    return count([Measurement(1, (5, 6, 7))] * number)


def test_counts_arrive() -> None:
    assert (to_counts(cell(samples(5)), 5) == samples(5)).all()


@pytest.mark.parametrize(
    "message",
    [
        cell(samples(4)),
        cell(-samples(9)),
        cell(samples(9) + np.eye(3, LEVELS, dtype=np.int64) * [[1], [0], [0]]),
        cell(samples(9), 1008),
        replace(cell(samples(9)), dimensions=(LEVELS, 3)),
        replace(cell(samples(9)), element_type=ElementType.FLOAT32),
        Message(Tag.CELL, Content.BYTES, bytes(1536), 1),
    ],
)
def test_counts_that_cannot_be_are_refused(message: Message) -> None:
    """Fewer than k, negative, of one quantity more than of another, no cell, another shape, another type."""
    with pytest.raises(PeerError):
        to_counts(message, 5)
