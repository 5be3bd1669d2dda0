"""Consent withdrawn while a job runs (R67): the job goes on without the terminal, which says nothing for it then."""

from __future__ import annotations

import asyncio
from pathlib import Path

from network_run import Network, play

from net4ai.codecs.causes import Cause
from net4ai.ue.process import UeProcess
from net4ai.ue.terminal import Terminal

SMALL = ("settings.rounds=6", "privacy.k=2", "ue_groups.ue-1.count=3", "ue_groups.ue-2.count=3")
WHO = "ue-1/2"
IN_ITS_TURN = 0.05
"""Seconds into a turn, which takes 0.2."""


async def withdraw_in_its_turn(network: Network) -> Terminal:
    """Start all; `WHO` withdraws as soon as it is in its turn."""
    await network.start()
    node = next(node for node in network.run.nodes if node.platform.name == "ue-1")
    process = node.driver.machine
    assert isinstance(process, UeProcess)
    terminal = process.terminal(WHO)
    while not any(part.turn is not None for part in terminal.participations.values()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(IN_ITS_TURN)
    (job,) = terminal.jobs.values()
    node.driver.feed(lambda now: (process.procedures.advance(now), process.withdraw_consent(WHO, job)))
    return terminal


def test_a_terminal_withdraws_in_its_turn_and_the_job_ends_well_without_it(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        terminal = await withdraw_in_its_turn(network)
        assert await network.end() is None
        assert not terminal.participations and not terminal.functions and not terminal.sessions

    network = play(tmp_path, story, *SMALL, toys=True)
    subscription = next(t.identity for group in network.plan.ues for t in group.terminals if t.name == WHO)
    ends = [ids["ue"] for ids in network.states("consent withdrawn")]
    assert sorted(ends) == sorted([WHO, subscription])  # at both ends
    (withdrawn,) = (
        event["time"]
        for event in network.trace()
        if event["kind"] == "state" and event["message"] == "consent withdrawn" and event["node"] == WHO
    )
    later = [event for event in network.trace() if event["time"] > withdrawn and event["node"] == WHO]
    assert not [event for event in later if event["kind"] == "message" and event["message"].startswith("Routine Acc")]
    assert not [event for event in later if event.get("link") == "DEP" and event.get("direction") == "out"]
    seated = {ids["execution"]: 0 for ids in network.states("seat given")}
    for ids in network.states("seat given"):
        seated[ids["execution"]] += ids["ue"] == subscription
    assert list(seated.values()) == [1] + [0] * (len(seated) - 1)
    left_out = network.states("client left out")
    assert [ids["cause"] for ids in left_out] == ["NO_CONSENT"]
    assert f"seat {left_out[0]['seat']} at ran-1 left out: NO_CONSENT" in network.progress


def test_where_k_does_not_hold_without_it_the_job_ends_and_says_why(tmp_path: Path) -> None:
    """R80, R84: nothing more is asked of those who stay than to wait until the timer "resume" ends it."""

    async def story(network: Network) -> None:
        await withdraw_in_its_turn(network)
        error = await network.end()
        assert error is not None and error.cause is Cause.TOO_FEW_CLIENTS
        assert error.detail == "routine bottom: waiting for clients: 2 of 3 at ran-1, 3 at ran-2"

    network = play(tmp_path, story, *SMALL, "privacy.k=3", "timers.resume=20000", toys=True)
    assert "routine bottom goes on: 2 of 3 clients are left at ran-1, 3 are needed" in network.progress
    assert not network.results
