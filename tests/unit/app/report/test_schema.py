from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from net4ai.app.report.report import SCHEMA_VERSION, Report
from net4ai.app.report.schema import BEGIN, END, with_tables

GUIDE = Path(__file__).parents[4] / "docs" / "guide" / "report.md"

VERSION_2 = {
    "Report": "version scenario seed insecure started_at duration_s metric final_metrics baselines fidelity findings "
    "routines rounds links ues procedures drops network_events topology capture traces versions machine warnings",
    "Metric": "name label unit",
    "Fidelity": "verdict reason max_abs_difference",
    "Node": "name role attached_to ues",
    "Round": "round metrics bytes duration_s",
    "LinkBytes": "messages up down across",
    "UeBytes": "messages up down",
    "Latency": "count failures causes p50_ms p99_ms",
    "Drop": "reason node link count",
    "NetworkEvent": "name count first_s last_s detail",
    "Finding": "title columns rows note",
    "RoutineRun": "routine executions begin_s end_s causes",
    "Machine": "system architecture processors memory_bytes",
}


def parts() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.schema(Report)["$defs"]
    return found


def test_the_guide_is_current() -> None:
    guide = GUIDE.read_text("utf-8")
    assert with_tables(guide) == guide, "run: python -m net4ai.app.report.schema docs/guide/report.md"


def test_no_field_of_version_2_went_away() -> None:
    assert SCHEMA_VERSION == 2
    missing = {
        name: gone
        for name, fields in VERSION_2.items()
        if (gone := set(fields.split()) - set(parts().get(name, {"properties": {}})["properties"]))
    }
    assert not missing, "raise SCHEMA_VERSION"


def test_every_field_says_what_it_means() -> None:
    silent = [
        (name, field)
        for name, schema in parts().items()
        for field, kind in schema["properties"].items()
        if not kind.get("description")
    ]
    assert not silent


def test_a_guide_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_tables("# The report")
    assert with_tables(f"a\n{BEGIN}\nold\n{END}\nb").startswith(f"a\n{BEGIN}\n\n### report.json")
