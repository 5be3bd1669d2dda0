"""Bit rates of flows, sessions and terminals at the RAN node (TS 23.501 5.7.2; R98, R102)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_configure_sessions import World
from test_handover_execution import World as TwoCells

from net4ai.codecs import n2
from net4ai.codecs.bus import OfferJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.codecs.service import Quality
from net4ai.stack.hop import Hop

QOS = QosProfile(five_qi=128, priority=20)
GUARANTEED = replace(QOS, guaranteed_bit_rate=1000, maximum_bit_rate=2000)
CEILING = replace(QOS, maximum_bit_rate=2000)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("qos", [GUARANTEED, CEILING])
def test_a_flow_with_bit_rates_has_a_bearer_to_itself(world: World, qos: QosProfile) -> None:
    world.set_up(1, qos)
    world.set_up(2, qos)
    world.set_up(3, QOS)
    world.set_up(4, QOS)
    assert world.bearers == {0: [1], 1: [2], 2: [3], 3: [3]}


def test_a_session_keeps_its_own_bearer_when_nothing_changes(world: World) -> None:
    world.set_up(1, GUARANTEED)
    world.set_up(2, GUARANTEED)
    asked = len(world.asked)
    assert world.modify(1, GUARANTEED).done
    assert len(world.asked) == asked and world.bearers == {0: [1], 1: [2]}


@pytest.mark.parametrize(
    "impossible",
    [
        replace(GUARANTEED, guaranteed_bit_rate=2001),
        QosProfile(five_qi=9, priority=90, guaranteed_bit_rate=1),
    ],
)
def test_what_cannot_be_is_refused(world: World, impossible: QosProfile) -> None:
    world.request(1, (impossible,))
    assert world.cause() is Cause.INVALID_CONFIGURATION
    assert not world.asked and not world.context.hop.bearers


def test_session_and_ue_ceilings_reach_the_ue_and_hold_towards_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, ...]] = []
    monkeypatch.setattr(Hop, "set_ue_ceiling", lambda hop, rate, now: told.append((rate,)))
    monkeypatch.setattr(Hop, "set_session_ceiling", lambda hop, *what: told.append(what[:3]))
    world.context.ue_maximum_bit_rate = 9000
    world.ran.core(n2.SessionSetupRequest(ran_ue=world.number, transaction=1, job=1, qos=(QOS,), maximum_bit_rate=4000))
    (asked,) = world.asked
    assert (asked.ue_maximum_bit_rate, asked.sessions[0].maximum_bit_rate) == (9000, 4000)
    told.clear()
    world.complete(handle=555)
    assert told == [(9_000_000,), (0, 555, 4_000_000)]
    leg = world.open_leg()
    assert world.asked[-1].sessions[0].maximum_bit_rate == 4000, "a renewed session keeps it"
    told.clear()
    world.complete(handle=556)
    assert leg.done and told == [(9_000_000,), (0, 556, 4_000_000)]
    released = world.release(0)
    told.clear()
    world.complete()
    assert released.done and told == [(0, 0, 0), (9_000_000,)]


def test_rates_of_subscription_and_job_hold_at_both_ends_also_after_a_handover() -> None:
    """From what the core knows: UE AMBR of the subscription, session AMBR and bit rates of the job."""

    class Limited(TwoCells):
        def offer(self, job: int) -> None:
            self.manager.ue_kbps = {"imsi-1": 9000}
            qualities = [Quality(guaranteed_kbps=1000, maximum_kbps=2000)]
            offer = OfferJob(
                job=job, service="s", purpose="p", k=1, raw_data=False, qualities=qualities, session_kbps=4000
            )
            self.manager.offers.offer(offer)

        def check(self, name: str) -> None:
            context, terminal = self.context(name), self.terminal
            assert terminal.hop is not None
            end = terminal.sessions[0]
            assert [each.qos for each in terminal.hop.bearers.values()] == [GUARANTEED]
            for hop, handle in ((context.hop, end.handle), (terminal.hop, end.session.send_handle)):
                scheduler = hop.scheduler
                assert scheduler is not None and hop.shapes
                assert scheduler.ceilings() == {"UE": 9_000_000, handle: 4_000_000}

    world = Limited()
    world.check("ran")
    handover = world.begin()
    world.air.run(5, until=lambda: handover.done)
    world.assert_at("ran-2")
    world.check("ran-2")
