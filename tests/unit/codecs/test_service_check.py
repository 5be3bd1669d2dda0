"""The checker of descriptions against an independent, naive one: it accepts exactly what that accepts (R6-R12, R43)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from net4ai.codecs.service import (
    EventTrigger,
    Function,
    Job,
    JobTrigger,
    Model,
    Privacy,
    Quality,
    Resources,
    Routine,
    ServiceDescription,
    Setting,
    Task,
    TerminalsTrigger,
    TimeTrigger,
)
from net4ai.codecs.service_check import ENTRY_POINT, Fault, allowed_cuts, check_service_description, terminals_take_part

RAN_NODES = ["ran-1", "ran-2"]


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Nine in ten times the usual."""
    return st.integers(0, 9 * len(others) or 1).map(lambda n: others[n] if n < len(others) else usual)


def service(**changes: Any) -> ServiceDescription:
    values: dict[str, Any] = {
        "name": "s",
        "provider": "p",
        "purpose": "to know",
        "functions": {
            "ue": Function(kind="abstract", entry_point="a"),
            "ran": Function(kind="concrete", entry_point="m:B", place="ran-node"),
            "edge": Function(kind="concrete", entry_point="c", place="edge"),
        },
        "routines": {"low": Routine(client="ue", server="ran"), "high": Routine(client="ran", server="edge")},
        "tasks": {"one": Task(chain=("low", "high"))},
        "jobs": {"all": Job(tasks=("one",))},
        "privacy": Privacy(raw_data_allowed=True),
    }
    return ServiceDescription(**values | changes)


@st.composite
def functions(draw: st.DrawFn) -> dict[str, Function]:
    found = dict(service().functions)
    found["edge"] = Function(
        kind="concrete",
        entry_point=draw(mostly("c", "a.b:C", "a:", ":C", "a b")),
        place=draw(mostly("edge", None, "any")),
    )
    found["ue"] = Function(
        kind="abstract",
        entry_point="a",
        place=draw(mostly(None, "edge")),
        instances=draw(mostly(0, 1)),
        resources=draw(mostly(Resources(), Resources(cpu=1))),
    )
    return found


@st.composite
def routines(draw: st.DrawFn) -> dict[str, Routine]:
    split = draw(st.booleans())
    return {
        "low": Routine(
            client=draw(mostly("ue", "x", "ran", "edge")),
            server=draw(mostly("ran", "ue", "edge", "y")),
            split=split,
            quality=draw(
                mostly(
                    Quality(),
                    Quality(five_qi=130, maximum_kbps=9),
                    Quality(guaranteed_kbps=5, maximum_kbps=5),
                    Quality(five_qi=140),
                    Quality(five_qi=9, guaranteed_kbps=5),
                    Quality(guaranteed_kbps=6, maximum_kbps=5),
                )
            ),
        ),
        "high": Routine(
            client=draw(mostly("ran", "ue")), server="edge", quality=draw(mostly(Quality(), Quality(priority=1)))
        ),
    }


TASKS = ("one", "two", "three")
JOBS = ("a", "b", "c")
CHAINS = [("low",), ("low", "high"), ("high",)]


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Task]:
    found = {}
    for place, name in enumerate(TASKS):
        earlier = st.lists(st.sampled_from(TASKS[:place]), unique=True) if place else st.just([])
        depends_on = draw(earlier) if draw(st.integers(0, 5)) else draw(st.lists(st.sampled_from([*TASKS, "no"])))
        chain = draw(
            st.sampled_from(CHAINS) if draw(st.integers(0, 9)) else st.sampled_from([("high", "low"), ("no",)])
        )
        found[name] = Task(chain=chain, depends_on=tuple(depends_on))
    return found


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Job]:
    found = {}
    for place, name in enumerate(JOBS):
        others = JOBS[:place] if draw(st.integers(0, 3)) else (*JOBS, "no")
        triggers = [
            st.just("request"),
            st.just(EventTrigger(event="e")),
            st.builds(TerminalsTrigger, at_least=st.just(2), node=mostly("", "ran-2", "edge")),
            st.builds(TimeTrigger, after_s=st.just(1.0), every_s=mostly(0.0, 0.5, 1.0)),
            *([st.builds(JobTrigger, job=st.sampled_from(others))] if others else []),
        ]
        wanted = TASKS if draw(st.integers(0, 4)) else tuple(draw(st.lists(st.sampled_from(TASKS), min_size=1)))
        found[name] = Job(tasks=wanted, trigger=draw(st.one_of(triggers)))
    return found


@st.composite
def descriptions(draw: st.DrawFn) -> ServiceDescription:
    """Half of the parts are right, so that many descriptions are, too."""
    changes: dict[str, Any] = {
        "privacy": Privacy(k=draw(mostly(4, 4097, 0)), raw_data_allowed=draw(mostly(True, False)))
    }
    for key, strategy in (("functions", functions()), ("routines", routines())):
        if draw(st.booleans()):
            changes[key] = draw(strategy)
    if draw(st.booleans()):
        changes |= {"tasks": draw(tasks()), "jobs": draw(jobs())}
    if draw(st.booleans()):
        cut = st.builds(
            Setting, default=st.sampled_from([1, 1, 0, 1.5]), at_least=mostly(0, None, 1), at_most=mostly(2, None, 300)
        )
        changes["settings"] = {"cut": draw(cut)}
    if draw(st.booleans()):
        changes["model"] = Model(neurons=draw(st.sampled_from([(4, 3, 1), (4, 1)])))
    return service(**changes)


# ---------------------------------------------------------------------------------------------------------------------
# The naive checker


def in_a_circle(edges: dict[str, set[str]]) -> bool:
    """By squaring the relation until nothing is new."""
    pairs = {(name, other) for name, others in edges.items() for other in others}
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return any(a == b for a, b in pairs)


def acceptable(s: ServiceDescription) -> bool:
    kinds = {name: function.kind for name, function in s.functions.items()}
    for function in s.functions.values():
        parts = function.entry_point.split(":")
        if " " in function.entry_point or "" in parts:
            return False
        plain = function.place is None and function.instances == 0 and function.resources == Resources()
        if not plain if function.kind == "abstract" else function.place is None:
            return False
    for routine in s.routines.values():
        if routine.client not in kinds or kinds.get(routine.server) != "concrete" or routine.client == routine.server:
            return False
        if kinds[routine.client] == "concrete" and routine.quality != Quality():
            return False
        quality = routine.quality
        if quality.five_qi == 140 or quality.guaranteed_kbps > (quality.maximum_kbps if quality.five_qi == 128 else 0):
            return False
        if kinds[routine.client] == "abstract" and not routine.split and not s.privacy.raw_data_allowed:
            return False
    for task in s.tasks.values():
        if not set(task.chain) <= set(s.routines) or not set(task.depends_on) <= set(s.tasks):
            return False
        ends = [(s.routines[name].client, s.routines[name].server) for name in task.chain]
        if any(ends[place][1] != ends[place + 1][0] for place in range(len(ends) - 1)):
            return False
    if in_a_circle({name: set(task.depends_on) for name, task in s.tasks.items()}):
        return False
    followed = {name: {job.trigger.job} for name, job in s.jobs.items() if isinstance(job.trigger, JobTrigger)}
    if not set().union(*followed.values()) <= set(s.jobs) or in_a_circle(followed):
        return False
    return all(acceptable_job(s, job, kinds) for job in s.jobs.values()) and acceptable_numbers(s)


def acceptable_job(s: ServiceDescription, job: Job, kinds: dict[str, str]) -> bool:
    wanted = set(job.tasks)
    if len(wanted) < len(job.tasks) or not all(set(s.tasks[task].depends_on) <= wanted for task in wanted):
        return False
    if isinstance(job.trigger, TerminalsTrigger):
        clients = {kinds[s.routines[name].client] for task in wanted for name in s.tasks[task].chain}
        return "abstract" in clients and job.trigger.node in ("", *RAN_NODES)
    return not isinstance(job.trigger, TimeTrigger) or job.trigger.every_s == 0 or job.trigger.every_s >= 1


def acceptable_numbers(s: ServiceDescription) -> bool:
    if s.privacy.k not in range(1, 4097):
        return False
    cut = s.settings.get("cut")
    if cut is not None:
        lowest = -1 if cut.at_least is None else cut.at_least
        highest = 1000 if cut.at_most is None else cut.at_most
        if not lowest <= cut.default <= highest:
            return False
    if not any(routine.split for routine in s.routines.values()):
        return True
    blocks = 255 if s.model is None else len(s.model.neurons) - 1
    return (
        cut is not None
        and isinstance(cut.default, int)
        and cut.at_least is not None
        and cut.at_most is not None
        and cut.at_most <= blocks
        and (cut.default > 0 or s.privacy.raw_data_allowed)
    )


@settings(max_examples=600, deadline=None)
@given(descriptions())
def test_it_accepts_what_the_naive_checker_accepts(s: ServiceDescription) -> None:
    faults = list(check_service_description(s, RAN_NODES))
    assert (not faults) == acceptable(s), [str(fault) for fault in faults]
    event("accepted" if not faults else "refused")
    for fault in faults:
        holder, missing = found(s, fault)
        assert not missing or fault.complaint == "missing", f"{fault} is not in the document, which ends at {holder}"
        assert "\n" not in str(fault)


def found(s: ServiceDescription, fault: Fault) -> tuple[Any, bool]:
    """What the fault's path leads to, and whether its last key is missing there."""
    place: Any = s
    for key in fault.path:
        following = (
            place.get(key) if isinstance(place, dict) else place[key] if isinstance(key, int) else getattr(place, key)
        )
        if following is None:
            return place, True
        place = following
    return place, False


def test_the_smallest_service_is_accepted() -> None:
    """R1, R2, R9, R13, R17: one function of terminals, one of the network, a routine, a task, a job; no learning."""
    smallest = service(
        functions={name: service().functions[name] for name in ("ue", "ran")},
        routines={"low": Routine(client="ue", server="ran")},
        tasks={"one": Task(chain=("low",))},
    )
    assert list(check_service_description(smallest)) == []
    assert terminals_take_part(smallest, "all")


def test_training_and_inference_are_two_jobs_and_validation_depends_on_training() -> None:
    """R15, by its structure."""
    trained = service(
        tasks={
            "train": Task(chain=("low", "high"), repeat="until-stop"),
            "validate": Task(chain=("low",), depends_on=("train",)),
            "infer": Task(chain=("low",)),
            "sum": Task(chain=("high",)),
        },
        jobs={
            "training": Job(tasks=("train", "validate")),
            "inference": Job(tasks=("infer",)),
            "sum": Job(tasks=("sum",)),
        },
    )
    assert list(check_service_description(trained)) == []
    assert [terminals_take_part(trained, job) for job in trained.jobs] == [True, True, False]


@pytest.mark.parametrize(
    ("at_least", "at_most", "raw", "cuts"),
    [(0, 4, True, range(5)), (0, 4, False, range(1, 5)), (2, 4, True, range(2, 5)), (None, 4, True, range(0))],
)
def test_cuts(at_least: float | None, at_most: float, raw: bool, cuts: range) -> None:
    """R19, R20."""
    setting = Setting(default=1, at_least=at_least, at_most=at_most)
    assert allowed_cuts(service(settings={"cut": setting}, privacy=Privacy(raw_data_allowed=raw))) == cuts


@pytest.mark.parametrize("text", ["data-source", "a", "a.b", "3d", "m:C", "a.b_c.d1:C2"])
def test_entry_points(text: str) -> None:
    assert ENTRY_POINT.fullmatch(text)


@pytest.mark.parametrize("text", ["", "a b", "-a", ":C", "m:", "m:C:D", "a..b:C", "../m:C", "m:C.d", "1a:C", "ä"])
def test_no_entry_points(text: str) -> None:
    assert not ENTRY_POINT.fullmatch(text)
