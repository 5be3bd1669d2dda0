"""The generated tables of `scenarios.md` and `radio.md` in `docs/guide`: `python -m net4ai.app.scenario_guide FILE`
refreshes them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from net4ai.app.scenario import Scenario, load_scenario
from net4ai.app.schema import schema_table
from net4ai.app.service_description import allowed_values
from net4ai.codecs.service import ServiceDescription
from net4ai.stack.radio.conditions import DEFAULT_BANDWIDTH
from net4ai.stack.radio.cqi import CQI_TABLE, bits_per_second, efficiency

__all__ = ["refreshed"]

BLOCK = re.compile(r"(<!-- begin (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _settings_table() -> str:
    rows = ["| setting | allowed | default | meaning |", "|---|---|---|---|"]
    for name, setting in load_scenario("blood-pressure").service.settings.items():
        rows.append(f"| `{name}` | {allowed_values(setting)} | `{setting.default}` | {setting.doc} |")
    return "\n".join(rows) + "\n"


def _cqi_table() -> str:
    names = {2: "QPSK", 4: "16QAM", 6: "64QAM"}
    rows = ["| CQI | modulation | code rate | bit/s/Hz | kbit/s |", "|---:|---|---:|---:|---:|"]
    for cqi, coding in CQI_TABLE.items():
        rate = bits_per_second(cqi, DEFAULT_BANDWIDTH) // 1000
        rows.append(f"| {cqi} | {names[coding.bits]} | {coding.code_rate} / 1024 | {efficiency(cqi):.4f} | {rate:,} |")
    return "\n".join(rows) + "\n"


TABLES: Mapping[str, Callable[[], str]] = {
    "scenario": lambda: schema_table(Scenario, elsewhere=(ServiceDescription,)),
    "service description": lambda: schema_table(ServiceDescription),
    "blood pressure settings": _settings_table,
    "channel quality": _cqi_table,
}


def refreshed(text: str) -> str:
    """`text` with each block between `<!-- begin NAME -->` and `<!-- end -->` made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{TABLES[match['name']]()}\n{match[3]}", text)


if __name__ == "__main__":
    guide = Path(sys.argv[1])
    guide.write_text(refreshed(guide.read_text(encoding="utf-8")), encoding="utf-8")
