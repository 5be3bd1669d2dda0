"""The application server between a forwarding function and a compute worker."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_bench import EXECUTION, INSTANCE, LIMITS, SEAT, Serving, refused

from net4ai.application_server import server as module
from net4ai.codecs import compute, link, strategies
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.stack.dep.constants import SCHEDULED_MINIMUM
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep_endpoint import limits_of
from net4ai.stack.link_peer import unattached_pdu
from net4ai.stack.procedure import outcome_of

OWN_LIMITS = limits_of(CreditBudget(1 << 20))

DEEP = b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}"
QUICK = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


# Who may say what


@given(messages=st.lists(strategies.messages(link.Link.FAMILY), max_size=12), loaded=st.booleans())
@QUICK
def test_any_messages_in_any_order(make_network: Any, messages: list[Any], loaded: bool) -> None:
    serving = Serving(make_network())
    if loaded:
        serving.load()
    for message in messages:
        if loaded and hasattr(message, "instance"):
            message = type(message)(**{**fields(message), "instance": INSTANCE})
        serving.peer.hop.signalling.send(message.encode(), serving.network.now)
    serving.network.run(seconds=200)
    assert not serving.under_way()
    assert serving.machine.link.peer is not None
    named = {
        "unexpected message",
        "unknown message",
        "answer to no request",
        "unknown handle",
        "message of an ended execution",
    }
    assert set(serving.machine.drops.counts) <= named


def fields(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.DECLARATION if not name.startswith("reserved")}


@pytest.mark.parametrize("kind", list(link.Link.FAMILY.messages.values()), ids=lambda kind: kind.__name__)
def test_what_is_not_for_a_server(serving: Serving, kind: Any) -> None:
    legal = {link.Instantiate, link.Terminate, link.SessionAdd, link.SessionRelease, link.Invite, link.Begin}
    legal |= {link.Start, link.Finish}
    replies = {link.Acknowledge, link.Refuse, link.Accept, link.SessionAddComplete, link.Begun, link.PathSwitchComplete}

    @given(message=strategies.values(kind))
    @settings(max_examples=3)
    def say(message: Any) -> None:
        before = serving.machine.drops.total
        serving.peer.hop.signalling.send(message.encode(), serving.network.now)
        serving.network.run(seconds=70)
        assert (serving.machine.drops.total > before) == (kind not in legal)
        reason = "answer to no request" if kind in replies else "unexpected message"
        assert kind in legal or set(serving.machine.drops.counts) == {reason}

    say()


def l2_header(identity: int, bearer: int = 0) -> bytes:
    return L2Header(
        is_data=True,
        segmentation=0,
        poll=False,
        has_mac=False,
        bearer_type=BearerType.FIXED_LINK,
        bearer=bearer,
        c_rnti=identity,
        count=0,
    ).to_bytes()


@pytest.mark.parametrize(
    ("port", "source", "identity"),
    [
        (1, ("outsider", 1), "own"),
        (1, ("edge", 2), "own"),
        (2, ("edge", 1), "own"),
        (1, ("edge", 1), "another"),
        (2, ("edge", 2), "none"),
        (2, ("edge", 1), "none"),
    ],
)
def test_source_must_be_the_forwarding_function(serving: Serving, port: int, source: Any, identity: str) -> None:
    own = serving.peer.hop.identity
    pdu = (
        l2_header({"own": own, "another": own % 0xFFFF + 1, "none": 0}[identity])
        + link.Terminate(transaction=1, instance=1).encode()
    )
    serving.network.inject(("server", port), pdu, source)
    assert serving.machine.drops.counts == {"source not bound": 1}
    assert serving.compute.told == []


def test_before_it_is_attached(network: Any) -> None:
    server = network.application_server()
    message = link.Terminate(transaction=1, instance=1)
    network.inject(("server", 1), l2_header(1) + message.encode(), ("edge", 1))
    network.inject(("server", 1), unattached_pdu(message, 0), ("edge", 1))
    network.inject(("server", 1), b"1234567")
    assert server.machine.drops.counts == {"source not bound": 1, "unexpected message": 1, "truncated": 1}
    server.compute.say(compute.Progress(instance=1, execution=1, values={}))
    assert server.machine.drops["not attached"] == 1
    network.run(seconds=3)
    assert network.said[0] == "no answer on T4 from edge:1, trying again"


@given(received=st.lists(st.binary(max_size=40) | st.binary(max_size=30).map(lambda rest: l2_header(1, 1) + rest)))
@QUICK
def test_nothing_that_arrives_raises(make_network: Any, received: list[bytes]) -> None:
    serving = Serving(make_network())
    serving.load()
    serving.add(SEAT)
    for pdu in received:
        serving.network.inject(("server", 1), pdu, ("edge", 1))
        serving.network.inject(("server", 2), pdu, ("edge", 2))
    serving.network.run(seconds=1)
    serving.release()
    assert not serving.machine.endpoint.sessions


# Attaching


def test_refused_attachment_is_said(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from net4ai.stack.forwarding import accept_attachment

    monkeypatch.setattr(accept_attachment, "MAXIMUM_PEERS", 0)
    network.forwarding_function()
    server = network.application_server()
    network.run()
    assert network.said == ["server: attachment to edge:1 was refused: NO_RESOURCES"]
    assert not server.procedures.open


def test_lost_link(serving: Serving) -> None:
    serving.load()
    serving.load(2)
    serving.invite()
    serving.invite(EXECUTION + 1)
    serving.add(SEAT, SEAT + 1)
    serving.add(0, end_point=link.EndPoint.RESULTS, execution=link.RESULTS_EXECUTION)
    serving.compute.told.clear()
    serving.network.cut.add("server")
    serving.machine.link.send(link.Restart(execution=1, instance=1))
    serving.network.run(until=lambda: serving.machine.link.peer is None, seconds=60)
    assert "server: edge does not answer, attaching anew" in serving.network.said
    serving.server.assert_nothing_left_but_attaching()
    assert [told.seat for told in serving.compute.of(compute.CloseChannel)] == [SEAT, SEAT + 1]
    assert [told.instance for told in serving.compute.of(compute.CloseResults)] == [INSTANCE]
    assert {told.execution for told in serving.compute.of(compute.Forget)} == {EXECUTION, EXECUTION + 1}
    assert serving.machine.instances == {1, 2}  # they are loaded still
    serving.network.cut.clear()
    serving.network.run(until=lambda: serving.machine.link.peer is not None, seconds=5)
    serving.network.run(seconds=1)
    serving.peer = serving.fpf.peer_named("server")
    serving.load()
    assert isinstance(serving.add(SEAT), link.SessionAddComplete)


# Instances


def test_an_instance_terminated_while_it_is_loaded_never_comes_to_be(serving: Serving) -> None:
    serving.compute.answers = lambda message: None
    serving.fpf.procedures.advance(serving.network.now)
    loading = serving.fpf.procedures.start(
        "ask",
        outcome_of(
            serving.peer.request(
                lambda n: link.Instantiate(transaction=n, instance=INSTANCE, function="f", settings=b"{}"),
                "instantiate",
            )
        ),
    )
    serving.network.run(seconds=1)
    assert not loading.done
    assert isinstance(serving.ask(link.Terminate, instance=INSTANCE), link.Acknowledge)
    serving.network.run(until=lambda: loading.done)
    assert refused(loading.result(), Cause.CANCELLED)
    serving.compute.say(compute.Loaded(instance=INSTANCE))
    assert not serving.machine.instances
    assert not serving.under_way()


def test_load_and_terminate(serving: Serving) -> None:
    assert isinstance(serving.load(), link.Acknowledge)
    (load,) = serving.compute.of(compute.Load)
    assert load == compute.Load(instance=INSTANCE, function="f", settings={"a": 1}, private={}, worker="instance-1")
    serving.invite()
    serving.add(SEAT)
    serving.add(0, end_point=link.EndPoint.RESULTS, execution=link.RESULTS_EXECUTION)
    assert isinstance(serving.ask(link.Terminate, instance=INSTANCE), link.Acknowledge)
    assert serving.compute.of(compute.Unload) == [compute.Unload(instance=INSTANCE, remove_checkpoint=True)]
    assert not serving.machine.instances
    serving.server.assert_nothing_left()


@pytest.mark.parametrize(
    "settings_",
    [b"", b"{", b"[]", b"1", b'{"a":', b"\xff", b'{"a": 36893488147419103232}', DEEP],
    ids=lambda b: repr(b[:30]),
)
def test_settings_that_are_no_json_object_or_too_large_a_number(serving: Serving, settings_: bytes) -> None:
    answer = serving.ask(link.Instantiate, instance=1, function="f", settings=settings_)
    assert refused(answer, Cause.MALFORMED_MESSAGE)
    assert serving.compute.told == [] and not serving.machine.instances
    assert not serving.under_way() and len(serving.machine._replies) == 0


def test_function_that_does_not_load(serving: Serving) -> None:
    serving.compute.answers = lambda message: compute.LoadFailed(instance=1, detail="Error: " + "é" * 400)
    answer = serving.load()
    assert refused(answer, Cause.FUNCTION_FAILED)
    assert "Error: ééé" in answer.detail
    assert not serving.machine.instances


def test_function_that_never_loads(serving: Serving) -> None:
    serving.compute.answers = lambda message: None
    assert refused(serving.load(), Cause.TIMEOUT)
    assert not serving.machine.instances and not serving.under_way()


def test_loaded_again_while_loading(serving: Serving) -> None:
    """The second takes the place of the first, which is refused; neither waits for ever."""
    answers: list[Any] = []
    serving.compute.answers = lambda message: None
    for _ in range(2):
        asked = serving.fpf.procedures.start(
            "ask",
            outcome_of(
                serving.peer.request(
                    lambda n: link.Instantiate(transaction=n, instance=1, function="f", settings=b"{}")
                )
            ),
        )
        answers.append(asked)
    serving.network.run(seconds=1)
    serving.compute.say(compute.Loaded(instance=1))
    serving.network.run(seconds=1)
    assert refused(answers[0].result(), Cause.CANCELLED)
    assert isinstance(answers[1].result(), link.Acknowledge)
    assert not serving.under_way()


# Sessions


def test_sessions_added_and_released(serving: Serving) -> None:
    serving.load()
    answer = serving.add(SEAT, SEAT + 1)
    assert [session.seat for session in answer.sessions] == [SEAT, SEAT + 1]
    assert {session.handle for session in answer.sessions} == set(serving.machine.endpoint.sessions)
    assert [session.limits for session in answer.sessions] == [OWN_LIMITS, OWN_LIMITS]
    serving.release(SEAT)
    assert [name[3] for name in serving.machine.channels] == [SEAT + 1]
    assert serving.compute.of(compute.Forget) == []  # the execution goes on
    serving.release(SEAT + 5)
    assert len(serving.machine.channels) == 1
    serving.release()
    assert [told.seat for told in serving.compute.of(compute.CloseChannel)] == [SEAT, SEAT + 1]
    assert [told.as_server for told in serving.compute.of(compute.Forget)] == [True, False]
    serving.server.assert_nothing_left()


def test_a_session_added_again_replaces(serving: Serving) -> None:
    serving.load()
    first = serving.add(SEAT).sessions[0].handle
    second = serving.add(SEAT).sessions[0].handle
    assert list(serving.machine.endpoint.sessions) == [second] and first != second
    assert len(serving.compute.of(compute.CloseChannel)) == 1
    results = {"end_point": link.EndPoint.RESULTS, "execution": link.RESULTS_EXECUTION}
    serving.add(0, **results)
    serving.add(0, **results)
    assert len(serving.machine.endpoint.sessions) == 2
    serving.release()
    serving.release(execution=link.RESULTS_EXECUTION)
    assert len(serving.compute.of(compute.CloseResults)) == 2
    serving.server.assert_nothing_left()


def test_an_instance_can_be_server_and_client_side_by_side(serving: Serving) -> None:
    serving.load()
    serving.add(SEAT)
    serving.add(SEAT, end_point=link.EndPoint.ROUTINE_CLIENT)
    assert {name[2] for name in serving.machine.channels} == {True, False}
    serving.release()
    serving.server.assert_nothing_left()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"instance": 9}, Cause.FUNCTION_NOT_HERE),
        ({"dep_version": VERSION + 1}, Cause.VERSION_NOT_SUPPORTED),
        ({"end_point": 9}, Cause.MALFORMED_MESSAGE),
    ],
)
def test_sessions_that_are_refused(serving: Serving, change: dict[str, Any], cause: Cause) -> None:
    serving.load()
    assert refused(serving.add(SEAT, **change), cause)
    serving.server.assert_nothing_left()


def test_sessions_there_is_no_credit_for_are_left_out(serving: Serving) -> None:
    serving.load()
    serving.server.budget.octets = SCHEDULED_MINIMUM + 2 * OWN_LIMITS.unscheduled
    answer = serving.add(1, 2, 3, 4)
    assert [session.seat for session in answer.sessions] == [1, 2]
    serving.release()
    serving.server.assert_nothing_left()


def test_a_seat_twice_is_refused_as_a_whole(serving: Serving) -> None:
    serving.load()
    assert refused(serving.add(SEAT, SEAT + 1, SEAT), Cause.MALFORMED_MESSAGE)
    serving.server.assert_nothing_left()


# An execution


def test_invited_and_begun(serving: Serving) -> None:
    serving.load()
    answer = serving.invite()
    assert (answer.execution, answer.instance, answer.key) == (EXECUTION, INSTANCE, b"")
    assert serving.compute.of(compute.Begin) == []
    begun = serving.begin()
    assert isinstance(begun, link.Begun) and begun.next_turn == 0
    (begin,) = serving.compute.of(compute.Begin)
    assert (begin.routine, begin.round, begin.cut, begin.seats) == ("train", 3, 2, [SEAT])
    assert (begin.as_server, begin.sequential) == (True, True)
    assert refused(serving.begin(), Cause.UNEXPECTED_MESSAGE)
    assert len(serving.compute.of(compute.Begin)) == 1
    serving.server.assert_nothing_left()


def test_not_invited_or_not_here(serving: Serving) -> None:
    assert refused(serving.invite(), Cause.FUNCTION_NOT_HERE)
    assert refused(serving.begin(), Cause.UNEXPECTED_MESSAGE)
    assert serving.compute.told == []


def test_function_that_does_not_begin(serving: Serving) -> None:
    serving.load()
    serving.invite()
    serving.compute.answers = lambda message: compute.Begun(
        instance=INSTANCE, execution=EXECUTION, as_server=True, detail="ValueError: cut"
    )
    answer = serving.begin()
    assert refused(answer, Cause.FUNCTION_FAILED) and answer.detail == "server: ValueError: cut"


def test_function_that_never_begins(serving: Serving) -> None:
    serving.load()
    serving.invite()
    serving.compute.answers = lambda message: None
    assert refused(serving.begin(), Cause.TIMEOUT)
    serving.server.assert_nothing_left()


def test_invitations_nobody_comes_back_to_are_bounded(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_INVITATIONS", 3)
    serving.load()
    for execution in range(10):
        serving.invite(execution)
    assert list(serving.machine._invitations) == [(INSTANCE, execution) for execution in (7, 8, 9)]
    assert serving.machine.drops.counts == {"invitation forgotten": 7}
    assert refused(serving.begin(6), Cause.UNEXPECTED_MESSAGE)
    assert isinstance(serving.begin(7), link.Begun)


def test_turns_and_their_ends(serving: Serving) -> None:
    serving.load()
    start = {"execution": EXECUTION, "instance": INSTANCE, "turn": 3, "seat": SEAT, "repetition": 1}
    serving.say(link.Start(**start, end_point=link.EndPoint.ROUTINE_SERVER))
    serving.say(link.Start(**start, end_point=link.EndPoint.ROUTINE_CLIENT))
    assert [run.as_server for run in serving.compute.of(compute.RunTurn)] == [True, False]
    assert len(serving.reported(link.Done)) == 2
    serving.say(link.Finish(execution=EXECUTION, instance=INSTANCE, repetition=1))
    assert [(end.execution, end.repetition) for end in serving.compute.of(compute.End)] == [(EXECUTION, 1)]
    assert len(serving.reported(link.Complete)) == 1


@pytest.mark.parametrize(
    ("outcome", "error", "expected"),
    [
        ("restart", "", link.Restart(execution=EXECUTION, instance=INSTANCE)),
        ("complete", "", link.Complete(execution=EXECUTION, instance=INSTANCE, stop=False, cause=Cause.NORMAL)),
        ("stop", "", link.Complete(execution=EXECUTION, instance=INSTANCE, stop=True, cause=Cause.NORMAL)),
        (
            "restart",
            "Error: x",
            link.Complete(execution=EXECUTION, instance=INSTANCE, stop=False, cause=Cause.FUNCTION_FAILED),
        ),
        (
            "complete",
            "ChannelClosed: the session has ended",
            link.Complete(execution=EXECUTION, instance=INSTANCE, stop=False, cause=Cause.PEER_LOST),
        ),
    ],
)
def test_what_the_worker_says_of_an_end(serving: Serving, outcome: Any, error: str, expected: Any) -> None:
    heard: list[Any] = []
    serving.peer._on_message = lambda peer, message: heard.append(message)
    closed = error.startswith("ChannelClosed")
    serving.compute.say(
        compute.Ended(instance=INSTANCE, execution=EXECUTION, repetition=0, outcome=outcome, error=error, closed=closed)
    )
    serving.network.run(seconds=1)
    assert heard == [expected]
    assert (serving.network.said != []) == bool(error)


def test_what_else_the_worker_says(serving: Serving) -> None:
    heard: list[Any] = []
    serving.peer._on_message = lambda peer, message: heard.append(message)
    turn = {"instance": INSTANCE, "execution": EXECUTION, "as_server": False, "seat": SEAT, "turn": 2}
    for message in (
        compute.Ready(),
        compute.Loaded(instance=9),
        compute.LoadFailed(instance=9, detail="x"),
        compute.Begun(instance=9, execution=9, as_server=True),
        compute.Log(instance=INSTANCE, line="a line"),
        compute.Dropped(instance=INSTANCE, reason="receive queue full", octets=10),
        compute.TurnDone(**turn, error="Error: y"),
        compute.Progress(instance=INSTANCE, execution=EXECUTION, values={"loss": 0.5}),
    ):
        serving.compute.say(message)
    serving.network.run(seconds=1)
    assert heard == [
        link.Done(
            execution=EXECUTION,
            instance=INSTANCE,
            end_point=link.EndPoint.ROUTINE_CLIENT,
            turn=2,
            seat=SEAT,
            cause=Cause.FUNCTION_FAILED,
        ),
        link.Progress(execution=EXECUTION, instance=INSTANCE, values=b'{"loss":0.5}'),
    ]
    assert serving.network.said == ["server: a line", "server: turn 2 failed: Error: y"]
    assert serving.machine.drops.counts == {"receive queue full": 1}


# Messages of functions


def test_what_cannot_be_sent_closes_the_channel(serving: Serving) -> None:
    """Else the function would wait for a place for ever."""
    serving.load()
    name = {"instance": INSTANCE, "execution": EXECUTION, "as_server": True, "seat": SEAT}
    serving.compute.say(compute.Send(**name, body=b"nobody there"))
    assert serving.compute.of(compute.CloseChannel) == [compute.CloseChannel(**name)]
    assert serving.machine.drops.counts == {"message of an ended execution": 1}
    serving.add(SEAT)
    serving.compute.say(compute.Send(**name, body=bytes(LIMITS.maximum_message + 1)))
    assert len(serving.compute.of(compute.CloseChannel)) == 2
    assert serving.network.said == ["server: message of 1048577 octets; the peer permits 1048576"]
    serving.compute.say(compute.SendResult(instance=INSTANCE, body=b"no controller"))
    assert serving.compute.of(compute.CloseResults) == [compute.CloseResults(instance=INSTANCE)]


def test_a_session_that_fails_closes_its_channel(serving: Serving) -> None:
    serving.load()
    serving.add(SEAT)
    serving.add(0, end_point=link.EndPoint.RESULTS, execution=link.RESULTS_EXECUTION)
    name = {"instance": INSTANCE, "execution": EXECUTION, "as_server": True, "seat": SEAT}
    serving.compute.say(compute.Send(**name, body=b"to a forwarding function without route"))
    serving.compute.say(compute.SendResult(instance=INSTANCE, body=b"to a forwarding function without route"))
    serving.network.run(seconds=400)
    assert compute.CloseChannel(**name) in serving.compute.told
    assert compute.CloseResults(instance=INSTANCE) in serving.compute.told
    assert any("seat 7 of execution 5: " in line for line in serving.network.said)
    serving.release()
    serving.release(execution=link.RESULTS_EXECUTION)
    serving.server.assert_nothing_left()
