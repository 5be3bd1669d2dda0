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
        blocks, cut = len(self.model.neurons) - 1, int(context.values["cut"])
        if not 1 <= cut < blocks:
            raise ProviderError(f"settings: cut {cut} is not allowed; allowed: 1 to {blocks - 1} for this model")
        self.latencies: list[tuple[int, NDArray[np.float64]]] = []
        """Of each server: number of terminals, and seconds, sorted."""

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
            self.latencies.append((message.index, to_latencies(message)))
        except PeerError as error:
            raise ProviderError(str(error)) from None
        return None

    def line(self) -> str:
        if not self.latencies:
            return ""
        terminals, seconds = self.latencies[-1]
        return f"{terminals} terminals served: {_text(seconds)}"

    def findings(self, record: Record) -> Findings:
        if not self.latencies:
            return Findings()
        everything = np.concatenate([seconds for _, seconds in self.latencies])
        terminals = sum(count for count, _ in self.latencies)
        cut = self.context.values["cut"]
        lines = (
            f"latency   {_text(everything)}, from activations to prediction as {terminals} terminals saw it",
            f"split     {cut} of {len(self.model.neurons) - 1} blocks at the terminal, where rows and predictions stay",
        )
        rows = [(f"server {number}", *_row(*each)) for number, each in enumerate(self.latencies, 1)]
        rows.append(("all", *_row(terminals, everything)))
        columns = ("where", "terminals", "requests", *(f"p{percent}, ms" for percent in PERCENTILES))
        note = "Round trips as terminals measured them: their blocks, the way there, the server's blocks, the way back."
        return Findings(lines, (Table("Latency of split inference", columns, tuple(rows), note),))

    def save(self, folder: Path) -> list[Path]:
        if not self.latencies:
            return []
        path = folder / "latencies.json"
        seconds = sorted(float(each) for _, found in self.latencies for each in found)
        path.write_text(json.dumps({"seconds": seconds}) + "\n")
        return [path]


def _row(terminals: int, seconds: NDArray[np.float64]) -> tuple[int | float, ...]:
    found = np.percentile(seconds, PERCENTILES) * 1000 if len(seconds) else [0.0 for _ in PERCENTILES]
    return terminals, len(seconds), *(round(float(each), 2) for each in found)


def _text(seconds: NDArray[np.float64]) -> str:
    _, requests, *found = _row(0, seconds)
    values = ", ".join(f"p{percent} {value:.1f} ms" for percent, value in zip(PERCENTILES, found, strict=True))
    return f"{values} over {requests} requests"
