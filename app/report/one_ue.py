"""One UE's life: the lines of the trace that are about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from net4ai.app.report.roles import Roles, natural
from net4ai.app.report.trace_lines import TraceLine
from net4ai.app.report.traffic import ue_of


def choose_ue(lines: Iterable[TraceLine], roles: Roles) -> str:
    """The UE with the fullest life: most kinds of messages and procedures; the first by name among equals. "" if the
    trace names no UE."""
    seen: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if ue := ue_of(line, roles):
            seen[ue].add(line.message or line.procedure)
    return min(seen, key=lambda ue: (-len(seen[ue]), natural(ue)), default="")


def lines_of_ue(lines: Sequence[TraceLine], ue: str, roles: Roles) -> list[TraceLine]:
    """The lines about `ue`: seen by it, from or to it, naming it in their ids, or on a leg of one of its sessions.

    A leg is known by link and handle. What is at the far end of a session cannot name the UE; its lines are found by
    the handle of a line that can.
    """
    about = {position for position, line in enumerate(lines) if _names(line, ue, roles)}
    handles = {(lines[position].link, lines[position].ids.get("handle")) for position in about}
    handles = {(link, handle) for link, handle in handles if link and isinstance(handle, int | str)}
    return [
        line
        for position, line in enumerate(lines)
        if position in about
        or (not ue_of(line, roles) and isinstance(handle := line.ids.get("handle"), int | str)
            and (line.link, handle) in handles)
    ]  # fmt: skip


def _names(line: TraceLine, ue: str, roles: Roles) -> bool:
    return ue in (line.node, line.peer) or line.ue == ue


def with_peers(lines: Sequence[TraceLine]) -> list[TraceLine]:
    """Lines of one UE, with a missing peer filled in: the one this node most often had on that link."""
    peers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for line in lines:
        if line.kind in ("message", "drop") and line.peer:
            peers[line.node, line.link][line.peer] += 1
            peers[line.peer, line.link][line.node] += 1
    filled = []
    for line in lines:
        known = peers.get((line.node, line.link))
        if line.kind == "message" and not line.peer and known:
            line = msgspec.structs.replace(line, peer=known.most_common(1)[0][0])
        filled.append(line)
    return filled
