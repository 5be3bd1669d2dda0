"""From the trace to the turns that plain torch repeats, and when that is not possible."""

from __future__ import annotations

import random
from typing import Any

from net4ai.app.fidelity import routine_record
from net4ai.functions.provider import RoutineRecord

SUBSCRIBERS = {f"imsi-{number}": number for number in range(4)}


def state(message: str, **ids: Any) -> dict[str, Any]:
    return {"kind": "state", "node": "core", "message": message, "ids": ids}


def execution(number: int, round: int, cause: str = "NORMAL", routine: str = "bottom") -> list[dict[str, Any]]:
    """Two servers; the seats follow no order of the subscribers."""
    places = {(1, 0): 2, (1, 1): 0, (2, 0): 3, (2, 1): 1}
    lines = [state("execution begins", execution=number, routine=routine, round=round)]
    lines += [
        state("seat given", execution=number, server=server, seat=seat, ue=f"imsi-{subscriber}")
        for (server, seat), subscriber in places.items()
    ]
    lines += [
        state("turn committed", execution=number, server=server, seat=seat, turn=turn)
        for server, seat, turn in ((2, 0, 0), (1, 0, 0), (1, 1, 1), (2, 1, 1))
    ]
    return [*lines, state("execution ended", execution=number, routine=routine, cause=cause)]


def record(*executions: list[dict[str, Any]]) -> RoutineRecord:
    return routine_record([line for each in executions for line in each], "bottom", SUBSCRIBERS)


ROUND = [[(0, 2), (1, 0)], [(0, 3), (1, 1)]]
"""Seat and subscriber in the order of turns, for each server in the order of instances."""


def test_the_turns_of_every_round() -> None:
    found = record(execution(1, 0), execution(4, 1))
    assert not found.undefined
    assert found.schedule() == [ROUND, ROUND]


def test_other_routines_and_other_lines_do_not_matter() -> None:
    noise: list[dict[str, Any]] = [
        {"kind": "message", "message": "turn committed", "node": "x"},
        {"kind": "progress"},
        state("connected", c_rnti=1),
    ]
    found = record(noise, execution(1, 0), execution(2, 0, routine="top"), execution(3, 9, "TIMEOUT", "top"))
    assert (found.undefined, found.schedule()) == ("", [ROUND])


def test_the_order_of_lines_does_not_matter(seed: int) -> None:
    lines = execution(1, 0) + execution(4, 1)
    random.Random(seed).shuffle(lines)
    assert record(lines).schedule() == [ROUND, ROUND]


def test_a_turn_that_was_not_committed_was_not_trained() -> None:
    lines = [line for line in execution(1, 0) if line["ids"].get("turn") != 1]
    assert record(lines).schedule() == [[[(0, 2)], [(0, 3)]]]


def test_why_there_is_no_reference() -> None:
    cases = {
        "execution 4 of round 1 ended with TIMEOUT": [execution(1, 0), execution(4, 1, "TIMEOUT")],
        "execution 4 of round 1 ended with not ended": [execution(1, 0), execution(4, 1)[:-1]],
        "round 1 is missing or was repeated": [execution(1, 1)],
        "round 0 is missing or was repeated": [execution(1, 0), execution(4, 0)],
        "no round was completed": [],
    }
    for expected, executions in cases.items():
        assert record(*executions).undefined == expected
