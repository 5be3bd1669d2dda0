from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from net4ai.app.report.trace_lines import TraceLine, read_trace, understand
from net4ai.stack.trace import TraceEvent

GOOD = {"time": 5, "node": "core", "kind": "state"}


def test_every_field_of_the_trace_schema_is_read() -> None:
    assert set(TraceLine.__struct_fields__) == set(TraceEvent.__struct_fields__)


@pytest.mark.parametrize(
    "damaged",
    [None, 7, {}, [], {**GOOD, "time": "5"}, {**GOOD, "node": None}, {**GOOD, "node": ""}, {**GOOD, "size": -1},
     {**GOOD, "ids": 4}, {**GOOD, "size": 1 << 60}, {**GOOD, "duration": 1 << 63}, {**GOOD, "time": 10**30},
     {**GOOD, "node": "\ud800"}, {**GOOD, "ids": {"x": object()}}, {"time": 5, "kind": "state"}],
)  # fmt: skip
def test_damaged_lines_are_counted_and_left_out(damaged: Any) -> None:
    lines, count = understand([GOOD, damaged])
    assert ([line.node for line in lines], count) == (["core"], 1)


def test_lines_come_out_in_order_of_time() -> None:
    lines, _ = understand([{**GOOD, "time": time} for time in (3, 1, 2)])
    assert [line.time for line in lines] == [1, 2, 3]


def test_fields_of_later_versions_are_ignored() -> None:
    assert understand([{**GOOD, "colour": "red"}]) == ([TraceLine(5, "core", "state")], 0)


def test_a_file_cut_short_gives_its_whole_lines(tmp_path: Path) -> None:
    whole = msgspec.json.encode(GOOD)
    (tmp_path / "a.ndjson").write_bytes(whole + b"\n" + whole[:-4])
    (tmp_path / "b.ndjson").write_bytes(whole + b"\n\xff\n")
    read = list(read_trace([tmp_path / "a.ndjson", tmp_path / "b.ndjson"]))
    assert read == [GOOD, None, GOOD, None]
