"""The cases, one module for each group."""

from __future__ import annotations

from net4ai.conformance.case import Case, cases_of
from net4ai.conformance.cases import rrc


def all_cases() -> list[Case]:
    """All cases that ship."""
    return cases_of([rrc])
