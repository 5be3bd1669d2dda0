"""Targets in processes of their own, as a user tests them: told nothing but the tester's address."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from net4ai.app.plan import FreePorts
from net4ai.conformance.report import ConformanceReport

pytestmark = pytest.mark.xdist_group("integration")  # processes, as those

FEW = {
    "ran-node": ("RRC-SETUP", "N2-SESSION-01"),
    "ue": ("DEP-ECHO", "NAS-REG-01"),
    "function": ("DEP-ECHO", "T4-INST"),
}

ENDLESS = """
from net4ai.conformance.case import case

@case("MY-WAIT-01", group="rrc", role="ue", clause="here", purpose="It passes.")
async def passes(ran):
    pass

@case("MY-WAIT-02", group="rrc", role="ue", clause="here", purpose="It takes long.")
async def takes_long(ran):
    await ran.sleep(100)
"""


@contextmanager
def node_process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def free_port(role: str) -> int:
    ports = FreePorts("127.0.0.1")
    port = ports.tcp() if role == "ran-node" else ports.udp()
    ports.release()
    return port


def conformance(role: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "net4ai.app", "conformance", "--role", role, "--report", str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("role", FEW)
def test_a_target_in_another_process(role: str, tmp_path: Path) -> None:
    port = free_port(role)
    with node_process("own_node.py", role, "127.0.0.1", str(port), str(tmp_path)) as node:
        address = f"127.0.0.1:{port}"
        if role == "ran-node":
            assert node.stdout is not None
            arguments = ["--target", node.stdout.readline().strip(), "--n2", address]
        else:
            arguments = ["--target", address]
        with conformance(role, tmp_path / "report", *arguments, "--only", *FEW[role]) as process:
            said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "FAIL" not in said and f"against {arguments[1]}" in said


def test_ctrl_c_leaves_what_there_is(tmp_path: Path) -> None:
    cases = tmp_path / "endless.py"
    cases.write_text(ENDLESS, "utf-8")
    arguments = ("--target", f"127.0.0.1:{free_port('ue')}", "--cases", str(cases), "--only", "MY-WAIT")
    with conformance("ue", tmp_path, *arguments) as process:
        assert process.stdout is not None
        while "MY-WAIT-01" not in (line := process.stdout.readline()):
            assert line, "it has ended before"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1, said
    assert "interrupted: 1 pass, 1 inconclusive" in said
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=ConformanceReport)
    assert not report.complete
    assert [(case.id, case.verdict, case.why) for case in report.cases] == [
        ("MY-WAIT-01", "pass", ""),
        ("MY-WAIT-02", "inconclusive", "interrupted"),
    ]
    assert {"junit.xml", "report.html", "MY-WAIT-02.pcapng"} <= {path.name for path in tmp_path.iterdir()}
