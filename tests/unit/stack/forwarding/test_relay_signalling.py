"""From the bus to T4 and back: instances, invitations, turns, their ends."""

from __future__ import annotations

from typing import Any

import pytest

from net4ai.codecs import compute, link
from net4ai.codecs.bus import (
    BeginExecution,
    Done,
    ExecutionBegun,
    ExecutionOutcome,
    FinishExecution,
    FunctionProgress,
    InstanceAccepted,
    InstantiateFunction,
    InviteInstance,
    RemoveRoutes,
    StartTurns,
    TerminateFunction,
    TurnsDone,
)
from net4ai.codecs.causes import Cause
from net4ai.stack.acknowledged_bearer import MAXIMUM_QUEUED_SDUS
from net4ai.stack.procedure import ProcedureError

INSTANTIATE = InstantiateFunction(
    instance=1, function="global-training", settings={"rate": 0.05}, application_server="server"
)
INVITE = InviteInstance(
    execution=5, instance=1, as_server=True, routine="train", round=2, cut=3, sequential=True, seats=[7, 8], key=b"k"
)
INVITE_OTHER = InviteInstance(
    execution=6, instance=1, as_server=False, routine="top", round=2, cut=0, sequential=False, seats=[0]
)
BEGIN = BeginExecution(execution=5, instance=1, seats=[7])


class Relay:
    def __init__(self, network: Any) -> None:
        self.network = network
        self.core = network.core()
        self.fpf = network.forwarding_function()
        self.server = network.application_server()
        network.run(seconds=5)

    def running(self) -> Relay:
        for request in (INSTANTIATE, INVITE, BEGIN):
            self.core.call(request)
        return self

    def says(self, message: link.Link) -> None:
        """The server's process says something by itself."""
        self.server.machine.link.send(message)
        self.network.run(seconds=5)


def signalling(relay: Relay) -> list[Any]:
    """What was said on the bus, but for the regular announcements."""
    announcements = {each.id for each in relay.network.bus if each.type == "NodeAvailable"}
    return [each for each in relay.network.bus if each.id not in announcements]


def ended(relay: Relay) -> list[tuple[int, int, int]]:
    """Seat, turn and cause of every turn the core was told of."""
    return [turn for event in relay.core.turns for turn in event.turns]


@pytest.fixture
def relay(network: Any) -> Relay:
    return Relay(network)


@pytest.fixture
def bad_relay(bad_network: Any) -> Relay:
    return Relay(bad_network)


def test_a_whole_execution_over_a_bad_link(bad_relay: Relay) -> None:
    relay, told = bad_relay, bad_relay.server.compute
    assert relay.core.call(INSTANTIATE) == Done()
    assert relay.fpf.instances == {1: relay.fpf.peer_named("server")}
    assert relay.core.call(INVITE) == InstanceAccepted(key=b"")
    assert relay.core.call(BEGIN) == ExecutionBegun()
    turns = StartTurns(execution=5, instance=1, as_server=True, turns=[(7, 0), (8, 1)], repetition=4)
    assert relay.core.call(turns) == Done()
    relay.network.run(until=lambda: len(ended(relay)) == 2)
    relay.core.call(FinishExecution(execution=5, instance=1, repetition=4))
    relay.network.run(until=lambda: relay.core.outcomes)
    relay.network.run(seconds=60)
    (load,), (begin,), (end,) = (told.of(kind) for kind in (compute.Load, compute.Begin, compute.End))
    assert (load.instance, load.function, load.settings) == (1, "global-training", {"rate": 0.05})
    assert (begin.execution, begin.as_server, begin.routine, begin.round, begin.cut) == (5, True, "train", 2, 3)
    assert (begin.seats, begin.sequential) == ([7], True)
    assert [(run.seat, run.turn, run.repetition) for run in told.of(compute.RunTurn)] == [(7, 0, 4), (8, 1, 4)]
    assert (end.execution, end.repetition) == (5, 4)
    assert {(done.execution, done.instance, done.as_server) for done in relay.core.turns} == {(5, 1, True)}
    assert sorted(ended(relay)) == [(7, 0, Cause.NORMAL), (8, 1, Cause.NORMAL)]
    assert relay.core.outcomes == [
        ExecutionOutcome(execution=5, instance=1, restart=False, stop=False, cause=Cause.NORMAL)
    ]


@pytest.mark.parametrize("request_type", ["InstantiateFunction", "InviteInstance", "BeginExecution", "StartTurns"])
def test_requests_that_come_again_on_the_bus_are_done_once(relay: Relay, request_type: str) -> None:
    relay.running()
    relay.core.call(StartTurns(execution=5, instance=1, as_server=True, turns=[(7, 0)], repetition=0))
    relay.network.run(seconds=5)
    told, answered = list(relay.server.compute.told), len(signalling(relay))
    envelope = next(e for e in relay.network.bus if e.type == request_type and e.kind == "request")
    for _ in range(3):
        relay.network.send_envelope(envelope)
    relay.network.run(seconds=5)
    assert relay.server.compute.told == told
    assert len(signalling(relay)) == answered + 2 * 3  # the reply it gave before


def test_more_turns_at_a_time_than_the_bearer_holds(relay: Relay) -> None:
    relay.running()
    count = 3 * MAXIMUM_QUEUED_SDUS
    turns = [(seat, seat) for seat in range(count)]
    assert relay.core.call(StartTurns(execution=5, instance=1, as_server=True, turns=turns, repetition=0)) == Done()
    relay.network.run(until=lambda: len(ended(relay)) == count)
    assert sorted(turn for _, turn, _ in ended(relay)) == list(range(count))


@pytest.mark.parametrize("request_", [INVITE, BEGIN, StartTurns(1, 1, True, [], 0), FinishExecution(1, 1, 0)])
def test_instance_that_is_not_here(relay: Relay, request_: Any) -> None:
    with pytest.raises(ProcedureError, match="FUNCTION_NOT_HERE: instance 1 is not at edge"):
        relay.core.call(request_)


@pytest.mark.parametrize("name", ["nobody", "application-controller", "ran-1"])
def test_instances_run_at_application_servers(relay: Relay, name: str) -> None:
    relay.network.controller().machine.link.attach()
    relay.network.join_over_t8(relay.network.forwarding_function("ran-1"), relay.fpf)
    relay.network.run(seconds=5)
    with pytest.raises(ProcedureError, match=f"FUNCTION_NOT_HERE: {name}"):
        relay.core.instantiate(1, name)
    assert not relay.fpf.instances


def test_function_that_cannot_be_loaded(relay: Relay) -> None:
    relay.server.compute.answers = lambda message: (
        compute.LoadFailed(instance=1, detail="LookupError: function 'f' is not installed")
        if isinstance(message, compute.Load)
        else None
    )
    with pytest.raises(ProcedureError, match="FUNCTION_FAILED: server: LookupError: function 'f' is not installed"):
        relay.core.call(INSTANTIATE)
    assert not relay.fpf.instances


def test_settings_that_no_message_holds(relay: Relay) -> None:
    with pytest.raises(ProcedureError, match=r"MALFORMED_MESSAGE: .*settings"):
        relay.core.call(
            InstantiateFunction(
                instance=1, function="f", settings={"x": "y" * link.MAXIMUM_SETTINGS}, application_server="server"
            )
        )
    assert relay.fpf.peer_named("server").waiting == 0


def test_terminate(relay: Relay) -> None:
    relay.running()
    request = TerminateFunction(instance=1, application_server="server")
    assert relay.core.call(request) == Done()
    assert not relay.fpf.instances and not relay.server.machine.instances
    assert relay.core.call(request) == Done()
    assert len(relay.server.compute.of(compute.Unload)) == 1
    relay.server.assert_nothing_left()


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            link.Done(execution=5, instance=1, end_point=1, turn=3, seat=4, cause=Cause.FUNCTION_FAILED),
            TurnsDone(execution=5, instance=1, as_server=False, turns=[(4, 3, Cause.FUNCTION_FAILED)]),
        ),
        (
            link.Restart(execution=5, instance=1),
            ExecutionOutcome(execution=5, instance=1, restart=True, stop=False, cause=Cause.NORMAL),
        ),
        (
            link.Complete(execution=5, instance=1, stop=True, cause=Cause.NORMAL),
            ExecutionOutcome(execution=5, instance=1, restart=False, stop=True, cause=Cause.NORMAL),
        ),
        (
            link.Progress(execution=5, instance=1, values=b'{"loss": 0.5, "batch": 3, "phase": "a"}'),
            FunctionProgress(execution=5, instance=1, values={"loss": 0.5, "batch": 3, "phase": "a"}),
        ),
    ],
)
def test_what_a_server_reports(relay: Relay, message: link.Link, event: Any) -> None:
    def reported() -> list[Any]:
        return [*relay.core.turns, *relay.core.outcomes, *relay.core.progress]

    relay.says(message)
    assert reported() == []
    assert relay.fpf.drops.counts == {"instance of another peer": 1}
    relay.core.call(INSTANTIATE)
    relay.says(message)
    assert reported() == []
    assert relay.fpf.drops.counts == {"instance of another peer": 1, "message of an ended execution": 1}
    relay.core.call(INVITE)
    relay.says(message)
    assert reported() == [event]
    other = relay.network.application_server("other")
    relay.network.run(seconds=5)
    other.machine.link.send(message)
    relay.network.run(seconds=5)
    assert reported() == [event]
    assert relay.fpf.drops.counts == {"instance of another peer": 2, "message of an ended execution": 1}


@pytest.mark.parametrize("values", [b'{"a":"\xff"}', b"", b"[1]", b"{", b'{"a": [1]}', b'{"a": null}', b"\xff"])
def test_malformed_progress(relay: Relay, values: bytes) -> None:
    relay.running()
    relay.says(link.Progress(execution=5, instance=1, values=values))
    assert relay.core.progress == []
    assert relay.fpf.drops.counts == {"malformed progress": 1}


# Who is told


def test_the_routine_manager_that_has_invited_is_told(relay: Relay) -> None:
    """R48: client and server of a routine are with one routine manager; another execution is with another."""
    told: list[Any] = []
    second = relay.network.callee("routine-manager-2")
    for body in (TurnsDone, ExecutionOutcome, FunctionProgress):
        second.handle(body, lambda event: told.append(event) or Done())
    relay.running()
    relay.core.call(InviteInstance(6, 1, True, "train", 2, 3, True, [0], routine_manager="routine-manager-2"))
    relay.says(link.Done(execution=6, instance=1, end_point=2, turn=0, seat=0, cause=Cause.NORMAL))
    relay.says(link.Progress(execution=6, instance=1, values=b"{}"))
    relay.says(link.Complete(execution=6, instance=1, stop=False, cause=Cause.NORMAL))
    assert told == [
        TurnsDone(6, 1, True, [(0, 0, Cause.NORMAL)]),
        FunctionProgress(6, 1, {}),
        ExecutionOutcome(6, 1, False, False, Cause.NORMAL),
    ]
    assert relay.core.turns == [] and relay.core.outcomes == [] and relay.core.progress == []
    relay.says(link.Done(execution=5, instance=1, end_point=2, turn=0, seat=7, cause=Cause.NORMAL))
    assert len(told) == 3 and len(relay.core.turns) == 1


def test_turns_that_end_at_one_moment_are_told_together(relay: Relay) -> None:
    """No call on the bus for each terminal and step."""
    relay.running()
    relay.server.compute.answers = lambda message: None
    count = 200
    turns = [(seat, seat) for seat in range(count)]
    relay.core.call(StartTurns(execution=5, instance=1, as_server=True, turns=turns, repetition=0))
    relay.network.run(until=lambda: len(relay.server.compute.of(compute.RunTurn)) == count)
    for seat in range(count):
        relay.server.compute.say(
            compute.TurnDone(instance=1, execution=5, as_server=True, seat=seat, turn=seat, error="")
        )
    relay.network.run(until=lambda: len(ended(relay)) == count)
    assert sorted(turn for _, turn, _ in ended(relay)) == list(range(count))
    assert len(relay.core.turns) < count // 10


def test_early_turns_are_over_before_late_ones_have_started(relay: Relay) -> None:
    """R78: of a concurrent routine, data of those who have started overlaps the starts of the others."""
    relay.running()
    count = 3 * MAXIMUM_QUEUED_SDUS
    turns = [(seat, seat) for seat in range(count)]
    relay.core.call(StartTurns(execution=5, instance=1, as_server=True, turns=turns, repetition=0))
    relay.network.run(until=lambda: ended(relay))
    started = len(relay.server.compute.of(compute.RunTurn))
    assert 0 < len(ended(relay)) <= started < count


# Limits and loss


def test_limits_of_an_instance_are_passed_on(relay: Relay) -> None:
    seen: list[link.Instantiate] = []
    relay.server.machine._instantiate = None  # type: ignore[assignment]
    peer = relay.fpf.peer_named("server")
    peer.send = lambda message: seen.append(message)  # type: ignore[method-assign, assignment, return-value]
    relay.core.begin(InstantiateFunction(1, "f", {}, "server", memory_mib=77, busy_s=1.5))
    relay.network.run(seconds=1)
    assert [(message.memory_mib, message.busy_ms) for message in seen] == [(77, 1500)]


def test_an_instance_that_runs_there_is_not_made_again(relay: Relay) -> None:
    for _ in range(3):
        assert relay.core.call(INSTANTIATE) == Done()
    assert len(relay.server.compute.of(compute.Load)) == 1


@pytest.mark.parametrize("cause", [Cause.FUNCTION_FAILED, Cause.PEER_LOST])
def test_a_lost_instance_is_forgotten_and_told(relay: Relay, cause: Cause) -> None:
    """R51: its executions end with the cause, the node is announced anew, and it can be made again."""
    relay.running()
    relay.core.call(INVITE_OTHER)
    announced = len(relay.core.available)
    relay.says(link.InstanceLost(instance=1, cause=cause))
    assert sorted(outcome.execution for outcome in relay.core.outcomes) == [5, 6]
    assert {outcome.cause for outcome in relay.core.outcomes} == {cause}
    assert not relay.fpf.instances and not relay.fpf.executions.parts
    assert [event.instances for event in relay.core.available[announced - 1 : announced + 1]] == [[1], []]
    relay.says(link.InstanceLost(instance=1, cause=cause))
    assert relay.fpf.drops.counts == {"instance of another peer": 1}
    assert relay.core.call(INSTANTIATE) == Done()
    assert list(relay.fpf.instances) == [1]


def test_an_application_server_that_is_lost_loses_its_executions(relay: Relay) -> None:
    """Also those that have no routes yet, and those whose terminals are elsewhere."""
    relay.running()
    relay.fpf.forget(relay.fpf.peer_named("server"))
    relay.network.run(seconds=5)
    assert relay.core.outcomes == [ExecutionOutcome(5, 1, False, False, Cause.PEER_LOST)]
    assert not relay.fpf.executions.parts


def test_what_ended_is_not_told_of_its_loss(relay: Relay) -> None:
    relay.running()
    relay.core.call(RemoveRoutes(execution=5, instance=1))
    relay.says(link.InstanceLost(instance=1, cause=Cause.PEER_LOST))
    assert relay.core.outcomes == []


def test_an_invitation_that_comes_after_its_end_is_refused(relay: Relay) -> None:
    relay.core.call(INSTANTIATE)
    relay.core.call(RemoveRoutes(execution=5, instance=1, attempt=3))
    late = InviteInstance(5, 1, True, "train", 2, 3, True, [7], attempt=3)
    with pytest.raises(ProcedureError, match="CANCELLED: attempt at execution 5 is over"):
        relay.core.call(late)
    late.attempt = 4
    assert relay.core.call(late) == InstanceAccepted(key=b"")
    relay.core.call(RemoveRoutes(execution=5, instance=1, attempt=3))
    assert (5, 1) in relay.fpf.executions.parts


def test_what_an_instance_says_belongs_to_the_attempt_it_has_accepted(relay: Relay) -> None:
    """What it said before it knew of the next one is of the one before."""
    relay.core.call(INSTANTIATE)
    invite = InviteInstance(5, 1, True, "train", 2, 3, True, [7], attempt=3)
    relay.core.call(invite)
    done = link.Done(execution=5, instance=1, end_point=2, turn=0, seat=7, cause=Cause.NORMAL)
    relay.server.machine.link.send(done)
    invite.attempt = 4
    relay.core.call(invite)
    relay.says(done)
    relay.says(link.Complete(execution=5, instance=1, stop=False, cause=Cause.NORMAL))
    assert [event.attempt for event in relay.core.turns] == [3, 4]
    assert [event.attempt for event in relay.core.outcomes] == [4]


def test_the_node_is_announced_regularly(relay: Relay) -> None:
    relay.running()
    relay.network.run(seconds=30)
    before = len(relay.core.available)
    relay.network.run(seconds=30)
    assert len(relay.core.available) == before + 6
    assert relay.core.available[-1].instances == [1]
    assert relay.core.available[-1].capacity == relay.fpf.capacity
