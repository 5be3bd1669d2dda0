from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.app.report.roles import Roles
from net4ai.app.report.sequence_chart import sequence_chart, steps_of
from net4ai.app.report.trace_lines import TraceLine, understand

SVG = "{http://www.w3.org/2000/svg}"
UE = "ue-1/1"
HOSTILE = "</svg><script>alert(1)</script>\x00&\"'"


def drawn(lines: list[TraceLine], ue: str = UE) -> ElementTree.Element:
    return ElementTree.fromstring(sequence_chart(lines, ue, Roles()))


def texts(chart: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in chart.iter(f"{SVG}text")]


def arrows(chart: ElementTree.Element) -> int:
    """Arrows, without those of the legend."""
    paths = [path for path in chart.iter(f"{SVG}path") if path.get("class") == "arrow"]
    return sum("H" in path.get("d", "") for path in paths)


def test_a_small_life_is_drawn_in_full(make_trace: Callable[..., list[dict[str, Any]]]) -> None:
    lines, _ = understand(make_trace(rounds=1, batches=1, loss=0))
    chart = drawn(lines)
    own = [line for line in lines if line.kind == "message" and line.direction == "out" and line.ids.get("ue") == UE]
    assert arrows(chart) == len(own)
    told = texts(chart)
    for name in ("RRC Setup Request", "Consent", "Computing Accept", "⑤ Routine Done", "RRC Release"):
        assert name in told
    assert "ue-1/1" in told
    assert "ue-1/2" not in told
    assert any(text.startswith("registration · ") for text in told)


@pytest.mark.parametrize(("rounds", "batches"), [(1, 300), (15, 12), (40, 3)])
def test_a_long_life_stays_readable(make_trace: Callable[..., list[dict[str, Any]]], rounds: int, batches: int) -> None:
    lines, _ = understand(make_trace(rounds=rounds, batches=batches, ues=2))
    chart = drawn(lines)
    assert arrows(chart) <= 80
    assert any("more DEP messages" in text for text in texts(chart))
    assert rounds == 1 or any(f"{rounds - 1} more times" in text for text in texts(chart))


def test_drops_are_red_and_name_their_reason(make_trace: Callable[..., list[dict[str, Any]]]) -> None:
    lines, _ = understand(make_trace(rounds=1, loss=1.0, ues=2))
    chart = drawn(lines)
    lost = [group for group in chart.iter(f"{SVG}g") if group.get("class") == "lost"]
    assert len(lost) == 1
    assert "failed transport block" in "".join(lost[0].itertext())
    assert any(" drops" in text for text in texts(chart))


def test_pauses_are_marked() -> None:
    def message(time: int, name: str) -> TraceLine:
        return TraceLine(time, UE, "message", link="Uu", message=name, direction="out", peer="ran-1")

    lines = [message(time, f"m{time}") for time in (0, 1_000_000, 2_000_000, 3_500_000_000)]
    assert "3.5 s later" in texts(drawn(lines))


def test_a_failed_procedure_tells_its_cause() -> None:
    lines = [
        TraceLine(0, UE, "message", message="Registration Request", direction="out", peer="ran-1", link="Uu"),
        TraceLine(500_000_000, UE, "procedure", procedure="registration", outcome="timeout", duration=500_000_000),
    ]
    assert "registration · timeout after 500 ms" in texts(drawn(lines))


def test_no_trace_is_told() -> None:
    assert texts(drawn([])) == ["the trace tells nothing of a UE"]
    assert texts(drawn([], "")) == ["the trace tells nothing of a UE"]


def test_a_message_both_ends_saw_is_one_step() -> None:
    lines = [
        TraceLine(1, UE, "message", message="Consent", direction="out", peer="ran-1", link="Uu"),
        TraceLine(2, "ran-1", "message", message="Consent", direction="in", peer=UE, link="Uu"),
    ]
    (step,) = steps_of(lines, UE, Roles())
    assert (step.time, step.sender, step.receiver) == (1, UE, "ran-1")


@pytest.mark.parametrize("kind", ["message", "drop", "state", "procedure"])
def test_hostile_names_stay_text(kind: str) -> None:
    line = TraceLine(
        1, UE, kind, link=HOSTILE, message=HOSTILE, peer=HOSTILE, drop=HOSTILE, procedure=HOSTILE, outcome=HOSTILE
    )
    known = TraceLine(0, UE, "message", message="Consent", direction="out", peer="ran-1", link="Uu")
    chart = sequence_chart([known, line], UE, Roles())
    assert "<script" not in chart
    ElementTree.fromstring(chart)


NODES = st.sampled_from([UE, "ran-1", "core", ""])


@given(
    st.lists(
        st.builds(
            TraceLine,
            st.integers(0, 10**10), NODES, st.sampled_from(["message", "drop", "state", "procedure"]),
            link=st.sampled_from(["Uu", "N2", ""]), message=st.sampled_from("ab"),
            direction=st.sampled_from(["in", "out", ""]), peer=NODES, duration=st.integers(0, 10**9),
            ids=st.sampled_from([{}, {"ue": UE}]),
        ),
        max_size=80,
    )
)  # fmt: skip
def test_any_life_can_be_drawn(lines: list[TraceLine]) -> None:
    chart = drawn(sorted(lines, key=lambda line: line.time))
    assert arrows(chart) <= 80
