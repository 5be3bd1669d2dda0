"""Jobs that no request starts, in running networks: an event, enough consenting terminals in a cell, a time (R4)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from network_run import Network, play

SMALL = ("settings.rounds=2", "privacy.k=2", "ue_groups.ue-1.count=3", "ue_groups.ue-2.count=3")
LATE = 30
"""Seconds after which the terminals at ran-2 come; without them there are no k."""


@pytest.mark.parametrize(
    ("trigger", "begins_early"),
    [
        ("{on: event, event: go}", True),  # raised by the controller
        ("{on: terminals, at_least: 3}", True),
        ("{on: terminals, at_least: 2, node: ran-2}", False),
        (f"{{on: time, after_s: {LATE / 3}}}", True),
        (f"{{on: time, after_s: {LATE * 3}}}", False),
    ],
)
def test_the_trigger_starts_the_job(tmp_path: Path, trigger: str, begins_early: bool) -> None:
    """A job that has begun says that it waits for clients; one that is armed says nothing and disturbs nobody."""
    waiting = "waiting for clients: 3 at ran-1, 0 of 2 at ran-2"

    async def story(network: Network) -> None:
        await network.start(*(name for name in network.names if name != "ue-2"))
        await asyncio.sleep(LATE)
        assert (waiting in network.progress) == begins_early, network.progress
        await network.start("ue-2")
        assert await network.end() is None

    network = play(tmp_path, story, *SMALL, f"service.jobs.train.trigger={trigger}", toys=True)
    assert [result.index for result in network.results] == [3] * 4
