"""What a service's provider does at its application controller: settings out, results in, job input back (R5, R111).

A service description may name a subclass of `Provider`; without one, settings are handed on and results are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from net4ai.codecs.message import Message
from net4ai.codecs.service import ServiceDescription, SettingValue

__all__ = ["Provider", "ProviderContext", "ProviderError"]


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


class Provider:
    """Base class of providers, and the one of services that name none."""

    def __init__(self, context: ProviderContext) -> None:
        """Raises `ProviderError`."""
        self.context = context
        self.results: list[tuple[str, Message]] = []
        """Results so far: the function they came from, and the message."""

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
        return ""

    def save(self, folder: Path) -> list[Path]:
        """Keep what has come in files of `folder`; gives them. Raises OSError."""
        written = []
        for number, (function, message) in enumerate(self.results, 1):
            path = folder / f"result-{number:04}-{function}.bin"
            path.write_bytes(bytes(message.data))
            written.append(path)
        return written
