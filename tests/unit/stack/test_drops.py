"""Counting drops by reason."""

from __future__ import annotations

from net4ai.stack.drops import MAXIMUM_REASONS, Drop, DropCounter


def test_counts_by_reason() -> None:
    seen: list[tuple[str, int]] = []
    drops = DropCounter(lambda reason, size: seen.append((reason, size)))
    drops.count(Drop.LOST, 10)
    drops.count("truncated", 3)
    drops.count(Drop.LOST)
    assert drops.counts == {"lost on the link": 2, "truncated": 1}
    assert drops[Drop.LOST] == 2
    assert drops["never"] == 0
    assert drops.total == 3
    assert seen == [("lost on the link", 10), ("truncated", 3), ("lost on the link", 0)]
    assert all(type(reason) is str for reason in drops.counts)


def test_number_of_reasons_is_bounded() -> None:
    seen: list[str] = []
    drops = DropCounter(lambda reason, size: seen.append(reason))
    for number in range(1000):
        drops.count(f"reason {number}")
    drops.count("reason 0")
    assert len(drops.counts) == MAXIMUM_REASONS
    assert drops[Drop.OTHER] == 1000 - (MAXIMUM_REASONS - 1)
    assert drops["reason 0"] == 2
    assert drops.total == 1001
    assert seen[-2:] == ["other", "reason 0"]


def test_every_reason_is_explained_once() -> None:
    assert all(reason.doc.endswith(".") and "\n" not in reason.doc for reason in Drop)
    assert len({reason.value for reason in Drop}) == len(Drop)
