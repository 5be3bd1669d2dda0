"""Service descriptions: the shipped one, and refusals with the path in the document (R7, R8, R10 and others)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from net4ai.app.scenario import load_scenario
from net4ai.app.service_description import load_service_description
from net4ai.app.yaml_document import ConfigurationError
from net4ai.codecs.service import Setting

GOOD = """\
name: counting
provider: nobody
purpose: Count.
functions:
  sensor: {kind: abstract, entry_point: data-source}
  counter: {kind: concrete, entry_point: local-training, place: ran-node}
  total: {kind: concrete, entry_point: global-training, place: edge}
routines:
  bottom: {client: sensor, server: counter}
  top: {client: counter, server: total}
tasks:
  count: {chain: [bottom, top]}
  check: {chain: [bottom], depends_on: [count]}
jobs:
  count: {tasks: [check, count]}
settings:
  step: {default: 0.5, above: 0, at_most: 1}
"""

Load = Callable[[str], list[str]]


@pytest.fixture
def problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """The lines of the error that a description gives; none when it is accepted."""
    monkeypatch.chdir(tmp_path)

    def load(text: str) -> list[str]:
        Path("s.yaml").write_text(text)
        try:
            load_service_description("s.yaml")
        except ConfigurationError as error:
            return str(error).splitlines()
        return []

    return load


def test_the_shipped_description_says_what_the_case_study_needs() -> None:
    service = load_scenario("blood-pressure").service
    assert [(name, function.kind, function.place) for name, function in service.functions.items()] == [
        ("data-source", "abstract", None),
        ("local-training", "concrete", "ran-node"),
        ("global-training", "concrete", "edge"),
    ]
    assert service.tasks["training"].chain == ("bottom", "top")
    assert service.routines["bottom"].sequential
    assert service.routines["bottom"].split


def test_the_good_description_is_accepted(problems: Load) -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "server: counter}",
            "server: sensor}",
            ["s.yaml:9: routines.bottom.server: sensor is abstract: a terminal cannot be a routine server (R10); "
             "allowed: counter, total"],
        ),
        (
            "server: total}",
            "server: totals}",
            ['s.yaml:10: routines.top.server: no function "totals"; did you mean total? '
             "allowed: sensor, counter, total"],
        ),
        (
            "server: total}",
            "server: counter}",
            ["s.yaml:10: routines.top.server: counter is the client too; a routine joins two functions (R8)"],
        ),
        (
            "[bottom, top]}",
            "[bottom, middle]}",
            ['s.yaml:12: tasks.count.chain.1: no routine "middle"; allowed: bottom, top'],
        ),
        (
            "[bottom, top]}",
            "[top, bottom]}",
            ["s.yaml:12: tasks.count.chain.1: bottom does not join top: its client is sensor, not total (R8)"],
        ),
        (
            "chain: [bottom]",
            "chain: []",
            ["s.yaml:13: tasks.check.chain: [] is not allowed; allowed: at least 1 of them"],
        ),
        (
            "depends_on: [count]",
            "depends_on: [cuont]",
            ['s.yaml:13: tasks.check.depends_on.0: no task "cuont"; did you mean count? allowed: count, check'],
        ),
        (
            "count: {chain: [bottom, top]}",
            "count: {chain: [bottom, top], depends_on: [check]}",
            ["s.yaml:12: tasks.count.depends_on: tasks depend on each other in a circle (R7): count -> check -> count"],
        ),
        (
            "tasks: [check, count]",
            "tasks: [check]",
            ["s.yaml:15: jobs.count.tasks.0: check depends on count, which is not in this job (R6)"],
        ),
        (
            "tasks: [check, count]",
            "tasks: [check, count, check]",
            ["s.yaml:15: jobs.count.tasks.2: check is given twice"],
        ),
        (
            "tasks: [check, count]",
            "tasks: [nothing]",
            ['s.yaml:15: jobs.count.tasks.0: no task "nothing"; allowed: count, check'],
        ),
        (
            "entry_point: data-source",
            "entry_point: data-sauce",
            ['s.yaml:5: functions.sensor.entry_point: no installed function "data-sauce"; did you mean data-source? '
             "allowed: data-source, echo, global-training, local-training"],
        ),
        (
            ", place: edge",
            "",
            ["s.yaml:7: functions.total.place: missing; allowed: ran-node, edge"],
        ),
        (
            "entry_point: data-source",
            "entry_point: data-source, place: edge",
            ["s.yaml:5: functions.sensor.place: not allowed for an abstract function, "
             "which is the terminals and has no place (R12)"],
        ),
        (
            "place: edge",
            "place: moon",
            ['s.yaml:7: functions.total.place: "moon" is not allowed; allowed: edge, ran-node or null'],
        ),
        (
            "settings:",
            "privacy: {k: 0}\nsettings:",
            ["s.yaml:16: privacy.k: 0 is not allowed; allowed: an integer from 1 to 65519"],
        ),
        (
            "default: 0.5",
            "default: 1.5",
            ["s.yaml:17: settings.step.default: 1.5 is not allowed; allowed: a number above 0 and at most 1"],
        ),
        (
            "default: 0.5, above: 0, at_most: 1",
            "default: fast, at_most: 1, one_of: [slow]",
            ['s.yaml:17: settings.step.default: "fast" is not allowed; allowed: slow',
             's.yaml:17: settings.step.at_most: only for numbers, the default is "fast"'],
        ),
        (
            "server: counter}",
            "server: counter, split: true}",
            ["s.yaml:16: settings.cut: missing; allowed: {default: 1, at_least: 0, at_most: blocks of the model}; "
             "routine bottom is split"],
        ),
        (
            "  counter: {",
            "  1 counter: {",
            ["s.yaml:6: functions.1 counter: not a name; "
             "allowed: a name: a letter, then up to 31 letters, digits, hyphens or _"],
        ),
        (
            "jobs:\n  count: {tasks: [check, count]}\n",
            "",
            ["s.yaml:1: jobs: missing; allowed: a mapping from names to mappings with the keys tasks, trigger"],
        ),
    ],
)  # fmt: skip
def test_refusals_name_the_path_in_the_document(problems: Load, old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new)) == expected


def test_a_longer_circle_is_found_behind_tasks_that_lead_into_it(problems: Load) -> None:
    text = GOOD.replace("chain: [bottom, top]}", "chain: [bottom, top], depends_on: [b]}").replace(
        "jobs:", "  a: {chain: [top], depends_on: [b]}\n  b: {chain: [top], depends_on: [a]}\njobs:"
    )
    assert "s.yaml:15: tasks.b.depends_on: tasks depend on each other in a circle (R7): b -> a -> b" in problems(text)


def test_a_circle_is_found_beside_tasks_without_one(problems: Load) -> None:
    text = GOOD.replace("jobs:", "  a: {chain: [top], depends_on: [a]}\njobs:")
    assert problems(text) == ["s.yaml:14: tasks.a.depends_on: tasks depend on each other in a circle (R7): a -> a"]


@pytest.mark.parametrize(
    ("setting", "value", "accepted"),
    [
        (Setting(default=1, at_least=0, at_most=4), 4, True),
        (Setting(default=1, at_least=0, at_most=4), 5, False),
        (Setting(default=1), 1.0, False),
        (Setting(default=1), True, False),
        (Setting(default=0.5, above=0), 1, True),
        (Setting(default=0.5, above=0), 0, False),
        (Setting(default=0.5), "1", False),
        (Setting(default=True), False, True),
        (Setting(default=True), 1, False),
        (Setting(default="a", one_of=("a", "b")), "b", True),
        (Setting(default="a", one_of=("a", "b")), "c", False),
        (Setting(default="a"), "c", True),
    ],
)
def test_a_setting_accepts_its_type_within_its_limits(setting: Setting, value: object, accepted: bool) -> None:
    assert setting.accepts(value) is accepted
