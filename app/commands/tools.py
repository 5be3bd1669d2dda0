"""What looks at captures and at other implementations: `net4ai pcap`, `capture`, `wireshark`, `conformance`."""

from __future__ import annotations

import argparse
from pathlib import Path

from net4ai.app.commands.common import count, failed


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of this group."""
    _conformance_command(commands)
    _pcap_command(commands)
    _capture_command(commands)
    wireshark = commands.add_parser("wireshark", help="the Wireshark plugin").add_subparsers(required=True)
    install = wireshark.add_parser("install", help="copy plugin and profile to where Wireshark finds them")
    install.add_argument("--target", type=Path, metavar="DIR", help="a Wireshark configuration folder of its own")
    install.set_defaults(command=_wireshark_install)


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
    pcap.add_argument("--width", type=count, metavar="N", help="columns of the screen; default: as wide as it is")
    pcap.add_argument("--json", action="store_true", help="one JSON object a line")
    pcap.set_defaults(command=_pcap)


def _capture_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    capture = commands.add_parser("capture", help="what a run captures, while it runs, as one pcapng stream")
    capture.add_argument("--live", type=Path, metavar="DIR", required=True, help="report folder of the run")
    where = capture.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, metavar="FILE", help="a file or FIFO; default: standard output")
    where.add_argument("--wireshark", action="store_true", help="start Wireshark, with the profile where installed")
    capture.set_defaults(command=_capture)


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
        return failed(str(error), 1)
    print(wireshark.how_to_use(written, options.target))
    return 0
