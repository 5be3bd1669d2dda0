"""Who sent what to whom: every message of the trace, once; and bytes by link, UE and round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from net4ai.app.report.roles import Roles, process_of
from net4ai.app.report.trace_lines import TraceLine

RADIO = "Uu"
INSIDE_OTHERS = frozenset({"NAS"})
"""Not links of their own: their octets are counted with the messages that carry them, on Uu and N2."""


class Transfer(msgspec.Struct, frozen=True):
    """One message over one link. `sender` or `receiver` is "" where the trace does not tell."""

    time: int
    sender: str
    receiver: str
    link: str
    message: str
    size: int
    ue: str = ""
    round: int | None = None


def count_once(lines: Iterable[TraceLine], roles: Roles) -> list[Transfer]:
    """Every message of `lines` once, though both ends may have traced it.

    The rule: an `out` line counts. An `in` line counts only where its sender wrote no `out` line of the same message
    on the same link; a UE process (ue-1) is taken to have written what one of its UEs (ue-1/3) wrote. If the sender
    of an `in` line is not known, any `out` line of that message on that link is taken for the sender's.
    A line without direction counts as `out`. Repetitions count as often as they were sent.
    """
    messages = [line for line in lines if line.kind == "message"]
    written: set[tuple[str, str, str]] = set()
    for line in messages:
        if line.direction != "in":
            written |= {(line.link, line.message, who) for who in (line.node, process_of(line.node), "")}
    transfers = []
    for line in messages:
        sender, receiver = ends(line, roles)
        if line.direction == "in" and (line.link, line.message, sender) in written:
            continue
        transfers.append(Transfer(
            line.time, sender, receiver, line.link, line.message, line.size,
            ue_of(line, roles), line.round,
        ))  # fmt: skip
    return transfers


def ends(line: TraceLine, roles: Roles) -> tuple[str, str]:
    """Sender and receiver of a message line. On the radio link a UE named in the ids is the far end of a RAN node."""
    peer = line.peer
    if line.link == RADIO and line.ue and line.node != line.ue and (not peer or process_of(line.ue) == peer):
        peer = line.ue
    return (peer, line.node) if line.direction == "in" else (line.node, peer)


def ue_of(line: TraceLine, roles: Roles) -> str:
    """The one UE a line is about: named in its ids, its observer, or its peer; else ""."""
    if line.ue:
        return line.ue
    return next((name for name in (line.node, line.peer) if name and roles.is_ue(name)), "")


class Bytes(msgspec.Struct):
    """Running sums of one link or UE."""

    messages: int = 0
    up: int = 0
    down: int = 0
    across: int = 0

    def add(self, way: str, size: int) -> None:
        self.messages += 1
        setattr(self, way, getattr(self, way) + size)


def bytes_by_link(transfers: Iterable[Transfer], roles: Roles) -> dict[str, Bytes]:
    """Bytes of messages by link and way."""
    sums: dict[str, Bytes] = defaultdict(Bytes)
    for transfer in transfers:
        sums[transfer.link].add(roles.way(transfer.sender, transfer.receiver), transfer.size)
    return dict(sums)


def bytes_by_ue(lines: Iterable[TraceLine], roles: Roles) -> dict[str, Bytes]:
    """Bytes of messages on the radio link by UE.

    Counted once for every UE by itself, so that a RAN node that cannot name the UE at the far end does not hide what
    the UE saw.
    """
    by_ue: dict[str, list[TraceLine]] = defaultdict(list)
    for line in lines:
        if line.kind == "message" and line.link == RADIO and (ue := ue_of(line, roles)):
            by_ue[ue].append(line)
    sums = {}
    for ue, own in by_ue.items():
        sums[ue] = Bytes()
        for transfer in count_once(own, roles):
            sums[ue].add("up" if transfer.sender == ue else "down", transfer.size)
    return sums


class RoundSpan(msgspec.Struct):
    """When a round began and ended, nanoseconds of UTC."""

    round: int
    begin: int
    end: int


def round_spans(lines: Iterable[TraceLine]) -> list[RoundSpan]:
    """When each round ran, by the `progress` and `state` lines that name it; a round lasts until the next begins."""
    spans: dict[int, RoundSpan] = {}
    for line in lines:
        number = line.round
        if number is None or line.kind not in ("progress", "state"):
            continue
        span = spans.setdefault(number, RoundSpan(number, line.time, line.time))
        span.begin, span.end = min(span.begin, line.time), max(span.end, line.time)
    ordered = [spans[number] for number in sorted(spans)]
    for span, following in pairwise(ordered):
        span.end = max(span.begin, following.begin)
    return ordered


def bytes_by_round(transfers: Iterable[Transfer], spans: Sequence[RoundSpan]) -> dict[int, dict[str, int]]:
    """Bytes by round and link: a message belongs to the round it names, else to the one running when it was seen."""
    sums: dict[int, dict[str, int]] = {span.round: {} for span in spans}
    ordered = sorted(spans, key=lambda span: span.begin)
    position = 0
    for transfer in sorted(transfers, key=lambda transfer: transfer.time):
        while position + 1 < len(ordered) and ordered[position + 1].begin <= transfer.time:
            position += 1
        number = transfer.round
        if number is None and ordered and ordered[position].begin <= transfer.time <= ordered[position].end:
            number = ordered[position].round
        if number is not None:
            of_round = sums.setdefault(number, {})
            of_round[transfer.link] = of_round.get(transfer.link, 0) + transfer.size
    return sums
