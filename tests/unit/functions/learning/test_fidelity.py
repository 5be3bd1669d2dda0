"""The network trains exactly what plain torch trains: every cut, bit for bit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from net4ai.functions.learning import reference

BLOCKS = 4
GROUPS = ((0, 3, 5), (4, 1))
"""Two servers; the subscribers of a group by seat."""


@pytest.mark.parametrize("cut", range(BLOCKS + 1))
@pytest.mark.parametrize("groups", [GROUPS, ((2, 0, 1),)], ids=["two servers", "one server"])
def test_every_cut_equals_plain_torch(memory: Any, cut: int, groups: tuple[tuple[int, ...], ...]) -> None:
    """R18, R19, R25: two levels, and one mechanism for all cuts, one cut for all clients of a server."""
    service = memory.Service(7, 2, groups, cut)
    received = asyncio.run(service.run())
    expected = reference.train(service.settings, service.schedule(2), service.subscribers, averaging=cut == BLOCKS)
    assert str(reference.verdict(expected, received)) == "identical"
