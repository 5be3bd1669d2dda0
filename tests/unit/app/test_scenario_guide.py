"""The guide to scenarios is current, and what it shows is true."""

from __future__ import annotations

import importlib.resources
import re
from pathlib import Path

import pytest

from net4ai.app.scenario import ConfigurationError, parse_scenario
from net4ai.app.scenario_guide import refreshed

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "scenarios.md"
SHIPPED = importlib.resources.files("net4ai.scenarios")


def test_the_tables_are_current() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert refreshed(text) == text, "stale: run python -m net4ai.app.scenario_guide docs/guide/scenarios.md"


def test_every_table_is_there_and_every_key_has_a_meaning() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert text.count("<!-- begin ") == 3
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", text, re.MULTILINE)
    assert len(rows) > 60
    assert all(meaning for _, meaning in rows)
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^### (.*)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= anchors


def test_the_smallest_scenario_and_the_overrides_work() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    (smallest,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    overrides = [found.replace("'", "") for found in re.findall(r"^--set (\S+=.*)$", text, re.MULTILINE)]
    assert len(overrides) == 4
    parse_scenario(smallest, "a.yaml", SHIPPED, overrides)


def test_the_errors_shown_are_the_errors_given() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    (errors,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    good = (SHIPPED / "blood-pressure.yaml").read_text(encoding="utf-8")
    bad = good.replace("{delay_ms: 2", "{delay: 2").replace("loss: 0.005", "loss: 1.5")
    given = []
    for source, overrides in ((bad, []), (good, ["privacy.k=13"])):
        with pytest.raises(ConfigurationError) as caught:
            parse_scenario(source, "blood-pressure.yaml", SHIPPED, overrides)
        given += str(caught.value).splitlines()
    assert sorted(given) == sorted(errors.splitlines())
