"""The cases, one module for each group."""

from __future__ import annotations

from net4ai.conformance.case import Case, cases_of
from net4ai.conformance.cases import (
    codec,
    codec_function,
    codec_ue,
    crb,
    crb_ue,
    dep,
    dep_sending,
    liveness,
    mapping,
    mapping_ue,
    n2,
    n2_handover,
    nas,
    nas_security_ue,
    nas_ue,
    privacy,
    privacy_function,
    privacy_ue,
    procedures,
    procedures_function,
    procedures_ue,
    robustness,
    rrc,
    rrc_reestablishment,
    rrc_security,
    rrc_security_ue,
    rrc_ue,
)

MODULES = (
    *(codec, codec_ue, codec_function),
    *(rrc, rrc_security, rrc_reestablishment, rrc_ue, rrc_security_ue),
    *(nas, nas_ue, nas_security_ue),
    *(n2, n2_handover),
    *(mapping, mapping_ue),
    *(crb, crb_ue),
    *(dep, dep_sending),
    liveness,
    *(privacy, privacy_ue, privacy_function),
    *(procedures, procedures_function, procedures_ue),
    robustness,
)
"""A group split over several modules stands here with all of them."""


def all_cases() -> list[Case]:
    """All cases that ship, group by group."""
    return cases_of(MODULES)
