"""The steps of figure 6 in the sequence chart (R71-R79)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from net4ai.app.report.figure_6 import STEPS, numbered, step_of
from net4ai.app.report.roles import Roles
from net4ai.app.report.sequence_chart import sequence_chart
from net4ai.app.report.trace_lines import TraceLine
from net4ai.codecs import link, nas
from net4ai.codecs.bus import BODIES

UE = "ue-1/1"
PROCEDURES = Path(__file__).parents[4] / "docs/spec/procedures.md"


def test_every_message_of_the_table_exists() -> None:
    known = {
        "bus": set(BODIES),
        "NAS": {message.NAME for message in nas.Nas.FAMILY.messages.values()},
        "T4": {message.NAME for message in link.Link.FAMILY.messages.values()},
    }
    known["T8"] = known["T4"]
    assert list(STEPS) == list(range(1, 9))
    for links in STEPS.values():
        for name, messages in links.items():
            assert set(messages) <= known[name]


def test_the_table_agrees_with_the_specification() -> None:
    """The numbers that are drawn in its diagram of an execution."""
    drawn = re.findall(r"->>\w+: (\d) (.+)$", PROCEDURES.read_text(), re.MULTILINE)
    assert len(drawn) >= 6
    for number, message in drawn:
        for name in re.sub(r" \(.*?\)", "", message).split(" or "):
            steps = {step_of(each, name) for each in ("bus", "NAS", "T4")} - {None}
            assert steps == {int(number)}, name


@pytest.mark.parametrize(
    ("where", "message", "step"),
    [
        ("bus", "ExecuteRoutine", 1),
        ("bus", "Done", None),  # the reply; on T4 it ends a turn
        ("T4", "Done", 5),
        ("NAS", "Routine Invite", 3),
        ("Uu", "Routine Invite", 3),
        ("Uu", "DEP message", 5),
        ("T8", "Session Add", 4),
        ("Uu", "Start", None),
        ("NAS", "Consent", None),
        ("bus", "RoutineFinished", 8),
    ],
)
def test_step_of_a_message(where: str, message: str, step: int | None) -> None:
    assert step_of(where, message) == step


def test_steps_are_numbered_in_the_chart() -> None:
    story = [
        ("core", "bus", "ExecuteRoutine", "task-manager"),
        ("ran-1", "T4", "Invite", "as-1"),
        ("core", "NAS", "Routine Invite", UE),
        (UE, "NAS", "Routine Accept", "core"),
        (UE, "Uu", "DEP message", "ran-1"),
        ("as-1", "T4", "Complete", "ran-1"),
        ("core", "NAS", "Routine Complete", UE),
        ("core", "bus", "RoutineFinished", "task-manager"),
        (UE, "NAS", "Consent", "core"),
    ]
    lines = [
        TraceLine(time, node, "message", link=where, message=name, direction="out", peer=peer, ids={"ue": UE})
        for time, (node, where, name, peer) in enumerate(story)
    ]
    chart = sequence_chart(lines, UE, Roles())
    places = [chart.index(numbered(step_of(where, name), name)) for _, where, name, _ in story]
    assert places == sorted(places)
    assert "① ExecuteRoutine" in chart and "⑧ RoutineFinished" in chart and "③ Routine Invite" in chart
    assert "step 6 of figure 6" in chart
    assert ">Consent<" in chart
