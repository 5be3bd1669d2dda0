"""Verdicts, as in TTCN-3 (ETSI ES 201 873-1, 24): what a case says about the target."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """How a case ended. A case whose options the target does not claim is not selected, and has none."""

    PASS = "pass"
    FAIL = "fail"
    """The target did what it must not, or did not do what it must."""
    INCONCLUSIVE = "inconclusive"
    """It could not be found out: the target was not there, or never came into the state the case begins in."""


class Fail(Exception):
    """The target breaks the specification: the case fails. Says what was expected and what came."""


class Inconclusive(Exception):
    """The case cannot be carried out, by no fault of the target that the case is about."""
