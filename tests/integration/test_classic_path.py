"""The classic path: PDU sessions over data radio bearers and GTP-U to the edge, not computing bearers (R47, R95)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from network_run import Network, play

from net4ai.app.path_comparison import compare_paths
from net4ai.app.progress import Display
from net4ai.app.runner import Options
from net4ai.app.scenario import Scenario, load_scenario

CLASSIC = ("service.path=pdu-session", "service.functions.local-training.place=edge")
SMALL = ("settings.rounds=2", "privacy.k=2", *(f"ue_groups.ue-{n}.count=2" for n in (1, 2)))


def messages(network: Network) -> Counter[tuple[str, str]]:
    """How often each message was sent, by link and name."""
    return Counter(
        (event["link"], event["message"])
        for event in network.trace()
        if event["kind"] == "message" and event["direction"] == "out"
    )


def test_a_job_runs_over_pdu_sessions(tmp_path: Path) -> None:
    network = play(tmp_path, None, *SMALL, *CLASSIC, toys=True)
    assert "4 terminals take part: 4 at edge" in network.progress
    assert [result.index for result in network.results] == [4, 4]
    sent = messages(network)
    assert sent["N2", "PDU Session Setup Request"] == 4
    assert sent["T2a", "Attach Request"] >= 4
    assert sent["T2a", "DEP message"] == 2 * 4, "two rounds, four terminals"
    assert not sent["Uu", "DEP message"], "nothing of DEP is known to the RAN node"
    assert not any(link == "T8" and message.startswith("DEP") for link, message in sent)


def test_all_paths_give_the_same_model(tmp_path: Path) -> None:
    """path-comparison in one process, as small as it gets; `compare_paths` itself fails where models differ."""
    small = ["settings.rounds=1", "ue_groups=[{name: ue-1, ran_node: ran-1, count: 2}]"]

    def load(further: Sequence[str]) -> Scenario:
        return load_scenario("path-comparison", [*small, *further])

    found = {
        each.path: each for each in compare_paths(load, "local-training", Options(tmp_path, None, True), Display())
    }
    assert list(found) == ["crb", "t8", "classic"]
    assert len({each.model for each in found.values()}) == 1
    assert found["crb"].model
    assert found["crb"].octets["T8"] < found["crb"].octets["Uu"] // 2, "the data stays at the RAN node"
    assert found["classic"].octets["N3"] > found["classic"].octets["Uu"] > found["t8"].octets["Uu"]
    assert found["t8"].octets["N3"] == found["crb"].octets["N3"] == 0
    assert found["crb"].step_median_ms < found["t8"].step_median_ms
    assert json.loads((tmp_path / "paths.json").read_text())["identical"]
