"""`net4ai run`, `net4ai check`, and a node by itself: `net4ai core`, `net4ai ran-node` and so on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from net4ai.app.commands.common import count, failed, overrides, scenario_arguments

NODE_COMMANDS = {
    "core": "the core: control plane and routine manager",
    "ran-node": "a RAN node with its compute plane function",
    "edge": "an edge with its forwarding plane function",
    "app-server": "an application server",
    "ue": "UEs, many in one process",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of this group."""
    run = commands.add_parser("run", help="run a scenario: start all nodes, run its job, write a report")
    scenario_arguments(run)
    run.add_argument("--rounds", type=int, metavar="N", help="rounds at most (as --set settings.rounds=N)")
    run.add_argument("--seed", type=int, metavar="N", help="seed of the run (as --set seed=N)")
    run.add_argument("--capture", type=Path, metavar="FILE", help="write a pcapng file that Wireshark reads")
    run.add_argument(
        "--key-log",
        action="store_true",
        help="write keys to keys.ndjson, capture protected RRC and NAS in clear too (as --set key_log=true)",
    )
    run.add_argument("--report", type=Path, metavar="DIR", help="folder of the report; default: runs/SCENARIO-TIME")
    run.add_argument("--in-process", action="store_true", help="all nodes in one process, under virtual time")
    run.set_defaults(command=_run)

    check = commands.add_parser("check", help="check a scenario and its service description")
    scenario_arguments(check)
    check.set_defaults(command=_check)

    for kind, doc in NODE_COMMANDS.items():
        node = commands.add_parser(kind, help=f"run {doc}")
        node.add_argument("file", type=Path, metavar="FILE", help="the node's file, as `net4ai run` writes them")
        if kind == "ue":
            node.add_argument("--count", type=count, metavar="N", help="so many of the file's UEs only")
        node.set_defaults(command=_node, kind=kind, count=None)


def _run(options: argparse.Namespace) -> int:
    from net4ai.app.progress import Display
    from net4ai.app.runner import Options, RunFailed, run_scenario
    from net4ai.app.scenario import Scenario, load_scenario
    from net4ai.stack.timers import TIMERS

    scenario = load_scenario(options.scenario, overrides(options), TIMERS)
    folder = options.report or Path("runs") / f"{scenario.name}-{datetime.now():%Y%m%d-%H%M%S}"
    run_options = Options(folder, options.capture, options.in_process)
    try:
        if scenario.compare_paths:
            from net4ai.app.path_comparison import compare_paths

            def load(further: Sequence[str]) -> Scenario:
                return load_scenario(options.scenario, [*overrides(options), *further], TIMERS)

            compare_paths(load, scenario.compare_paths, run_options, Display())
        else:
            run_scenario(scenario, run_options, Display())
    except RunFailed as error:
        return failed(str(error), 1)
    except OSError as error:
        return failed(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    return 0


def _check(options: argparse.Namespace) -> int:
    from net4ai.app.scenario import load_scenario, warnings
    from net4ai.stack.timers import TIMERS

    scenario = load_scenario(options.scenario, overrides(options), TIMERS)
    for warning in warnings(scenario):
        print(f"warning: {warning}")
    nodes = ", ".join(node.name for node in scenario.ran_nodes)
    print(
        f"{scenario.name}: ok. {scenario.ue_count} UEs at {nodes}; edge {scenario.edge.name}; "
        f"service {scenario.service.name}, job {scenario.job}; k {scenario.k}"
    )
    return 0


def _node(options: argparse.Namespace) -> int:
    from net4ai.app.node_process import NodeFileError, run_node

    try:
        run_node(options.kind, options.file, options.count)
    except NodeFileError as error:
        return failed(str(error), 2)
    return 0
