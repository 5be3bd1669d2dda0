"""One execution as figure 6 of the paper tells it: a terminal, its server, and the core's entities between them."""

from __future__ import annotations

from collections.abc import Sequence

from net4ai.app.report.figure_6 import BUS, step_of
from net4ai.app.report.folding import Step
from net4ai.app.report.roles import Roles
from net4ai.app.report.trace_lines import TraceLine
from net4ai.app.report.traffic import ends

CORE = frozenset({"task-manager", "access-manager"})
"""Who speaks of an execution on the bus, beside its routine manager and the forwarding function of its server."""
FORWARDING_FUNCTION = "fpf/"
OUTCOME = 6
"""The step with which an execution begins to end."""
BEGINS, ENDED = "execution begins", "execution ended"


def steps_of_execution(lines: Sequence[TraceLine], ue: str, roles: Roles) -> tuple[int, list[Step]]:
    """Number and steps of the first execution that `ue` takes part in, in order; 0 where the trace tells of none.

    Of several servers the one at the UE's RAN node is shown. What is said on the bus does not name its execution: what
    the same entities say meanwhile of another one is shown too.
    """
    parts = (number_of(line) for line in lines if line.node == ue and line.kind == "message")
    number = min((number for number in parts if number), default=0)
    own = [line for line in lines if number and number_of(line) == number]
    begins = next((line for line in own if line.message == BEGINS), None)
    if begins is None:
        return 0, []
    node, server = _server(own, ue)
    entities = CORE | {begins.node, FORWARDING_FUNCTION + node}
    ended = next((line.time for line in own if line.message == ENDED), lines[-1].time)
    shown = [
        *_at_ue(own, ue, roles),
        *_at_server(own, node, server, roles),
        *_on_bus(lines, entities, begins.time, ended),
    ]
    return number, sorted(shown, key=lambda step: (step.time, step_of(step.link, step.name) or 0))


def number_of(line: TraceLine) -> int:
    """The execution that a line names; 0: none."""
    number = line.ids.get("execution")
    return number if type(number) is int and number > 0 else 0


def _server(own: Sequence[TraceLine], ue: str) -> tuple[str, str]:
    """A forwarding function that has invited an application server, and that; best the UE's own RAN node."""
    near = {line.peer for line in own if line.node == ue}
    invited = {
        (line.node, line.peer) for line in own if (line.link, line.message, line.direction) == ("T4", "Invite", "out")
    }
    return min(invited, key=lambda pair: (pair[0] not in near, pair), default=("", ""))


def _at_ue(own: Sequence[TraceLine], ue: str, roles: Roles) -> list[Step]:
    return [_step(line, roles) for line in own if line.node == ue and _is_shown(line)]


def _at_server(own: Sequence[TraceLine], node: str, server: str, roles: Roles) -> list[Step]:
    """What the two say to each other, as its sender has traced it."""
    pairs = {(node, server), (server, node)}
    return [
        _step(line, roles)
        for line in own
        if line.link == "T4" and line.direction == "out" and (line.node, line.peer) in pairs and _is_shown(line)
        and line.message != "DEP message"  # those of other clients are among them
    ]  # fmt: skip


def _on_bus(lines: Sequence[TraceLine], entities: frozenset[str], begins: int, ended: int) -> list[Step]:
    """What the entities say to each other, each once, from Execute Routine to Routine Finished."""
    said: dict[tuple[str, str], Step] = {}
    for line in lines:
        if line.link == BUS and line.direction == "out" and _is_shown(line):
            identity, kind, sender, to = (str(line.ids.get(name, "")) for name in ("id", "kind", "sender", "to"))
            if sender in entities and to in entities:
                step = Step("message", line.time, line.message, _lane(sender), _lane(to), BUS, line.size)
                said.setdefault((identity, kind), step)
    steps = list(said.values())
    first = max((s.time for s in steps if s.name == "ExecuteRoutine" and s.time <= begins), default=begins)
    last = min((s.time for s in steps if s.name == "RoutineFinished" and s.time >= ended), default=ended)
    return [step for step in steps if first <= step.time < last] + _at_the_end([s for s in steps if s.time == last])


def _at_the_end(steps: Sequence[Step]) -> list[Step]:
    """Under virtual time the next execution is begun, and may be over, in the moment this one ends: only ends count."""
    firsts: dict[object, Step] = {}
    for step in steps:
        if (step_of(BUS, step.name) or 0) >= OUTCOME:
            firsts.setdefault(step.key, step)
    return list(firsts.values())


def _lane(entity: str) -> str:
    """A forwarding function is its node."""
    return entity.removeprefix(FORWARDING_FUNCTION)


def _is_shown(line: TraceLine) -> bool:
    return line.kind == "message" and step_of(line.link, line.message) is not None


def _step(line: TraceLine, roles: Roles) -> Step:
    sender, receiver = ends(line, roles)
    return Step("message", line.time, line.message, sender, receiver, line.link, line.size)
