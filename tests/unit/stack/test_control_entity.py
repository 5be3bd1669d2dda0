"""Calls between control entities over a bus that loses, repeats and reorders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from net4ai.codecs.bus import (
    BODIES,
    FROM_CONTROLLERS,
    Done,
    InstanceAccepted,
    InviteInstance,
    JobStarted,
    RemoveRoutes,
    StartJob,
    TerminateFunction,
    TurnsDone,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.envelope import Envelope, Failure
from net4ai.codecs.errors import EncodeError
from net4ai.stack import control_entity as module
from net4ai.stack import procedure as procedure_module
from net4ai.stack.control_entity import REPEAT_AFTER, ControlEntity
from net4ai.stack.message_hooks import Go, MessageHooks, Seen
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.stack.timers import Timers
from net4ai.stack.units import SECOND

REQUEST = StartJob(service=1, job="job", k=4, cut=2)
CALL_TIME = Timers()["bus-call"]


class Two:
    """A caller and a callee; `served` are the requests that reached the callee's handler."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.caller: ControlEntity = network.callee("caller")
        self.callee: ControlEntity = network.callee("callee")
        self.served: list[Any] = []
        self.callee.handle(StartJob, self.start_job)
        self.callee.handle(TurnsDone, self.note)

    def start_job(self, request: StartJob) -> JobStarted:
        self.served.append(request)
        return JobStarted(job=len(self.served))

    def note(self, event: TurnsDone) -> Done:
        self.served.append(event)
        return Done()

    def call(self, request: Any = REQUEST, reply: Any = JobStarted, to: str = "callee") -> Any:
        """A call under way."""
        self.caller.procedures.advance(self.network.now)
        return self.caller.procedures.start("call", self.caller.call(to, request, reply))

    def finish(self, call: Any) -> Any:
        self.network.run(until=lambda: call.done)
        self.network.run()
        self.assert_nothing_left()
        return call.result()

    def assert_nothing_left(self) -> None:
        for entity in (self.caller, self.callee):
            assert not entity.procedures.open
            assert entity.procedures.next_deadline() is None
            assert len(entity._replies) == 0
            assert not entity._serving


@pytest.fixture
def two(network: Any) -> Two:
    return Two(network)


def test_call(two: Two) -> None:
    assert two.finish(two.call()) == JobStarted(job=1)
    assert two.served == [REQUEST]
    assert [envelope.kind for envelope in two.network.bus] == ["request", "reply"]


def test_nothing_is_done_twice_on_a_bad_bus(make_network: Callable[..., Any], seed: int) -> None:
    network = make_network(seed, loss=0.3, duplicate=0.3, jitter=3 * REPEAT_AFTER)
    two = Two(network)
    calls = [two.call(StartJob(service=number, job="job", k=1, cut=1)) for number in range(30)]
    events = [
        two.caller.tell(
            "callee", TurnsDone(execution=1, instance=1, as_server=True, turns=[(number, number, Cause.NORMAL)])
        )
        for number in range(30)
    ]
    network.run()
    assert all(call.done for call in [*calls, *events])
    assert len({request.service for request in two.served if isinstance(request, StartJob)}) == 30
    assert len(two.served) == 60
    assert sorted(call.result().job for call in calls) == sorted(
        index + 1 for index, request in enumerate(two.served) if isinstance(request, StartJob)
    )
    two.assert_nothing_left()


def test_a_request_under_way_is_not_begun_again(two: Two) -> None:
    promise: Any = two.callee.procedures.promise("all instances run")

    async def slowly(request: StartJob) -> JobStarted:
        two.served.append(request)
        await promise
        return JobStarted(job=7)

    two.callee.handle(StartJob, slowly)
    call = two.call()
    two.network.run(seconds=10)
    assert len(two.network.bus) == 6  # it was repeated every two seconds
    assert len(two.served) == 1
    promise.resolve(None)
    assert two.finish(call) == JobStarted(job=7)


def test_a_request_under_way_outlives_what_is_remembered(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED_REQUESTS", 2)
    promise: Any = two.callee.procedures.promise("all instances run")

    async def slowly(request: TerminateFunction) -> Done:
        two.served.append(request)
        await promise
        return Done()

    two.callee.handle(TerminateFunction, slowly)
    slow = two.call(TerminateFunction(instance=1, application_server="a"), Done)
    for _ in range(5):
        call = two.call()
        two.network.run(until=lambda call=call: call.done)  # type: ignore[misc]
    two.network.run(seconds=5)
    assert sum(isinstance(request, TerminateFunction) for request in two.served) == 1
    assert len(two.callee._answered) == 2
    promise.resolve(None)
    two.finish(slow)


def test_nobody_answers(two: Two) -> None:
    missing: list[tuple[str, str]] = []
    two.caller.on_missing = lambda entity, body: missing.append((entity, body))
    call = two.call(to="nobody")
    began = two.network.now
    with pytest.raises(ProcedureTimeout, match="TIMEOUT: no answer from nobody to StartJob"):
        two.finish(call)
    assert two.network.now >= began + CALL_TIME
    assert set(missing) == {("nobody", "StartJob")}
    assert len(missing) == (CALL_TIME - 1) // REPEAT_AFTER


@pytest.mark.parametrize("cause", [Cause.TOO_FEW_CLIENTS, Cause.TIMEOUT])
def test_refused(two: Two, cause: Cause) -> None:
    def refuse(request: StartJob) -> JobStarted:
        raise ProcedureError(cause, "x" * 2000)

    two.callee.handle(StartJob, refuse)
    with pytest.raises(ProcedureRejected) as raised:
        two.finish(two.call())
    assert raised.value.cause is cause
    assert raised.value.detail == "x" * 1000


def test_unknown_type_names_what_is_allowed(two: Two) -> None:
    request = RemoveRoutes(execution=1, instance=2)
    with pytest.raises(ProcedureRejected, match=r"RemoveRoutes to callee; allowed: StartJob, TurnsDone") as raised:
        two.finish(two.call(request, Done))
    assert raised.value.cause is Cause.UNEXPECTED_MESSAGE


def test_malformed_request(two: Two) -> None:
    def other_field(envelope: Envelope) -> None:
        two.callee.receive(msgspec.structs.replace(envelope, body=msgspec.Raw(b'{"service":"one"}')), two.network.now)

    two.caller._send = other_field
    two.callee._send = lambda envelope: two.caller.receive(envelope, two.network.now)
    with pytest.raises(ProcedureRejected, match=r"Expected `int`, got `str`.*service") as raised:
        two.finish(two.call())
    assert raised.value.cause is Cause.MALFORMED_MESSAGE
    assert two.served == []


def test_malformed_reply(two: Two) -> None:
    two.callee._send = lambda envelope: two.caller.receive(
        msgspec.structs.replace(envelope, body=msgspec.Raw(b"{}")), two.network.now
    )
    with pytest.raises(ProcedureError, match=r"callee: JobStarted: .*missing required field `job`") as raised:
        two.finish(two.call())
    assert raised.value.cause is Cause.MALFORMED_MESSAGE


def test_unknown_cause_of_a_later_version(two: Two) -> None:
    two.callee._send = lambda envelope: two.caller.receive(
        msgspec.structs.replace(envelope, error=Failure("TOO_TIRED", "why")), two.network.now
    )
    with pytest.raises(ProcedureRejected, match="UNSPECIFIED: why"):
        two.finish(two.call())


def test_a_bug_in_a_handler_is_told_on_both_sides(two: Two) -> None:
    def bug(request: StartJob) -> JobStarted:
        raise LookupError("no such key")

    two.callee.handle(StartJob, bug)
    with pytest.raises(ProcedureRejected, match="UNSPECIFIED: LookupError: no such key"):
        two.finish(two.call())
    assert [name for name, _ in two.network.errors] == ["serve StartJob"]
    two.network.errors.clear()


def test_late_and_repeated_replies_are_counted(two: Two) -> None:
    two.finish(two.call())
    reply = two.network.bus[-1]
    for envelope in (reply, msgspec.structs.replace(reply, error=Failure("BUSY"))):
        two.caller.receive(envelope, two.network.now)
    assert two.caller.drops.counts == {"answer to no request": 2}


def test_a_request_nobody_waits_for_any_more_is_not_served(two: Two) -> None:
    two.network.delay = CALL_TIME + SECOND
    with pytest.raises(ProcedureTimeout):
        two.finish(two.call())
    assert two.served == []
    assert two.callee.drops["deadline passed"] > 0


def test_too_many_at_a_time(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    call = two.call()
    monkeypatch.setattr(procedure_module, "MAXIMUM_PROCEDURES", 0)
    with pytest.raises(ProcedureRejected) as raised:
        two.finish(call)
    assert raised.value.cause is Cause.NO_RESOURCES
    assert two.served == []


def test_what_cannot_be_sent_fails_at_once(two: Two) -> None:
    def too_large(envelope: Envelope) -> None:
        raise EncodeError("Envelope", "body", 10**9, "up to 64 KiB")

    two.caller._send = too_large
    with pytest.raises(ProcedureError, match=r"MALFORMED_MESSAGE: StartJob to callee: .*up to 64 KiB"):
        two.call().result()
    two.assert_nothing_left()


def test_a_reply_that_cannot_be_sent_is_a_refusal(two: Two) -> None:
    def too_large(envelope: Envelope) -> None:
        if envelope.error is None:
            raise EncodeError("Envelope", "body", 10**9, "up to 64 KiB")
        two.network.send_envelope(envelope)

    two.callee._send = too_large
    with pytest.raises(ProcedureRejected, match=r"UNSPECIFIED: reply: .*up to 64 KiB"):
        two.finish(two.call())


def test_asynchronous_handlers_and_their_replies(two: Two) -> None:
    async def invite(request: InviteInstance) -> InstanceAccepted:
        await two.callee.procedures.sleep(SECOND)
        return InstanceAccepted(key=request.key)

    two.callee.handle(InviteInstance, invite)
    request = InviteInstance(
        execution=1,
        instance=2,
        as_server=True,
        routine="r",
        round=0,
        cut=1,
        sequential=False,
        seats=[1],
        key=b"\x00\xff",
    )
    assert two.finish(two.call(request, InstanceAccepted)) == InstanceAccepted(key=b"\x00\xff")


def test_an_event_nobody_takes_ends_by_itself(two: Two) -> None:
    event = TurnsDone(execution=1, instance=1, as_server=True, turns=[(1, 1, Cause.NORMAL)])
    told = two.caller.tell("nobody", event)
    two.finish(told)


def test_hooks_see_bodies_and_change_them(two: Two) -> None:
    """What a hook drops is repeated, as if the bus had lost it; what it changes arrives changed."""
    seen: list[str] = []

    def hook(message: Seen) -> list[Go] | None:
        seen.append(f"{message.name} {message.direction} {message.peer}")
        if len(seen) == 1:
            return []
        if isinstance(message.message, StartJob) and message.direction == "out":
            return [Go(msgspec.structs.replace(message.message, k=9))]
        return None

    procedures = two.caller.procedures
    procedures.pass_on = MessageHooks("caller", procedures, [hook]).pass_on
    assert two.finish(two.call()) == JobStarted(job=1)
    assert two.served == [msgspec.structs.replace(REQUEST, k=9)]
    assert seen == ["StartJob out callee", "StartJob out callee", "JobStarted in callee"]


def test_a_body_that_is_no_text_is_malformed(two: Two) -> None:
    """The signature proves who has sent it, not that it is any good."""

    def no_text(envelope: Envelope) -> None:
        body = bytes(envelope.body).replace(b'"job":"job"', b'"job":"\xff"')
        two.callee.receive(msgspec.structs.replace(envelope, body=msgspec.Raw(body)), two.network.now)

    two.caller._send = no_text
    two.callee._send = lambda envelope: two.caller.receive(envelope, two.network.now)
    with pytest.raises(ProcedureRejected) as raised:
        two.finish(two.call())
    assert raised.value.cause is Cause.MALFORMED_MESSAGE


# Who may ask for what


@pytest.mark.parametrize("body", sorted(BODIES), ids=str)
def test_an_application_controller_may_ask_for_what_the_table_names(two: Two, body: str) -> None:
    """R41: the control plane's own messages are refused from a provider's controller, before they are decoded."""
    two.callee.handle(BODIES[body], lambda request: Done())
    answers: list[Envelope] = []
    two.callee._send = answers.append
    request = Envelope(
        process="controller-health.2",
        id="0" * 32,
        kind="request",
        type=body,
        sender="controller-health.2",
        to="callee",
        body=msgspec.Raw(b"0"),
    )
    two.callee.receive(request, two.network.now)
    cause = "MALFORMED_MESSAGE" if BODIES[body] in FROM_CONTROLLERS else "NOT_ALLOWED"
    assert [answer.error and answer.error.cause for answer in answers] == [cause]


def test_what_a_controller_may_ask_for() -> None:
    names = {body.__name__ for body in FROM_CONTROLLERS}
    assert names == {
        *("RegisterService", "RemoveService", "ListServices"),
        *("StartJob", "StopJob", "ListJobs", "RaiseEvent"),
    }


def test_a_handler_is_told_who_signed(two: Two) -> None:
    callers: list[str] = []

    def start(request: StartJob) -> JobStarted:
        callers.append(two.callee.caller)
        return JobStarted(job=1)

    two.callee.handle(StartJob, start)
    for process in ("core", "controller-health"):
        request = Envelope(
            process=process,
            id=process.encode().hex().ljust(32, "0")[:32],
            kind="request",
            type="StartJob",
            sender="caller",
            to="callee",
            body=msgspec.Raw(msgspec.json.encode(REQUEST)),
        )
        two.callee.receive(request, two.network.now)
    two.network.run()
    assert callers == ["core", "controller-health"]
