"""From what a run left behind to its report: traces joined, the provider's findings, report.json and report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from net4ai.app.fidelity import routine_record
from net4ai.app.plan import identity, terminal_name
from net4ai.app.progress import Display
from net4ai.app.report import Fidelity, Finding, Metric, Node, RunFacts, write_report
from net4ai.app.results import Results
from net4ai.app.scenario import Scenario, ue_subscribers, warnings
from net4ai.app.trace_join import TraceJoiner
from net4ai.codecs.envelope import controller_name
from net4ai.functions.provider import Findings
from net4ai.stack.io.trace_file import merge_traces

VIRTUAL_TIME = "All times are virtual: this run was in one process, and computing took no time."


def write_run_report(
    scenario: Scenario,
    results: Results,
    folder: Path,
    capture: Path | None,
    started_at: str,
    virtual: bool,
    display: Display,
) -> None:
    """Write the report into `folder` and say what is in it. `virtual`: the run's times are virtual."""
    traces = sorted((folder / "trace").glob("*.ndjson"))
    trace = merge_traces(traces)
    found = find(scenario, results, trace)
    subscribers = ue_subscribers(scenario)
    joiner = TraceJoiner(
        {identity(s): terminal_name(s) for s in subscribers}, {terminal_name(s): s.group.ran_node for s in subscribers}
    )
    facts = run_facts(scenario, found)
    facts.capture = str(capture) if capture else None
    facts.traces = [str(path) for path in traces]
    facts.started_at = started_at
    facts.warnings = [*warnings(scenario), *([VIRTUAL_TIME] if virtual else [])]
    report = write_report(folder, facts, joiner.join(trace))
    display.plain()
    for line in found.lines:
        display.plain(line)
    display.plain(f"duration  {report.duration_s:.1f} s{' of virtual time' if virtual else ''}")
    display.plain(f"report    {folder / 'report.html'}")
    for path in results.save(folder):
        display.plain(f"{'model' if path.suffix == '.safetensors' else 'result':<9} {path}")
    if capture is not None:
        display.plain(f"capture   {capture}")


def find(scenario: Scenario, results: Results, trace: list[dict[str, Any]]) -> Findings:
    """What the provider makes of its results, and of who the trace says took part."""
    numbers = {identity(s): s.number for s in ue_subscribers(scenario)}
    return results.provider.findings(lambda routine: routine_record(trace, routine, numbers))


def run_facts(scenario: Scenario, found: Findings) -> RunFacts:
    """The findings, as the report has them."""
    facts = RunFacts(
        scenario=scenario.name,
        seed=scenario.seed,
        metric=None,
        fidelity=None,
        findings=[Finding(t.title, list(t.columns), [list(row) for row in t.rows], t.note) for t in found.tables],
        topology=topology(scenario),
    )
    if (learning := found.learning) is not None:
        facts.metric = Metric(learning.metric, learning.label, learning.unit, learning.note)
        facts.baselines = dict(learning.baselines)
        facts.final_metrics = dict(learning.final)
        facts.metrics_by_round = {round: dict(metrics) for round, metrics in learning.by_round.items()}
        facts.fidelity = Fidelity(learning.verdict, learning.reason, learning.largest_difference)
    return facts


def topology(scenario: Scenario) -> list[Node]:
    """The nodes of a scenario, for the picture."""
    nodes = [Node("core", "core"), Node(scenario.edge.name, "edge", "core")]
    for node in scenario.ran_nodes:
        count = sum(group.count for group in scenario.ue_groups if group.ran_node == node.name)
        nodes.append(Node(node.name, "RAN node", "core", count))
        nodes.append(Node(f"{node.name}-app-server", "application server", node.name))
    nodes.append(Node(f"{scenario.edge.name}-app-server", "application server", scenario.edge.name))
    nodes.append(Node(controller_name(scenario.service.provider), "application controller", scenario.edge.name))
    nodes += [Node(group.name, "UE", group.ran_node, group.count) for group in scenario.ue_groups]
    return nodes
