"""The classic path: PDU sessions over data radio bearers and GTP-U to the edge, not computing bearers (R47, R95)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from network_run import Network, play

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
