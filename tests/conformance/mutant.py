"""A mutant: one of our nodes with one mistake, of the kind that somebody who reads the specification can make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake."""

    identity: str
    file: str
    """From the root of the repository."""
    roles: str
    """Roles whose suite ought to find it, separated by blanks."""
    what: str
    """What the node does wrong."""
    before: str
    """Source text that is there once."""
    after: str
    note: str = ""
    """What is to be said of its fate: why no case finds it, or that one was written for it."""

    @property
    def module(self) -> str:
        """Name of the module."""
        return "net4ai." + self.file.removesuffix(".py").replace("/", ".")

    def source(self) -> str:
        """Source of the module with the mistake. Raises `LookupError` where the text is not there just once."""
        source = (ROOT / self.file).read_text("utf-8")
        if (times := source.count(self.before)) != 1:
            raise LookupError(f"mutant {self.identity}: its text is {times} times in {self.file}; allowed: once")
        return source.replace(self.before, self.after)
