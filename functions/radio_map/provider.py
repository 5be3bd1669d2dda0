"""The provider of the radio map: settings out, the map in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from net4ai.codecs.message import Message
from net4ai.functions.provider import Findings, Provider, ProviderContext, ProviderError, Record, Table
from net4ai.functions.radio_map.measurement import QUANTITIES, PeerError, Tag, from_json


class RadioMapProvider(Provider):
    """Keeps the newest map."""

    def __init__(self, context: ProviderContext) -> None:
        """Raises `ProviderError` where one terminal in a cell of k could be more than what is trimmed."""
        super().__init__(context)
        trim = float(context.values["trim"])
        if trim * context.k < 1:
            raise ProviderError(
                f"settings: trim {trim} of k = {context.k} terminals is less than one: a liar would count"
            )
        self.map: dict[str, Any] = {}

    def settings(self) -> dict[str, dict[str, Any]]:
        return {name: {**values, "k": self.context.k} for name, values in super().settings().items()}

    def take(self, function: str, message: Message) -> Message | None:
        try:
            self.map = from_json(message, Tag.MAP)
        except PeerError as error:
            raise ProviderError(f"a result that is no map: {error}") from None
        return None

    def line(self) -> str:
        return f"radio map of {len(self.map['cells'])} cells" if self.map else ""

    def findings(self, record: Record) -> Findings:
        cells = self.map.get("cells", [])
        withheld = self.map.get("withheld", 0)
        lines = []
        rows: list[tuple[str | int | float, ...]] = []
        for cell in cells:
            rsrp = cell["rsrp"]
            low, middle, high = rsrp["quantiles"]
            lines.append(
                f"cell {cell['cell']:<4} {cell['terminals']} terminals, {cell['samples']} samples: "
                f"RSRP {rsrp['mean']:.1f} dBm (10 % {low:.1f}, 50 % {middle:.1f}, 90 % {high:.1f}; "
                f"plain mean {rsrp['plain_mean']:.1f})"
            )
            for quantity in QUANTITIES:
                found = cell[quantity.name]
                name = f"{quantity.name.upper()}, {quantity.unit}"
                rows.append(
                    (f"{cell['cell']}", name, cell["samples"], found["mean"], *found["quantiles"], found["plain_mean"])
                )
        if withheld:
            lines.append(f"withheld  {withheld} cells with fewer than {self.context.k} terminals")
        columns = ("cell", "quantity", "samples", "mean", "10 %", "50 %", "90 %", "plain mean")
        note = (
            f"Cells with at least {self.context.k} terminals; {withheld} were withheld. The mean leaves out the lowest "
            f"and highest {float(self.context.values['trim']):.0%} of samples: one lying terminal hardly moves it."
        )
        return Findings(tuple(lines), (Table("Radio map", columns, tuple(rows), note),))

    def save(self, folder: Path) -> list[Path]:
        if not self.map:
            return []
        path = folder / "radio-map.json"
        path.write_text(json.dumps(self.map, indent=2) + "\n")
        return [path]
