"""The guide to the radio of a UE is current, and what it shows is true."""

from __future__ import annotations

import importlib.resources
import itertools
import re
from pathlib import Path

import pytest

from net4ai.app.plan import make_plan
from net4ai.app.scenario import ConfigurationError, load_scenario
from net4ai.app.scenario_guide import refreshed

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "radio.md"
SERVICE = importlib.resources.files("net4ai.scenarios") / "blood-pressure.service.yaml"


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """The guide's scenario in a folder, with the trace beside it."""
    text = GUIDE.read_text(encoding="utf-8")
    (scenario,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    trace, _ = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    (tmp_path / "a-tunnel.yaml").write_text(scenario)
    (tmp_path / "line.csv").write_text(trace)
    (tmp_path / "blood-pressure.service.yaml").write_bytes(SERVICE.read_bytes())
    return tmp_path / "a-tunnel.yaml"


def test_the_table_is_current() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert refreshed(text) == text, "stale: run python -m net4ai.app.scenario_guide docs/guide/radio.md"


def test_the_example_says_twice_the_same_trace(shown: Path) -> None:
    ports = itertools.count(46400)
    train = make_plan(load_scenario(shown), lambda: next(ports), 1, "00" * 32).ues[1]
    (steps,) = re.findall(r"# or (\[.*\])", shown.read_text())
    other = load_scenario(shown, (f"ue_groups.train.radio.downlink.cqi={steps}",))
    assert make_plan(other, lambda: next(ports), 1, "00" * 32).ues[1].downlink == train.downlink
    assert [cqi for _, cqi in train.downlink.cqi] == [13, 6, 0, 13]
    assert train.uplink.bursts is not None
    assert round(train.uplink.bursts.mean_loss, 3) == 0.048
    assert train.uplink.bursts.mean_burst == pytest.approx(5)


def test_the_errors_shown_are_the_errors_given(shown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, errors = re.findall(r"```text\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(shown.parent)
    given = []
    trace, scenario = (shown.parent / "line.csv").read_text(), shown.read_text()
    for bad_trace, bad_scenario in (
        (trace.replace("12,6", "12,16"), scenario),
        (trace, scenario.replace("rate_kbps: 3000", "rate_kbps: 3000, cqi: 3")),
    ):
        (shown.parent / "line.csv").write_text(bad_trace)
        shown.write_text(bad_scenario)
        with pytest.raises(ConfigurationError) as caught:
            load_scenario(Path("a-tunnel.yaml"))
        given += str(caught.value).splitlines()
    assert given == errors.splitlines()
