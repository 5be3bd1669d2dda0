"""Words of refusals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.wording import MAXIMUM_SHOWN, nearest, numbers, printable, shown


def test_what_is_printed_is_one_short_printable_line() -> None:
    assert shown("a\nb\x1b[31m") == '"a\\nb\\u001b[31m"'
    assert len(shown("x" * 1000)) == MAXIMUM_SHOWN
    assert nearest("los", ["loss", "delay_ms"]) == "; did you mean loss?"
    assert nearest("zzz", ["loss", "delay_ms"]) == ""


@given(st.text())
def test_whatever_is_shown_prints(text: str) -> None:
    assert printable(text).isprintable()
    assert shown(text).isprintable()


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((1, None, 5), "a number from 1 to 5"),
        ((None, 0, 0.5), "a number above 0 and at most 0.5"),
        ((2, None, None), "a number at least 2"),
        ((None, None, None), "a number"),
        ((None, None, math.inf), "a number at most inf"),
    ],
)
def test_ranges(bounds: tuple[float | None, float | None, float | None], words: str) -> None:
    assert numbers("a number", *bounds) == words
