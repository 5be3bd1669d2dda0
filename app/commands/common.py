"""What several groups of commands share."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any


def network_argument(command: argparse.ArgumentParser) -> None:
    """`--network DIR`."""
    command.add_argument(
        "--network", type=Path, metavar="DIR", help="folder of a running network; default: the newest below runs/"
    )


def network_command(
    run: Callable[[argparse.Namespace], Coroutine[Any, Any, int]],
) -> Callable[[argparse.Namespace], int]:
    """The command `run` at a running network: its code, 1 where that refuses, 2 where what was given is wrong."""

    def command(options: argparse.Namespace) -> int:
        from net4ai.app.bus_client import NetworkError
        from net4ai.app.network_file import NetworkFileError
        from net4ai.functions.provider import ProviderError

        try:
            return asyncio.run(run(options))
        except NetworkFileError as error:
            print(error, file=sys.stderr)
            return 2
        except (NetworkError, ProviderError) as error:
            print(error, file=sys.stderr)
            return 1
        except OSError as error:
            print(f"{error.filename}: {error.strerror}" if error.filename else str(error), file=sys.stderr)
            return 1

    return command


def scenario_arguments(command: argparse.ArgumentParser) -> None:
    """SCENARIO, and `--set`."""
    command.add_argument("scenario", metavar="SCENARIO", help="name of a shipped scenario, or a YAML file")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value for a key of the scenario, as links.radio.loss=0.02; may be repeated",
    )


def overrides(options: argparse.Namespace) -> list[str]:
    """What the options change in the scenario, as texts after `--set`."""
    found: list[str] = list(options.set)
    if getattr(options, "rounds", None) is not None:
        found.append(f"settings.rounds={options.rounds}")
    if getattr(options, "seed", None) is not None:
        found.append(f"seed={options.seed}")
    if getattr(options, "key_log", False):
        found.append("key_log=true")
    return found


def failed(text: str, code: int) -> int:
    """Say why; gives the exit code."""
    print(text, file=sys.stderr)
    return code


def port_number(text: str) -> int:
    """A TCP port, for argparse."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: a port from 1 to 65535")
    return int(text)


def count(text: str) -> int:
    """A number from 1 on, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: an integer of at least 1")
    return int(text)
