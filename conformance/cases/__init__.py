"""The cases, one module for each group."""

from __future__ import annotations

from net4ai.conformance.case import Case, cases_of
from net4ai.conformance.cases import codec, dep, liveness, n2, procedures, rrc


def all_cases() -> list[Case]:
    """All cases that ship, group by group."""
    return cases_of([codec, rrc, n2, dep, liveness, procedures])
