"""The control plane in several processes: nothing that anybody hears of it is different (R31, R32, R33, R34)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec
import pytest
from network_run import CONTROLLER, Network, play

from net4ai.core import main as core
from net4ai.core import names

ALL = (*names.ENTITIES, names.ROUTINE_MANAGER)
ROUNDS = "settings.rounds=2"


def in_parts(*parts: Collection[str]) -> list[list[str]]:
    """Each part, and what is in none of them as the last."""
    named = {name for part in parts for name in part}
    return [*map(list, parts), [name for name in ALL if name not in named]]


def run(folder: Path, parts: list[list[str]]) -> Network:
    """The shipped scenario; each part of the core is a process of its own."""

    async def story(network: Network) -> None:
        for number, entities in enumerate(parts, 1):
            config = msgspec.structs.replace(network.plan.core, entities=entities)
            network.run.nodes.append(await core.start(config, await network.run.platform(f"core-{number}")))
        await network.start(*(name for name in network.names if name not in ("core", CONTROLLER)))
        await network.start(CONTROLLER)
        assert await network.end() is None

    return play(folder, story, ROUNDS, toys=True)


def heard(network: Network) -> list[tuple[str, ...]]:
    """What terminals and RAN nodes hear of the core, each in its own order."""
    events = [event for event in network.trace() if event["kind"] == "message" and event.get("link") == "NAS"]
    at_terminals = [event for event in events if event["node"].startswith("ue-")]
    return sorted((event["node"], event["direction"], event["message"]) for event in at_terminals)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """All entities in one process."""
    return run(tmp_path_factory.mktemp("whole"), [[]])


@pytest.mark.parametrize(
    "parts",
    [
        in_parts([names.JOB_MANAGER, names.TASK_MANAGER, names.ROUTINE_MANAGER]),
        in_parts([names.ACCESS_MANAGER], [names.ROUTINE_MANAGER]),
        [[name] for name in ALL],
    ],
    ids=["control and compute plane", "access and routine manager at the RAN", "each for itself"],
)
def test_a_core_in_parts_is_the_same_core(tmp_path: Path, whole: Network, parts: list[list[str]]) -> None:
    network = run(tmp_path, parts)
    assert network.seats() == whole.seats()
    assert network.results == whole.results
    assert heard(network) == heard(whole)
