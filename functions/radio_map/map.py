"""The radio map: adds up the counts of all RAN nodes, round by round, and tells the statistics of each cell."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from net4ai.functions.api import Channel, Context, Execution, Outcome, ServiceFunction, Turn
from net4ai.functions.radio_map.measurement import QUANTITIES, Counts, Tag, receive_cells, to_json
from net4ai.functions.radio_map.statistics import mean, quantile, trimmed_mean

SHARES = (0.1, 0.5, 0.9)
"""The quantiles that are told."""


class RadioMap(ServiceFunction):
    """Server of the cell statistics. Settings: `k`, `rounds` (samples of each terminal), `trim`.

    After the last round the map goes to the application controller as JSON: by cell terminals, samples and, for each
    quantity, `mean` (trimmed), `plain_mean` (for comparison) and `quantiles`.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        settings = context.settings
        self._k, self._rounds, self._trim = int(settings["k"]), int(settings["rounds"]), float(settings["trim"])
        self._turns: dict[int, tuple[dict[int, Counts], int]] = {}
        """Of this round, by seat."""
        self._cells: dict[int, Counts] = {}
        self._terminals: dict[int, int] = {}
        """By cell, the fewest in a round."""

    async def begin(self, execution: Execution) -> None:
        self._turns = {}

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        """CELL messages and END in. Raises `PeerError`."""
        self._turns[turn.seat] = await receive_cells(client, self._k)

    async def end(self, execution: Execution) -> Outcome:
        round_cells: dict[int, Counts] = {}
        for cells, _ in self._turns.values():
            for cell, counts in cells.items():
                round_cells[cell] = round_cells[cell] + counts if cell in round_cells else counts
        for cell, counts in round_cells.items():
            terminals = int(counts[0].sum())
            self._cells[cell] = self._cells[cell] + counts if cell in self._cells else counts
            self._terminals[cell] = min(terminals, self._terminals.get(cell, terminals))
        withheld = sum(withheld for _, withheld in self._turns.values())
        self.context.progress(round=execution.round, cells=len(round_cells), withheld=withheld)
        if execution.round + 1 < self._rounds:
            return Outcome.COMPLETE
        await self.context.results.send(to_json(Tag.MAP, {"withheld": withheld, "cells": self.map()}))
        return Outcome.STOP

    def map(self) -> list[dict[str, Any]]:
        """The statistics of each cell, in order."""
        return [
            {
                "cell": cell,
                "terminals": self._terminals[cell],
                "samples": int(counts[0].sum()),
                **{
                    quantity.name: {
                        "mean": round(quantity.value(trimmed_mean(row, self._trim)), 2),
                        "plain_mean": round(quantity.value(mean(row)), 2),
                        "quantiles": [quantity.value(quantile(row, share)) for share in SHARES],
                    }
                    for quantity, row in zip(QUANTITIES, counts, strict=True)
                },
            }
            for cell, counts in sorted(self._cells.items())
        ]

    def checkpoint(self) -> bytes:
        cells = [[cell, self._terminals[cell], counts.tolist()] for cell, counts in self._cells.items()]
        return json.dumps(cells).encode()

    def restore(self, checkpoint: bytes) -> None:
        cells = json.loads(checkpoint)
        self._cells = {cell: np.array(counts, dtype=np.int64) for cell, _, counts in cells}
        self._terminals = {cell: terminals for cell, terminals, _ in cells}
