"""Scenarios: the shipped one, defaults, overrides, and for each bad document the exact lines of the error."""

from __future__ import annotations

import importlib.resources
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.app.scenario import (
    ConfigurationError,
    Impairment,
    Scenario,
    load_scenario,
    parse_scenario,
    shipped_scenarios,
    ue_subscribers,
    warnings,
)
from net4ai.app.yaml_document import parse

SHIPPED = importlib.resources.files("net4ai.scenarios")
GOOD = (SHIPPED / "blood-pressure.yaml").read_text(encoding="utf-8")
SERVICE = (SHIPPED / "blood-pressure.service.yaml").read_text(encoding="utf-8")

SMALL = """\
name: one-cell
service: blood-pressure.service.yaml
ran_nodes: [{name: ran-1}]
ue_groups:
  - {name: ue-1, ran_node: ran-1, count: 4}
"""


def lines(text: str, *overrides: str, timer_names: tuple[str, ...] | None = None) -> list[str]:
    """The lines of the error that a scenario gives; none when it is accepted."""
    try:
        parse_scenario(text, "a.yaml", SHIPPED, overrides, timer_names)
    except ConfigurationError as error:
        return str(error).splitlines()
    return []


def test_the_shipped_scenario() -> None:
    scenario = load_scenario("blood-pressure")
    assert scenario.job == "train"
    assert [node.name for node in scenario.ran_nodes] == ["ran-1", "ran-2"]
    assert scenario.ue_count == 24
    assert scenario.settings["cut"] == 1
    assert scenario.k == 4
    assert warnings(scenario) == []
    assert shipped_scenarios() == ["blood-pressure", "inference", "path-comparison", "radio-map"]


def test_the_learning_functions_know_the_settings_and_their_bounds() -> None:
    provider = pytest.importorskip("net4ai.functions.learning.provider", exc_type=ImportError)
    parameters = inspect.signature(provider.service_settings).parameters
    scenario = load_scenario("blood-pressure")
    assert scenario.settings.keys() <= parameters.keys()
    assert scenario.service.settings["cut"].at_most == len(provider.DEFAULT_NEURONS) - 1
    assert scenario.service.settings["deal"].one_of == tuple(provider.nhanes.DEALS)


def test_what_is_left_out_has_a_default() -> None:
    scenario = parse_scenario(SMALL, "a.yaml", SHIPPED)
    assert scenario.edge.name == "edge"
    assert scenario.links.t8 == Impairment()
    assert scenario.ue_groups[0].consent
    assert scenario.ue_classes["phone"].memory_mib == 512
    assert scenario.job == "train"
    assert scenario.k == 2, "the service's k, the larger one"
    assert scenario.addresses.host == "127.0.0.1"


def test_subscribers_count_over_all_groups() -> None:
    subscribers = ue_subscribers(load_scenario("blood-pressure"))
    assert [subscriber.number for subscriber in subscribers] == list(range(24))
    last_and_first = [(subscriber.group.name, subscriber.index) for subscriber in subscribers[11:13]]
    assert last_and_first == [("ue-1", 11), ("ue-2", 0)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "loss: 0.005",
            "loss: 1.5",
            ["a.yaml:22: links.radio.loss: 1.5 is not allowed; allowed: a number from 0 to 1"],
        ),
        (
            "loss: 0.005",
            "los: 0.005",
            ["a.yaml:22: links.radio.los: unknown key; did you mean loss? "
             "allowed: delay_ms, jitter_ms, loss, duplicate, reorder, corrupt, cuts"],
        ),
        (
            "loss: 0.005",
            "loss: 0,005",
            ['a.yaml:22: links.radio.005: unknown key; '
             "allowed: delay_ms, jitter_ms, loss, duplicate, reorder, corrupt, cuts"],
        ),
        ("seed: 0", "seed: one", ['a.yaml:4: seed: "one" is not allowed; allowed: an integer from 0 to 4294967295']),
        ("seed: 0", "seed:", ["a.yaml:4: seed: null is not allowed; allowed: an integer from 0 to 4294967295"]),
        ("seed: 0", "seed: true", ["a.yaml:4: seed: true is not allowed; allowed: an integer from 0 to 4294967295"]),
        ("name: blood-pressure\n", "", ["a.yaml:2: name: missing; "
         "allowed: a name: a letter, then up to 31 letters, digits, hyphens or _"]),
        (
            "count: 12, class: phone}\n\n",
            "count: 0, class: tablet}\n\n",
            ["a.yaml:16: ue_groups.ue-2.count: 0 is not allowed; allowed: an integer from 1 to 65519"],
        ),
        (
            "class: phone}\n\n",
            "class: tablet}\n\n",
            ['a.yaml:16: ue_groups.ue-2.class: no class "tablet"; allowed: phone'],
        ),
        (
            "ran_node: ran-2",
            "ran_node: ran-3",
            ["a.yaml:10: ran_nodes.ran-2.name: ran-2 has 0 UEs; "
             "allowed: 1 to 65519, the sum over the ue_groups that name it",
             'a.yaml:16: ue_groups.ue-2.ran_node: no RAN node "ran-3"; did you mean ran-2? allowed: ran-1, ran-2'],
        ),
        (
            "name: ue-2",
            "name: ue-1",
            ["a.yaml:16: ue_groups.1.name: ue-1 is the name of another node; names are unique"],
        ),
        ("  name: edge", "  name: core", ["a.yaml:12: edge.name: core is the name of another node; names are unique"]),
        (
            "  k: 4",
            "  k: 13",
            ["a.yaml:25: privacy.k: 13 is not allowed; allowed: 1 to 12, the number of UEs at ran-1"],
        ),
        ("job: train", "job: tarin", ['a.yaml:6: job: no job "tarin"; did you mean train? allowed: train']),
        (
            "service: blood-pressure.service.yaml",
            "service: blood.service.yaml",
            ['a.yaml:5: service: no file "blood.service.yaml"; '
             "allowed: the name of a YAML file in the scenario's folder"],
        ),
        (
            "service: blood-pressure.service.yaml",
            "service: ../blood-pressure.service.yaml",
            ['a.yaml:5: service: "../blood-pressure.service.yaml" is not allowed; '
             "allowed: the name of a YAML file in the scenario's folder"],
        ),
        (
            "job: train",
            "settings: {cut: 5, learning_rat: 0.1, rounds: 2.5}",
            ["a.yaml:6: settings.cut: 5 is not allowed; allowed: an integer from 0 to 4",
             "a.yaml:6: settings.learning_rat: unknown key; did you mean learning_rate? "
             "allowed: cut, rounds, patience, epochs, batch_size, learning_rate, weight_decay, holdout, deal",
             "a.yaml:6: settings.rounds: 2.5 is not allowed; allowed: an integer from 1 to 1000"],
        ),
        (
            "job: train",
            "addresses: {host: example.org}",
            ['a.yaml:6: addresses.host: "example.org" is not allowed; '
             "allowed: localhost, or the IP address of this machine"],
        ),
        (
            "job: train",
            "addresses: {host: 0.0.0.0, n2_port: 70000}",
            ["a.yaml:6: addresses.n2_port: 70000 is not allowed; allowed: an integer from 0 to 65535"],
        ),
        (
            "job: train",
            "bus: {backend: mosquito}",
            ['a.yaml:6: bus.backend: "mosquito" is not allowed; allowed: auto, iotcore, mosquitto'],
        ),
        ("job: train", "job: train\njob: train", ["a.yaml:7: job: given twice, first in line 6"]),
        (
            "ran_nodes:\n  - name: ran-1\n  - name: ran-2\n",
            "ran_nodes: []\n",
            ["a.yaml:8: ran_nodes: [] is not allowed; allowed: at least 1 of them"],
        ),
        (
            "loss: 0.005",
            "cuts: [{at_s: 1}, {at_s: -1, for_s: 0}]",
            ["a.yaml:22: links.radio.cuts.0.for_s: missing; allowed: a number above 0 and at most 86400",
             "a.yaml:22: links.radio.cuts.1.at_s: -1 is not allowed; allowed: a number from 0 to 86400",
             "a.yaml:22: links.radio.cuts.1.for_s: 0 is not allowed; allowed: a number above 0 and at most 86400"],
        ),
        (
            "seed: 0\n",
            "seed: -1\nsede: 1\n",
            ["a.yaml:4: seed: -1 is not allowed; allowed: an integer from 0 to 4294967295",
             "a.yaml:5: sede: unknown key; did you mean seed? allowed: name, description, seed, service, "
             "providers, job, ran_nodes, edge, core, ue_groups, ue_classes, links, privacy, settings, "
             "function_modules, compare_paths, function_path, bus, security, addresses, timers, key_log, "
             "handovers, hooks"],
        ),
    ],
)  # fmt: skip
def test_a_bad_document_gives_exactly_these_lines(old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    assert lines(GOOD.replace(old, new)) == expected


@pytest.mark.parametrize("text", ["", "5", "[a]", "text"])
def test_a_document_that_is_no_mapping(text: str) -> None:
    (line,) = lines(text, "seed=3")
    assert line.startswith("a.yaml:1: ")
    assert "is not allowed; allowed: a mapping with the keys name, description, seed" in line


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("links.radio.loss=1.5", "--set links.radio.loss: 1.5 is not allowed; allowed: a number from 0 to 1"),
        ("link.radio.loss=1", "--set link: unknown key; did you mean links? allowed: name, description, seed"),
        ("links.radio={los: 1}", "--set links.radio.los: unknown key; did you mean loss? allowed: delay_ms"),
        ("seed.x=3", "--set seed.x: seed is 0, which has no keys"),
        ("ue_groups.ue-9.count=3", "--set ue_groups.ue-9.count: no ue-9 in the list; allowed: ue-1, ue-2"),
        ("ue_groups.2.count=3", "--set ue_groups.2.count: no 2 in the list; allowed: ue-1, ue-2"),
        ("ue_groups.0.count=0", "--set ue_groups.ue-1.count: 0 is not allowed; allowed: an integer from 1 to 65519"),
        ("seed", "--set seed: not an override; allowed: key=value, such as links.radio.loss=0.1"),
        ("=3", "--set =3: not an override; allowed: key=value, such as links.radio.loss=0.1"),
        ("a..b=3", "--set a..b=3: not an override; allowed: key=value, such as links.radio.loss=0.1"),
        ("seed=[1", "--set seed: not YAML: "),
        ("seed=!!python/name:os.system", "--set seed: tags such as tag:yaml.org,2002:python/name:os.system"),
        ("settings.cut=9", "--set settings.cut: 9 is not allowed; allowed: an integer from 0 to 4"),
        ("service=/etc/passwd", '--set service: "/etc/passwd" is not allowed; allowed: the name of a YAML file'),
        ("service.privacy.k=0", "--set service.privacy.k: 0 is not allowed; allowed: an integer from 1 to 65519"),
        ("service.routines.top.server=data-source", "--set service.routines.top.server: data-source is abstract"),
        ("service.privacy.k=20", "--set service.privacy.k: 20 is not allowed; allowed: 1 to 12, the number of UEs"),
        (
            "service.jobs.train.trigger={on: terminals, at_least: 2, node: ran-3}",
            '--set service.jobs.train.trigger.node: no RAN node "ran-3"; did you mean ran-2? allowed: ran-1, ran-2',
        ),
        (
            "service.functions.data-source.place=edge",
            "--set service.functions.data-source.place: not allowed for an abstract function",
        ),
    ],
)
def test_a_bad_override_is_named_as_it_was_given(override: str, expected: str) -> None:
    (line,) = lines(GOOD, override)
    assert line.startswith(expected)


def test_overrides_are_applied() -> None:
    scenario = load_scenario(
        "blood-pressure",
        [
            "seed=7",
            "settings.learning_rate=1e-3",
            "settings.weight_decay=1",
            "links.T4.cuts=[{at_s: 5, for_s: 2}]",
            "ue_groups.ue-2.count=5",
            "ue_groups.0.consent=false",
            "service.routines.bottom.sequential=false",
            "addresses.host=localhost",
            "timers.T300=500",
        ],
    )
    assert scenario.seed == 7
    assert scenario.settings["learning_rate"] == 0.001
    assert isinstance(scenario.settings["weight_decay"], float)
    assert scenario.links.t4.cuts[0].for_s == 2.0
    assert [(group.count, group.consent) for group in scenario.ue_groups] == [(12, False), (5, True)]
    assert not scenario.service.routines["bottom"].sequential
    assert scenario.addresses.host == "127.0.0.1"
    assert scenario.timers == {"T300": 500}


def test_several_bad_overrides_are_reported_together() -> None:
    assert lines(GOOD, "seed", "job") == [
        "--set seed: not an override; allowed: key=value, such as links.radio.loss=0.1",
        "--set job: not an override; allowed: key=value, such as links.radio.loss=0.1",
    ]
    assert lines(GOOD, "seed.x=1", "name.y=2") == [
        "--set seed.x: seed is 0, which has no keys",
        '--set name.y: name is "blood-pressure", which has no keys',
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "224.0.0.1", "127.0.0", "::", "1.2.3.4.5", "local host"])
def test_a_host_that_is_no_address_of_a_machine(host: str) -> None:
    assert lines(GOOD, f"addresses.host='{host}'") == [
        f'--set addresses.host: "{host}" is not allowed; allowed: localhost, or the IP address of this machine'
    ]


@pytest.mark.parametrize("host", ["127.0.0.2", "192.168.1.7", "::1"])
def test_a_host_that_is_one(host: str) -> None:
    assert lines(GOOD, f"addresses.host='{host}'") == []


def test_timers_are_checked_where_their_names_are_known() -> None:
    assert lines(GOOD, "timers.T3000=500", timer_names=("T300", "T310")) == [
        '--set timers.T3000: no timer "T3000"; did you mean T300? allowed: T300, T310'
    ]
    assert lines(GOOD, "timers.T300=500", timer_names=("T300", "T310")) == []
    assert lines(GOOD, "timers.T300=0") == [
        "--set timers.T300: 0 is not allowed; allowed: an integer from 1 to 3600000"
    ]


def test_a_problem_in_the_service_names_its_file_and_the_path_in_it(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SERVICE.replace("server: local-training, seq", "server: data-source, seq"))
    (tmp_path / "a.yaml").write_text(SMALL.replace("blood-pressure.service.yaml", "s.yaml"))
    with pytest.raises(ConfigurationError) as caught:
        load_scenario(tmp_path / "a.yaml")
    (problem,) = caught.value.problems
    assert problem.file == str(tmp_path / "s.yaml")
    assert problem.key == "routines.bottom.server"
    assert problem.line == 13


def test_the_service_may_stand_in_the_scenario_itself() -> None:
    inline = "service:\n" + "".join(f"  {line}\n" for line in SERVICE.splitlines())
    assert lines(SMALL.replace("service: blood-pressure.service.yaml\n", inline)) == []
    bad = inline.replace("server: global-training}", "server: data-source}", 1)
    assert lines(SMALL.replace("service: blood-pressure.service.yaml\n", bad)) == [
        "a.yaml:16: service.routines.top.server: data-source is abstract: a terminal cannot be a routine server (R10); "
        "allowed: local-training, global-training"
    ]


def test_the_service_stays_in_the_scenarios_folder(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SERVICE)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.yaml").symlink_to(tmp_path / "s.yaml")
    (inner / "a.yaml").write_text(SMALL.replace("blood-pressure.service.yaml", "link.yaml"))
    with pytest.raises(ConfigurationError, match=r'a\.yaml:2: service: "link\.yaml" leads out of the folder'):
        load_scenario(inner / "a.yaml")


@pytest.mark.parametrize("name", ["\\0.yaml", "x" * 300 + ".yaml", "loop.yaml", "folder.yaml"])
def test_a_service_file_that_the_system_refuses(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "folder.yaml").mkdir()
    text = SMALL.replace("blood-pressure.service.yaml", f'"{name}"')
    with pytest.raises(ConfigurationError, match=r'^a\.yaml:2: service: no file ".*; allowed: the name of a YAML file'):
        parse_scenario(text, "a.yaml", tmp_path)


def test_a_service_file_that_is_no_mapping(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("")
    (tmp_path / "a.yaml").write_text(SMALL.replace("blood-pressure.service.yaml", "s.yaml"))
    with pytest.raises(ConfigurationError, match=r"s\.yaml:1: not a service description; allowed: a mapping"):
        load_scenario(tmp_path / "a.yaml")


def test_a_job_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SERVICE.replace("jobs:\n", "jobs:\n  again: {tasks: [training]}\n"))
    text = SMALL.replace("blood-pressure.service.yaml", "s.yaml")
    with pytest.raises(ConfigurationError, match=r"a\.yaml:1: job: missing; allowed: again, train$"):
        parse_scenario(text, "a.yaml", tmp_path)
    assert parse_scenario(text, "a.yaml", tmp_path, ["job=again"]).job == "again"


def test_raw_data_needs_the_services_leave() -> None:
    assert lines(SMALL, "settings.cut=0") == []
    assert lines(SMALL, "settings.cut=0", "service.privacy.raw_data_allowed=false") == [
        "--set settings.cut: 0 is not allowed; allowed: 1 to 4, because the service does not allow raw data"
    ]


def test_an_unknown_name_lists_the_shipped_scenarios() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_scenario("blood-presure")
    assert str(caught.value) == (
        "blood-presure: no such scenario; did you mean blood-pressure? "
        "allowed: blood-pressure, inference, path-comparison, radio-map, or a path to a .yaml file"
    )
    with pytest.raises(ConfigurationError, match=r"^\\x00\.yaml: cannot be read: "):
        load_scenario("\0.yaml")
    with pytest.raises(ConfigurationError, match=r"^gone/a\.yaml: cannot be read: No such file or directory$"):
        load_scenario("gone/a.yaml")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["settings.cut=4"], ["settings.cut is 4, top split: terminals send whole models, which can leak data (R28)"]),
        (["ue_groups.ue-2.consent=false"], ["ran-2: 0 UEs consent to the job, k is 4: the job will wait"]),
        (["service.jobs.train.trigger={on: terminals, at_least: 12}"], []),
        (
            ["service.jobs.train.trigger={on: terminals, at_least: 12, node: ran-2}", "ue_groups.ue-2.count=9"],
            ["job train waits until 12 UEs of a cell consent; at most 9 will"],
        ),
        (["ue_groups.ue-2.functions=[data-source, echo]"], []),
        (
            ["ue_groups.ue-2.functions=[echo]"],
            ["ran-2: 0 UEs consent to the job and allow its functions, k is 4: the job will wait"],
        ),
        (
            ["settings.cut=0", "ue_groups.ue-1.raw_data=true"],
            [
                "settings.cut is 0, bottom split: terminals send raw data (R28)",
                "ran-2: 0 UEs consent to the job and give raw data, k is 4: the job will wait",
            ],
        ),
    ],
)
def test_warnings(overrides: list[str], expected: list[str]) -> None:
    assert warnings(load_scenario("blood-pressure", overrides)) == expected


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        ("radio-map", [], []),
        (
            "radio-map",
            ["ue_groups.far.raw_data=false"],
            ["ran-2: 0 UEs consent to the job and give raw data, k is 5: "],
        ),
        ("inference", ["settings.cut=3"], []),
    ],
)
def test_warnings_of_other_services(name: str, overrides: list[str], expected: list[str]) -> None:
    """A routine that splits no model asks for raw data; the largest cut is top split only where it is all blocks."""
    found = warnings(load_scenario(name, overrides))
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True))


def test_k_counts_the_terminals_that_a_server_can_have() -> None:
    """R84: of its own cell at a RAN node, of all cells at an edge."""
    near = ("ue_groups.near.count=2", "ue_groups.liar.count=1")
    with pytest.raises(ConfigurationError, match=r"k: 5 is not allowed; allowed: 1 to 3, the number of UEs at ran-1"):
        load_scenario("radio-map", near)
    edge = "service.functions.cell-statistics.place=edge"
    assert warnings(load_scenario("radio-map", (*near, edge))) == []
    found = warnings(load_scenario("radio-map", (*near, edge, "ue_groups.far.consent=false")))
    assert found == ["ran-1, ran-2: 3 UEs consent to the job and give raw data, k is 5: the job will wait"]


def test_modules_of_functions_are_looked_for_in_the_scenarios_folder(tmp_path: Path) -> None:
    service = SERVICE.replace("entry_point: data-source", 'entry_point: "own.part:Source"')
    (tmp_path / "s.yaml").write_text(service)
    text = SMALL.replace("blood-pressure.service.yaml", "s.yaml")
    (tmp_path / "a.yaml").write_text(f"{text}function_modules: [own]\n")
    assert load_scenario(tmp_path / "a.yaml").function_path == str(tmp_path)
    (tmp_path / "a.yaml").write_text(f"{text}function_modules: [own]\nfunction_path: functions\n")
    assert load_scenario(tmp_path / "a.yaml").function_path == str(tmp_path / "functions")
    (tmp_path / "a.yaml").write_text(f"{text}function_modules: [own-part]\n")
    with pytest.raises(ConfigurationError, match=r"function_modules.0.*the name of a Python module"):
        load_scenario(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text(f"{text}function_modules: [other]\n")
    with pytest.raises(ConfigurationError, match=r"functions of the module own.part are not allowed"):
        load_scenario(tmp_path / "a.yaml")
    assert load_scenario("blood-pressure").function_path == "", "nothing is put on the import path unasked"


def test_loading_a_scenario_imports_no_torch() -> None:
    code = "import sys, net4ai.app.scenario as s; s.load_scenario('blood-pressure'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def tried(text: str, *overrides: str) -> None:
    """Load: a scenario or a printable `ConfigurationError`; any other exception fails the test."""
    try:
        assert isinstance(parse_scenario(text, "a.yaml", SHIPPED, overrides), Scenario)
    except ConfigurationError as error:
        assert error.problems
        for line in str(error).splitlines():
            assert line.startswith(("a.yaml", "blood-pressure.", "--set", "... and "))
        str(error).encode()


TOKENS = GOOD.replace("{", " { ").replace("}", " } ").split(" ")
PIECES = st.one_of(st.sampled_from([*TOKENS, "null", "-1", "1e300", "[]", "{}", "*a", "&a", "\t"]), st.text(max_size=5))


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), PIECES), min_size=1, max_size=4))
def test_a_mutated_document_gives_a_scenario_or_the_one_error(edits: list[tuple[int, int, str]]) -> None:
    text = GOOD
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    tried(text)


def paths(value: object, path: str) -> list[str]:
    """The dotted paths of all values below `path`."""
    items: list[tuple[object, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    below = [found for key, child in items for found in paths(child, f"{path}.{key}" if path else str(key))]
    return [path, *below] if path else below


def all_paths() -> list[str]:
    return paths(parse(GOOD, "a.yaml").root.plain(), "") + paths(parse(SERVICE, "s.yaml").root.plain(), "service")


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(TOKENS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TOKENS), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(all_paths()), VALUES), min_size=1, max_size=3))
def test_any_value_anywhere_gives_a_scenario_or_the_one_error(changes: list[tuple[str, object]]) -> None:
    tried(GOOD, *(f"{path}={json.dumps(value)}" for path, value in changes))
