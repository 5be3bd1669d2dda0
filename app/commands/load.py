"""`net4ai load`: many terminals at once, and what that costs."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from net4ai.app.commands.common import failed

STEPS = ("attach", "session", "release")
"""As in `net4ai.app.load`, which is imported only when it is needed."""
MAXIMUM_UES = 65_519


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    load = commands.add_parser("load", help="have many terminals attach, get a session and leave, and measure it")
    load.add_argument("--ues", type=_number(1, MAXIMUM_UES), default=2000, metavar="N", help="terminals; default: 2000")
    load.add_argument("--rate", type=_rate, default=0.0, metavar="R", help="terminals each second; 0, the default: all")
    load.add_argument(
        "--mix",
        type=_steps,
        default=STEPS[:2],
        metavar="STEPS",
        help=f"what they do, out of {','.join(STEPS)}; default: {','.join(STEPS[:2])}",
    )
    load.add_argument(
        "--parallel", type=_number(1, 65_519), default=50, metavar="N", help="under way at a time; default: 50"
    )
    load.add_argument("--ran-nodes", type=_number(1, 64), default=1, metavar="N", help="each with a UE process")
    load.add_argument("--trace", choices=("procedures", "all"), default="procedures", help="what the traces keep")
    load.add_argument("--report", type=Path, metavar="DIR", help="folder of traces and figures; default: runs/load-...")
    load.add_argument("--json", action="store_true", help="the figures as JSON")
    load.set_defaults(command=_load)


def _load(options: argparse.Namespace) -> int:
    from net4ai.app.load import LoadFailed, LoadOptions, run_load, table
    from net4ai.stack.io.broker import BrokerError

    folder = options.report or Path("runs") / f"load-{datetime.now():%Y%m%d-%H%M%S}"
    load = LoadOptions(
        ues=options.ues,
        folder=folder,
        steps=options.mix,
        rate=options.rate,
        parallel=options.parallel,
        ran_nodes=options.ran_nodes,
        trace=options.trace,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figures = asyncio.run(run_load(load, lambda line: print(line, file=sys.stderr)))
        (folder / "load.json").write_text(json.dumps(figures.as_json(), indent=1) + "\n", encoding="utf-8")
    except (LoadFailed, BrokerError) as error:
        return failed(str(error), 1)
    except OSError as error:
        return failed(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    print(json.dumps(figures.as_json()) if options.json else table(figures))
    return 0


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {least} to {most}")
        return int(text)

    return read


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: 0 to 100000")
    return rate


def _steps(text: str) -> tuple[str, ...]:
    steps = tuple(text.split(","))
    if steps != tuple(step for step in STEPS if step in steps) or steps[0] != STEPS[0]:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: attach, then session, then release")
    return steps
