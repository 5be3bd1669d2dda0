"""The command line: a thin layer over the Python API. The commands are in `net4ai.app.commands`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version

from net4ai.app.commands import load, network, operate, run, service, tools
from net4ai.app.commands.common import failed
from net4ai.app.yaml_document import ConfigurationError

GROUPS = (run, network, service, operate, load, tools)
"""Groups of commands, in the order in which help shows them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """`net4ai ...`. Ends with 0, with 1 where the run failed, with 2 where what was given is wrong."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # A shell that starts us in the background has SIGINT ignored: whoever sends it all the same means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(options.command(options))
    except ConfigurationError as error:
        sys.exit(failed(str(error), 2))
    except KeyboardInterrupt:
        sys.exit(failed("interrupted; all nodes were ended", 130))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="net4ai", description="Emulator of NET4AI, a 6G network that runs AI jobs.")
    top.add_argument("--version", action="version", version=f"net4ai {version('net4ai')}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return top
