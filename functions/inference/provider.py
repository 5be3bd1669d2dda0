"""The provider of split inference: it has the trained model, and hears how long predictions took."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from net4ai.codecs.derivation import derive
from net4ai.codecs.message import Content, Message
from net4ai.functions.inference.messages import PeerError, Tag, to_latencies
from net4ai.functions.inference.model import ModelError, ModelFile
from net4ai.functions.provider import Findings, Provider, ProviderContext, ProviderError, Record, Table

PERCENTILES = (50, 99)


class InferenceProvider(Provider):
    """Gives the model to servers that ask for it; keeps the latencies they tell."""

    def __init__(self, context: ProviderContext) -> None:
        """Raises `ProviderError`."""
        super().__init__(context)
        self._name = str(context.values["model"])
        try:
            self.model = ModelFile.read(self._name)
        except ModelError as error:
            raise ProviderError(f"settings: model: {error}") from None
        described = context.description.model
        if described is not None and described.neurons != self.model.neurons:
            raise ProviderError(f"settings: model: {self._name} has layers of {self.model.neurons}, not the service's")
        blocks, cut = len(self.model.neurons) - 1, int(context.values["cut"])
        if not 1 <= cut < blocks:
            raise ProviderError(f"settings: cut {cut} is not allowed; allowed: 1 to {blocks - 1} for this model")
        self.latencies: NDArray[np.float64] = np.zeros(0)
        """Seconds, sorted."""
        self.terminals = 0

    def opening(self) -> list[str]:
        return [f"model {self._name}: layers of {', '.join(map(str, self.model.neurons))} neurons"]

    def settings(self) -> dict[str, dict[str, Any]]:
        values = self.context.values
        shared = {"neurons": list(self.model.neurons), "requests": values["requests"]}
        terminal = {
            **shared,
            "rows": values["rows"],
            "normalisation": dict(self.model.normalisation),
            "partition_seed": derive(self.context.seed, "partition"),
        }
        functions = self.context.description.functions
        return {name: terminal if function.kind == "abstract" else shared for name, function in functions.items()}

    def take(self, function: str, message: Message) -> Message | None:
        """WANT_MODEL is answered by the model; LATENCIES are kept. Raises `ProviderError`."""
        if message.tag == Tag.WANT_MODEL:
            return Message(Tag.MODEL, Content.TENSORS, self.model.data)
        try:
            self.latencies, self.terminals = to_latencies(message), message.index
        except PeerError as error:
            raise ProviderError(str(error)) from None
        return None

    def line(self) -> str:
        return f"{self.terminals} terminals served: {self._text()}" if self.terminals else ""

    def findings(self, record: Record) -> Findings:
        if not self.terminals:
            return Findings()
        cut, blocks = self.context.values["cut"], len(self.model.neurons) - 1
        lines = (
            f"latency   {self._text()}, from rows to predictions as {self.terminals} terminals saw it",
            f"split     {cut} of {blocks} blocks at the terminal; rows and predictions stay there",
        )
        rows = (("terminals", self.terminals), ("requests", len(self.latencies)), *self._percentiles())
        note = "Round trips as terminals measured them: their blocks, the way there, the server's blocks, the way back."
        return Findings(lines, (Table("Latency of split inference", ("what", "value"), rows, note),))

    def _percentiles(self) -> tuple[tuple[str, float], ...]:
        values = np.percentile(self.latencies, PERCENTILES) * 1000
        names = (f"p{percent}, ms" for percent in PERCENTILES)
        return tuple((name, round(float(value), 2)) for name, value in zip(names, values, strict=True))

    def _text(self) -> str:
        values = (f"{name.removesuffix(', ms')} {value:.1f} ms" for name, value in self._percentiles())
        return f"{', '.join(values)} over {len(self.latencies)} requests"

    def save(self, folder: Path) -> list[Path]:
        if not self.terminals:
            return []
        path = folder / "latencies.json"
        path.write_text(json.dumps({"seconds": self.latencies.tolist()}) + "\n")
        return [path]
