"""A terminal in a routine: invited, started, done, complete (figure 6; R64, R65, R72-R79)."""

from __future__ import annotations

from typing import Any

import pytest
from routine_world import RADIO, World

from net4ai.codecs import compute, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import MessageAcknowledged, MessageReceived
from net4ai.stack.dep_endpoint import limits_of
from net4ai.ue.functions import BUSY_SECONDS, WORKER_MEMORY_MIB

LIMITS = limits_of(CreditBudget(1 << 20))

DEEP = b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}"


@pytest.fixture
def world() -> World:
    return World()


# --- Invitation


def test_it_accepts_when_the_function_is_ready(world: World) -> None:
    world.invite()
    assert world.ue.compute.sent == [
        compute.Load(
            instance=1,
            function="data-source",
            settings={"a": 1},
            private={},
            worker="data-source",
            memory_mib=WORKER_MEMORY_MIB,
            busy_s=BUSY_SECONDS,
        )
    ]
    world.loaded()
    assert world.ue.compute.sent[1:] == [
        compute.Begin(
            instance=1,
            execution=1,
            as_server=False,
            routine="bottom",
            round=3,
            cut=2,
            seats=[5],
            sequential=True,
        )
    ]
    assert not world.ran.nas
    world.begun()
    assert world.ran.nas == [nas.RoutineAccept(execution=1, key=b"")]


def test_a_function_is_loaded_once_for_the_same_settings(world: World) -> None:
    world.accept(1)
    world.invite(2)
    world.begun(2)
    assert len(world.asked(compute.Load)) == 1
    world.invite(3, settings=b'{"a":2}')
    assert [load.settings for load in world.asked(compute.Load)] == [{"a": 1}, {"a": 2}]
    assert world.asked(compute.Unload) == [compute.Unload(instance=1)]
    world.loaded(2)
    world.begun(3, instance=2)
    world.invite(4, function="other", settings=b'{"a":2}')
    assert [(load.instance, load.worker) for load in world.asked(compute.Load)][2:] == [(3, "other")]
    assert len(world.asked(compute.Unload)) == 1
    assert [message.execution for message in world.ran.nas] == [1, 2, 3]  # type: ignore[attr-defined]


def test_who_is_willing_to_give_raw_data_accepts_cut_0(world: World) -> None:
    world.ue.process.config.raw_data = True
    world.accept(cut=0)
    assert world.ran.nas == [nas.RoutineAccept(execution=1, key=b"")]


def test_owners_who_name_no_functions_allow_those_that_are_here(world: World) -> None:
    """The host finds what is installed or in allowed modules, and nothing else."""
    world.ue.process.config.functions = []
    world.accept(function="evil")
    assert world.ran.nas == [nas.RoutineAccept(execution=1, key=b"")]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"session": 9}, Cause.UNKNOWN_SESSION),
        ({"function": "evil"}, Cause.NOT_ALLOWED),
        ({"cut": 0}, Cause.NOT_ALLOWED),
        ({"settings": b"{"}, Cause.MALFORMED_MESSAGE),
        ({"settings": b"[]"}, Cause.MALFORMED_MESSAGE),
        ({"settings": b'{"a":"\xff"}'}, Cause.MALFORMED_MESSAGE),
        ({"settings": DEEP}, Cause.MALFORMED_MESSAGE),
    ],
)
def test_an_invitation_it_cannot_follow_is_declined(world: World, changes: dict[str, Any], cause: Cause) -> None:
    world.invite(**changes)
    assert world.ran.nas == [nas.RoutineReject(execution=1, cause=cause)]
    assert not world.ue.compute.sent
    assert not world.ue.terminal.participations


@pytest.mark.parametrize("step", ["load", "begin"])
def test_a_function_that_cannot_begin_declines(world: World, step: str) -> None:
    world.invite()
    if step == "load":
        world.ue.worker(compute.LoadFailed(instance=1, detail="no such function"))
    else:
        world.loaded()
        world.begun(detail="ValueError: no")
    assert world.ran.nas == [nas.RoutineReject(execution=1, cause=Cause.FUNCTION_FAILED)]
    assert not world.ue.terminal.participations
    world.invite(2)
    assert len(world.asked(compute.Load)) == (2 if step == "load" else 1)


def test_a_worker_that_stays_silent_declines(world: World) -> None:
    world.invite()
    world.air.run(61)
    assert world.ran.nas[-1:] == [nas.RoutineReject(execution=1, cause=Cause.TIMEOUT)]


def test_a_repeated_invitation_gets_the_same_answer(world: World) -> None:
    world.invite()
    world.invite()
    world.loaded()
    world.begun()
    world.invite()
    assert world.ran.nas == [nas.RoutineAccept(execution=1, key=b"")] * 2
    assert len(world.asked(compute.Begin)) == 1


def test_a_newer_invitation_takes_the_place_of_an_older_one(world: World) -> None:
    world.invite(1)
    world.loaded()
    world.invite(2)
    assert world.asked(compute.Forget) == [compute.Forget(instance=1, execution=1, as_server=False)]
    world.begun(1, detail="forgotten")  # about the older one
    world.begun(2)
    assert world.ran.nas == [nas.RoutineAccept(execution=2, key=b"")]


# --- Turns


def test_a_turn(world: World) -> None:
    world.accept()
    world.start(7)
    assert world.asked(compute.RunTurn) == [
        compute.RunTurn(instance=1, execution=1, as_server=False, seat=5, turn=7, repetition=0, radio=RADIO)
    ]
    world.turn_done(7)
    assert world.ran.nas[-1] == nas.RoutineDone(execution=1, turn=7, cause=Cause.NORMAL)


def test_messages_of_the_function_go_through_its_session_both_ways(world: World) -> None:
    world.accept()
    world.start()
    channel = {"instance": 1, "execution": 1, "as_server": False, "seat": 5}
    world.ue.worker(compute.Send(**channel, body=b"x" * 5000))
    (event,) = [event for event in world.ran.events if isinstance(event, MessageReceived)]
    assert bytes(event.body) == b"x" * 5000
    assert world.asked(compute.Sent) == [compute.Sent(**channel)]
    world.ran.endpoint.send(world.end, [b"answer"], world.air.now)
    world.air.run(0.1)
    assert [bytes(message.body) for message in world.asked(compute.Deliver)] == [b"answer"]
    assert [event for event in world.ran.events if isinstance(event, MessageAcknowledged)]


def test_a_start_before_the_acceptance_or_of_something_else_is_dropped(world: World) -> None:
    world.start()
    world.invite()
    world.start()
    world.loaded()
    world.begun()
    world.start(execution=2)
    assert world.ue.drops == {"start of an unknown execution": 3}
    assert not world.asked(compute.RunTurn)


def test_a_function_that_fails_ends_its_turn_with_that_cause(world: World) -> None:
    world.accept()
    world.start()
    world.turn_done(error="ValueError: oh")
    assert world.ran.nas[-1] == nas.RoutineDone(execution=1, turn=7, cause=Cause.FUNCTION_FAILED)
    assert world.ue.troubles == ["ue/1: function failed: ValueError: oh"]


def test_the_end_of_a_turn_of_an_earlier_execution_is_no_news(world: World) -> None:
    world.accept(1)
    world.accept(2)
    world.turn_done(execution=1)
    assert not [message for message in world.ran.nas if isinstance(message, nas.RoutineDone)]


def test_a_message_nobody_waits_for_is_dropped(world: World) -> None:
    world.ue.worker(compute.Send(instance=1, execution=1, as_server=False, seat=5, body=b"x"))
    world.accept(2)
    world.ue.worker(compute.Send(instance=1, execution=1, as_server=False, seat=5, body=b"x"))
    assert world.ue.drops == {"unknown instance": 1, "message of an ended execution": 1}


def test_a_message_that_cannot_be_sent_ends_turn_and_part(world: World) -> None:
    world.accept()
    world.start()
    body = bytes(LIMITS.maximum_message + 1)
    world.ue.worker(compute.Send(instance=1, execution=1, as_server=False, seat=5, body=body))
    assert world.ran.nas[-1] == nas.RoutineDone(execution=1, turn=7, cause=Cause.MESSAGE_TOO_LARGE)
    assert world.asked(compute.Forget)
    assert not world.ue.terminal.participations


@pytest.mark.parametrize("in_its_turn", [True, False])
def test_when_the_session_ends_the_function_is_told(world: World, in_its_turn: bool) -> None:
    """Whoever watches is told only where it is a loss: in the turn."""
    world.accept()
    world.start()
    if not in_its_turn:
        world.turn_done()
    world.end.session.close(Cause.NORMAL, world.air.now)
    world.ran.endpoint._touched[world.end] = None
    world.air.run(0.2)
    assert world.asked(compute.CloseChannel) == [compute.CloseChannel(instance=1, execution=1, as_server=False, seat=5)]
    assert world.ue.troubles == (["ue/1: DEP session: NORMAL"] if in_its_turn else [])


# --- What the compute worker says besides


def test_why_a_function_is_not_loaded_is_said(world: World) -> None:
    world.invite()
    world.ue.worker(compute.LoadFailed(instance=1, detail="ValueError: a"))
    assert world.ue.troubles == ["ue/1: function not loaded: ValueError: a"]
    assert world.ran.nas == [nas.RoutineReject(execution=1, cause=Cause.FUNCTION_FAILED)]


def test_why_an_execution_is_not_begun_is_said(world: World) -> None:
    world.invite()
    world.loaded()
    world.begun(detail="ValueError: cut")
    assert world.ue.troubles == ["ue/1: execution 1 not begun: ValueError: cut"]
    assert world.ran.nas == [nas.RoutineReject(execution=1, cause=Cause.FUNCTION_FAILED)]


def test_a_line_for_the_log_is_said(world: World) -> None:
    world.invite()
    world.ue.worker(compute.Log(instance=1, line="hello"))
    assert world.ue.troubles == ["ue/1: hello"]


def test_what_is_of_no_use_is_counted(world: World) -> None:
    world.invite()
    world.ue.worker(compute.Dropped(instance=1, reason="too many bodies", octets=7))
    world.ue.worker(compute.Progress(instance=1, execution=1, values={"loss": 1.0}))
    world.ue.worker(compute.Loaded(instance=2))
    world.ue.worker(compute.Ready())
    assert world.ue.drops == {"too many bodies": 1, "progress at a terminal": 1, "unknown instance": 1}
    assert [event.size for event in world.air.trace if event.drop == "too many bodies"] == [7]


# --- The end


def test_complete_frees_what_belongs_to_the_execution(world: World) -> None:
    world.accept()
    world.start()
    world.ran.say(nas.RoutineComplete(execution=2, cause=Cause.NORMAL))
    assert world.ue.terminal.participations
    world.ran.say(nas.RoutineComplete(execution=1, cause=Cause.NORMAL))
    assert not world.ue.terminal.participations
    assert world.asked(compute.Forget) == [compute.Forget(instance=1, execution=1, as_server=False)]
    world.turn_done()
    assert not [message for message in world.ran.nas if isinstance(message, nas.RoutineDone)]


def test_complete_while_it_prepares_ends_that_without_a_word(world: World) -> None:
    world.invite()
    world.ran.say(nas.RoutineComplete(execution=1, cause=Cause.CANCELLED))
    world.loaded()
    world.begun()
    assert not world.ran.nas
    assert not [p for p in world.ue.process.procedures.open if p.name == "accept invitation"]


@pytest.mark.parametrize("step", ["invited", "accepted", "started"])
def test_release_ends_its_part(world: World, step: str) -> None:
    world.invite()
    if step != "invited":
        world.loaded()
        world.begun()
    if step == "started":
        world.start()
    said = len(world.ran.nas)
    world.ran.say(rrc.Release(transaction=0, cause=Cause.NORMAL))
    assert bool(world.asked(compute.Forget)) == (step != "invited")  # before that nothing had begun
    assert world.asked(compute.Unload) == [compute.Unload(instance=1)]
    assert not world.ue.terminal.participations
    assert not world.ue.process.functions.instances
    world.turn_done()
    assert len(world.ran.nas) == said
    assert [p.name for p in world.ue.process.procedures.open if p.traced] == ["RRC set-up"]


def test_what_a_worker_says_of_unknown_terminals_is_ignored(world: World) -> None:
    for number in (0, 2, 99):
        world.ue.worker(compute.Loaded(instance=number))
    world.ue.worker(compute.Ready())
    assert not world.ran.nas
