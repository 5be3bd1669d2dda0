"""What a forwarding function remembers of parts in executions, and how much of it."""

from __future__ import annotations

import pytest

from net4ai.codecs.bus import InviteInstance, RemoveRoutes
from net4ai.stack.forwarding import executions as module
from net4ai.stack.forwarding.executions import Executions, Part

MANAGER = "routine-manager"


def invited(executions: Executions, execution: int, instance: int = 1, attempt: int = 5) -> None:
    executions.invited(
        InviteInstance(
            execution=execution,
            instance=instance,
            as_server=True,
            routine="bottom",
            round=0,
            cut=1,
            sequential=True,
            seats=[],
            key=b"",
            routine_manager=MANAGER,
            attempt=attempt,
        )
    )


def ended(executions: Executions, execution: int, attempt: int, instance: int = 1) -> None:
    executions.ended(RemoveRoutes(execution=execution, instance=instance, seats=[], attempt=attempt))


@pytest.mark.parametrize(("attempt", "is_over"), [(5, True), (0, True), (4, False)])
def test_the_end_of_an_earlier_attempt_leaves_the_part(attempt: int, is_over: bool) -> None:
    executions = Executions()
    invited(executions, 1, attempt=5)
    ended(executions, 1, attempt)
    assert ((1, 1) not in executions.parts) == is_over


def test_an_attempt_that_has_ended_is_over_and_no_other() -> None:
    executions = Executions()
    ended(executions, 1, 5)
    assert executions.is_over(1, 1, 5)
    assert not any(executions.is_over(*other) for other in ((2, 1, 5), (1, 2, 5), (1, 1, 6)))


def test_an_instance_that_is_no_more_names_its_executions() -> None:
    executions = Executions()
    invited(executions, 1)
    invited(executions, 2)
    invited(executions, 2, instance=9)
    assert executions.forget(1) == [(1, Part(MANAGER, 5)), (2, Part(MANAGER, 5))]
    assert list(executions.parts) == [(2, 9)]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes; one that is invited anew is the newest."""
    monkeypatch.setattr(module, "MAXIMUM_PARTS", 3)
    monkeypatch.setattr(module, "MAXIMUM_ENDED", 3)
    executions = Executions()
    for execution in (1, 2, 3, 1, 4):
        invited(executions, execution)
    assert [execution for execution, _ in executions.parts] == [3, 1, 4]
    for execution in (1, 2, 3, 4):
        ended(executions, execution, 5)
    assert [executions.is_over(execution, 1, 5) for execution in (1, 2, 3, 4)] == [False, True, True, True]
