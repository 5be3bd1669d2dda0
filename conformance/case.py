"""Cases: one purpose each, an `async def` with a decorator.

@case("RRC-SETUP-01", group="rrc", role="ran-node", clause="docs/spec/rrc.md#4-connection",
      rows=("R99",), purpose="A repeated RRC Setup Request gets the same C-RNTI.")
async def repeated_request(ran: RanNodeTester) -> None:
    ue = await ran.ue()
    ...
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from net4ai.conformance.statement import OPTIONS, Statement

ROLES: dict[str, str] = {
    "ue": "The target is a UE; the tester plays RAN node and core.",
    "ran-node": "The target is a RAN node; the tester plays UEs and the core.",
    "function": "The target is an application server; the tester plays its forwarding function.",
}
"""What a target can be."""

GROUPS: dict[str, str] = {
    "codec": "Encoding: truncated, unknown and extreme messages, reserved bits",
    "rrc": "Radio resource control",
    "nas": "Registration and the NET4AI dialogue",
    "n2": "N2: set-up, contexts, sessions, errors",
    "mapping": "Sessions, QoS flows and computing radio bearers",
    "crb": "Bearers: COUNT, segmentation, poll and status",
    "dep": "Deep Edge Protocol: data",
    "liveness": "Deep Edge Protocol: liveness, close, errors",
    "privacy": "Anonymity of both ends",
    "procedures": "Routines: order, restart, completion",
    "robustness": "Floods, damage, lies",
}
"""Groups of cases, in the order of reports."""

LIMIT = 120.0
"""Seconds one case may take, unless told otherwise; then it is inconclusive."""

_IDENTITY = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*-\d{2}")

Body = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A case of conformance."""

    identity: str
    group: str
    role: str
    clause: str
    """Where the specification demands it: file and section."""
    rows: tuple[str, ...]
    """Requirement rows, as R99."""
    purpose: str
    options: tuple[str, ...]
    """Options the target must claim."""
    limit: float
    body: Body

    @property
    def title(self) -> str:
        """What the first packet's comment says."""
        rows = f" ({', '.join(self.rows)})" if self.rows else ""
        return f"CASE {self.identity}: {self.purpose}{rows} [{self.clause}]"


def case(
    identity: str,
    *,
    group: str,
    role: str,
    clause: str,
    purpose: str,
    rows: Sequence[str] = (),
    options: Sequence[str] = (),
    limit: float = LIMIT,
) -> Callable[[Body], Case]:
    """Make a case of an `async def` that takes the tester of its role. Raises ValueError for what does not exist."""
    if not _IDENTITY.fullmatch(identity):
        raise ValueError(f"case {identity!r}: capitals, hyphens, two digits at the end, as RRC-SETUP-01")
    for name, value, allowed in (("group", group, GROUPS), ("role", role, ROLES)):
        if value not in allowed:
            raise ValueError(f"case {identity}: {name} {value!r} is not allowed; allowed: {', '.join(allowed)}")
    if unknown := [option for option in options if option not in OPTIONS]:
        raise ValueError(f"case {identity}: no option {', '.join(unknown)}; allowed: {', '.join(OPTIONS)}")

    def make(body: Body) -> Case:
        return Case(identity, group, role, clause, tuple(rows), purpose, tuple(options), limit, body)

    return make


def cases_of(modules: Iterable[ModuleType]) -> list[Case]:
    """The cases in modules, in the order they stand there. Raises ValueError where two have the same identity."""
    found = [each for module in modules for each in cases_in(vars(module))]
    seen: set[str] = set()
    for each in found:
        if each.identity in seen:
            raise ValueError(f"two cases are named {each.identity}")
        seen.add(each.identity)
    return found


def cases_in(names: Mapping[str, object]) -> list[Case]:
    """The cases among the names of a module; a name may stand for several, of the same steps in several roles."""
    values = [each for value in names.values() for each in (value if isinstance(value, tuple) else (value,))]
    return [value for value in values if isinstance(value, Case)]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is run, and what is not for options that are not claimed."""

    cases: list[Case]
    not_applicable: list[tuple[Case, list[str]]]
    """With the options that are missing."""


def select(cases: Iterable[Case], role: str, statement: Statement, only: Sequence[str] = ()) -> Selection:
    """The cases of a role that apply. `only`: identities or their beginnings.

    Raises ValueError for one of `only` that fits no case of the role.
    """
    of_role = [each for each in cases if each.role == role]
    for wanted in only:
        if not any(each.identity.startswith(wanted) for each in of_role):
            raise ValueError(f"no case of role {role} is named {wanted} or begins so")
    chosen = [each for each in of_role if not only or any(each.identity.startswith(wanted) for wanted in only)]
    chosen.sort(key=lambda each: list(GROUPS).index(each.group))
    missing = [(each, statement.lacks(each.options)) for each in chosen]
    return Selection(
        [each for each, lacking in missing if not lacking], [(each, lacking) for each, lacking in missing if lacking]
    )
