"""Terminals whose routine server is not at their own RAN node: label switches lead them over T8 (R46, R47, R84)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from network_run import Network, play

CELLS = ("ran-1", "ran-2")
OF_A_CELL = 3
SMALL = ("settings.rounds=2", "privacy.k=4", *(f"ue_groups.ue-{n}.count={OF_A_CELL}" for n in (1, 2)))
FUNCTION = "service.functions.local-training"


def ways(network: Network, execution: int) -> dict[int, set[str]]:
    """The forwarding functions that have a route for a terminal, by subscriber."""
    who = {seat: subscriber for at, _, seat, subscriber in network.seats() if at == execution}
    found: dict[int, set[str]] = defaultdict(set)
    for event in network.trace():
        ids = event.get("ids", {})
        if event.get("message") == "route installed" and ids["execution"] == execution and "seat" in ids:
            found[who[ids["seat"]]].add(event["node"])
    return found


@pytest.mark.parametrize(
    ("overrides", "server", "further"),
    [
        ((f"{FUNCTION}.place=edge",), "edge", {"ran-1": {"edge"}, "ran-2": {"edge"}}),
        (
            (f"{FUNCTION}.place=any", f"{FUNCTION}.instances=1", "edge.capacity.memory_mib=1024"),
            "ran-1",  # the edge has room for the other function only
            {"ran-1": set(), "ran-2": {"edge", "ran-1"}},
        ),
    ],
    ids=["at the edge", "at one RAN node"],
)
def test_one_server_has_the_terminals_of_both_cells(
    tmp_path: Path, overrides: tuple[str, ...], server: str, further: dict[str, set[str]]
) -> None:
    """k = 4 is more than a cell has: only both together are enough."""
    network = play(tmp_path, None, *SMALL, *overrides, toys=True)
    assert f"6 terminals take part: 6 at {server}" in network.progress
    assert [result.index for result in network.results] == [2 * OF_A_CELL] * 2  # so many turns in each round
    found = ways(network, execution=1)
    assert found == {
        subscriber: {cell} | further[cell]
        for subscriber in range(2 * OF_A_CELL)
        for cell in [CELLS[subscriber // OF_A_CELL]]
    }
    ends = {
        event["node"].split("/")[0]
        for event in network.trace()
        if event["kind"] == "message" and event["message"] == "DEP message" and event["ids"].get("execution") == 1
    }
    assert ends == {"ue-1", "ue-2", f"{server}-app-server"}, "nobody in between sees messages"
