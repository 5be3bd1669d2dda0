"""A terminal in several executions at once, each in the session of its job; functions as long as a job needs them."""

from __future__ import annotations

from typing import Any

import pytest
from radio_bench import bearer_configuration, reconfiguration, session_configuration
from routine_world import World

from net4ai.codecs import compute, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.stack.dep.events import MessageReceived


@pytest.fixture
def world() -> World:
    """Jobs 7 and 8 in sessions 0 and 1; in each an execution of the same number as the session, plus one."""
    world = World()
    world.join(7, 0)
    world.join(8, 1)
    world.accept(1, instance=1, session=0, seat=5)
    world.accept(2, instance=2, session=1, seat=6)
    world.ran.nas.clear()
    return world


def send(world: World, instance: int, execution: int, body: bytes = b"x") -> None:
    world.ue.worker(compute.Send(instance=instance, execution=execution, as_server=False, seat=5, body=body))


def done(world: World, instance: int, execution: int, turn: int, error: str = "") -> None:
    message = compute.TurnDone(
        instance=instance, execution=execution, as_server=False, seat=5, turn=turn, error=error
    )  # fmt: skip
    world.ue.worker(message)


def test_both_run_each_with_an_instance_of_its_own(world: World) -> None:
    loads = world.asked(compute.Load)
    assert [(load.instance, load.worker) for load in loads] == [(1, "data-source"), (2, "data-source")]
    world.start(3, execution=1)
    world.start(4, execution=2)
    turns = world.asked(compute.RunTurn)
    assert [(turn.instance, turn.execution, turn.seat, turn.turn) for turn in turns] == [(1, 1, 5, 3), (2, 2, 6, 4)]
    done(world, 2, 2, 4)
    done(world, 1, 1, 3, error="oh")
    assert world.said(nas.RoutineDone) == [
        nas.RoutineDone(execution=2, turn=4, cause=Cause.NORMAL),
        nas.RoutineDone(execution=1, turn=3, cause=Cause.FUNCTION_FAILED),
    ]


def test_messages_stay_in_the_session_of_their_execution(world: World) -> None:
    send(world, 2, 2, b"to the server of job 8")
    (event,) = [event for event in world.ran.events if isinstance(event, MessageReceived)]
    assert bytes(event.body) == b"to the server of job 8"
    assert [sent.instance for sent in world.asked(compute.Sent)] == [2]
    for session, body in ((1, b"eight"), (0, b"seven")):
        world.ran.endpoint.send(world.ends[session], [body], world.air.now)
    world.air.run(0.1)
    delivered = world.asked(compute.Deliver)
    assert sorted((each.instance, each.execution, bytes(each.body)) for each in delivered) == [
        (1, 1, b"seven"), (2, 2, b"eight"),
    ]  # fmt: skip


def test_an_instance_has_no_say_in_the_execution_of_another(world: World) -> None:
    world.start(3, execution=1)
    done(world, 2, 1, 3)
    send(world, 2, 1)
    assert not world.said(nas.RoutineDone)
    assert world.ue.drops == {"message of an ended execution": 1}


def test_a_new_execution_ends_the_one_in_its_session_and_no_other(world: World) -> None:
    world.invite(3, session=0)
    assert world.asked(compute.Forget) == [compute.Forget(instance=1, execution=1, as_server=False)]
    assert list(world.ue.terminal.participations) == [2, 3]
    world.ran.say(nas.RoutineComplete(execution=2, cause=Cause.NORMAL))
    assert list(world.ue.terminal.participations) == [3]


def test_with_a_session_its_part_ends(world: World) -> None:
    world.start(3, execution=1)
    world.release(0, Cause.CANCELLED)
    assert list(world.ue.terminal.participations) == [2]
    assert world.asked(compute.Forget) == [compute.Forget(instance=1, execution=1, as_server=False)]
    assert world.asked(compute.Unload) == [compute.Unload(instance=1)]


def test_a_job_that_is_over_leaves_nothing(world: World) -> None:
    for session in (0, 1):
        world.release(session, Cause.NORMAL)
    terminal = world.ue.terminal
    assert not (terminal.participations or terminal.functions or terminal.decisions or terminal.jobs)
    assert not terminal.sessions and not world.ue.process.functions.instances
    assert world.asked(compute.Unload) == [compute.Unload(instance=1), compute.Unload(instance=2)]


def test_functions_outlive_an_idle_time_but_not_their_job(world: World) -> None:
    world.ran.say(rrc.Release(transaction=0, cause=Cause.USER_INACTIVITY))
    terminal = world.ue.terminal
    assert not terminal.participations and not terminal.sessions
    assert len(world.asked(compute.Forget)) == 2
    assert len(terminal.functions) == 2
    terminal.want_connection(nas.ServiceType.SIGNALLING)
    world.air.run(0.1)
    world.ran.set_up(8, back=True)
    world.ran.start_security()
    world.ran.say(nas.ServiceAccept())
    requests = world.said(nas.ComputingRequest)
    assert [request.job for request in requests] == [7, 8]
    world.ran.say(nas.ComputingReject(transaction=requests[0].transaction, cause=Cause.UNKNOWN_JOB))
    assert world.asked(compute.Unload) == [compute.Unload(instance=1)]
    world.configure(3)
    world.ran.say(nas.ComputingAccept(transaction=requests[1].transaction, session=3))
    world.accept(9, instance=2, session=3)
    assert len(world.asked(compute.Load)) == 2


@pytest.mark.parametrize("cause", [Cause.DEREGISTERED, Cause.RADIO_LINK_FAILURE])
def test_who_is_not_registered_runs_nothing(world: World, cause: Cause) -> None:
    world.ran.say(rrc.Release(transaction=0, cause=cause))
    assert not world.ue.process.functions.instances
    assert len(world.asked(compute.Unload)) == 2


# --- QoS flows (R103)


def two_flows(world: World) -> None:
    bearers = bearer_configuration(1), bearer_configuration(2)
    assert world.ran.hop is not None
    world.ran.hop.add_bearer(bearers[1])
    world.ran.say(reconfiguration(bearers[1:], (session_configuration(4, 0x44, 1, 2),)))


@pytest.mark.parametrize("qfi", [1, 2])
def test_what_the_function_sends_goes_on_the_flow_of_its_routine(world: World, qfi: int) -> None:
    two_flows(world)
    world.accept(3, instance=3, session=4, qfi=qfi)
    end = world.ue.terminal.sessions[4]
    used: list[int] = []
    usual = end.session.send
    end.session.send = lambda qfi, *args, **values: used.append(qfi) or usual(qfi, *args, **values)  # type: ignore[func-returns-value, method-assign]
    send(world, 3, 3)
    assert used == [qfi]


def test_a_flow_the_session_does_not_have_is_declined(world: World) -> None:
    world.invite(3, qfi=2)
    assert world.ran.nas == [nas.RoutineReject(execution=3, cause=Cause.QOS_FLOW_NOT_CONFIGURED)]


# --- A worker is lost


def lose(world: World, *instances: int) -> None:
    for instance in instances:
        world.ue.worker(compute.InstanceLost(instance=instance, failed=False, detail="ended by SIGKILL"))


def test_turns_end_when_their_worker_is_lost(world: World) -> None:
    world.start(3, execution=1)
    lose(world, 1, 2)
    assert world.said(nas.RoutineDone) == [nas.RoutineDone(execution=1, turn=3, cause=Cause.FUNCTION_FAILED)]
    assert world.ue.troubles == ["ue/1: function data-source lost: ended by SIGKILL"]  # once for all instances
    world.start(4, execution=2)
    assert world.said(nas.RoutineDone)[1:] == [nas.RoutineDone(execution=2, turn=4, cause=Cause.FUNCTION_FAILED)]
    world.ran.say(nas.RoutineComplete(execution=1, cause=Cause.FUNCTION_FAILED))
    assert not world.asked(compute.Forget)
    send(world, 1, 1)
    assert world.ue.drops == {"unknown instance": 1}


def test_the_next_invitation_loads_the_function_anew(world: World) -> None:
    lose(world, 1)
    world.accept(3, instance=3, session=0)
    assert world.said(nas.RoutineAccept) == [nas.RoutineAccept(execution=3, key=b"")]
    assert [load.instance for load in world.asked(compute.Load)] == [1, 2, 3]


@pytest.mark.parametrize("step", ["loading", "beginning"])
def test_a_worker_lost_while_it_prepares_declines(world: World, step: str) -> None:
    world.invite(3, session=0, function="other")
    if step == "beginning":
        world.loaded(3)
    lose(world, 3)
    assert world.said(nas.RoutineReject) == [nas.RoutineReject(execution=3, cause=Cause.FUNCTION_FAILED)]
    assert list(world.ue.terminal.participations) == [2]


def test_a_load_that_is_overtaken_by_another_invitation_is_waited_for_by_both(world: World) -> None:
    world.invite(3, session=0, function="other")
    world.invite(4, session=0, function="other")
    assert len(world.asked(compute.Load)) == 3
    world.loaded(3)
    world.begun(4, instance=3)
    assert world.said(nas.RoutineAccept) == [nas.RoutineAccept(execution=4, key=b"")]


def test_a_load_that_takes_too_long_is_taken_back(world: World) -> None:
    world.invite(3, session=0, function="other")
    world.air.run(41)
    assert world.asked(compute.Unload) == [compute.Unload(instance=3)]
    assert world.said(nas.RoutineReject) == [nas.RoutineReject(execution=3, cause=Cause.TIMEOUT)]


def test_what_a_terminal_does_not_know_of_is_dropped(world: World) -> None:
    messages: tuple[Any, ...] = (compute.Loaded(instance=9), compute.InstanceLost(instance=9, failed=True, detail=""))
    for message in messages:
        world.ue.worker(message)
    assert world.ue.drops == {"unknown instance": 2}
