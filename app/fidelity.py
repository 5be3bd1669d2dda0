"""Did the network compute what plain torch computes? Reads from the trace who took which turn, trains the same in one
place, compares bit for bit.

The observer joins what no node may: the access manager's seats with the routine manager's committed turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Turns = list[tuple[int, int]]
"""Seat and subscriber, in the order of the turns."""


@dataclass(slots=True)
class TrainingRecord:
    """Who trained where and when: by round, by server instance, the turns that were committed."""

    rounds: list[dict[int, Turns]] = field(default_factory=list)
    undefined: str = ""
    """Why no reference can be computed; empty: it can."""

    def schedule(self) -> list[list[Turns]]:
        """As the reference takes it: servers in the order of their instances."""
        return [[servers[instance] for instance in sorted(servers)] for servers in self.rounds]


def training_record(trace: Iterable[Mapping[str, Any]], routine: str, subscribers: Mapping[str, int]) -> TrainingRecord:
    """What the trace says of the executions of `routine`; `subscribers`: number by subscription identity."""
    rounds: dict[int, int] = {}
    seats: dict[tuple[int, int, int], int] = {}
    turns: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    ended: dict[int, str] = {}
    for event in trace:
        if event.get("kind") != "state":
            continue
        ids, what = event.get("ids", {}), event.get("message")
        if what == "execution begins" and ids["routine"] == routine:
            rounds[ids["execution"]] = ids["round"]
        elif what == "execution ended" and ids["routine"] == routine:
            ended[ids["execution"]] = ids["cause"]
        elif what == "seat given":
            seats[ids["execution"], ids["server"], ids["seat"]] = subscribers[ids["ue"]]
        elif what == "turn committed":
            turns[ids["execution"]].append((ids["turn"], ids["server"], ids["seat"]))
    record = TrainingRecord()
    for execution, round in sorted(rounds.items()):
        cause = ended.get(execution, "not ended")
        if cause != "NORMAL":
            record.undefined = f"execution {execution} of round {round} ended with {cause}"
        elif round != len(record.rounds):
            record.undefined = f"round {round} is missing or was repeated"
        else:
            servers: dict[int, Turns] = defaultdict(list)
            for _, server, seat in sorted(turns[execution]):
                servers[server].append((seat, seats[execution, server, seat]))
            record.rounds.append(dict(servers))
    if not record.rounds and not record.undefined:
        record.undefined = "no round was completed"
    return record
