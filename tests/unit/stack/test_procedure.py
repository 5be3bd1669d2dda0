"""Procedures, promises and replies, under an explicit clock."""

from __future__ import annotations

import random
from typing import Any

import pytest

from net4ai.codecs.causes import Cause
from net4ai.stack import procedure as module
from net4ai.stack.procedure import (
    ProcedureCancelled,
    ProcedureError,
    ProcedureRejected,
    Procedures,
    ProcedureTimeout,
    Promise,
    Replies,
    outcome_of,
)
from net4ai.stack.trace import TraceEvent


@pytest.fixture
def procedures() -> Procedures:
    return Procedures("node")


def nothing_left(procedures: Procedures) -> bool:
    return not procedures.open and not procedures._ready and procedures.next_deadline() is None


# Running


def test_runs_to_its_first_wait_and_on_when_that_is_over(procedures: Procedures) -> None:
    steps: list[Any] = []
    promise: Promise[int] = procedures.promise("number")

    async def procedure() -> str:
        steps.append("begun")
        steps.append(await promise)
        return "result"

    started = procedures.start("p", procedure())
    assert steps == ["begun"] and not started.done and len(procedures.open) == 1
    promise.resolve(7)
    assert steps == ["begun"]  # nothing runs within who resolves
    procedures.run()
    assert steps == ["begun", 7] and started.result() == "result"
    assert nothing_left(procedures)


def test_awaiting_what_is_over_does_not_wait(procedures: Procedures) -> None:
    promise: Promise[int] = procedures.promise("number", timeout=10)
    promise.resolve(1)
    promise.resolve(2)
    promise.fail(ProcedureError(Cause.BUSY))

    async def procedure() -> int:
        return await promise + await promise

    assert procedures.start("p", procedure()).result() == 2
    assert nothing_left(procedures)


def test_procedures_wait_for_procedures(procedures: Procedures) -> None:
    async def child(number: int) -> int:
        await procedures.sleep(number)
        return number

    async def parent() -> list[int]:
        children = [procedures.start("child", child(number)) for number in (30, 10, 20)]
        return [await started for started in children]

    started = procedures.start("parent", parent())
    for now in (10, 20, 30):
        assert procedures.next_deadline() == now
        assert not started.done
        procedures.advance(now)
    assert started.result() == [30, 10, 20]
    assert nothing_left(procedures)


def test_several_wait_for_one_promise(procedures: Procedures) -> None:
    promise: Promise[int] = procedures.promise("number")

    async def procedure() -> int:
        return await promise

    started = [procedures.start("p", procedure()) for _ in range(3)]
    promise.resolve(5)
    procedures.run()
    assert [one.result() for one in started] == [5, 5, 5]


# Time


def test_promise_times_out_under_its_name(procedures: Procedures) -> None:
    procedures.advance(100)
    promise = procedures.promise("answer of ran-1", timeout=50)
    outcomes: list[Any] = []

    async def procedure() -> None:
        outcomes.append(await outcome_of(promise))

    procedures.start("p", procedure())
    procedures.advance(149)
    assert outcomes == []
    procedures.advance(150)
    (error,) = outcomes
    assert isinstance(error, ProcedureTimeout)
    assert error.cause is Cause.TIMEOUT and str(error) == "TIMEOUT: answer of ran-1"
    assert nothing_left(procedures)


def test_no_deadline_remains_of_what_is_over(procedures: Procedures) -> None:
    replies = Replies(procedures)
    for number in range(5000):
        procedures.start("p", replies.expect(number, 10**12))
        assert replies.give(number, None)
        procedures.run()
    assert len(replies) == 0
    assert nothing_left(procedures)
    assert len(procedures._deadlines._heap) < 200


def test_timers_that_end_together_end_in_the_order_they_were_set(procedures: Procedures) -> None:
    order: list[int] = []

    async def procedure(number: int) -> None:
        await procedures.sleep(10)
        order.append(number)

    for number in range(5):
        procedures.start("p", procedure(number))
    procedures.advance(10)
    assert order == [0, 1, 2, 3, 4]


# Errors


def test_error_reaches_who_awaits(procedures: Procedures) -> None:
    async def child() -> None:
        raise ProcedureRejected(Cause.NO_RESOURCES, "full")

    async def parent() -> None:
        await procedures.start("child", child())

    with pytest.raises(ProcedureRejected, match="NO_RESOURCES: full"):
        procedures.start("parent", parent()).result()
    assert nothing_left(procedures)


def test_outcome_of_gives_protocol_errors_only(procedures: Procedures) -> None:
    async def well() -> int:
        return 1

    async def badly() -> int:
        raise ProcedureError(Cause.BUSY)

    async def wrongly() -> int:
        raise LookupError("bug")

    async def procedure() -> list[Any]:
        return [await outcome_of(well()), await outcome_of(badly()), await outcome_of(wrongly())]

    procedures.on_error = lambda name, error: None
    with pytest.raises(LookupError, match="bug"):
        procedures.start("p", procedure()).result()

    async def the_rest() -> list[Any]:
        return [await outcome_of(well()), await outcome_of(badly())]

    one, two = procedures.start("p", the_rest()).result()
    assert one == 1 and isinstance(two, ProcedureError) and two.cause is Cause.BUSY


def test_what_is_no_protocol_error_is_told_and_others_go_on(procedures: Procedures) -> None:
    told: list[tuple[str, Exception]] = []
    procedures.on_error = lambda name, error: told.append((name, error))
    promise: Promise[None] = procedures.promise("start")

    async def bad() -> None:
        await promise
        raise LookupError("bug")

    async def good() -> str:
        await promise
        return "done"

    first, second = procedures.start("bad", bad()), procedures.start("good", good())
    promise.resolve(None)
    procedures.run()
    assert [(name, str(error)) for name, error in told] == [("bad", "bug")]
    assert first.done and second.result() == "done"
    assert nothing_left(procedures)


def test_unless_told_otherwise_a_bug_is_raised(procedures: Procedures) -> None:
    async def bad() -> None:
        raise LookupError("bug")

    with pytest.raises(LookupError):
        procedures.start("bad", bad())
    assert nothing_left(procedures)


def test_number_of_procedures_is_bounded(procedures: Procedures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_PROCEDURES", 3)
    promise: Promise[None] = procedures.promise("end")

    async def procedure() -> None:
        await promise

    for _ in range(3):
        procedures.start("p", procedure())
    with pytest.raises(ProcedureError, match="NO_RESOURCES: 3 procedures under way"):
        procedures.start("p", procedure())
    promise.resolve(None)
    procedures.run()
    procedures.start("p", procedure())
    assert nothing_left(procedures)


# Cancelling


def test_cancelled_where_it_waits(procedures: Procedures) -> None:
    cleaned: list[str] = []

    async def procedure() -> None:
        try:
            await procedures.sleep(10**12)
        finally:
            cleaned.append("up")

    started = procedures.start("p", procedure())
    started.cancel("no longer wanted")
    procedures.run()
    assert cleaned == ["up"]
    with pytest.raises(ProcedureCancelled, match="CANCELLED: no longer wanted"):
        started.result()
    started.cancel("again")
    assert nothing_left(procedures)  # not even the timer of the sleep


def test_cancelled_before_it_has_begun(procedures: Procedures) -> None:
    begun: list[str] = []

    async def child() -> None:
        begun.append("child")

    async def parent() -> None:
        procedures.start("child", child()).cancel()

    procedures.start("parent", parent())
    assert begun == []
    assert nothing_left(procedures)


@pytest.mark.parametrize("kept_first", [True, False])
def test_who_goes_on_after_being_cancelled_waits_for_the_new_promise_only(
    procedures: Procedures, kept_first: bool
) -> None:
    first: Promise[str] = procedures.promise("first", timeout=10)
    second: Promise[str] = procedures.promise("second")

    async def procedure() -> str:
        await outcome_of(first)
        return await second

    started = procedures.start("p", procedure())
    if kept_first:
        first.resolve("first")
    started.cancel()
    started.cancel()
    procedures.run()
    if not kept_first:
        first.resolve("first")
        procedures.run()
    assert not started.done
    second.resolve("second")
    procedures.run()
    assert started.result() == "second"
    assert nothing_left(procedures)


def test_cancelling_a_wait_for_a_reply_ends_its_timer(procedures: Procedures) -> None:
    replies = Replies(procedures)
    started = procedures.start("p", replies.expect("key", 10**12))
    started.cancel()
    procedures.run()
    assert len(replies) == 0
    assert nothing_left(procedures)


def test_cancel_all(procedures: Procedures) -> None:
    started = [procedures.start("p", _forever(procedures)) for _ in range(4)]
    procedures.cancel_all("node ends")
    assert all(one.done for one in started)
    assert nothing_left(procedures)


async def _forever(procedures: Procedures) -> None:
    while True:
        await procedures.sleep(5)


# Replies


@pytest.fixture
def replies(procedures: Procedures) -> Replies:
    return Replies(procedures)


def test_reply_is_given_once(procedures: Procedures, replies: Replies) -> None:
    started = procedures.start("p", replies.expect("key", 10))
    assert not replies.give("other key", 1)
    assert replies.give("key", 2)
    assert not replies.give("key", 3)
    assert not replies.fail("key", ProcedureError(Cause.BUSY))
    procedures.run()
    assert started.result() == 2
    assert not replies.give("key", 4)
    assert len(replies) == 0


def test_refusal(procedures: Procedures, replies: Replies) -> None:
    started = procedures.start("p", replies.expect("key", 10))
    assert not replies.fail("other key", ProcedureError(Cause.BUSY))
    assert replies.fail("key", ProcedureRejected(Cause.DECLINED))
    procedures.run()
    with pytest.raises(ProcedureRejected):
        started.result()
    assert len(replies) == 0 and nothing_left(procedures)


def test_who_waits_under_a_key_that_is_waited_for_anew_is_cancelled(procedures: Procedures, replies: Replies) -> None:
    before = procedures.start("before", replies.expect("key", 10))
    after = procedures.start("after", replies.expect("key", 10))
    with pytest.raises(ProcedureCancelled, match="key is waited for anew"):
        before.result()
    assert len(replies) == 1
    replies.give("key", 1)
    procedures.run()
    assert after.result() == 1
    assert len(replies) == 0 and nothing_left(procedures)


def test_peer_lost(procedures: Procedures, replies: Replies) -> None:
    started = [procedures.start("p", replies.expect(number, 10)) for number in range(3)]
    replies.fail_all(ProcedureError(Cause.PEER_LOST, "ran-1"))
    procedures.run()
    for one in started:
        with pytest.raises(ProcedureError, match="PEER_LOST: ran-1"):
            one.result()
    assert len(replies) == 0 and nothing_left(procedures)


# Trace


def test_trace_of_an_end() -> None:
    traced: list[TraceEvent] = []
    procedures = Procedures("ran-1", traced.append)

    async def procedure(error: ProcedureError | None) -> None:
        await procedures.sleep(20)
        if error is not None:
            raise error

    procedures.advance(100)
    procedures.start("attach", procedure(None), ue="ue-1/1")
    procedures.start("part", procedure(None), traced=False)
    procedures.start("invite", procedure(ProcedureTimeout()))
    procedures.advance(125)
    assert [(event.procedure, event.outcome, event.duration, event.ids) for event in traced] == [
        ("attach", "done", 25, {"ue": "ue-1/1"}),
        ("invite", "TIMEOUT", 25, {}),
    ]
    assert {(event.kind, event.node, event.time) for event in traced} == {("procedure", "ran-1", 125)}


# Everything together


def test_any_order_of_events_leaves_nothing(seed: int) -> None:
    chance = random.Random(seed)
    procedures = Procedures()
    replies = Replies(procedures)
    ended: list[Any] = []

    async def worker(depth: int) -> None:
        for _ in range(chance.randrange(4)):
            match chance.randrange(4):
                case 0:
                    await procedures.sleep(chance.randrange(50))
                case 1:
                    await outcome_of(replies.expect(chance.randrange(20), chance.randrange(1, 100)))
                case 2 if depth < 3:
                    await outcome_of(procedures.start("child", worker(depth + 1)))
                case 3 if depth < 3:
                    procedures.start("child", worker(depth + 1))
        ended.append(depth)

    for step in range(2000):
        match chance.randrange(5):
            case 0 if len(procedures.open) < 50:
                procedures.start("worker", worker(0))
            case 1:
                replies.give(chance.randrange(20), step)
            case 2:
                replies.fail(chance.randrange(20), ProcedureError(Cause.BUSY))
            case 3 if procedures.open:
                chance.choice(list(procedures.open)).cancel()
            case _:
                procedures.advance(procedures.now + chance.randrange(20))
        procedures.run()
    assert ended
    for _ in range(100):  # who catches a cancellation goes on to the next wait
        procedures.cancel_all("end")
    procedures.advance(procedures.now + 10_000)
    assert len(replies) == 0
    assert nothing_left(procedures)
