"""What of a trace is drawn of one execution; whole runs: tests/integration/test_figure_6.py."""

from __future__ import annotations

from typing import Any

import pytest

from net4ai.app.report.one_execution import steps_of_execution
from net4ai.app.report.roles import Roles
from net4ai.app.report.trace_lines import TraceLine

UE = "ue-1/1"
BEGINS = TraceLine(5, "routine-manager", "state", message="execution begins", ids={"execution": 7})
ENDED = TraceLine(50, "routine-manager", "state", message="execution ended", ids={"execution": 7})


def at_ue(time: int, name: str, execution: Any = 7) -> TraceLine:
    return TraceLine(
        time,
        UE,
        "message",
        link="NAS",
        message=name,
        direction="in",
        peer="access-manager",
        ids={"execution": execution},
    )


def on_bus(time: int, name: str, sender: Any, to: Any, identity: Any = None, direction: str = "out") -> TraceLine:
    ids = {"id": str(time) if identity is None else identity, "kind": "request", "sender": sender, "to": to}
    return TraceLine(time, "core", "message", link="bus", message=name, direction=direction, peer=str(to), ids=ids)


def names(*lines: TraceLine) -> list[str]:
    return [step.name for step in steps_of_execution(sorted(lines, key=lambda line: line.time), UE, Roles())[1]]


def test_the_first_execution_of_the_terminal() -> None:
    assert steps_of_execution([at_ue(6, "Routine Invite"), at_ue(9, "Routine Invite", 8), BEGINS], UE, Roles())[0] == 7


@pytest.mark.parametrize("execution", [0, -1, "7", True, None, [7], 8])
def test_a_trace_that_tells_of_none(execution: Any) -> None:
    number, steps = steps_of_execution([at_ue(6, "Routine Invite", execution), BEGINS], UE, Roles())
    assert not steps and not number


def test_the_bus_is_heard_from_execute_to_done_and_each_message_once() -> None:
    told = names(
        BEGINS,
        ENDED,
        at_ue(10, "Routine Invite"),
        on_bus(1, "ExecuteRoutine", "task-manager", "routine-manager"),  # of an execution before
        on_bus(3, "ExecuteRoutine", "task-manager", "routine-manager"),
        on_bus(4, "ExecuteRoutine", "task-manager", "routine-manager", direction="in"),
        on_bus(7, "InviteClients", "routine-manager", "access-manager"),
        on_bus(8, "InviteClients", "routine-manager", "access-manager", identity="7"),  # repeated
        on_bus(9, "InviteClients", "routine-manager-2", "access-manager"),  # another's
        on_bus(11, "InviteClients", ["hostile"], {}, identity=[1]),
        on_bus(51, "RoutineFinished", "routine-manager", "task-manager"),
        on_bus(60, "ExecuteRoutine", "task-manager", "routine-manager"),
    )
    assert told == ["ExecuteRoutine", "InviteClients", "Routine Invite", "RoutineFinished"]


def test_at_one_moment_steps_are_in_the_order_of_their_numbers() -> None:
    """Under virtual time much happens at once, and traces of several nodes are joined."""
    execute = on_bus(5, "ExecuteRoutine", "task-manager", "routine-manager")
    told = names(BEGINS, ENDED, at_ue(5, "Routine Invite"), execute)
    assert told == ["ExecuteRoutine", "Routine Invite"]


def test_what_begins_in_the_moment_of_the_end_is_of_the_next() -> None:
    told = names(
        BEGINS,
        ENDED,
        at_ue(10, "Routine Invite"),
        on_bus(4, "ExecuteRoutine", "task-manager", "routine-manager"),
        on_bus(50, "RoutineFinished", "routine-manager", "task-manager", identity="a"),
        on_bus(50, "ExecuteRoutine", "task-manager", "routine-manager", identity="b"),
        on_bus(50, "RoutineFinished", "routine-manager", "task-manager", identity="c"),
    )
    assert told == ["ExecuteRoutine", "Routine Invite", "RoutineFinished"]
