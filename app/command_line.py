"""The command line: a thin layer over the Python API."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from net4ai.app.yaml_document import ConfigurationError


def main(arguments: Sequence[str] | None = None) -> None:
    """`net4ai ...`. Ends with 0, with 1 where the run failed, with 2 where what was given is wrong."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # A shell that starts us in the background has SIGINT ignored: whoever sends it all the same means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(options.command(options))
    except ConfigurationError as error:
        sys.exit(_failed(str(error), 2))
    except KeyboardInterrupt:
        sys.exit(_failed("interrupted; all nodes were ended", 130))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="net4ai", description="Emulator of NET4AI, a 6G network that runs AI jobs.")
    top.add_argument("--version", action="version", version=f"net4ai {version('net4ai')}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a scenario: start all nodes, run its job, write a report")
    _scenario_arguments(run)
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
    _scenario_arguments(check)
    check.set_defaults(command=_check)

    _node_commands(commands)
    _conformance_command(commands)
    _pcap_command(commands)
    _capture_command(commands)

    wireshark = commands.add_parser("wireshark", help="the Wireshark plugin").add_subparsers(required=True)
    install = wireshark.add_parser("install", help="copy plugin and profile to where Wireshark finds them")
    install.add_argument("--target", type=Path, metavar="DIR", help="a Wireshark configuration folder of its own")
    install.set_defaults(command=_wireshark_install)
    return top


def _scenario_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("scenario", metavar="SCENARIO", help="name of a shipped scenario, or a YAML file")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value for a key of the scenario, as links.radio.loss=0.02; may be repeated",
    )


def _conformance_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("conformance", help="test whether an implementation follows the specification")
    command.add_argument(
        "--role", choices=("ue", "ran-node", "function"), help="what the target is; --list does without"
    )
    command.add_argument(
        "--target",
        default="self",
        metavar="ADDR",
        help="ran-node: HOST:PORT of its radio; ue and function: HOST:PORT where the tester listens for it; "
        "self (default): a node of our own is started and tested",
    )
    n2 = "127.0.0.1:46412"  # the port of net4ai.codecs.n2
    command.add_argument("--n2", default=n2, metavar="ADDR", help=f"ran-node: where its N2 connects to; default: {n2}")
    command.add_argument("--pics", type=Path, metavar="FILE", help="conformance statement; default: net4ai's own")
    command.add_argument("--only", nargs="+", default=[], metavar="ID", help="identities of cases, or beginnings")
    command.add_argument("--cases", nargs="+", type=Path, default=[], metavar="FILE", help="Python files of own cases")
    command.add_argument("--report", type=Path, metavar="DIR", help="folder of the report; default: runs/...")
    command.add_argument("--list", action="store_true", help="print the cases, run none")
    command.set_defaults(command=_conformance)


def _pcap_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    pcap = commands.add_parser("pcap", help="show a capture as a ladder in the terminal")
    pcap.add_argument("file", metavar="FILE", help="a pcapng file; -: standard input")
    for option, metavar, doc in (
        ("--link", "LINK", "one link: Uu, N2, bus, T4, T8"),
        ("--node", "NAME", "packets from or to a node; its UEs are part of it"),
        ("--only", "TYPE", "a protocol or a message, as RRC, DEP, DATA, 'RRC Setup'"),
    ):
        pcap.add_argument(option, action="append", default=[], metavar=metavar, help=f"{doc}; may be repeated")
    pcap.add_argument("--from", dest="begin", type=float, metavar="S", help="from this second of the capture on")
    pcap.add_argument("--to", dest="end", type=float, metavar="S", help="up to this second of the capture")
    pcap.add_argument("--width", type=_count, metavar="N", help="columns of the screen; default: as wide as it is")
    pcap.add_argument("--json", action="store_true", help="one JSON object a line")
    pcap.set_defaults(command=_pcap)


def _capture_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    capture = commands.add_parser("capture", help="what a run captures, while it runs, as one pcapng stream")
    capture.add_argument("--live", type=Path, metavar="DIR", required=True, help="report folder of the run")
    where = capture.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, metavar="FILE", help="a file or FIFO; default: standard output")
    where.add_argument("--wireshark", action="store_true", help="start Wireshark, with the profile where installed")
    capture.set_defaults(command=_capture)


NODE_COMMANDS = {
    "core": "the core: control plane and routine manager",
    "ran-node": "a RAN node with its compute plane function",
    "edge": "an edge with its forwarding plane function",
    "app-server": "an application server",
    "ue": "UEs, many in one process",
}


def _node_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for kind, doc in NODE_COMMANDS.items():
        node = commands.add_parser(kind, help=f"run {doc}")
        node.add_argument("file", type=Path, metavar="FILE", help="the node's file, as `net4ai run` writes them")
        if kind == "ue":
            node.add_argument("--count", type=_count, metavar="N", help="so many of the file's UEs only")
        node.set_defaults(command=_node, kind=kind, count=None)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: an integer of at least 1")
    return int(text)


def _overrides(options: argparse.Namespace) -> list[str]:
    overrides: list[str] = list(options.set)
    if getattr(options, "rounds", None) is not None:
        overrides.append(f"settings.rounds={options.rounds}")
    if getattr(options, "seed", None) is not None:
        overrides.append(f"seed={options.seed}")
    if getattr(options, "key_log", False):
        overrides.append("key_log=true")
    return overrides


def _run(options: argparse.Namespace) -> int:
    from net4ai.app.progress import Display
    from net4ai.app.runner import Options, RunFailed, run_scenario
    from net4ai.app.scenario import load_scenario
    from net4ai.stack.timers import TIMERS

    scenario = load_scenario(options.scenario, _overrides(options), TIMERS)
    folder = options.report or Path("runs") / f"{scenario.name}-{datetime.now():%Y%m%d-%H%M%S}"
    try:
        run_scenario(scenario, Options(folder, options.capture, options.in_process), Display())
    except RunFailed as error:
        return _failed(str(error), 1)
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    return 0


def _check(options: argparse.Namespace) -> int:
    from net4ai.app.scenario import load_scenario, warnings
    from net4ai.stack.timers import TIMERS

    scenario = load_scenario(options.scenario, _overrides(options), TIMERS)
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
        return _failed(str(error), 2)
    return 0


def _conformance(options: argparse.Namespace) -> int:
    from net4ai.app.conformance import run_command

    return run_command(options)


def _pcap(options: argparse.Namespace) -> int:
    from net4ai.app.pcap_command import show_capture

    return show_capture(options)


def _capture(options: argparse.Namespace) -> int:
    from net4ai.app.live_capture import follow_run

    return follow_run(options.live, options.out, options.wireshark)


def _wireshark_install(options: argparse.Namespace) -> int:
    from net4ai.app import wireshark

    try:
        written = wireshark.install(options.target)
    except (wireshark.WiresharkError, OSError) as error:
        return _failed(str(error), 1)
    print(wireshark.how_to_use(written, options.target))
    return 0


def _failed(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
