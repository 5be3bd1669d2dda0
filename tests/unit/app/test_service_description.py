"""Service descriptions: the shipped one, and refusals with the path, in YAML, in Python and at the core alike.

R1-R13, R15, R17, R42, R43, R82: the model of services; R7, R8, R10: what is refused.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from net4ai.app.scenario import load_scenario
from net4ai.app.service_description import check_service_description, load_service_description
from net4ai.app.yaml_document import ConfigurationError, parse
from net4ai.codecs import service_check
from net4ai.codecs.five_qi import CHARACTERISTICS
from net4ai.codecs.service import (
    ENTRY_POINT_GROUP,
    EventTrigger,
    Function,
    Job,
    JobTrigger,
    Model,
    Privacy,
    Routine,
    ServiceDescription,
    Setting,
    Task,
    TerminalsTrigger,
    TimeTrigger,
)

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
privacy: {raw_data_allowed: true}
"""
TRIGGERED = "  again: {tasks: [count], trigger: {on: job, job: count}}\nsettings:"

INSTALLED = sorted(point.name for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))

FIVE_QIS = ", ".join(map(str, sorted(CHARACTERISTICS)))

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
             f"allowed: {', '.join(INSTALLED)}"],
        ),
        (
            ", place: edge",
            "",
            ["s.yaml:7: functions.total.place: missing; allowed: ran-node, edge, any"],
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
            ['s.yaml:7: functions.total.place: "moon" is not allowed; allowed: any, edge, ran-node or null'],
        ),
        (
            "kind: abstract",
            "kind: abstract, instances: 2, resources: {cpu: 1}",
            ["s.yaml:5: functions.sensor.instances: not allowed for an abstract function, "
             "which is the terminals and is not instantiated (R12)",
             "s.yaml:5: functions.sensor.resources: not allowed for an abstract function, "
             "which is the terminals and takes no resources of the network (R12)"],
        ),
        (
            "entry_point: data-source",
            "entry_point: 'a.b:'",
            ['s.yaml:5: functions.sensor.entry_point: "a.b:" is not allowed; '
             "allowed: the name of an installed function, or module:Class"],
        ),
        (
            "entry_point: data-source",
            "entry_point: mine.functions:Sensor",
            ["s.yaml:5: functions.sensor.entry_point: functions of the module mine.functions are not allowed; "
             "function_modules or --module names what is"],
        ),
        (
            "provider: nobody",
            "provider: nobody\nprovider_code: ../x",
            ['s.yaml:3: provider_code: "../x" is not allowed; '
             "allowed: the name of an installed provider, or module:Class"],
        ),
        (
            "client: counter,",
            "client: counter, quality: {five_qi: 130},",
            ["s.yaml:10: routines.top.quality: only where the client is a terminal; counter is concrete (R102)"],
        ),
        (
            "client: sensor,",
            "client: sensor, quality: {five_qi: 140},",
            [f"s.yaml:9: routines.bottom.quality.five_qi: 140 is not allowed; allowed: {FIVE_QIS}"],
        ),
        (
            "client: sensor,",
            "client: sensor, quality: {five_qi: 9, guaranteed_kbps: 5},",
            ["s.yaml:9: routines.bottom.quality.guaranteed_kbps: 5 is not allowed: 5QI 9 is non-GBR: its flows have no "
             "guaranteed bit rate (TS 23.501 5.7.3.2)"],
        ),
        (
            "client: sensor,",
            "client: sensor, quality: {guaranteed_kbps: 5, maximum_kbps: 4},",
            ["s.yaml:9: routines.bottom.quality.maximum_kbps: 4 is not allowed: less than is guaranteed "
             "(TS 23.501 5.7.2.5)"],
        ),
        (
            "settings:",
            TRIGGERED.replace("job: count}", "job: conut}"),
            ['s.yaml:16: jobs.again.trigger.job: no job "conut"; did you mean count? allowed: count, again'],
        ),
        (
            "settings:",
            TRIGGERED.replace("job: count}", "job: again}"),
            ["s.yaml:16: jobs.again.trigger: jobs start each other in a circle, each waiting for the other: "
             "again -> again"],
        ),
        (
            "settings:",
            TRIGGERED.replace("on: job, job: count", "on: time, after_s: 1, every_s: 0.5"),
            ["s.yaml:16: jobs.again.trigger.every_s: 0.5 is not allowed; allowed: 0, or a number from 1 to 31536000"],
        ),
        (
            "settings:",
            TRIGGERED.replace("on: job, job: count", "on: thyme, after_s: 1"),
            ['s.yaml:16: jobs.again.trigger.on: "thyme" is not allowed; did you mean time? '
             "allowed: event, job, terminals, time"],
        ),
        (
            "settings:",
            TRIGGERED.replace("on: job, job: count", "on: [job]"),
            ['s.yaml:16: jobs.again.trigger.on: ["job"] is not allowed; allowed: event, job, terminals, time'],
        ),
        (
            "settings:",
            TRIGGERED.replace("on: job, job: count", "job: count"),
            ["s.yaml:16: jobs.again.trigger.on: missing; allowed: event, job, terminals, time"],
        ),
        (
            "settings:",
            TRIGGERED.replace("on: job, job: count", "on: terminals, at_lest: 4"),
            ["s.yaml:16: jobs.again.trigger.at_lest: unknown key; did you mean at_least? allowed: on, at_least, node",
             "s.yaml:16: jobs.again.trigger.at_least: missing; allowed: an integer from 1 to 65519"],
        ),
        (
            "settings:",
            TRIGGERED.replace("{on: job, job: count}", "never"),
            ['s.yaml:16: jobs.again.trigger: "never" is not allowed; '
             "allowed: request or a mapping with on: event, job, terminals, time"],
        ),
        (
            "privacy: {",
            "privacy: {k: 4097, ",
            ["s.yaml:18: privacy.k: 4097 is not allowed; "
             "allowed: an integer from 1 to 4096, the clients that one server can have"],
        ),
        (
            "privacy: {",
            "privacy: {k: 0, ",
            ["s.yaml:18: privacy.k: 0 is not allowed; allowed: an integer from 1 to 65519"],
        ),
        (
            "privacy: {raw_data_allowed: true}\n",
            "",
            ["s.yaml:1: privacy.raw_data_allowed: routine bottom splits no model: its terminals give raw data (R20); "
             "allowed: true, or no such routine"],
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
            ["s.yaml:1: jobs: missing; allowed: a mapping from names to mappings with the keys tasks, trigger, "
             "session_kbps"],
        ),
    ],
)  # fmt: skip
def test_refusals_name_the_path_in_the_document(problems: Load, old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new)) == expected


def plain_good() -> Any:
    return parse(GOOD, "good").root.plain()


SPLIT = ("routines", "bottom", "split"), True
CUT = ("settings", "cut"), {"default": 1, "at_least": 1, "at_most": 2}
ON_TERMINALS = {"on": "terminals", "at_least": 3, "node": "ran-1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], []),
        ([SPLIT, CUT], []),
        ([SPLIT, CUT, (("model",), {"neurons": [4, 3, 1]})], []),
        ([(("jobs", "count", "trigger"), ON_TERMINALS)], []),
        ([(("functions", "total", "place"), "any"), (("functions", "total", "instances"), 3)], []),
        ([(("tasks", "count", "depends_on"), ["check"])],
         ["tasks.count.depends_on: tasks depend on each other in a circle (R7): count -> check -> count"]),
        ([(("tasks", "check", "depends_on"), ["cuont"])],
         ['tasks.check.depends_on[0]: no task "cuont"; did you mean count? allowed: count, check']),
        ([(("routines", "bottom", "server"), "sensor")],
         ["routines.bottom.server: sensor is abstract: a terminal cannot be a routine server (R10); "
          "allowed: counter, total"]),
        ([(("routines", "bottom", "client"), "senzor")],
         ['routines.bottom.client: no function "senzor"; did you mean sensor? allowed: sensor, counter, total']),
        ([(("privacy", "k"), 5000)],
         ["privacy.k: 5000 is not allowed; "
          "allowed: an integer from 1 to 4096, the clients that one server can have"]),
        ([(("tasks", "sum"), {"chain": ["top"]}),
          (("jobs", "sum"), {"tasks": ["sum"], "trigger": {"on": "terminals", "at_least": 3}})],
         ["jobs.sum.trigger: no terminals take part in this job: nobody is asked for consent (R59)"]),
        ([(("jobs", "a"), {"tasks": ["count"], "trigger": {"on": "job", "job": "b"}}),
          (("jobs", "b"), {"tasks": ["count"], "trigger": {"on": "job", "job": "a"}})],
         ["jobs.a.trigger: jobs start each other in a circle, each waiting for the other: a -> b -> a"]),
        ([SPLIT],
         ["settings.cut: missing; "
          "allowed: {default: 1, at_least: 0, at_most: blocks of the model}; routine bottom is split"]),
        ([SPLIT, (("settings", "cut"), {"default": 0.5})],
         ["settings.cut: this is not a range of cuts; "
          "allowed: {default: 1, at_least: 0, at_most: blocks of the model}; routine bottom is split"]),
        ([SPLIT, CUT, (("model",), {"neurons": [4, 1]})],
         ["settings.cut.at_most: 2.0 is not allowed; allowed: at most 1, the blocks of the model"]),
        ([SPLIT, (("settings", "cut"), {"default": 1, "at_least": 1, "at_most": 256})],
         ["settings.cut.at_most: 256.0 is not allowed; allowed: at most 255, as the cut is one octet"]),
        ([(("privacy", "raw_data_allowed"), False)],
         ["privacy.raw_data_allowed: routine bottom splits no model: its terminals give raw data (R20); "
          "allowed: true, or no such routine"]),
        ([SPLIT, CUT, (("privacy", "raw_data_allowed"), False)], []),
        ([SPLIT, (("settings", "cut"), {"default": 0, "at_least": 0, "at_most": 2}),
          (("privacy", "raw_data_allowed"), False)],
         ["settings.cut.default: 0 is not allowed; "
          "allowed: 1 or more, because the service does not allow raw data (R20)"]),
    ],
)  # fmt: skip
def test_the_same_words_in_yaml_in_python_and_at_the_core(
    problems: Load, changes: list[tuple[tuple[str, ...], Any]], expected: list[str]
) -> None:
    plain = plain_good()
    for path, value in changes:
        place = plain
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    service = msgspec.convert(plain, ServiceDescription)
    assert [str(fault) for fault in service_check.check_service_description(service)] == expected
    with_dots = [re.sub(r"\[(\d+)]", r".\1", line) for line in expected]
    assert problems(json.dumps(plain)) == [f"s.yaml:1: {line}" for line in with_dots]
    if expected:
        with pytest.raises(ConfigurationError) as caught:
            check_service_description(service)
        assert str(caught.value).splitlines() == [f"counting: {line}" for line in with_dots]
    else:
        check_service_description(service)


def in_python(**changes: Any) -> ServiceDescription:
    """The good description, written in Python."""
    values: dict[str, Any] = {
        "name": "counting",
        "provider": "nobody",
        "purpose": "Count.",
        "functions": {
            "sensor": Function(kind="abstract", entry_point="data-source"),
            "counter": Function(kind="concrete", entry_point="local-training", place="ran-node"),
            "total": Function(kind="concrete", entry_point="global-training", place="edge"),
        },
        "routines": {
            "bottom": Routine(client="sensor", server="counter"),
            "top": Routine(client="counter", server="total"),
        },
        "tasks": {"count": Task(chain=("bottom", "top")), "check": Task(chain=("bottom",), depends_on=("count",))},
        "jobs": {"count": Job(tasks=("check", "count"))},
        "privacy": Privacy(raw_data_allowed=True),
        "settings": {"step": Setting(default=0.5, above=0, at_most=1)},
    }
    return ServiceDescription(**values | changes)


def test_one_struct_for_yaml_and_python(tmp_path: Path) -> None:
    """R42."""
    (tmp_path / "s.yaml").write_text(GOOD)
    assert load_service_description(tmp_path / "s.yaml") == in_python()
    check_service_description(in_python())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"privacy": Privacy(k=0)}, ["privacy.k: 0 is not allowed; allowed: an integer from 1 to 65519"]),
        ({"model": Model(neurons=(1,))}, ["model.neurons: [1] is not allowed; allowed: at least 2 of them"]),
        (
            {"jobs": {"count": Job(tasks=("check", "count"), trigger=TimeTrigger(after_s=0))}},
            ["jobs.count.trigger.after_s: 0 is not allowed; allowed: a number above 0 and at most 31536000"],
        ),
        (
            {"jobs": {"count": Job(tasks=("count",), trigger=EventTrigger(event="not a name"))}},
            [
                'jobs.count.trigger.event: "not a name" is not allowed; '
                "allowed: a name: a letter, then up to 31 letters, digits, hyphens or _"
            ],
        ),
    ],
)  # fmt: skip
def test_what_python_lets_pass_is_refused_by_the_schema(changes: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_service_description(in_python(**changes))
    assert str(caught.value).splitlines() == [f"counting: {line}" for line in expected]


def test_all_kinds_of_triggers_are_read_from_yaml(tmp_path: Path) -> None:
    """R4."""
    more = """
  a: {tasks: [count], trigger: {on: event, event: now}}
  b: {tasks: [count], trigger: {on: job, job: count}}
  c: {tasks: [count], trigger: {on: terminals, at_least: 3, node: ran-1}}
  d: {tasks: [count], trigger: {on: time, after_s: 1.5, every_s: 60}}
  e: {tasks: [count], trigger: request}
settings:"""
    (tmp_path / "s.yaml").write_text(GOOD.replace("\nsettings:", more))
    jobs = load_service_description(tmp_path / "s.yaml").jobs
    assert [jobs[name].trigger for name in "abcde"] == [
        EventTrigger(event="now"),
        JobTrigger(job="count"),
        TerminalsTrigger(at_least=3, node="ran-1"),
        TimeTrigger(after_s=1.5, every_s=60),
        "request",
    ]


def test_functions_of_allowed_modules_may_be_named(tmp_path: Path) -> None:
    text = GOOD.replace("entry_point: data-source", "entry_point: mine.functions:Sensor")
    (tmp_path / "s.yaml").write_text(text)
    for allowed in ("mine", "mine.functions"):
        load_service_description(tmp_path / "s.yaml", [allowed])
    for other in ("min", "mine.func", "mine.functions.more"):
        with pytest.raises(ConfigurationError, match=f"function_modules or --module names what is; allowed: {other}"):
            load_service_description(tmp_path / "s.yaml", [other])


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
