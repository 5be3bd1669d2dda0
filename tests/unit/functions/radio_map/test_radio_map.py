"""The radio map from terminals to provider, with a host in memory (R17, R82)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from net4ai.app.service_description import load_service_description
from net4ai.codecs.message import Content, Message
from net4ai.functions.api import Outcome, Radio
from net4ai.functions.provider import ProviderContext, ProviderError, RoutineRecord
from net4ai.functions.radio_map.cell_statistics import CellStatistics
from net4ai.functions.radio_map.map import RadioMap
from net4ai.functions.radio_map.measurement import MAXIMUM_CELLS, PeerError, Tag, count, from_counts, to_measurement
from net4ai.functions.radio_map.provider import RadioMapProvider
from net4ai.functions.radio_map.statistics import shift_bound
from net4ai.functions.radio_map.terminal import NoMeasurement, RadioTerminal

SERVICE = load_service_description(Path(__file__).parents[4] / "scenarios" / "radio-map.service.yaml")
HEARD = [-90.0 + number for number in range(12)]
"""RSRP of the honest terminals of a cell."""


def provider(k: int = 5, **values: Any) -> RadioMapProvider:
    defaults = {name: setting.default for name, setting in SERVICE.settings.items()}
    return RadioMapProvider(ProviderContext(SERVICE, defaults | values, k=k))


async def map_of(host: Any, *nodes: list[Radio], rounds: int = 2, restored: bool = False) -> dict[str, Any]:
    """The map from what terminals at each RAN node hear; `restored`: with all functions made anew between routines."""
    ours = provider(rounds=rounds)
    settings = ours.settings()
    out, controller = host.pair()
    top = RadioMap(host.Context(settings["radio-map"], results=out))
    locals_ = [CellStatistics(host.Context(settings["cell-statistics"])) for _ in nodes]
    outcome, round = Outcome.COMPLETE, 0
    while outcome is Outcome.COMPLETE:
        for local, radios in zip(locals_, nodes, strict=True):
            terminals = [RadioTerminal(host.Context(radio=radio)) for radio in radios]
            assert await host.execute(local, terminals, round=round) is Outcome.COMPLETE
        if restored:
            anew = [CellStatistics(host.Context(settings["cell-statistics"])) for _ in nodes]
            for old, new in zip(locals_, anew, strict=True):
                new.restore(old.checkpoint())
            fresh = RadioMap(host.Context(settings["radio-map"], results=out))
            fresh.restore(top.checkpoint())
            locals_, top = anew, fresh
        outcome = await host.execute(top, locals_, round=round)
        round += 1
    assert outcome is Outcome.STOP and round == rounds
    assert ours.take("radio-map", await controller.receive()) is None
    return ours.map


def cell_of(heard: list[float], cell: int = 1) -> list[Radio]:
    return [Radio(cell, rsrp, -11.0, 15.0) for rsrp in heard]


def test_count_mean_and_quantiles_of_each_cell(host: Any) -> None:
    found = asyncio.run(map_of(host, cell_of(HEARD), cell_of([-70.0] * 5, 2)))
    one, two = found["cells"]
    assert (one["cell"], one["terminals"], one["samples"]) == (1, 12, 24)
    assert one["rsrp"] == {"mean": -84.0, "plain_mean": -84.0, "quantiles": [-88.5, -84.5, -79.5]}
    assert (two["terminals"], two["rsrp"]["mean"], two["sinr"]["quantiles"]) == (5, -69.5, [15.25] * 3)
    assert found["withheld"] == 0


def test_cells_add_up_over_ran_nodes(host: Any) -> None:
    """Terminals of one cell at two nodes: as if they were at one."""
    together = asyncio.run(map_of(host, cell_of(HEARD)))
    apart = asyncio.run(map_of(host, cell_of(HEARD[:6]), cell_of(HEARD[6:])))
    assert together == apart


def test_one_liar_moves_the_map_less_than_the_bound_and_the_plain_mean_more(host: Any) -> None:
    """A stated bound: one lying terminal among 12, whose honest RSRP spread over 11 dB, moves the mean by at most
    11 / 5.2 = 2.1 dB."""
    bound = shift_bound(max(HEARD) - min(HEARD), len(HEARD), 0.2)
    assert bound == pytest.approx(2.1154, abs=1e-3)
    honest = asyncio.run(map_of(host, cell_of(HEARD)))["cells"][0]["rsrp"]
    for lie in (-156.0, -31.0):
        told = asyncio.run(map_of(host, cell_of([lie, *HEARD[1:]])))["cells"][0]["rsrp"]
        assert abs(told["mean"] - honest["mean"]) <= bound
        assert abs(told["plain_mean"] - honest["plain_mean"]) > 2 * bound
        assert abs(told["quantiles"][1] - honest["quantiles"][1]) <= 1


def test_a_liar_has_one_sample_a_turn_however_much_it_sends(host: Any) -> None:
    class Flood(RadioTerminal):
        async def client_turn(self, execution: Any, turn: Any, server: Any) -> None:
            for _ in range(50):
                await super().client_turn(execution, turn, server)

    local = CellStatistics(host.Context({"k": 2}))
    honest = RadioTerminal(host.Context(radio=Radio(1, -90.0, -11.0, 15.0)))
    asyncio.run(host.execute(local, [honest, Flood(host.Context(radio=Radio(1, -31.0, -11.0, 15.0)))]))
    assert len(local._samples) == 2


def test_cells_with_fewer_than_k_terminals_are_withheld(host: Any) -> None:
    """Of a cell with four terminals nothing goes on, not even which it is; that there is one, does."""
    found = asyncio.run(map_of(host, [*cell_of(HEARD), *cell_of([-60.0] * 4, 77)]))
    assert [cell["cell"] for cell in found["cells"]] == [1]
    assert found["withheld"] == 1
    above = [message for message in host.sent_by_clients if message.tag != Tag.MEASUREMENT]
    assert "77" not in json.dumps(found) and {m.index for m in above if m.tag == Tag.CELL} == {1}


def test_functions_made_anew_from_their_checkpoints_give_the_same_map(host: Any) -> None:
    nodes = cell_of(HEARD), cell_of([-70.0 - n for n in range(7)], 2)
    assert asyncio.run(map_of(host, *nodes, restored=True)) == asyncio.run(map_of(host, *nodes))


def test_a_terminal_that_measures_nothing_says_so(host: Any) -> None:
    with pytest.raises(NoMeasurement):
        asyncio.run(host.execute(CellStatistics(host.Context({"k": 1})), [RadioTerminal(host.Context())]))


@pytest.mark.parametrize("cells", [[1, 1], list(range(MAXIMUM_CELLS + 1))])
def test_a_cell_twice_or_too_many_are_refused(host: Any, cells: list[int]) -> None:
    class Talkative(RadioTerminal):
        async def client_turn(self, execution: Any, turn: Any, server: Any) -> None:
            for cell in cells:
                message = Message(Tag.MEASUREMENT, Content.JSON, b'{"cell": 1, "rsrp": -80, "rsrq": -9, "sinr": 9}')
                await server.send(from_counts(cell, count([to_measurement(message)])))

    top = RadioMap(host.Context({"k": 1, "rounds": 1, "trim": 0.2}))
    with pytest.raises(PeerError, match="each once"):
        asyncio.run(host.execute(top, [Talkative(host.Context())]))


def test_k_and_trim_must_leave_no_room_for_a_liar() -> None:
    with pytest.raises(ProviderError, match=r"trim 0.2 of k = 4 terminals is less than one"):
        provider(k=4)
    assert provider(k=4, trim=0.25).settings()["cell-statistics"]["k"] == 4


def test_findings(host: Any, tmp_path: Path) -> None:
    ours = provider()
    record = RoutineRecord()
    assert ours.findings(lambda routine: record).lines == ()
    assert (ours.line(), ours.save(tmp_path)) == ("", [])
    ours.map = asyncio.run(map_of(host, [*cell_of(HEARD), *cell_of([-60.0] * 4, 7)], rounds=1))
    found = ours.findings(lambda routine: record)
    assert found.lines == (
        "cell 1    12 terminals, 12 samples: RSRP -84.0 dBm (10 % -88.5, 50 % -84.5, 90 % -79.5; plain mean -84.0)",
        "withheld  1 cells with fewer than 5 terminals",
    )
    assert found.learning is None
    (table,) = found.tables
    assert table.rows[0] == ("1", "RSRP, dBm", 12, -84.0, -88.5, -84.5, -79.5, -84.0)
    assert json.loads(ours.save(tmp_path)[0].read_text()) == ours.map


def test_a_result_that_is_no_map() -> None:
    with pytest.raises(ProviderError, match="no map"):
        provider().take("radio-map", Message(Tag.MAP, Content.BYTES, b"{}"))
