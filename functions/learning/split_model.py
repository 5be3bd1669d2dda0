"""A model that can be cut between any two blocks (R18-R21, R43).

Block *i* is the links from layer *i - 1* to layer *i*, and the activation after them. With L blocks there are L + 1
cuts: at cut *c* the first *c* blocks run at the client. Cut 0 is bottom split, cut L top split, all others middle
split. All of them train the same model in the same order, so they differ in who computes, never in the result.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from net4ai.functions.learning.determinism import derive, seeded
from net4ai.functions.learning.errors import FunctionError, SettingsError
from net4ai.functions.learning.settings import MAXIMUM_COUNT, Training
from net4ai.functions.learning.tensors import Shape, State

DEFAULT_NEURONS = (42, 64, 32, 16, 1)
MAXIMUM_LAYERS = 64
LINKS: dict[str, type[nn.Linear]] = {"full": nn.Linear}
"""Kinds of links between adjacent layers (R43)."""

FLOAT32_BYTES = 4


class Split(StrEnum):
    """Where the cut is, as the paper names it (R19)."""

    BOTTOM = "bottom"
    """Below the first block: the client only hands over its rows."""
    MIDDLE = "middle"
    TOP = "top"
    """Above the last block: the client trains the whole model."""

    @classmethod
    def of(cls, cut: int, blocks: int) -> Split:
        """Raises `FunctionError` for a cut outside the model."""
        if not 0 <= cut <= blocks:
            raise FunctionError(f"cut {cut} is outside the model; allowed: 0 to {blocks}")
        return cls.BOTTOM if cut == 0 else cls.TOP if cut == blocks else cls.MIDDLE


def model_profile(neurons: Sequence[int] = DEFAULT_NEURONS) -> dict[str, Any]:
    """The model as plain data (R43), with the costs of each cut for the orchestrator to choose by.

    FLOPs are those of one row's forward pass (backward takes about twice as many); `activation_bytes` is what one row
    sends up per epoch, and gets back as gradient where the client has parameters; sizes are float32.
    """
    weights = [(inputs + 1) * outputs for inputs, outputs in itertools.pairwise(neurons)]
    flops = [2 * inputs * outputs for inputs, outputs in itertools.pairwise(neurons)]
    return {
        "layers": len(neurons),
        "neurons": list(neurons),
        "links": ["full"] * len(weights),
        "cuts": [
            {
                "cut": cut,
                "split": Split.of(cut, len(weights)).value,
                "client_flops": sum(flops[:cut]),
                "server_flops": sum(flops[cut:]),
                "client_bytes": sum(weights[:cut]) * FLOAT32_BYTES,
                "server_bytes": sum(weights[cut:]) * FLOAT32_BYTES,
                "activation_bytes": neurons[cut] * FLOAT32_BYTES if cut < len(weights) else 0,
            }
            for cut in range(len(neurons))
        ],
    }


def check_profile(profile: Mapping[str, Any]) -> None:
    """Raises `SettingsError` unless a model can be built from `profile`."""
    neurons, links = profile.get("neurons"), profile.get("links")
    if not isinstance(neurons, list) or not 2 <= len(neurons) <= MAXIMUM_LAYERS:
        raise SettingsError("model.neurons", neurons, f"a list of 2 to {MAXIMUM_LAYERS} integers")
    for size in neurons:
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAXIMUM_COUNT:
            raise SettingsError("model.neurons", size, f"integers from 1 to {MAXIMUM_COUNT}")
    if profile.get("layers") != len(neurons):
        raise SettingsError("model.layers", profile.get("layers"), f"the number of entries in neurons, {len(neurons)}")
    if not isinstance(links, list) or len(links) != len(neurons) - 1 or any(kind not in [*LINKS] for kind in links):
        raise SettingsError("model.links", links, f"{len(neurons) - 1} of: {', '.join(LINKS)}")


def build_model(profile: Mapping[str, Any]) -> nn.Sequential:
    """The blocks ``block1`` … ``blockL``, with parameters from torch's global generator."""
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    neurons, links = profile["neurons"], profile["links"]
    for number, link in enumerate(links, 1):
        block = OrderedDict[str, nn.Module](linear=LINKS[link](neurons[number - 1], neurons[number]))
        if number < len(links):
            block["activation"] = nn.ReLU()
        blocks[f"block{number}"] = nn.Sequential(block)
    return nn.Sequential(blocks)


def initial_state(profile: Mapping[str, Any], seed: int) -> State:
    """The parameters every instance begins with: the same from the same seed, wherever they are worked out."""
    with seeded(derive(seed, "model")):
        return dict(build_model(profile).state_dict())


class SplitModel:
    """The shape of a model, and the parts it falls into at a cut."""

    def __init__(self, profile: Mapping[str, Any]) -> None:
        """Raises `SettingsError` for an unusable profile."""
        check_profile(profile)
        self.profile = profile
        self.neurons: list[int] = profile["neurons"]
        self.blocks = len(self.neurons) - 1
        with torch.device("meta"):  # names and shapes only: no memory, no random numbers
            self._model = build_model(profile)

    def shapes(self, start: int, stop: int) -> dict[str, Shape]:
        """Names and shapes of the parameters of blocks `start` to `stop`, in order."""
        return {name: tuple(value.shape) for name, value in self._model[start:stop].state_dict().items()}

    def select(self, state: State, start: int, stop: int) -> State:
        """The parameters of blocks `start` to `stop` out of those of the whole model."""
        return {name: state[name] for name in self.shapes(start, stop)}

    def part(self, start: int, stop: int, state: State, training: Training) -> ModelPart:
        """Blocks `start` to `stop`, with copies of their parameters out of `state`."""
        with torch.device("meta"):
            blocks = build_model(self.profile)[start:stop]
        copies = {name: state[name].clone() for name in self.shapes(start, stop)}
        blocks.load_state_dict(copies, assign=True)
        return ModelPart(blocks, training, has_input=start == 0)

    @torch.no_grad()
    def predict(self, state: State, inputs: Tensor) -> Tensor:
        """Outputs (rows, outputs) of the whole model with these parameters."""
        outputs: Tensor = torch.func.functional_call(self._model, state, (inputs,))
        return outputs


class ModelPart:
    """Some consecutive blocks in training by plain SGD, which keeps no state between steps.

    Whoever holds the last block calls `learn`; whoever holds the blocks before calls `forward`, hands over the
    activations, and calls `backward` with the gradient that comes back.
    """

    def __init__(self, blocks: nn.Module, training: Training, *, has_input: bool) -> None:
        self._blocks = blocks
        self._training = training
        self._has_input = has_input
        self._activations: Tensor | None = None

    def state(self) -> State:
        return {name: value.detach() for name, value in self._blocks.state_dict().items()}

    def forward(self, inputs: Tensor) -> Tensor:
        """Activations of the last block here, (rows, neurons)."""
        self._activations = self._blocks(inputs)
        return self._activations.detach()

    def backward(self, gradient: Tensor) -> None:
        """One step of SGD, from the gradient with respect to the activations of the last `forward`."""
        if self._activations is None:
            raise FunctionError("backward without forward")
        torch.autograd.backward(self._activations, gradient)
        self._activations = None
        self._step()

    def learn(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Forward, loss, backward and one step of SGD.

        The loss is the mean squared error; `inputs` (rows, neurons), `labels` (rows, outputs). Returns the gradient
        with respect to the inputs, for the blocks before; empty where the inputs are the data itself.
        """
        inputs = inputs.detach().requires_grad_(not self._has_input)
        loss = nn.functional.mse_loss(self._blocks(inputs), labels)
        torch.autograd.backward(loss)
        self._step()
        return torch.empty(0) if inputs.grad is None else inputs.grad

    @torch.no_grad()
    def _step(self) -> None:
        """SGD with weight decay: two lines, because torch.optim refuses a part without parameters."""
        for parameter in self._blocks.parameters():
            if parameter.grad is not None:
                change = parameter.grad.add(parameter, alpha=self._training.weight_decay)
                parameter.add_(change, alpha=-self._training.learning_rate)
                parameter.grad = None
