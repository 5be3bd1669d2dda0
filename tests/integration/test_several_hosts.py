"""A network on several hosts, played by loopback addresses: each node is started by its own command, in its own copy of
the files, and binds to the address of its own host (R33)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from run_process import PATIENCE, RunProcess, net4ai

from net4ai.app.controller import connect
from net4ai.app.network_file import read_network
from net4ai.app.node_process import NodeFile
from net4ai.app.service_description import load_service_description
from net4ai.stack.io.trace_file import read_trace

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="127.0.0.2 exists on Linux only")

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios" / "radio-map.service.yaml"
HOSTS = {
    "core.host": "127.0.0.2",
    "edge.host": "127.0.0.3",
    "ran_nodes.ran-1.host": "127.0.0.4",
    "ran_nodes.ran-2.host": "127.0.0.5",
    "ue_groups.near.host": "127.0.0.6",
    "ue_groups.near.count": "5",
    "ue_groups.far.count": "5",
}


def test_nodes_on_hosts_of_their_own(tmp_path: Path) -> None:
    settings = [part for key, value in HOSTS.items() for part in ("--set", f"{key}={value}")]
    written = tmp_path / "written"
    printed = subprocess.run(
        net4ai("files", "radio-map", *settings, "--folder", written),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    with contextlib.ExitStack() as stack:
        for line in printed.splitlines():
            host, command = line.split(": ", 1)
            copy = tmp_path / host
            if not copy.exists():
                shutil.copytree(written, copy)
            arguments = shlex.split(command.replace(str(written), str(copy)))[1:]
            stack.enter_context(RunProcess(*arguments))
        asyncio.run(job(tmp_path / "127.0.0.1"))
    found = {match[1]: match[2] for match in re.finditer(r"^(\S+): net4ai \S+ \S+/(\S+)\.json$", printed, re.MULTILINE)}
    assert found["127.0.0.6"] == "near" and len(found) == 6
    for host in found:  # each process has written into its own copy only
        for path in (tmp_path / host / "nodes").glob("*.json"):
            if path.stem in {"broker"}:
                continue
            node = msgspec.json.decode(path.read_bytes(), type=NodeFile)
            traced = (tmp_path / host / "trace" / f"{node.name}.ndjson").exists()
            assert traced == (node.run.host == host), (host, node.name)
    for name, host in (("ran-1", "127.0.0.4"), ("near", "127.0.0.6")):
        assert next(iter(read_trace(tmp_path / host / "trace" / f"{name}.ndjson")))["utc"] > 1_600_000_000 * 10**9


async def job(folder: Path) -> None:
    """Register a service from one more host, and run its job."""
    assert read_network(folder).edge_t4[0] == HOSTS["edge.host"]
    async with connect(folder, host="127.0.0.7", say=lambda line: None) as controller:
        service = await controller.register(load_service_description(SHIPPED), {"rounds": 1})
        started = await service.start("map")
        await started.wait()
        assert [result.function for result in started.results] == ["radio-map"]
