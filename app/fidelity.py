"""Who took which turn of a routine, as the trace tells it: what a provider needs to compute the same in one place.

The observer joins what no node may: the access manager's seats with the routine manager's committed turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from net4ai.functions.provider import RoutineRecord


def routine_record(trace: Iterable[Mapping[str, Any]], routine: str, subscribers: Mapping[str, int]) -> RoutineRecord:
    """What the trace says of the executions of `routine`; `subscribers`: number by subscription identity.

    Of a turn that was run again, after a checkpoint was restored, the last one counts.
    """
    rounds: dict[int, int] = {}
    seats: dict[tuple[int, int, int], int] = {}
    turns: dict[int, dict[tuple[int, int], int]] = defaultdict(dict)
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
            turns[ids["execution"]][ids["turn"], ids["server"]] = ids["seat"]
    record = RoutineRecord()
    for execution, round in sorted(rounds.items()):
        cause = ended.get(execution, "not ended")
        if cause != "NORMAL":
            record.undefined = f"execution {execution} of round {round} ended with {cause}"
        elif round != len(record.rounds):
            record.undefined = f"round {round} is missing or was repeated"
        else:
            servers: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for (_, server), seat in sorted(turns[execution].items()):
                servers[server].append((seat, seats[execution, server, seat]))
            record.rounds.append(dict(servers))
    if not record.rounds and not record.undefined:
        record.undefined = "no round was completed"
    return record
