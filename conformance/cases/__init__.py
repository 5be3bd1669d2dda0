"""The cases, one module for each group."""

from __future__ import annotations

from net4ai.conformance.case import Case, cases_of
from net4ai.conformance.cases import (
    codec,
    crb,
    dep,
    liveness,
    mapping,
    n2,
    nas,
    privacy,
    procedures,
    robustness,
    rrc,
)

MODULES = (codec, rrc, nas, n2, mapping, crb, dep, liveness, privacy, procedures, robustness)
"""A group split over several modules stands here with all of them."""


def all_cases() -> list[Case]:
    """All cases that ship, group by group."""
    return cases_of(MODULES)
