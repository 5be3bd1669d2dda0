"""Jobs on offer: voluntary consent with status and demands, then a session (R57-R61, R82, R96)."""

from __future__ import annotations

from typing import Any

import pytest
from radio_bench import Air, FakeRanNode, Ue, offers

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.ue.consent_to_job import TRANSACTIONS


class World:
    def __init__(self, **config: Any) -> None:
        self.air = Air()
        self.ran = FakeRanNode(self.air)
        self.ue = Ue(self.air, **config)
        self.ue.start()
        self.air.run(0.05)
        self.ran.set_up()
        self.ran.register()
        self.ran.nas.clear()

    def said(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.ran.nas if isinstance(message, kind)]


def test_a_willing_owner_consents_reports_and_asks_for_a_session() -> None:
    world = World(raw_data=True, privacy_k=2, compute_mflops=5, memory_mib=6, battery_percent=7)
    world.ran.say(offers(300, k=2))
    assert world.ran.nas == [
        nas.Consent(
            job=300,
            given=True,
            status=nas.UeStatus(compute=5, memory=6, battery=7),
            privacy=nas.PrivacyRequirement(raw_data=True, k=2),
        ),
        nas.ComputingRequest(transaction=300 & 0xFF, job=300),
    ]
    world.ran.say(nas.ComputingAccept(transaction=300 & 0xFF, session=0))
    assert world.air.outcomes("computing request") == ["done"]


@pytest.mark.parametrize("config", [{"consent": False}, {"privacy_k": 3}])
def test_an_owner_who_is_not_willing_declines_and_asks_for_nothing(config: dict[str, Any]) -> None:
    world = World(**config)
    world.ran.say(offers(1, k=2))
    assert [consent.given for consent in world.said(nas.Consent)] == [False]
    assert not world.said(nas.ComputingRequest)


def test_each_job_is_answered_once() -> None:
    world = World()
    world.ran.say(offers(1))
    world.ran.say(offers(1, 2))
    assert [consent.job for consent in world.said(nas.Consent)] == [1, 2]


def test_after_a_release_it_is_asked_anew() -> None:
    world = World()
    world.ran.say(offers(1))
    world.ue.terminal.release(Cause.NORMAL)
    world.air.run(0.05)
    world.ran.set_up(8)
    world.ran.register()
    world.ran.say(offers(1))
    assert len(world.said(nas.Consent)) == 2


def test_a_refused_request_ends_with_its_cause() -> None:
    world = World()
    world.ran.say(offers(1))
    world.ran.say(nas.ComputingReject(transaction=1, cause=Cause.NO_RESOURCES))
    assert world.air.outcomes("computing request") == ["NO_RESOURCES"]


def test_an_unanswered_request_is_repeated_then_given_up() -> None:
    world = World()
    world.ran.say(offers(1))
    world.air.run(16 * 3)
    assert len(world.said(nas.ComputingRequest)) == 3
    assert world.air.outcomes("computing request") == ["TIMEOUT"]


def test_an_answer_to_another_transaction_counts_for_nothing() -> None:
    world = World()
    world.ran.say(offers(1))
    world.ran.say(nas.ComputingAccept(transaction=2, session=0))
    assert world.ue.drops == {"answer to no request": 1}
    assert not world.air.outcomes("computing request")


def test_requests_under_way_have_transactions_of_their_own() -> None:
    world = World()
    world.ran.say(offers(1, 257, 2))
    assert [(request.job, request.transaction) for request in world.said(nas.ComputingRequest)] == [
        (1, 1),
        (257, 2),
        (2, 3),
    ]
    world.ran.say(nas.ComputingAccept(transaction=2, session=0))
    assert world.air.outcomes("computing request") == ["done"]


def test_more_requests_than_transactions() -> None:
    world = World()
    for first in range(0, 288, 32):
        world.ran.say(offers(*range(first, first + 32)))
    assert len({request.transaction for request in world.said(nas.ComputingRequest)}) == TRANSACTIONS
    assert world.air.outcomes("computing request") == ["BUSY"] * 32


def test_a_request_ends_with_the_connection() -> None:
    world = World()
    world.ran.say(offers(1))
    world.ue.terminal.release(Cause.PEER_LOST)
    world.air.run(0.05)
    assert world.air.outcomes("computing request") == ["PEER_LOST"]
