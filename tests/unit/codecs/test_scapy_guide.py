"""docs/guide/scapy.md: its code runs, one block after the other, and prints what it says."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from net4ai.codecs import n2, scapy_layers
from net4ai.codecs.l2 import L2Header
from net4ai.codecs.rrc import SetupRequest
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.clock import SystemClock

GUIDE = (Path(__file__).parents[3] / "docs" / "guide" / "scapy.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def receiver() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    found.bind(("127.0.0.1", 0))
    return found


def test_the_code_runs(tmp_path: Path, receiver: socket.socket) -> None:
    with CaptureFile(tmp_path / "demo.pcapng", SystemClock()) as capture:
        setup = scapy_layers.L2() / scapy_layers.RrcSetup()  # type: ignore[attr-defined]
        capture.link("Uu").datagram("ran-1", "ue-1/1", 46400, 46400, bytes(setup))
        capture.link("N2").message("core", "ran-1", n2.OverloadStop().encode())
    code = "\n".join(blocks("python")).replace('("127.0.0.1", 46400)', repr(receiver.getsockname()))
    code += "\nassert (len(setups), data) == (1, 0)\nprint(protected.count, len(offer.jobs))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    (printed,) = blocks("text")
    assert printed in done.stdout
    assert done.stdout.endswith("5 2\n")
    sent = [receiver.recv(1 << 16) for _ in range(101)]
    assert SetupRequest.from_bytes(sent[0][9:]).ue_identity == 43
    for pdu in sent:
        L2Header.from_bytes(pdu[:8])
        assert (pdu[8], len(pdu)) == (SetupRequest.CODE, len(sent[0]))
    receiver.close()


def test_every_layer_that_is_named_exists() -> None:
    table = "\n".join(line for line in GUIDE.splitlines() if line.startswith("|"))
    names = set(re.findall(r"`([A-Z]\w+)`", GUIDE)) - {"INTEGRITY"}
    assert len(re.findall(r"`([A-Z]\w+)`", table)) > 25
    assert names <= set(scapy_layers.__all__)
    assert {name for name in scapy_layers.__all__ if re.match("Dep[A-Z]", name)} <= names, "all bodies of DEP are named"
