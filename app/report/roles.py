"""What a node is, told from the topology or from its name, and which way is up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Role = Literal["UE", "RAN node", "edge", "application server", "core", "application controller"]

ORDER: tuple[Role, ...] = ("UE", "RAN node", "core", "edge", "application server", "application controller")
"""Lanes of a sequence chart from left to right."""

HEIGHT: dict[Role, int] = {
    "UE": 0,
    "RAN node": 1,
    "edge": 2,
    "application server": 3,
    "core": 3,
    "application controller": 4,
}
"""Distance from the UEs. A message to a greater height goes up, to a lesser one down, else across."""

PATTERNS: tuple[tuple[str, Role], ...] = (
    (r"app(lication)?[- ]server", "application server"),
    (r"controller", "application controller"),
    (r"^ue\b", "UE"),
    (r"^ran\b", "RAN node"),
    (r"^(edge|fpf|upf)\b", "edge"),
)
"""Names by convention (`net4ai.stack.trace`); the first that matches counts. Everything else is a core entity."""


class Roles:
    """The role of every node, by name. `known` comes first: pairs of node and role, as the runner knows them."""

    def __init__(self, known: Iterable[tuple[str, Role]] = ()) -> None:
        self._roles: dict[str, Role] = dict(known)

    def of(self, node: str) -> Role:
        """The role of `node`; of its process, for a part of a process such as ue-1/3."""
        role = self._roles.get(node)
        if role is None:
            process = process_of(node)
            by_name = next((role for pattern, role in PATTERNS if re.search(pattern, process)), None)
            role = self._roles.get(process) or by_name or "core"
            self._roles[node] = role
        return role

    def is_ue(self, node: str) -> bool:
        """Whether `node` is one UE, not a process of several."""
        return "/" in node and self.of(node) == "UE"

    def way(self, sender: str, receiver: str) -> Literal["up", "down", "across"]:
        """Which way a message goes: up is away from the UEs."""
        if not sender or not receiver:
            return "across"
        difference = HEIGHT[self.of(receiver)] - HEIGHT[self.of(sender)]
        return "up" if difference > 0 else "down" if difference < 0 else "across"


def process_of(node: str) -> str:
    """ue-1 for ue-1/3."""
    return node.partition("/")[0]


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts ue-1/10 after ue-1/9."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
