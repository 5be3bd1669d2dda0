"""Channel quality at the RAN node, and over a handover: the target learns it from the UE."""

from __future__ import annotations

import pytest
from core_machine import CoreMachine
from radio_bench import Air, Ran, Ue

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.ran_node.channel_quality import rate_of
from net4ai.ran_node.hand_over import hand_over
from net4ai.stack.hop import Hop
from net4ai.stack.radio.conditions import RadioConditions
from net4ai.ue.config import NeighbourConfig
from net4ai.ue.states import RrcState

CELLS = {"ran": 1, "ran-2": 2}


@pytest.mark.parametrize(
    ("cqi", "rate", "expected"), [(15, 111_093, 111_093_000), (7, 1, 1000), (15, 0, None), (0, 0, 0), (0, 5, 0)]
)
def test_rate_of_a_report(cqi: int, rate: int, expected: int | None) -> None:
    assert rate_of(rrc.ChannelQualityReport(cqi=cqi, rate=rate)) == expected


def test_after_a_handover_both_hops_know_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[tuple[str, int | None]] = []
    monkeypatch.setattr(Hop, "set_rate", lambda hop, rate, now: rates.append((hop.name.node, rate)))
    air = Air()
    core = CoreMachine(air, 1, tuple(CELLS))
    rans = {name: Ran(air, connected=False, host=name, name=name, cell=cell) for name, cell in CELLS.items()}
    for ran in rans.values():
        core.connect(ran)
    ue = Ue(
        air,
        neighbours=[NeighbourConfig(ran_node=name, cell=cell, address=(name, 1)) for name, cell in CELLS.items()],
        uplink=RadioConditions(rate=64_000),
        downlink=RadioConditions(cqi=((0.0, 4), (8.0, 9)), bandwidth=1e6),
    )
    ue.start()
    air.run(3)
    source = rans["ran"].node
    (context,) = source.contexts.values()
    rates.clear()
    source.procedures.advance(air.now)
    source.procedures.start("test", hand_over(source, context, "ran-2", Cause.UNSPECIFIED))
    source.pump(air.now)
    air.run(2)
    (context,) = rans["ran-2"].node.contexts.values()
    assert ue.terminal.rrc_state is RrcState.SECURED
    assert context.channel_quality == rrc.ChannelQualityReport(cqi=4, rate=601)
    assert rates == [("ue/1", 64_000), ("ran-2", 601_000)]
    air.run(5)
    assert rates[2:] == [("ran-2", 2_406_000)]
