from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

from net4ai.app.report import Fidelity, Metric, NetworkEvent, Node, RunFacts, build_report, render_html
from net4ai.app.report.trace_lines import understand

Line = dict[str, Any]
HOSTILE = "</style></script><script>alert('x')</script><img src=x onerror=alert(1)>\"'&\x00"


def page_of(facts: RunFacts, trace: list[Line]) -> str:
    return render_html(build_report(facts, trace), understand(trace)[0])


def parse(page: str) -> ElementTree.Element:
    """The page is well-formed XML too."""
    return ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))


def told(page: str) -> str:
    return " ".join(" ".join(parse(page).itertext()).split())


def test_the_page_tells_the_run(trace: list[Line], facts: RunFacts) -> None:
    report = build_report(facts, trace)
    text = told(page_of(facts, trace))
    assert report.headline is not None
    for piece in (
        "blood-pressure", "seed 1", f"{report.headline:.4g} mmHg", "mean predictor 15.31 mmHg", "ridge 12.42 mmHg",
        "✓ identical", "run.pcapng", "traces/core.ndjson", "Learning curve", "Bytes per round",
        "registration timeout 1", "failed transport block", "The life of ue-1/1", "waiting for k", "6 UEs, core",
    ):  # fmt: skip
        assert piece in text, piece


def test_the_page_loads_nothing(trace: list[Line], facts: RunFacts) -> None:
    page = page_of(facts, trace)
    assert not re.findall(r"<(script|img|iframe|object|link)\b", page)
    assert not re.findall(r"@import|url\(|\bsrc=|\bon\w+=", page)
    addresses = set(re.findall(r"\w+://[^\"'\s<]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert all(link.startswith("./") for link in re.findall(r'href="([^"]*)"', page))


def test_both_schemes_and_paper(trace: list[Line], facts: RunFacts) -> None:
    page = page_of(facts, trace)
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    used = set(re.findall(r"var\(--([\w-]+)\)", page)) - {"c"}
    defined = set(re.findall(r"--([\w-]+):", page))
    assert used <= defined


def test_an_empty_run_is_a_page() -> None:
    text = told(page_of(RunFacts(scenario="x", seed=0), []))
    assert "not defined" in text
    assert "nothing was dropped" in text


def test_a_page_of_one_line() -> None:
    for kind in ("message", "drop", "procedure", "state", "progress"):
        parse(page_of(RunFacts(scenario="x", seed=0), [{"time": 1, "node": "ue-1/1", "kind": kind}]))


def test_hostile_strings_stay_text(make_facts: Callable[..., RunFacts]) -> None:
    facts = make_facts(
        scenario=HOSTILE,
        metric=Metric(HOSTILE, HOSTILE, HOSTILE),
        baselines={HOSTILE: 1.0},
        final_metrics={HOSTILE: 2.0},
        metrics_by_round={0: {HOSTILE: 2.0}},
        fidelity=Fidelity(verdict="different", reason=HOSTILE, max_abs_difference=0.5),
        topology=[Node(HOSTILE, "RAN node", HOSTILE)],
        events=[NetworkEvent(HOSTILE, detail=HOSTILE)],
        capture="javascript:alert(1)",
        traces=[HOSTILE],
        started_at=HOSTILE,
        warnings=[HOSTILE],
        insecure=True,
    )
    line: Line = {
        "time": 1, "node": f"ue-1/{HOSTILE}", "peer": HOSTILE, "link": HOSTILE, "message": HOSTILE, "drop": HOSTILE,
        "procedure": HOSTILE, "outcome": HOSTILE, "ids": {"ue": HOSTILE, HOSTILE: HOSTILE, "round": 0},
    }  # fmt: skip
    kinds = ("message", "drop", "procedure", "state", "progress", HOSTILE)
    page = page_of(facts, [{**line, "kind": kind} for kind in kinds])
    parse(page)
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="./javascript%3Aalert%281%29"' in page


def test_a_wrong_verdict_and_a_test_run_are_told(trace: list[Line], make_facts: Callable[..., RunFacts]) -> None:
    facts = make_facts(
        fidelity=Fidelity(verdict="different", reason="lossy compression", max_abs_difference=0.001),
        insecure=True,
        warnings=["ue-2 left"],
    )
    text = told(page_of(facts, trace))
    assert "✗ different" in text
    assert "greatest difference 0.001. lossy compression" in text
    assert "insecure" in text
    assert "ue-2 left" in text
