from __future__ import annotations

import hashlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import derivation
from net4ai.functions.learning.determinism import derive, prepare_torch, seeded

PARTS = st.lists(st.integers() | st.text(), max_size=4)


def test_one_formula_for_the_core_and_for_learning() -> None:
    assert derive is derivation.derive


def test_by_hand() -> None:
    digest = hashlib.sha256(b'[7,"seat",4,"a\\"\\u00e9"]').hexdigest()
    assert derive(7, "seat", 4, 'a"é') == int(digest[:16], 16) >> 1
    assert derive(1, "seat", 4, 17) == 8314326766396279750


@given(st.integers(), st.text(), PARTS, st.integers(), st.text(), PARTS)
def test_in_range_and_different_for_different_arguments(
    seed: int, purpose: str, parts: list[int | str], seed2: int, purpose2: str, parts2: list[int | str]
) -> None:
    one, two = derive(seed, purpose, *parts), derive(seed2, purpose2, *parts2)
    assert 0 <= one < 2**63
    assert (one == two) == ((seed, purpose, parts) == (seed2, purpose2, parts2))


@pytest.mark.parametrize("part", [True, 1.0, None, b"x"])
def test_other_parts_are_refused(part: object) -> None:
    with pytest.raises(TypeError, match="neither an integer nor a string"):
        derive(1, "purpose", part)  # type: ignore[arg-type]


def test_seeded_draws_repeat_and_leave_the_generator_alone() -> None:
    prepare_torch()
    torch.manual_seed(1)
    untouched = torch.rand(3)
    torch.manual_seed(1)
    with seeded(5):
        first = torch.rand(3)
    with seeded(5):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.rand(3), untouched)


def test_prepared() -> None:
    prepare_torch()
    prepare_torch()
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
