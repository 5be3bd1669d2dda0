"""What a service's provider does at its application controller: settings out, results in, job input back (R5, R111).

A service description may name a subclass of `Provider`; without one, settings are handed on and results are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from net4ai.codecs.message import Content, Message
from net4ai.codecs.service import ServiceDescription, SettingValue

__all__ = [
    "Findings",
    "Learning",
    "Provider",
    "ProviderContext",
    "ProviderError",
    "Record",
    "RoutineRecord",
    "Table",
    "Turns",
]

MAXIMUM_LINE = 160
"""Characters of a result that `Provider.line` shows."""


class ProviderError(Exception):
    """The provider cannot work with these settings, or with what came out of the network."""


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider is made with."""

    description: ServiceDescription
    values: Mapping[str, SettingValue]
    """The service's settings: defaults, with the values of whoever registers it."""
    seed: int = 0
    subscribers: int = 0
    """Terminals of the network, where it is known; else 0."""
    k: int = 1
    """The k-anonymity that holds: the larger of the network's and the service's (R82)."""


Turns = Sequence[tuple[int, int]]
"""Seat and subscriber, in the order of the turns."""


@dataclass(slots=True)
class RoutineRecord:
    """Who took part in a routine, as the observer of an emulation knows it: no node and no function does."""

    rounds: list[dict[int, Turns]] = field(default_factory=list)
    """By round, by server instance, the turns that were committed."""
    undefined: str = ""
    """Why there is no record; empty: there is one."""

    def schedule(self) -> list[list[Turns]]:
        """By round, the turns at each server, in the order of their instances."""
        return [[servers[instance] for instance in sorted(servers)] for servers in self.rounds]


Record = Callable[[str], RoutineRecord]
"""Gives the record of a routine, by its name."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How good a trained model is, for the learning curve of the report."""

    metric: str
    """Key of the metric the run is judged by, in `final` and `by_round`."""
    label: str
    unit: str = ""
    note: str = ""
    """Which model the final values are of."""
    final: Mapping[str, float]
    by_round: Mapping[int, Mapping[str, float]]
    baselines: Mapping[str, float]
    """What simple methods reach."""
    verdict: Literal["identical", "different", "not defined"]
    """Whether the network computed what plain training in one place computes."""
    reason: str = ""
    """Why the verdict is not "identical"."""
    largest_difference: float | None = None
    """Of a parameter of both models; None: not measured."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the provider makes of all results."""

    lines: tuple[str, ...] = ()
    """For the person who watches."""
    tables: tuple[Table, ...] = ()
    """For the report."""
    learning: Learning | None = None
    """Only where a model was trained."""


class Provider:
    """Base class of providers, and the one of services that name none."""

    def __init__(self, context: ProviderContext) -> None:
        """Raises `ProviderError`."""
        self.context = context
        self.results: list[tuple[str, Message]] = []
        """Results so far: the function they came from, and the message."""

    def opening(self) -> list[str]:
        """Lines for the person who watches, before anything runs."""
        return []

    def settings(self) -> dict[str, dict[str, Any]]:
        """Settings of each function, as plain data, by its name in the description. All get all, unless overridden."""
        return {name: dict(self.context.values) for name in self.context.description.functions}

    def take(self, function: str, message: Message) -> Message | None:
        """A result of a function has come; what is given back is the job's input (R5). Raises `ProviderError`."""
        self.results.append((function, message))
        return None

    def progress(self, what: str, values: Mapping[str, int | float | str]) -> None:
        """The job reports."""

    def line(self) -> str:
        """A line for the person who watches, about the newest result; empty: nothing worth one."""
        if not self.results:
            return ""
        function, message = self.results[-1]
        data = bytes(message.data)
        text = data.decode(errors="replace") if message.content == Content.JSON else f"{len(data)} octets"
        return f"{function or 'result'}: {text if len(text) <= MAXIMUM_LINE else text[: MAXIMUM_LINE - 3] + '...'}"

    def findings(self, record: Record) -> Findings:
        """The job has ended: what came of it. `record`: who took part in each routine."""
        return Findings()

    def save(self, folder: Path) -> list[Path]:
        """Keep what has come in files of `folder`; gives them. Raises OSError."""
        written = []
        for number, (function, message) in enumerate(self.results, 1):
            suffix = "json" if message.content == Content.JSON else "bin"
            path = folder / f"result-{number:04}{function and '-' + function}.{suffix}"
            path.write_bytes(bytes(message.data))
            written.append(path)
        return written
