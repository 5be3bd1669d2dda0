"""A RAN node that stays away longer than its lease, and comes back (R46, R51, R80).

What may run anywhere is made elsewhere; what is wanted at each node waits for its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from network_run import Network, play

SMALL = ("settings.rounds=4", "privacy.k=2", "ue_groups.ue-1.count=3", "ue_groups.ue-2.count=3")
FUNCTION = "service.functions.local-training"
ANYWHERE = (f"{FUNCTION}.place=any", f"{FUNCTION}.instances=1", "edge.capacity.memory_mib=1024")
"""One instance, and the edge has no room for it."""
AWAY = 60
"""Seconds; the lease is half of it."""


async def ran_1_goes_and_comes_back(network: Network) -> None:
    await network.start()
    while len(network.results) < 2:  # noqa: ASYNC110 (virtual time)
        await asyncio.sleep(0.05)
    for name in ("ran-1-app-server", "ran-1"):
        await network.run.end(next(node for node in network.run.nodes if node.platform.name == name))
    await asyncio.sleep(AWAY)
    await network.start("ran-1")
    assert await network.end() is None


def routine_ends(network: Network, execution: int) -> list[str]:
    return [ids["cause"] for ids in network.states("execution ended") if ids["execution"] == execution]


def test_an_instance_that_may_run_anywhere_is_made_elsewhere(tmp_path: Path) -> None:
    """It goes on with the terminals of the other cell alone, which are k."""
    network = play(tmp_path, ran_1_goes_and_comes_back, *SMALL, *ANYWHERE, toys=True)
    assert "6 terminals take part: 6 at ran-1" in network.progress
    moved = network.progress.index("local-training runs at ran-2 now")
    assert network.progress[moved - 1] == "local-training at ran-1 was lost"
    assert network.results[-1].index == 3
    assert len(network.results) == 4, "each round gave one result, and once"
    broken_off = network.states("execution resumed")[0]["execution"]
    assert routine_ends(network, broken_off)[-1] == "NORMAL"


def test_an_instance_that_is_wanted_at_its_node_waits_for_it(tmp_path: Path) -> None:
    network = play(tmp_path, ran_1_goes_and_comes_back, *SMALL, toys=True)
    assert "local-training at ran-1 was lost" in network.progress
    assert not [line for line in network.progress if line.endswith(" now")]
    assert len(network.results) == 8
    servers = {server for execution, server, *_ in network.seats()}
    assert len(servers) == 2
    broken_off = network.states("execution resumed")[0]["execution"]
    assert routine_ends(network, broken_off)[-1] == "NORMAL"
    missing = [line for line in network.said if "is not there yet" in line]
    assert len(missing) == len(set(missing)), "said once"
