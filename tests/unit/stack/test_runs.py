"""Batches are cut where neighbouring datagrams differ, and nowhere else."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.drops import DropCounter
from net4ai.stack.runs import HOP, SESSION, Alike, drop_all, runs, segments

ANY = st.sampled_from([HOP, SESSION, Alike(2, 4, 6), Alike(3, 8, 20)])


@given(ANY, st.integers(1, 40), st.lists(st.sampled_from([b"\0", b"\1", b"\2"]), max_size=12), st.integers(0, 39))
def test_a_batch_is_cut_where_datagrams_differ(alike: Alike, stride: int, kinds: list[bytes], short: int) -> None:
    data = b"".join(kind * stride for kind in kinds)
    data = data[: max(0, len(data) - short % stride)] if short % stride < stride else data
    found = [[bytes(each) for each in segments(run, stride)] for run in runs(data, stride, alike)]
    datagrams = [data[at : at + stride] for at in range(0, len(data), stride)]
    assert [each for run in found for each in run] == datagrams
    expected: list[list[bytes]] = []
    for is_short, group in groupby(datagrams, key=lambda datagram: len(datagram) < alike.least):
        if is_short:
            expected += [[each] for each in group]
        else:
            expected += [list(run) for _, run in groupby(group, key=lambda each: each[alike.at :][: alike.octets])]
    assert found == (expected if len(datagrams) > 1 else [datagrams] if datagrams else [])


@given(st.binary(max_size=300), st.integers(1, 50), ANY)
def test_whatever_comes_every_octet_is_in_one_run(data: bytes, stride: int, alike: Alike) -> None:
    assert b"".join(runs(data, stride, alike)) == data


def test_runs_are_views_and_can_be_written_to() -> None:
    data = bytearray(64)
    (run,) = runs(data, 32, HOP)
    run[40] = 1
    assert data[40] == 1


def test_every_datagram_of_a_run_is_counted_with_its_size() -> None:
    seen: list[tuple[str, int]] = []
    drops = DropCounter(lambda reason, size: seen.append((reason, size)))
    drop_all(drops, "lost", 25, 10)
    assert seen == [("lost", 10), ("lost", 10), ("lost", 5)]


@pytest.mark.parametrize(("alike", "least"), [(HOP, 9), (SESSION, 24)])
def test_headers_must_be_whole(alike: Alike, least: int) -> None:
    assert alike.least == least
