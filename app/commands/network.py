"""`net4ai up`, `net4ai files`, `net4ai broker`: a network without a job, on one machine or on several."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from net4ai.app.commands.common import scenario_arguments

if TYPE_CHECKING:
    from net4ai.app.scenario import Scenario


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of this group."""
    up = commands.add_parser("up", help="start a scenario's network without a job, and keep it running until Ctrl-C")
    scenario_arguments(up)
    up.add_argument("--folder", type=Path, metavar="DIR", help="where its files are; default: runs/SCENARIO-TIME")
    up.add_argument("--keep", action="store_true", help="go on with the services and jobs that the folder has kept")
    up.add_argument("--capture", type=Path, metavar="FILE", help="write a pcapng file at the end")
    up.set_defaults(command=_up)

    files = commands.add_parser("files", help="write a scenario's node files, to start nodes by hand on several hosts")
    scenario_arguments(files)
    files.add_argument("--folder", type=Path, metavar="DIR", required=True, help="where to; to be copied to each host")
    files.set_defaults(command=_files)

    broker = commands.add_parser("broker", help="run the control bus's broker")
    broker.add_argument("file", type=Path, metavar="FILE", help="its file, as `net4ai files` writes it")
    broker.set_defaults(command=_broker)


def _up(options: argparse.Namespace) -> int:
    from net4ai.app.standing_network import NetworkFailed, stand

    scenario = _load(options)
    folder = options.folder or Path("runs") / f"{scenario.name}-{datetime.now():%Y%m%d-%H%M%S}"
    return _run(stand(scenario, folder, keep=options.keep, capture=options.capture), NetworkFailed)


def _files(options: argparse.Namespace) -> int:
    from net4ai.app.standing_network import NetworkFailed, write_files

    scenario = _load(options)

    async def write() -> None:
        for line in await write_files(scenario, options.folder):
            print(line)

    return _run(write(), NetworkFailed)


def _broker(options: argparse.Namespace) -> int:
    from net4ai.app.standing_network import NetworkFailed, run_broker

    return _run(run_broker(options.file), NetworkFailed)


def _load(options: argparse.Namespace) -> Scenario:
    from net4ai.app.commands.common import overrides
    from net4ai.app.scenario import load_scenario
    from net4ai.stack.timers import TIMERS

    return load_scenario(options.scenario, overrides(options), TIMERS)


def _run(work: Coroutine[Any, Any, None], failure: type[Exception]) -> int:
    """Until it ends or is told to end by Ctrl-C or SIGTERM, which is no failure."""

    async def main() -> None:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await task

    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        return 0
    except failure as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else str(error), file=sys.stderr)
        return 1
    return 0
