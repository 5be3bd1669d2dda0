"""From what a run left behind to its report: traces joined, the reference trained, report.json and report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from net4ai.app.fidelity import training_record
from net4ai.app.plan import identity, terminal_name
from net4ai.app.progress import Display
from net4ai.app.report import Fidelity, Metric, Node, RunFacts, write_report
from net4ai.app.results import Results
from net4ai.app.scenario import Scenario, ue_subscribers, warnings
from net4ai.app.trace_join import TraceJoiner
from net4ai.functions.learning import reference
from net4ai.functions.learning.split_model import Split
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
    verdict = fidelity(scenario, results, trace)
    subscribers = ue_subscribers(scenario)
    joiner = TraceJoiner(
        {identity(s): terminal_name(s) for s in subscribers}, {terminal_name(s): s.group.ran_node for s in subscribers}
    )
    history, best = results.evaluator.history, results.evaluator.best
    final: dict[str, float] = {}
    note = ""
    if history and best is not None:
        final = {
            "mae": best.metrics.test_mae,
            "mae_last_round": history[-1].test_mae,
            "validation_mae": best.metrics.validation_mae,
        }
        note = (
            f"model of round {best.metrics.round + 1} of {len(history)}, best by validation; "
            f"last round {history[-1].test_mae:.2f}"
        )
    facts = RunFacts(
        scenario=scenario.name,
        seed=scenario.seed,
        metric=Metric("mae", "Test MAE", "mmHg", note),
        baselines={"mean predictor": results.baselines.mean_predictor, "ridge": results.baselines.ridge},
        final_metrics=final,
        metrics_by_round={m.round: {"mae": m.test_mae, "validation_mae": m.validation_mae} for m in history},
        fidelity=verdict,
        topology=topology(scenario),
        capture=str(capture) if capture else None,
        traces=[str(path) for path in traces],
        started_at=started_at,
        warnings=[*warnings(scenario), *([VIRTUAL_TIME] if virtual else [])],
    )
    report = write_report(folder, facts, joiner.join(trace))
    _say(results, verdict, report.duration_s, virtual, display)
    display.plain(f"report    {folder / 'report.html'}")
    if (model := results.save(folder)) is not None:
        display.plain(f"model     {model}")
    if capture is not None:
        display.plain(f"capture   {capture}")


def _say(results: Results, verdict: Fidelity, duration: float, virtual: bool, display: Display) -> None:
    """The lines that matter, on the screen."""
    history, best = results.evaluator.history, results.evaluator.best
    display.plain()
    if best is not None:
        display.plain(
            f"test MAE  {best.metrics.test_mae:.2f} mmHg, the model of round {best.metrics.round + 1}, best by "
            f"validation; last round {history[-1].test_mae:.2f}; ridge {results.baselines.ridge:.2f}, "
            f"mean predictor {results.baselines.mean_predictor:.2f}"
        )
    reason = f" ({verdict.reason})" if verdict.reason else ""
    display.plain(f"fidelity  {verdict.verdict}{reason}: the network's weights beside plain torch in the same order")
    display.plain(f"duration  {duration:.1f} s{' of virtual time' if virtual else ''}")


def fidelity(scenario: Scenario, results: Results, trace: list[dict[str, Any]]) -> Fidelity:
    """Train what the trace says was trained, in plain torch, and compare bit for bit."""
    numbers = {identity(s): s.number for s in ue_subscribers(scenario)}
    split = next((name for name, routine in scenario.service.routines.items() if routine.split), "")
    record = training_record(trace, split, numbers)
    newest = results.evaluator.newest
    if record.undefined or newest is None:
        return Fidelity("not defined", record.undefined or "no model came out")
    expected = reference.train(
        results.settings,
        record.schedule(),
        scenario.ue_count,
        averaging=Split.of(int(scenario.settings["cut"]), results.blocks) is Split.TOP,
    )
    found = reference.verdict(expected, newest.state)
    if found.identical:
        return Fidelity("identical", "", 0.0)
    return Fidelity("different", "", found.largest_difference)


def topology(scenario: Scenario) -> list[Node]:
    """The nodes of a scenario, for the picture."""
    nodes = [Node("core", "core"), Node(scenario.edge.name, "edge", "core")]
    for node in scenario.ran_nodes:
        count = sum(group.count for group in scenario.ue_groups if group.ran_node == node.name)
        nodes.append(Node(node.name, "RAN node", "core", count))
        nodes.append(Node(f"{node.name}-app-server", "application server", node.name))
    nodes.append(Node(f"{scenario.edge.name}-app-server", "application server", scenario.edge.name))
    nodes.append(Node("application-controller", "application controller", scenario.edge.name))
    nodes += [Node(group.name, "UE", group.ran_node, group.count) for group in scenario.ue_groups]
    return nodes
