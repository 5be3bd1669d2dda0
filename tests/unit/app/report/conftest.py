"""A small synthetic run as the trace tells it: two RAN nodes, an edge, UEs in two processes, a few rounds.

Follows figure 6 and section 3.3 of the paper as this emulator does them; times, sizes and losses come from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from net4ai.app.report import Fidelity, Metric, Node, RunFacts

MS = 1_000_000
START = 1_760_000_000_000_000_000

Line = dict[str, Any]
SyntheticTrace = Callable[..., list[Line]]


class Writer:
    """Collects trace lines; both ends of a message are seen."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[Line] = []
        self.now = START

    def wait(self, milliseconds: float) -> None:
        self.now += round(milliseconds * MS * self.random.uniform(0.8, 1.2))

    def add(self, node: str, kind: str, **fields: Any) -> None:
        self.lines.append({"time": self.now, "node": node, "kind": kind, **fields})

    def message(self, sender: str, receiver: str, link: str, name: str, size: int, ms: float = 0.4, **ids: Any) -> None:
        seen: Line = {"link": link, "message": name, "size": size, **({"ids": ids} if ids else {})}
        self.add(sender, "message", direction="out", peer=receiver, **seen)
        self.wait(ms)
        self.add(receiver, "message", direction="in", peer=sender, **seen)

    def procedure(self, node: str, name: str, since: int, outcome: str = "done", **ids: Any) -> None:
        self.add(node, "procedure", procedure=name, outcome=outcome, duration=self.now - since, ids=ids)


def attach(run: Writer, ue: str, ran: str, c_rnti: int) -> None:
    """From random access to a computing bearer."""
    begun = run.now
    air = {"ue": ue, "c_rnti": c_rnti}
    run.message(ue, ran, "Uu", "RRC Setup Request", 24, **air)
    run.message(ran, ue, "Uu", "RRC Setup", 96, **air)
    run.message(ue, ran, "Uu", "RRC Setup Complete", 40, **air)
    run.procedure(ue, "RRC setup", begun, ue=ue)
    registered = run.now
    for name, way, size in (
        ("Registration Request", "up", 64),
        ("Registration Accept", "down", 72),
        ("Job Announcement", "down", 180),
        ("Consent", "up", 48),
    ):
        hops = [(ue, ran, "Uu"), (ran, "core", "N2")] if way == "up" else [("core", ran, "N2"), (ran, ue, "Uu")]
        for sender, receiver, link in hops:
            run.message(sender, receiver, link, name, size + (16 if link == "N2" else 8), **air)
        if name == "Registration Accept":
            run.procedure(ue, "registration", registered, ue=ue)
            run.add(ue, "state", message="UE registered", ids={"ue": ue})
        run.wait(2)
    asked = run.now
    run.message(ue, ran, "Uu", "Computing Request", 56, **air)
    run.message(ran, "core", "N2", "Computing Request", 72, **air)
    run.message("core", ran, "N2", "Session Setup Request", 140, **air)
    run.message(ran, ue, "Uu", "RRC Reconfiguration", 152, **air)
    run.message(ue, ran, "Uu", "RRC Reconfiguration Complete", 20, **air)
    run.message(ran, "core", "N2", "Session Setup Response", 44, **air)
    run.message("core", ran, "N2", "Computing Accept", 60, **air)
    run.message(ran, ue, "Uu", "Computing Accept", 52, **air)
    run.procedure(ue, "computing request", asked, ue=ue)


def turn(run: Writer, ue: str, ran: str, number: int, batches: int, loss: float) -> None:
    """One client turn: start, batches of activations up and gradients down, done."""
    server, air = f"{ran}-app-server", {"ue": ue, "round": number}
    begun = run.now
    run.message("core", ran, "N2", "Routine Start", 60, **air)
    run.message(ran, ue, "Uu", "Routine Start", 48, **air)
    for _ in range(batches):
        run.wait(3)
        run.message(ue, ran, "Uu", "DEP message", 33_000, ms=2, **air)
        run.message(ran, server, "T4", "DEP message", 33_000, ms=0.5, **air)
        run.wait(4)
        run.message(server, ran, "T4", "DEP message", 32_800, ms=0.5, **air)
        if run.random.random() < loss:
            run.add(ue, "drop", link="Uu", drop="failed transport block", message="DEP message", peer=ran, ids=air)
        run.message(ran, ue, "Uu", "DEP message", 32_800, ms=2, **air)
    run.message(ue, ran, "Uu", "Routine Done", 40, **air)
    run.message(ran, "core", "N2", "Routine Done", 52, **air)
    run.procedure(ue, "client turn", begun, **air)


def synthetic_trace(
    seed: int = 1, rounds: int = 2, ues: int = 6, batches: int = 12, loss: float = 0.05
) -> list[dict[str, Any]]:
    """Lines of a whole run, in order of time."""
    run = Writer(seed)
    where = {f"ue-{1 + index % 2}/{1 + index // 2}": f"ran-{1 + index % 2}" for index in range(ues)}
    run.message("edge", "core", "bus", "attach", 240)
    for c_rnti, (ue, ran) in enumerate(where.items(), 17):
        run.wait(5)
        attach(run, ue, ran, c_rnti)
    if ues > 1:
        run.add("core", "procedure", procedure="registration", outcome="timeout", duration=500 * MS)
    run.add("core", "state", message="waiting for k", ids={"k": 3, "available": 2})
    run.wait(800)
    for number in range(rounds):
        began = run.now
        run.add("core", "state", message="execution begun", ids={"round": number, "routine": "local training"})
        for ue, ran in where.items():
            run.message("core", ran, "N2", "Routine Invite", 96, ue=ue, round=number)
            run.message(ran, ue, "Uu", "Routine Invite", 80, ue=ue, round=number)
            run.message(ue, ran, "Uu", "Routine Accept", 64, ue=ue, round=number)
            run.message(ran, "core", "N2", "Routine Accept", 80, ue=ue, round=number)
        for ue, ran in where.items():
            turn(run, ue, ran, number, batches, loss)
        for ran in ("ran-1", "ran-2"):
            run.message(f"{ran}-app-server", ran, "T4", "DEP message", 210_000)
            run.message(ran, "edge", "T8", "DEP message", 210_000, ms=3)
        run.procedure("core", "routine local training", began)
        run.wait(120)
        error = 12.3 + 6 * 0.72**number + run.random.uniform(-0.08, 0.08)
        run.add("edge-app-server", "progress", ids={"round": number, "mae": f"{error:.4f}", "clients": ues})
        run.message("core", "edge", "bus", "execution done", 310)
    for ue, ran in where.items():
        run.message(ran, ue, "Uu", "RRC Release", 16, ue=ue)
    return run.lines


def synthetic_facts(**changes: Any) -> RunFacts:
    """What the runner would add to that trace."""
    facts: dict[str, Any] = {
        "scenario": "blood-pressure",
        "seed": 1,
        "metric": Metric(name="mae", label="Test MAE", unit="mmHg"),
        "baselines": {"mean predictor": 15.31, "ridge": 12.42},
        "fidelity": Fidelity(verdict="identical", max_abs_difference=0.0),
        "topology": [
            Node("core", "core"),
            Node("edge", "edge", "core"),
            Node("edge-app-server", "application server", "edge"),
            Node("ran-1", "RAN node", "core", 3),
            Node("ran-1-app-server", "application server", "ran-1"),
            Node("ran-2", "RAN node", "core", 3),
            Node("ran-2-app-server", "application server", "ran-2"),
            Node("ue-1", "UE", "ran-1", 3),
            Node("ue-2", "UE", "ran-2", 3),
        ],
        "capture": "run.pcapng",
        "traces": ["traces/core.ndjson", "traces/ran-1.ndjson"],
    }
    return RunFacts(**{**facts, **changes})


@pytest.fixture
def trace() -> list[Line]:
    """A run of two rounds."""
    return synthetic_trace()


@pytest.fixture
def facts() -> RunFacts:
    """The runner's facts about it."""
    return synthetic_facts()


@pytest.fixture
def make_trace() -> SyntheticTrace:
    """`synthetic_trace`, for runs of other sizes."""
    return synthetic_trace


@pytest.fixture
def make_facts() -> Callable[..., RunFacts]:
    """`synthetic_facts`, for other facts."""
    return synthetic_facts
