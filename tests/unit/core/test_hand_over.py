"""The core when a terminal has come to the target: it belongs there, what has waited is said, the source is freed."""

from __future__ import annotations

import pytest
from test_idle_and_leave import ONE
from test_prepare_handover import World

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause


@pytest.fixture
def world() -> World:
    """Prepared at ran-2 as context 50."""
    made = World()
    made.require()
    made.acknowledge()
    return made


def come(world: World) -> None:
    world.target.ues[50] = world.ran.ues[1]
    world.target.say(n2.HandoverNotify(ran_ue=50))


def test_it_belongs_to_the_target_and_the_source_is_freed(world: World) -> None:
    come(world)
    who = world.manager.registered[ONE]
    assert (who.node, who.context, who.association) == ("ran-2", 50, world.target.association)
    assert world.ran.sent[-1] == n2.ContextReleaseCommand(ran_ue=1, cause=Cause.HANDED_OVER)
    assert who.sessions == {1: 4} and world.idle_core()
    assert list(world.manager.left.values()) == [who]
    world.ran.say(n2.ContextReleaseComplete(ran_ue=1))
    assert not world.manager.left and world.manager.registered[ONE] is who and not who.lost


def test_nothing_is_said_on_the_way_and_all_of_it_afterwards(world: World) -> None:
    said = len(world.ran.sent)
    world.offer(2)
    assert len(world.ran.sent) == said and world.manager.registered[ONE].queued
    come(world)
    assert world.target.of(n2.DownlinkNasTransport)
    assert world.ran.sent[said:] == [n2.ContextReleaseCommand(ran_ue=1, cause=Cause.HANDED_OVER)]
    assert not world.manager.registered[ONE].queued


def test_a_late_cancel_of_the_source_is_answered_and_changes_nothing(world: World) -> None:
    come(world)
    world.ran.say(n2.HandoverCancel(ran_ue=1, cause=Cause.TIMEOUT))
    assert world.ran.sent[-1] == n2.HandoverCancelAcknowledge(ran_ue=1)
    assert world.manager.registered[ONE].node == "ran-2" and not world.target.released()


def test_who_comes_without_being_expected_is_unknown(world: World) -> None:
    world.target.say(n2.HandoverNotify(ran_ue=51))
    assert world.target.sent[-1] == n2.ErrorIndication(cause=Cause.UNKNOWN_CONTEXT, message_type=33, ran_ue=51)
    come(world)
    world.advance(1)
    come(world)
    assert world.target.sent[-1] == n2.ErrorIndication(cause=Cause.UNKNOWN_CONTEXT, message_type=33, ran_ue=50)
    assert world.manager.registered[ONE].node == "ran-2"


def test_keys_count_anew_after_each_handover(world: World) -> None:
    come(world)
    assert world.manager.registered[ONE].unused_keys == 0


def test_a_source_that_is_lost_takes_a_terminal_with_it_only_if_the_target_gives_it_up(world: World) -> None:
    world.ran.association.closed(0)
    assert ONE in world.manager.registered
    come(world)
    who = world.manager.registered[ONE]
    assert (who.node, who.lost) == ("ran-2", False) and not world.manager.left
    world.advance(100)
    assert ONE in world.manager.registered
