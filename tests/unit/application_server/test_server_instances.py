"""Instances at an application server: what they are made of, what becomes of those that are lost (R12, R40, R65)."""

from __future__ import annotations

from typing import Any

import pytest
from serving_bench import EXECUTION, INSTANCE, LIMITS, SEAT, Serving, refused, well

from net4ai.application_server import server as module
from net4ai.codecs import compute, link
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping


def test_limits_and_checkpoint_of_an_instance(serving: Serving) -> None:
    serving.machine.state_folder = "state"
    serving.load(3, memory_mib=512, busy_ms=2500)
    serving.load(4, memory_mib=0xFFFF_FFFF, busy_ms=0xFFFF_FFFF)
    one, most = serving.compute.of(compute.Load)
    assert (one.worker, one.memory_mib, one.busy_s) == ("instance-3", 512, 2.5)
    assert one.checkpoint == "state/instance-3.checkpoint"
    assert (most.worker, most.memory_mib, most.busy_s) == ("instance-4", 1 << 24, 3600)


def test_an_instance_that_is_there_is_not_made_again(serving: Serving) -> None:
    """What is under way goes on: the orchestrator may ask for all that should be there."""
    serving.load(memory_mib=5)
    serving.add(SEAT)
    assert isinstance(serving.load(memory_mib=5), link.Acknowledge)
    assert len(serving.compute.of(compute.Load)) == 1
    assert len(serving.machine.channels) == 1
    for change in ({"settings": b"{}"}, {"function": "g"}, {"memory_mib": 6}, {"busy_ms": 1}):
        assert isinstance(serving.load(**change), link.Acknowledge)
        assert not serving.machine.channels, "another one in its place"
    assert len(serving.compute.of(compute.Load)) == 5
    serving.compute.answers = lambda message: compute.LoadFailed(instance=INSTANCE, detail="no")
    assert refused(serving.load(), Cause.FUNCTION_FAILED)
    assert not serving.machine.instances


@pytest.mark.parametrize(("failed", "cause"), [(True, Cause.FUNCTION_FAILED), (False, Cause.PEER_LOST)])
def test_an_instance_that_is_lost(serving: Serving, failed: bool, cause: Cause) -> None:
    heard: list[Any] = []
    serving.load()
    serving.load(2)
    serving.invite()
    serving.invite(instance=2)
    serving.add(SEAT)
    serving.add(SEAT, instance=2)
    serving.add(0, end_point=link.EndPoint.RESULTS, execution=link.RESULTS_EXECUTION)
    serving.peer._on_message = lambda peer, message: heard.append(message)
    serving.compute.say(compute.InstanceLost(instance=INSTANCE, failed=failed, detail="it took too much"))
    serving.network.run(seconds=1)
    assert heard == [link.InstanceLost(instance=INSTANCE, cause=cause)]
    assert serving.network.said == [], "one line for one cause: the pool's"
    assert serving.machine.instances == {2}
    assert {name[0] for name in serving.machine.channels} == {2}
    assert {key[0] for key in serving.machine._invitations} == {2}
    assert not serving.machine.results
    assert refused(serving.add(SEAT), Cause.FUNCTION_NOT_HERE)
    assert refused(serving.invite(), Cause.FUNCTION_NOT_HERE)
    assert isinstance(serving.load(), link.Acknowledge)


def test_who_waits_for_a_lost_instance_is_told(serving: Serving) -> None:
    lost = compute.InstanceLost(instance=INSTANCE, failed=True, detail="it hangs")
    serving.compute.answers = lambda message: lost
    answer = serving.load()
    assert refused(answer, Cause.FUNCTION_FAILED) and answer.detail == "server: it hangs"
    serving.compute.answers = well
    serving.load()
    serving.invite()
    serving.compute.answers = lambda message: lost
    answer = serving.begin()
    assert refused(answer, Cause.FUNCTION_FAILED) and answer.detail == "server: it hangs"
    serving.server.assert_nothing_left()


def test_an_execution_that_goes_on(serving: Serving) -> None:
    serving.load()
    serving.invite()
    serving.compute.answers = lambda message: compute.Begun(
        instance=INSTANCE, execution=EXECUTION, as_server=True, next_turn=3
    )
    begun = serving.begin()
    assert begun == link.Begun(transaction=begun.transaction, next_turn=3)


@pytest.mark.parametrize(("qfi", "used"), [(1, 1), (2, 2), (3, 1)])
def test_a_function_sends_on_the_flow_of_its_routine(serving: Serving, qfi: int, used: int) -> None:
    """One the session does not have is replaced by its first."""
    serving.load()
    serving.invite(qfi=qfi)
    flows = (FlowMapping(qfi=1, bearer=1), FlowMapping(qfi=2, bearer=1))
    serving.add(sessions=(link.LinkSession(seat=SEAT, handle=0x107, limits=LIMITS, flows=flows),))
    serving.begin()
    (end,) = serving.machine.channels.values()
    name = {"instance": INSTANCE, "execution": EXECUTION, "as_server": True, "seat": SEAT}
    serving.compute.say(compute.Send(**name, body=b"tensors"))
    assert {flow for flow, sender in end.session._senders.items() if sender.queue} == {used}
    serving.release()
    assert not serving.machine._flows


def test_flows_are_remembered_within_bounds(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_FLOWS", 3)
    serving.load()
    for execution in range(5):
        serving.invite(execution, qfi=2)
    assert [key[1] for key in serving.machine._flows] == [2, 3, 4]
