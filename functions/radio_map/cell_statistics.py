"""Statistics of the cells around one RAN node: counts what its terminals hear, withholds cells with fewer than k."""

from __future__ import annotations

import json
from collections import defaultdict

from net4ai.functions.api import Channel, Context, Execution, Role, ServiceFunction, Turn
from net4ai.functions.radio_map.measurement import Measurement, Tag, count, from_counts, to_json, to_measurement


class CellStatistics(ServiceFunction):
    """Server of the terminals, client of the radio map. Setting: `k`.

    A terminal has one turn a round and one sample a turn, however much it sends. Who said what does not go on: above,
    there are counts by level of cells with at least k terminals (R82).
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._k = int(context.settings["k"])
        self._samples: dict[int, Measurement] = {}
        """Of this round, by seat."""

    async def begin(self, execution: Execution) -> None:
        if execution.role is Role.SERVER:
            self._samples = {}

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        """MEASUREMENT in. Raises `PeerError`."""
        self._samples[turn.seat] = to_measurement(await client.receive())

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        """CELL for each cell with k terminals, then END."""
        cells: dict[int, list[Measurement]] = defaultdict(list)
        for sample in self._samples.values():
            cells[sample.cell].append(sample)
        enough = {cell: samples for cell, samples in cells.items() if len(samples) >= self._k}
        for cell in sorted(enough):
            await server.send(from_counts(cell, count(enough[cell])))
        await server.send(to_json(Tag.END, {"withheld": len(cells) - len(enough)}))
        self.context.progress(round=execution.round, cells=len(enough), withheld=len(cells) - len(enough))

    def checkpoint(self) -> bytes:
        return json.dumps([[seat, sample.cell, sample.levels] for seat, sample in self._samples.items()]).encode()

    def restore(self, checkpoint: bytes) -> None:
        self._samples = {seat: Measurement(cell, tuple(levels)) for seat, cell, levels in json.loads(checkpoint)}
