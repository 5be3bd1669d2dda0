"""After runs and an orderly release of everything, the tables of all nodes are as they were before anybody came."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from live_tables import REMEMBERED, grown, tables
from network_run import CONTROLLER, Network, play

from net4ai.stack.io.platform import RunningNode
from net4ai.ue.process import UeProcess

SMALL = ("settings.rounds=6", "privacy.k=2", "ue_groups.ue-1.count=3", "ue_groups.ue-2.count=3")
UES = ("ue-1", "ue-2")
IN_MID_JOB = 1.5
"""Seconds."""
LATEST_TIMER = 30
"""Seconds after which nothing is waited for any more."""

OF_TERMINALS = (
    "Hop._configurations",
    "Terminal.sessions",
    "UeProcess.bound",
)
"""Empty when all terminals have left; their processes are still there."""

OF_A_JOB = (
    "AccessManager.by_temporary_identity",
    "AccessManager.registered",
    "AccessManager.terminals",
    "Cell.camped",
    "Deadlines._current",
    "JobManager.jobs",
    "JobOffers.offers",
    "Procedure",
    "RanNode.by_number",
    "RanNode.contexts",
    "Seats.seatings",
    "Terminal",
    "UeContext",
    "UeProcess",
    "_Sleep",
)
"""As before anybody came."""

OF_THE_SERVICE = {
    "ApplicationController._sessions": 1,
    "ApplicationServer.instances": 3,
    "DepSession": 2,
    "FunctionHost._instances": 3,
    "LabelSwitch._in": 2,
    "Orchestrator.deployments": 1,
    "ResourceManager.reservations": 3,
    "ServiceManager.services": 1,
}
"""What stays: one service with its three instances, and one session for its results, which has two ends."""


async def leave(ues: list[RunningNode]) -> None:
    """All terminals deregister."""
    for node in ues:
        process = node.driver.machine
        assert isinstance(process, UeProcess)
        for terminal in process.terminals:
            node.driver.feed(lambda now, terminal=terminal: terminal.leave())
    await asyncio.sleep(LATEST_TIMER)


async def second_job(network: Network) -> None:
    """The service that is registered runs its job once more."""
    scenario, procedures = network.scenario, network.controller.procedures
    cut = int(scenario.settings["cut"])
    ended = asyncio.Event()

    async def again() -> None:
        await network.controller.run_registered(1, scenario.service, scenario.job, k=scenario.k, cut=cut)
        ended.set()

    procedures.start("job", again())
    await asyncio.wait_for(ended.wait(), 1000)


@dataclass(frozen=True, slots=True)
class Life:
    """The tables in the life of UEs."""

    busy: Counter[str]
    """While a job runs."""
    left: Counter[str]
    """The terminals have left."""
    gone: Counter[str]
    """Their processes have ended."""


async def life(network: Network, job: Coroutine[Any, Any, None]) -> Life:
    """UEs come, a job runs, all of them leave."""
    await network.start(*UES)
    running = asyncio.create_task(job)
    await asyncio.sleep(IN_MID_JOB)
    assert not running.done()
    busy = tables()
    await running
    network.results.clear()
    ues = network.run.nodes[-len(UES) :]
    await leave(ues)
    left = tables()
    while ues:
        await network.run.end(ues.pop())
    await asyncio.sleep(LATEST_TIMER)
    return Life(busy, left, tables())


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Counter[str], Life, Life]:
    """The tables of a network that waits for UEs, and of two lives of UEs in it, one after the other."""
    seen: list[Any] = []

    async def story(network: Network) -> None:
        async def first_job() -> None:
            await network.start(CONTROLLER)
            assert await network.end() is None

        await network.start("core", "edge", "ran-1", "ran-2")
        await asyncio.sleep(LATEST_TIMER)
        seen.append(tables())
        seen.append(await life(network, first_job()))
        seen.append(await life(network, second_job(network)))

    play(tmp_path_factory.mktemp("lives"), story, *SMALL, toys=True)
    idle, first, second = seen
    return idle, first, second


def test_a_second_life_leaves_no_more_than_the_first(lives: tuple[Counter[str], Life, Life]) -> None:
    _, first, second = lives
    assert grown(first.left, second.left) == {}
    assert grown(first.gone, second.gone) == {}


def test_terminals_that_have_left_hold_nothing(lives: tuple[Counter[str], Life, Life]) -> None:
    idle, *both = lives  # other tests of this process may have left something, which is not ours
    for life in both:
        assert not [name for name in OF_TERMINALS if life.busy[name] <= idle[name]], "a name that says nothing"
        assert not {name: count for name, count in grown(idle, life.left).items() if name in OF_TERMINALS}


def test_only_the_service_stays_registered(lives: tuple[Counter[str], Life, Life]) -> None:
    idle, *both = lives
    for life in both:
        assert not [name for name in OF_A_JOB if life.busy[name] <= idle[name]], "a name that says nothing"
        assert not {name: count for name, count in grown(idle, life.gone).items() if name in OF_A_JOB}
        for name, expected in OF_THE_SERVICE.items():
            assert life.gone[name] - idle[name] == expected, name


def test_what_is_remembered_is_bounded(lives: tuple[Counter[str], Life, Life]) -> None:
    for life in lives[1:]:
        for name, bound in REMEMBERED.items():
            assert 0 < life.gone[name] <= bound * life.gone[name.partition(".")[0]], name
