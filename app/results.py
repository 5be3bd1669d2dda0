"""What a run knows of its job: the service's provider, and what a person sees of results and progress."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from net4ai.app.progress import Display, octets_text
from net4ai.app.provider_code import make_provider
from net4ai.app.scenario import Scenario
from net4ai.codecs.message import Message
from net4ai.functions.provider import ProviderContext, ProviderError


class ResultsError(Exception):
    """The provider cannot work with this service, these settings, or what came out of the network."""


class Results:
    """Between network and provider: settings out, results in, a line for each."""

    def __init__(self, scenario: Scenario, display: Display) -> None:
        """Raises `ResultsError`."""
        service = scenario.service
        self.display = display
        context = ProviderContext(service, scenario.settings, scenario.seed, scenario.ue_count, scenario.k)
        try:
            self.provider = make_provider(context, scenario.function_modules, scenario.function_path)
            self.settings: dict[str, dict[str, Any]] = self.provider.settings()
        except ProviderError as error:
            raise ResultsError(f"service {service.name}: {error}") from None
        self.octets: Counter[str] = Counter()
        self.doing = "nodes start"
        self.news = 0
        """Counts results and reports of progress."""
        self._octets_before = 0
        self._said_registered = 0
        for line in self.provider.opening():
            display.plain(line)

    def take(self, message: Message, function: str = "") -> Message | None:
        """A result has come; what the provider gives back is the job's input (R5). Raises `ResultsError`."""
        self.news += 1
        try:
            answer = self.provider.take(function, message)
        except ProviderError as error:
            raise ResultsError(str(error)) from None
        if line := self.provider.line():
            total = sum(self.octets.values())
            sent = total - self._octets_before
            self.display.line(f"{line}; {octets_text(sent)}" if sent else line)
            self._octets_before = total
        return answer

    def progress(self, what: str, values: dict[str, int | float | str]) -> None:
        """The job reports."""
        self.news += 1
        self.provider.progress(what, values)
        if what == "function":
            if "round" in values:
                self.doing = f"round {int(values['round']) + 1}"
            return
        details = ", ".join(f"{name} {value}" for name, value in values.items())
        self.display.line(f"{what} ({details})" if details else what)

    def registered(self, count: int, everyone: int) -> None:
        """So many terminals are attached."""
        if count == everyone != self._said_registered:
            self._said_registered = count
            self.display.line(f"{count} UEs attached and registered")

    def save(self, folder: Path) -> list[Path]:
        """Save what the provider keeps. Raises OSError."""
        return self.provider.save(folder)
