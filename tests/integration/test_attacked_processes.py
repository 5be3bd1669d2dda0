"""The same over real sockets, short: noise to every UDP port of every process of a run, and to N2, while it trains."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from pathlib import Path

import msgspec
import pytest
from run_process import RunProcess, settings

from net4ai.app.report.report import Report

SMALL: dict[str, object] = {
    "ue_groups.ue-1.count": 3,
    "ue_groups.ue-2.count": 3,
    "privacy.k": 2,
    "settings.rounds": 3,
    "settings.batch_size": 64,
}
EACH = 300
"""Datagrams to each port."""
CONNECTIONS = 80
"""To N2: more than may say nothing at a time."""


def inodes(pid: int) -> set[str]:
    """Of the sockets a process has."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    return found


def ports(pids: list[int], table: str) -> list[int]:
    """Ports of IPv4 sockets of these processes: UDP, or TCP that listens."""
    theirs = {inode for pid in pids for inode in inodes(pid)}
    rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return sorted(
        int(row[1].split(":")[1], 16) for row in rows if row[9] in theirs and (table == "udp" or row[3] == "0A")
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells which ports the processes have")
def test_processes_under_attack_train_the_same_model(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    folder = tmp_path / "report"
    with RunProcess("run", "blood-pressure", *settings(SMALL), "--report", folder) as run:
        run.wait_for("job started")
        pids = list(run.processes())
        found = ports(pids, "udp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
            for _ in range(EACH):
                for port in found:
                    attacker.sendto(generator.randbytes(generator.randrange(1, 60)), ("127.0.0.1", port))
        n2 = ports([run.find("core.json")], "tcp")
        silent = [socket.create_connection(("127.0.0.1", port)) for port in n2 for _ in range(CONNECTIONS)]
        for connection in silent[::2]:
            with contextlib.suppress(OSError):
                connection.send(generator.randbytes(100))
        code = run.wait()
        for connection in silent:
            connection.close()
        assert code == 0, run.output
        assert not run.processes()
    report = msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)
    assert report.fidelity.verdict == "identical"
    assert len(found) >= 2 * 9, "two ports of each link: Uu, T4, T8 of RAN nodes and edge, Uu of UEs"
    assert len(n2) == 1
    reasons = ("source not bound", "truncated", "wrong version")  # the last one is GTP-U's
    dropped = sum(drop.count for drop in report.drops if drop.reason in reasons)
    assert dropped > 0.9 * EACH * len(found)
    assert not [line for line in run.lines if "ERROR" in line or "Traceback" in line]
