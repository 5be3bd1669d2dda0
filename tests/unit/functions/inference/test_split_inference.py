"""Split inference with a host in memory: the predictions of the whole model in one place, and nothing else (R16)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from net4ai.app.service_description import load_service_description
from net4ai.codecs.message import Content, ElementType, Message
from net4ai.functions import nhanes
from net4ai.functions.inference.matrix import from_matrix, to_matrix
from net4ai.functions.inference.messages import PeerError, Tag, from_latencies, to_latencies
from net4ai.functions.inference.model import SHIPPED, ModelError, ModelFile, shapes, to_parameters
from net4ai.functions.inference.model_store import ModelStore
from net4ai.functions.inference.provider import InferenceProvider
from net4ai.functions.inference.server import LOAD_ROUTINE, InferenceServer
from net4ai.functions.inference.terminal import InferenceTerminal
from net4ai.functions.provider import ProviderContext, ProviderError, RoutineRecord

SERVICE = load_service_description(Path(__file__).parents[4] / "scenarios" / "inference.service.yaml")
SUBSCRIBERS = 24
BLOCKS = 4


def provider(**values: Any) -> InferenceProvider:
    defaults = {name: setting.default for name, setting in SERVICE.settings.items()}
    return InferenceProvider(ProviderContext(SERVICE, defaults | values, seed=3, subscribers=SUBSCRIBERS))


class Inference:
    """All functions of the service, at two RAN nodes with two and one terminals."""

    def __init__(self, host: Any, **values: Any) -> None:
        self.host, self.provider = host, provider(**values)
        settings = json.loads(json.dumps(self.provider.settings()))  # they cross the control bus
        self.settings = settings
        out, self.controller = host.pair()
        self.store = ModelStore(host.Context(settings["model-store"], results=out))
        self.servers = [InferenceServer(host.Context(settings["server"])) for _ in range(2)]
        self.terminals = [self.terminal(subscriber) for subscriber in range(3)]

    def terminal(self, subscriber: int) -> InferenceTerminal:
        private = {"subscriber": subscriber, "subscribers": SUBSCRIBERS}
        return InferenceTerminal(self.host.Context(self.settings["terminal"], private))

    async def control(self, messages: int) -> None:
        for _ in range(messages):
            message = await self.controller.receive()
            if (answer := self.provider.take("model-store", message)) is not None:
                await self.controller.send(answer)

    async def run(self, cut: int) -> None:
        await asyncio.gather(self.load(), self.control(1))
        await self.host.execute(self.servers[0], self.terminals[:2], cut=cut)
        await self.host.execute(self.servers[1], self.terminals[2:], cut=cut)
        await asyncio.gather(self.host.execute(self.store, self.servers), self.control(1))

    async def load(self) -> None:
        await self.host.execute(self.store, self.servers, routine=LOAD_ROUTINE)


def expected(file: ModelFile, subscriber: int, requests: int, rows: int) -> list[float]:
    """The whole model in plain torch, a request at a time."""
    parameters = to_parameters(file.data, shapes(file.neurons, 0, BLOCKS))
    layers: list[nn.Module] = []
    for block in range(1, BLOCKS + 1):
        linear = nn.Linear(file.neurons[block - 1], file.neurons[block])
        linear.load_state_dict({name: parameters[f"block{block}.linear.{name}"] for name in ("weight", "bias")})
        layers += [linear] if block == BLOCKS else [linear, nn.ReLU()]
    model = nn.Sequential(*layers)
    table, facts = nhanes.load(), file.normalisation
    seed = provider().settings()["terminal"]["partition_seed"]
    own = nhanes.shard(table, seed, subscriber, SUBSCRIBERS)[: requests * rows]
    raw = np.where(np.isnan(table.inputs[list(own)]), facts["medians"], table.inputs[list(own)])
    inputs = torch.tensor((raw - np.array(facts["means"])) / np.array(facts["scales"]), dtype=torch.float32)
    outputs = torch.cat([model(part) for part in inputs.split(rows)]).detach()
    return [float(each) * facts["target_scale"] + facts["target_mean"] for each in outputs[:, 0]]


@pytest.mark.parametrize("cut", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 7])
def test_predictions_are_those_of_the_whole_model_bit_for_bit(host: Any, cut: int, rows: int) -> None:
    inference = Inference(host, cut=cut, requests=5, rows=rows)
    asyncio.run(inference.run(cut))
    for subscriber, terminal in enumerate(inference.terminals):
        assert terminal.predictions == expected(inference.provider.model, subscriber, 5, rows)
        assert all(70 < pressure < 240 for pressure in terminal.predictions)


@pytest.mark.parametrize("cut", [1, 3])
def test_forward_only_no_rows_no_labels_no_gradients_leave(host: Any, cut: int) -> None:
    inference = Inference(host, cut=cut, requests=4)
    asyncio.run(inference.run(cut))
    up = [message for message in host.sent_by_clients if message.tag in (Tag.ACTIVATIONS, Tag.LATENCIES)]
    activations = [message for message in up if message.tag == Tag.ACTIVATIONS]
    assert {tuple(message.dimensions) for message in activations} == {(1, inference.provider.model.neurons[cut])}
    others = {message.tag for message in (*host.sent_by_clients, *host.sent_by_servers)} - {Tag.ACTIVATIONS}
    assert others == {Tag.MODEL, Tag.PREDICTION, Tag.LATENCIES, Tag.WANT_MODEL}
    raw = {terminal._inputs.numpy().tobytes()[:168] for terminal in inference.terminals}
    assert not any(row in bytes(message.data) for message in host.sent_by_clients for row in raw)


def test_latencies_of_all_terminals_come_sorted(host: Any) -> None:
    """No seat, no order: who was slow cannot be seen."""
    inference = Inference(host, requests=6)
    asyncio.run(inference.run(1))
    found = inference.provider
    assert (found.terminals, len(found.latencies)) == (3, 18)
    assert (np.diff(found.latencies) >= 0).all() and (found.latencies > 0).all()


def test_a_server_made_anew_knows_model_and_latencies(host: Any) -> None:
    async def play() -> None:
        inference = Inference(host, requests=3)
        await asyncio.gather(inference.load(), inference.control(1))
        await host.execute(inference.servers[0], inference.terminals, cut=1)
        anew = InferenceServer(host.Context(inference.settings["server"]))
        anew.restore(inference.servers[0].checkpoint())
        assert anew._model.keys() == inference.servers[0]._model.keys()
        await asyncio.gather(host.execute(inference.store, [anew]), inference.control(1))
        assert len(inference.provider.latencies) == 9
        empty = InferenceServer(host.Context(inference.settings["server"]))
        empty.restore(empty.checkpoint())

    asyncio.run(play())


@pytest.mark.parametrize("cut", [0, BLOCKS, BLOCKS + 1])
def test_a_cut_at_which_raw_data_or_nothing_would_be_sent_is_refused(host: Any, cut: int) -> None:
    inference = Inference(host)
    with pytest.raises(PeerError, match="cut: expected 1 to 3"):
        asyncio.run(inference.host.execute(inference.servers[0], [], cut=cut))
    with pytest.raises(ProviderError, match=f"cut {cut} is not allowed; allowed: 1 to 3"):
        provider(cut=cut)


def test_no_inference_before_the_model_is_there(host: Any) -> None:
    with pytest.raises(PeerError, match="model: expected routine load before"):
        asyncio.run(host.execute(Inference(host).servers[0], [], cut=1))


def matrix(*shape: int) -> Message:
    return from_matrix(Tag.ACTIVATIONS, torch.zeros(shape), 0)


@pytest.mark.parametrize(
    "message",
    [
        matrix(1, 63),
        matrix(0, 64),
        matrix(3, 64),
        matrix(64),
        from_matrix(Tag.ACTIVATIONS, torch.full((1, 64), torch.inf), 0),
        replace(matrix(1, 64), element_type=ElementType.INT32),
        Message(Tag.ACTIVATIONS, Content.BYTES, bytes(256)),
    ],
)
def test_activations_that_do_not_fit(message: Message) -> None:
    with pytest.raises(PeerError, match="ACTIVATIONS"):
        to_matrix(message, 64, 2)


@pytest.mark.parametrize(
    "message",
    [
        from_latencies(np.array([0.1])),
        from_latencies(np.array([0.1, -1.0])),
        from_latencies(np.array([0.1, np.nan])),
        from_latencies(np.array([0.1, 1e6])),
        from_latencies(np.zeros((2, 1))),
        Message(Tag.LATENCIES, Content.BYTES, bytes(16)),
    ],
)
def test_latencies_that_cannot_be(message: Message) -> None:
    with pytest.raises(PeerError, match="LATENCIES"):
        to_latencies(message, 2)


# The model's file


def test_the_shipped_model_is_that_of_the_scenario() -> None:
    file = ModelFile.read(SHIPPED)
    assert file.neurons == (42, 64, 32, 16, 1)
    assert file.normalisation["target_mean"] == pytest.approx(126, abs=3)


@pytest.mark.parametrize(
    ("content", "expected_text"),
    [
        (b"", "no model that"),
        (b"\xff" * 100, "no model that"),
        ((10).to_bytes(8, "little") + b'{"a": 1}  ', "no model that"),
        (None, "No such file"),
    ],
)
def test_files_that_are_no_model(tmp_path: Path, content: bytes | None, expected_text: str) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=expected_text):
        ModelFile.read(str(path))
    with pytest.raises(ProviderError, match="settings: model: "):
        provider(model=str(path))


def test_a_file_whose_parameters_are_another_models(tmp_path: Path) -> None:
    data = ModelFile.read(SHIPPED).data
    path = tmp_path / "model.safetensors"
    path.write_bytes(data.replace(b"[42, 64, 32, 16, 1]", b"[42, 64, 32, 17, 1]"))
    with pytest.raises(ModelError, match="each of its shape"):
        ModelFile.read(str(path))


def test_findings(host: Any, tmp_path: Path) -> None:
    ours = provider()
    assert ours.opening() == ["model shipped: layers of 42, 64, 32, 16, 1 neurons"]
    assert (ours.line(), ours.save(tmp_path), ours.findings(lambda routine: RoutineRecord()).lines) == ("", [], ())
    ours.take("model-store", from_latencies(np.array([0.010, 0.020, 0.030]), 2))
    assert ours.line() == "2 terminals served: p50 20.0 ms, p99 29.8 ms over 3 requests"
    found = ours.findings(lambda routine: RoutineRecord())
    assert found.learning is None
    assert found.tables[0].rows == (("terminals", 2), ("requests", 3), ("p50, ms", 20.0), ("p99, ms", 29.8))
    assert json.loads(ours.save(tmp_path)[0].read_text()) == {"seconds": [0.01, 0.02, 0.03]}
    with pytest.raises(ProviderError, match="LATENCIES"):
        ours.take("model-store", Message(Tag.LATENCIES))
