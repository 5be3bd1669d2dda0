"""The radio of a scenario's terminals: what is allowed, what is said where it is not, what a terminal is told."""

from __future__ import annotations

import importlib.resources
import itertools
from pathlib import Path

import pytest

from net4ai.app.plan import Plan, make_plan
from net4ai.app.scenario import ConfigurationError, load_scenario, parse_scenario
from net4ai.app.ue_radio import ALLOWED
from net4ai.stack.radio.conditions import PERFECT, RadioConditions
from net4ai.stack.radio.gilbert_elliott import GilbertElliott

SERVICE = importlib.resources.files("net4ai.scenarios") / "blood-pressure.service.yaml"
SMALL = """\
name: one-cell
service: blood-pressure.service.yaml
ran_nodes: [{name: ran-1}]
ue_groups:
  - name: ue-1
    ran_node: ran-1
    count: 4
    radio:
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "blood-pressure.service.yaml").write_bytes(SERVICE.read_bytes())
    return tmp_path


def plan_of(folder: Path, radio: str) -> Plan:
    (folder / "a.yaml").write_text(SMALL + radio)
    ports = itertools.count(46400)
    return make_plan(load_scenario(folder / "a.yaml"), lambda: next(ports), 1, "00" * 32)


def lines(folder: Path, radio: str) -> list[str]:
    """The lines of the error that a radio gives."""
    with pytest.raises(ConfigurationError) as caught:
        parse_scenario(SMALL + radio, "a.yaml", folder)
    return str(caught.value).splitlines()


def test_without_a_word_the_radio_is_perfect() -> None:
    scenario = load_scenario("blood-pressure")
    ports = itertools.count(46400)
    for config in make_plan(scenario, lambda: next(ports), 1, "00" * 32).ues:
        assert config.uplink == config.downlink == PERFECT
        assert {terminal.cqi_ahead for terminal in config.terminals} == {0.0}


def test_every_key_reaches_the_terminals(folder: Path) -> None:
    (config,) = plan_of(
        folder,
        """\
      bandwidth_mhz: 5
      uplink:
        rate_kbps: 500
        delay_ms: 4
        jitter_ms: 2
        bursts: {p: 0.1, r: 0.2, loss_in_good: 0.01, loss_in_bad: 0.9}
        cuts: [{at_s: 1, for_s: 2.5}]
      downlink:
        loss: 0.02
        cqi: [{at_s: 0, cqi: 3}, {at_s: 2, cqi: 0}]
        cqi_repeat_s: 5
""",
    ).ues
    bursts = GilbertElliott(p=0.1, r=0.2, loss_in_good=0.01, loss_in_bad=0.9)
    assert config.uplink == RadioConditions(
        rate=500_000, bandwidth=5e6, delay=0.004, jitter=0.002, bursts=bursts, cuts=((1.0, 2.5),)
    )
    assert config.downlink == RadioConditions(bandwidth=5e6, loss=0.02, cqi=((0.0, 3), (2.0, 0)), cqi_repeat=5.0)


def test_a_cqi_that_always_holds(folder: Path) -> None:
    assert plan_of(folder, "      downlink: {cqi: 7}\n").ues[0].downlink.cqi == ((0.0, 7),)


@pytest.mark.parametrize(
    "text", ["0,15\n2.5,7\n4,0\n", "at_s,cqi\r\n 0 , 15\r\n\r\n2.5,7\r\n4.,00", "\ufeffat_s, cqi\n0,15\n2.5,7\n4,0"]
)
def test_a_cqi_trace_from_a_file(folder: Path, text: str) -> None:
    (folder / "traces").mkdir()
    (folder / "traces" / "drive.csv").write_text(text, encoding="utf-8")
    (config,) = plan_of(folder, "      downlink: {cqi: traces/drive.csv}\n").ues
    assert config.downlink.cqi == ((0.0, 15), (2.5, 7), (4.0, 0))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0,15\n1,16\n", 'drive.csv:2: "1,16" is not allowed; allowed: seconds, a comma, and a CQI from 0 to 15'),
        ("0;15\n", 'drive.csv:1: "0;15" is not allowed; allowed: seconds, a comma, and a CQI from 0 to 15'),
        ("0,15\n-1,3\n", 'drive.csv:2: "-1,3" is not allowed; allowed: seconds, a comma, and a CQI from 0 to 15'),
        (
            "0,15\nat_s,cqi\n",
            'drive.csv:2: "at_s,cqi" is not allowed; allowed: seconds, a comma, and a CQI from 0 to 15',
        ),
        ("0,15\n\n2,3\n2,4\n", "drive.csv:4: 2.at_s: 2.0 is not allowed; allowed: 2.01 to 86400"),
        ("1,15\n", "drive.csv:1: 0.at_s: 1.0 is not allowed; allowed: 0"),
        ("0,1\n90000,1\n", "drive.csv:2: 1.at_s: 90000.0 is not allowed; allowed: a number from 0 to 86400"),
        ("x" * 1_000_001, "drive.csv: longer than 1000000 octets"),
        ("\udcff", "drive.csv: not UTF-8 text"),
    ],
)
def test_a_bad_file_is_named_with_its_line(folder: Path, text: str, problem: str) -> None:
    (folder / "drive.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    assert lines(folder, "      downlink: {cqi: drive.csv}\n") == [problem]


def test_a_trace_has_a_longest_length(folder: Path) -> None:
    (folder / "drive.csv").write_text("".join(f"{second},1\n" for second in range(10_001)))
    (problem,) = lines(folder, "      downlink: {cqi: drive.csv}\n")
    assert "10001 are too many; allowed: at most 10000 of them" in problem


@pytest.mark.parametrize("name", ["drive.txt", "/etc/drive.csv", "../drive.csv", "a\\\\drive.csv"])
def test_only_csv_files_of_the_folder_are_read(folder: Path, name: str) -> None:
    (folder.parent / "drive.csv").write_text("0,15\n")
    (problem,) = lines(folder, f'      downlink: {{cqi: "{name}"}}\n')
    assert problem.startswith("a.yaml:9: ue_groups.ue-1.radio.downlink.cqi: ")
    assert problem.endswith(f"allowed: {ALLOWED}")


@pytest.mark.parametrize("name", ["none.csv", "link.csv", "folder.csv"])
def test_a_file_that_is_not_there_or_leads_away(folder: Path, name: str) -> None:
    (folder.parent / "outside.csv").write_text("0,15\n")
    (folder / "link.csv").symlink_to(folder.parent / "outside.csv")
    (folder / "folder.csv").mkdir()
    (problem,) = lines(folder, f"      downlink: {{cqi: {name}}}\n")
    assert f'no file "{name}" in the scenario\'s folder' in problem


HERE = "a.yaml:9: ue_groups.ue-1.radio.uplink"


@pytest.mark.parametrize(
    ("radio", "problem"),
    [
        ("{rate_kbps: -1}", f"{HERE}.rate_kbps: -1 is not allowed; allowed: an integer from 0 to 1000000000"),
        (
            "{rate_kbps: 5, cqi: 3}",
            f"{HERE}.rate_kbps: 5 is not allowed; allowed: 0 where there is a CQI trace: the rate follows from it",
        ),
        ("{cqi: 16}", f"{HERE}.cqi.0.cqi: 16 is not allowed; allowed: an integer from 0 to 15"),
        ("{cqi: 1.5}", f"{HERE}.cqi: 1.5 is not allowed; allowed: {ALLOWED}"),
        ("{cqi: [{at_s: 0}]}", f"{HERE}.cqi.0.cqi: missing; allowed: an integer from 0 to 15"),
        ("{cqi: [{at_s: 2, cqi: 3}]}", f"{HERE}.cqi.0.at_s: 2 is not allowed; allowed: 0"),
        ("{cqi: 3, cqi_repeat_s: 0.001}", f"{HERE}.cqi_repeat_s: 0.001 is not allowed; allowed: 0, or 0.01 to 86400"),
        ("{loss: 2}", f"{HERE}.loss: 2 is not allowed; allowed: a number from 0 to 1"),
        (
            "{loss: 0.1, bursts: {p: 0.1, r: 0.1}}",
            f"{HERE}.loss: 0.1 is not allowed; allowed: 0 where there are bursts: they have a loss of their own",
        ),
        ("{bursts: {p: 0.1}}", f"{HERE}.bursts.r: missing; allowed: a number above 0 and at most 1"),
        ("{bursts: {p: 2, r: 1}}", f"{HERE}.bursts.p: 2 is not allowed; allowed: a number from 0 to 1"),
        ("{delay_ms: 10001}", f"{HERE}.delay_ms: 10001 is not allowed; allowed: a number from 0 to 10000"),
        (
            "{cuts: [{at_s: 1, for_s: 0}]}",
            f"{HERE}.cuts.0.for_s: 0 is not allowed; allowed: a number above 0 and at most 86400",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_line_key_value_and_what_is_allowed(
    folder: Path, radio: str, problem: str
) -> None:
    assert lines(folder, f"      uplink: {radio}\n") == [problem]


def test_the_bandwidth_has_bounds(folder: Path) -> None:
    assert lines(folder, "      bandwidth_mhz: 0.05\n") == [
        "a.yaml:9: ue_groups.ue-1.radio.bandwidth_mhz: 0.05 is not allowed; allowed: a number from 0.1 to 2000"
    ]


def test_terminals_may_be_at_different_places_of_a_trace(folder: Path) -> None:
    def ahead(seed: int) -> list[float]:
        text = f"      cqi_spread_s: 30\n      downlink: {{cqi: 7}}\nseed: {seed}\n"
        return [terminal.cqi_ahead for terminal in plan_of(folder, text).ues[0].terminals]

    assert ahead(1) == ahead(1) != ahead(2)
    assert len(set(ahead(1))) == 4
    assert all(0 <= seconds < 30 for seconds in ahead(1))
