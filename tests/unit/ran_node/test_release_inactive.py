"""Release for inactivity: who is silent is given back to the core; NAS and DEP are no silence, reports are."""

from __future__ import annotations

import pytest
from radio_bench import bearer_configuration
from secured_bench import Secured

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Secured:
    made = Secured(monkeypatch, inactivity_ms=3000)
    made.start()
    return made


def requests(world: Secured) -> list[n2.ContextReleaseRequest]:
    return world.ran.of(n2.ContextReleaseRequest)


def test_who_is_silent_is_given_back_and_released_with_that_cause(world: Secured) -> None:
    world.go(2.9)
    assert not requests(world)
    world.air.run(0.2)
    assert requests(world) == [n2.ContextReleaseRequest(ran_ue=1, cause=Cause.USER_INACTIVITY)]
    world.ran.core(n2.ContextReleaseCommand(ran_ue=1, cause=Cause.USER_INACTIVITY))
    assert not world.node.contexts
    assert not world.node.procedures.open
    assert world.air.states("released")[-1].ids["cause"] == "USER_INACTIVITY"


def test_a_core_that_does_not_answer_is_asked_again(world: Secured) -> None:
    world.go(9.5)
    assert len(requests(world)) == 3
    assert world.node.contexts


@pytest.mark.parametrize("what", ["up", "down", "DEP"])
def test_whoever_says_or_hears_something_is_not_silent(world: Secured, what: str) -> None:
    hop = world.terminal.hop
    assert hop is not None
    for end in (hop, world.context.hop):
        end.add_bearer(bearer_configuration(1))
    for _ in range(10):
        if what == "up":
            world.say_up(b"x")
        elif what == "down":
            world.say_down(b"x")
        else:
            hop.send_dep(1, bytearray(24), world.air.now)
        world.go(2)
    assert not requests(world)
    world.go(3)
    assert len(requests(world)) == 1


def test_reports_and_acknowledgements_are_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch, inactivity_ms=3000, measurement_interval_ms=500)
    world.start()
    world.go(4)
    assert world.context.measured is not None
    assert requests(world)


def test_without_a_limit_nobody_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch)
    world.start()
    world.go(600)
    assert not requests(world)


def test_with_the_context_the_watch_ends(world: Secured) -> None:
    world.ran.core(n2.ContextReleaseCommand(ran_ue=1, cause=Cause.NORMAL))
    assert not world.node.by_number or world.node.contexts
    world.node.n2.lost(world.air.now)
    world.air.run(60)
    assert not (world.node.contexts or world.node.procedures.open)
