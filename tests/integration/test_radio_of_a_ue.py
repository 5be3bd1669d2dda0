"""The radio of each UE, in a whole network under virtual time: learning does not notice, others neither."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from network_run import Network, play

from net4ai.stack.drops import Drop

SMALL = ("settings.rounds=2", "settings.batch_size=128", "privacy.k=3", "ran_nodes=[{name: ran-1}]")
BAD = (
    "radio: {bandwidth_mhz: 5, cqi_spread_s: 2, "
    "uplink: {delay_ms: 3, jitter_ms: 1, bursts: {p: 0.2143, r: 0.5}}, "
    "downlink: {cqi: [{at_s: 0, cqi: 12}, {at_s: 0.4, cqi: 3}, {at_s: 1, cqi: 0}, {at_s: 1.2, cqi: 7}], "
    "cqi_repeat_s: 2, bursts: {p: 0.2143, r: 0.5}}}"
)
"""30 % are lost, two in a row on average; the CQI changes four times in two seconds, out of range for a tenth of it."""


def groups(*, radio: str = "", count: int = 4) -> str:
    return f"ue_groups=[{{name: ue-1, ran_node: ran-1, count: {count}{', ' if radio else ''}{radio}}}]"


def digest(network: Network) -> str:
    """Of the final model's bits."""
    assert network.evaluator is not None
    assert network.evaluator.newest is not None
    state = network.evaluator.newest.state
    return hashlib.sha256(b"".join(state[name].contiguous().numpy().tobytes() for name in sorted(state))).hexdigest()


def lost(network: Network, ue: str) -> dict[str, int]:
    """Datagrams lost on the radio of a terminal, by direction."""
    found: list[dict[str, Any]] = [event for event in network.trace() if event["kind"] == "drop"]
    mine = [event for event in found if event["node"] == ue and event["drop"] in (Drop.LOST, Drop.OUT_OF_RANGE)]
    return {way: sum(event["direction"] == way for event in mine) for way in ("out", "in")}


def test_with_bursts_of_loss_and_a_cqi_trace_the_weights_are_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    everybody = "privacy.k=4"  # else the first round begins without those who registered late
    good = play(tmp_path / "good", None, *SMALL, everybody, groups())
    bad = play(tmp_path / "bad", None, *SMALL, everybody, groups(radio=BAD))
    assert digest(good) == digest(bad)
    assert good.seats() == bad.seats()
    for number in range(1, 5):
        assert min(lost(bad, f"ue-1/{number}").values()) > 0
    reported = bad.states("channel quality")
    assert {ids["cqi"] for ids in reported} == {0, 3, 7, 12}
    assert not good.states("channel quality")


def test_the_same_seed_gives_the_same_fates(tmp_path: Path) -> None:
    def drops(name: str, *more: str) -> list[tuple[int, str, str]]:
        network = play(tmp_path / name, None, *SMALL, groups(radio=BAD), *more, toys=True)
        return [(event["time"], event["node"], event["drop"]) for event in network.trace() if event["kind"] == "drop"]

    assert drops("one") == drops("two") != drops("three", "seed=7")


def test_the_cut_of_one_group_does_not_touch_the_other(tmp_path: Path) -> None:
    """Terminals of one group are gone for a while in the middle of a round; all are there in the end."""
    cut = "radio: {uplink: {cuts: [{at_s: 1.5, for_s: 3}]}, downlink: {cuts: [{at_s: 1.5, for_s: 3}]}}"
    both = f"ue_groups=[{{name: ue-1, ran_node: ran-1, count: 2, {cut}}}, {{name: ue-2, ran_node: ran-1, count: 2}}]"
    network = play(tmp_path, None, *SMALL, both, toys=True)
    assert len(network.results) == 2
    cut_off = {event["node"] for event in network.trace() if event["kind"] == "drop" and event["drop"] == Drop.LINK_CUT}
    assert cut_off <= {"ue-1/1", "ue-1/2"}
    assert cut_off


@pytest.mark.parametrize(("direction", "way"), [("uplink", "out"), ("downlink", "in")])
def test_a_job_takes_as_long_as_its_octets_take_at_the_rate(tmp_path: Path, direction: str, way: str) -> None:
    """One terminal trains after the other, and computing takes no time here. The downlink's rate is the RAN node's
    business, which knows it by the report alone."""
    pytest.importorskip("torch")
    rate = 500_000
    radio = f"radio: {{{direction}: {{rate_kbps: {rate // 1000}}}}}"
    network = play(tmp_path, None, *SMALL, "settings.rounds=1", "privacy.k=4", groups(radio=radio))
    training = [
        event for event in network.trace() if event.get("message") and event.get("ids", {}).get("execution") == 1
    ]
    begin = next(event["time"] for event in training if event["message"] == "execution begins")
    end = max(event["time"] for event in training if event["message"] == "turn committed")
    messages = [event for event in training if event["message"] == "DEP message" and event["node"].startswith("ue-1/")]
    octets = sum(event["size"] for event in messages if event["direction"] == way)
    assert octets * 8 / rate <= (end - begin) / 1e9 <= 1.1 * octets * 8 / rate
