"""The guide on operating a network: its commands, what they print, and how two prints are compared."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from run_process import PATIENCE, RunProcess, net4ai

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "operate.md"
SHOWN = 22
"""Lines of a long print that the guide shows."""
LEFT_OUT = "..."
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def typed(command: str, folder: Path) -> str:
    """What a command line prints when it is typed in `folder`, stdout and stderr."""
    program, *arguments = shlex.split(command)
    assert program == "net4ai"
    ended = subprocess.run(
        net4ai(*arguments), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
    )
    return ended.stdout.rstrip("\n")


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Each command of a block, and the lines it prints."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, and the width of columns."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "#", line)).strip()


def start(command: str) -> RunProcess:
    """`net4ai up ...`, under way once it is up and all nodes answer."""
    network = RunProcess(*shlex.split(command)[1:])
    network.wait_for(r"net4ai job start")
    while "no answer" in typed("net4ai status", Path.cwd()):
        assert network.running
    return network


def rewritten(text: str, run: Callable[[str], str]) -> str:
    """The guide with what its commands print now."""

    def block(found: re.Match[str]) -> str:
        parts = []
        for command, _ in commands(found[1]):
            printed = run(command).splitlines()
            left_out = [LEFT_OUT] if len(printed) > SHOWN else []
            parts += [f"$ {command}", *printed[:SHOWN], *left_out]
        return "```console\n" + "\n".join(parts) + "\n```"

    return BLOCK.sub(block, text)
