"""What the instances of a forwarding function take part in: who is told of it, and which attempts are over."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from net4ai.codecs.bus import InviteInstance, RemoveRoutes

MAXIMUM_PARTS = 4096
"""Parts in executions that are remembered; a further one makes the oldest be forgotten."""
MAXIMUM_ENDED = 4096
"""Attempts that are remembered as over: routes of theirs that are still being laid must not stay."""


@dataclass(frozen=True, slots=True)
class Part:
    """An instance's part in an execution."""

    routine_manager: str
    """Who has invited it, and is told of its turns and its end."""
    attempt: int


class Executions:
    """By execution and instance."""

    def __init__(self) -> None:
        self.parts: OrderedDict[tuple[int, int], Part] = OrderedDict()
        self._ended: OrderedDict[tuple[int, int, int], None] = OrderedDict()

    def invited(self, request: InviteInstance) -> None:
        """An instance has accepted an invitation, maybe anew. What it said before belongs to the attempt before."""
        key = request.execution, request.instance
        self.parts[key] = Part(request.routine_manager, request.attempt)
        self.parts.move_to_end(key)
        if len(self.parts) > MAXIMUM_PARTS:
            self.parts.popitem(last=False)

    def ended(self, request: RemoveRoutes) -> None:
        """An attempt is over, as far as the instance is concerned."""
        key = request.execution, request.instance
        part = self.parts.get(key)
        if part is not None and request.attempt in (0, part.attempt):
            del self.parts[key]
        if request.attempt:
            self._ended[(*key, request.attempt)] = None
            if len(self._ended) > MAXIMUM_ENDED:
                self._ended.popitem(last=False)

    def is_over(self, execution: int, instance: int, attempt: int) -> bool:
        """Whether the attempt has ended before: what is late of it changes nothing any more."""
        return (execution, instance, attempt) in self._ended

    def forget(self, instance: int) -> list[tuple[int, Part]]:
        """The instance is no more: the executions it took part in."""
        gone = [key for key in self.parts if key[1] == instance]
        return [(execution, self.parts.pop((execution, number))) for execution, number in gone]
