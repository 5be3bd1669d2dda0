"""A server that is killed, cut off or out of disk at any point gives the same as one that is not (R76, R79)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from faulty_network import Fault, FaultyNetwork
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.message import Message
from net4ai.functions.api import Channel, Context, Execution, Outcome, ServiceFunction, Turn
from net4ai.functions.learning import provider
from net4ai.functions.learning.data_source import DataSource
from net4ai.functions.learning.local_training import LocalTraining
from net4ai.stack.io.virtual_loop import run_virtual

FAULTS: list[Fault] = ["kill", "forget", "full"]
MESSAGES = 3


class Chain(ServiceFunction):
    """Its state is a digest of all that it has heard, in order, and it is careless: it changes within turns."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.state: dict[str, Any] = {"digest": "", "ends": 0, "heard": 0}

    def note(self, *what: object) -> None:
        self.state["digest"] = hashlib.sha256(f"{self.state['digest']} {what}".encode()).hexdigest()

    async def begin(self, execution: Execution) -> None:
        self.note("begin", execution.number, execution.round)
        self.state["ends"] = 0

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        self.note("turn", turn.number, turn.seat)
        for _ in range(MESSAGES):
            message = await client.receive()
            self.state["heard"] += 1
            self.note(bytes(message.data), message.index)
            await client.send(Message(1, data=self.state["digest"].encode()))

    async def end(self, execution: Execution) -> Outcome:
        self.note("end", execution.number)
        self.state["ends"] += 1
        return Outcome.RESTART if self.state["ends"] < 2 else Outcome.COMPLETE

    def checkpoint(self) -> bytes:
        return json.dumps(self.state).encode()

    def restore(self, checkpoint: bytes) -> None:
        self.state = json.loads(checkpoint)


class Speaker(ServiceFunction):
    """Says things that depend on what it hears in the same turn."""

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        heard = b""
        for index in range(MESSAGES):
            await server.send(Message(1, data=b"%d %d " % (turn.number, turn.seat) + heard, index=index))
            heard = bytes((await server.receive()).data)


async def play_chain(folder: Path, faults: dict[int, Fault]) -> tuple[dict[str, Any], FaultyNetwork]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        network = FaultyNetwork(folder, Chain, Speaker, {"client": {}}, faults, monkeypatch)
        network.start_server()
        network.load_clients(range(3))
        for number in (1, 2):
            assert await network.execute(number, (2, 0, 1), 0) == "complete"
        return network.function.state, network


def chain(faults: dict[int, Fault]) -> tuple[dict[str, Any], FaultyNetwork]:
    with tempfile.TemporaryDirectory() as folder:
        found = run_virtual(play_chain(Path(folder), faults))
        left = os.listdir(folder)
    assert left == ["instance-1.checkpoint"], "no temporary file stays"
    return found


UNDISTURBED, NETWORK = chain({})
STEPS = NETWORK.steps


@pytest.mark.parametrize(("fault", "every"), [("kill", 1), ("forget", 3), ("full", 3)])
def test_one_fault_at_each_step(fault: Fault, every: int) -> None:
    for step in range(0, STEPS, every):
        found, network = chain({step: fault})
        assert network.befallen == [fault]
        assert found == UNDISTURBED, f"{fault} at step {step}"


@given(st.dictionaries(st.integers(0, 2 * STEPS), st.sampled_from(FAULTS), max_size=8))
@settings(max_examples=30, deadline=None)
def test_any_faults(faults: dict[int, Fault]) -> None:
    assert chain(faults)[0] == UNDISTURBED


# --- The same with a training

SUBSCRIBERS = 24
CUT = 2
PLAIN = json.loads(json.dumps(provider.service_settings(5, 2, SUBSCRIBERS, CUT)))
SETTINGS = {**PLAIN["local-training"], "client": PLAIN["data-source"]}


async def play_training(folder: Path, faults: dict[int, Fault]) -> tuple[bytes, FaultyNetwork]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        network = FaultyNetwork(folder, LocalTraining, DataSource, SETTINGS, faults, monkeypatch)
        network.start_server()
        network.load_clients(range(3), subscribers=SUBSCRIBERS)
        for number in range(2):
            await network.execute(number, (0, 1, 2), CUT)
        return network.function.checkpoint(), network


def training(faults: dict[int, Fault]) -> tuple[bytes, int]:
    with tempfile.TemporaryDirectory() as folder:
        found, network = run_virtual(play_training(Path(folder), faults))
    return found, network.steps


TRAINED: list[tuple[bytes, int]] = []


@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_training_is_resumed_bit_for_bit(data: st.DataObject) -> None:
    """Model, rows of each seat, everything that is in the checkpoint."""
    if not TRAINED:
        TRAINED.append(training({}))
    expected, steps = TRAINED[0]
    faults = data.draw(st.dictionaries(st.integers(0, steps), st.sampled_from(FAULTS), min_size=1, max_size=5))
    assert training(faults)[0] == expected
